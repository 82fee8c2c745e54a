//! Following the store: every revision as it comes, over leader elections, lost members and compactions.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::time::timeout;

use super::EtcdStore;
use super::failure::Failure;
use super::load::decode;
use super::objects::Change;
use super::records::Entry;
use super::stream::Stream;
use super::wire::{Watched, b64, end_of, path};
use crate::error::{Refusal, codes};
use crate::store::Stored;

/// How often the store is asked whether it is there, when it says nothing by itself. A watch whose member was cut off
/// from us says nothing either.
const PULSE: Duration = Duration::from_secs(3);

/// What the store says.
#[derive(Debug)]
pub enum News {
    /// This document is in force.
    Document(Stored),
    /// This document is in force, and differs from the one that was told last by these changes alone.
    Changes {
        /// What is in force.
        stored: Stored,
        /// In their order.
        changes: Vec<Change>,
    },
    /// What this node itself has put in force.
    Own {
        /// Its number.
        revision: u64,
    },
    /// A revision is in force that this version of the program does not understand.
    Unreadable {
        /// Its number.
        revision: u64,
        /// Why not.
        refusal: Refusal,
    },
    /// The store holds an older revision of this fabric than this node has: it was restored from a backup.
    Older {
        /// What it holds.
        revision: u64,
    },
    /// The store is not the one that this node belongs to: another fabric, or none.
    NotOurs(Refusal),
    /// It is there, and nothing has changed.
    Quiet,
}

/// What a node knows of the store from earlier.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expected {
    /// The fabric that it belongs to; `None` before the first contact.
    pub fabric: Option<String>,
    /// The revision that it has.
    pub revision: u64,
}

/// Follows a store. One for each agent.
pub struct Follower {
    store: Arc<EtcdStore>,
    watch: Option<Stream>,
    /// Random number of the revision that was told last; empty before the first.
    told: String,
    /// That revision could not be read.
    unread: bool,
    /// Key space revision of the last message.
    seen: i64,
    /// What was changed since `told`, and the writer that this leads to.
    heard: Option<(String, Vec<Change>)>,
}

impl Follower {
    /// Begins with what is in force.
    pub fn new(store: Arc<EtcdStore>) -> Self {
        Self {
            store,
            watch: None,
            told: String::new(),
            unread: false,
            seen: 0,
            heard: None,
        }
    }

    /// Tells the present document again, as if it were new.
    pub fn forget(&mut self) {
        self.told.clear();
        self.watch = None;
    }

    /// Waits for the next news, at most a few seconds.
    ///
    /// # Errors
    /// When the store does not answer within its time limits; ask again.
    pub async fn next(&mut self, expected: &Expected) -> Result<News, Refusal> {
        if self.watch.is_none() {
            // Where it stands is read before every watch: a store that was restored has gone back, and a watch from
            // the revision where we were would wait for it to come there again.
            let news = self.look(expected).await?;
            if matches!(news, News::NotOurs(_)) {
                tokio::time::sleep(PULSE).await;
                return Ok(news);
            }
            match self.open().await {
                Ok(watch) => self.watch = Some(watch),
                Err(refusal) => {
                    // The news are not lost: they are told with the next look.
                    self.told.clear();
                    return Err(refusal);
                }
            }
            return Ok(news);
        }
        match self.watched().await {
            Ok(true) => self.look_here(expected).await,
            Ok(false) => self.look(expected).await,
            Err(failure) => {
                self.watch = None;
                tracing::debug!(?failure, "the watch ended and is opened again");
                self.look(expected).await
            }
        }
    }

    /// Reads where the store stands.
    async fn look(&mut self, expected: &Expected) -> Result<News, Refusal> {
        let result = {
            let mut known = self.store.known.lock().await;
            self.store.refresh(&mut known).await
        };
        match result {
            Ok(()) => self.look_here(expected).await,
            Err(refusal) if refusal.code == codes::STORE_NEWER => {
                Ok(News::Unreadable { revision: 0, refusal })
            }
            Err(refusal) => Err(refusal),
        }
    }

    /// Compares what is known of the store with what was told.
    async fn look_here(&mut self, expected: &Expected) -> Result<News, Refusal> {
        let mut known = self.store.known.lock().await;
        self.seen = self.seen.max(known.seen);
        if known.seen < self.seen {
            self.seen = known.seen;
            self.watch = None;
        }
        let Some(head) = &known.head else {
            return Ok(match &expected.fabric {
                Some(_) => News::NotOurs(empty(&self.store)),
                None => News::Quiet,
            });
        };
        if expected
            .fabric
            .as_ref()
            .is_some_and(|fabric| *fabric != head.fabric)
        {
            return Ok(News::NotOurs(foreign(&self.store)));
        }
        if head.revision < expected.revision {
            return Ok(News::Older {
                revision: head.revision,
            });
        }
        if head.writer == self.told {
            return Ok(News::Quiet);
        }
        let told = std::mem::replace(&mut self.told, head.writer.clone());
        let (revision, writer) = (head.revision, head.writer.clone());
        if known.own == writer {
            // To put the whole document together only to find it known costs as much as the change did.
            self.heard = None;
            return Ok(News::Own { revision });
        }
        let heard = self
            .heard
            .take()
            .filter(|(to, _)| *to == writer && !told.is_empty() && !self.unread);
        // Who has not read one revision cannot go by what the next one changes.
        self.unread = known.stored().is_err();
        Ok(match (known.stored(), heard) {
            (Ok(Some(stored)), Some((_, changes))) => News::Changes { stored, changes },
            (Ok(Some(stored)), None) => News::Document(stored),
            (Ok(None), _) => News::Quiet,
            (Err(refusal), _) => News::Unreadable { revision, refusal },
        })
    }

    async fn open(&self) -> Result<Stream, Refusal> {
        let prefix = self.store.keys.histories();
        let request = json!({ "create_request": {
            "key": b64(&prefix),
            "range_end": b64(end_of(&prefix)),
            "start_revision": (self.seen + 1).to_string(),
            "filters": ["NODELETE"],
        } });
        let opened = self.store.client.stream(path::WATCH, &request).await;
        opened.map_err(|failure| self.store.refusal(failure))
    }

    /// Reads the watch until it says something. True if what it said is taken in, false if the store must be read.
    async fn watched(&mut self) -> Result<bool, Failure> {
        let Some(watch) = &mut self.watch else {
            return Ok(false);
        };
        let message: Watched = match timeout(PULSE, watch.next()).await {
            Err(_) => return Ok(false),
            Ok(message) => message?,
        };
        if message.compact_revision > 0 {
            return Err(Failure::Compacted);
        }
        if message.canceled {
            return Err(Failure::Away(message.cancel_reason));
        }
        let mut known = self.store.known.lock().await;
        for event in &message.events {
            self.seen = self.seen.max(event.kv.mod_revision);
            if event.kv.mod_revision <= known.seen {
                // Read meanwhile, or written by ourselves.
                continue;
            }
            let Some(entry) = decode::<Entry>(&event.kv).ok() else {
                return Ok(false);
            };
            if !known.advance(&entry, event.kv.mod_revision) {
                return Ok(false);
            }
            let (to, mut changes) = self
                .heard
                .take()
                .unwrap_or_else(|| (self.told.clone(), Vec::new()));
            if to == entry.base {
                changes.extend(entry.changes);
                self.heard = Some((entry.writer, changes));
            }
        }
        Ok(true)
    }
}

impl EtcdStore {
    /// The document in force, as far as the store was read.
    ///
    /// # Errors
    /// When this version of the program does not understand it.
    pub async fn stored(&self) -> Result<Option<Stored>, Refusal> {
        self.known.lock().await.stored()
    }

    /// Name of the fabric in the store, as far as it was read.
    pub async fn fabric(&self) -> Option<String> {
        let known = self.known.lock().await;
        known.head.as_ref().map(|head| head.fabric.clone())
    }

    /// Revision in force in the store, as far as it was read; 0 for none.
    pub async fn revision(&self) -> u64 {
        self.known.lock().await.revision()
    }
}

fn empty(store: &EtcdStore) -> Refusal {
    let sentence = format!(
        "{} holds no fabric, and this node belongs to one",
        store.address()
    );
    Refusal::new(codes::STORE_EMPTY, sentence)
        .with_cure("correct the prefix, or put the document there: fabric export > f.json; fabric import -f f.json --store URL")
}

fn foreign(store: &EtcdStore) -> Refusal {
    let sentence = format!(
        "{} holds another fabric than the one that this node belongs to",
        store.address()
    );
    Refusal::new(codes::STORE_FOREIGN, sentence)
        .with_cure("correct the address or the prefix; to join that fabric begin with a new --state-dir")
}
