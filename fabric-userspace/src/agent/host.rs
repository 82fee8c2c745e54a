//! What the agent asks of this host: its interfaces, and where the underlay's next hops are.

mod assumed;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use fabric_common::maps::capacity;
use futures_util::future::join_all;

use super::ports::no_such_port;
use crate::compile::PortFacts;
use crate::error::{Refusal, codes};
use crate::model::{IfName, Name};
use crate::netlink::{Event, Link, NeighbourKey, Netlink, NetlinkError, NextHops};
use crate::safety::Role;
use assumed::Assumed;

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

/// The host as the agent asks it.
pub(super) enum Host {
    /// As the kernel tells.
    Real { netlink: Netlink, hops: NextHops },
    /// One that has whatever the document names, for tables in memory.
    Assumed(Assumed),
}

impl Host {
    /// The real one, if there is somebody to ask.
    pub(super) fn new(netlink: Option<Netlink>) -> Self {
        match netlink {
            Some(netlink) => Self::Real {
                hops: NextHops::new(netlink.clone()),
                netlink,
            },
            None => Self::Assumed(Assumed::default()),
        }
    }

    fn hops(&mut self) -> Option<&mut NextHops> {
        match self {
            Self::Real { hops, .. } => Some(hops),
            Self::Assumed(_) => None,
        }
    }

    /// Takes over neighbour entries that an earlier agent added.
    pub(super) fn adopt(&mut self, added: Vec<NeighbourKey>) {
        if let Some(hops) = self.hops() {
            hops.adopt(added);
        }
    }

    /// An interface as it is now; `None` if it is not there.
    pub(super) async fn link(&self, name: &IfName) -> Option<Link> {
        match self {
            Self::Real { netlink, .. } => netlink.link(name.as_str()).await.ok(),
            Self::Assumed(_) => None,
        }
    }

    /// Several of them, in their order.
    pub(super) async fn links(&self, names: impl Iterator<Item = &IfName>) -> Vec<Option<Link>> {
        // All at once: one after the other each would cost a way to the kernel and back, of a thread that sleeps meanwhile.
        join_all(names.map(|name| self.link(name))).await
    }

    /// Reads the interfaces. One that is gone, or whose index is too large for the tables, has index 0 if that is forgiven: with
    /// [`Missing::Tolerate`], and of ports that are in use, whose index `known` tells.
    ///
    /// # Errors
    /// For an interface that is not there, or whose index is too large for the tables.
    pub(super) async fn interfaces(
        &mut self,
        node: &str,
        wanted: &BTreeMap<IfName, Role>,
        (missing, known): (Missing, impl Fn(&IfName) -> Option<u32>),
    ) -> Result<Interfaces, Refusal> {
        let netlink = match self {
            Self::Real { netlink, .. } => netlink,
            Self::Assumed(assumed) => return assumed.interfaces(wanted.keys()),
        };
        let is_forgiven = |name: &IfName| missing == Missing::Tolerate || known(name).is_some();
        // Wanted by its own name, and not in use by that.
        let is_new = |link: &Link| {
            wanted
                .keys()
                .any(|name| name.as_str() == link.name && !is_forgiven(name))
        };
        // Not the one that the port has been so far.
        let is_strange = |name: &IfName, link: &Link| known(name).is_some_and(|now| now != link.ifindex);
        let mut interfaces = Interfaces::default();
        let links = join_all(wanted.keys().map(|name| netlink.link(name.as_str()))).await;
        for (name, link) in wanted.keys().zip(links) {
            let is_forgiven = is_forgiven(name);
            // The kernel finds an interface by other names too, and with two of them two tenants would have one port.
            let is_other = |link: &Link| link.name != name.as_str();
            let (facts, sends) = match link {
                Ok(link) if is_other(&link) && is_strange(name, &link) => (GONE, false),
                Ok(link) if is_other(&link) && (!is_forgiven || is_new(&link)) => {
                    return Err(renamed(name, &link));
                }
                Ok(link) if is_other(&link) && is_taken(&interfaces, wanted, &link) => (GONE, false),
                Ok(link) if is_too_high(&link) && is_forgiven => (GONE, false),
                Ok(link) if is_too_high(&link) => return Err(too_high(name, link.ifindex)),
                Ok(link) => (facts_of(&link), link.running),
                Err(NetlinkError::NoSuchLink(_)) if is_forgiven => (GONE, false),
                Err(error) if error.is_unreadable() && is_forgiven => (GONE, false),
                Err(NetlinkError::NoSuchLink(_)) => return Err(no_such_port(name, node).unchanged()),
                Err(error) => return Err(Refusal::new(codes::FAILED, format!("{name}: {error}"))),
            };
            interfaces.facts.insert(name.clone(), facts);
            if !sends {
                interfaces.silent.insert(name.clone());
            }
        }
        Ok(interfaces)
    }

    /// Looks the next hop of each tunnel up and has it kept resolved. `None` as long as it has not answered.
    pub(super) async fn neighbours(
        &mut self,
        ports: &BTreeMap<IfName, PortFacts>,
        tunnels: &[Tunnel],
    ) -> BTreeMap<Name, Option<[u8; 6]>> {
        let hops = match self {
            Self::Real { hops, .. } => hops,
            Self::Assumed(_) => return assumed::neighbours(tunnels),
        };
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

    /// Keeps the neighbours of no others than `needed` resolved. Returns the entries that are to be removed at take-down.
    pub(super) async fn keep_only(&mut self, needed: &[(IpAddr, u32)]) -> Vec<NeighbourKey> {
        let Some(hops) = self.hops() else {
            return Vec::new();
        };
        for (remote, oif) in hops.resolved() {
            if !needed.contains(&(remote, oif)) {
                hops.release(remote, oif).await;
            }
        }
        hops.added()
    }

    /// Asks for neighbours that the kernel does not keep by itself.
    pub(super) async fn probe(&mut self) {
        if let Some(hops) = self.hops() {
            hops.probe().await;
        }
    }

    /// True if a next hop is elsewhere now.
    pub(super) async fn has_moved(&mut self, event: &Event) -> bool {
        match self.hops() {
            Some(hops) => !hops.on_event(event).await.is_empty(),
            None => false,
        }
    }

    /// Removes the neighbour entries that were added.
    pub(super) async fn forget_neighbours(&mut self) {
        let Some(hops) = self.hops() else {
            return;
        };
        for (key, error) in hops.remove_added().await {
            tracing::warn!(address = %key.address, %error, "a neighbour entry could not be removed");
        }
    }
}

/// An interface that is not there, or that the tables have no place for.
const GONE: PortFacts = PortFacts {
    ifindex: 0,
    mac: [0; 6],
    mtu: 1500,
};

/// What the maps can say of an interface: of one whose index they have no place for, that it is gone. Where interfaces come and
/// go in one namespace for long, a new one has such an index, and the others must not suffer for it.
pub(super) fn facts_of(link: &Link) -> PortFacts {
    if is_too_high(link) {
        return GONE;
    }
    PortFacts {
        ifindex: link.ifindex,
        mac: link.mac.unwrap_or_default(),
        mtu: link.mtu,
    }
}

/// Whether another port is this interface, by its own name or by one that was read before.
fn is_taken(known: &Interfaces, wanted: &BTreeMap<IfName, Role>, link: &Link) -> bool {
    wanted.keys().any(|name| name.as_str() == link.name)
        || known.facts.values().any(|facts| facts.ifindex == link.ifindex)
}

fn renamed(name: &IfName, link: &Link) -> Refusal {
    let sentence = format!("{name} is another name of interface {}", link.name);
    Refusal::new(codes::NO_SUCH_PORT, sentence)
        .with_cure(format!("name it {}", link.name))
        .unchanged()
}

fn is_too_high(link: &Link) -> bool {
    link.ifindex >= capacity::IFINDEX
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
