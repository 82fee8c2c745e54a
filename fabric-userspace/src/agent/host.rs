//! Facts about this host that the compiler needs: interfaces, and where the underlay's next hops are.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use fabric_common::maps::capacity;

use super::ports::no_such_port;
use crate::compile::{HostFacts, PortFacts};
use crate::error::{Refusal, codes};
use crate::model::{IfName, Name};
use crate::netlink::{Netlink, NetlinkError, NextHops};
use crate::safety::Role;

/// A VXLAN link as far as the host's routes matter.
pub(super) struct Tunnel {
    /// Link.
    pub link: Name,
    /// Underlay port.
    pub port: IfName,
    /// The other VTEP.
    pub remote: IpAddr,
}

/// What to do about an interface that is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Missing {
    /// Refuse: somebody just named it.
    Refuse,
    /// Go on without it: it was there once and may come back.
    Tolerate,
}

/// Interfaces as they are.
#[derive(Debug, Default)]
pub(super) struct Interfaces {
    /// What the compiler must know of them.
    pub facts: BTreeMap<IfName, PortFacts>,
    /// Those that cannot send: down, without a carrier, or gone.
    pub silent: BTreeSet<IfName>,
}

/// Reads the interfaces. One that is gone has index 0 if that is tolerated.
///
/// # Errors
/// For an interface that is not there, or whose index is too large for the tables.
pub(super) async fn ports(
    netlink: &Netlink,
    node: &str,
    wanted: &BTreeMap<IfName, Role>,
    missing: Missing,
) -> Result<Interfaces, Refusal> {
    let mut interfaces = Interfaces::default();
    let facts = &mut interfaces.facts;
    for name in wanted.keys() {
        let link = match netlink.link(name.as_str()).await {
            Ok(link) => link,
            Err(NetlinkError::NoSuchLink(_)) if missing == Missing::Tolerate => {
                facts.insert(
                    name.clone(),
                    PortFacts {
                        ifindex: 0,
                        mac: [0; 6],
                        mtu: 1500,
                    },
                );
                interfaces.silent.insert(name.clone());
                continue;
            }
            Err(NetlinkError::NoSuchLink(_)) => return Err(no_such_port(name, node).unchanged()),
            Err(error) => return Err(Refusal::new(codes::FAILED, format!("{name}: {error}"))),
        };
        if link.ifindex >= capacity::IFINDEX {
            return Err(too_high(name, link.ifindex));
        }
        if !link.running {
            interfaces.silent.insert(name.clone());
        }
        let mac = link.mac.unwrap_or_default();
        facts.insert(
            name.clone(),
            PortFacts {
                ifindex: link.ifindex,
                mac,
                mtu: link.mtu,
            },
        );
    }
    Ok(interfaces)
}

fn too_high(name: &IfName, ifindex: u32) -> Refusal {
    let sentence = format!(
        "{name} has interface index {ifindex}, ports must be below {}",
        capacity::IFINDEX
    );
    Refusal::new(codes::TOO_MANY, sentence)
        .with_cure("create the interface again after a reboot, or with: ip link add ... index N")
        .unchanged()
}

/// Looks the next hop of each tunnel up and has it kept resolved. `None` as long as it has not answered.
pub(super) async fn neighbours(
    hops: &mut NextHops,
    ports: &BTreeMap<IfName, PortFacts>,
    tunnels: &[Tunnel],
) -> BTreeMap<Name, Option<[u8; 6]>> {
    let mut neighbours = BTreeMap::new();
    for tunnel in tunnels {
        let oif = ports.get(&tunnel.port).map_or(0, |facts| facts.ifindex);
        let mac = match oif {
            0 => None,
            _ => hops.resolve(tunnel.remote, oif).await.map_or_else(
                |error| {
                    tracing::warn!(link = %tunnel.link, %error, "no way to the remote VTEP");
                    None
                },
                |hop| hop.mac,
            ),
        };
        neighbours.insert(tunnel.link.clone(), mac);
    }
    neighbours
}

/// The facts for the compiler.
pub(super) fn facts(
    ports: BTreeMap<IfName, PortFacts>,
    neighbours: BTreeMap<Name, Option<[u8; 6]>>,
) -> HostFacts {
    HostFacts { ports, neighbours }
}
