//! What there is to watch on this node, from the document and the numbers of its image.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};

use fabric_common::maps::storage::{ClientFlow, probe};
use fabric_common::wire::mac_octets;

use crate::compile::{Image, PortPlan};
use crate::ids::{Place, SegmentIds};
use crate::model::{IfName, Isolated, Mac, Name, ReplicationPolicy, Vlan};
use crate::validate::{NodeIx, Valid, ValidMember, ValidVsm, ValidVsmSegment};

const MILLISECOND: u64 = 1_000_000;
const SECOND: u64 = 1_000_000_000;

/// A storage machine that this node steers, alone or with others. Times in nanoseconds.
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
    /// Where it is seen.
    pub(super) places: Vec<PlaceSpec>,
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
    /// There if members are at several nodes.
    pub(super) shared: Option<SharedSpec>,
}

/// A segment in which a storage machine is seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PlaceSpec {
    /// Index in `VSM_PLACES`.
    pub(super) place: u32,
    /// Number of the segment.
    pub(super) segment: u32,
    /// Which frames clients there have, if somebody is attached.
    pub(super) vlan: Option<Vlan>,
    /// By the number of each segment from which clients come by a gateway, how they hear the service.
    pub(super) routed: BTreeMap<u32, Heard>,
}

/// How clients of a segment hear a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Heard {
    /// By whose address.
    pub(super) from: [u8; 6],
    /// As [`PlaceSpec::vlan`].
    pub(super) vlan: Option<Vlan>,
}

impl Heard {
    /// Whether a connection that was noted is still one of the segment's: with another tag its client may be another tenant's port
    /// by now.
    pub(super) fn has(&self, flow: &ClientFlow) -> bool {
        match self.vlan {
            None | Some(Vlan::Any) => true,
            Some(Vlan::Untagged) => flow.vid().is_none_or(|vid| vid == 0),
            Some(Vlan::Tagged(own)) => flow.vid() == Some(own.get()),
        }
    }
}

impl Spec {
    /// Where a member is.
    pub(super) fn at(&self, name: &Name) -> Option<&str> {
        let mut members = self.members.iter();
        Some(members.find(|member| member.name == *name)?.at.as_str())
    }
}

impl PlaceSpec {
    /// How clients of `segment` hear the service, whose own address is `service`; `None` if they do not.
    pub(super) fn heard(&self, segment: u32, service: [u8; 6]) -> Option<Heard> {
        if segment == self.segment {
            return Some(Heard {
                from: service,
                vlan: self.vlan,
            });
        }
        self.routed.get(&segment).copied()
    }
}

/// What a node must know of a storage machine that it does not steer alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SharedSpec {
    /// The node has members, so it may be the one that decides.
    pub(super) may_decide: bool,
    /// Other nodes that have members.
    pub(super) others: Vec<Name>,
    /// Next hops of those who are at this node and not at another one of the fabric.
    pub(super) edges: BTreeSet<u32>,
    pub(super) isolated: Isolated,
}

impl SharedSpec {
    /// Nobody is served where the store has not answered lately.
    pub(super) fn stops(&self) -> bool {
        self.isolated == Isolated::Stop
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct MemberSpec {
    pub(super) name: Name,
    pub(super) place: u8,
    /// Its node and port, as `NODE:PORT`.
    pub(super) at: String,
    /// It is at a port of this node.
    pub(super) is_here: bool,
    pub(super) way: Way,
    /// Address from which it is probed.
    pub(super) prober: [u8; 6],
    pub(super) monitor: Option<String>,
}

/// How probes get to a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// Out of this interface as they are.
    Port(u32),
    /// As frames of the segment in which members are probed.
    NextHop {
        /// The member's.
        id: u32,
        segment: u32,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Probed {
    pub(super) address: IpAddr,
    pub(super) source: Option<Ipv4Addr>,
    pub(super) vid: Option<u16>,
}

/// Everything that this node steers, and the interface behind each port slot.
pub(crate) fn specs(valid: &Valid, here: Option<NodeIx>, image: &Image) -> (Vec<Spec>, BTreeMap<u16, u32>) {
    let ports: BTreeMap<&IfName, _> = image.ports().collect();
    let egress = ports
        .values()
        .map(|plan| (plan.slot, plan.facts.ifindex))
        .collect();
    let seen = Seen {
        valid,
        here,
        image,
        ports,
    };
    let specs = valid.storage().iter().filter_map(|vsm| seen.spec(vsm));
    (specs.collect(), egress)
}

struct Seen<'a> {
    valid: &'a Valid,
    here: Option<NodeIx>,
    image: &'a Image,
    ports: BTreeMap<&'a IfName, &'a PortPlan>,
}

impl Seen<'_> {
    fn spec(&self, vsm: &ValidVsm) -> Option<Spec> {
        let ids = self.image.steered(&vsm.name)?;
        let places = vsm.segments.iter().filter_map(|place| {
            let ids = self.ids(place)?;
            Some(PlaceSpec {
                place: ids.vsms.get(&vsm.name)?.place,
                segment: ids.segment,
                vlan: self.valid.segment(place.segment).vlan,
                routed: self.routed(place),
            })
        });
        let first = vsm.segments.first()?;
        let health = vsm.health;
        let member = |member| match vsm.is_shared() {
            true => Some(self.away(vsm, member)),
            false => self.here(member, &ids.members),
        };
        Some(Spec {
            name: vsm.name.clone(),
            id: ids.id,
            mac: vsm.mac,
            tcp_port: vsm.tcp_port,
            members: vsm.members.iter().filter_map(member).collect(),
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
            shared: vsm.is_shared().then(|| SharedSpec {
                may_decide: vsm.members.iter().any(|member| Some(member.node) == self.here),
                others: vsm
                    .nodes()
                    .into_keys()
                    .filter(|node| Some(*node) != self.here)
                    .map(|node| self.valid.node(node).name.clone())
                    .collect(),
                edges: vsm.segments.iter().flat_map(|place| self.edges(place)).collect(),
                isolated: health.isolated,
            }),
        })
    }

    fn ids(&self, place: &ValidVsmSegment) -> Option<&SegmentIds> {
        let name = &self.valid.segment(place.segment).name;
        Some(&self.image.segments.get(name)?.ids)
    }

    /// What the segment's gateway joins it to.
    fn routed(&self, place: &ValidVsmSegment) -> BTreeMap<u32, Heard> {
        let gateway = self.valid.segment(place.segment).gateway;
        let Some(gateway) = gateway.and_then(|(at, _)| self.valid.gateways().get(at)) else {
            return BTreeMap::new();
        };
        let others = gateway
            .segments
            .iter()
            .filter(|other| other.segment != place.segment);
        others
            .filter_map(|other| {
                let segment = self.valid.segment(other.segment);
                let ids = &self.image.segments.get(&segment.name)?.ids;
                let heard = Heard {
                    from: gateway.mac.octets(),
                    vlan: segment.vlan,
                };
                Some((ids.segment, heard))
            })
            .collect()
    }

    fn here(&self, member: &ValidMember, places: &BTreeMap<Name, u8>) -> Option<MemberSpec> {
        let plan = self.ports.get(&member.port)?;
        Some(MemberSpec {
            name: member.name.clone(),
            place: *places.get(&member.name)?,
            at: self.at(member),
            is_here: true,
            way: Way::Port(plan.facts.ifindex),
            prober: plan.facts.mac,
            monitor: member.monitor.clone(),
        })
    }

    /// A member at any node. One that nothing leads to is asked in vain.
    fn away(&self, vsm: &ValidVsm, member: &ValidMember) -> MemberSpec {
        let probed = vsm.segments.first().and_then(|first| {
            let name = &self.valid.segment(first.segment).name;
            let part = self.image.segments.get(name)?;
            let place = part.ids.vsms.get(&vsm.name)?.place;
            let next_hops = part.records.vsm_places.get(&place)?.next_hops;
            Some((*next_hops.get(usize::from(member.place))?, part.ids.segment))
        });
        let (id, segment) = probed.unwrap_or_default();
        let own = self.here.and_then(|here| vsm.nodes().get(&here).copied());
        MemberSpec {
            name: member.name.clone(),
            place: member.place,
            at: self.at(member),
            is_here: Some(member.node) == self.here,
            way: Way::NextHop { id, segment },
            prober: mac_octets(vsm.prober(own.unwrap_or(probe::NOBODY), member.place)),
            monitor: member.monitor.clone(),
        }
    }

    fn at(&self, member: &ValidMember) -> String {
        format!("{}:{}", self.valid.node(member.node).name, member.port)
    }

    fn edges(&self, place: &ValidVsmSegment) -> Vec<u32> {
        let segment = self.valid.segment(place.segment);
        let remotes = segment.remotes.iter().filter(|end| Some(end.node) == self.here);
        let foreign: BTreeSet<&Name> = remotes.map(|end| &self.valid.link(end.link).name).collect();
        let hops = self.ids(place).map(|ids| &ids.next_hops).into_iter().flatten();
        hops.filter(|(place, _)| match place {
            Place::Local(..) => true,
            Place::Remote(link, _) => foreign.contains(link),
            Place::Far(..) | Place::Labelled(..) | Place::Via(..) | Place::Onward(..) => false,
        })
        .map(|(_, hop)| hop.id)
        .collect()
    }
}
