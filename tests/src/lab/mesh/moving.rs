//! A resource that moves to another datacenter under its client's open connection (MOVE in `docs/conformance.md`).

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::{ACME, Figure, GLOBEX, Mesh, VLAN};
use crate::fabric::Agent;
use crate::frame::{eth, ether_type};
use crate::interrupt;
use crate::lab::isolation::Tenant;
use crate::netns::NetNs;
use crate::topology::replug;
use crate::traffic::{Probe, ProbeReport, RunningProbe, Talk, TalkReport};

/// Frames a second.
const PACE: u32 = 1000;
/// Answers that the connection must get before and after the move, and within what time: it is found again by TCP's own
/// repetitions, whose pauses double from 200 ms.
const ENOUGH: u64 = 100;
const FOUND_AGAIN: Duration = Duration::from_secs(20);
/// The port of 110D at whichever node it is.
const PORT: &str = "eth3";
const CLIENT: &str = "f2:98:19:ab:55:b4";
const RESOURCE: &str = "08:19:20:07:05:0d";
const SERVER: Ipv4Addr = Ipv4Addr::new(192, 168, 0, 100);
const SERVICE: u16 = 5001;

/// What a move did.
#[derive(Clone, Debug)]
pub struct Move {
    /// From which node to which.
    pub way: [&'static str; 2],
    /// Until the last node had the new document.
    pub applied: Duration,
    /// 202's frames to 110D, a thousand a second.
    pub probe: ProbeReport,
    /// The connection between them.
    pub talk: TalkReport,
    /// Frames of acme and globex between datacenters 200 and 100 meanwhile, none of them lost.
    pub others: u64,
}

impl<F: Figure> Mesh<F> {
    /// Takes 110D's cable out of one node and plugs it into another one, and gives every node the document that says so.
    ///
    /// # Errors
    /// When the connection breaks, frames come twice or altered, or anybody else loses one.
    pub(super) fn relocate(&self, way: [&'static str; 2]) -> Result<Move> {
        interrupt::check()?;
        let address = SocketAddr::from((SERVER, SERVICE));
        let talk = Talk::start(&self.client, &self.resource, address)?;
        let ends = ((&self.client, "eth0"), (&self.resource, "eth0"));
        let probe = Probe::between(ends.0, ends.1, eth(RESOURCE, CLIENT));
        let probe = probe.rate(PACE).patient().start()?;
        let others = self.others()?;
        talk.wait_for_more(ENOUGH, FOUND_AGAIN)?;
        let applied = self.carry_out(way)?;
        talk.wait_for_more(ENOUGH, FOUND_AGAIN)?;
        let (talk, probe) = (talk.end()?, probe.stop()?);
        let whole = probe.duplicates + probe.altered + probe.foreign == 0;
        ensure!(whole, "{probe:?}");
        let mut sent = 0;
        for (tenant, other) in others {
            let report = other.stop()?;
            ensure!(report.perfect(), "{tenant}, who was not moved: {report:?}");
            sent += report.sent;
        }
        Ok(Move {
            way,
            applied,
            probe,
            talk,
            others: sent,
        })
    }

    /// Old place first and new one last, because the cable is in one of them only.
    fn carry_out(&self, [from, to]: [&'static str; 2]) -> Result<Duration> {
        let document = at::<F>(to)?;
        let [old, new] = [self.agent(from)?, self.agent(to)?];
        let between = self
            .agents
            .iter()
            .filter(|agent| ![from, to].contains(&agent.node()));
        let began = Instant::now();
        apply(old, &document)?;
        replug(old.namespace(), new.namespace(), PORT)?;
        apply(new, &document)?;
        for agent in between {
            apply(agent, &document)?;
        }
        Ok(began.elapsed())
    }

    fn others(&self) -> Result<Vec<(&'static str, RunningProbe)>> {
        let (from, to) = ("02:00:00:0a:00:c8", "02:00:00:0a:00:64");
        let start = |tenant: Tenant, machines: &[NetNs; 3]| {
            let header = eth(to, from)
                .vlan(VLAN)
                .ethertype(ether_type::TEST)
                .raw(tenant.mark());
            let probe = Probe::between((&machines[1], "eth0"), (&machines[0], "eth0"), header);
            probe.rate(PACE).patient().start()
        };
        let [acme, globex] = &self.machines;
        Ok(vec![
            ("acme", start(ACME, acme)?),
            ("globex", start(GLOBEX, globex)?),
        ])
    }

    fn agent(&self, node: &str) -> Result<&Agent> {
        let mut agents = self.agents.iter();
        let found = agents.find(|agent| agent.node() == node);
        found.with_context(|| format!("no agent {node}"))
    }
}

fn apply(agent: &Agent, document: &Value) -> Result<()> {
    let file = agent.file("moved.json", document)?;
    agent.ok(&["apply", "-f", &file, "--yes"])?;
    Ok(())
}

/// The figure's document with 110D at this node.
fn at<F: Figure>(node: &str) -> Result<Value> {
    let mut document: Value = serde_json::from_str(F::DOCUMENT).context("the figure's document")?;
    let tenants = document["tenants"].as_array_mut().context("no tenants")?;
    let segments = tenants
        .iter_mut()
        .filter_map(|tenant| tenant["segments"].as_array_mut());
    let ends = segments
        .flatten()
        .filter_map(|segment| segment["attachments"].as_array_mut());
    for end in ends.flatten().filter(|end| end["stations"][0]["name"] == "110D") {
        end["node"] = node.into();
    }
    Ok(document)
}
