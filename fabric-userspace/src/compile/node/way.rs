//! Links as this node sees them.

use std::net::IpAddr;

use fabric_common::address::Address;
use fabric_common::maps::{Binding, Path, Tunnel, VtepAddress};

use crate::budget;
use crate::compile::codec::Wire;
use crate::compile::stack::Stack;
use crate::compile::{HostFacts, PortFacts};
use crate::error::{Refusal, codes};
use crate::model::{IfName, Name};
use crate::validate::{Carries, LineEnd, NodeIx, ValidLink};

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

/// Numbers that the node gives to a link.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::compile) struct Numbers {
    /// Of its [`Underlay::marker`].
    pub(in crate::compile) marker: u32,
    /// Of its [`Labels::line`].
    pub(in crate::compile) line: u32,
}

impl Ethernet {
    pub(in crate::compile) fn of([a, b]: &[LineEnd; 2], here: NodeIx, vlan: u16) -> Self {
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

impl Underlay {
    pub(in crate::compile) fn of(
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
        self.remote.into()
    }

    pub(super) fn address(&self, slot: u16) -> VtepAddress {
        VtepAddress {
            local: self.local.into(),
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
            local: self.local.into(),
            remote: self.remote.into(),
            vlan: self.vlan,
            slot,
            ..Tunnel::default()
        }
    }
}
