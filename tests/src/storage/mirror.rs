//! Two members with the same data: every write is acknowledged when both have it.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::member::Member;
use super::qsd::EXPORT;
use crate::wait;

const PEER: &str = "peer";

/// How far the copy is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MirrorState {
    /// Both have everything, and every new write goes to both before it is acknowledged.
    pub ready: bool,
    /// Bytes that the peer does not have yet.
    pub lag_bytes: u64,
}

/// The copy job of a working member (`blockdev-mirror`, `copy-mode=write-blocking`). It lives in the member's process.
#[derive(Clone, Copy, Debug)]
pub struct Mirror {
    peer: SocketAddr,
    /// Name of the job: that of the member that it copies to, where somebody watches the copies.
    job: &'static str,
}

impl Mirror {
    /// Starts to copy everything that `working` has, and each of its writes from now on, to the member at `peer` (NBD).
    ///
    /// # Errors
    /// When the peer cannot be reached, or there is a mirror already.
    pub fn start(working: &Member, peer: SocketAddr) -> Result<Self> {
        Self::start_as("mirror", working, peer)
    }

    /// The same with a name for the job.
    ///
    /// # Errors
    /// As [`Mirror::start`].
    pub fn start_as(job: &'static str, working: &Member, peer: SocketAddr) -> Result<Self> {
        let mirror = Self { peer, job };
        mirror.begin(working)?;
        Ok(mirror)
    }

    /// Starts anew after the peer was away: everything is copied once more.
    ///
    /// # Errors
    /// As [`Mirror::start`].
    pub fn resync(&self, working: &Member) -> Result<()> {
        self.end(working)?;
        self.begin(working)
    }

    /// Whether it is complete, and how many bytes are missing; `None` when the job has ended: the peer is gone, and the
    /// working member goes on without it.
    ///
    /// # Errors
    /// When the working member does not answer.
    pub fn state(&self, working: &Member) -> Result<Option<MirrorState>> {
        let jobs = working.qsd().execute("query-block-jobs", &json!({}))?;
        let jobs = jobs.as_array().context("no list of jobs")?;
        let Some(job) = jobs.iter().find(|job| job["device"] == self.job) else {
            return Ok(None);
        };
        let number = |field: &str| {
            job[field]
                .as_u64()
                .with_context(|| format!("no {field} in {job}"))
        };
        Ok(Some(MirrorState {
            ready: job["ready"] == true && job["io-status"] == "ok",
            lag_bytes: number("len")?.saturating_sub(number("offset")?),
        }))
    }

    /// Waits until the peer has everything.
    ///
    /// # Errors
    /// When it has not after `within`, or the job has ended.
    pub fn wait_ready(&self, working: &Member, within: Duration) -> Result<()> {
        wait::until_true(within, "the mirror to be complete", || {
            let state = self.state(working)?.context("the mirror has ended")?;
            Ok(state.ready)
        })
    }

    /// Ends it: the peer keeps what it has, and gets nothing more.
    ///
    /// # Errors
    /// When the working member does not answer.
    pub fn end(&self, working: &Member) -> Result<()> {
        let qsd = working.qsd();
        if self.state(working)?.is_some() {
            qsd.execute("block-job-cancel", &json!({"device": self.job, "force": true}))?;
            let gone = || Ok(self.state(working)?.is_none());
            wait::until_true(wait::PATIENCE, "the mirror to end", gone)?;
        }
        if has_node(&qsd.execute("query-named-block-nodes", &json!({"flat": true}))?) {
            qsd.execute("blockdev-del", &json!({"node-name": PEER}))?;
        }
        Ok(())
    }

    fn begin(&self, working: &Member) -> Result<()> {
        ensure!(self.state(working)?.is_none(), "there is a mirror already");
        let (host, port) = (self.peer.ip().to_string(), self.peer.port().to_string());
        let peer = json!({
            "driver": "nbd",
            "node-name": PEER,
            "server": {"type": "inet", "host": host, "port": port},
            "export": EXPORT,
        });
        working.qsd().execute("blockdev-add", &peer)?;
        let job = json!({
            "job-id": self.job,
            "device": "vol",
            "target": PEER,
            "sync": "full",
            "copy-mode": "write-blocking",
        });
        working.qsd().execute("blockdev-mirror", &job).map(drop)
    }
}

fn has_node(nodes: &Value) -> bool {
    let nodes = nodes.as_array().map_or(&[][..], Vec::as_slice);
    nodes.iter().any(|node| node["node-name"] == PEER)
}
