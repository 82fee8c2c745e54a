//! Large changes: a new generation of all objects, written aside and made current by one swap.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::commit::{Attempt, BYTES, OPERATIONS, Undecided, json};
use super::load::{Problem, Snapshot, decode};
use super::objects::{Objects, replay};
use super::records::Head;
use super::wire::{delete, delete_all, end_of, exists, get, is_at, page, put};
use super::{EtcdStore, Failure};
use crate::error::{Refusal, codes};

/// A writer that is silent for so long is dead, and its stage is swept.
const LEASE: u32 = 60;
/// How often a writer says that it lives.
const RENEW: Duration = Duration::from_secs(10);

impl EtcdStore {
    /// Writes a generation and swaps. What it leaves when it fails is swept at once, or later by another.
    pub(super) async fn stage(
        &self,
        known: &Snapshot,
        attempt: &Attempt<'_>,
        notes: &[Value],
    ) -> Result<(Head, Result<i64, Undecided>), Refusal> {
        let generation = format!("{:020}-{}", attempt.stored.revision, attempt.writer);
        let mut objects = known.objects.clone();
        replay(&mut objects, &attempt.changes);
        let batches = self.batches(&objects, &generation)?;
        drop(objects);
        let failed = |failure| self.refusal(failure);
        let lease = self.client.grant(LEASE).await.map_err(failed)?;
        let mut staged = self.write(&generation, lease, &batches).await;
        if staged.is_ok() {
            staged = self.note_released(notes).await;
        }
        let head = self.next_head(known, attempt, &generation)?;
        let done = match staged {
            Ok(()) => self.make_current(known, attempt, &head).await?,
            Err(failure) => Err(Undecided::Refused(failed(failure))),
        };
        // The lease would end by itself; until then a stage that failed could not be swept.
        let _ = self.client.revoke(lease).await;
        if let Err(refusal) = self.sweep().await {
            tracing::debug!(problem = %refusal.sentence, "old generations stay for now");
        }
        Ok((head, done))
    }

    fn batches(&self, objects: &Objects, generation: &str) -> Result<Vec<Vec<Value>>, Refusal> {
        let mut batches: Vec<Vec<Value>> = vec![Vec::new()];
        let mut bytes = 0;
        for (key, object) in objects {
            let value = json(object)?;
            if value.len() > BYTES {
                let sentence = format!(
                    "{key} has {} bytes, one value in the store has at most {BYTES}",
                    value.len()
                );
                return Err(Refusal::new(codes::OBJECT_TOO_LARGE, sentence)
                    .with_cure("split it, as one segment into two")
                    .unchanged());
            }
            let is_full = batches.last().is_some_and(|batch| batch.len() >= OPERATIONS);
            if is_full || bytes + value.len() > BYTES {
                batches.push(Vec::new());
                bytes = 0;
            }
            bytes += key.len() + value.len();
            if let Some(batch) = batches.last_mut() {
                batch.push(put(&format!("{}{key}", self.keys.objects(generation)), &value, 0));
            }
        }
        Ok(batches)
    }

    async fn write(&self, generation: &str, lease: i64, batches: &[Vec<Value>]) -> Result<(), Failure> {
        let begin = [
            put(&self.keys.generation(generation), self.by.as_bytes(), 0),
            put(&self.keys.staging(generation), self.by.as_bytes(), lease),
        ];
        self.client.txn(&[], &begin).await?;
        let mut renewed = Instant::now();
        for four in batches.chunks(4) {
            let send = async |at: usize| match four.get(at) {
                Some(batch) => self.client.txn(&[], batch).await.map(drop),
                None => Ok(()),
            };
            tokio::try_join!(send(0), send(1), send(2), send(3))?;
            if renewed.elapsed() > RENEW {
                self.client.renew(lease).await?;
                renewed = Instant::now();
            }
        }
        Ok(())
    }

    async fn make_current(
        &self,
        known: &Snapshot,
        attempt: &Attempt<'_>,
        head: &Head,
    ) -> Result<Result<i64, Undecided>, Refusal> {
        let from = known.head.as_ref().map(|old| old.generation.clone());
        let entry = json(&self.entry(known, attempt, from))?;
        let staging = self.keys.staging(&head.generation);
        // A stage that was swept while we wrote is not whole.
        let conditions = [is_at(&self.keys.head(), known.head_at), exists(&staging)];
        let mut operations = vec![delete(&staging)];
        operations.extend(self.turn(head, &json(head)?, &entry));
        Ok(self.decide(attempt, &conditions, &operations).await)
    }

    /// Removes generations that nobody reads or writes: abandoned stages, and those that left the history.
    ///
    /// # Errors
    /// When etcd does not answer.
    pub async fn sweep(&self) -> Result<(), Refusal> {
        match self.swept().await {
            Ok(()) => Ok(()),
            Err(Problem::Etcd(failure)) => Err(self.refusal(failure)),
            Err(Problem::Other(refusal)) => Err(refusal),
        }
    }

    async fn swept(&self) -> Result<(), Problem> {
        let prefix = self.keys.generations();
        let found = self
            .client
            .range(&page(prefix.as_bytes(), &end_of(&prefix), 0, 1000))
            .await?;
        let head_key = self.keys.head();
        let head = self.client.range(&get(&head_key)).await?;
        let head_at = head.kvs.first().map_or(0, |kv| kv.mod_revision);
        let head: Option<Head> = head.kvs.first().map(decode).transpose()?;
        let is_used = |generation: &str| {
            head.as_ref().is_some_and(|head| {
                head.generation == generation || head.frozen.iter().any(|frozen| frozen == generation)
            })
        };
        for kv in &found.kvs {
            let name = String::from_utf8_lossy(&kv.key[prefix.len().min(kv.key.len())..]).into_owned();
            if is_used(&name) {
                continue;
            }
            // Neither condition can turn between our look and the removal: another's stage, another's head.
            let conditions = [is_at(&self.keys.staging(&name), 0), is_at(&head_key, head_at)];
            let operations = [
                delete_all(&self.keys.objects(&name)),
                delete(&self.keys.generation(&name)),
            ];
            self.client.txn(&conditions, &operations).await?;
        }
        Ok(())
    }
}
