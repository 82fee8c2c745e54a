//! Links as this node sees them.

use std::net::IpAddr;

use fabric_common::address::Address;
use fabric_common::maps::{Binding, Line, Path, Tunnel, VtepAddress};

use crate::budget;
use crate::compile::stack::Stack;
use crate::compile::{HostFacts, PortFacts};
use crate::error::{Refusal, codes};
use crate::model::{IfName, Label, Name, ServiceVid};
use crate::validate::{Carries, LineEnd, NodeIx, ValidLink, VxlanEnds};

/// A link as this node sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::compile) struct Way {
    pub(in crate::compile) name: Name,
    pub(in crate::compile) port: IfName,
    pub(in crate::compile) slot: u16,
    pub(in crate::compile) facts: PortFacts,
    /// Largest packet of the whole line in bytes, if the document says so.
    pub(in crate::compile) line_mtu: Option<u32>,
    pub(in crate::compile) wire: Wire,
    pub(in crate::compile) stack: Added,
    /// False while the next router has not answered.
    pub(in crate::compile) resolved: bool,
}

/// What a link adds to the tenant's frame, see [`budget`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::compile) struct Added {
    /// From inside to outside.
    pub(in crate::compile) words: String,
    /// Bytes.
    pub(in crate::compile) added: u32,
    /// What a frame may have beyond the port's MTU.
    pub(in crate::compile) slack: u32,
}

impl Added {
    pub(super) fn by(carries: &Carries) -> Self {
        let layers = budget::layers(carries);
        let words: Vec<String> = layers.iter().map(|layer| layer.words(" + ")).collect();
        Self {
            words: words.join(" + "),
            added: budget::added(carries),
            slack: budget::slack(carries),
        }
    }
}

/// What is on the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::compile) enum Wire {
    /// S-tag and C-tag.
    Trunk(Tags),
    /// Labels on a line; between nodes of one datacenter also frames with tags alone.
    Pseudowire(Tags, Labels),
    /// Labels in UDP.
    MplsUdp(Labels),
    /// VNIs.
    Vxlan(Vxlan),
    /// I-SIDs.
    ITag(Backbone),
    /// Global VLANs.
    GlobalVlan,
}

/// How frames with S-tag and C-tag begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::compile) struct Tags {
    /// EtherType of the S-tag.
    pub(in crate::compile) tpid: u16,
    /// The link's VLAN in front of it; 0 for none.
    pub(in crate::compile) vlan: u16,
}

/// How frames with an I-TAG begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::compile) struct Backbone {
    /// Ethernet from end to end.
    pub(in crate::compile) ethernet: Ethernet,
    /// The backbone's VLAN.
    pub(in crate::compile) b_vid: u16,
}

/// An Ethernet header from end to end of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::compile) struct Ethernet {
    /// Address of the other end.
    pub(in crate::compile) to: [u8; 6],
    /// Address of this end.
    pub(in crate::compile) from: [u8; 6],
    /// The link's VLAN; 0 for none.
    pub(in crate::compile) vlan: u16,
}

/// How frames with a datacenter's label begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::compile) struct Labels {
    /// The line's number in `LINES`.
    pub(in crate::compile) line: u32,
    /// The link's own label; 0 for none.
    pub(in crate::compile) transport: u32,
    /// What is outside of the labels.
    pub(in crate::compile) outside: Outside,
}

/// What is outside of a label stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::compile) enum Outside {
    /// Ethernet from end to end of a line.
    Line(Ethernet),
    /// Ethernet to the next router, IP and UDP.
    Udp(Underlay),
}

/// Two ends of a link over IP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::compile) struct Underlay {
    pub(in crate::compile) local: IpAddr,
    pub(in crate::compile) remote: IpAddr,
    /// 0 for untagged.
    pub(in crate::compile) vlan: u16,
    pub(in crate::compile) udp_port: u16,
    pub(in crate::compile) neighbour: Option<[u8; 6]>,
    /// The tunnel that says that the other end is configured.
    pub(in crate::compile) marker: u32,
}

/// A VXLAN link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::compile) struct Vxlan {
    pub(in crate::compile) underlay: Underlay,
    pub(in crate::compile) strict: bool,
    /// The other end is no node of the fabric.
    pub(in crate::compile) foreign: bool,
}

/// Numbers that the node gives to a link.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Numbers {
    /// Of its [`Underlay::marker`].
    pub(super) marker: u32,
    /// Of its [`Labels::line`].
    pub(super) line: u32,
}

impl Wire {
    /// The link as `here` sends on it.
    ///
    /// # Errors
    /// A link over IP has no address here.
    pub(super) fn of(
        link: &ValidLink,
        here: NodeIx,
        host: &HostFacts,
        numbers: Numbers,
    ) -> Result<Self, Refusal> {
        let vlan = vlan(link.carries.vlan());
        let underlay = |udp_port: u16| Underlay::of(link, here, host, (vlan, udp_port, numbers.marker));
        let labels = |transport: &Option<Label>, outside| Labels {
            line: numbers.line,
            transport: transport.map_or(0, |label| label.get()),
            outside,
        };
        Ok(match &link.carries {
            Carries::Trunk { outer_tpid, .. } => Self::Trunk(Tags {
                tpid: outer_tpid.ethertype(),
                vlan,
            }),
            Carries::Pseudowire {
                outer_tpid,
                transport_label,
                ends,
                ..
            } => {
                let outside = Outside::Line(Ethernet::of(ends, here, vlan));
                let tpid = outer_tpid.ethertype();
                Self::Pseudowire(Tags { tpid, vlan }, labels(transport_label, outside))
            }
            Carries::MplsUdp {
                udp_port,
                transport_label,
                ..
            } => Self::MplsUdp(labels(transport_label, Outside::Udp(underlay(udp_port.get())?))),
            Carries::Vxlan {
                udp_port,
                strict,
                ends,
                ..
            } => Self::Vxlan(Vxlan {
                underlay: underlay(udp_port.get())?,
                strict: *strict,
                foreign: matches!(ends, VxlanEnds::Foreign { .. }),
            }),
            Carries::ITag { b_vid, ends, .. } => Self::ITag(Backbone {
                ethernet: Ethernet::of(ends, here, vlan),
                b_vid: b_vid.get(),
            }),
            Carries::GlobalVlan { .. } => Self::GlobalVlan,
        })
    }

    /// How frames with tags alone begin, where the link carries them.
    pub(in crate::compile) fn tags(&self) -> Option<Tags> {
        match self {
            Self::Trunk(tags) | Self::Pseudowire(tags, _) => Some(*tags),
            Self::MplsUdp(_) | Self::Vxlan(_) | Self::ITag(_) | Self::GlobalVlan => None,
        }
    }

    /// How frames with labels begin, where the link carries them.
    pub(in crate::compile) fn labels(&self) -> Option<&Labels> {
        match self {
            Self::Pseudowire(_, labels) | Self::MplsUdp(labels) => Some(labels),
            Self::Trunk(_) | Self::Vxlan(_) | Self::ITag(_) | Self::GlobalVlan => None,
        }
    }

    /// The ends of a link over IP.
    pub(in crate::compile) fn underlay(&self) -> Option<&Underlay> {
        match self {
            Self::MplsUdp(Labels {
                outside: Outside::Udp(underlay),
                ..
            }) => Some(underlay),
            Self::Vxlan(vxlan) => Some(&vxlan.underlay),
            Self::MplsUdp(_) | Self::Trunk(_) | Self::Pseudowire(..) | Self::ITag(_) | Self::GlobalVlan => {
                None
            }
        }
    }

    /// The outer Ethernet header that frames of a line have; others begin with the tenant's addresses, or those of a router.
    pub(super) fn ethernet(&self) -> Option<&Ethernet> {
        match self {
            Self::Pseudowire(
                _,
                Labels {
                    outside: Outside::Line(ethernet),
                    ..
                },
            ) => Some(ethernet),
            Self::ITag(backbone) => Some(&backbone.ethernet),
            Self::Pseudowire(..) | Self::Trunk(_) | Self::MplsUdp(_) | Self::Vxlan(_) | Self::GlobalVlan => {
                None
            }
        }
    }

    /// Whether the next router's address is known, where there is one.
    pub(super) fn is_resolved(&self) -> bool {
        self.underlay()
            .is_none_or(|underlay| underlay.neighbour.is_some())
    }
}

impl Ethernet {
    fn of([a, b]: &[LineEnd; 2], here: NodeIx, vlan: u16) -> Self {
        let (own, far) = if a.node == here { (a, b) } else { (b, a) };
        Self {
            to: far.mac.octets(),
            from: own.mac.octets(),
            vlan,
        }
    }

    pub(in crate::compile) fn stack(&self) -> Stack {
        Stack::ethernet(self.to, self.from, self.vlan)
    }
}

impl Labels {
    /// Everything outside of a datacenter's label.
    pub(in crate::compile) fn stack(&self, facts: &PortFacts) -> Stack {
        match &self.outside {
            Outside::Line(ethernet) => ethernet.stack().mpls(),
            Outside::Udp(underlay) => underlay.stack(facts).without_ecn(),
        }
        .transport(self.transport)
    }

    /// [`Path::UNRESOLVED`] as long as the next router has not answered.
    pub(in crate::compile) fn unresolved(&self) -> u8 {
        match &self.outside {
            Outside::Line(_) => 0,
            Outside::Udp(underlay) => underlay.unresolved(),
        }
    }

    pub(super) fn record(&self, slot: u16) -> Line {
        Line {
            slot,
            reserved: 0,
            transport: self.transport,
        }
    }
}

impl Underlay {
    fn of(
        link: &ValidLink,
        here: NodeIx,
        host: &HostFacts,
        (vlan, udp_port, marker): (u16, u16, u32),
    ) -> Result<Self, Refusal> {
        let (local, remote) = link
            .addresses_at(here)
            .ok_or_else(|| Refusal::new(codes::BUG, format!("link {} has no address here", link.name)))?;
        Ok(Self {
            local,
            remote,
            vlan,
            udp_port,
            neighbour: host.neighbours.get(&link.name).copied().flatten(),
            marker,
        })
    }

    /// Ethernet, IP and UDP.
    pub(in crate::compile) fn stack(&self, facts: &PortFacts) -> Stack {
        Stack::ethernet(self.neighbour.unwrap_or_default(), facts.mac, self.vlan).udp(
            self.local,
            self.remote,
            self.udp_port,
        )
    }

    /// [`Path::UNRESOLVED`] as long as the next router has not answered.
    pub(in crate::compile) fn unresolved(&self) -> u8 {
        if self.neighbour.is_some() {
            0
        } else {
            Path::UNRESOLVED
        }
    }

    pub(in crate::compile) fn remote_word(&self) -> Address {
        word(self.remote)
    }

    pub(super) fn address(&self, slot: u16) -> VtepAddress {
        VtepAddress {
            local: word(self.local),
            vlan: self.vlan,
            slot,
            udp_port: self.udp_port,
            reserved: 0,
        }
    }

    /// The other end, with what its frames are to us.
    pub(in crate::compile) fn tunnel(&self, slot: u16, binding: Binding) -> Tunnel {
        Tunnel {
            binding,
            local: word(self.local),
            remote: word(self.remote),
            vlan: self.vlan,
            slot,
            ..Tunnel::default()
        }
    }
}

impl Vxlan {
    pub(in crate::compile) fn tunnel(&self, slot: u16, binding: Binding) -> Tunnel {
        Tunnel {
            strict: u32::from(self.strict),
            ..self.underlay.tunnel(slot, binding)
        }
    }
}

fn word(address: IpAddr) -> Address {
    match address {
        IpAddr::V4(address) => Address::v4(address.octets()),
        IpAddr::V6(address) => Address::v6(address.octets()),
    }
}

fn vlan(vlan: Option<ServiceVid>) -> u16 {
    vlan.map_or(0, ServiceVid::get)
}
