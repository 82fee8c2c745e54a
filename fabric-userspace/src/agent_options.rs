//! What `fabric agent` is told on its command line.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::model::Name;
use crate::store::etcd::Address;

/// How an agent is to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentOptions {
    /// Where the document and its revisions are kept; made if it is not there.
    pub state_dir: PathBuf,
    /// The store that the nodes share; a file in the state directory if absent.
    pub store: Option<Address>,
    /// Unix socket of the API.
    pub socket: PathBuf,
    /// A document to start with, if the state directory has none.
    pub config: Option<PathBuf>,
    /// Where `/metrics` is served over TCP; nowhere if absent.
    pub metrics: Option<SocketAddr>,
    /// The node of the document that this agent is; the host's name if absent.
    pub node: Option<Name>,
    /// A routing daemon beside the agent speaks BGP EVPN: stations are taken from it and told to it.
    pub evpn: bool,
    /// After how long without a frame a learned address is forgotten; [`longest_ageing`](crate::datapath::longest_ageing) at most.
    pub ageing: Duration,
    /// Log every dropped frame, for looking for a fault.
    pub log_drops: bool,
    /// Form of the log.
    pub log_format: LogFormat,
}

/// Form of the agent's log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// A sentence, then `key=value`.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}
