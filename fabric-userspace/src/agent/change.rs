//! One change of the document from beginning to end: all of it, or nothing.
//!
//! Ports are made safe first, then the maps are written make before break, then programs are attached, then the
//! document is committed; only then are interfaces given back. A crash in between leaves the old document in
//! force, and the next start repairs the maps to it.

mod carry_out;
mod decide;
mod describe;
mod prepare;
mod reclaim;
mod rings;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use carry_out::Reason;
pub(super) use decide::apply;
use decide::{Begun, Start};
pub(crate) use rings::check_replacement;

use super::cluster::Cluster;
use super::confirm::Waiting;
use super::core::{Core, failed};
use super::host::Missing;
use super::server::Shared;
use crate::api;
use crate::compile::{Image, Scope};
use crate::diff::{Changes, diff};
use crate::error::{Refusal, codes};
use crate::ids::Freed;
use crate::model::{Document, IfName};
use crate::records::Records;
use crate::safety::Role;
use crate::store::{Store as _, Stored, Terms};
use crate::validate::{Valid, unbuildable, unheard_copies};

/// A change that could be made.
struct Prepared {
    valid: Valid,
    image: Image,
    changes: Changes,
    /// Ports that cannot send.
    silent: BTreeSet<IfName>,
    /// Ports that are not in use yet.
    new_ports: BTreeMap<IfName, Role>,
    /// Ports that will not be in use any more.
    old_ports: Vec<IfName>,
}

/// What putting an earlier revision in force again would change.
///
/// # Errors
/// Whatever [`rollback`] would refuse it for.
pub(super) async fn plan_rollback(shared: &Shared, revision: u64) -> Result<api::Plan, Refusal> {
    let stored = kept(shared, revision).await?;
    let mut core = shared.core.lock().await;
    let terms = core.terms_of_rollback(revision);
    core.plan_on(stored.document, terms).await
}

/// Puts an earlier revision in force again, as a new revision. The caller holds [`Shared::changes`], and not the core.
///
/// # Errors
/// When it is not kept, or refused.
pub(super) async fn rollback(shared: &Shared, revision: u64) -> Result<api::Applied, Refusal> {
    let stored = kept(shared, revision).await?;
    let terms = shared.core.lock().await.terms_of_rollback(revision);
    apply(shared, stored.document, &format!("rollback {revision}"), terms).await
}

/// A kept revision.
///
/// # Errors
/// When it is not kept.
pub(super) async fn kept(shared: &Shared, revision: u64) -> Result<Stored, Refusal> {
    let core = shared.core.lock().await;
    let kept = match core.shared_store() {
        Some(store) => {
            drop(core);
            store.kept(revision).await?
        }
        None => core.store.kept(revision).await?,
    };
    kept.ok_or_else(|| {
        Refusal::new(
            codes::UNKNOWN_REVISION,
            format!("revision {revision} is not kept"),
        )
        .with_cure("fabric history")
        .unchanged()
    })
}

/// Refuses what every node could carry out by itself and is not to be put in force all the same, or some other node could not.
///
/// # Errors
/// For what is wrong with `new` and is not wrong with `old` already.
pub(crate) fn check_new(old: &Valid, new: &Valid) -> Result<(), Refusal> {
    let mut problems = unheard_copies(new.document(), old.document());
    let scope = Scope::between(old.document(), new.document());
    problems.extend(unbuildable(old, new, scope.segments(new)));
    if problems.is_empty() {
        return Ok(());
    }
    Err(Refusal::from_problems(problems))
}

impl Core {
    /// What a document would change.
    ///
    /// # Errors
    /// Whatever [`Core::apply`] would refuse it for, as far as that can be known without doing it.
    pub(super) async fn plan(&mut self, document: Document) -> Result<api::Plan, Refusal> {
        self.plan_on(document, Terms::Final).await
    }

    async fn plan_on(&mut self, document: Document, terms: Terms) -> Result<api::Plan, Refusal> {
        let planned = self.look_ahead(document, terms).await;
        self.release_neighbours().await;
        planned
    }

    async fn look_ahead(&mut self, document: Document, terms: Terms) -> Result<api::Plan, Refusal> {
        let comes_back = terms == Terms::Back;
        let missing = if comes_back {
            Missing::Tolerate
        } else {
            Missing::Refuse
        };
        let prepared = self.prepare(document, missing).await;
        let prepared = prepared.map_err(Refusal::unchanged)?;
        self.check_rings(&prepared.valid).map_err(Refusal::unchanged)?;
        if comes_back {
            return Ok(self.describe(&prepared));
        }
        check_new(&self.valid, &prepared.valid).map_err(Refusal::unchanged)?;
        self.note_own_programs()?;
        self.try_out(&prepared.image, &prepared.new_ports)
            .await
            .map_err(Refusal::unchanged)?;
        Ok(self.describe(&prepared))
    }

    /// Puts a document in force, for a core that nobody shares.
    ///
    /// # Errors
    /// When it is refused; nothing has changed then.
    pub(super) async fn apply(
        &mut self,
        document: Document,
        cause: &str,
        terms: Terms,
    ) -> Result<api::Applied, Refusal> {
        match self.begin(document, cause, terms).await? {
            Start::Done(applied) => Ok(*applied),
            Start::Begun(begun) => {
                let decided = begun.decide().await;
                let fabric = begun.fabric().await;
                let applied = self.finish(*begun, decided).await?;
                self.belong_to(fabric.as_deref())?;
                Ok(applied)
            }
        }
    }

    /// The first part of a change, up to its decision.
    async fn begin(&mut self, document: Document, cause: &str, terms: Terms) -> Result<Start, Refusal> {
        let begun = self.try_to_begin(document, cause, terms).await;
        if begun.is_err() {
            // Those of new links were asked for, to know what to write.
            self.release_neighbours().await;
        }
        begun
    }

    async fn try_to_begin(
        &mut self,
        document: Document,
        cause: &str,
        terms: Terms,
    ) -> Result<Start, Refusal> {
        let at = Instant::now();
        self.check_terms(terms)?;
        let prepared = self
            .prepare(document, Reason::Document(cause, terms).tolerance())
            .await
            .map_err(Refusal::unchanged)?;
        let plan = self.describe(&prepared);
        if prepared.valid.document() == self.document() && self.revision > 0 {
            return Ok(Start::Done(Box::new(api::Applied {
                plan,
                notes: Vec::new(),
                interface_changes: Vec::new(),
                elapsed_seconds: at.elapsed().as_secs_f64(),
                undo: None,
                pending: None,
            })));
        }
        self.check_rings(&prepared.valid).map_err(Refusal::unchanged)?;
        if matches!(terms, Terms::Final | Terms::Within(_)) {
            check_new(&self.valid, &prepared.valid).map_err(Refusal::unchanged)?;
        }
        let decision = self
            .decision(&prepared.valid, cause, terms)
            .map_err(Refusal::unchanged)?;
        let taken = self.take(&prepared, Reason::Document(cause, terms)).await;
        Ok(Start::Begun(Box::new(Begun {
            taken: taken.map_err(Refusal::unchanged)?,
            prepared,
            plan,
            cause: cause.to_owned(),
            terms,
            at,
            decision,
        })))
    }

    /// The second part, once a shared store has decided.
    async fn finish(&mut self, begun: Begun, decided: Result<(), Refusal>) -> Result<api::Applied, Refusal> {
        if let Err(refusal) = decided {
            self.abandon(begun.taken).await;
            // Whether a store that does not answer has taken it is not known.
            let is_known = refusal.code != codes::STORE_AWAY;
            return Err(if is_known { refusal.unchanged() } else { refusal });
        }
        let before = self.revision;
        let new_ports: Vec<IfName> = begun.prepared.new_ports.keys().cloned().collect();
        let Begun {
            prepared,
            taken,
            plan,
            cause,
            terms,
            at,
            decision,
        } = begun;
        let stored = decision.map(|decision| decision.stored);
        let reason = Reason::Document(&cause, terms);
        let done = self.complete(prepared, taken, reason, stored.as_ref()).await;
        let live = match &stored {
            // What became of the revision is told with the error.
            Some(_) => done?,
            None => done.map_err(Refusal::unchanged)?,
        };
        let interface_changes = new_ports
            .iter()
            .flat_map(|name| self.ports.changes(name))
            .collect();
        Ok(api::Applied {
            plan,
            notes: Vec::new(),
            interface_changes,
            elapsed_seconds: live.duration_since(at).as_secs_f64(),
            undo: (before > 0).then(|| format!("fabric rollback {before}")),
            pending: self.pending.as_ref().map(Waiting::told),
        })
    }

    /// The terms of a rollback: one to the revision before one that waits ends the wait.
    fn terms_of_rollback(&self, revision: u64) -> Terms {
        let ends_trial = |waiting: &Waiting| waiting.pending.before == revision;
        if self.pending.as_ref().is_some_and(ends_trial) {
            Terms::Back
        } else {
            Terms::Final
        }
    }

    /// Carries out what was decided elsewhere.
    ///
    /// # Errors
    /// When this node cannot; it keeps what it has then.
    pub(super) async fn follow(&mut self, stored: &Stored) -> Result<(), Refusal> {
        if stored.revision < self.revision
            || stored.revision == self.revision && stored.document == *self.document()
        {
            return Ok(());
        }
        // As at a start from its copy, which a node that was taken down does not trust.
        let has_left = self.cluster.as_ref().is_some_and(Cluster::has_left);
        // Behind one that waits for confirmation comes nothing but its return.
        let waits = self.pending.as_ref().map(|waiting| waiting.pending.revision);
        let comes_back = waits.is_some_and(|revision| stored.revision == revision + 1);
        let missing = match has_left || comes_back {
            true => Missing::Tolerate,
            false => Missing::Refuse,
        };
        let prepared = self.prepare(stored.document.clone(), missing).await?;
        self.carry_out(prepared, Reason::Followed(stored, missing))
            .await?;
        Ok(())
    }

    /// Carries the stored document out after a start: repairs what a killed agent left half done, and puts new
    /// programs in place of the old ones.
    pub(super) async fn resume(&mut self, adopted: bool) -> Result<(), Refusal> {
        let document = self.document().clone();
        let restored = self.image.numbers();
        let observed = match adopted {
            true => self.plane.observe().map_err(failed)?,
            false => Records::default(),
        };
        // What an agent that was killed had given others, or nobody knows of any more, frames still go by.
        let strange = Freed::named_by(&observed).without(&restored);
        self.image.hold(&strange);
        let prepared = self.prepare(document, Missing::Tolerate).await;
        let mut prepared = prepared.map_err(|refusal| {
            if strange.is_empty() || refusal.code != codes::TOO_MANY {
                return refusal;
            }
            refusal.with_cure("fabric agent stop --detach with the same --state-dir, and start it again")
        })?;
        let records = prepared.image.records();
        if adopted {
            prepared.changes = diff(&observed, &records);
        }
        self.carry_out(prepared, Reason::Start).await?;
        let unused = strange.without(&Freed::named_by(&records));
        if !unused.is_empty() {
            self.waiting.push_back(unused);
        }
        // The entries of those that became unsafe while no agent ran are as they should be, and are not written.
        let is_unsafe = self.ports.iter().filter(|(_, port)| !port.is_safe());
        let unsafe_ports: Vec<IfName> = is_unsafe.map(|(name, _)| name.clone()).collect();
        unsafe_ports.iter().try_for_each(|name| self.mark(name))?;
        self.take_backups()?;
        // Numbers that the earlier agent had given up are free again, or given out anew by now: no station may still be behind them.
        let next_hops = self.image.segments.values();
        let mut known: BTreeSet<u32> = next_hops
            .flat_map(|part| part.records.next_hops.keys().copied())
            .collect();
        let went_on: BTreeSet<u32> = restored.next_hops.iter().copied().collect();
        known.retain(|id| went_on.contains(id));
        self.plane.flush(|_, _, next_hop| !known.contains(&next_hop));
        if adopted {
            self.clear_strays(&restored)?;
        }
        self.detach_strays()?;
        for name in self.ports.leftovers() {
            self.give_back(&name).await;
        }
        Ok(())
    }

    /// Takes programs off interfaces that the document does not use: the earlier agent was killed after it had attached
    /// a new port and before it committed, or the other way round.
    fn detach_strays(&mut self) -> Result<(), Refusal> {
        let used: BTreeSet<u32> = self.image.ports().map(|(_, plan)| plan.facts.ifindex).collect();
        let attached = self.plane.attached().into_iter();
        for ifindex in attached.filter(|ifindex| !used.contains(ifindex)) {
            self.plane.detach(ifindex).map_err(failed)?;
        }
        Ok(())
    }

    /// Compiles the document in force again, because the host has changed. Returns the ports that cannot send.
    ///
    /// # Errors
    /// When the host cannot carry it any more; what is in the maps stays.
    pub(super) async fn reconcile(&mut self) -> Result<BTreeSet<IfName>, Refusal> {
        let document = self.document().clone();
        let prepared = self.prepare(document, Missing::Tolerate).await?;
        let silent = prepared.silent.clone();
        self.carry_out(prepared, Reason::Host).await?;
        Ok(silent)
    }
}
