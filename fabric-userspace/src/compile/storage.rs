//! What storage machines are to one node: steered here, or a station somewhere else.

use fabric_common::maps::storage::MEMBERS;
use fabric_common::wire::mac_word;

use super::far::Landings;
use super::node::NodeView;
use crate::error::Refusal;
use crate::ids::{NodeIds, Place, Pools, VsmIds};
use crate::model::IfName;
use crate::records::VsmLimits;
use crate::validate::{NodeIx, Valid, ValidVsm};

const MILLISECOND: u64 = 1_000_000;

/// A storage machine whose members are at this node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Steered {
    pub(super) ids: VsmIds,
    pub(super) limits: VsmLimits,
}

impl Steered {
    fn of(vsm: &ValidVsm, old: Option<&VsmIds>, pools: &mut Pools) -> Result<Self, Refusal> {
        let mut ids = VsmIds {
            id: match old {
                Some(old) => old.id,
                None => pools.vsm()?,
            },
            ..VsmIds::default()
        };
        let known = |name| old.and_then(|old| old.members.get(name)).copied();
        for member in &vsm.members {
            ids.members
                .extend(known(&member.name).map(|place| (member.name.clone(), place)));
        }
        for member in &vsm.members {
            if !ids.members.contains_key(&member.name) {
                let place = free_place(&ids, old);
                ids.members.insert(member.name.clone(), place);
            }
        }
        let health = vsm.health;
        Ok(Self {
            ids,
            limits: VsmLimits {
                probe: vsm.silence_limit(),
                silence: u64::from(health.silence_ms) * MILLISECOND,
                tcp_port: vsm.tried_port().unwrap_or(0),
            },
        })
    }

    pub(super) fn same_numbers(&self, other: &Self) -> bool {
        self.ids == other.ids
    }
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
        for vsm in valid.storage().iter().filter(|vsm| vsm.node() == Some(here)) {
            let steered = Steered::of(vsm, old.vsms.get(&vsm.name), pools)?;
            self.ids.vsms.insert(vsm.name.clone(), steered.ids.clone());
            self.steered.insert(vsm.name.clone(), steered);
        }
        Ok(())
    }
}

/// A storage machine in a segment, as one node sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum VsmInput {
    /// This node has its members.
    Here {
        name: crate::model::Name,
        mac: u64,
        vsm: u32,
        /// The place of each member, and its port.
        members: Vec<(u8, IfName)>,
    },
    /// Another node has them, and decides anew: frames go there as to everybody.
    There { mac: u64, place: Place },
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
            let members = vsm.members.iter();
            return Ok(Some(Self::Here {
                name: vsm.name.clone(),
                mac,
                vsm: steered.ids.id,
                members: members
                    .filter_map(|member| Some((place(&member.name)?, member.port.clone())))
                    .collect(),
            }));
        }
        let Some(node) = vsm.node() else { return Ok(None) };
        let place = landings.everybody_at(node, view)?;
        Ok(place.map(|place| Self::There { mac, place }))
    }
}
