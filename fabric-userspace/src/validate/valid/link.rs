//! Checked links: the ends and options of each kind, and whether it carries frames by segment, by datacenter tag or both.

use std::net::IpAddr;

use super::super::{DatacenterIx, NodeIx};
use super::ValidNode;
use crate::model::{IfName, Label, LineMtu, LinkKind, Mac, Name, OuterTpid, ServiceVid, UdpPort};

/// A link with both ends resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValidLink {
    /// Unique in the fabric.
    pub name: Name,
    /// Taken out of service by the operator.
    pub down: bool,
    /// Largest packet of the whole line, if the document says so.
    pub mtu: Option<LineMtu>,
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
        /// VLAN in front of everything.
        vlan: Option<ServiceVid>,
        /// In the order of the document.
        ends: [TrunkEnd; 2],
    },
    /// Datacenter tag on a dedicated line; between nodes of one datacenter also frames with S-tag and C-tag alone.
    Pseudowire {
        /// EtherType of the S-tag.
        outer_tpid: OuterTpid,
        /// VLAN in front of everything.
        vlan: Option<ServiceVid>,
        /// One more label, outside.
        transport_label: Option<Label>,
        /// In the order of the document.
        ends: [LineEnd; 2],
    },
    /// Datacenter tag in UDP.
    MplsUdp {
        /// VLAN of the underlay.
        vlan: Option<ServiceVid>,
        /// Destination port.
        udp_port: UdpPort,
        /// One more label, outside.
        transport_label: Option<Label>,
        /// In the order of the document; both addresses are of one family.
        ends: [UnderlayEnd; 2],
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
    /// I-TAG on a dedicated line.
    ITag {
        /// VLAN in front of everything.
        vlan: Option<ServiceVid>,
        /// VLAN of the backbone.
        b_vid: ServiceVid,
        /// In the order of the document.
        ends: [LineEnd; 2],
    },
    /// One VLAN a segment.
    GlobalVlan {
        /// In the order of the document.
        ends: [TrunkEnd; 2],
    },
}

/// One end of a line without addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrunkEnd {
    /// Node of the port.
    pub node: NodeIx,
    /// Trunk port.
    pub port: IfName,
}

/// One end of a line whose frames have an outer Ethernet header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineEnd {
    /// Node of the port.
    pub node: NodeIx,
    /// Port of the line.
    pub port: IfName,
    /// Address of this end on the line, of the document or [`Mac::of_line_end`].
    pub mac: Mac,
}

/// One end of a VXLAN or MPLS-in-UDP link that is ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnderlayEnd {
    /// Node of the port.
    pub node: NodeIx,
    /// Underlay port.
    pub port: IfName,
    /// Address of this end.
    pub address: IpAddr,
}

/// The ends of a VXLAN link; both addresses are of one family.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VxlanEnds {
    /// Between two nodes, in the order of the document.
    Fabric([UnderlayEnd; 2]),
    /// To a VTEP that is not ours.
    Foreign {
        /// Our end.
        local: UnderlayEnd,
        /// The other VTEP's address.
        remote: IpAddr,
    },
}

impl Carries {
    /// The kind, as the document has it.
    pub const fn kind(&self) -> LinkKind {
        match self {
            Self::Trunk { .. } => LinkKind::Trunk,
            Self::Pseudowire { .. } => LinkKind::Pseudowire,
            Self::MplsUdp { .. } => LinkKind::MplsUdp,
            Self::Vxlan { .. } => LinkKind::Vxlan,
            Self::ITag { .. } => LinkKind::ITag,
            Self::GlobalVlan { .. } => LinkKind::GlobalVlan,
        }
    }

    /// The VLAN that the whole link rides in.
    pub const fn vlan(&self) -> Option<ServiceVid> {
        match self {
            Self::Trunk { vlan, .. }
            | Self::Pseudowire { vlan, .. }
            | Self::MplsUdp { vlan, .. }
            | Self::Vxlan { vlan, .. }
            | Self::ITag { vlan, .. } => *vlan,
            Self::GlobalVlan { .. } => None,
        }
    }

    /// Our ends, one or two, in the order of the document.
    pub fn places(&self) -> Vec<(NodeIx, &IfName)> {
        match self {
            Self::Trunk { ends, .. } | Self::GlobalVlan { ends } => {
                ends.iter().map(|end| (end.node, &end.port)).collect()
            }
            Self::Pseudowire { ends, .. } | Self::ITag { ends, .. } => {
                ends.iter().map(|end| (end.node, &end.port)).collect()
            }
            Self::MplsUdp { ends, .. } => ends.iter().map(|end| (end.node, &end.port)).collect(),
            Self::Vxlan { ends, .. } => {
                let ends = ends.directions().into_iter();
                ends.map(|(end, _)| (end.node, &end.port)).collect()
            }
        }
    }

    /// Each end of ours in the underlay, with the address that it sends to; none on a line.
    pub fn directions(&self) -> Vec<(&UnderlayEnd, IpAddr)> {
        match self {
            Self::Vxlan { ends, .. } => ends.directions(),
            Self::MplsUdp { ends: [a, b], .. } => vec![(a, b.address), (b, a.address)],
            Self::Trunk { .. } | Self::Pseudowire { .. } | Self::ITag { .. } | Self::GlobalVlan { .. } => {
                Vec::new()
            }
        }
    }
}

impl ValidLink {
    /// Both nodes, or `None` if one end is foreign.
    pub fn nodes(&self) -> Option<[NodeIx; 2]> {
        match self.carries.places().as_slice() {
            [(a, _), (b, _)] => Some([*a, *b]),
            _ => None,
        }
    }

    /// The node of a link with a foreign end, or `None` if both ends are ours.
    pub fn gateway(&self) -> Option<NodeIx> {
        match self.carries.places().as_slice() {
            [(node, _)] => Some(*node),
            _ => None,
        }
    }

    /// The port of the link at `node`, or `None` if the link does not end there.
    pub fn port_at(&self, node: NodeIx) -> Option<&IfName> {
        let mut places = self.carries.places().into_iter();
        places.find(|(at, _)| *at == node).map(|(_, port)| port)
    }

    /// Our and the other end's address in the underlay, seen from `node`; `None` on a line.
    pub fn addresses_at(&self, node: NodeIx) -> Option<(IpAddr, IpAddr)> {
        let mut directions = self.carries.directions().into_iter();
        let (end, remote) = directions.find(|(end, _)| end.node == node)?;
        Some((end.address, remote))
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

    /// Whether the link carries frames by segment, and so can be part of the spanning tree. `nodes` are those of
    /// the same document.
    pub fn is_tree_link(&self, nodes: &[ValidNode]) -> bool {
        match &self.carries {
            Carries::Pseudowire { ends, .. } => {
                let [a, b] = ends.each_ref().map(|end| datacenter(nodes, end.node));
                a == b
            }
            Carries::MplsUdp { .. } => false,
            Carries::Vxlan { ends, .. } => matches!(ends, VxlanEnds::Fabric(_)),
            Carries::Trunk { .. } | Carries::ITag { .. } | Carries::GlobalVlan { .. } => true,
        }
    }

    /// Whether the link carries frames by datacenter tag.
    pub fn is_label_link(&self) -> bool {
        match self.carries {
            Carries::Pseudowire { .. } | Carries::MplsUdp { .. } => true,
            Carries::Trunk { .. }
            | Carries::Vxlan { .. }
            | Carries::ITag { .. }
            | Carries::GlobalVlan { .. } => false,
        }
    }
}

fn datacenter(nodes: &[ValidNode], node: NodeIx) -> Option<DatacenterIx> {
    nodes.get(node.index()).map(|node| node.datacenter)
}

impl VxlanEnds {
    /// Each end of ours with the address that it sends to.
    pub fn directions(&self) -> Vec<(&UnderlayEnd, IpAddr)> {
        match self {
            Self::Fabric([a, b]) => vec![(a, b.address), (b, a.address)],
            Self::Foreign { local, remote } => vec![(local, *remote)],
        }
    }
}
