//! The document in etcd: one key an object, one compare-and-swap a change.
//!
//! A small change is one transaction on the objects in force. A large one writes a new generation of all objects, which
//! nobody reads, and makes it current with the same swap of the head. So a reader sees a revision whole or not at all.
//! Reads and writes go through etcd's JSON gateway (decision 18).

mod address;
mod charges;
mod client;
mod commit;
mod failure;
mod follow;
mod link;
mod load;
mod numbers;
mod objects;
mod owner;
mod past;
mod progress;
mod records;
mod report;
mod reuse;
mod stage;
mod stream;
mod trial;
mod wire;

use tokio::sync::Mutex;

pub use address::{Address, Secret, TlsFiles, User};
pub use charges::{Charges, CopyReport, Standing};
pub use follow::{Expected, Follower, News};
pub use numbers::Number;
pub use objects::Change;
#[cfg(test)]
pub(crate) use objects::{Objects, apart, changes};
pub use owner::{Decision, Fence, Owner, PROOF, Steward};
pub use report::{NodeReport, RefusedRevision, ReportedPort, Reporter, new_instance};
pub use reuse::Held;

use super::{Answer, Past, Pending, Store, Stored, Terms};
use crate::error::Refusal;
use client::Client;
use failure::Failure;
use load::Snapshot;
use records::Keys;

/// One fabric in an etcd.
pub struct EtcdStore {
    client: Client,
    keys: Keys,
    /// Who writes, for the history.
    by: String,
    /// What was in force when we last looked.
    known: Mutex<Snapshot>,
}

impl EtcdStore {
    /// Reads certificates; etcd is not asked yet. `by` stands in the history of what this store writes.
    ///
    /// # Errors
    /// When a certificate cannot be used.
    pub fn open(address: Address, by: impl Into<String>) -> Result<Self, Refusal> {
        Ok(Self {
            keys: Keys::new(&address.prefix),
            client: Client::new(address)?,
            by: by.into(),
            known: Mutex::default(),
        })
    }

    /// Where it is, without secrets.
    pub fn address(&self) -> &Address {
        &self.client.address
    }

    /// Name under which this store is written to.
    pub fn by(&self) -> &str {
        &self.by
    }

    fn refusal(&self, failure: Failure) -> Refusal {
        failure.refusal(&self.client.address.to_string())
    }
}

impl Store for EtcdStore {
    fn kind(&self) -> &'static str {
        "etcd"
    }

    fn current(&self) -> Answer<'_, Option<Stored>> {
        Box::pin(async move {
            let mut known = self.known.lock().await;
            self.refresh(&mut known).await?;
            known.stored()
        })
    }

    fn put_in_force<'a>(&'a self, base: u64, stored: &'a Stored, terms: Terms) -> Answer<'a, ()> {
        Box::pin(self.put_on(base, stored, terms))
    }

    fn pending(&self) -> Answer<'_, Option<Pending>> {
        Box::pin(async move {
            let mut known = self.known.lock().await;
            self.refresh(&mut known).await?;
            drop(known);
            self.told_pending().await
        })
    }

    fn confirm(&self, revision: u64) -> Answer<'_, ()> {
        Box::pin(self.end_trial(revision))
    }

    fn history(&self) -> Answer<'_, Vec<Past>> {
        Box::pin(self.pasts())
    }

    fn kept(&self, revision: u64) -> Answer<'_, Option<Stored>> {
        Box::pin(self.past(revision))
    }
}

/// Sixteen random hexadecimal digits.
fn random_name() -> Result<String, Refusal> {
    let mut bytes = [0; 8];
    rustls::crypto::ring::default_provider()
        .secure_random
        .fill(&mut bytes)
        .map_err(|_| Refusal::new(crate::error::codes::FAILED, "the system gives no random numbers"))?;
    Ok(format!("{:016x}", u64::from_be_bytes(bytes)))
}
