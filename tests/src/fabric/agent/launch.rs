//! How an agent is started.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;
use tempfile::TempDir;

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
    folder: Option<PathBuf>,
    pub(super) own_session: bool,
}

impl Launch {
    pub(super) const EVPN: &str = "--evpn";

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
            folder: None,
            own_session: false,
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

    /// With a routing daemon beside it (`--evpn`).
    #[must_use]
    pub fn evpn(mut self) -> Self {
        self.arguments.push(Self::EVPN.to_owned());
        self
    }

    /// Logs what it drops (`--log-drops`).
    #[must_use]
    pub fn log_drops(mut self) -> Self {
        self.arguments.push("--log-drops".to_owned());
        self
    }

    /// An environment variable for the agent and its command line.
    #[must_use]
    pub fn environment(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Where its state, socket and log go, made if it is not there and left in place afterwards; a temporary folder that
    /// goes with the agent otherwise.
    #[must_use]
    pub fn folder(mut self, path: &Path) -> Self {
        self.folder = Some(path.to_owned());
        self
    }

    /// In a session of its own: Ctrl-C at the terminal, and closing it, do not reach the agent.
    #[must_use]
    pub fn own_session(mut self) -> Self {
        self.own_session = true;
        self
    }

    /// Starts it and waits until its socket answers.
    ///
    /// # Errors
    /// When it ends before that, or takes too long: with the end of its log.
    pub fn start(self) -> Result<Agent> {
        let binary = self.binary.clone().map_or_else(binary, Ok)?;
        let folder = Folder::new(self.folder.clone())?;
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
        if let Err(error) = agent.restart() {
            // The error has the end of the log in it; nobody is to stumble over the log once more.
            agent.done = true;
            agent.process = None;
            agent.unmount();
            return Err(error);
        }
        Ok(agent)
    }
}

/// The files of one agent.
#[derive(Debug)]
pub(super) enum Folder {
    Temporary(TempDir),
    Given(PathBuf),
}

impl Folder {
    fn new(given: Option<PathBuf>) -> Result<Self> {
        let Some(path) = given else {
            let temporary = tempfile::Builder::new().prefix("fabric-").tempdir();
            return Ok(Self::Temporary(temporary.context("no temporary folder")?));
        };
        fs::create_dir_all(&path).with_context(|| format!("cannot make {}", path.display()))?;
        Ok(Self::Given(path))
    }

    pub(super) fn path(&self) -> &Path {
        match self {
            Self::Temporary(folder) => folder.path(),
            Self::Given(path) => path,
        }
    }

    /// Leaves the files in place when this goes.
    pub(super) fn leave(&mut self) {
        if let Self::Temporary(folder) = self {
            folder.disable_cleanup(true);
        }
    }
}
