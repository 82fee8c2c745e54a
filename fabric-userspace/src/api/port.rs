//! Ports of this node, and their checks.

use serde::{Deserialize, Serialize};

use super::PortCounters;

/// A port of this node.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Port {
    /// Interface.
    pub name: String,
    /// Interface index; `null` while there is no such interface.
    pub ifindex: Option<u32>,
    /// `access`, `trunk`, `pseudowire` or `underlay`.
    pub role: String,
    /// Driver.
    pub driver: Option<String>,
    /// `up`, `down`, `unsafe`, or `gone`: also for an index that the tables have no place for.
    pub state: String,
    /// In bytes.
    pub mtu: Option<u32>,
    /// Address.
    pub mac: Option<String>,
    /// Whether frames from group addresses are dropped.
    pub drop_group_source: bool,
    /// Whether the tenant's LLDP is carried.
    pub tunnel_lldp: bool,
    /// PCP rule of pushed S-tags.
    pub s_tag_pcp: u8,
    /// Attachments, as `acme vlan 10`, or links.
    pub carries: Vec<String>,
    /// What the agent changed on the interface and will put back.
    pub changes: Vec<String>,
    /// Its counters.
    pub counters: PortCounters,
}

/// The checks of one port.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PortChecks {
    /// Port.
    pub port: String,
    /// `access`, `trunk`, `pseudowire`, `underlay`, or `null` for an interface that is not in use.
    pub role: Option<String>,
    /// Driver and peer, for people.
    pub about: String,
    /// The checks, see [`crate::safety::Check`].
    pub checks: Vec<Check>,
}

/// One check of a port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// Stable name.
    pub id: String,
    /// What is checked.
    pub name: String,
    /// `ok`, `warn` or `fail`.
    pub verdict: String,
    /// What was found.
    pub detail: String,
    /// What would happen.
    pub why: Option<String>,
    /// A command to paste.
    pub cure: Option<String>,
}
