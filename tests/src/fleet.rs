//! Many agents in one process, without a kernel: real ones up to the last step, which writes into tables in memory.

mod document;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use fabric_userspace::agent::{Carried, MemoryAgent};
use fabric_userspace::agent_options::{AgentOptions, LogFormat};
use fabric_userspace::error::Refusal;
use fabric_userspace::store::etcd::Address;
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::fabric::request;
use crate::netns::NetNs;

pub use document::Shape;

/// Threads of the first agent, as the kernel shows their names.
pub const FIRST: &str = "fleet-first";
/// Threads of all others.
pub const OTHERS: &str = "fleet-others";

/// The agents of a fabric, on one etcd.
pub struct Fleet {
    agents: Vec<Option<MemoryAgent>>,
    nodes: Vec<String>,
    url: String,
    /// The first agent has threads of its own, so that what it uses can be told from what the others use.
    first: Runtime,
    others: Runtime,
    /// State directories and sockets.
    folder: TempDir,
}

impl Fleet {
    /// None of the agents runs yet. They speak to etcd from inside of `namespace`.
    ///
    /// # Errors
    /// When threads or a folder cannot be made.
    pub fn new(namespace: &NetNs, url: &str, nodes: Vec<String>) -> Result<Self> {
        // Threads are in the namespace of the thread that makes them.
        let runtime = |name: &str, threads| {
            namespace.run(|| {
                let mut builder = tokio::runtime::Builder::new_multi_thread();
                builder.worker_threads(threads).thread_name(name).enable_all();
                Ok(builder.build()?)
            })
        };
        Ok(Self {
            agents: nodes.iter().map(|_| None).collect(),
            nodes,
            url: url.to_owned(),
            first: runtime(FIRST, 1)?,
            others: runtime(OTHERS, 2)?,
            folder: folder()?,
        })
    }

    /// Starts the agent of a node, with what it left behind if it ran before.
    ///
    /// # Errors
    /// When it refuses.
    pub fn start(&mut self, at: usize) -> Result<()> {
        let options = self.options(at)?;
        let node = self.nodes[at].clone();
        let started = self.on(at, async move { MemoryAgent::start(&options).await })?;
        self.agents[at] = Some(started.map_err(|refusal| refused(&node, &refusal))?);
        Ok(())
    }

    fn options(&self, at: usize) -> Result<AgentOptions> {
        let refused = |refusal: Refusal| refused(&self.nodes[at], &refusal);
        Ok(AgentOptions {
            state_dir: self.folder.path().join(&self.nodes[at]),
            store: Some(Address::parse(&self.url).map_err(refused)?),
            socket: self.socket(at),
            config: None,
            metrics: None,
            node: Some(self.nodes[at].parse().map_err(|error| anyhow!("{error}"))?),
            ageing: Duration::from_secs(300),
            evpn: false,
            log_drops: false,
            log_format: LogFormat::Text,
        })
    }

    fn socket(&self, at: usize) -> PathBuf {
        self.folder.path().join(format!("{}.sock", self.nodes[at]))
    }

    fn on<T: Send + 'static>(&self, at: usize, work: impl Future<Output = T> + Send + 'static) -> Result<T> {
        let runtime = if at == 0 { &self.first } else { &self.others };
        // On a thread of the runtime: the caller's is in another namespace.
        Ok(runtime.block_on(runtime.spawn(work))?)
    }

    /// Kills the agent of a node. What it wrote stays, and its report until the lease has ended.
    ///
    /// # Errors
    /// When a thread of the agents has panicked.
    pub fn kill(&mut self, at: usize) -> Result<()> {
        match self.agents[at].take() {
            Some(agent) => self.on(at, agent.stop()),
            None => Ok(()),
        }
    }

    /// Sends a request as the command line does.
    ///
    /// # Errors
    /// When the agent refuses, or does not run.
    pub fn request(&self, at: usize, method: &str, path: &str, body: &Value) -> Result<Value> {
        request(&self.socket(at), method, path, body)
    }

    /// What the agent of a node carries out.
    ///
    /// # Errors
    /// When it does not run.
    pub fn carried(&self, at: usize) -> Result<Carried> {
        let agent = self.agents[at].as_ref().context("it does not run")?;
        let runtime = if at == 0 { &self.first } else { &self.others };
        let carried = runtime.block_on(agent.carried());
        carried.map_err(|refusal| refused(&self.nodes[at], &refusal))
    }

    /// Names of the nodes.
    #[must_use]
    pub fn nodes(&self) -> &[String] {
        &self.nodes
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        for at in 0..self.agents.len() {
            drop(self.kill(at));
        }
    }
}

/// In memory, if the machine has such a file system: real nodes have a disk each, and do not wait for each other's.
fn folder() -> Result<TempDir> {
    let memory = std::path::Path::new("/dev/shm");
    let mut builder = tempfile::Builder::new();
    let prefix = format!("fabric-fleet-{}-", std::process::id());
    let builder = builder.prefix(&prefix);
    let made = if memory.is_dir() {
        builder.tempdir_in(memory)
    } else {
        builder.tempdir()
    };
    made.context("cannot make a folder for the agents' state")
}

fn refused(node: &str, refusal: &Refusal) -> anyhow::Error {
    anyhow!("{node}: {} ({})", refusal.sentence, refusal.code)
}
