//! Tenants, their segments and their ends.

use serde::{Deserialize, Serialize};

use super::Count;

/// A tenant and its traffic on this node.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Tenant {
    /// Its name.
    pub name: String,
    /// Its segments.
    pub segments: Vec<Segment>,
    /// Learned and static addresses on this node.
    pub macs: u64,
    /// Most addresses that may be learned.
    pub mac_limit: u64,
    /// From the tenant's ports on this node.
    pub received: Count,
    /// To the tenant's ports on this node.
    pub transmitted: Count,
}

/// One LAN of a tenant.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Segment {
    /// Its name.
    pub name: String,
    /// Its tenant.
    pub tenant: String,
    /// Whose ranges its numbers come from.
    pub datacenter: Option<String>,
    /// Outer tag.
    pub s_vid: Option<u16>,
    /// Inner tag of frames for everybody.
    pub base_c_vid: Option<u16>,
    /// Identifier on VXLAN links.
    pub vni: Option<u32>,
    /// Segment ID on I-TAG links.
    #[serde(default)]
    pub i_sid: Option<u32>,
    /// VLAN on `global-vlan` links.
    #[serde(default)]
    pub global_vid: Option<u16>,
    /// Datacenter tags, one for each way from one datacenter to another.
    #[serde(default)]
    pub labels: Vec<SegmentLabel>,
    /// Number in the maps of this node; `null` if the segment is not here.
    pub id: Option<u32>,
    /// Ports that a flooded frame leaves by, the ingress included.
    pub flood_ports: u64,
    /// Learned addresses on this node.
    pub learned_macs: u64,
    /// Most addresses that may be learned.
    pub mac_limit: u64,
    /// Stations that moved.
    pub moves: u64,
    /// Frames whose move was damped.
    pub damped_moves: u64,
    /// Frames whose address was not learned, limit reached; an address counts with each of its frames.
    pub refused_macs: u64,
    /// Its ends, on all nodes.
    pub attachments: Vec<Attachment>,
    /// Links to foreign VTEPs.
    pub remotes: Vec<String>,
}

/// The datacenter tag of a segment's frames on one way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentLabel {
    /// Datacenter that it leads to.
    pub to: String,
    /// Datacenter that the frames come from.
    pub from: String,
    /// Pseudowire label.
    pub label: u32,
}

/// One end of a segment.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Attachment {
    /// Node.
    pub node: String,
    /// Access port.
    pub port: String,
    /// `untagged`, `any`, or a number as text.
    pub vlan: String,
    /// Inner tag of frames for this end.
    pub c_vid: Option<u16>,
    /// `up`, `down`, `unsafe`, or `elsewhere` for another node's.
    pub state: String,
    /// From the tenant; zero for another node's.
    pub received: Count,
    /// To the tenant; zero for another node's.
    pub transmitted: Count,
}
