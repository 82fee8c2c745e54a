//! The offloads that stand in the way, and the commands that turn them.

use serde::{Deserialize, Serialize};

use crate::ethtool::Features;
use crate::netlink::Peer;

use super::Role;
use super::facts::{PeerFacts, PortFacts};

/// These take a tag out of the frame before XDP sees it.
pub(super) const RX_VLAN: [&str; 2] = ["rx-vlan-hw-parse", "rx-vlan-stag-hw-parse"];
/// These leave a tag outside of the frame on its way into a veth.
pub(super) const TX_VLAN: [&str; 2] = ["tx-vlan-hw-insert", "tx-vlan-stag-hw-insert"];
/// These glue received frames together.
pub(super) const AGGREGATION: [&str; 2] = ["rx-lro", "rx-gro-hw"];
/// These keep frames away whose VLAN nobody has registered.
pub(super) const VLAN_FILTER: [&str; 2] = ["rx-vlan-filter", "rx-vlan-stag-filter"];
/// No feature of ethtool's but a flag of the interface; it is changed, written down and put back like one.
pub(super) const PROMISCUOUS: &str = "promisc";
pub(super) const GRO: &str = "rx-gro";
/// These leave a checksum for a network card that a veth does not have.
pub(super) const TX_CHECKSUMS: [&str; 5] = [
    "tx-checksum-ipv4",
    "tx-checksum-ip-generic",
    "tx-checksum-ipv6",
    "tx-checksum-fcoe-crc",
    "tx-checksum-sctp",
];

/// Which end of a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// The interface itself.
    Port,
    /// The other end of the veth.
    Peer,
}

/// A feature that should have another value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wish {
    pub(super) side: Side,
    pub(super) feature: &'static str,
    pub(super) on: bool,
}

/// Every feature that must change before the port is safe and TCP works, fixed ones included.
pub(super) fn wishes(facts: &PortFacts) -> Vec<Wish> {
    let mut wishes: Vec<Wish> = off(Side::Port, &facts.features, &RX_VLAN);
    wishes.extend(off(Side::Port, &facts.features, &AGGREGATION));
    wishes.extend(asked_filters(&facts.features).map(|feature| Wish {
        side: Side::Port,
        feature,
        on: false,
    }));
    if lacks_promiscuity(facts) {
        wishes.push(Wish {
            side: Side::Port,
            feature: PROMISCUOUS,
            on: true,
        });
    }
    if let PeerFacts::Known { peer, features } = &facts.peer {
        wishes.extend(off(Side::Peer, features, &TX_VLAN));
        if checksums_matter(facts.role) {
            wishes.extend(off(Side::Peer, features, &TX_CHECKSUMS));
        }
        if !receives_redirects(peer, features) || redirects_refused(facts) {
            wishes.push(Wish {
                side: Side::Peer,
                feature: GRO,
                on: true,
            });
        }
    }
    wishes
}

/// A line's other end is a fabric node, which sends no frames of its own; the others end at hosts.
pub(super) fn checksums_matter(role: Role) -> bool {
    match role {
        Role::Access | Role::Underlay => true,
        Role::Trunk | Role::Pseudowire => false,
    }
}

/// Frames come in for the stations behind the fabric; an underlay port's own address is the only one that is sent to.
pub(super) fn takes_others_frames(role: Role) -> bool {
    match role {
        Role::Access | Role::Trunk | Role::Pseudowire => true,
        Role::Underlay => false,
    }
}

pub(super) fn lacks_promiscuity(facts: &PortFacts) -> bool {
    takes_others_frames(facts.role) && !facts.link.promiscuous
}

/// The VLAN filters that are asked for. A driver that keeps one although nobody asks for it lets all VLANs in while it is
/// promiscuous, as do those that have it fixed (virtio_net, igb, e1000e).
pub(super) fn asked_filters(features: &Features) -> impl Iterator<Item = &'static str> {
    let is_asked = |name: &&str| {
        features
            .get(name)
            .is_some_and(|feature| feature.changeable && feature.wanted)
    };
    VLAN_FILTER.into_iter().filter(is_asked)
}

/// A veth takes redirected frames only while its peer polls (NAPI): with GRO, or with a native program.
pub(super) fn receives_redirects(peer: &Peer, features: &Features) -> bool {
    features.is_active(GRO) || has_native_program(peer)
}

/// A veth does not notice that its peer comes up with GRO already on, and refuses redirects until GRO is turned off and on
/// again (`veth_set_features` does nothing while the peer is down, `veth_open` looks at its own end alone).
pub(super) fn redirects_refused(facts: &PortFacts) -> bool {
    // With too few receive queues for its peer a veth announces nothing at all (`veth_set_xdp_features`), and GRO is no cure.
    let refused = facts
        .xdp_features
        .is_some_and(|xdp| xdp.native && !xdp.receives_redirects);
    let peer_is_up = facts.peer.peer().is_some_and(|peer| peer.link.up);
    refused && facts.link.up && peer_is_up
}

pub(super) fn has_native_program(peer: &Peer) -> bool {
    use crate::netlink::XdpMode;
    peer.link
        .xdp
        .is_some_and(|program| matches!(program.mode, XdpMode::Native | XdpMode::Several))
}

fn off(side: Side, features: &Features, names: &[&'static str]) -> Vec<Wish> {
    let on = names.iter().filter(|name| features.is_active_or_wanted(name));
    on.map(|feature| Wish {
        side,
        feature,
        on: false,
    })
    .collect()
}

/// The features of `names` that are on, as people write them: `txvlan on, tx-vlan-stag-hw-insert on`.
pub(super) fn tell_on(features: &Features, names: &[&str]) -> String {
    let told = names
        .iter()
        .filter(|name| features.is_active_or_wanted(name))
        .map(|name| {
            let fixed = if features.is_changeable(name) {
                ""
            } else {
                " [fixed]"
            };
            format!("{} on{fixed}", short(name))
        });
    told.collect::<Vec<_>>().join(", ")
}

/// The command line that turns off those of `names` that are on in `features`.
pub(super) fn turn_off(prefix: &str, interface: &str, features: &Features, names: &[&str]) -> String {
    let words: Vec<String> = names
        .iter()
        .filter(|name| features.is_active_or_wanted(name))
        .map(|name| format!(" {} off", short(name)))
        .collect();
    format!("{prefix}ethtool -K {}{}", quote(interface), words.concat())
}

/// A word of a command that is pasted into a shell. A tenant names his own end of a veth, with almost any character.
pub(crate) fn quote(word: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_.:@".contains(letter);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// The words in front of a command for the peer's namespace.
pub(super) fn prefix(peer: &Peer) -> String {
    peer.place
        .as_ref()
        .map(|place| place.command_prefix())
        .unwrap_or_default()
}

/// The name that ethtool(8) documents, where it differs from the kernel's.
pub(super) fn short(feature: &str) -> &str {
    match feature {
        "rx-vlan-hw-parse" => "rxvlan",
        "tx-vlan-hw-insert" => "txvlan",
        "rx-lro" => "lro",
        "rx-gro" => "gro",
        other => other,
    }
}
