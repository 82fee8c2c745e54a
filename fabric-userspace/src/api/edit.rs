//! Changes of the document by a command.

use serde::{Deserialize, Serialize};

use crate::model::{
    Datacenter as DatacenterSpec, Gateway as GatewaySpec, IfName, Link as LinkSpec, Mac, Name,
    Node as NodeSpec, StationName, Vlan, Vsm as VsmSpec,
};

/// A change of the document by a command.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Edit {
    /// `fabric tenant attach`.
    Attach {
        /// Tenant; made if it is not there.
        tenant: Name,
        /// The agent's own node if absent.
        #[serde(default)]
        node: Option<Name>,
        /// Access port.
        port: IfName,
        /// Which frames of the port.
        vlan: Vlan,
        /// Segment; named after tenant and VLAN if absent.
        #[serde(default)]
        segment: Option<Name>,
        /// S-VID of a new segment; allocated if absent.
        #[serde(default)]
        s_vid: Option<u16>,
        /// Base C-VID of a new segment; allocated if absent.
        #[serde(default)]
        c_vid: Option<u16>,
        /// VNI of a new segment; allocated if absent and needed.
        #[serde(default)]
        vni: Option<u32>,
        /// Limit of learned addresses of a new segment.
        #[serde(default)]
        mac_limit: Option<u32>,
        /// Stations with a fixed place here.
        #[serde(default)]
        stations: Vec<Mac>,
    },
    /// `fabric tenant detach`.
    Detach {
        /// Tenant.
        tenant: Name,
        /// The agent's own node if absent.
        #[serde(default)]
        node: Option<Name>,
        /// Access port.
        port: IfName,
        /// Which frames of the port.
        vlan: Vlan,
    },
    /// `fabric tenant remove`.
    RemoveTenant {
        /// Tenant.
        tenant: Name,
    },
    /// `fabric segment add`.
    AddSegment {
        /// Tenant; made if it is not there.
        tenant: Name,
        /// Name of the new segment.
        segment: Name,
        /// Whose ranges its numbers come from; needed where there are several.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        datacenter: Option<Name>,
        /// S-VID; allocated if absent.
        #[serde(default)]
        s_vid: Option<u16>,
        /// Base C-VID; allocated if absent.
        #[serde(default)]
        c_vid: Option<u16>,
        /// VNI; allocated if absent and needed.
        #[serde(default)]
        vni: Option<u32>,
        /// Limit of learned addresses.
        #[serde(default)]
        mac_limit: Option<u32>,
    },
    /// `fabric segment remove`.
    RemoveSegment {
        /// The segment.
        segment: Name,
    },
    /// `fabric port set`.
    SetPort {
        /// The agent's own node if absent.
        #[serde(default)]
        node: Option<Name>,
        /// Port.
        port: IfName,
        /// Drop frames from group addresses.
        #[serde(default)]
        drop_group_source: Option<bool>,
        /// Carry LLDP of the tenant.
        #[serde(default)]
        tunnel_lldp: Option<bool>,
    },
    /// `fabric fdb add`: a station with a fixed place.
    AddStation {
        /// Segment.
        segment: Name,
        /// Address.
        mac: Mac,
        /// The agent's own node if absent.
        #[serde(default)]
        node: Option<Name>,
        /// Access port where it is; or
        #[serde(default)]
        port: Option<IfName>,
        /// the link to the foreign VTEP where it is.
        #[serde(default)]
        link: Option<Name>,
        /// For people.
        #[serde(default)]
        name: Option<StationName>,
        /// C-VID of its own.
        #[serde(default)]
        c_vid: Option<u16>,
    },
    /// `fabric fdb remove`.
    RemoveStation {
        /// Segment.
        segment: Name,
        /// Address.
        mac: Mac,
    },
    /// `fabric datacenter add`.
    AddDatacenter {
        /// As a document has it.
        datacenter: Box<DatacenterSpec>,
    },
    /// `fabric datacenter remove`.
    RemoveDatacenter {
        /// The datacenter.
        datacenter: Name,
    },
    /// `fabric node add`.
    AddNode {
        /// As a document has it.
        node: Box<NodeSpec>,
    },
    /// `fabric node remove`.
    RemoveNode {
        /// The node.
        node: Name,
    },
    /// `fabric link add`.
    AddLink {
        /// As a document has it.
        link: Box<LinkSpec>,
    },
    /// `fabric link remove`.
    RemoveLink {
        /// The link.
        link: Name,
    },
    /// `fabric storage add`.
    AddStorage {
        /// As a document has it.
        storage: Box<VsmSpec>,
    },
    /// `fabric storage remove`.
    RemoveStorage {
        /// The storage machine.
        storage: Name,
        /// Also if clients use it.
        #[serde(default)]
        force: bool,
    },
    /// `fabric gateway add`.
    AddGateway {
        /// As a document has it.
        gateway: Box<GatewaySpec>,
    },
    /// `fabric gateway remove`.
    RemoveGateway {
        /// The gateway.
        gateway: Name,
    },
    /// `fabric link down` and `fabric link up`.
    SetLink {
        /// The link.
        link: Name,
        /// True to take it out of service.
        down: bool,
    },
}
