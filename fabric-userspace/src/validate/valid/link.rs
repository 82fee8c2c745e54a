use std::net::IpAddr;

use super::super::NodeIx;
use crate::model::{IfName, Name, OuterTpid, ServiceVid, UdpPort};

/// A link with both ends resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValidLink {
    /// Unique in the fabric.
    pub name: Name,
    /// What is on the wire, and where it ends.
    pub carries: Carries,
}

/// Kind of a link with what belongs to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Carries {
    /// S-tag and C-tag on a dedicated line.
    Trunk {
        /// EtherType of the S-tag.
        outer_tpid: OuterTpid,
        /// In the order of the document.
        ends: [TrunkEnd; 2],
    },
    /// VXLAN.
    Vxlan {
        /// VLAN of the underlay.
        vlan: Option<ServiceVid>,
        /// Destination port.
        udp_port: UdpPort,
        /// Refuse frames whose reserved header bits are set.
        strict: bool,
        /// Both ends.
        ends: VxlanEnds,
    },
}

/// One end of a trunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrunkEnd {
    /// Node of the port.
    pub node: NodeIx,
    /// Trunk port.
    pub port: IfName,
}

/// One end of a VXLAN link that is ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VxlanEnd {
    /// Node of the port.
    pub node: NodeIx,
    /// Underlay port.
    pub port: IfName,
    /// Address of our VTEP.
    pub address: IpAddr,
}

/// The ends of a VXLAN link; both addresses are of one family.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VxlanEnds {
    /// Between two nodes, in the order of the document.
    Fabric([VxlanEnd; 2]),
    /// To a VTEP that is not ours.
    Foreign {
        /// Our end.
        local: VxlanEnd,
        /// The other VTEP's address.
        remote: IpAddr,
    },
}

impl ValidLink {
    /// Both nodes, or `None` if one end is foreign.
    pub fn nodes(&self) -> Option<[NodeIx; 2]> {
        match &self.carries {
            Carries::Trunk { ends: [a, b], .. } => Some([a.node, b.node]),
            Carries::Vxlan {
                ends: VxlanEnds::Fabric([a, b]),
                ..
            } => Some([a.node, b.node]),
            Carries::Vxlan {
                ends: VxlanEnds::Foreign { .. },
                ..
            } => None,
        }
    }

    /// The node of a link with a foreign end, or `None` if both ends are ours.
    pub fn gateway(&self) -> Option<NodeIx> {
        match &self.carries {
            Carries::Vxlan {
                ends: VxlanEnds::Foreign { local, .. },
                ..
            } => Some(local.node),
            Carries::Vxlan {
                ends: VxlanEnds::Fabric(_),
                ..
            }
            | Carries::Trunk { .. } => None,
        }
    }

    /// The port of the link at `node`, or `None` if the link does not end there.
    pub fn port_at(&self, node: NodeIx) -> Option<&IfName> {
        let of_vxlan = |end: &'_ VxlanEnd| end.node == node;
        match &self.carries {
            Carries::Trunk { ends, .. } => ends.iter().find(|end| end.node == node).map(|end| &end.port),
            Carries::Vxlan {
                ends: VxlanEnds::Fabric(ends),
                ..
            } => ends.iter().find(|end| of_vxlan(end)).map(|end| &end.port),
            Carries::Vxlan {
                ends: VxlanEnds::Foreign { local, .. },
                ..
            } => of_vxlan(local).then_some(&local.port),
        }
    }

    /// The other node of a link between nodes, seen from `node`.
    pub fn far_node(&self, node: NodeIx) -> Option<NodeIx> {
        let [a, b] = self.nodes()?;
        if a == node {
            Some(b)
        } else {
            (b == node).then_some(a)
        }
    }

    /// Whether frames on the link carry a VNI.
    pub fn is_vxlan(&self) -> bool {
        matches!(self.carries, Carries::Vxlan { .. })
    }
}

impl VxlanEnds {
    /// Each end of ours with the address that it sends to.
    pub fn directions(&self) -> Vec<(&VxlanEnd, IpAddr)> {
        match self {
            Self::Fabric([a, b]) => vec![(a, b.address), (b, a.address)],
            Self::Foreign { local, remote } => vec![(local, *remote)],
        }
    }
}
