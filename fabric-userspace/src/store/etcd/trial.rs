//! Revisions that wait to be confirmed: begun, confirmed, and told.
//!
//! The time is measured by a lease without keys. Members give a lease its whole time anew when they elect a leader; so a
//! node that has seen the revision counts for itself as well, and the first one to find the time over goes back.

use std::time::Duration;

use super::EtcdStore;
use super::commit::json;
use super::load::decode;
use super::records::{Entry, Head, Trial};
use super::wire::{get, is_at, put};
use crate::error::{Refusal, codes};
use crate::store::{Pending, Stored, Terms, none_pending};

impl EtcdStore {
    pub(super) async fn put_on(&self, base: u64, stored: &Stored, terms: Terms) -> Result<(), Refusal> {
        let mut known = self.known.lock().await;
        let old = known.trial().cloned();
        let Terms::Within(window) = terms else {
            self.swap(&mut known, base, stored, terms, None).await?;
            self.forget_lease(old.as_ref()).await;
            return Ok(());
        };
        let seconds = u32::try_from(window.as_millis().div_ceil(1000)).unwrap_or(u32::MAX);
        let granted = self.client.grant(seconds).await;
        let trial = Trial {
            before: base,
            seconds,
            lease: granted.map_err(|failure| self.refusal(failure))?,
            by: self.by.clone(),
        };
        let done = self.swap(&mut known, base, stored, terms, Some(&trial)).await;
        // Whether it was written is not known then, and a trial without its lease would be over at once.
        let may_be_written = |refusal: &Refusal| refusal.code == codes::STORE_AWAY;
        if done.as_ref().is_err_and(|refusal| !may_be_written(refusal)) {
            self.forget_lease(Some(&trial)).await;
        }
        done
    }

    /// What waits, as far as the store was read, with the time that is left of it.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn told_pending(&self) -> Result<Option<Pending>, Refusal> {
        let (revision, trial) = {
            let known = self.known.lock().await;
            (known.revision(), known.trial().cloned())
        };
        let Some(trial) = trial else {
            return Ok(None);
        };
        let left = self.client.left(trial.lease).await;
        let left = left.map_err(|failure| self.refusal(failure))?;
        let window = Duration::from_secs(trial.seconds.into());
        Ok(Some(Pending {
            revision,
            before: trial.before,
            window,
            // Members give no lease less than their elections take, even if less was asked for.
            left: left.min(window),
            by: Some(trial.by),
        }))
    }

    /// The revision that waits, as far as the store was read.
    pub async fn waiting_revision(&self) -> Option<u64> {
        let known = self.known.lock().await;
        known.trial().map(|_| known.revision())
    }

    pub(super) async fn end_trial(&self, revision: u64) -> Result<(), Refusal> {
        let mut known = self.known.lock().await;
        self.refresh(&mut known).await?;
        let failed = |failure| self.refusal(failure);
        let none = |now: u64| none_pending(revision, now);
        let Some((head, trial)) = known
            .head
            .as_ref()
            .and_then(|head| Some((head, head.trial.clone()?)))
        else {
            return Err(none(known.revision()));
        };
        if head.revision != revision {
            return Err(none(head.revision));
        }
        let history = self.keys.history(revision);
        let found = self.client.range(&get(&history)).await.map_err(failed)?;
        let entry: Option<Entry> = found.kvs.first().map(decode).transpose()?;
        let confirmed = Head {
            trial: None,
            ..head.clone()
        };
        let mut operations = vec![put(&self.keys.head(), &json(&confirmed)?, 0)];
        if let Some(entry) = entry {
            // The nodes follow the history: by this they hear of it.
            operations.push(put(&history, &json(&Entry { trial: None, ..entry })?, 0));
        }
        let conditions = [is_at(&self.keys.head(), known.head_at)];
        let decided = self.client.txn(&conditions, &operations).await.map_err(failed)?;
        if !decided.succeeded {
            // Too late, or the answer to a try that succeeded never came.
            self.refresh(&mut known).await?;
            if known.revision() != revision {
                return Err(none(known.revision()));
            }
        }
        known.head = Some(confirmed);
        if decided.succeeded {
            known.head_at = decided.header.revision;
            known.seen = known.seen.max(known.head_at);
        }
        drop(known);
        self.forget_lease(Some(&trial)).await;
        Ok(())
    }

    /// It would end by itself.
    async fn forget_lease(&self, trial: Option<&Trial>) {
        if let Some(trial) = trial {
            let _ = self.client.revoke(trial.lease).await;
        }
    }
}
