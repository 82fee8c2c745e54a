//! What the board does for storage machines that several nodes steer.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::board::Board;
use super::judge::Cause;
use super::monitor::Progress;
use super::shared::{Candidate, PROVED};
use super::wishes::Wish;
use crate::api::Act;
use crate::error::{Refusal, codes};
use crate::model::Name;
use crate::store::etcd::{Owner, Standing};

impl Board {
    /// Takes in all that stands in the store; at `proved` nothing newer did, in nanoseconds of the monotonic clock.
    pub(crate) fn hear(&mut self, all: &BTreeMap<String, Standing>, proved: u64) {
        self.take_in(all, proved);
        self.heard = Some((all.clone(), proved));
    }

    /// A storage machine that has come goes by what was heard last.
    pub(super) fn recall(&mut self) {
        let is_recent = |(_, proved): &(_, u64)| super::nanoseconds().saturating_sub(*proved) < PROVED;
        if let Some((all, proved)) = self.heard.take().filter(is_recent) {
            self.take_in(&all, proved);
            self.heard = Some((all, proved));
        }
    }

    fn take_in(&mut self, all: &BTreeMap<String, Standing>, proved: u64) {
        let none = Standing::default();
        let (vsms, tools) = self.parts();
        for (name, watched) in vsms.iter_mut() {
            let standing = all.get(name.as_str()).unwrap_or(&none);
            if let Some(vsm) = tools.tables.vsm(watched.spec.id) {
                watched.hear(vsm, standing, proved, &tools);
            }
        }
        for (name, report) in all
            .iter()
            .filter_map(|(name, one)| Some((name, one.copies.as_ref()?)))
        {
            let (Ok(name), Ok(from)) = (Name::new(name), Name::new(&report.from)) else {
                continue;
            };
            let Some(watched) = self.vsms.get_mut(&name) else {
                continue;
            };
            // What was told last stays in the store, also when nobody tells of copies any more.
            let is_present = watched.shared.is_some()
                && watched.has_monitor(&from)
                && u64::from(watched.charge.epoch()) == report.epoch
                && watched.in_charge().is_some_and(|working| working.name == from);
            if is_present {
                let copies = report.copies.iter().map(|(member, (in_step, lag))| {
                    let progress = Progress {
                        in_step: *in_step,
                        // It would not be in step by the report.
                        is_late: false,
                        lag: *lag,
                    };
                    (member.clone(), progress)
                });
                watched.take_copies(&copies.collect(), super::nanoseconds());
            }
        }
    }

    /// What this node has decided.
    pub(crate) fn obey(&mut self, name: &Name, owner: &Owner) {
        let (vsms, tools) = self.parts();
        if let Some(watched) = vsms.get_mut(name)
            && let Some(vsm) = tools.tables.vsm(watched.spec.id)
        {
            watched.obey(vsm, owner, &tools);
        }
    }

    /// What this node wanted was not decided.
    pub(crate) fn disappoint(&mut self, name: &Name) {
        if let Some(watched) = self.vsms.get_mut(name) {
            watched.disappoint(super::nanoseconds());
        }
    }

    /// What this node wanted has to wait for another one.
    pub(crate) fn wait(&mut self, name: &Name) {
        if let Some(watched) = self.vsms.get_mut(name) {
            watched.wait(super::nanoseconds());
        }
    }

    /// The store has noted whether this node decides alone about a storage machine.
    pub(crate) fn told_alone(&mut self, name: &Name, is_so: bool) {
        if let Some(watched) = self.vsms.get_mut(name) {
            watched.told_alone = Some(is_so);
        }
    }

    /// What the store was told of deciding alone may be lost.
    pub(crate) fn tell_again(&mut self) {
        self.vsms
            .values_mut()
            .for_each(|watched| watched.told_alone = None);
    }

    /// This node decides about a storage machine for so long; no time is no more.
    pub(crate) fn set_office(&mut self, name: &Name, proof: Duration) {
        let now = super::nanoseconds();
        let (vsms, tools) = self.parts();
        if let Some(watched) = vsms.get_mut(name)
            && let Some(vsm) = tools.tables.vsm(watched.spec.id)
        {
            watched.set_office(vsm, proof, now);
        }
    }

    /// Takes note of the storage machines that the newest document has otherwise than this node could carry out.
    pub(crate) fn contest(&mut self, names: &BTreeSet<Name>) {
        for (name, watched) in &mut self.vsms {
            watched.is_contested = names.contains(name);
        }
    }

    /// Storage machines that this node could decide about.
    pub(crate) fn candidates(&self) -> Vec<Candidate> {
        let now = super::nanoseconds();
        let all = self.vsms.values();
        all.filter_map(|watched| watched.candidate(now)).collect()
    }

    /// What must be decided for an action; `None` if this node can do it alone.
    ///
    /// # Errors
    /// The member is unknown or may not serve, or another node decides.
    pub(crate) fn wish_of(&mut self, name: &Name, act: &Act) -> Result<Option<Wish>, Refusal> {
        let now = super::nanoseconds();
        let watched = self.find(name)?;
        let Some(shared) = &watched.shared else {
            return Ok(None);
        };
        if matches!(act, Act::Nudge) {
            return Ok(None);
        }
        if let Some(problem) = &shared.unreadable {
            return Err(unreadable(name, problem));
        }
        if !shared.is_in_office(now) {
            return Err(elsewhere(name, shared.steward.as_ref()));
        }
        let working = watched.in_charge().map(|working| working.name.clone());
        let (to, cause) = match act {
            Act::Switch { to, force } => {
                watched.may_switch_to(to, *force)?;
                watched.begin_asking();
                watched.manual = true;
                (Some(to.clone()), Cause::Manual)
            }
            Act::Drain { member } => {
                watched.member(member)?;
                let next = watched.may_drain(member, now)?;
                watched.begin_asking();
                watched.drain(member, next.is_some())?;
                (next.or(working), Cause::Drained)
            }
            Act::Restore { member } => {
                watched.begin_asking();
                watched.restore(member.as_ref())?;
                (working, Cause::Restored)
            }
            Act::Nudge => (None, Cause::Manual),
        };
        let mut wish = to.map(|to| watched.wish_for(&to, cause, now));
        if let (Some(wish), Act::Switch { force: true, .. }) = (&mut wish, act) {
            wish.awaits.clear();
        }
        Ok(wish)
    }
}

fn unreadable(name: &Name, problem: &str) -> Refusal {
    let sentence = format!("nobody can decide about storage machine {name}: {problem}");
    Refusal::new(codes::STATE_DAMAGED, sentence)
        .with_cure("upgrade this node, or remove that key: its nodes put the newest owner back")
        .unchanged()
}

fn elsewhere(name: &Name, steward: Option<&Name>) -> Refusal {
    match steward {
        Some(node) => Refusal::new(
            codes::STORAGE_ELSEWHERE,
            format!("node {node} decides about storage machine {name}"),
        )
        .with_cure(format!("ask the agent of node {node}")),
        None => Refusal::new(
            codes::STORAGE_ELSEWHERE,
            format!("no node decides about storage machine {name} now"),
        )
        .with_cure(
            "try again in a few seconds; fabric node list tells which nodes are in touch with the store",
        ),
    }
    .unchanged()
}
