//! The fabric's counters, held against themselves and against the kernel's.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use fabric_userspace::api::{Counters, Envelope, Item, NamedPortCounters};

use crate::fabric::Agent;
use crate::netns::NetNs;
use crate::topology::transmitted;
use crate::wait;

const AGREE: Duration = Duration::from_secs(3);

/// A fabric port and the interface at the other end of its cable.
#[derive(Clone, Debug)]
pub struct Cable {
    /// The fabric port.
    pub port: String,
    /// The other end.
    pub end: (NetNs, String),
}

/// What the far ends had sent at some moment, by port.
#[derive(Clone, Debug, Default)]
pub struct Sent(BTreeMap<String, u64>);

/// The counters of one edge.
#[derive(Clone, Debug)]
pub struct EdgeCounts {
    /// The edge.
    pub edge: String,
    /// Frames in.
    pub received: u64,
    /// Sent on.
    pub redirected: u64,
    /// Handed to the host.
    pub passed: u64,
    /// Dropped.
    pub dropped: u64,
    /// Dropped, by reason, the most frequent first.
    pub reasons: Vec<(String, u64)>,
    /// Ports whose count of frames in is what the kernel says that the other end has sent.
    pub agreeing_ports: usize,
}

impl Sent {
    /// What the kernel says now.
    ///
    /// # Errors
    /// When an interface is not there.
    pub fn read(cables: &[Cable]) -> Result<Self> {
        let sent = |cable: &Cable| Ok((cable.port.clone(), transmitted(&cable.end.0, &cable.end.1)?));
        Ok(Self(cables.iter().map(sent).collect::<Result<_>>()?))
    }

    /// What had been sent before the ports were the fabric's: the answer to the agent's own question for the remote
    /// VTEP's address comes before the program is on the port.
    ///
    /// # Errors
    /// When an interface or the agent does not answer, or frames do not cease.
    pub fn before_attach(agent: &Agent, cables: &[Cable]) -> Result<Self> {
        let unseen = || -> Result<Self> {
            let (sent, counters) = (Self::read(cables)?, read(agent)?);
            let received = |of: &NamedPortCounters| (of.port.clone(), of.counters.received.frames);
            Ok(sent.without(&counters.ports.iter().map(received).collect()))
        };
        wait::until(AGREE, "the wires to be quiet", || {
            let (one, other) = (unseen()?, unseen()?);
            Ok((one.0 == other.0).then_some(other))
        })
    }

    fn without(mut self, received: &BTreeMap<String, u64>) -> Self {
        for (port, frames) in &mut self.0 {
            *frames = frames.saturating_sub(received.get(port).copied().unwrap_or(0));
        }
        self
    }

    fn since(&self, before: &Self, port: &str) -> u64 {
        let of = |sent: &Self| sent.0.get(port).copied().unwrap_or(0);
        of(self).saturating_sub(of(before))
    }
}

/// All counters of an agent.
///
/// # Errors
/// When the command fails, or answers something else.
pub fn read(agent: &Agent) -> Result<Counters> {
    let answer = agent.json(&["counters"])?;
    let envelope: Envelope<Item<Counters>> =
        serde_json::from_value(answer).context("fabric counters --json")?;
    Ok(envelope.body.item)
}

/// How often `reason` ended a frame that came in at `port`.
#[must_use]
pub fn dropped(counters: &Counters, port: &str, reason: &str) -> u64 {
    let found = counters.ports.iter().find(|of| of.port == port);
    let reasons = found.map(|of| of.counters.reasons.as_slice()).unwrap_or_default();
    reasons
        .iter()
        .filter(|entry| entry.reason == reason && entry.direction == "in")
        .map(|entry| entry.frames)
        .sum()
}

/// Reads the counters of `edge` and checks: in = redirected + passed + dropped at each port and in sum, and in = what the other
/// ends have sent since `before`, exactly. Nothing may be sent meanwhile but a stray ARP.
///
/// # Errors
/// The first port where it is not so.
pub fn check(edge: &str, agent: &Agent, cables: &[Cable], before: &Sent) -> Result<EdgeCounts> {
    let mut last = None;
    let agreed = wait::until(AGREE, "the counters to agree", || {
        let sent = Sent::read(cables)?;
        let counters = read(agent)?;
        let outcome = compare(&counters, cables, before, &sent);
        Ok(match outcome {
            Ok(()) => Some(counters),
            Err(error) => {
                last = Some(error);
                None
            }
        })
    });
    match (agreed, last) {
        (Ok(counters), _) => Ok(EdgeCounts::new(edge, &counters, cables.len())),
        (Err(_), Some(error)) => Err(error.context(edge.to_owned())),
        (Err(error), None) => Err(error),
    }
}

fn compare(counters: &Counters, cables: &[Cable], before: &Sent, sent: &Sent) -> Result<()> {
    let total = &counters.total;
    let parts = total.redirected_frames + total.passed_frames + total.dropped_frames;
    ensure!(
        total.received_frames == parts,
        "in {} is not redirected + passed + dropped {parts}",
        total.received_frames
    );
    for of in &counters.ports {
        let parts = parts_of(of);
        let received = of.counters.received.frames;
        ensure!(received == parts, "{}: in {received} is not {parts}", of.port);
    }
    for cable in cables {
        let of = counters.ports.iter().find(|of| of.port == cable.port);
        let received = of.with_context(|| format!("no counters of {}", cable.port))?;
        let (received, sent) = (received.counters.received.frames, sent.since(before, &cable.port));
        ensure!(
            received == sent,
            "{}: counted {received} frames in, the other end of the cable has sent {sent}",
            cable.port
        );
    }
    Ok(())
}

fn parts_of(of: &NamedPortCounters) -> u64 {
    let reasons = of
        .counters
        .reasons
        .iter()
        .filter(|reason| reason.direction == "in");
    let dropped: u64 = reasons.map(|reason| reason.frames).sum();
    of.counters.redirected_frames + of.counters.passed_frames + dropped
}

impl EdgeCounts {
    fn new(edge: &str, counters: &Counters, agreeing_ports: usize) -> Self {
        let total = &counters.total;
        let moved = counters.reasons.iter().filter(|reason| reason.frames > 0);
        let mut reasons: Vec<(String, u64)> = moved
            .map(|reason| (reason.reason.clone(), reason.frames))
            .collect();
        reasons.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        Self {
            edge: edge.to_owned(),
            received: total.received_frames,
            redirected: total.redirected_frames,
            passed: total.passed_frames,
            dropped: total.dropped_frames,
            reasons,
            agreeing_ports,
        }
    }
}
