//! What a lab has measured, as far as it got.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::churn::ChurnResult;
use super::cluster::ClusterRun;
use super::counts::EdgeCounts;
use super::flows::FlowResult;
use super::isolation::{Matrix, Tenant};
use super::mesh::{Cut, Move, Trace};
use super::storage::{Failover, Roles};
use crate::wire::{Captured, write_pcap};

/// Everything that a lab shows.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    /// The tenants, in the order of their tables.
    pub tenants: Vec<Tenant>,
    /// One row each.
    pub flows: Vec<FlowResult>,
    /// Bytes of each TCP transfer.
    pub tcp_bytes: u64,
    /// Attach under load.
    pub churn: Option<ChurnResult>,
    /// Whose frames were seen where.
    pub isolation: Option<Matrix>,
    /// Drops that were provoked at one edge: reason and frames.
    pub provoked: Vec<(&'static str, u64)>,
    /// The ways of single frames, wire by wire.
    pub traces: Vec<Trace>,
    /// Lines that were cut.
    pub cuts: Vec<Cut>,
    /// Resources that moved to another datacenter.
    pub moves: Vec<Move>,
    /// What happened to working storage machines.
    pub failovers: Vec<Failover>,
    /// A machine that works for one client and protects another one.
    pub roles: Option<Roles>,
    /// Changes of a document that several nodes share.
    pub cluster: Option<ClusterRun>,
    /// By edge.
    pub counts: Vec<EdgeCounts>,
    /// Captured frames that tshark has read, none of them malformed.
    pub judged: usize,
    /// Frames where they should not have been, by port.
    pub evidence: Vec<(String, Vec<Captured>)>,
}

/// The part of a lab that failed.
#[derive(Debug)]
pub struct Failure {
    /// One word.
    pub what: &'static str,
    /// Why.
    pub error: anyhow::Error,
}

/// Names the part that `outcome` belongs to.
///
/// # Errors
/// That of `outcome`.
pub fn part<T>(what: &'static str, outcome: Result<T>) -> Result<T, Failure> {
    outcome.map_err(|error| Failure { what, error })
}

impl Findings {
    /// Frames that others lost while a tenant came and went.
    #[must_use]
    pub fn lost(&self) -> u64 {
        let others = self.churn.iter().flat_map(|churn| &churn.others);
        others.map(|(_, report)| report.lost()).sum()
    }

    /// Writes the evidence and the files `logs` into `folder`; gives whether there was any.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn save(&self, folder: &Path, logs: &[PathBuf]) -> Result<()> {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        for (port, frames) in &self.evidence {
            write_pcap(&folder.join(format!("{port}.pcap")), frames)?;
        }
        for log in logs {
            let name: PathBuf = log.iter().skip(log.iter().count().saturating_sub(2)).collect();
            let name = name.to_string_lossy().replace('/', "-");
            std::fs::copy(log, folder.join(name))
                .with_context(|| format!("cannot copy {}", log.display()))?;
        }
        Ok(())
    }
}
