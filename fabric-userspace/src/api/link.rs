//! Links of the fabric.

use serde::{Deserialize, Serialize};

/// A link of the fabric.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Link {
    /// Its name.
    pub name: String,
    /// `trunk`, `pseudowire`, `mpls-udp`, `vxlan`, `i-tag` or `global-vlan`.
    pub kind: String,
    /// Port at this node; `null` for a link of other nodes.
    pub port: Option<String>,
    /// Both ends, as `edge1:t0`; the address alone for a foreign VTEP.
    #[serde(default)]
    pub ends: Vec<String>,
    /// Node at the other end; `null` for a foreign VTEP and for a link of other nodes.
    pub to: Option<String>,
    /// Our address in the underlay.
    pub local: Option<String>,
    /// The other end's address in the underlay.
    pub remote: Option<String>,
    /// The VLAN that the link rides in.
    pub vlan: Option<u16>,
    /// The label outside of the datacenter's.
    #[serde(default)]
    pub transport_label: Option<u32>,
    /// VLAN of the backbone of an `i-tag` link.
    #[serde(default)]
    pub b_vid: Option<u16>,
    /// `up`, `down`, `backup` (works, and others carry the traffic), `unresolved`, or `elsewhere` for a link of other
    /// nodes.
    pub state: String,
    /// Taken out of service with `fabric link down`.
    #[serde(default)]
    pub taken_down: bool,
    /// Segments that it carries.
    pub segments: Vec<String>,
    /// The byte budget, line by line: what, bytes, sum so far.
    pub budget: Vec<BudgetLine>,
    /// MTU of the port, or that of the whole line where the document says that it is smaller.
    #[serde(default)]
    pub mtu: Option<u32>,
    /// Largest frame that the port sends on this link.
    #[serde(default)]
    pub sends_bytes: Option<u32>,
    /// Bytes left; negative if the port has become too small. `null` for a link of other nodes.
    pub spare_bytes: Option<i64>,
    /// The largest MTU that tenants can have over this link.
    #[serde(default)]
    pub tenant_mtu: Option<u32>,
}

/// One line of a link's byte budget.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BudgetLine {
    /// As `+ VXLAN 8, UDP 8, IPv4 20`.
    pub what: String,
    /// Bytes of this line.
    pub bytes: u32,
    /// Sum up to this line.
    pub total_bytes: u32,
    /// What the sum is, as `on the wire`.
    #[serde(default)]
    pub sum: Option<String>,
}
