use std::net::IpAddr;

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

    /// The node that steers: the one with the members' ports.
    pub fn node(&self) -> Option<NodeIx> {
        self.members.first().map(|member| member.node)
    }
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
    /// Node of its port.
    pub node: NodeIx,
    /// Its access port.
    pub port: IfName,
    /// QMP socket of its replication.
    pub monitor: Option<String>,
}
