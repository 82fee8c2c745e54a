//! A tenant that comes and goes on two edges while others talk.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use fabric_userspace::api::{Applied, Envelope, Item};
use serde_json::Value;

use super::isolation::{Tenant, Watches};
use super::latencies::Latencies;
use crate::fabric::Agent;
use crate::frame::Frame;
use crate::interrupt;
use crate::traffic::ProbeReport;
use crate::wait;
use crate::wire::RawSocket;

/// Frames that the guest sends in each round, and again after it was detached.
const FRAMES: u64 = 5;
const ARRIVE: Duration = Duration::from_secs(2);

/// The tenant, and its ends: the same port name on both edges.
#[derive(Debug)]
pub struct Guest<'a> {
    /// Who.
    pub tenant: Tenant,
    /// Port at each edge.
    pub port: &'a str,
    /// VLAN at each port.
    pub vlan: u16,
    /// Sends from its client.
    pub socket: RawSocket,
    /// What it sends; carries its mark.
    pub frame: Frame,
}

/// What was measured.
#[derive(Clone, Debug)]
pub struct ChurnResult {
    /// Who came and went.
    pub guest: Tenant,
    /// How often.
    pub rounds: usize,
    /// By the agents' clocks: from the request until the port forwards.
    pub attach: Latencies,
    /// Frames that the guest sent while attached; each arrived once.
    pub guest_frames: u64,
    /// What the others lost meanwhile.
    pub others: Vec<(Tenant, ProbeReport)>,
}

impl Guest<'_> {
    /// Attaches and detaches it `rounds` times; `edges` are the agents with their nodes' names.
    ///
    /// # Errors
    /// When a command fails, a frame of the attached guest does not arrive, or one of the detached guest does.
    pub fn come_and_go(
        &self,
        edges: [(&str, &Agent); 2],
        rounds: usize,
        watches: &Watches,
    ) -> Result<ChurnResult> {
        let mut times = Vec::new();
        for round in 1..=rounds {
            interrupt::check()?;
            self.round(edges, watches, &mut times)
                .with_context(|| format!("round {round} of {rounds}"))?;
        }
        let (sent, arrived) = (FRAMES * u64::try_from(rounds)?, self.arrived(watches)?);
        ensure!(
            arrived == sent,
            "{arrived} frames of {} arrived, {sent} were sent while it was attached",
            self.tenant.name()
        );
        Ok(ChurnResult {
            guest: self.tenant,
            rounds,
            attach: Latencies::new(times),
            guest_frames: sent,
            others: Vec::new(),
        })
    }

    fn round(&self, edges: [(&str, &Agent); 2], watches: &Watches, times: &mut Vec<Duration>) -> Result<()> {
        let before = self.arrived(watches)?;
        for (node, agent) in edges {
            for (end, _) in edges {
                let answer = self.run(agent, "attach", end)?;
                if end == node {
                    times.push(elapsed(answer)?);
                }
            }
        }
        self.send()?;
        let what = format!("{FRAMES} frames of the attached {}", self.tenant.name());
        wait::until_true(ARRIVE, &what, || Ok(self.arrived(watches)? >= before + FRAMES))?;
        for (_, agent) in edges {
            for (end, _) in edges {
                self.run(agent, "detach", end)?;
            }
        }
        self.send()
    }

    fn run(&self, agent: &Agent, verb: &str, node: &str) -> Result<Value> {
        let (tenant, vlan) = (self.tenant.name(), self.vlan.to_string());
        agent.json(&[
            "tenant", verb, tenant, "--port", self.port, "--vlan", &vlan, "--node", node,
        ])
    }

    fn send(&self) -> Result<()> {
        (0..FRAMES).try_for_each(|_| self.socket.send(&self.frame))
    }

    fn arrived(&self, watches: &Watches) -> Result<u64> {
        watches.own(self.tenant)
    }
}

fn elapsed(answer: Value) -> Result<Duration> {
    let envelope: Envelope<Item<Applied>> =
        serde_json::from_value(answer).context("fabric tenant attach --json")?;
    Ok(Duration::from_secs_f64(envelope.body.item.elapsed_seconds))
}
