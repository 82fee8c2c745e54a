//! No number goes to another tenant before every node has forgotten its old meaning.
//!
//! A change that takes a number from a tenant leaves `released/NUMBER` with its revision. A later change may give the
//! number to another tenant once every node of the document has confirmed that revision. A node confirms with
//! `confirmed/NAME`, which outlives its lease: an agent that is dead goes on forwarding with what it had. A node that is
//! gone for good is taken out of the document: then nobody has a link to it any more, which fences all its ports. If a number
//! that it may know goes to others meanwhile, `outdated/NAME` says so, and it does not come back before it has forgotten it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Value;
use tokio::time::{Instant, sleep};

use super::EtcdStore;
use super::commit::{Attempt, OPERATIONS};
use super::failure::Failure;
use super::load::Snapshot;
use super::numbers::{Number, Numbers, numbers};
use super::progress::{NODES, Progress, heirs, nodes_of};
use super::wire::{KeyValue, delete, end_of, get, is_at, page, put};
use crate::error::{Refusal, codes};

/// Nodes usually confirm within milliseconds: so long a writer waits before it is refused.
const PATIENCE: Duration = Duration::from_millis(1500);
const PAUSE: Duration = Duration::from_millis(20);
/// So many notes are read one by one, more all at once.
const FEW: usize = 8;

/// A number that a change gives to a tenant who did not have it.
struct Claim {
    number: String,
    tenant: String,
}

/// What another tenant gave up, and in which revision.
struct Released {
    revision: u64,
    tenant: String,
}

/// A number that waits until all nodes have confirmed that its tenant gave it up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// The number.
    pub number: Number,
    /// Who may have it back.
    pub tenant: String,
}

/// The owners of the numbers in what a change touches, before and after it. What is in no changed object has the owner that it had.
fn before_and_after<'a>(attempt: &'a Attempt<'_>) -> (Numbers<'a>, Numbers<'a>) {
    let before = attempt.changes.iter().filter_map(|change| change.before.as_ref());
    let after = attempt.changes.iter().filter_map(|change| change.after.as_ref());
    (numbers(before), numbers(after))
}

impl EtcdStore {
    /// Refuses a change that gives a number to another tenant too early; waits a moment for nodes that are about to
    /// confirm.
    pub(super) async fn check_reuse(&self, known: &Snapshot, attempt: &Attempt<'_>) -> Result<(), Refusal> {
        let (old, new) = before_and_after(attempt);
        let claims: Vec<Claim> = new
            .iter()
            .filter(|(number, tenant)| old.get(*number) != Some(*tenant))
            .map(|(number, tenant)| Claim {
                number: number.clone(),
                tenant: (*tenant).to_owned(),
            })
            .collect();
        // From hand to hand in one change: the old meaning is in force at every node.
        let direct = claims
            .iter()
            .find_map(|claim| Some((claim, old.get(&claim.number)?)));
        if let Some((claim, tenant)) = direct
            && !self.revisions(&self.keys.confirmed("")).await?.is_empty()
        {
            return Err(refusal(claim, tenant, "the same change takes it away"));
        }
        if !claims.is_empty() {
            self.await_release(known, attempt, &claims).await?;
        }
        Ok(())
    }

    /// The operations that note for new nodes which revision their hosts may have: a node that takes the place of another one at a link
    /// is that one under another name, as long as nothing is heard of it.
    pub(super) async fn inherited(&self, attempt: &Attempt<'_>) -> Result<Vec<Value>, Refusal> {
        let heirs = heirs(&attempt.changes);
        if heirs.is_empty() {
            return Ok(Vec::new());
        }
        let confirmed = self.revisions(&self.keys.confirmed("")).await?;
        let unheard = heirs.iter().filter(|(node, _)| !confirmed.contains_key(*node));
        let has = |(node, before): (&String, &String)| {
            let revision = confirmed.get(before)?.to_string();
            Some(put(&self.keys.confirmed(node), revision.as_bytes(), 0))
        };
        Ok(unheard.filter_map(has).collect())
    }

    /// The operations that note which numbers a change gives up.
    pub(super) fn releases(&self, attempt: &Attempt<'_>) -> Vec<Value> {
        let (old, new) = before_and_after(attempt);
        let revision = attempt.stored.revision;
        let gone = old.iter().filter(|(number, _)| !new.contains_key(*number));
        let note = |(number, tenant): (&String, &&str)| {
            put(
                &self.keys.released(number),
                format!("{revision} {tenant}").as_bytes(),
                0,
            )
        };
        gone.map(note).collect()
    }

    async fn await_release(
        &self,
        known: &Snapshot,
        attempt: &Attempt<'_>,
        claims: &[Claim],
    ) -> Result<(), Refusal> {
        let notes = self.released(claims).await?;
        let others = |claim: &Claim| {
            let note = notes.get(&claim.number)?;
            (note.released.tenant != claim.tenant).then_some(note)
        };
        let early = claims.iter().filter_map(|claim| Some((claim, others(claim)?)));
        let early: Vec<(&Claim, &Note)> = early.collect();
        let Some(newest) = early.iter().map(|(_, note)| note.released.revision).max() else {
            return Ok(());
        };
        let added = attempt.changes.iter().filter(|change| change.after.is_some());
        let added = added.filter_map(|change| Some(change.key.strip_prefix(NODES)?.to_owned()));
        let nodes: BTreeSet<String> = nodes_of(known).chain(added).collect();
        let end = Instant::now() + PATIENCE;
        let progress = loop {
            let progress = self.progress(known.revision(), &nodes).await?;
            // Who has confirmed the last one has confirmed all.
            if progress.behind(newest).is_empty() {
                break progress;
            }
            if Instant::now() >= end {
                return Err(too_early(&progress, &early));
            }
            sleep(PAUSE).await;
        };
        let since = known.revision();
        let outdated = progress.strangers(newest);
        let marks: Vec<Value> = outdated
            .map(|node| put(&self.keys.outdated(node), since.to_string().as_bytes(), 0))
            .collect();
        self.in_parts(&marks)
            .await
            .map_err(|failure| self.refusal(failure))?;
        // Confirmed by all: they mean nothing to anybody.
        let notes = early.iter().map(|(claim, note)| (claim.number.as_str(), note.at));
        self.forget(notes).await
    }

    /// Refuses to take a node back that forwards by numbers which belong to others by now; waits a moment for one that is about to
    /// confirm.
    pub(super) async fn check_return(&self, attempt: &Attempt<'_>) -> Result<(), Refusal> {
        let added = attempt.changes.iter().filter(|change| change.before.is_none());
        let added: BTreeSet<&str> = added
            .filter_map(|change| change.key.strip_prefix(NODES))
            .collect();
        let end = Instant::now() + PATIENCE;
        while !added.is_empty() {
            let outdated = self.revisions(&self.keys.outdated("")).await?;
            let outdated: BTreeMap<_, _> = outdated
                .iter()
                .filter(|(node, _)| added.contains(node.as_str()))
                .collect();
            if outdated.is_empty() {
                break;
            }
            let confirmed = self.revisions(&self.keys.confirmed("")).await?;
            let early = outdated.into_iter().find_map(|(node, since)| {
                let has = confirmed.get(node).filter(|has| *has < since)?;
                Some((node, has, since))
            });
            let Some((node, has, since)) = early else {
                break;
            };
            if Instant::now() >= end {
                return Err(returned(node, *has, *since));
            }
            sleep(PAUSE).await;
        }
        Ok(())
    }

    /// Nodes of a document that may still go by a revision before `revision`, which is in force, after a moment for those that
    /// are about to confirm it, and what they have.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn still_behind(
        &self,
        revision: u64,
        nodes: &BTreeSet<String>,
    ) -> Result<BTreeMap<String, u64>, Refusal> {
        let end = Instant::now() + PATIENCE;
        loop {
            let progress = self.progress(revision, nodes).await?;
            let behind = progress.behind(revision);
            if behind.is_empty() || Instant::now() >= end {
                let has = |node: &str| Some((node.to_owned(), *progress.confirmed.get(node)?));
                return Ok(behind.into_iter().filter_map(has).collect());
            }
            sleep(PAUSE).await;
        }
    }

    /// How far the nodes are, with `in_force` in force.
    async fn progress<'a>(
        &'a self,
        in_force: u64,
        nodes: &'a BTreeSet<String>,
    ) -> Result<Progress<'a>, Refusal> {
        Ok(Progress {
            confirmed: self.revisions(&self.keys.confirmed("")).await?,
            in_force,
            writer: &self.by,
            nodes,
        })
    }

    /// Numbers that no tenant has and that only the one who gave them up could have now.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn held(&self) -> Result<Vec<Held>, Refusal> {
        let notes = self.pairs(&self.keys.released("")).await?;
        if notes.is_empty() {
            return Ok(Vec::new());
        }
        let (in_force, nodes) = {
            let known = self.known.lock().await;
            (known.revision(), nodes_of(&known).collect())
        };
        let progress = self.progress(in_force, &nodes).await?;
        let mut is_free: BTreeMap<u64, bool> = BTreeMap::new();
        let (mut held, mut unneeded) = (Vec::new(), Vec::new());
        for (name, note) in &notes {
            let Some((released, number)) = read_note(&note.value).zip(Number::parse(name)) else {
                continue;
            };
            let is_free = is_free
                .entry(released.revision)
                .or_insert_with(|| progress.behind(released.revision).is_empty());
            if !*is_free {
                held.push(Held {
                    number,
                    tenant: released.tenant,
                });
            } else if progress.is_past(released.revision) {
                unneeded.push((name.as_str(), note.mod_revision));
            }
        }
        // Some at a time: nobody waits for it, and whoever chooses numbers next goes on.
        unneeded.truncate(OPERATIONS);
        self.forget(unneeded.into_iter()).await?;
        Ok(held)
    }

    /// What is noted of the numbers that are claimed.
    async fn released(&self, claims: &[Claim]) -> Result<BTreeMap<String, Note>, Refusal> {
        let mut pairs = Vec::new();
        if claims.len() > FEW {
            pairs = self.pairs(&self.keys.released("")).await?;
        } else {
            for claim in claims {
                let found = self.client.range(&get(&self.keys.released(&claim.number))).await;
                let found = found.map_err(|failure| self.refusal(failure))?;
                pairs.extend(found.kvs.into_iter().next().map(|kv| (claim.number.clone(), kv)));
            }
        }
        let read = |(number, kv): (String, KeyValue)| {
            let released = read_note(&kv.value)?;
            let at = kv.mod_revision;
            Some((number, Note { released, at }))
        };
        Ok(pairs.into_iter().filter_map(read).collect())
    }

    /// Revisions by node.
    async fn revisions(&self, prefix: &str) -> Result<BTreeMap<String, u64>, Refusal> {
        let pairs = self.pairs(prefix).await?;
        let read =
            |(node, kv): (String, KeyValue)| Some((node, str::from_utf8(&kv.value).ok()?.parse().ok()?));
        Ok(pairs.into_iter().filter_map(read).collect())
    }

    /// Forgets notes that are as they were read.
    async fn forget<'n>(&self, notes: impl Iterator<Item = (&'n str, i64)>) -> Result<(), Refusal> {
        let notes: Vec<_> = notes
            .map(|(number, at)| (self.keys.released(number), at))
            .collect();
        for some in notes.chunks(OPERATIONS) {
            let conditions: Vec<Value> = some.iter().map(|(key, at)| is_at(key, *at)).collect();
            let operations: Vec<Value> = some.iter().map(|(key, _)| delete(key)).collect();
            // If one has changed meanwhile they stay, and delay a number at most.
            let done = self.client.txn(&conditions, &operations).await;
            done.map_err(|failure| self.refusal(failure))?;
        }
        Ok(())
    }

    /// Keys below a prefix, without it.
    async fn pairs(&self, prefix: &str) -> Result<Vec<(String, KeyValue)>, Refusal> {
        let end = end_of(prefix);
        let mut from = prefix.as_bytes().to_vec();
        let mut pairs = Vec::new();
        loop {
            let found = self
                .client
                .range(&page(&from, &end, 0, 2000))
                .await
                .map_err(|failure| self.refusal(failure))?;
            let more = found.more;
            pairs.extend(found.kvs.into_iter().map(|kv| {
                let key = String::from_utf8_lossy(&kv.key);
                (key.strip_prefix(prefix).unwrap_or(&key).to_owned(), kv)
            }));
            let Some((_, last)) = pairs.last().filter(|_| more) else {
                return Ok(pairs);
            };
            from.clone_from(&last.key);
            from.push(0);
        }
    }

    /// Writes notes that are too many for the deciding transaction. Before it: a note too many only delays a number.
    pub(super) async fn note_released(&self, notes: &[Value]) -> Result<(), Failure> {
        self.in_parts(notes).await
    }

    async fn in_parts(&self, operations: &[Value]) -> Result<(), Failure> {
        for some in operations.chunks(OPERATIONS) {
            self.client.txn(&[], some).await?;
        }
        Ok(())
    }
}

/// A [`Released`] in the store.
struct Note {
    released: Released,
    /// Revision of the key space that wrote it.
    at: i64,
}

fn read_note(note: &[u8]) -> Option<Released> {
    let (revision, tenant) = str::from_utf8(note).ok()?.split_once(' ')?;
    Some(Released {
        revision: revision.parse().ok()?,
        tenant: tenant.to_owned(),
    })
}

fn has_or_have(nodes: &[&str]) -> String {
    match nodes {
        [one] => format!("{one} has"),
        [one, rest @ ..] => format!("{one} and {} more have", rest.len()),
        [] => "nobody has".to_owned(),
    }
}

fn too_early(progress: &Progress<'_>, early: &[(&Claim, &Note)]) -> Refusal {
    let waits = |(_, note): &&(&Claim, &Note)| !progress.behind(note.released.revision).is_empty();
    let Some((claim, note)) = early.iter().find(waits).or(early.first()) else {
        return Refusal::new(codes::BUG, "a number waits, and none is claimed");
    };
    let Released { revision, tenant } = &note.released;
    let behind = progress.behind(*revision);
    let why = format!(
        "it was given up in revision {revision}, which {} not confirmed",
        has_or_have(&behind)
    );
    refusal(claim, tenant, &why)
}

fn returned(node: &str, has: u64, since: u64) -> Refusal {
    let sentence = format!(
        "node {node} forwards by revision {has}, and numbers that it uses belong to other tenants since revision {since}"
    );
    Refusal::new(codes::NUMBER_IN_USE, sentence)
        .with_cure(format!(
            "fabric agent stop --detach at {node}, start its agent again, and repeat; of a host that is gone for good: choose another name"
        ))
        .unchanged()
}

fn refusal(claim: &Claim, tenant: &str, why: &str) -> Refusal {
    let number = claim.number.replacen('-', " ", 1).replace('-', "/");
    let sentence = format!(
        "{number} cannot go from tenant {tenant} to {} yet: {why}",
        claim.tenant
    );
    Refusal::new(codes::NUMBER_IN_USE, sentence)
        .with_cure("fabric node list; wait for the node, choose another number, or take a node that is gone for good out of the document")
        .unchanged()
}
