//! Revisions that are in force until they are confirmed (a confirmed commit, RFC 6241 section 8.4).

use std::time::Duration;

use crate::error::{Refusal, codes};

/// On which terms a revision is put in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Terms {
    /// For good. Not in place of a revision that waits to be confirmed.
    Final,
    /// Until somebody confirms it. Otherwise whoever finds the time over puts the revision before in force again.
    Within(Duration),
    /// For good, in place of a revision that waits, and only as long as that one does.
    Back,
    /// For good, whether the one in force waits or not: it cannot be carried out, or the store has lost what came after it.
    Anyway,
}

/// A revision that waits to be confirmed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending {
    /// In force until then.
    pub revision: u64,
    /// What comes back unless it is confirmed.
    pub before: u64,
    /// How long it was given.
    pub window: Duration,
    /// How much of that is left; zero when it is over.
    pub left: Duration,
    /// The node that took it; `None` where there is only one.
    pub by: Option<String>,
}

/// A change while another one waits.
pub(crate) fn waits(revision: u64, before: u64, by: Option<&str>) -> Refusal {
    let taken = by.map(|by| format!(", applied at {by},")).unwrap_or_default();
    let sentence =
        format!("revision {revision}{taken} waits to be confirmed, and no other change is made meanwhile");
    Refusal::new(codes::CONFIRM_PENDING, sentence)
        .with_cure(format!(
            "fabric confirm {revision}, or go back now: fabric rollback {before}"
        ))
        .unchanged()
}

/// A confirmation that nobody waits for.
pub(crate) fn none_pending(revision: u64, in_force: u64) -> Refusal {
    let sentence = if revision == in_force {
        format!("revision {revision} waits for no confirmation")
    } else {
        format!("revision {revision} is not in force any more, but {in_force}")
    };
    Refusal::new(codes::NOTHING_PENDING, sentence)
        .with_cure("fabric history")
        .unchanged()
}
