//! Putting a new revision in force.

use serde::Serialize;
use serde_json::Value;

use super::load::Snapshot;
use super::objects::{Change, SCHEMA, apart, changes, changes_between, replay};
use super::records::{Entry, FROZEN, Head, Trial};
use super::wire::{b64, delete, is_at, put};
use super::{EtcdStore, random_name};
use crate::error::{Refusal, codes};
use crate::model::Document;
use crate::store::{KEPT, Stored, Terms, none_pending, stale, waits};

/// Operations of one transaction; etcd's default limit is 128.
pub(super) const OPERATIONS: usize = 100;
/// Objects and notes of a change that is one transaction, beside what every change writes.
const LARGEST: usize = OPERATIONS - 3;
/// Bytes of one transaction's keys and values; etcd's default limit is 1.5 MiB for the whole request.
pub(super) const BYTES: usize = 1_000_000;

/// A change on its way.
pub(super) struct Attempt<'a> {
    pub stored: &'a Stored,
    pub writer: String,
    pub changes: Vec<Change>,
    /// It waits to be confirmed.
    pub trial: Option<Trial>,
}

impl EtcdStore {
    /// Puts `stored` in force in place of revision `base`. With a `trial` until it is confirmed.
    pub(super) async fn swap(
        &self,
        known: &mut Snapshot,
        base: u64,
        stored: &Stored,
        terms: Terms,
        trial: Option<&Trial>,
    ) -> Result<(), Refusal> {
        if known.head.is_none() || known.revision() != base || known.trial().is_some() {
            self.refresh(known).await?;
        }
        if known.revision() != base {
            return Err(self.overtaken(base, known.revision()).await);
        }
        match (known.trial(), terms) {
            (Some(waiting), Terms::Final | Terms::Within(_)) => {
                return Err(waits(base, waiting.before, Some(&waiting.by)));
            }
            (None, Terms::Back) => return Err(none_pending(base, base)),
            _ => {}
        }
        let attempt = Attempt {
            stored,
            changes: known.changes_to(&stored.document)?,
            writer: random_name()?,
            trial: trial.cloned(),
        };
        if !matches!(terms, Terms::Anyway) {
            self.check_reuse(known, &attempt).await?;
        }
        // What comes back was there a moment ago.
        if known.head.is_some() && matches!(terms, Terms::Final | Terms::Within(_)) {
            self.check_return(&attempt).await?;
        }
        let mut notes = self.releases(&attempt);
        notes.extend(self.inherited(&attempt).await?);
        // Before the decision, where they alone would make a change too large for one transaction.
        if attempt.changes.len() <= LARGEST && attempt.changes.len() + notes.len() > LARGEST {
            let noted = self.note_released(&notes).await;
            noted.map_err(|failure| self.refusal(failure))?;
            notes.clear();
        }
        let (head, done) = match self.small(known, &attempt, &notes)? {
            Some((head, operations)) => {
                let conditions = [is_at(&self.keys.head(), known.head_at)];
                (head, self.decide(&attempt, &conditions, &operations).await)
            }
            None => self.stage(known, &attempt, &notes).await?,
        };
        match done {
            Ok(at) => {
                known.applied_at.clone_from(&stored.applied_at);
                known.cause.clone_from(&stored.cause);
                known.own = attempt.writer;
                replay(&mut known.objects, &attempt.changes);
                known.document = Some(stored.document.clone());
                known.head = Some(head);
                known.head_at = at;
                known.seen = known.seen.max(at);
                Ok(())
            }
            Err(Undecided::Lost) => {
                self.refresh(known).await?;
                if known.revision() == base {
                    // Confirmed at this moment.
                    return Err(none_pending(base, base));
                }
                Err(self.overtaken(base, known.revision()).await)
            }
            Err(Undecided::Refused(refusal)) => Err(refusal),
        }
    }

    /// The change as one transaction, if it fits into one.
    fn small(
        &self,
        known: &Snapshot,
        attempt: &Attempt<'_>,
        notes: &[Value],
    ) -> Result<Option<(Head, Vec<Value>)>, Refusal> {
        let Some(old) = &known.head else {
            // The first document has no generation yet.
            return Ok(None);
        };
        if attempt.changes.len() + notes.len() > LARGEST {
            return Ok(None);
        }
        let head = Head {
            revision: attempt.stored.revision,
            writer: attempt.writer.clone(),
            trial: attempt.trial.clone(),
            ..old.clone()
        };
        let mut operations = notes.to_vec();
        let mut bytes = notes.len() * 64;
        for change in &attempt.changes {
            let key = format!("{}{}", self.keys.objects(&head.generation), change.key);
            let value = change.after.as_ref().map(json).transpose()?;
            bytes += key.len() + value.as_ref().map_or(0, Vec::len);
            operations.push(match value {
                Some(value) => put(&key, &value, 0),
                None => delete(&key),
            });
        }
        let entry = self.entry(known, attempt, None);
        let (head_value, entry_value) = (json(&head)?, json(&entry)?);
        bytes += head_value.len() + entry_value.len();
        if bytes > BYTES {
            return Ok(None);
        }
        operations.extend(self.turn(&head, &head_value, &entry_value));
        Ok(Some((head, operations)))
    }

    pub(super) fn entry(&self, known: &Snapshot, attempt: &Attempt<'_>, from: Option<String>) -> Entry {
        Entry {
            schema: SCHEMA.to_owned(),
            revision: attempt.stored.revision,
            applied_at: attempt.stored.applied_at.clone(),
            cause: attempt.stored.cause.clone(),
            by: self.by.clone(),
            writer: attempt.writer.clone(),
            base: known.writer().to_owned(),
            changes: if from.is_some() || known.head.is_none() {
                Vec::new()
            } else {
                attempt.changes.clone()
            },
            trial: attempt.trial.clone(),
            from,
        }
    }

    /// The operations that every change has: head, history, and the end of the history.
    pub(super) fn turn(&self, head: &Head, head_value: &[u8], entry: &[u8]) -> [Value; 3] {
        let oldest = head.revision.saturating_sub(KEPT - 1);
        let forget = serde_json::json!({ "request_delete_range": {
            "key": b64(self.keys.histories()), "range_end": b64(self.keys.history(oldest)) } });
        [
            put(&self.keys.head(), head_value, 0),
            put(&self.keys.history(head.revision), entry, 0),
            forget,
        ]
    }

    /// The head of a new generation.
    pub(super) fn next_head(
        &self,
        known: &Snapshot,
        attempt: &Attempt<'_>,
        generation: &str,
    ) -> Result<Head, Refusal> {
        let mut frozen = known
            .head
            .as_ref()
            .map(|head| head.frozen.clone())
            .unwrap_or_default();
        if let Some(head) = &known.head {
            frozen.insert(0, head.generation.clone());
        }
        frozen.truncate(FROZEN);
        Ok(Head {
            schema: SCHEMA.to_owned(),
            fabric: match &known.head {
                Some(head) => head.fabric.clone(),
                None => random_name()?,
            },
            revision: attempt.stored.revision,
            generation: generation.to_owned(),
            frozen,
            writer: attempt.writer.clone(),
            trial: attempt.trial.clone(),
        })
    }

    /// Sends the deciding transaction. The answer is the key space revision of the change.
    pub(super) async fn decide(
        &self,
        attempt: &Attempt<'_>,
        conditions: &[Value],
        operations: &[Value],
    ) -> Result<i64, Undecided> {
        let answer = self.client.txn(conditions, operations).await;
        if let Ok(decided) = &answer
            && decided.succeeded
        {
            return Ok(decided.header.revision);
        }
        // Lost, or the answer to a try that succeeded never came: the random number tells.
        let failed = match answer {
            Ok(_) => Undecided::Lost,
            Err(failure) => Undecided::Refused(self.refusal(failure)),
        };
        match self.written(attempt).await {
            Ok(Some(at)) => Ok(at),
            Ok(None) => Err(failed),
            Err(_) => Err(self.unknown(failed)),
        }
    }

    async fn written(&self, attempt: &Attempt<'_>) -> Result<Option<i64>, Refusal> {
        let key = self.keys.history(attempt.stored.revision);
        let found = self
            .client
            .range(&super::wire::get(&key))
            .await
            .map_err(|failure| self.refusal(failure))?;
        let Some(kv) = found.kvs.first() else {
            return Ok(None);
        };
        let entry: Entry = super::load::decode(kv)?;
        Ok((entry.writer == attempt.writer).then_some(kv.mod_revision))
    }

    fn unknown(&self, failed: Undecided) -> Undecided {
        match failed {
            Undecided::Refused(refusal) if refusal.code == codes::STORE_AWAY => {
                let sentence = format!(
                    "{}; whether the change is in force shows when it answers again",
                    refusal.sentence
                );
                Undecided::Refused(Refusal::new(codes::STORE_AWAY, sentence).with_cure("fabric history"))
            }
            other @ (Undecided::Lost | Undecided::Refused(_)) => other,
        }
    }

    /// A refusal for a writer who came too late, with what came before.
    async fn overtaken(&self, base: u64, in_force: u64) -> Refusal {
        let pasts = self.pasts().await.unwrap_or_default();
        let mut meanwhile: Vec<_> = pasts
            .into_iter()
            .filter(|past| past.revision > base)
            .take(3)
            .collect();
        meanwhile.reverse();
        stale(base, in_force, &meanwhile)
    }
}

impl Snapshot {
    /// What leads from here to a document.
    fn changes_to(&self, document: &Document) -> Result<Vec<Change>, Refusal> {
        let known = self.document.as_ref();
        if let Some(changes) = known.and_then(|known| changes_between(known, document, &self.objects)) {
            return Ok(changes);
        }
        Ok(changes(&self.objects, &apart(document, &self.objects)?))
    }
}

/// Why a deciding transaction did not decide for us.
pub(super) enum Undecided {
    /// Somebody else was first.
    Lost,
    Refused(Refusal),
}

/// A value for the store.
pub(super) fn json<T: Serialize>(value: &T) -> Result<Vec<u8>, Refusal> {
    serde_json::to_vec(value)
        .map_err(|error| Refusal::new(codes::BUG, format!("a value cannot be written: {error}")))
}
