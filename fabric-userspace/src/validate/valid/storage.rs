//! Checked storage machines: which node steers one alone, how long a member may be silent, and the MAC addresses of probes.

use std::collections::BTreeMap;
use std::net::IpAddr;

use fabric_common::maps::storage::probe;
use fabric_common::wire::mac_word;

use super::super::{NodeIx, SegmentIx};
use crate::model::{Health, IfName, Mac, Name, ReplicationPolicy, Vlan};

/// A storage machine with everything resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValidVsm {
    /// Unique in the fabric.
    pub name: Name,
    /// The service's address.
    pub mac: Mac,
    /// TCP port of the storage protocol.
    pub tcp_port: Option<u16>,
    /// Where it is seen; at least one.
    pub segments: Vec<ValidVsmSegment>,
    /// Who can serve, the preferred one first; at least one.
    pub members: Vec<ValidMember>,
    /// When a member is dead.
    pub health: Health,
    /// How the copies are made.
    pub replication: Option<ReplicationPolicy>,
}

impl ValidVsm {
    /// Silence of a probed member that is death, in nanoseconds: the last of its probes has half an interval to be answered.
    pub fn silence_limit(&self) -> u64 {
        let interval = u64::from(self.health.interval_ms) * 1_000_000;
        interval * u64::from(self.health.multiplier) - interval / 2
    }

    /// The port that members are tried at, if there is an address to try it from. Members are probed in the first segment.
    pub fn tried_port(&self) -> Option<u16> {
        let source = self.segments.first()?.probe_address;
        self.tcp_port.filter(|_| source.is_some())
    }

    /// The node that steers alone: the one with all members' ports. `None` if they are at several nodes, which follow one owner.
    pub fn node(&self) -> Option<NodeIx> {
        let first = self.members.first()?.node;
        self.members
            .iter()
            .all(|member| member.node == first)
            .then_some(first)
    }

    /// Whether its members are at several nodes.
    pub fn is_shared(&self) -> bool {
        self.node().is_none()
    }

    /// The nodes with members, each once, and the lowest number of a member there: it stands for the node in the addresses of
    /// its probes.
    pub fn nodes(&self) -> BTreeMap<NodeIx, u8> {
        let mut nodes = BTreeMap::new();
        for member in &self.members {
            let lowest = nodes.entry(member.node).or_insert(member.place);
            *lowest = member.place.min(*lowest);
        }
        nodes
    }

    /// As [`prober`], of this storage machine.
    pub fn prober(&self, node: u8, place: u8) -> u64 {
        prober(&self.name, node, place)
    }
}

/// Address word of the probes by which the node with the number `node` asks the member at `place` of the storage machine `vsm`:
/// a locally administered one made of the name, which no station may have.
pub(crate) fn prober(vsm: &Name, node: u8, place: u8) -> u64 {
    // FNV-1a, 32 bits.
    let hash = vsm.as_str().bytes().fold(0x811c_9dc5_u32, |hash, octet| {
        (hash ^ u32::from(octet)).wrapping_mul(0x0100_0193)
    });
    let [a, b, c, d] = hash.to_be_bytes();
    probe::address(mac_word([0x0a, a, b, c, d, 0]), node, place)
}

/// A segment in which a storage machine is seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ValidVsmSegment {
    /// The segment.
    pub segment: SegmentIx,
    /// Its own VLAN there.
    pub vlan: Vlan,
    /// The storage machine's address.
    pub address: IpAddr,
    /// Source of the agent's probes.
    pub probe_address: Option<IpAddr>,
}

/// A machine that can serve.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValidMember {
    /// Unique in the storage machine.
    pub name: Name,
    /// The place that all nodes know it by, if they are several; else its position.
    pub place: u8,
    /// Node of its port.
    pub node: NodeIx,
    /// Its access port.
    pub port: IfName,
    /// QMP socket of its replication.
    pub monitor: Option<String>,
}
