//! The agent itself.

use serde::{Deserialize, Serialize};

/// Answer to `fabric status`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Status {
    /// This node.
    pub node: String,
    /// Where it stands.
    pub datacenter: Option<String>,
    /// Version of the agent.
    pub version: String,
    /// Process of the agent.
    pub pid: u32,
    /// Since the agent started.
    pub uptime_seconds: u64,
    /// `ok`, `degraded` or `down`.
    pub state: String,
    /// What is wrong, one sentence each; empty when `state` is `ok`.
    pub problems: Vec<Problem>,
    /// The revision in force, if it waits to be confirmed; `null` otherwise.
    #[serde(default)]
    pub pending: Option<super::Pending>,
    /// When the present revision was applied; `null` before the first one.
    pub applied_at: Option<String>,
    /// Where the document is decided: `file` or `etcd`.
    pub store: String,
    /// Members and prefix of an etcd; `null` for a file.
    #[serde(default)]
    pub store_address: Option<String>,
    /// The newest revision that the store holds; the envelope's is the one in the maps.
    #[serde(default)]
    pub desired_revision: u64,
    /// Layout version of the maps.
    pub layout: u32,
    /// Ports in use.
    pub ports: u64,
    /// Totals since the maps were made.
    pub traffic: Traffic,
    /// Learned and static entries.
    pub fdb_entries: u64,
    /// Slots of the FDB.
    pub fdb_capacity: u64,
}

/// Something a person must look at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// One sentence.
    pub status: String,
    /// What to do.
    pub action: String,
}

/// Frame totals of a node. `received` = `redirected` + `passed` + `dropped`, exactly.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Traffic {
    /// Frames that came in.
    pub received_frames: u64,
    /// Of these, sent on: to one port, or flooded.
    pub redirected_frames: u64,
    /// Of these, handed to the host's own stack.
    pub passed_frames: u64,
    /// Of these, dropped.
    pub dropped_frames: u64,
    /// Frames that went out; a flooded frame once per copy.
    pub transmitted_frames: u64,
    /// Flooded copies that were dropped on their way out.
    pub dropped_copies: u64,
}

/// Request for [`path::STOP`].
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stop {
    /// Take the data path down and put the interfaces back; otherwise forwarding goes on.
    #[serde(default)]
    pub detach: bool,
}
