//! Revisions that are in force until they are confirmed: the time, the drops that tell of a mistake, and the way back.
//!
//! With a shared store every node watches, and the first one that finds a reason puts the revision before in force by one
//! compare-and-swap on the revision that waits. Those who come second are refused, and follow.

mod drops;

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::time::Duration;

use fabric_common::DropReason;
use fabric_common::maps::Direction;
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval};

use drops::Drops;

use super::change;
use super::core::{Core, failed};
use super::server::Shared;
use crate::api;
use crate::error::{Refusal, codes};
use crate::store::etcd::EtcdStore;
use crate::store::{Pending, Store as _, Stored, Terms, none_pending, waits};

/// How often the time is looked at.
const TICK: Duration = Duration::from_millis(250);
/// Pause after a return that failed.
const RETRY: Duration = Duration::from_secs(2);
/// The node that took the revision goes back first; the others wait so long, and up to as much again.
const STAGGER: Duration = Duration::from_millis(500);
/// Shorter, nobody could look at what came of it; and members of etcd know no shorter leases.
const SHORTEST: u64 = 3;
/// A day: no other change is made meanwhile.
const LONGEST: u64 = 86_400;

/// Drops by which a document shows that it does not fit to those of the neighbours: tags, labels and VNIs of the fabric
/// that mean nothing here.
const TELLING: [DropReason; 5] = [
    DropReason::UnknownTags,
    DropReason::UnknownVni,
    DropReason::UnknownLabel,
    DropReason::UnknownISid,
    DropReason::UnknownGlobalVlan,
];

/// A revision that waits, as this node sees it.
#[derive(Clone, Debug)]
pub(super) struct Waiting {
    pub(super) pending: Pending,
    /// On the clock that nobody can set.
    ends: Instant,
    /// When this node heard of it.
    since: Instant,
    /// Why it must go back before its time.
    reason: Option<String>,
}

impl Waiting {
    pub(super) fn new(pending: Pending) -> Self {
        let now = Instant::now();
        Self {
            ends: now + pending.left,
            since: now,
            reason: None,
            pending,
        }
    }

    /// For the operator.
    pub(super) fn told(&self) -> api::Pending {
        let left = self.ends.saturating_duration_since(Instant::now());
        api::Pending {
            revision: self.pending.revision,
            before: self.pending.before,
            window_seconds: self.pending.window.as_secs(),
            left_seconds: u64::try_from(left.as_millis().div_ceil(1000)).unwrap_or(u64::MAX),
            by: self.pending.by.clone(),
        }
    }
}

/// The terms that a request names.
///
/// # Errors
/// For a time that is too short or too long.
pub(super) fn terms(confirm_within: Option<u64>) -> Result<Terms, Refusal> {
    match confirm_within {
        None => Ok(Terms::Final),
        Some(seconds @ SHORTEST..=LONGEST) => Ok(Terms::Within(Duration::from_secs(seconds))),
        Some(seconds) => {
            let sentence = format!("{seconds} s is no time to confirm in");
            Err(Refusal::new(codes::BAD_VALUE, sentence)
                .with_cure(format!("give {SHORTEST} to {LONGEST} seconds"))
                .unchanged())
        }
    }
}

/// Makes the revision that waits final.
///
/// # Errors
/// When none waits, or the store does not answer.
pub(super) async fn confirm(shared: &Shared, request: &api::Confirm) -> Result<api::Confirmed, Refusal> {
    let mut core = shared.core.lock().await;
    let in_force = core.revision();
    let Some(store) = core.shared_store() else {
        let revision = request.revision.unwrap_or(in_force);
        core.store.confirm(revision).await?;
        core.pending = None;
        return Ok(api::Confirmed { revision });
    };
    drop(core);
    let waiting = store.pending().await?.map(|pending| pending.revision);
    let revision = request.revision.or(waiting).unwrap_or(in_force);
    store.confirm(revision).await?;
    shared.core.lock().await.end_trial(revision);
    Ok(api::Confirmed { revision })
}

/// Takes note of what waits in the shared store, as far as it was read.
///
/// # Errors
/// When the store does not say how much time is left.
pub(super) async fn learn(shared: &Shared, store: &EtcdStore) -> Result<(), Refusal> {
    let told = store.waiting_revision().await;
    let known = |core: &Core| core.pending.as_ref().map(|waiting| waiting.pending.revision);
    if known(&*shared.core.lock().await) == told {
        return Ok(());
    }
    let pending = store.told_pending().await?;
    let mut core = shared.core.lock().await;
    if let Some(pending) = &pending {
        let (revision, seconds) = (pending.revision, pending.left.as_secs());
        tracing::info!(
            revision,
            before = pending.before,
            seconds,
            "waits to be confirmed"
        );
    }
    core.pending = pending.map(Waiting::new);
    Ok(())
}

/// Watches over what waits.
pub(super) fn spawn(shared: &Shared) -> JoinHandle<()> {
    tokio::spawn(watch(shared.clone()))
}

async fn watch(shared: Shared) {
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut drops = Drops::default();
    let mut again = Instant::now();
    let mut said = None;
    loop {
        ticks.tick().await;
        let due = shared.core.lock().await.due(&mut drops);
        let Some((pending, why)) = due else {
            said = None;
            continue;
        };
        if Instant::now() < again {
            continue;
        }
        match go_back(&shared, &pending, &why).await {
            Ok(()) => tracing::warn!(revision = pending.revision, to = pending.before, %why, "went back"),
            Err(refusal) => {
                again = Instant::now() + RETRY;
                // Said once, not at every try.
                if said.as_ref() != Some(&refusal.sentence) {
                    tracing::warn!(revision = pending.revision, to = pending.before, %why, problem = %refusal.sentence,
                        "cannot go back yet");
                }
                said = Some(refusal.sentence);
            }
        }
    }
}

async fn go_back(shared: &Shared, pending: &Pending, why: &str) -> Result<(), Refusal> {
    let cause = format!("return to {}: {why}", pending.before);
    let store = shared.core.lock().await.shared_store();
    let Some(store) = store else {
        let _changes = shared.changes.lock().await;
        let stored = change::kept(shared, pending.before).await?;
        let applied = change::apply(shared, stored.document, &cause, Terms::Back).await;
        return applied.map(drop);
    };
    match go_back_in(&store, pending, cause).await {
        // Confirmed at the last moment, or another node was quicker.
        Err(refusal) if [codes::NOTHING_PENDING, codes::STALE_REVISION].contains(&refusal.code) => {
            shared.core.lock().await.end_trial(pending.revision);
            Ok(())
        }
        done => done,
    }
}

/// This node follows like all others: what it has in its maps, and whether it could carry the revision out, is of no
/// importance.
async fn go_back_in(store: &EtcdStore, pending: &Pending, cause: String) -> Result<(), Refusal> {
    let kept = store.kept(pending.before).await?;
    let Some(Stored { document, .. }) = kept else {
        let sentence = format!("revision {} is not kept", pending.before);
        return Err(Refusal::new(codes::UNKNOWN_REVISION, sentence).with_cure("fabric history"));
    };
    let stored = Stored {
        revision: pending.revision + 1,
        applied_at: crate::wall::stamp(),
        cause,
        document,
    };
    store.put_in_force(pending.revision, &stored, Terms::Back).await
}

impl Core {
    /// Refuses what the terms do not allow now.
    ///
    /// # Errors
    /// When another change waits to be confirmed, or there is nothing to go back to.
    pub(super) fn check_terms(&self, terms: Terms) -> Result<(), Refusal> {
        if matches!(terms, Terms::Within(_)) && self.revision() == 0 {
            let sentence = "there is no revision before the first one to go back to";
            return Err(Refusal::new(codes::UNKNOWN_REVISION, sentence)
                .with_cure("apply the first document without --confirm-within")
                .unchanged());
        }
        match (&self.pending, terms) {
            (Some(waiting), Terms::Final | Terms::Within(_)) => {
                let Pending {
                    revision, before, by, ..
                } = &waiting.pending;
                Err(waits(*revision, *before, by.as_deref()))
            }
            (None, Terms::Back) => Err(none_pending(self.revision(), self.revision())),
            _ => Ok(()),
        }
    }

    /// A change was made on these terms.
    pub(super) fn begin_trial(&mut self, terms: Terms) {
        self.pending = match terms {
            Terms::Within(window) => Some(Waiting::new(Pending {
                revision: self.revision(),
                before: self.revision().saturating_sub(1),
                window,
                left: window,
                by: self.cluster.as_ref().map(|_| self.node.to_string()),
            })),
            Terms::Final | Terms::Back | Terms::Anyway => None,
        };
    }

    fn end_trial(&mut self, revision: u64) {
        self.pending
            .take_if(|waiting| waiting.pending.revision == revision);
    }

    pub(super) fn shared_store(&self) -> Option<std::sync::Arc<EtcdStore>> {
        self.cluster.as_ref().map(|cluster| cluster.store.clone())
    }

    /// What must go back now, and why.
    fn due(&mut self, drops: &mut Drops) -> Option<(Pending, String)> {
        let now = Instant::now();
        let since = self.pending.as_ref().map(|waiting| waiting.since);
        let total = self.unknown_frames().unwrap_or_else(|error| {
            tracing::debug!(%error, "counters cannot be read");
            0
        });
        let jump = drops.look(now, total, since);
        let node = self.node.to_string();
        let waiting = self.pending.as_mut().filter(|_| !self.ended)?;
        if let Some(frames) = jump {
            waiting.reason = Some(format!("{frames} frames a second with unknown tags at {node}"));
        }
        let patience = match &waiting.pending.by {
            Some(by) if *by != node => STAGGER + share(&node),
            Some(_) | None => Duration::ZERO,
        };
        let why = match &waiting.reason {
            Some(reason) => reason.clone(),
            None if now >= waiting.ends + patience => {
                format!("not confirmed within {} s", waiting.pending.window.as_secs())
            }
            None => return None,
        };
        Some((waiting.pending.clone(), why))
    }

    /// Frames that came with tags of the fabric that mean nothing here.
    fn unknown_frames(&self) -> Result<u64, Refusal> {
        let mut total = 0;
        for slot in self.slots().into_keys() {
            for reason in TELLING {
                total += self
                    .plane
                    .dropped(slot, Direction::In, reason as u8)
                    .map_err(failed)?;
            }
        }
        Ok(total)
    }
}

/// A part of [`STAGGER`] that is another one for each node, so that not all of them ask at one moment.
fn share(node: &str) -> Duration {
    let mut hasher = DefaultHasher::new();
    node.hash(&mut hasher);
    STAGGER * u32::try_from(hasher.finish() % 1000).unwrap_or(0) / 1000
}
