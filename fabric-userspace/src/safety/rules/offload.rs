//! Offloads of the port and of its veth peer that hide tags, lose frames or spoil checksums.

use crate::ethtool::Features;
use crate::netlink::Peer;
use crate::safety::Check;
use crate::safety::cure::{
    AGGREGATION, GRO, RX_VLAN, TX_CHECKSUMS, TX_VLAN, checksums_matter, has_native_program, prefix, quote,
    receives_redirects, redirects_refused, tell_on, turn_off,
};
use crate::safety::facts::{PeerFacts, PortFacts};

const TAG_LOST: &str = "a hidden outer tag is lost on redirect, the frame would leave untagged";

pub(super) fn vlan_tags_visible(facts: &PortFacts) -> Check {
    let row = |detail: String| Check::ok("vlan-tags-visible", "VLAN tags visible to XDP", detail);
    if let PeerFacts::Unreadable { peer, reason } = &facts.peer {
        return unreadable(facts, peer, reason, row);
    }
    let mut found = Vec::new();
    let mut cures = Vec::new();
    let mut note =
        |who: String, prefix: &str, interface: &str, features: &Features, names: &[&'static str]| {
            let told = tell_on(features, names);
            if !told.is_empty() {
                found.push(format!("{who} hides them: {told}"));
                cures.push(turn_off(prefix, interface, features, names));
            }
        };
    note(
        facts.name().to_owned(),
        "",
        facts.name(),
        &facts.features,
        &RX_VLAN,
    );
    if let PeerFacts::Known { peer, features } = &facts.peer {
        let who = format!("peer {}", peer.link.name);
        note(who, &prefix(peer), &peer.link.name, features, &TX_VLAN);
    }
    if found.is_empty() {
        return row(visible(facts));
    }
    let found = found.join("; ");
    let sentence = format!("XDP on {} would not see all VLAN tags, {found}", facts.name());
    row(found)
        .why(TAG_LOST)
        .cure(cures.join(" && "))
        .fail("vlan-tags-hidden", sentence)
}

pub(super) fn peer_receives_redirects(facts: &PortFacts) -> Option<Check> {
    // An unreadable peer fails in the row above, with the whole command.
    let PeerFacts::Known { peer, features } = &facts.peer else {
        return None;
    };
    let row = |detail: String| Check::ok("peer-receives-redirects", "peer can receive redirects", detail);
    let name = &peer.link.name;
    if receives_redirects(peer, features) && redirects_refused(facts) {
        return Some(stale(facts, peer, row));
    }
    if receives_redirects(peer, features) {
        let detail = if features.is_active(GRO) {
            "gro on"
        } else {
            "it has an XDP program"
        };
        return Some(row(detail.to_owned()));
    }
    let generic = if peer.link.xdp.is_some() && !has_native_program(peer) {
        " (only a generic one)"
    } else {
        ""
    };
    let found = format!("peer {name}: gro off and no XDP program{generic}");
    let sentence = format!("frames cannot be redirected into {}, {found}", facts.name());
    Some(
        row(found)
            .why("they would be dropped while redirect reports success")
            .cure(format!("{}ethtool -K {} gro on", prefix(peer), quote(name)))
            .fail("peer-cannot-receive", sentence),
    )
}

/// Everything is as it should be, and the kernel refuses all the same.
fn stale(facts: &PortFacts, peer: &Peer, row: impl Fn(String) -> Check) -> Check {
    let (port, name) = (facts.name(), &peer.link.name);
    let ethtool = format!("{}ethtool -K {} gro", prefix(peer), quote(name));
    row(format!("peer {name} can, but {port} has not noticed"))
        .why("they would be dropped while redirect reports success")
        .cure(format!("{ethtool} off && {ethtool} on"))
        .fail(
            "peer-cannot-receive",
            format!("frames cannot be redirected into {port}, it came up before GRO of peer {name} was on"),
        )
}

pub(super) fn tcp_checksums(facts: &PortFacts) -> Option<Check> {
    let PeerFacts::Known { peer, features } = &facts.peer else {
        return None;
    };
    if !checksums_matter(facts.role) {
        return None;
    }
    let row = |detail: String| Check::ok("tcp-checksums", "TCP checksums", detail);
    let name = &peer.link.name;
    if tell_on(features, &TX_CHECKSUMS).is_empty() {
        return Some(row(format!("peer {name}: tx off")));
    }
    Some(
        row(format!("peer {name}: tx on; ping works, TCP will not"))
            .why("checksums that are left to the network card stay unfinished on a redirect")
            .cure(format!("{}ethtool -K {} tx off", prefix(peer), quote(name)))
            .warn("checksum-offload"),
    )
}

pub(super) fn no_aggregation(facts: &PortFacts) -> Option<Check> {
    let known = AGGREGATION
        .iter()
        .any(|name| facts.features.is_changeable(name) || facts.features.is_active(name));
    if !known {
        // Neither exists on this driver: nothing to tell.
        return None;
    }
    let row = |detail: String| Check::ok("receive-aggregation", "received frames stay single", detail);
    let told = tell_on(&facts.features, &AGGREGATION);
    if told.is_empty() {
        return Some(row("lro off, rx-gro-hw off".to_owned()));
    }
    let port = facts.name();
    let sentence = format!("{port} glues received frames together, {told}");
    Some(
        row(told)
            .why("glued frames are larger than any egress carries")
            .cure(turn_off("", port, &facts.features, &AGGREGATION))
            .fail("receive-aggregation", sentence),
    )
}

fn visible(facts: &PortFacts) -> String {
    match facts.peer.peer() {
        Some(peer) => format!("rxvlan off, peer {}: txvlan off", peer.link.name),
        None => "rxvlan off".to_owned(),
    }
}

/// The peer may hide tags at any moment and nobody would see it: unsafe, whatever it does now.
fn unreadable(facts: &PortFacts, peer: &Peer, reason: &str, row: impl Fn(String) -> Check) -> Check {
    let name = &peer.link.name;
    let there = peer.whereabouts();
    let command = format!(
        "ethtool -K {} txvlan off tx-vlan-stag-hw-insert off tx off gro on",
        quote(name)
    );
    let cure = if peer.is_unreachable() {
        format!(
            "{command}        (inside the peer's namespace, then give it a name: ip netns attach NAME PID)"
        )
    } else {
        format!("{}{command}", prefix(peer))
    };
    let found = format!("peer {name}{there} cannot be checked: {reason}");
    let sentence = format!("{} cannot be made safe, {found}", facts.name());
    row(found)
        .why(TAG_LOST)
        .cure(cure)
        .fail("peer-unreadable", sentence)
}
