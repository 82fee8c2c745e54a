use std::net::{IpAddr, Ipv4Addr};

use fabric_common::maps::{Binding, Tunnel, VtepAddress};

use crate::compile::{HostFacts, PortFacts};
use crate::error::{Refusal, codes};
use crate::model::{IfName, Name};
use crate::validate::{Carries, NodeIx, ValidLink, VxlanEnds};

/// A link as this node sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::compile) struct Way {
    pub(in crate::compile) name: Name,
    pub(in crate::compile) port: IfName,
    pub(in crate::compile) slot: u16,
    pub(in crate::compile) facts: PortFacts,
    pub(in crate::compile) wire: Wire,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::compile) enum Wire {
    Trunk { tpid: u16 },
    Vxlan(Vxlan),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::compile) struct Vxlan {
    pub(in crate::compile) local: Ipv4Addr,
    pub(in crate::compile) remote: Ipv4Addr,
    /// 0 for untagged.
    pub(in crate::compile) vlan: u16,
    pub(in crate::compile) udp_port: u16,
    pub(in crate::compile) strict: bool,
    pub(in crate::compile) neighbour: Option<[u8; 6]>,
    /// The other end is no node of the fabric.
    pub(in crate::compile) foreign: bool,
    /// The tunnel that says that this VTEP is configured.
    pub(super) marker: u32,
}

impl Wire {
    /// The link as `here` sends on it.
    ///
    /// # Errors
    /// The addresses are of IPv6.
    pub(super) fn of(link: &ValidLink, here: NodeIx, host: &HostFacts, marker: u32) -> Result<Self, Refusal> {
        let (vlan, udp_port, strict, ends) = match &link.carries {
            Carries::Trunk {
                outer_tpid,
                vlan: None,
                ..
            } => {
                let tpid = outer_tpid.ethertype();
                return Ok(Self::Trunk { tpid });
            }
            Carries::Trunk { .. }
            | Carries::Pseudowire { .. }
            | Carries::MplsUdp { .. }
            | Carries::ITag { .. }
            | Carries::GlobalVlan { .. } => return Err(not_built(link)),
            Carries::Vxlan {
                vlan,
                udp_port,
                strict,
                ends,
            } => (vlan, udp_port, strict, ends),
        };
        let (local, remote) = addresses(ends, here);
        Ok(Self::Vxlan(Vxlan {
            local: ipv4(local, &link.name)?,
            remote: ipv4(remote, &link.name)?,
            vlan: vlan.map_or(0, |vlan| vlan.get()),
            udp_port: udp_port.get(),
            strict: *strict,
            neighbour: host.neighbours.get(&link.name).copied().flatten(),
            foreign: matches!(ends, VxlanEnds::Foreign { .. }),
            marker,
        }))
    }
}

impl Vxlan {
    pub(in crate::compile) fn address(&self, slot: u16) -> VtepAddress {
        VtepAddress {
            local: self.local.octets(),
            vlan: self.vlan,
            slot,
        }
    }

    pub(in crate::compile) fn tunnel(&self, slot: u16, binding: Binding) -> Tunnel {
        Tunnel {
            binding,
            local: self.local.octets(),
            vlan: self.vlan,
            slot,
            strict: u32::from(self.strict),
            reserved: 0,
        }
    }
}

fn not_built(link: &ValidLink) -> Refusal {
    let vlan = link.carries.vlan().map_or("", |_| " in a VLAN");
    let sentence = format!(
        "link {} is a {} link{vlan}, which is not built yet",
        link.name,
        link.carries.kind()
    );
    Refusal::new(codes::NOT_BUILT, sentence).with_cure("use a trunk or a vxlan link")
}

fn addresses(ends: &VxlanEnds, here: NodeIx) -> (IpAddr, IpAddr) {
    match ends {
        VxlanEnds::Fabric([a, b]) if a.node == here => (a.address, b.address),
        VxlanEnds::Fabric([a, b]) => (b.address, a.address),
        VxlanEnds::Foreign { local, remote } => (local.address, *remote),
    }
}

fn ipv4(address: IpAddr, link: &Name) -> Result<Ipv4Addr, Refusal> {
    match address {
        IpAddr::V4(address) => Ok(address),
        IpAddr::V6(address) => {
            let sentence =
                format!("link {link} has the address {address}, and VXLAN over IPv6 is not built yet");
            Err(Refusal::new(codes::BAD_ADDRESS, sentence)
                .with_cure("use IPv4 addresses at both ends of the link"))
        }
    }
}
