//! Who is in charge of a storage machine: one answer for all nodes, with an epoch that only rises.
//!
//! Two keys a machine. `storage/owners/NAME` holds the member in charge and the epoch, and stays when everybody dies: an epoch
//! is never given twice. `storage/stewards/NAME` names the one node that may change it, under that node's lease. A change is one
//! transaction on the condition that the owner is as it was read *and* that the steward's lease still stands. So a node
//! that was cut off cannot switch, and one that comes back finds out before it does harm. A store that was restored from a
//! backup gets back what it has lost from whoever knows it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::EtcdStore;
use super::commit::json;
use super::load::decode;
use super::objects::{SCHEMA, check_schema};
use super::wire::{KeyValue, delete, get, is_at, put};
use crate::error::{Refusal, codes};

/// Seconds after which a silent steward is replaced.
const LEASE: u32 = 5;
/// How long a renewal proves that no other steward is there: less than the lease, because it began before we heard of it.
pub const PROOF: Duration = Duration::from_secs(3);

/// What a steward decides.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// Member in charge; empty if the store does not say any more.
    pub member: String,
    /// Where it is, as `NODE:PORT`: a machine of the same name somewhere else is another one. Empty in what older versions wrote,
    /// which mean any.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub at: String,
    /// Why, in one word.
    #[serde(default)]
    pub cause: String,
    /// Members that are kept out of use.
    #[serde(default)]
    pub drained: Vec<String>,
    /// It stays as it is until somebody says otherwise.
    #[serde(default)]
    pub manual: bool,
}

impl From<&str> for Decision {
    fn from(member: &str) -> Self {
        Self {
            member: member.to_owned(),
            ..Self::default()
        }
    }
}

/// Who is in charge, and since which change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// Member in charge.
    pub member: String,
    /// Raised with each change, and never used again.
    pub epoch: u64,
    /// What else was decided with it.
    pub decision: Decision,
    /// Node that decided it.
    pub by: String,
    /// Key space revision that wrote it: what the next change is made from.
    at: i64,
}

#[derive(Serialize, Deserialize)]
struct Record {
    schema: String,
    epoch: u64,
    by: String,
    #[serde(flatten)]
    decision: Decision,
}

impl Owner {
    /// One node decides alone since then, and not by the store.
    pub fn is_retired(&self) -> bool {
        self.member.is_empty()
    }

    /// What stands in an owner's key.
    pub(super) fn read(kv: &KeyValue) -> Result<Self, Refusal> {
        let Record {
            schema,
            epoch,
            by,
            decision,
        } = decode(kv)?;
        check_schema(&String::from_utf8_lossy(&kv.key), &schema)?;
        Ok(Self {
            member: decision.member.clone(),
            epoch,
            decision,
            by,
            at: kv.mod_revision,
        })
    }
}

impl EtcdStore {
    /// Who is in charge now, read from a majority; `None` if nobody ever was.
    ///
    /// # Errors
    /// When the store does not answer: then nobody can prove anything, and nothing may be switched.
    pub async fn owner(&self, machine: &str) -> Result<Option<Owner>, Refusal> {
        let found = self.client.range(&get(&self.keys.owner(machine))).await;
        let found = found.map_err(|failure| self.refusal(failure))?;
        found.kvs.first().map(Owner::read).transpose()
    }

    /// Puts a decision back that the store has lost: it was restored from a backup, or never knew. This decides nothing anew, so
    /// whoever knows it may. The store must hold `before`, which is older.
    ///
    /// # Errors
    /// `stale-epoch` if the store holds something else; otherwise when it does not answer.
    pub async fn put_back(
        &self,
        machine: &str,
        before: Option<&Owner>,
        decision: Decision,
        epoch: u64,
    ) -> Result<Owner, Refusal> {
        self.set_owner(machine, before, (decision, epoch), &[]).await
    }

    /// The node that decides about a machine without the store, or did so and has not told yet what; `None` if there is none.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn decides_alone(&self, machine: &str) -> Result<Option<String>, Refusal> {
        let found = self.client.range(&get(&self.keys.alone(machine))).await;
        let found = found.map_err(|failure| self.refusal(failure))?;
        let name = |kv: &KeyValue| String::from_utf8_lossy(&kv.value).into_owned();
        Ok(found.kvs.first().map(name))
    }

    /// This node decides alone, or does not any more and the store has what it decided.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn set_alone(&self, machine: &str, is_alone: bool) -> Result<(), Refusal> {
        let key = self.keys.alone(machine);
        let failed = |failure| self.refusal(failure);
        if is_alone {
            let operation = put(&key, self.by.as_bytes(), 0);
            return self.client.txn(&[], &[operation]).await.map(drop).map_err(failed);
        }
        let found = self.client.range(&get(&key)).await.map_err(failed)?;
        let own = found.kvs.first().filter(|kv| kv.value == self.by.as_bytes());
        let Some(own) = own else { return Ok(()) };
        // Not succeeded: another node decides alone now.
        let conditions = [is_at(&key, own.mod_revision)];
        let done = self.client.txn(&conditions, &[delete(&key)]).await;
        done.map(drop).map_err(failed)
    }

    async fn set_owner(
        &self,
        machine: &str,
        before: Option<&Owner>,
        (decision, epoch): (Decision, u64),
        conditions: &[Value],
    ) -> Result<Owner, Refusal> {
        let record = Record {
            schema: SCHEMA.to_owned(),
            epoch,
            by: self.by.clone(),
            decision: decision.clone(),
        };
        let key = self.keys.owner(machine);
        let mut conditions = conditions.to_vec();
        conditions.push(is_at(&key, before.map_or(0, |owner| owner.at)));
        let mut operations = vec![put(&key, &json(&record)?, 0)];
        if !decision.member.is_empty() {
            // Together: whoever decides alone from the next moment on has not said so in vain.
            operations.push(delete(&self.keys.alone(machine)));
        }
        let decided = self.client.txn(&conditions, &operations).await;
        let decided = decided.map_err(|failure| self.refusal(failure))?;
        if !decided.succeeded {
            return Err(outdated(machine, epoch));
        }
        Ok(Owner {
            member: decision.member.clone(),
            epoch,
            decision,
            by: self.by.clone(),
            at: decided.header.revision,
        })
    }
}

fn outdated(machine: &str, epoch: u64) -> Refusal {
    let sentence =
        format!("{machine} did not get epoch {epoch}: another switch or another steward was there before");
    Refusal::new(codes::STALE_EPOCH, sentence)
        .with_cure("fabric storage show")
        .unchanged()
}

/// The right of one node to say who is in charge of one machine.
pub struct Steward {
    store: Arc<EtcdStore>,
    machine: String,
    lease: i64,
    /// Key space revision of our name in the steward's key.
    at: i64,
    renewed: Mutex<Instant>,
}

impl Steward {
    /// Takes the office if nobody has it; `None` if another node has.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn take(store: Arc<EtcdStore>, machine: &str) -> Result<Option<Self>, Refusal> {
        let key = store.keys.steward(machine);
        let failed = |failure| store.refusal(failure);
        let renewed = Instant::now();
        let lease = store.client.grant(LEASE).await.map_err(failed)?;
        let operation = put(&key, store.by.as_bytes(), lease);
        let found = store.client.range(&get(&key)).await.map_err(failed)?;
        // Our own name is left from an agent that died, or from an answer that was lost.
        let at = match found.kvs.first() {
            Some(kv) if kv.value == store.by.as_bytes() => Some(kv.mod_revision),
            Some(_) => None,
            None => Some(0),
        };
        let decided = match at {
            Some(at) => {
                let conditions = [is_at(&key, at)];
                let decided = store.client.txn(&conditions, &[operation]).await;
                Some(decided.map_err(failed)?)
            }
            None => None,
        };
        let Some(decided) = decided.filter(|decided| decided.succeeded) else {
            let _ = store.client.revoke(lease).await;
            return Ok(None);
        };
        Ok(Some(Self {
            at: decided.header.revision,
            machine: machine.to_owned(),
            store,
            lease,
            renewed: Mutex::new(renewed),
        }))
    }

    /// Stays in office; to be called every second. False if the office is lost.
    ///
    /// # Errors
    /// When the store does not answer. The office may still be ours: [`Steward::proof`] says for how long.
    pub async fn renew(&self) -> Result<bool, Refusal> {
        let begun = Instant::now();
        let renewed = self.store.client.renew(self.lease).await;
        let is_ours = renewed.map_err(|failure| self.store.refusal(failure))?;
        if is_ours {
            *self.renewed.lock().unwrap_or_else(PoisonError::into_inner) = begun;
        }
        Ok(is_ours)
    }

    /// How long no other node can be steward from now on, as far as this host's clock runs evenly; steps of the time of day do
    /// not matter.
    pub fn proof(&self) -> Duration {
        let renewed = *self.renewed.lock().unwrap_or_else(PoisonError::into_inner);
        PROOF.saturating_sub(renewed.elapsed())
    }

    /// Decides in place of `before`, which must be what is in force. The epoch is above `before`'s and above `beyond`.
    ///
    /// # Errors
    /// `stale-epoch` if another owner is in force or the office is lost; otherwise when the store does not answer. What
    /// came of it then must be read with [`EtcdStore::owner`]; until then nothing may be switched.
    pub async fn switch(
        &self,
        before: Option<&Owner>,
        decision: impl Into<Decision>,
        beyond: u64,
    ) -> Result<Owner, Refusal> {
        let epoch = before.map_or(0, |owner| owner.epoch).max(beyond) + 1;
        let office = [is_at(&self.store.keys.steward(&self.machine), self.at)];
        let decision = (decision.into(), epoch);
        self.store
            .set_owner(&self.machine, before, decision, &office)
            .await
    }

    /// Leaves the office.
    pub async fn resign(&self) {
        // The lease ends by itself if this does not arrive.
        let _ = self.store.client.revoke(self.lease).await;
    }
}

/// What a node that is the edge of a member goes by: it obeys an epoch once it has heard of it, and never an older one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fence {
    newest: Option<Owner>,
}

impl Fence {
    /// Hears of an owner. False if it is older than one that was heard of before: then nothing may change.
    pub fn hear(&mut self, owner: &Owner) -> bool {
        let is_new = self
            .newest
            .as_ref()
            .is_none_or(|newest| owner.epoch >= newest.epoch);
        if is_new {
            self.newest = Some(owner.clone());
        }
        is_new
    }

    /// Newest owner that was heard of.
    pub fn newest(&self) -> Option<&Owner> {
        self.newest.as_ref()
    }

    /// Whether frames of `member`, the machine `at` that place, may pass: it is in charge, as far as is known. Nobody is before
    /// the first word.
    pub fn admits(&self, member: &str, at: &str) -> bool {
        self.newest.as_ref().is_some_and(|newest| {
            let place = newest.decision.at.as_str();
            newest.member == member && (place.is_empty() || place == at)
        })
    }

    /// Newest epoch that was heard of; 0 for none.
    pub fn epoch(&self) -> u64 {
        self.newest.as_ref().map_or(0, |newest| newest.epoch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner(member: &str, epoch: u64) -> Owner {
        Owner {
            member: member.to_owned(),
            epoch,
            decision: member.into(),
            by: "edge1".to_owned(),
            at: 1,
        }
    }

    #[test]
    fn a_fence_never_goes_back() {
        let mut fence = Fence::default();
        assert!(!fence.admits("a", "") && fence.epoch() == 0);
        assert!(fence.hear(&owner("a", 1)) && fence.admits("a", ""));
        assert!(fence.hear(&owner("b", 2)) && fence.admits("b", "") && !fence.admits("a", ""));
        assert!(!fence.hear(&owner("a", 1)), "an old word was obeyed");
        assert!(fence.admits("b", "") && fence.epoch() == 2);
    }

    #[test]
    fn a_fence_admits_no_other_machine_of_the_same_name() {
        let mut fence = Fence::default();
        fence.hear(&owner("a", 1));
        assert!(fence.admits("a", "edge1:eth2") && fence.admits("a", "edge2:eth2"));
        let mut placed = owner("a", 2);
        placed.decision.at = "edge1:eth2".to_owned();
        fence.hear(&placed);
        assert!(fence.admits("a", "edge1:eth2") && !fence.admits("a", "edge2:eth2"));
    }
}
