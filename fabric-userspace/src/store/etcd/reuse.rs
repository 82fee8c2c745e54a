//! No number goes to another tenant before every node has forgotten its old meaning.
//!
//! A change that takes a number from a tenant leaves `released/NUMBER` with its revision. A later change may give the
//! number to another tenant once every node of the document has confirmed that revision. A node confirms with
//! `confirmed/NAME`, which outlives its lease: an agent that is dead goes on forwarding with what it had. A node that is
//! gone for good is taken out of the document: then nobody has a link to it any more, which fences all its ports.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Value;
use tokio::time::{Instant, sleep};

use super::EtcdStore;
use super::commit::{Attempt, OPERATIONS};
use super::load::Snapshot;
use super::objects::{Change, Object};
use super::wire::{delete, end_of, get, page, put};
use crate::error::{Refusal, codes};

/// Nodes usually confirm within milliseconds: so long a writer waits before it is refused.
const PATIENCE: Duration = Duration::from_millis(1500);
const PAUSE: Duration = Duration::from_millis(20);
/// So many notes are read one by one, more all at once.
const FEW: usize = 8;

/// Numbers as they stand on the wire, with the tenant that each belongs to. A number is told by its kind and value, as in
/// `tags-101-301` or `vni-10001`.
type Numbers<'a> = BTreeMap<String, &'a str>;

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

/// A number of the wire that means a tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Number {
    /// S-VID and C-VID.
    Tags(u16, u16),
    /// VXLAN network identifier.
    Vni(u32),
    /// I-SID of an I-TAG.
    ISid(u32),
    /// VLAN of a global VLAN link.
    GlobalVid(u16),
    /// MPLS label between datacenters.
    Label(u32),
}

impl Number {
    /// From the name of its note.
    fn parse(text: &str) -> Option<Self> {
        let (kind, value) = text.split_once('-')?;
        Some(match kind {
            "tags" => {
                let (outer, inner) = value.split_once('-')?;
                Self::Tags(outer.parse().ok()?, inner.parse().ok()?)
            }
            "vni" => Self::Vni(value.parse().ok()?),
            "i_sid" => Self::ISid(value.parse().ok()?),
            "global_vid" => Self::GlobalVid(value.parse().ok()?),
            "label" => Self::Label(value.parse().ok()?),
            _ => return None,
        })
    }
}

fn numbers<'a>(objects: impl Iterator<Item = &'a Object>) -> Numbers<'a> {
    let mut all = Numbers::new();
    for object in objects {
        let Some(tenant) = object.of.as_deref() else {
            continue;
        };
        for number in of_segment(object) {
            all.insert(number, tenant);
        }
    }
    all
}

fn of_segment(object: &Object) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    let value = object.value.parsed();
    let field = |name: &str| value.get(name).filter(|value| !value.is_null());
    for single in ["vni", "i_sid", "global_vid"] {
        if let Some(value) = field(single) {
            all.insert(format!("{single}-{value}"));
        }
    }
    for label in field("labels").and_then(Value::as_array).into_iter().flatten() {
        all.extend(label.get("label").map(|label| format!("label-{label}")));
    }
    if let Some(s_vid) = field("s_vid") {
        let mut inner = BTreeSet::new();
        collect(&value, "c_vid", &mut inner);
        all.extend(inner.into_iter().map(|c_vid| format!("tags-{s_vid}-{c_vid}")));
    }
    all
}

/// All values of a field, at any depth.
fn collect(value: &Value, name: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            for (field, value) in fields {
                if field == name && value.is_number() {
                    found.insert(value.to_string());
                }
                collect(value, name, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, name, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
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
            && !self.confirmed().await?.is_empty()
        {
            return Err(refusal(claim, tenant, "the same change takes it away"));
        }
        if !claims.is_empty() {
            self.await_release(known, attempt, &claims).await?;
        }
        Ok(())
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
        let end = Instant::now() + PATIENCE;
        loop {
            let released = self.released(claims).await?;
            let early = claims.iter().find_map(|claim| {
                let released = released.get(&claim.number)?;
                (released.tenant != claim.tenant).then_some((claim, released))
            });
            let Some((claim, released)) = early else {
                return Ok(());
            };
            let lagging = self.lagging(known, attempt, released.revision).await?;
            if lagging.is_empty() {
                // Confirmed by all: it means nothing to anybody, and the others are looked at.
                self.forget(&claim.number).await?;
                continue;
            }
            if Instant::now() >= end {
                let why = format!(
                    "it was given up in revision {}, which {} not confirmed",
                    released.revision,
                    has_or_have(&lagging)
                );
                return Err(refusal(claim, &released.tenant, &why));
            }
            sleep(PAUSE).await;
        }
    }

    /// Nodes that may still go by what was in force before `revision`.
    async fn lagging(
        &self,
        known: &Snapshot,
        attempt: &Attempt<'_>,
        revision: u64,
    ) -> Result<Vec<String>, Refusal> {
        let confirmed = self.confirmed().await?;
        let in_document = |node: &str| {
            let key = format!("nodes/{node}");
            let is_new = |change: &Change| change.key == key && change.after.is_some();
            known.objects.contains_key(&key) || attempt.changes.iter().any(is_new)
        };
        Ok(self.behind(known.revision(), &confirmed, in_document, revision))
    }

    /// Nodes of a document that may still go by a revision before `revision`, which is in force, after a moment for those that
    /// are about to confirm it, and what they have.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn still_behind(
        &self,
        revision: u64,
        in_document: impl Fn(&str) -> bool,
    ) -> Result<BTreeMap<String, u64>, Refusal> {
        let end = Instant::now() + PATIENCE;
        loop {
            let confirmed = self.confirmed().await?;
            let behind = self.behind(revision, &confirmed, &in_document, revision);
            if behind.is_empty() || Instant::now() >= end {
                let lags = |(node, _): &(String, u64)| behind.contains(node);
                return Ok(confirmed.into_iter().filter(lags).collect());
            }
            sleep(PAUSE).await;
        }
    }

    fn behind(
        &self,
        in_force: u64,
        confirmed: &BTreeMap<String, u64>,
        in_document: impl Fn(&str) -> bool,
        revision: u64,
    ) -> Vec<String> {
        // The writer has the revision that it makes this one from.
        let has = |node: &str, has: u64| if node == self.by { has.max(in_force) } else { has };
        // Its ports are fenced once all others know that it is not one of them any more.
        let is_fenced = confirmed
            .iter()
            .any(|(node, has)| !in_document(node) && *has < revision);
        let wanted = if is_fenced { in_force } else { revision };
        let nodes = confirmed.iter().filter(|(node, _)| in_document(node));
        let behind = nodes.filter(|(node, revision)| has(node, **revision) < wanted);
        behind.map(|(node, _)| node.clone()).collect()
    }

    /// Numbers that no tenant has and that only the one who gave them up could have now.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn held(&self) -> Result<Vec<Held>, Refusal> {
        let pairs = self.pairs(&self.keys.released("")).await?;
        if pairs.is_empty() {
            return Ok(Vec::new());
        }
        let confirmed = self.confirmed().await?;
        let known = self.known.lock().await;
        let in_document = |node: &str| known.objects.contains_key(&format!("nodes/{node}"));
        let mut is_free: BTreeMap<u64, bool> = BTreeMap::new();
        let mut held = Vec::new();
        for (number, note) in pairs {
            let Some((released, number)) = read_note(&note).zip(Number::parse(&number)) else {
                continue;
            };
            let is_free = is_free.entry(released.revision).or_insert_with(|| {
                self.behind(known.revision(), &confirmed, in_document, released.revision)
                    .is_empty()
            });
            if !*is_free {
                held.push(Held {
                    number,
                    tenant: released.tenant,
                });
            }
        }
        Ok(held)
    }

    /// What is noted of the numbers that are claimed.
    async fn released(&self, claims: &[Claim]) -> Result<BTreeMap<String, Released>, Refusal> {
        let mut pairs = Vec::new();
        if claims.len() > FEW {
            pairs = self.pairs(&self.keys.released("")).await?;
        } else {
            for claim in claims {
                let found = self.client.range(&get(&self.keys.released(&claim.number))).await;
                let found = found.map_err(|failure| self.refusal(failure))?;
                let value = |kv: &super::wire::KeyValue| String::from_utf8_lossy(&kv.value).into_owned();
                pairs.extend(found.kvs.first().map(|kv| (claim.number.clone(), value(kv))));
            }
        }
        let read = |(number, note): (String, String)| Some((number, read_note(&note)?));
        Ok(pairs.into_iter().filter_map(read).collect())
    }

    /// Revision that each node had last, whether it lives or not.
    async fn confirmed(&self) -> Result<BTreeMap<String, u64>, Refusal> {
        let pairs = self.pairs(&self.keys.confirmed("")).await?;
        Ok(pairs
            .into_iter()
            .filter_map(|(node, revision)| Some((node, revision.parse().ok()?)))
            .collect())
    }

    /// Forgets what every node has confirmed.
    ///
    /// # Errors
    /// When etcd does not answer.
    async fn forget(&self, number: &str) -> Result<(), Refusal> {
        let operation = delete(&self.keys.released(number));
        let done = self.client.txn(&[], &[operation]).await;
        done.map(drop).map_err(|failure| self.refusal(failure))
    }

    async fn pairs(&self, prefix: &str) -> Result<Vec<(String, String)>, Refusal> {
        let end = end_of(prefix);
        let mut from = prefix.as_bytes().to_vec();
        let mut pairs = Vec::new();
        loop {
            let found = self
                .client
                .range(&page(&from, &end, 0, 2000))
                .await
                .map_err(|failure| self.refusal(failure))?;
            for kv in &found.kvs {
                let key = String::from_utf8_lossy(&kv.key);
                let name = key.strip_prefix(prefix).unwrap_or(&key).to_owned();
                pairs.push((name, String::from_utf8_lossy(&kv.value).into_owned()));
            }
            let Some(last) = found.kvs.last().filter(|_| found.more) else {
                return Ok(pairs);
            };
            from.clone_from(&last.key);
            from.push(0);
        }
    }

    /// Writes notes that are too many for the deciding transaction. Before it: a note too many only delays a number.
    pub(super) async fn note_released(&self, notes: &[Value]) -> Result<(), super::Failure> {
        for some in notes.chunks(OPERATIONS) {
            self.client.txn(&[], some).await?;
        }
        Ok(())
    }
}

fn read_note(note: &str) -> Option<Released> {
    let (revision, tenant) = note.split_once(' ')?;
    Some(Released {
        revision: revision.parse().ok()?,
        tenant: tenant.to_owned(),
    })
}

fn has_or_have(nodes: &[String]) -> String {
    match nodes {
        [one] => format!("{one} has"),
        [one, rest @ ..] => format!("{one} and {} more have", rest.len()),
        [] => "nobody has".to_owned(),
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Document, from_json};
    use crate::store::etcd::objects::{Objects, apart};

    #[test]
    fn a_note_is_read_as_it_was_written() {
        let read = [
            "tags-101-301",
            "vni-7",
            "i_sid-8",
            "global_vid-9",
            "label-16",
            "tags-1",
            "x-1",
        ];
        let expected = [
            Some(Number::Tags(101, 301)),
            Some(Number::Vni(7)),
            Some(Number::ISid(8)),
            Some(Number::GlobalVid(9)),
            Some(Number::Label(16)),
            None,
            None,
        ];
        assert_eq!(read.map(Number::parse), expected);
    }

    #[test]
    fn every_number_of_a_segment_is_known() {
        let text = r#"{"schema":"fabric/1","tenants":[{"name":"acme","segments":[
            {"name":"a","s_vid":101,"c_vid":1101,"vni":10001,"attachments":[
                {"node":"e1","port":"eth1","vlan":10,"c_vid":301,"stations":[{"mac":"02:00:00:00:00:01","c_vid":302}]},
                {"node":"e2","port":"eth1","vlan":10,"c_vid":303}]}]}]}"#;
        let document: Document = from_json(text).unwrap();
        let objects = apart(&document, &Objects::new()).unwrap();
        let all = numbers(objects.values());
        let expected = [
            "tags-101-1101",
            "tags-101-301",
            "tags-101-302",
            "tags-101-303",
            "vni-10001",
        ];
        assert_eq!(all.keys().map(String::as_str).collect::<Vec<_>>(), expected);
        assert!(all.values().all(|tenant| *tenant == "acme"));
    }
}
