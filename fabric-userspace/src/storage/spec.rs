//! What there is to watch on this node, from the document and the numbers of its image.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use crate::compile::Image;
use crate::model::{IfName, Mac, Name, ReplicationPolicy, Vlan};
use crate::validate::{Valid, ValidMember, ValidVsm};

const MILLISECOND: u64 = 1_000_000;
const SECOND: u64 = 1_000_000_000;

/// A storage machine that this node steers. Times in nanoseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Spec {
    /// Its name.
    pub(crate) name: Name,
    /// Index in `VSMS`.
    pub(super) id: u32,
    pub(super) mac: Mac,
    pub(super) tcp_port: Option<u16>,
    /// The preferred one first.
    pub(super) members: Vec<MemberSpec>,
    /// Index in `VSM_PLACES` and segment number of each segment.
    pub(super) places: Vec<(u32, u32)>,
    /// The segment in which members are probed.
    pub(super) probed: Probed,
    pub(super) interval: u64,
    /// Silence that is death.
    pub(super) limit: u64,
    pub(super) hold_down: u64,
    pub(super) wait_to_restore: u64,
    pub(super) revertive: bool,
    pub(super) in_path: bool,
    pub(super) nudge: bool,
    /// How the copies are made.
    pub(super) replication: Option<ReplicationPolicy>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct MemberSpec {
    pub(super) name: Name,
    pub(super) place: u8,
    pub(super) port: IfName,
    pub(super) ifindex: u32,
    /// The port's own address, from which it is probed.
    pub(super) port_mac: [u8; 6],
    pub(super) monitor: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Probed {
    pub(super) address: IpAddr,
    pub(super) source: Option<Ipv4Addr>,
    pub(super) vid: Option<u16>,
}

/// Everything that this node steers, and the interface behind each port slot.
pub(crate) fn specs(valid: &Valid, image: &Image) -> (Vec<Spec>, BTreeMap<u16, u32>) {
    let ports: BTreeMap<&IfName, _> = image.ports().collect();
    let egress = ports
        .values()
        .map(|plan| (plan.slot, plan.facts.ifindex))
        .collect();
    let member = |member: &ValidMember, places: &BTreeMap<Name, u8>| {
        let plan = ports.get(&member.port)?;
        Some(MemberSpec {
            name: member.name.clone(),
            place: *places.get(&member.name)?,
            port: member.port.clone(),
            ifindex: plan.facts.ifindex,
            port_mac: plan.facts.mac,
            monitor: member.monitor.clone(),
        })
    };
    let spec = |vsm: &ValidVsm| {
        let ids = image.steered(&vsm.name)?;
        let places = vsm.segments.iter().filter_map(|place| {
            let ids = &image.segments.get(&valid.segment(place.segment).name)?.ids;
            Some((ids.vsms.get(&vsm.name)?.place, ids.segment))
        });
        let first = vsm.segments.first()?;
        let health = vsm.health;
        Some(Spec {
            name: vsm.name.clone(),
            id: ids.id,
            mac: vsm.mac,
            tcp_port: vsm.tcp_port,
            members: vsm
                .members
                .iter()
                .filter_map(|one| member(one, &ids.members))
                .collect(),
            places: places.collect(),
            probed: Probed {
                address: first.address,
                source: match first.probe_address {
                    Some(IpAddr::V4(address)) => Some(address),
                    Some(IpAddr::V6(_)) | None => None,
                },
                vid: match first.vlan {
                    Vlan::Tagged(vid) => Some(vid.get()),
                    Vlan::Untagged | Vlan::Any => None,
                },
            },
            interval: u64::from(health.interval_ms) * MILLISECOND,
            limit: vsm.silence_limit(),
            hold_down: u64::from(health.hold_down_s) * SECOND,
            wait_to_restore: u64::from(health.wait_to_restore_s) * SECOND,
            revertive: health.revertive,
            in_path: health.in_path,
            nudge: health.nudge,
            replication: vsm.replication,
        })
    };
    (valid.storage().iter().filter_map(spec).collect(), egress)
}
