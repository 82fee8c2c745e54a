//! The document and its objects, but for links, storage machines and gateways. `fabric schema` prints their comments.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Gateway, ISid, IfName, Label, Link, Mac, MacLimit, Name, Range, ServiceVid, Shared, StationName, Vlan,
    Vni, Vsm,
};

/// Version of the document's form.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum SchemaVersion {
    /// The first one.
    #[default]
    #[serde(rename = "fabric/1")]
    V1,
}

/// The desired state of the whole fabric. Every node's agent is given the same document and compiles its own part.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a document object")]
pub struct Document {
    /// Always "fabric/1".
    pub schema: SchemaVersion,
    /// Where nodes stand and which numbers are whose.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub datacenters: Vec<Datacenter>,
    /// VLANs that name one segment in the whole fabric, for segments that cross `global-vlan` links. No datacenter
    /// has them as S-VIDs or C-VIDs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub global_vids: Option<Range<ServiceVid>>,
    /// Machines that run the fabric.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub nodes: Vec<Node>,
    /// Ways between nodes, and to foreign VTEPs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<Link>,
    /// Who is served.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tenants: Shared<Vec<Shared<Tenant>>>,
    /// Storage machines in tenants' segments.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub storage: Vec<Vsm>,
    /// Routers between segments of one tenant.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gateways: Vec<Gateway>,
}

impl Document {
    /// True if the two differ in nothing but their tenants.
    pub(crate) fn is_same_but_tenants(&self, other: &Self) -> bool {
        let Self {
            schema,
            datacenters,
            global_vids,
            nodes,
            links,
            tenants: _,
            storage,
            gateways,
        } = self;
        *schema == other.schema
            && *datacenters == other.datacenters
            && *global_vids == other.global_vids
            && *nodes == other.nodes
            && *links == other.links
            && *storage == other.storage
            && *gateways == other.gateways
    }
}

/// A datacenter and the numbers that belong to it alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a datacenter object")]
pub struct Datacenter {
    /// Unique in the fabric.
    pub name: Name,
    /// Unique in the fabric.
    pub id: u16,
    /// Outer tags: one a segment, as long as they last.
    pub s_vids: Range<ServiceVid>,
    /// Inner tags: one an end of a segment.
    pub c_vids: Range<ServiceVid>,
    /// VXLAN identifiers, for segments that cross VXLAN links.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vnis: Option<Range<Vni>>,
    /// Pseudowire labels that name this datacenter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<Range<Label>>,
    /// Segment IDs, for segments that cross I-TAG links.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub i_sids: Option<Range<ISid>>,
}

/// A machine that runs the fabric.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a node object")]
pub struct Node {
    /// Unique in the fabric; each agent is told its own.
    pub name: Name,
    /// Where it stands.
    pub datacenter: Name,
    /// Ports with options; a port needs no entry to be used.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<PortOptions>,
}

/// What is special about a port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a port object")]
pub struct PortOptions {
    /// Network interface.
    pub name: IfName,
    /// Drop frames whose source is a group address (802.3 §3.2.3 forbids them).
    #[serde(default = "yes")]
    pub drop_group_source: bool,
    /// Carry the tenant's LLDP to the other ends instead of dropping it.
    #[serde(default)]
    pub tunnel_lldp: bool,
}

impl PortOptions {
    /// What holds for a port that the document does not list.
    pub fn of(name: IfName) -> Self {
        Self {
            name,
            drop_group_source: true,
            tunnel_lldp: false,
        }
    }
}

fn yes() -> bool {
    true
}

/// A customer with networks of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a tenant object")]
pub struct Tenant {
    /// Unique in the fabric.
    pub name: Name,
    /// MAC addresses that each of its segments may learn, unless the segment has a lower limit; 4096 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mac_limit: Option<MacLimit>,
    /// The tenant's layer-2 networks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub segments: Vec<Segment>,
}

/// One layer-2 network of a tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a segment object")]
pub struct Segment {
    /// Unique in the fabric.
    pub name: Name,
    /// Whose ranges its numbers come from; that of the first attachment's node if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub datacenter: Option<Name>,
    /// Outer tag: the tenant's membership. Chosen if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub s_vid: Option<ServiceVid>,
    /// Base C-VID: the inner tag of frames for everybody. Chosen if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub c_vid: Option<ServiceVid>,
    /// Identifier on VXLAN links. Chosen if absent and needed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vni: Option<Vni>,
    /// Segment ID on I-TAG links. Chosen if absent and needed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub i_sid: Option<ISid>,
    /// VLAN on `global-vlan` links. Chosen if absent and needed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub global_vid: Option<ServiceVid>,
    /// Datacenter tags: one for each way from one datacenter of the segment to another. Chosen if absent and needed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<SegmentLabel>,
    /// MAC addresses in this segment; the tenant's limit if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mac_limit: Option<MacLimit>,
    /// Access ports of the segment.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attachments: Vec<Attachment>,
    /// Foreign VTEPs of the segment.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remotes: Vec<Remote>,
}

impl Segment {
    /// A segment with nothing in it and no numbers.
    pub fn named(name: Name) -> Self {
        Self {
            name,
            datacenter: None,
            s_vid: None,
            c_vid: None,
            vni: None,
            i_sid: None,
            global_vid: None,
            labels: Vec::new(),
            mac_limit: None,
            attachments: Vec::new(),
            remotes: Vec::new(),
        }
    }
}

/// The pseudowire label of a segment's frames that go from one datacenter to another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a label object")]
pub struct SegmentLabel {
    /// Datacenter that the label leads to, and whose range it is of.
    pub to: Name,
    /// Datacenter that the frames come from.
    pub from: Name,
    /// Unique in the fabric.
    pub label: Label,
}

/// A port and VLAN that belong to a segment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "an attachment object")]
pub struct Attachment {
    /// Node of the port.
    pub node: Name,
    /// Access port.
    pub port: IfName,
    /// Which frames of the port.
    pub vlan: Vlan,
    /// Inner tag of frames for this end. Chosen if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub c_vid: Option<ServiceVid>,
    /// Machines that are known to be here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stations: Vec<Station>,
}

/// A foreign VTEP as an end of a segment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a remote object")]
pub struct Remote {
    /// A `vxlan` link with a foreign end.
    pub link: Name,
    /// Inner tag, on the fabric's own trunks, of frames for this end. Chosen if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub c_vid: Option<ServiceVid>,
    /// Machines that are known to be there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stations: Vec<Station>,
}

/// A machine with a fixed place: its address is not learned and cannot move.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a station object")]
pub struct Station {
    /// For people only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<StationName>,
    /// Individual address, unique in the segment.
    pub mac: Mac,
    /// Inner tag of frames for this machine alone; that of its end if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub c_vid: Option<ServiceVid>,
}
