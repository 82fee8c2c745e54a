//! What agents use: CPU time, memory, and bytes to and from the store.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::build::Cluster;
use crate::bench::process::{cpu_of, resident};
use crate::fabric::Agent;
use crate::netns::NetNs;
use crate::topology::ip;

/// So long nothing is changed, to see what agents use all the time.
const IDLE: Duration = Duration::from_secs(3);

/// Totals at one moment, or their share in one change.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cost {
    /// Seconds of CPU time.
    pub(super) cpu: f64,
    /// Bytes both ways.
    pub(super) bytes: f64,
}

impl Cost {
    /// The share of one of `changes` in what was used in `took`, without what is used all the time.
    pub(super) fn since(self, before: Self, idle: Self, took: Duration, changes: u32) -> Self {
        let share = |after: f64, before: f64, idle: f64| {
            (after - before - idle * took.as_secs_f64()) / f64::from(changes)
        };
        Self {
            cpu: share(self.cpu, before.cpu, idle.cpu),
            bytes: share(self.bytes, before.bytes, idle.bytes),
        }
    }
}

impl Cluster {
    /// Of each agent, since it began.
    pub(super) fn costs(&self) -> Result<Vec<Cost>> {
        self.agents.iter().map(cost).collect()
    }

    /// Of each agent, a second, while nothing is changed.
    pub(super) fn idle(&self) -> Result<Vec<Cost>> {
        let (before, begun) = (self.costs()?, Instant::now());
        std::thread::sleep(IDLE);
        let took = begun.elapsed().as_secs_f64();
        let after = self.costs()?.into_iter().zip(before);
        Ok(after
            .map(|(after, before)| Cost {
                cpu: (after.cpu - before.cpu) / took,
                bytes: (after.bytes - before.bytes) / took,
            })
            .collect())
    }
}

fn cost(agent: &Agent) -> Result<Cost> {
    let pid = agent.pid().context("the agent has ended")?;
    Ok(Cost {
        cpu: cpu_of(pid)?,
        bytes: bytes_at(agent.namespace(), "m0")?,
    })
}

/// Bytes that an interface has sent and received.
pub(super) fn bytes_at(namespace: &NetNs, interface: &str) -> Result<f64> {
    let listed = ip(namespace, &["-j", "-s", "link", "show", interface])?;
    let listed: serde_json::Value = serde_json::from_str(&listed).context("ip prints no JSON")?;
    let bytes = |way: &str| {
        listed[0]["stats64"][way]["bytes"]
            .as_f64()
            .context("ip counts nothing")
    };
    Ok(bytes("rx")? + bytes("tx")?)
}

/// Memory of an agent that is its own or shared, in KiB.
pub(super) fn memory(agent: &Agent) -> Result<u64> {
    resident(agent.pid().context("the agent has ended")?)
}
