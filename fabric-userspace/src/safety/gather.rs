//! Reading the facts about a port from the kernel.

use crate::ethtool::{Ethtool, EthtoolError, Features, Target};
use crate::netlink::{HostUse, Link, Netlink, NetlinkError, NetnsPlace, Peer};

use super::facts::{EgressFacts, EgressLink, HYPER_V, KernelRelease, MLX5, PeerFacts, PortFacts};
use super::{FrameNeed, PortSpec, SafetyRefusal};

/// Everything that the rules want to know; a refusal when the port itself cannot be read.
///
/// `hint` is where the peer's namespace was found last time. With `host` also what the host does with a port in use; `known` is what it
/// did with one that is not.
pub(super) async fn facts(
    netlink: &Netlink,
    spec: &PortSpec,
    hint: Option<&NetnsPlace>,
    (host, known): (bool, Option<&HostUse>),
) -> Result<PortFacts, SafetyRefusal> {
    let link = netlink
        .link(&spec.port)
        .await
        .map_err(|error| unreadable(&spec.port, &error))?;
    let target = Target {
        place: None,
        interface: link.name.clone(),
        ifindex: link.ifindex,
    };
    let (driver, features, private_flags) = read_port(target, link.kind.clone())
        .await
        .map_err(|error| unreadable_features(&spec.port, &error))?;
    let peer = peer(netlink, &link, hint).await;
    let egresses = egresses(netlink, &spec.needs).await;
    let ours = link
        .xdp
        .is_some_and(|program| spec.own_programs.contains(&program.id));
    let in_use = spec.in_use || ours;
    let host = match known {
        _ if !host && in_use => HostUse::default(),
        Some(known) => known.clone(),
        None => host_use(netlink, &link).await,
    };
    let members = members(netlink, &link, &driver).await;
    Ok(PortFacts {
        role: spec.role,
        driver,
        features,
        private_flags,
        xdp_features: netlink.xdp_features(link.ifindex).await,
        peer,
        members,
        master: name_of(netlink, link.master).await,
        lower: lower(netlink, &link).await,
        egresses,
        own_programs: spec.own_programs.clone(),
        foreign_program: foreign_program(&link, &spec.own_programs),
        attached: spec.attached,
        in_use,
        host,
        kernel: kernel_release(),
        link,
    })
}

/// Tags and frames do not depend on it: what cannot be read counts as none.
async fn host_use(netlink: &Netlink, link: &Link) -> HostUse {
    netlink.host_use(link).await.unwrap_or_else(|error| {
        tracing::warn!(%error, port = link.name, "what the host does with the port cannot be read");
        HostUse::default()
    })
}

/// Runs ioctls, which may wait for the kernel's configuration lock, beside the runtime.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, EthtoolError> + Send + 'static,
) -> Result<T, EthtoolError> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|error| Err(EthtoolError::Socket(std::io::Error::other(error))))
}

async fn read_port(
    target: Target,
    kind: Option<String>,
) -> Result<(String, Features, Vec<String>), EthtoolError> {
    let work = move || {
        target.with(|ethtool| {
            let driver = driver(ethtool, &target.interface, kind.as_deref());
            let features = ethtool.features(&target.interface)?;
            let flags = match driver.as_str() {
                MLX5 => ethtool.private_flags(&target.interface).unwrap_or_default(),
                _ => Vec::new(),
            };
            Ok((driver, features, flags))
        })
    };
    blocking(work).await
}

fn driver(ethtool: &Ethtool, interface: &str, kind: Option<&str>) -> String {
    let told = ethtool
        .driver(interface)
        .map(|info| info.driver)
        .ok()
        .filter(|driver| !driver.is_empty());
    // The loopback device tells nobody what it is.
    let unnamed = if interface == "lo" { "loopback" } else { "unknown" };
    told.unwrap_or_else(|| kind.unwrap_or(unnamed).to_owned())
}

async fn peer(netlink: &Netlink, link: &Link, hint: Option<&NetnsPlace>) -> PeerFacts {
    let peer = match netlink.peer_of(link, hint).await {
        Ok(None) => return PeerFacts::None,
        Ok(Some(peer)) => peer,
        Err(error) => {
            return PeerFacts::Unreadable {
                peer: unknown_peer(link),
                reason: error.to_string(),
            };
        }
    };
    if peer.is_unreachable() {
        let reason = "no name under /run/netns and no process leads there".to_owned();
        return PeerFacts::Unreadable { peer, reason };
    }
    let target = Target {
        place: peer.place.clone(),
        interface: peer.link.name.clone(),
        ifindex: peer.link.ifindex,
    };
    match blocking(move || target.with(|ethtool| ethtool.features(&target.interface))).await {
        Ok(features) => PeerFacts::Known { peer, features },
        Err(error) => PeerFacts::Unreadable {
            peer,
            reason: error.to_string(),
        },
    }
}

/// A peer of which only the number is known.
fn unknown_peer(link: &Link) -> Peer {
    let ifindex = link.lower.unwrap_or(0);
    let name = format!("if{ifindex}");
    let link_of_peer = Link {
        ifindex,
        name,
        lower: Some(link.ifindex),
        xdp: None,
        master: None,
        ..link.clone()
    };
    Peer {
        link: link_of_peer,
        nsid: link.link_netnsid,
        place: None,
    }
}

async fn egresses(netlink: &Netlink, needs: &[FrameNeed]) -> Vec<EgressFacts> {
    let mut egresses = Vec::with_capacity(needs.len());
    for need in needs {
        let link = match netlink.link(&need.egress).await {
            Ok(link) => Some(EgressLink {
                mtu: link.mtu,
                peer: netlink.peer_of(&link, None).await.ok().flatten(),
            }),
            Err(_) => None,
        };
        egresses.push(EgressFacts {
            need: need.clone(),
            link,
        });
    }
    egresses
}

/// At most 15 characters, as the kernel keeps it (`BPF_OBJ_NAME_LEN`).
fn foreign_program(link: &Link, own: &[u32]) -> Option<String> {
    let id = link
        .xdp
        .map(|program| program.id)
        .filter(|id| !own.contains(id))?;
    let mut programs = aya::programs::loaded_programs().flatten();
    let program = programs.find(|program| program.id() == id)?;
    program.name_as_str().map(str::to_owned)
}

/// Only a bridge, bond or team has members, and a card of Hyper-V its virtual function; for others the question is not asked.
async fn members(netlink: &Netlink, link: &Link, driver: &str) -> Vec<String> {
    let is_group = matches!(link.kind.as_deref(), Some("bridge" | "bond" | "team"));
    if !is_group && driver != HYPER_V {
        return Vec::new();
    }
    let links = netlink.links().await.unwrap_or_default();
    links
        .into_iter()
        .filter(|member| member.master == Some(link.ifindex))
        .map(|member| member.name)
        .collect()
}

async fn lower(netlink: &Netlink, link: &Link) -> Option<String> {
    if link.veth_peer().is_some() || link.link_netnsid.is_some() {
        return None;
    }
    name_of(netlink, link.lower).await
}

async fn name_of(netlink: &Netlink, ifindex: Option<u32>) -> Option<String> {
    netlink.link_by_index(ifindex?).await.ok().map(|link| link.name)
}

/// An unreadable release counts as the oldest: it then fails the checks that need a newer one.
fn kernel_release() -> KernelRelease {
    let told = nix::sys::utsname::uname()
        .ok()
        .and_then(|uname| uname.release().to_str().and_then(KernelRelease::parse));
    told.unwrap_or(KernelRelease { major: 0, minor: 0 })
}

fn unreadable(port: &str, error: &NetlinkError) -> SafetyRefusal {
    if matches!(error, NetlinkError::NoSuchLink(_)) {
        return no_such_port(port);
    }
    SafetyRefusal {
        sentence: format!("{port} cannot be checked: {error}"),
        cure: format!("ip -d link show {port}"),
        code: "port-unreadable",
    }
}

/// An interface may go between two questions.
fn unreadable_features(port: &str, error: &EthtoolError) -> SafetyRefusal {
    if error.is_vanished() {
        return no_such_port(port);
    }
    SafetyRefusal {
        sentence: format!("{port} cannot be checked: {error}"),
        cure: format!("ethtool -k {port}"),
        code: "port-unreadable",
    }
}

fn no_such_port(port: &str) -> SafetyRefusal {
    SafetyRefusal {
        sentence: format!("there is no interface {port}"),
        cure: "ip -brief link".to_owned(),
        code: "no-such-port",
    }
}
