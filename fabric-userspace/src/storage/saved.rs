//! What is written down of storage machines.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::board::Board;
use super::judge::Member;
use super::spec::Spec;
use super::watched::Watched;
use crate::model::Name;

/// Most storage machines that are remembered beside those that are watched.
const MOST_LEFT: usize = 1000;

/// What survives a reboot: who was in charge, so that an old copy is not served.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Saved {
    /// Number of the last switch.
    pub(crate) epoch: u32,
    /// Member in charge.
    pub(crate) member: Name,
    /// Where it was, as `NODE:PORT`.
    #[serde(default)]
    pub(crate) at: Option<String>,
    /// Members that are kept out of use.
    #[serde(default)]
    pub(crate) drained: Vec<Name>,
    /// The epoch is one of the store's.
    #[serde(default)]
    pub(crate) shared: bool,
    /// Told to stay where it is until told otherwise.
    #[serde(default)]
    pub(crate) manual: bool,
    /// 0 while this node watches it; afterwards the higher the later it ceased to.
    #[serde(default)]
    pub(crate) left: u64,
}

impl Saved {
    /// Whether it may be believed of what now has the name. One that was not watched meanwhile begins anew, but for a copy that may
    /// be old; and without the machine that was in charge it is another one. What this node decided alone it does not tell others
    /// then: they may have decided since.
    pub(super) fn is_of(&self, spec: &Spec) -> bool {
        let is_there = self.at.is_some() && self.at.as_deref() == spec.at(&self.member);
        let is_known = self.shared || spec.shared.is_none();
        self.left == 0 || spec.replication.is_some() && is_there && is_known
    }
}

impl Board {
    /// What should be written down; `before` was. Of one that `is_elsewhere`, in the document and watched by another node, what was is over.
    pub(crate) fn saved(
        &self,
        before: &BTreeMap<Name, Saved>,
        is_elsewhere: impl Fn(&Name) -> bool,
    ) -> BTreeMap<Name, Saved> {
        let mut all = self.left(before, is_elsewhere);
        for (name, watched) in &self.vsms {
            if let Some(saved) = watched.to_save(before.get(name)) {
                all.insert(name.clone(), saved);
            }
        }
        all
    }

    /// Those that are not watched any more. A document that is taken back brings them back, and then the copy of the preferred
    /// member may be the old one.
    fn left(
        &self,
        before: &BTreeMap<Name, Saved>,
        is_elsewhere: impl Fn(&Name) -> bool,
    ) -> BTreeMap<Name, Saved> {
        let last = before.values().map(|saved| saved.left).max().unwrap_or(0);
        let gone = before
            .iter()
            .filter(|(name, _)| !self.vsms.contains_key(*name) && !is_elsewhere(name));
        let mut left: Vec<(Name, Saved)> = gone
            .map(|(name, saved)| {
                let mut saved = saved.clone();
                if saved.left == 0 {
                    saved.left = last + 1;
                }
                (name.clone(), saved)
            })
            .collect();
        left.sort_by_key(|(_, saved)| Reverse(saved.left));
        left.truncate(MOST_LEFT);
        left.into_iter().collect()
    }
}

impl Watched {
    /// The member that was in charge when that was written down, if it is still the same machine.
    pub(super) fn saved(&self, saved: &Saved) -> Option<&Member> {
        let at = self.spec.at(&saved.member);
        let is_same = saved.at.is_none() || saved.at.as_deref() == at;
        let mut members = self.members.iter();
        members.find(|member| is_same && member.name == saved.member)
    }

    /// Where the machine in charge has left, nobody is, and it stays the one that was: what comes in its place must not be taken
    /// for it after a reboot either.
    pub(super) fn to_save(&self, before: Option<&Saved>) -> Option<Saved> {
        let (member, at) = match self.in_charge() {
            Some(working) => (
                working.name.clone(),
                self.spec.at(&working.name).map(str::to_owned),
            ),
            None => self.last_in_charge(before)?,
        };
        Some(Saved {
            epoch: self.charge.epoch(),
            member,
            at,
            drained: self.drained().cloned().collect(),
            shared: self.shared.is_some(),
            manual: self.manual,
            left: 0,
        })
    }

    fn last_in_charge(&self, before: Option<&Saved>) -> Option<(Name, Option<String>)> {
        let Some(shared) = &self.shared else {
            return before.map(|before| (before.member.clone(), before.at.clone()));
        };
        let owner = shared.fence.newest()?;
        let at = Some(owner.decision.at.clone()).filter(|at| !at.is_empty());
        Some((Name::new(&owner.member).ok()?, at))
    }
}
