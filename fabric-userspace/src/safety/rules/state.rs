//! Conditions that stop traffic or let others in, without endangering the tags.

use crate::safety::Check;
use crate::safety::cure::{prefix, quote};
use crate::safety::facts::PortFacts;

pub(super) fn link_up(facts: &PortFacts) -> Check {
    let row = |detail: &str| Check::ok("link-up", "link up", detail);
    let port = facts.name();
    if !facts.link.up {
        return row("down")
            .cure(format!("ip link set {port} up"))
            .warn("port-down");
    }
    if facts.link.running {
        return row("up");
    }
    match facts.peer.peer() {
        Some(peer) if !peer.link.up => row(&format!("no carrier, peer {} is down", peer.link.name))
            .cure(format!(
                "{}ip link set {} up",
                prefix(peer),
                quote(&peer.link.name)
            ))
            .warn("port-down"),
        _ => row("no carrier")
            .cure(format!(
                "check the cable or the other end: ip -d link show {port}"
            ))
            .warn("port-down"),
    }
}

/// XDP takes what comes in, which the bridge misses, and it still sends out through its member.
pub(super) fn no_master(facts: &PortFacts) -> Option<Check> {
    let master = facts.master.as_ref()?;
    let port = facts.name();
    Some(
        Check::ok(
            "no-master",
            "nothing else is here",
            format!("{port} belongs to {master}"),
        )
        .why(format!(
            "{master} gets no frames from {port} any more, and may send its own out through it"
        ))
        .cure(format!("ip link set {port} nomaster"))
        .warn("port-has-master"),
    )
}
