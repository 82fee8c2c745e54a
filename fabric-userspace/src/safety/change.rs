//! What was changed on an interface, in a form that survives the agent.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ethtool::{Feature, Target};
use crate::netlink::{Link, NetnsPlace};

use super::cure::{PROMISCUOUS, Side, short};
use super::facts::PortFacts;

/// Both values of a feature: what was asked for, and what the device did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Value {
    pub wanted: bool,
    pub active: bool,
}

impl From<Feature> for Value {
    fn from(feature: Feature) -> Self {
        Self {
            wanted: feature.wanted,
            active: feature.active,
        }
    }
}

/// One setting of one interface that has another value because of us.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The port for whose sake it was changed.
    pub port: String,
    /// ifindex of the port, in the agent's namespace.
    pub ifindex: u32,
    /// MAC address of the port: a later interface with the same number is not the same interface.
    pub mac: Option<String>,
    pub side: Side,
    /// The interface that was changed: the port or its peer.
    pub interface: String,
    /// The peer's namespace, as it was found then.
    pub place: Option<NetnsPlace>,
    /// Name as in `ethtool -k`; `promisc` for the flag of that name.
    pub feature: String,
    pub old: Value,
    pub new: Value,
    /// False for what the kernel dragged along with a feature that was asked for.
    pub asked: bool,
}

impl Change {
    pub(super) fn new(
        facts: &PortFacts,
        side: Side,
        feature: &str,
        old: Feature,
        new: Feature,
        asked: bool,
    ) -> Self {
        let target = target(facts, side);
        Self {
            port: facts.link.name.clone(),
            ifindex: facts.link.ifindex,
            mac: mac(&facts.link),
            side,
            interface: target.interface,
            place: target.place,
            feature: feature.to_owned(),
            old: old.into(),
            new: new.into(),
            asked,
        }
    }

    /// Whether `link` is still the interface that this change was made for. It may have been renamed, or have got
    /// another address, but not both.
    pub(super) fn is_about(&self, link: &Link) -> bool {
        self.ifindex == link.ifindex
            && (self.port == link.name || (self.mac.is_some() && self.mac == mac(link)))
    }

    /// Whether both were made for one and the same interface.
    pub(super) fn is_same_port(&self, other: &Self) -> bool {
        (self.ifindex, &self.mac) == (other.ifindex, &other.mac)
    }

    /// Whether it is about the flag and not about a feature of ethtool's.
    pub(super) fn is_promiscuity(&self) -> bool {
        self.side == Side::Port && self.feature == PROMISCUOUS
    }

    fn is_same_feature(&self, other: &Self) -> bool {
        self.is_same_port(other) && (self.side, &self.feature) == (other.side, &other.feature)
    }
}

impl fmt::Display for Change {
    /// `c0 in namespace tenant-a: txvlan on -> off`.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = |on: bool| if on { "on" } else { "off" };
        write!(out, "{}", self.interface)?;
        if let Some(place) = &self.place {
            write!(out, " in namespace {place}")?;
        }
        let (old, new) = (word(self.old.active), word(self.new.active));
        write!(out, ": {} {old} -> {new}", short(&self.feature))
    }
}

/// Adds later changes to earlier ones, keeping the oldest value of each feature.
pub fn merge(kept: &mut Vec<Change>, later: Vec<Change>) {
    for change in later {
        match kept.iter_mut().find(|known| known.is_same_feature(&change)) {
            Some(known) => {
                known.new = change.new;
                known.asked |= change.asked;
            }
            // Turned off and on again: nothing to put back.
            None if change.old == change.new => {}
            None => kept.push(change),
        }
    }
}

/// The interface on one side of a port. A port without a peer has only one side.
pub(super) fn target(facts: &PortFacts, side: Side) -> Target {
    match (side, facts.peer.peer()) {
        (Side::Peer, Some(peer)) => Target {
            place: peer.place.clone(),
            interface: peer.link.name.clone(),
            ifindex: peer.link.ifindex,
        },
        (Side::Port, _) | (Side::Peer, None) => Target {
            place: None,
            interface: facts.link.name.clone(),
            ifindex: facts.link.ifindex,
        },
    }
}

fn mac(link: &Link) -> Option<String> {
    link.mac
        .map(|bytes| bytes.map(|byte| format!("{byte:02x}")).join(":"))
}
