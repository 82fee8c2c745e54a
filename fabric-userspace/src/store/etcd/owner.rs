//! Who is in charge of a storage machine: one answer for all nodes, with an epoch that only rises.
//!
//! Two keys a machine. `owners/NAME` holds the member in charge and the epoch, and stays when everybody dies: an epoch is
//! never given twice. `stewards/NAME` names the one node that may change it, under that node's lease. A change is one
//! transaction on the condition that the owner is as it was read *and* that the steward's lease still stands. So a node
//! that was cut off cannot switch, and one that comes back finds out before it does harm.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::EtcdStore;
use super::commit::json;
use super::load::decode;
use super::objects::SCHEMA;
use super::wire::{get, is_at, put};
use crate::error::{Refusal, codes};

/// Seconds after which a silent steward is replaced.
const LEASE: u32 = 5;
/// How long a renewal proves that no other steward is there: less than the lease, because it began before we heard of it.
const PROOF: Duration = Duration::from_secs(3);

/// Who is in charge, and since which change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// Member in charge.
    pub member: String,
    /// Raised by one with each change, and never used again.
    pub epoch: u64,
    /// Key space revision that wrote it: what the next change is made from.
    at: i64,
}

#[derive(Serialize, Deserialize)]
struct Record {
    schema: String,
    member: String,
    epoch: u64,
    /// Node that decided it.
    by: String,
}

impl EtcdStore {
    /// Who is in charge now, read from a majority; `None` if nobody ever was.
    ///
    /// # Errors
    /// When the store does not answer: then nobody can prove anything, and nothing may be switched.
    pub async fn owner(&self, machine: &str) -> Result<Option<Owner>, Refusal> {
        let found = self.client.range(&get(&self.keys.owner(machine))).await;
        let found = found.map_err(|failure| self.refusal(failure))?;
        let Some(kv) = found.kvs.first() else {
            return Ok(None);
        };
        let Record { member, epoch, .. } = decode(kv)?;
        Ok(Some(Owner {
            member,
            epoch,
            at: kv.mod_revision,
        }))
    }
}

/// The right of one node to say who is in charge of one machine.
pub struct Steward {
    store: Arc<EtcdStore>,
    machine: String,
    lease: i64,
    /// Key space revision of our name in the steward's key.
    at: i64,
    renewed: Instant,
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
        let decided = store
            .client
            .txn(&[is_at(&key, 0)], &[operation])
            .await
            .map_err(failed)?;
        if !decided.succeeded {
            // A lost answer leaves our own name there until the lease ends; then the office is free again.
            let _ = store.client.revoke(lease).await;
            return Ok(None);
        }
        Ok(Some(Self {
            at: decided.header.revision,
            machine: machine.to_owned(),
            store,
            lease,
            renewed,
        }))
    }

    /// Stays in office; to be called every second. False if the office is lost.
    ///
    /// # Errors
    /// When the store does not answer. The office may still be ours: [`Steward::proves`] says for how long.
    pub async fn renew(&mut self) -> Result<bool, Refusal> {
        let begun = Instant::now();
        let renewed = self.store.client.renew(self.lease).await;
        let is_ours = renewed.map_err(|failure| self.store.refusal(failure))?;
        if is_ours {
            self.renewed = begun;
        }
        Ok(is_ours)
    }

    /// Whether no other node can be steward now, as far as this host's clock runs evenly; steps of the time of day do
    /// not matter.
    pub fn proves(&self) -> bool {
        self.renewed.elapsed() < PROOF
    }

    /// Puts `member` in charge in place of `before`, which must be what is in force.
    ///
    /// # Errors
    /// `stale-epoch` if another owner is in force or the office is lost; otherwise when the store does not answer. What
    /// came of it then must be read with [`EtcdStore::owner`]; until then nothing may be switched.
    pub async fn switch(&self, before: Option<&Owner>, member: &str) -> Result<Owner, Refusal> {
        let store = &self.store;
        let epoch = before.map_or(0, |owner| owner.epoch) + 1;
        let record = Record {
            schema: SCHEMA.to_owned(),
            member: member.to_owned(),
            epoch,
            by: store.by.clone(),
        };
        let key = store.keys.owner(&self.machine);
        let conditions = [
            is_at(&key, before.map_or(0, |owner| owner.at)),
            is_at(&store.keys.steward(&self.machine), self.at),
        ];
        let operation = put(&key, &json(&record)?, 0);
        let decided = store.client.txn(&conditions, &[operation]).await;
        let decided = decided.map_err(|failure| store.refusal(failure))?;
        if !decided.succeeded {
            return Err(self.outdated(epoch));
        }
        Ok(Owner {
            member: member.to_owned(),
            epoch,
            at: decided.header.revision,
        })
    }

    /// Leaves the office.
    pub async fn resign(self) {
        // The lease ends by itself if this does not arrive.
        let _ = self.store.client.revoke(self.lease).await;
    }

    fn outdated(&self, epoch: u64) -> Refusal {
        let sentence = format!(
            "{} did not get epoch {epoch}: another switch or another steward was there before",
            self.machine
        );
        Refusal::new(codes::STALE_EPOCH, sentence)
            .with_cure("fabric storage show")
            .unchanged()
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

    /// Whether frames of `member` may pass: it is in charge, as far as is known. Nobody is before the first word.
    pub fn admits(&self, member: &str) -> bool {
        self.newest.as_ref().is_some_and(|newest| newest.member == member)
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
            at: 1,
        }
    }

    #[test]
    fn a_fence_never_goes_back() {
        let mut fence = Fence::default();
        assert!(!fence.admits("a") && fence.epoch() == 0);
        assert!(fence.hear(&owner("a", 1)) && fence.admits("a"));
        assert!(fence.hear(&owner("b", 2)) && fence.admits("b") && !fence.admits("a"));
        assert!(!fence.hear(&owner("a", 1)), "an old word was obeyed");
        assert!(fence.admits("b") && fence.epoch() == 2);
    }
}
