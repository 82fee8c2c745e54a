//! What each node says of itself, for as long as it lives.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::EtcdStore;
use super::commit::json;
use super::failure::Failure;
use super::load::decode;
use super::wire::{delete, end_of, get, is_at, page, put};
use crate::error::{Refusal, codes};

/// Seconds after which a silent node counts as away.
const LEASE: u32 = 10;

/// What a node says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeReport {
    /// Form of this value.
    pub schema: String,
    /// Its name in the document.
    pub node: String,
    /// Random name of its state directory: one node is one agent.
    pub instance: String,
    /// Version of its agent.
    pub version: String,
    /// Layout version of its maps.
    pub layout: u32,
    /// Revision in its maps.
    pub revision: u64,
    /// Revision before which no frame of it goes by any: later than `revision` where no port is in use.
    #[serde(skip)]
    pub confirmed: u64,
    /// Newer revision that it does not carry out.
    #[serde(default)]
    pub refused: Option<RefusedRevision>,
    /// Ports in use.
    #[serde(default)]
    pub ports: Vec<ReportedPort>,
    /// Since when its agent runs; RFC 3339, UTC.
    pub started_at: String,
}

/// A revision that a node does not carry out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedRevision {
    /// Its number.
    pub revision: u64,
    /// As in the error that a writer there would have seen.
    pub code: String,
    /// In one sentence.
    pub reason: String,
}

/// A port of a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportedPort {
    /// Interface.
    pub name: String,
    /// As `fabric port list` says it.
    pub state: String,
}

/// Keeps a node's report in the store.
pub struct Reporter {
    store: Arc<EtcdStore>,
    lease: Option<i64>,
    written: Option<NodeReport>,
}

impl Reporter {
    /// Nothing is written yet.
    pub fn new(store: Arc<EtcdStore>) -> Self {
        Self {
            store,
            lease: None,
            written: None,
        }
    }

    /// Whether the store knows this node: from then on its numbers wait for it.
    pub fn is_known(&self) -> bool {
        self.written.is_some()
    }

    /// Writes the report if it is new, and says that the node lives. To be called every few seconds.
    ///
    /// # Errors
    /// When the store does not answer, or another agent reports under this name.
    pub async fn report(&mut self, report: &NodeReport) -> Result<(), Refusal> {
        let is_kept = match self.lease {
            Some(lease) => self.renew(lease, report).await,
            None => Ok(false),
        };
        let store = Arc::clone(&self.store);
        if is_kept.map_err(|failure| store.refusal(failure))? {
            return Ok(());
        }
        self.register(report).await
    }

    /// False if the lease is gone.
    async fn renew(&mut self, lease: i64, report: &NodeReport) -> Result<bool, Failure> {
        if !self.store.client.renew(lease).await? {
            return Ok(false);
        }
        if self.written.as_ref() == Some(report) {
            return Ok(true);
        }
        let value = json(report).map_err(|refusal| Failure::Refused(refusal.sentence))?;
        let operations = [
            put(&self.store.keys.node(&report.node), &value, lease),
            self.confirmation(report),
        ];
        match self.store.client.txn(&[], &operations).await {
            Ok(_) => {
                self.written = Some(report.clone());
                Ok(true)
            }
            Err(Failure::Refused(why)) if why.contains("lease not found") => Ok(false),
            Err(failure) => Err(failure),
        }
    }

    async fn register(&mut self, report: &NodeReport) -> Result<(), Refusal> {
        let client = &self.store.client;
        let failed = |failure| self.store.refusal(failure);
        let key = self.store.keys.node(&report.node);
        let found = client.range(&get(&key)).await.map_err(failed)?;
        let at = found.kvs.first().map_or(0, |kv| kv.mod_revision);
        let other: Option<NodeReport> = found.kvs.first().and_then(|kv| decode(kv).ok());
        if other.is_some_and(|other| other.instance != report.instance) {
            return Err(taken(&report.node));
        }
        let lease = client.grant(LEASE).await.map_err(failed)?;
        let operations = [put(&key, &json(report)?, lease), self.confirmation(report)];
        let decided = client
            .txn(&[is_at(&key, at)], &operations)
            .await
            .map_err(failed)?;
        // Not succeeded: a try whose answer was lost, which the next round finds.
        self.lease = decided.succeeded.then_some(lease);
        self.written = decided.succeeded.then(|| report.clone());
        Ok(())
    }

    /// What stays of the report when the node dies: it goes on forwarding with this revision.
    fn confirmation(&self, report: &NodeReport) -> serde_json::Value {
        let key = self.store.keys.confirmed(&report.node);
        put(&key, report.confirmed.to_string().as_bytes(), 0)
    }

    /// Takes the report away, for an end in order.
    pub async fn end(&mut self) {
        if let Some(lease) = self.lease.take() {
            // It ends by itself soon if this does not arrive.
            let _ = self.store.client.revoke(lease).await;
        }
    }
}

impl EtcdStore {
    /// A node's data path is taken down: it goes by no revision any more.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn leave(&self, node: &str) -> Result<(), Refusal> {
        let keys = [
            self.keys.confirmed(node),
            self.keys.outdated(node),
            self.keys.node(node),
        ];
        let operations = keys.map(|key| delete(&key));
        let done = self.client.txn(&[], &operations).await;
        done.map(drop).map_err(|failure| self.refusal(failure))
    }

    /// Reports of the nodes that live, by name.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn reports(&self) -> Result<Vec<NodeReport>, Refusal> {
        let prefix = self.keys.nodes();
        let mut from = prefix.clone().into_bytes();
        let mut reports = Vec::new();
        loop {
            let request = page(&from, &end_of(&prefix), 0, 200);
            let found = self
                .client
                .range(&request)
                .await
                .map_err(|failure| self.refusal(failure))?;
            // One of a newer form is no reason to hide the others.
            reports.extend(found.kvs.iter().filter_map(|kv| decode::<NodeReport>(kv).ok()));
            let Some(last) = found.kvs.last().filter(|_| found.more) else {
                return Ok(reports);
            };
            from.clone_from(&last.key);
            from.push(0);
        }
    }
}

fn taken(node: &str) -> Refusal {
    Refusal::new(codes::NODE_TAKEN, format!("another agent reports as node {node}"))
        .with_cure("give one of them its own --node NAME; after a new --state-dir, wait ten seconds")
}

/// A random name for a state directory.
///
/// # Errors
/// When the system gives no random numbers.
pub fn new_instance() -> Result<String, Refusal> {
    super::random_name()
}
