//! The byte budget of links: what each kind adds to a tenant's frame, and what a port sends on it at most.

use crate::validate::Carries;

/// Destination, source and EtherType.
pub const ETHERNET: u32 = 14;
/// A VLAN tag.
pub const TAG: u32 = 4;
/// The tenant's largest IP packet that documents are checked for.
pub const TENANT_MTU: u32 = 1500;

const LABEL: u32 = 4;
const CONTROL_WORD: u32 = 4;
const UDP: u32 = 8;
const VXLAN: u32 = 8;

/// Some of the bytes that a link adds, told in one go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layer {
    /// Its parts from inside to outside, each with its bytes.
    pub parts: Vec<(String, u32)>,
    /// What the frame is with this layer on.
    pub sum: &'static str,
}

impl Layer {
    fn new<const N: usize>(sum: &'static str, parts: [(&str, u32); N]) -> Self {
        let parts = parts.map(|(what, bytes)| (what.to_owned(), bytes));
        Self {
            parts: parts.into(),
            sum,
        }
    }

    fn and(mut self, what: impl Into<String>, bytes: Option<u32>) -> Self {
        self.parts.extend(bytes.map(|bytes| (what.into(), bytes)));
        self
    }

    /// Bytes of all parts.
    pub fn bytes(&self) -> u32 {
        self.parts.iter().map(|(_, bytes)| bytes).sum()
    }

    /// As people read it: `VXLAN 8, UDP 8, IPv4 20`.
    pub fn words(&self, between: &str) -> String {
        let parts: Vec<String> = self
            .parts
            .iter()
            .map(|(what, bytes)| format!("{what} {bytes}"))
            .collect();
        parts.join(between)
    }
}

/// What a link of this kind adds to the tenant's frame, from inside to outside.
pub fn layers(carries: &Carries) -> Vec<Layer> {
    let vlan = |layer: Layer| {
        let vlan = carries.vlan();
        layer.and(
            vlan.map_or(String::new(), |vlan| format!("VLAN {vlan}")),
            vlan.map(|_| TAG),
        )
    };
    let tags = || Layer::new("frame of the fabric", [("S", TAG), ("C", TAG)]);
    let on_the_wire = |parts| vlan(Layer::new(WIRE, parts));
    let ip = || {
        if is_ipv6(carries) {
            ("IPv6", 40)
        } else {
            ("IPv4", 20)
        }
    };
    let labels = |transport: bool| {
        let labels = Layer::new(
            "datacenter tag",
            [("control word", CONTROL_WORD), ("label", LABEL)],
        );
        labels.and("transport label", transport.then_some(LABEL))
    };
    match carries {
        Carries::Trunk { .. } => vec![on_the_wire([("S", TAG), ("C", TAG)])],
        Carries::Pseudowire { transport_label, .. } => {
            vec![
                tags(),
                labels(transport_label.is_some()),
                vlan(Layer::new(WIRE, [("outer Ethernet", ETHERNET)])),
            ]
        }
        Carries::MplsUdp { transport_label, .. } => vec![
            tags(),
            labels(transport_label.is_some()),
            Layer::new(UNDERLAY, [("UDP", UDP), ip()]),
            vlan(Layer::new(WIRE, [("outer Ethernet", ETHERNET)])),
        ],
        Carries::Vxlan { .. } => vec![
            Layer::new(UNDERLAY, [("VXLAN", VXLAN), ("UDP", UDP), ip()]),
            vlan(Layer::new(WIRE, [("outer Ethernet", ETHERNET)])),
        ],
        // The I-TAG and the B-TAG have their own EtherTypes; of the backbone's header the addresses are left.
        Carries::ITag { b_vid, .. } => {
            let layer = Layer::new(WIRE, [("I-TAG", 6)]);
            let layer = layer.and(format!("B-TAG {b_vid}"), Some(TAG));
            vec![vlan(layer.and("backbone addresses", Some(12)))]
        }
        Carries::GlobalVlan { .. } => vec![Layer::new(WIRE, [("global VLAN", TAG)])],
    }
}

const WIRE: &str = "on the wire";
const UNDERLAY: &str = "IP packet on the underlay";

fn is_ipv6(carries: &Carries) -> bool {
    carries.directions().iter().any(|(_, remote)| remote.is_ipv6())
}

/// Bytes that a link of this kind adds to the tenant's frame.
pub fn added(carries: &Carries) -> u32 {
    layers(carries).iter().map(Layer::bytes).sum()
}

/// What a frame on this link may have beyond the port's MTU: its Ethernet header, and its outermost tag if it has one.
/// The kernel would let an untagged frame have the tag's four bytes as well; the next host would not.
pub fn slack(carries: &Carries) -> u32 {
    let tagged = match carries {
        Carries::Trunk { .. } | Carries::ITag { .. } | Carries::GlobalVlan { .. } => true,
        Carries::Pseudowire { vlan, .. } | Carries::MplsUdp { vlan, .. } | Carries::Vxlan { vlan, .. } => {
            vlan.is_some()
        }
    };
    ETHERNET + if tagged { TAG } else { 0 }
}

#[cfg(test)]
mod tests;
