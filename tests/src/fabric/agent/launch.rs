//! How an agent is started.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;

use super::Agent;
use crate::fabric::binary;
use crate::netns::NetNs;

/// How an agent is to be started.
#[derive(Debug)]
pub struct Launch {
    pub(super) namespace: NetNs,
    pub(super) node: String,
    pub(super) document: Option<Value>,
    pub(super) binary: Option<PathBuf>,
    pub(super) metrics: Option<SocketAddr>,
    pub(super) environment: Vec<(String, String)>,
    pub(super) arguments: Vec<String>,
}

impl Launch {
    /// An agent for `node` in `namespace`, without a document.
    #[must_use]
    pub fn new(namespace: &NetNs, node: &str) -> Self {
        Self {
            namespace: namespace.clone(),
            node: node.to_owned(),
            document: None,
            binary: None,
            metrics: None,
            environment: Vec::new(),
            arguments: Vec::new(),
        }
    }

    /// The document to begin with (`--config`).
    #[must_use]
    pub fn document(mut self, document: &Value) -> Self {
        self.document = Some(document.clone());
        self
    }

    /// Another binary than [`binary`].
    #[must_use]
    pub fn binary(mut self, path: &Path) -> Self {
        self.binary = Some(path.to_owned());
        self
    }

    /// Where to serve metrics.
    #[must_use]
    pub fn metrics(mut self, address: SocketAddr) -> Self {
        self.metrics = Some(address);
        self
    }

    /// After how long without a frame the agent forgets a learned address.
    #[must_use]
    pub fn ageing(mut self, after: Duration) -> Self {
        let seconds = after.as_secs_f64().to_string();
        self.arguments.extend(["--ageing".to_owned(), seconds]);
        self
    }

    /// An environment variable for the agent and its command line.
    #[must_use]
    pub fn environment(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Starts it and waits until its socket answers.
    ///
    /// # Errors
    /// When it ends before that, or takes too long: with the end of its log.
    pub fn start(self) -> Result<Agent> {
        let binary = self.binary.clone().map_or_else(binary, Ok)?;
        let folder = tempfile::Builder::new()
            .prefix("fabric-")
            .tempdir()
            .context("no temporary folder")?;
        if let Some(document) = &self.document {
            fs::write(
                folder.path().join("site.json"),
                serde_json::to_vec_pretty(document)?,
            )?;
        }
        let mut agent = Agent {
            launch: self,
            binary,
            folder,
            process: None,
            allowed: Vec::new(),
            done: false,
        };
        agent.restart()?;
        Ok(agent)
    }
}
