//! What storage machines are to one node: steered here, alone or as at every other node of its segments, or a station somewhere
//! else.

use fabric_common::maps::storage::{MEMBERS, probe};
use fabric_common::wire::mac_word;

use super::far::Landings;
use super::node::NodeView;
use crate::error::Refusal;
use crate::ids::{NodeIds, Place, Pools, VsmIds};
use crate::model::{IfName, Name};
use crate::records::VsmLimits;
use crate::validate::{NodeIx, Valid, ValidVsm};

const MILLISECOND: u64 = 1_000_000;

/// A storage machine whose members are at this node, or at several nodes and seen here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Steered {
    pub(super) ids: VsmIds,
    pub(super) limits: VsmLimits,
}

impl Steered {
    fn of(
        (valid, vsm): (&Valid, &ValidVsm),
        here: NodeIx,
        old: Option<&VsmIds>,
        pools: &mut Pools,
    ) -> Result<Self, Refusal> {
        let mut ids = VsmIds {
            id: match old {
                Some(old) => old.id,
                None => pools.vsm()?,
            },
            ..VsmIds::default()
        };
        let is_shared = vsm.is_shared();
        for member in &vsm.members {
            let name = &member.name;
            ids.ports.insert(name.clone(), member.port.clone());
            if member.node != here {
                ids.nodes
                    .insert(name.clone(), valid.node(member.node).name.clone());
            }
        }
        for member in &vsm.members {
            let place = if is_shared {
                Some(member.place)
            } else {
                old.and_then(|old| known(old, &ids, &member.name))
            };
            ids.members
                .extend(place.map(|place| (member.name.clone(), place)));
        }
        for member in &vsm.members {
            if !ids.members.contains_key(&member.name) {
                let place = free_place(&ids, old);
                ids.members.insert(member.name.clone(), place);
            }
        }
        Ok(Self {
            ids,
            limits: VsmLimits {
                probe: vsm.silence_limit(),
                silence: unprobed_silence(vsm),
                tcp_port: vsm.tried_port().unwrap_or(0),
                prober: if is_shared {
                    vsm.prober(vsm.nodes().get(&here).copied().unwrap_or(probe::NOBODY), 0)
                } else {
                    0
                },
            },
        })
    }

    pub(super) fn same_numbers(&self, other: &Self) -> bool {
        self.ids == other.ids && self.limits.prober == other.limits.prober
    }
}

/// Silence that is death while nobody probes, in nanoseconds. A copy that has broken since then would be as good as any other, and
/// nobody is there to say so: where data are copied no silence is enough.
fn unprobed_silence(vsm: &ValidVsm) -> u64 {
    match vsm.replication {
        Some(_) => u64::MAX,
        None => u64::from(vsm.health.silence_ms) * MILLISECOND,
    }
}

/// The place of a member that is where it was. The word that says who is in charge must not mean another machine.
fn known(old: &VsmIds, new: &VsmIds, name: &Name) -> Option<u8> {
    let place = old.members.get(name).copied();
    place.filter(|_| old.is_same_machine(new, name))
}

/// A place that no member has, and that none had before: frames under way still mean that one.
fn free_place(ids: &VsmIds, old: Option<&VsmIds>) -> u8 {
    let places = || 0..u8::try_from(MEMBERS).unwrap_or(u8::MAX);
    let has = |ids: &VsmIds, place: &u8| ids.members.values().any(|known| known == place);
    let mut unused = places().filter(|place| !has(ids, place));
    let mut fresh = places().filter(|place| !has(ids, place) && !old.is_some_and(|old| has(old, place)));
    fresh.next().or_else(|| unused.next()).unwrap_or(0)
}

impl NodeView {
    pub(super) fn add_storage(
        &mut self,
        valid: &Valid,
        here: NodeIx,
        old: &NodeIds,
        pools: &mut Pools,
    ) -> Result<(), Refusal> {
        let is_seen = |vsm: &ValidVsm| {
            let mut segments = vsm.segments.iter().map(|place| valid.segment(place.segment));
            segments.any(|segment| Landings::of(valid, here, segment).are_here())
        };
        let is_steered = |vsm: &&ValidVsm| match vsm.node() {
            Some(node) => node == here,
            None => is_seen(vsm),
        };
        for vsm in valid.storage().iter().filter(is_steered) {
            let steered = Steered::of((valid, vsm), here, old.vsms.get(&vsm.name), pools)?;
            self.ids.vsms.insert(vsm.name.clone(), steered.ids.clone());
            self.steered.insert(vsm.name.clone(), steered);
        }
        Ok(())
    }
}

/// A storage machine in a segment, as one node sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum VsmInput {
    /// This node steers it.
    Here {
        name: Name,
        mac: u64,
        vsm: u32,
        /// The place of each member, and where it is.
        members: Vec<(u8, Spot)>,
        /// Addresses of other nodes' probes, and the way to these nodes.
        probers: Vec<(u64, Place)>,
    },
    /// Another node has them, and decides anew: frames go there as to everybody.
    There { mac: u64, place: Place },
}

/// Where a member is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Spot {
    /// At this port.
    Port(IfName),
    /// At another node, which decides anew.
    Away(Place),
}

impl VsmInput {
    pub(super) fn all(landings: &Landings<'_>, view: &NodeView) -> Result<Vec<Self>, Refusal> {
        let vsms = landings
            .segment
            .storage
            .iter()
            .filter_map(|at| landings.valid.storage().get(*at));
        vsms.filter_map(|vsm| Self::of(landings, view, vsm).transpose())
            .collect()
    }

    fn of(landings: &Landings<'_>, view: &NodeView, vsm: &ValidVsm) -> Result<Option<Self>, Refusal> {
        let mac = mac_word(vsm.mac.octets());
        if let Some(steered) = view.steered.get(&vsm.name) {
            let place = |name| steered.ids.members.get(name).copied();
            let mut members = Vec::new();
            for member in &vsm.members {
                let spot = if member.node == landings.here {
                    Some(Spot::Port(member.port.clone()))
                } else {
                    landings.everybody_at(member.node, view)?.map(Spot::Away)
                };
                members.extend(place(&member.name).zip(spot));
            }
            return Ok(Some(Self::Here {
                name: vsm.name.clone(),
                mac,
                vsm: steered.ids.id,
                members,
                probers: probers(landings, view, vsm)?,
            }));
        }
        let Some(node) = vsm.node() else { return Ok(None) };
        let place = landings.everybody_at(node, view)?;
        Ok(place.map(|place| Self::There { mac, place }))
    }
}

/// Static, so that no station can draw the answers to itself or ask in another's name. Members are probed in the first segment.
fn probers(landings: &Landings<'_>, view: &NodeView, vsm: &ValidVsm) -> Result<Vec<(u64, Place)>, Refusal> {
    let mut probers = Vec::new();
    let is_probed = vsm
        .segments
        .first()
        .is_some_and(|first| std::ptr::eq(landings.valid.segment(first.segment), landings.segment));
    if !is_probed || !vsm.is_shared() {
        return Ok(probers);
    }
    for (node, number) in vsm.nodes().into_iter().filter(|(node, _)| *node != landings.here) {
        if let Some(place) = landings.everybody_at(node, view)? {
            let members = vsm.members.iter();
            probers.extend(members.map(|member| (vsm.prober(number, member.place), place.clone())));
        }
    }
    Ok(probers)
}
