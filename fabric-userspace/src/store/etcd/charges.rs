//! Following who is in charge of storage machines: every change as it comes, and the whole every second.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::time::{sleep, timeout};

use super::EtcdStore;
use super::commit::json as encode;
use super::failure::Failure;
use super::load::decode;
use super::owner::Owner;
use super::stream::Stream;
use super::wire::{KeyValue, Watched, b64, end_of, page, path, put};
use crate::error::Refusal;

/// How often everything is read, from a majority: a watch whose member was cut off says nothing, and only an answer proves that
/// nothing newer is there.
const PULSE: Duration = Duration::from_secs(1);
/// The same while there is no watch.
const POLL: Duration = Duration::from_millis(100);
/// Keys that are read at once.
const PAGE: u32 = 500;

/// How far the copies of a member's data are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CopyReport {
    /// Epoch in which it was seen.
    pub epoch: u64,
    /// The member that they are made from.
    pub from: String,
    /// By member: whether it gets every write together with `from`, and how many bytes it lacks.
    pub copies: BTreeMap<String, (bool, u64)>,
}

/// All that stands in the store of one storage machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Who is in charge.
    pub owner: Option<Owner>,
    /// Why what stands there of the owner cannot be read, in one sentence. Then nothing is known of him.
    pub unreadable: Option<String>,
    /// The node that may change that.
    pub steward: Option<String>,
    /// How far the copies are.
    pub copies: Option<CopyReport>,
}

/// Follows all storage machines of a fabric. One for each agent.
pub struct Charges {
    store: Arc<EtcdStore>,
    watch: Option<Stream>,
    known: BTreeMap<String, Standing>,
    /// Key space revision up to which `known` is true.
    seen: i64,
    /// When the last reading of everything began.
    read_at: Option<Instant>,
    /// The store knows less than it did.
    went_back: bool,
}

impl Charges {
    /// Begins with what is in force.
    pub fn new(store: Arc<EtcdStore>) -> Self {
        Self {
            store,
            watch: None,
            known: BTreeMap::new(),
            seen: 0,
            read_at: None,
            went_back: false,
        }
    }

    /// Whether the store was restored from a backup since this was last asked: what this node has told it may be lost.
    pub fn went_back(&mut self) -> bool {
        std::mem::take(&mut self.went_back)
    }

    /// Waits for something new, a second at most, and gives all that is known then, and when it was surely true.
    ///
    /// # Errors
    /// When the store does not answer within its time limits; ask again. What this version does not understand concerns its own
    /// storage machine alone.
    pub async fn next(&mut self) -> Result<(&BTreeMap<String, Standing>, Instant), Refusal> {
        let period = if self.watch.is_some() { PULSE } else { POLL };
        let rest = self
            .read_at
            .map_or(Duration::ZERO, |at| period.saturating_sub(at.elapsed()));
        let heard = match &mut self.watch {
            // However much it has to say, everything is read when it is time.
            Some(_) if rest.is_zero() => None,
            Some(watch) => timeout(rest, watch.next::<Watched>()).await.ok(),
            None => {
                sleep(rest).await;
                None
            }
        };
        let is_followed = match heard {
            Some(Ok(message)) if message.compact_revision == 0 && !message.canceled => {
                // One that was under way while everything was read says nothing new.
                let news = message.events.iter();
                for event in news.filter(|event| event.kv.mod_revision > self.seen) {
                    take(
                        (&self.store.keys.storage(), &mut self.known),
                        &event.kv,
                        event.what == "DELETE",
                    );
                }
                let newest = message.events.iter().map(|event| event.kv.mod_revision).max();
                self.seen = self.seen.max(newest.unwrap_or(0));
                true
            }
            Some(_) => {
                self.watch = None;
                false
            }
            None => false,
        };
        if !is_followed {
            self.read().await?;
        }
        if self.watch.is_none() {
            // Without one, reading goes on, and more often.
            self.watch = self.open().await.ok();
        }
        Ok((&self.known, self.read_at.unwrap_or_else(Instant::now)))
    }

    async fn read(&mut self) -> Result<(), Refusal> {
        let prefix = self.store.keys.storage();
        let mut from = prefix.clone().into_bytes();
        let mut revision = 0;
        let begun = Instant::now();
        let mut known = BTreeMap::new();
        loop {
            let request = page(&from, &end_of(&prefix), revision, PAGE);
            let found = self.store.client.range(&request).await;
            let found = found.map_err(|failure| self.store.refusal(failure))?;
            if revision == 0 {
                revision = found.header.revision;
            }
            for kv in &found.kvs {
                take((&prefix, &mut known), kv, false);
            }
            let Some(last) = found.kvs.last().filter(|_| found.more) else {
                break;
            };
            from.clone_from(&last.key);
            from.push(0);
        }
        if revision < self.seen {
            // Restored from a backup: the watch waits for a revision that comes late or never.
            self.watch = None;
            self.went_back = true;
        }
        self.known = known;
        self.seen = revision;
        self.read_at = Some(begun);
        Ok(())
    }

    async fn open(&self) -> Result<Stream, Failure> {
        let prefix = self.store.keys.storage();
        let request = json!({ "create_request": {
            "key": b64(&prefix),
            "range_end": b64(end_of(&prefix)),
            "start_revision": (self.seen + 1).to_string(),
        } });
        self.store.client.stream(path::WATCH, &request).await
    }
}

/// Takes in one key. One that is not understood must not keep the others from being heard.
fn take((prefix, known): (&str, &mut BTreeMap<String, Standing>), kv: &KeyValue, is_gone: bool) {
    let key = String::from_utf8_lossy(&kv.key);
    let Some((kind, name)) = key.strip_prefix(prefix).and_then(|rest| rest.split_once('/')) else {
        return;
    };
    let standing = known.entry(name.to_owned()).or_default();
    match kind {
        "owners" => {
            let owner = if is_gone {
                Ok(None)
            } else {
                Owner::read(kv).map(Some)
            };
            (standing.owner, standing.unreadable) = match owner {
                Ok(owner) => (owner, None),
                Err(refusal) => (None, Some(refusal.sentence)),
            };
        }
        "stewards" => {
            standing.steward = (!is_gone).then(|| String::from_utf8_lossy(&kv.value).into_owned());
        }
        // Of copies of which nothing can be read nothing new is believed.
        "copies" => standing.copies = decode(kv).ok().filter(|_| !is_gone),
        _ => {}
    }
}

impl EtcdStore {
    /// Tells the other nodes how far the copies of a storage machine's data are.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn report_copies(&self, machine: &str, report: &CopyReport) -> Result<(), Refusal> {
        let operation = put(&self.keys.copies(machine), &encode(report)?, 0);
        let written = self.client.txn(&[], &[operation]).await;
        written.map(drop).map_err(|failure| self.refusal(failure))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kv(key: &str, value: &str) -> KeyValue {
        let text = json!({ "key": b64(key), "value": b64(value), "mod_revision": "7" });
        serde_json::from_value(text).expect("a key")
    }

    #[test]
    fn an_owner_that_is_not_understood_hides_no_other() {
        let good = r#"{"schema": "fabric/1", "epoch": 3, "by": "edge1", "member": "array-1"}"#;
        let mut known = BTreeMap::new();
        let keys = [
            ("f/storage/owners/a", good),
            ("f/storage/owners/b", "{"),
            ("f/storage/owners/c", &good.replace("fabric/1", "fabric/9")),
            ("f/storage/copies/a", "[]"),
            ("f/storage/owners/d", good),
        ];
        for (key, value) in keys {
            take(("f/storage/", &mut known), &kv(key, value), false);
        }
        for name in ["a", "d"] {
            let standing = &known[name];
            assert_eq!(
                standing.owner.as_ref().map(|owner| owner.epoch),
                Some(3),
                "{name}"
            );
            assert_eq!((&standing.unreadable, &standing.copies), (&None, &None));
        }
        for (name, word) in [("b", "is not understood"), ("c", "fabric/9")] {
            let standing = &known[name];
            let why = standing.unreadable.as_ref().expect("a reason");
            assert!(
                why.contains(word) && why.contains(&format!("owners/{name}")),
                "{why}"
            );
            assert_eq!(standing.owner, None);
        }
        take(("f/storage/", &mut known), &kv("f/storage/owners/b", good), false);
        take(("f/storage/", &mut known), &kv("f/storage/owners/c", ""), true);
        assert!(known.values().all(|standing| standing.unreadable.is_none()));
        assert!(known["b"].owner.is_some() && known["c"].owner.is_none());
    }
}
