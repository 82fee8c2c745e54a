//! Reading what is in force.

use serde::de::DeserializeOwned;

use super::EtcdStore;
use super::failure::Failure;
use super::objects::{Change, Objects, check_schema, patched, replay, together};
use super::records::{Entry, Head, Trial};
use super::wire::{KeyValue, end_of, get, page};
use crate::error::{Refusal, codes};
use crate::model::Document;
use crate::store::Stored;

/// Objects that are read at once.
const PAGE: u32 = 500;
/// Readings that are begun anew because etcd was compacted meanwhile.
const TRIES: u32 = 3;

/// What was in force at one moment.
#[derive(Default)]
pub(super) struct Snapshot {
    pub head: Option<Head>,
    /// Key space revision that wrote the head; 0 if there is none.
    pub head_at: i64,
    /// Key space revision of the moment.
    pub seen: i64,
    pub objects: Objects,
    /// What the objects make, once somebody has asked for it.
    pub document: Option<Document>,
    pub applied_at: String,
    pub cause: String,
    /// Random number of the newest change that was made here.
    pub own: String,
}

impl Snapshot {
    pub(super) fn revision(&self) -> u64 {
        self.head.as_ref().map_or(0, |head| head.revision)
    }

    pub(super) fn writer(&self) -> &str {
        self.head.as_ref().map_or("", |head| &head.writer)
    }

    pub(super) fn trial(&self) -> Option<&Trial> {
        self.head.as_ref()?.trial.as_ref()
    }

    /// The document, if there is one.
    ///
    /// # Errors
    /// When this version of the program does not understand it.
    pub(super) fn stored(&mut self) -> Result<Option<Stored>, Refusal> {
        let Some(head) = &self.head else {
            return Ok(None);
        };
        let document = match &self.document {
            Some(document) => document.clone(),
            None => self.document.insert(together(&self.objects)?).clone(),
        };
        Ok(Some(Stored {
            revision: head.revision,
            applied_at: self.applied_at.clone(),
            cause: self.cause.clone(),
            document,
        }))
    }

    /// Takes changes in.
    pub(super) fn change(&mut self, changes: &[Change]) {
        replay(&mut self.objects, changes);
        let known = self.document.take();
        self.document = known.and_then(|document| patched(document, &self.objects, changes));
    }

    /// Follows one revision, if it was made from this one. False if it was made from another.
    pub(super) fn advance(&mut self, entry: &Entry, head_at: i64) -> bool {
        if let Some(head) = self.head.as_mut().filter(|head| head.writer == entry.writer) {
            // Confirmed: the same revision, which waits no longer.
            head.trial.clone_from(&entry.trial);
            self.head_at = head_at;
            self.seen = self.seen.max(head_at);
            return true;
        }
        if entry.from.is_some() || self.writer() != entry.base {
            return false;
        }
        self.change(&entry.changes);
        let Some(head) = &mut self.head else {
            return false;
        };
        head.revision = entry.revision;
        head.writer.clone_from(&entry.writer);
        head.trial.clone_from(&entry.trial);
        self.head_at = head_at;
        self.seen = self.seen.max(head_at);
        self.applied_at.clone_from(&entry.applied_at);
        self.cause.clone_from(&entry.cause);
        true
    }
}

/// Reads a value that a version of the program wrote.
///
/// # Errors
/// When it is damaged.
pub(super) fn decode<T: DeserializeOwned>(kv: &KeyValue) -> Result<T, Refusal> {
    serde_json::from_slice(&kv.value).map_err(|error| {
        let key = String::from_utf8_lossy(&kv.key);
        Refusal::new(
            codes::STATE_DAMAGED,
            format!("{key} in the store is not understood: {error}"),
        )
        .with_cure("was it written by hand, or by a newer version? fabric node list")
    })
}

impl EtcdStore {
    /// The head as it is now, with the revision of the key space.
    pub(super) async fn head(&self) -> Result<(Option<Head>, i64, i64), Refusal> {
        let found = self
            .client
            .range(&get(&self.keys.head()))
            .await
            .map_err(|failure| self.refusal(failure))?;
        let Some(kv) = found.kvs.first() else {
            return Ok((None, 0, found.header.revision));
        };
        let head: Head = decode(kv)?;
        check_schema("head", &head.schema)?;
        Ok((Some(head), kv.mod_revision, found.header.revision))
    }

    /// Brings what is known up to date.
    pub(super) async fn refresh(&self, known: &mut Snapshot) -> Result<(), Refusal> {
        for _ in 0..TRIES {
            let (head, head_at, seen) = self.head().await?;
            if known.seen <= seen && known.head_at == head_at && known.head.as_ref() == head.as_ref() {
                known.seen = seen;
                return Ok(());
            }
            let Some(head) = head else {
                *known = Snapshot {
                    seen,
                    own: std::mem::take(&mut known.own),
                    ..Snapshot::default()
                };
                return Ok(());
            };
            if known.writer() == head.writer {
                // Only confirmed meanwhile.
                known.head = Some(head);
                known.head_at = head_at;
                known.seen = seen;
                return Ok(());
            }
            if self.catch_up(known, &head, head_at, seen).await? {
                return Ok(());
            }
            match self.load(head, head_at, seen).await {
                Ok(snapshot) => {
                    *known = Snapshot {
                        own: std::mem::take(&mut known.own),
                        ..snapshot
                    };
                    return Ok(());
                }
                Err(Problem::Etcd(Failure::Compacted)) => {}
                Err(Problem::Etcd(failure)) => return Err(self.refusal(failure)),
                Err(Problem::Other(refusal)) => return Err(refusal),
            }
        }
        Err(self.refusal(Failure::Compacted))
    }

    /// Replays the revisions in between. False if they do not lead from here to there.
    async fn catch_up(
        &self,
        known: &mut Snapshot,
        head: &Head,
        head_at: i64,
        seen: i64,
    ) -> Result<bool, Refusal> {
        if known.head.is_none() || head.revision <= known.revision() || head.revision - known.revision() > 20
        {
            return Ok(false);
        }
        let from = self.keys.history(known.revision() + 1);
        let request = page(from.as_bytes(), &end_of(&self.keys.histories()), seen, PAGE);
        let found = match self.client.range(&request).await {
            Ok(found) => found,
            Err(Failure::Compacted) => return Ok(false),
            Err(failure) => return Err(self.refusal(failure)),
        };
        for kv in &found.kvs {
            if !known.advance(&decode(kv)?, kv.mod_revision) {
                return Ok(false);
            }
        }
        let is_there = known.writer() == head.writer;
        if is_there {
            known.head = Some(head.clone());
            known.head_at = head_at;
            known.seen = seen;
        }
        Ok(is_there)
    }

    async fn load(&self, head: Head, head_at: i64, seen: i64) -> Result<Snapshot, Problem> {
        let objects = self.generation(&head.generation, seen).await?;
        let key = self.keys.history(head.revision);
        let found = self.client.range(&super::wire::get(&key)).await?;
        let entry: Option<Entry> = found.kvs.first().map(decode).transpose()?;
        Ok(Snapshot {
            applied_at: entry
                .as_ref()
                .map(|entry| entry.applied_at.clone())
                .unwrap_or_default(),
            cause: entry.map(|entry| entry.cause).unwrap_or_default(),
            head: Some(head),
            head_at,
            seen,
            objects,
            document: None,
            own: String::new(),
        })
    }

    /// All objects of a generation as they were at a revision of the key space; 0 is now.
    pub(super) async fn generation(&self, generation: &str, at: i64) -> Result<Objects, Problem> {
        let prefix = self.keys.objects(generation);
        let end = end_of(&prefix);
        let mut from = prefix.clone().into_bytes();
        let mut objects = Objects::new();
        loop {
            let found = self.client.range(&page(&from, &end, at, PAGE)).await?;
            for kv in &found.kvs {
                let key = String::from_utf8_lossy(&kv.key[prefix.len().min(kv.key.len())..]).into_owned();
                objects.insert(key, decode(kv)?);
            }
            let Some(last) = found.kvs.last().filter(|_| found.more) else {
                return Ok(objects);
            };
            from.clone_from(&last.key);
            from.push(0);
        }
    }
}

/// Why something could not be read.
pub(super) enum Problem {
    Etcd(Failure),
    Other(Refusal),
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        Self::Etcd(failure)
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        Self::Other(refusal)
    }
}
