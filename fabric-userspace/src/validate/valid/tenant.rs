//! Checked tenants: what a segment has at its ends, and the numbers that stand for it on each kind of link.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::super::{DatacenterIx, LinkIx, NodeIx};
use crate::model::{ISid, IfName, Label, Mac, Name, ServiceVid, StationName, Vlan, Vni};

/// A tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValidTenant {
    /// Unique in the fabric.
    pub name: Name,
    /// MAC addresses that each of its segments may learn at most.
    pub mac_limit: u32,
    /// Its segments, in the order of the document.
    pub segments: Vec<Arc<ValidSegment>>,
}

/// A segment with all its numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValidSegment {
    /// Unique in the fabric.
    pub name: Name,
    /// Whose it is.
    pub tenant: Name,
    /// Whose ranges its numbers come from.
    pub datacenter: DatacenterIx,
    /// Outer tag.
    pub s_vid: ServiceVid,
    /// Inner tag of frames for everybody.
    pub base_c_vid: ServiceVid,
    /// Identifier on VXLAN links; present if the segment crosses one.
    pub vni: Option<Vni>,
    /// Segment ID on I-TAG links; present if the segment crosses one.
    pub i_sid: Option<ISid>,
    /// VLAN on `global-vlan` links; present if the segment crosses one.
    pub global_vid: Option<ServiceVid>,
    /// Datacenter tags, at most one for each ordered pair; all are there that the segment needs.
    pub labels: Vec<ValidLabel>,
    /// MAC addresses in this segment.
    pub mac_limit: u32,
    /// Own VLAN of all attachments; `None` if there are none.
    pub vlan: Option<Vlan>,
    /// Access ports.
    pub attachments: Vec<ValidAttachment>,
    /// Foreign VTEPs, all at one node.
    pub remotes: Vec<ValidRemote>,
    /// Nodes with an attachment or a remote, of it or of another segment of its gateway.
    pub members: BTreeSet<NodeIx>,
    /// Storage machines that are seen in it, as positions in [`super::Valid::storage`].
    pub storage: Vec<usize>,
    /// Its gateway, as positions in [`super::Valid::gateways`] and in the gateway's segments.
    pub gateway: Option<(usize, usize)>,
}

impl ValidSegment {
    /// A 24-bit number that is the segment's alone and stays the same as long as it lives: S-VID and base C-VID,
    /// a pair that is unique in the fabric.
    pub fn stable_id(&self) -> u32 {
        u32::from(self.s_vid.get()) << 12 | u32::from(self.base_c_vid.get())
    }

    /// The label of the segment's frames that go to datacenter `to` and come from `from`.
    pub fn label(&self, to: DatacenterIx, from: DatacenterIx) -> Option<Label> {
        let found = self.labels.iter().find(|pair| (pair.to, pair.from) == (to, from));
        found.map(|pair| pair.label)
    }
}

/// The pseudowire label of a segment's frames from one datacenter to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ValidLabel {
    /// Where the label leads, and whose range it is of.
    pub to: DatacenterIx,
    /// Where the frames come from.
    pub from: DatacenterIx,
    /// Unique in the fabric.
    pub label: Label,
}

/// A port and VLAN of a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValidAttachment {
    /// Node of the port.
    pub node: NodeIx,
    /// Access port.
    pub port: IfName,
    /// Which frames of the port.
    pub vlan: Vlan,
    /// Inner tag of frames for this end.
    pub c_vid: ServiceVid,
    /// Machines that are known to be here.
    pub stations: Vec<ValidStation>,
}

/// A foreign VTEP of a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValidRemote {
    /// A VXLAN link with a foreign end.
    pub link: LinkIx,
    /// Node of our end.
    pub node: NodeIx,
    /// Inner tag, on trunks, of frames for this end.
    pub c_vid: ServiceVid,
    /// Machines that are known to be there.
    pub stations: Vec<ValidStation>,
}

/// A machine with a fixed place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValidStation {
    /// For people only.
    pub name: Option<StationName>,
    /// Individual address, unique in the segment.
    pub mac: Mac,
    /// Its own inner tag, or that of its end.
    pub c_vid: ServiceVid,
}
