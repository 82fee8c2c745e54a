//! Changes where several nodes share a store: decided there first, written into maps afterwards.
//!
//! The other way round two nodes that change something at one moment could give one tag to two tenants, each in its own
//! maps, until one of them is told that it came too late.

use super::carry_out::Reason;
use crate::agent::core::{Core, now};
use crate::error::{Refusal, codes};
use crate::store::{Store as _, Stored, Terms};
use crate::validate::Valid;

impl Core {
    /// Puts a new document in force in the shared store. `None` if there is nothing to decide there.
    pub(super) async fn decide(
        &mut self,
        valid: &Valid,
        reason: Reason<'_>,
    ) -> Result<Option<Stored>, Refusal> {
        let (Reason::Document(cause, terms), Some(cluster)) = (reason, &self.cluster) else {
            return Ok(None);
        };
        cluster.check_open()?;
        let stored = self.next_revision(valid, cause);
        cluster.store.put_in_force(self.revision, &stored, terms).await?;
        Ok(Some(stored))
    }

    pub(super) fn next_revision(&self, valid: &Valid, cause: &str) -> Stored {
        Stored {
            revision: self.revision + 1,
            applied_at: now(),
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
        }
        Ok(())
    }

    /// The node that made a revision cannot carry it out: the one before is put in force again, for all nodes.
    pub(super) async fn take_back(&self, decided: &Stored, refusal: Refusal) -> Refusal {
        let Some(cluster) = self.cluster.as_ref().filter(|_| self.revision > 0) else {
            return refusal;
        };
        let back = Stored {
            revision: decided.revision + 1,
            applied_at: now(),
            cause: format!(
                "undo of {}: {} could not carry it out",
                decided.revision, self.node
            ),
            document: self.document().clone(),
        };
        match cluster
            .store
            .put_in_force(decided.revision, &back, Terms::Anyway)
            .await
        {
            Ok(()) => refusal,
            Err(other) => {
                let sentence = format!(
                    "{}; revision {} stays in force at the other nodes: {}",
                    refusal.sentence, decided.revision, other.sentence
                );
                Refusal::new(codes::FAILED, sentence).with_cure(format!("fabric rollback {}", self.revision))
            }
        }
    }
}
