//! How far the copies of a storage machine's data are, from what the software that copies says, or does not say.

use std::collections::BTreeMap;

use super::board::Board;
use super::judge::CopyState;
use super::monitor::Progress;
use super::watched::Watched;
use crate::model::{Name, ReplicationPolicy};

const SECOND: u64 = 1_000_000_000;
/// A member in charge that lives and whose copying is not heard of for so long may have lost its copies.
pub(super) const UNHEARD: u64 = 2 * SECOND;
/// The same at a node that does not know whether the member lives: long enough for another one to come into office and to switch, had
/// it died.
const UNHEARD_ELSEWHERE: u64 = 10 * SECOND;

impl Board {
    /// What the copying of the member in charge `from` says of the copies, by member; `None` if it did not answer. True if nothing
    /// is believed of the copies any more, because it has not answered for too long.
    pub(crate) fn copies(
        &mut self,
        name: &Name,
        from: &Name,
        copies: Option<&BTreeMap<String, Progress>>,
        now: u64,
    ) -> bool {
        let Some(watched) = self.vsms.get_mut(name) else {
            return false;
        };
        let is_meant = watched.in_charge().is_some_and(|working| working.name == *from);
        is_meant && watched.has_monitor(from) && watched.hear_copies(copies, now)
    }
}

impl Watched {
    /// Whether there are copies of a member's data, and software that tells how far they are.
    pub(super) fn has_monitor(&self, member: &Name) -> bool {
        let mut members = self.spec.members.iter();
        self.spec.replication.is_some() && members.any(|spec| spec.name == *member && spec.monitor.is_some())
    }

    /// As [`Board::copies`]. No answer of a member that is dead changes nothing: it may have died with complete copies.
    pub(super) fn hear_copies(&mut self, copies: Option<&BTreeMap<String, Progress>>, now: u64) -> bool {
        if let Some(copies) = copies {
            self.copies_heard = now;
            self.take_copies(copies, now);
            return false;
        }
        let knows = self.asks(now);
        if self.copies_heard == 0 || knows && !self.in_charge().is_some_and(|working| working.is_up()) {
            self.copies_heard = now;
            return false;
        }
        let patience = if knows { UNHEARD } else { UNHEARD_ELSEWHERE };
        if now - self.copies_heard < patience {
            return false;
        }
        let before: Vec<CopyState> = self.members.iter().map(|member| member.copy).collect();
        self.take_copies(&BTreeMap::new(), now);
        if self.members.iter().map(|member| member.copy).ne(before) {
            tracing::warn!(vsm = %self.spec.name, "the software that copies is not heard of, the copies count as stale");
        }
        true
    }

    /// Takes in how far the copies are that are made from the member in charge; those of which nothing is said are stale.
    pub(super) fn take_copies(&mut self, copies: &BTreeMap<String, Progress>, now: u64) {
        let policy = self.spec.replication;
        let from = self.in_charge().map(|working| working.name.clone());
        for member in self
            .members
            .iter_mut()
            .filter(|member| from.as_ref() != Some(&member.name))
        {
            member.copy = copy_state(copies.get(member.name.as_str()), policy, member.copy, now);
            if member.copy == CopyState::Current {
                member.is_new = false;
            }
        }
    }
}

impl Progress {
    /// With `sync` a copy that is in step has every write that was acknowledged, if these wait for it.
    pub(crate) fn is_in_step(&self, policy: Option<ReplicationPolicy>) -> bool {
        self.in_step && !(self.is_late && policy == Some(ReplicationPolicy::Sync))
    }
}

/// With `sync` a copy that is in step has every write that was acknowledged; otherwise it must have all of them.
fn copy_state(
    progress: Option<&Progress>,
    policy: Option<ReplicationPolicy>,
    before: CopyState,
    now: u64,
) -> CopyState {
    let is_complete = |progress: &&Progress| {
        progress.is_in_step(policy) && (policy == Some(ReplicationPolicy::Sync) || progress.lag == 0)
    };
    if progress.filter(is_complete).is_some() {
        return CopyState::Current;
    }
    let since = match before {
        CopyState::Stale { since, .. } => since,
        CopyState::Current => now,
    };
    CopyState::Stale {
        since,
        lag: progress.map(|progress| progress.lag),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A copy that is made together with each write has all that was acknowledged as soon as it is in step; one that is made later
    /// must have caught up (US 10,560,283 column 22).
    #[test]
    fn what_a_copy_must_have_depends_on_when_it_is_made() {
        let current = CopyState::Current;
        let stale = |since, lag| CopyState::Stale { since, lag };
        for (policy, in_step, is_late, lag, expected) in [
            (ReplicationPolicy::Sync, true, false, 4096, current),
            (ReplicationPolicy::Sync, false, false, 0, stale(9, Some(0))),
            (ReplicationPolicy::Sync, true, true, 0, stale(9, Some(0))),
            (
                ReplicationPolicy::Interval,
                true,
                true,
                4096,
                stale(9, Some(4096)),
            ),
            (ReplicationPolicy::Interval, true, true, 0, current),
            (ReplicationPolicy::Batch, true, false, 1, stale(9, Some(1))),
            (ReplicationPolicy::Batch, true, false, 0, current),
        ] {
            let progress = Progress {
                in_step,
                is_late,
                lag,
            };
            let state = copy_state(Some(&progress), Some(policy), current, 9);
            assert_eq!(state, expected, "{policy} {in_step} {is_late} {lag}");
        }
        let since_before = copy_state(None, Some(ReplicationPolicy::Sync), stale(4, None), 9);
        assert_eq!(since_before, stale(4, None), "nobody copies to it");
    }
}
