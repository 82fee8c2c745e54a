//! Changes where several nodes share a store: decided there first, written into maps afterwards.
//!
//! The other way round two nodes that change something at one moment could give one tag to two tenants, each in its own
//! maps, until one of them is told that it came too late.
//!
//! While the store decides, which takes seconds when it does not answer, everything else of the agent goes on: a change
//! is made in two parts, and in between only other changes are kept waiting.

use std::sync::Arc;
use std::time::Instant;

use super::Prepared;
use super::carry_out::Taken;
use super::rings::check_behind;
use crate::agent::core::Core;
use crate::agent::server::Shared;
use crate::api;
use crate::error::{Refusal, codes};
use crate::model::Document;
use crate::store::etcd::EtcdStore;
use crate::store::{Store as _, Stored, Terms};
use crate::topology::rings::{gains_a_link, moves_labels};
use crate::validate::Valid;
use crate::wall::stamp;

/// A change whose ports are taken, and which is to be decided.
pub(super) struct Begun {
    pub(super) prepared: Prepared,
    pub(super) taken: Taken,
    pub(super) plan: api::Plan,
    pub(super) cause: String,
    pub(super) terms: Terms,
    pub(super) at: Instant,
    pub(super) decision: Option<Decision>,
}

/// What a shared store is asked to put in force.
pub(super) struct Decision {
    store: Arc<EtcdStore>,
    base: u64,
    pub(super) stored: Stored,
    terms: Terms,
    may_close_ring: bool,
}

impl Begun {
    pub(super) async fn decide(&self) -> Result<(), Refusal> {
        match &self.decision {
            Some(Decision {
                store,
                base,
                stored,
                terms,
                may_close_ring,
            }) => {
                // A return is checked by the change that it takes back.
                if *may_close_ring && *terms != Terms::Back {
                    check_behind(store, *base, &self.prepared.valid).await?;
                }
                store.put_in_force(*base, stored, *terms).await
            }
            None => Ok(()),
        }
    }

    /// Name of the fabric in the shared store, as far as it is known.
    pub(super) async fn fabric(&self) -> Option<String> {
        self.decision.as_ref()?.store.fabric().await
    }
}

/// How far a change came at once.
pub(super) enum Start {
    /// To its end: it changes nothing.
    Done(Box<api::Applied>),
    Begun(Box<Begun>),
}

/// Puts a document in force. The caller holds [`Shared::changes`], and not the core.
///
/// # Errors
/// When it is refused; nothing has changed then.
pub(in crate::agent) async fn apply(
    shared: &Shared,
    document: Document,
    cause: &str,
    terms: Terms,
) -> Result<api::Applied, Refusal> {
    let begun = match shared.core.lock().await.begin(document, cause, terms).await? {
        Start::Done(applied) => return Ok(*applied),
        Start::Begun(begun) => begun,
    };
    let decided = begun.decide().await;
    let fabric = begun.fabric().await;
    let mut core = shared.core.lock().await;
    let applied = core.finish(*begun, decided).await?;
    core.belong_to(fabric.as_deref())?;
    Ok(applied)
}

impl Core {
    /// What is to be decided in the shared store; `None` where there is none.
    ///
    /// # Errors
    /// When it is known to be of no use.
    pub(super) fn decision(
        &self,
        valid: &Valid,
        cause: &str,
        terms: Terms,
    ) -> Result<Option<Decision>, Refusal> {
        let Some(cluster) = &self.cluster else {
            return Ok(None);
        };
        cluster.check_open()?;
        Ok(Some(Decision {
            store: Arc::clone(&cluster.store),
            base: self.revision,
            stored: self.next_revision(valid, cause),
            terms,
            may_close_ring: gains_a_link(&self.valid, valid) || moves_labels(&self.valid, valid),
        }))
    }

    pub(super) fn next_revision(&self, valid: &Valid, cause: &str) -> Stored {
        Stored {
            revision: self.revision + 1,
            applied_at: stamp(),
            cause: cause.to_owned(),
            document: valid.document().clone(),
        }
    }

    /// A revision that was decided in the shared store is in this node's maps.
    pub(super) fn remember(&mut self, stored: &Stored) -> Result<(), Refusal> {
        self.store.remember(stored)?;
        self.revision = stored.revision;
        self.applied_at = Some(stored.applied_at.clone());
        if let Some(cluster) = &mut self.cluster {
            cluster.desired = cluster.desired.max(stored.revision);
            cluster.set_left(false, &self.store)?;
        }
        Ok(())
    }

    /// This node has what is in force in the store of `fabric`. Said before anybody hears of the revision: whoever does may count
    /// on it after a restart, and a document that is not known to be the fabric's counts for nothing then.
    ///
    /// # Errors
    /// When it cannot be written down.
    pub(in crate::agent) fn belong_to(&mut self, fabric: Option<&str>) -> Result<(), Refusal> {
        let (Some(cluster), Some(fabric)) = (&mut self.cluster, fabric) else {
            return Ok(());
        };
        cluster.refused = None;
        cluster.join(fabric, &self.store)
    }

    /// The node that made a revision cannot carry it out: the one before is put in force again, for all nodes. The answer says what
    /// became of that.
    pub(super) async fn take_back(&self, decided: &Stored, refusal: Refusal) -> Refusal {
        let Some(cluster) = &self.cluster else {
            return refusal;
        };
        if self.revision == 0 {
            return first_stays(decided.revision, refusal);
        }
        let back = Stored {
            revision: decided.revision + 1,
            applied_at: stamp(),
            cause: format!(
                "undo of {}: {} could not carry it out",
                decided.revision, self.node
            ),
            document: self.document().clone(),
        };
        let put = cluster.store.put_in_force(decided.revision, &back, Terms::Anyway);
        match put.await {
            Ok(()) => refusal.but(&format!(
                "revision {} was in force for a moment, and {} is as before it",
                decided.revision, back.revision
            )),
            Err(other) => {
                let stays = format!(
                    "revision {} stays in force at the other nodes: {}",
                    decided.revision,
                    other.reason()
                );
                let sentence = refusal.but(&stays).sentence;
                Refusal::new(codes::FAILED, sentence).with_cure(format!("fabric rollback {}", self.revision))
            }
        }
    }
}

/// There is none before the first one, so it stays. The node follows it as any other, see [`Core::follow`].
fn first_stays(revision: u64, refusal: Refusal) -> Refusal {
    let cure = refusal.cure.clone();
    let now = format!(
        "revision {revision} is in force all the same, for there is none before it, and this node goes on trying"
    );
    let otherwise = "apply a better document at a node that carries it out";
    let cure = cure.map_or_else(|| otherwise.to_owned(), |cure| format!("{cure}; or {otherwise}"));
    refusal.but(&now).with_cure(cure)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_first_document_that_its_node_cannot_carry_out_is_not_told_to_have_changed_nothing() {
        let refusal = Refusal::new(codes::FAILED, "eth1 has no room")
            .with_cure("make some")
            .unchanged();
        let told = first_stays(1, refusal);
        assert!(
            told.sentence
                .starts_with("eth1 has no room; revision 1 is in force all the same"),
            "{told}"
        );
        assert!(!told.sentence.contains("nothing was changed"), "{told}");
        assert!(told.cure.is_some_and(|cure| cure.starts_with("make some; or ")));
    }
}
