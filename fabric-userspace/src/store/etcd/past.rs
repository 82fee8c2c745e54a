//! Earlier revisions.

use super::EtcdStore;
use super::load::{Problem, Snapshot, decode};
use super::objects::{Objects, revert, together};
use super::records::Entry;
use super::wire::{end_of, page};
use crate::error::Refusal;
use crate::store::{KEPT, Past, Stored};

impl EtcdStore {
    /// Kept revisions, the newest first.
    pub(super) async fn pasts(&self) -> Result<Vec<Past>, Refusal> {
        let (head, _, seen) = self.head().await?;
        let pending = head
            .as_ref()
            .filter(|head| head.trial.is_some())
            .map(|head| head.revision);
        let frozen = head.map(|head| head.frozen).unwrap_or_default();
        let entries = self.entries(seen).await?;
        // What lies before a large change can be had for as long as its generation is kept.
        let is_lost = |entry: &Entry| entry.from.as_ref().is_some_and(|from| !frozen.contains(from));
        let first = entries.iter().rposition(is_lost).unwrap_or_default();
        let past = |entry: Entry| Past {
            revision: entry.revision,
            applied_at: entry.applied_at,
            cause: entry.cause,
            by: Some(entry.by),
            is_pending: pending == Some(entry.revision),
        };
        Ok(entries.into_iter().skip(first).rev().map(past).collect())
    }

    /// A revision with its document: what is in force, and every later change taken back.
    pub(super) async fn past(&self, revision: u64) -> Result<Option<Stored>, Refusal> {
        let mut found = None;
        self.back_to(revision, |entry, objects| {
            if entry.revision == revision {
                found = Some(stored(entry, objects)?);
            }
            Ok(())
        })
        .await?;
        Ok(found)
    }

    /// The kept revisions from one on, the oldest first. The store is read once for all of them.
    ///
    /// # Errors
    /// When it does not answer, or holds what cannot be read.
    pub async fn kept_since(&self, first: u64) -> Result<Vec<Stored>, Refusal> {
        let mut found = Vec::new();
        self.back_to(first, |entry, objects| {
            found.push(stored(entry, objects)?);
            Ok(())
        })
        .await?;
        found.reverse();
        Ok(found)
    }

    /// Shows each revision with its objects, from the newest one back to `first`, as far as they are kept.
    async fn back_to(
        &self,
        first: u64,
        mut see: impl FnMut(&Entry, &Objects) -> Result<(), Refusal>,
    ) -> Result<(), Refusal> {
        let mut now = Snapshot::default();
        self.refresh(&mut now).await?;
        let entries = self.entries(now.seen).await?;
        for entry in entries.iter().rev().take_while(|entry| entry.revision >= first) {
            see(entry, &now.objects)?;
            if entry.revision == first {
                break;
            }
            // Others have work on this thread.
            tokio::task::yield_now().await;
            let Some(from) = &entry.from else {
                revert(&mut now.objects, &entry.changes);
                continue;
            };
            now.objects = match self.generation(from, 0).await {
                Ok(objects) => objects,
                Err(Problem::Etcd(failure)) => return Err(self.refusal(failure)),
                Err(Problem::Other(refusal)) => return Err(refusal),
            };
            if now.objects.is_empty() {
                // Swept: more large changes than are kept came after it.
                break;
            }
        }
        Ok(())
    }

    /// The history, the oldest first, as it was at a revision of the key space; 0 is now.
    async fn entries(&self, at: i64) -> Result<Vec<Entry>, Refusal> {
        let prefix = self.keys.histories();
        // Each may have half a megabyte, and an answer of etcd's gateway a few.
        let limit = 4;
        let mut from = prefix.clone().into_bytes();
        let mut entries: Vec<Entry> = Vec::new();
        while entries.len() <= 2 * usize::try_from(KEPT).unwrap_or(usize::MAX) {
            let found = self
                .client
                .range(&page(&from, &end_of(&prefix), at, limit))
                .await
                .map_err(|failure| self.refusal(failure))?;
            for kv in &found.kvs {
                entries.push(decode(kv)?);
            }
            let Some(last) = found.kvs.last().filter(|_| found.more) else {
                break;
            };
            from.clone_from(&last.key);
            from.push(0);
        }
        Ok(entries)
    }
}

fn stored(entry: &Entry, objects: &Objects) -> Result<Stored, Refusal> {
    Ok(Stored {
        revision: entry.revision,
        applied_at: entry.applied_at.clone(),
        cause: entry.cause.clone(),
        document: together(objects)?,
    })
}
