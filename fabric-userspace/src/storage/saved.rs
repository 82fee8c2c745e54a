//! What is written down of storage machines.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::board::Board;
use super::judge::Member;
use super::watched::Watched;
use crate::model::Name;

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
}

impl Board {
    /// What should be written down; `before` was.
    pub(crate) fn saved(&self, before: &BTreeMap<Name, Saved>) -> BTreeMap<Name, Saved> {
        let all = self.vsms.iter();
        all.filter_map(|(name, watched)| Some((name.clone(), watched.to_save(before.get(name))?)))
            .collect()
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
