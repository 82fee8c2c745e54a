//! What the compiler is told of the host, and so need not ask: interfaces, and MAC addresses of next hops toward VTEPs.

use std::collections::BTreeMap;

use crate::model::{IfName, Name};

/// What the document does not say about a node: its interfaces and neighbours as they are now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostFacts {
    /// Interfaces by name; more than the document uses do no harm.
    pub ports: BTreeMap<IfName, PortFacts>,
    /// By `vxlan` or `mpls-udp` link, the MAC address of the underlay's next hop toward the other VTEP. A link that is absent
    /// or `None` is built, and drops its frames with a reason until the address is known.
    pub neighbours: BTreeMap<Name, Option<[u8; 6]>>,
}

/// One interface.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PortFacts {
    /// The kernel's number for it.
    pub ifindex: u32,
    /// Its own address, in wire order.
    pub mac: [u8; 6],
    /// Bytes of payload that it sends at most.
    pub mtu: u32,
}

/// What Linux lets a device send beyond its MTU: the Ethernet header and one tag (802.1Q devices rely on it).
pub(crate) const DEVICE_SLACK: u32 = 14 + 4;

impl PortFacts {
    /// Largest frame that the interface sends, in bytes without frame check sequence.
    pub fn max_frame(&self) -> u32 {
        self.mtu.saturating_add(DEVICE_SLACK)
    }
}
