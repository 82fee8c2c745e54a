//! The agents in one namespace, three members of etcd in another, and one cable between them.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::{PATIENCE, revision};
use crate::bench::cluster::build::MEMBERS;
use crate::etcd::{Etcd, Observer};
use crate::fleet::{Fleet, Shape};
use crate::netns::NetNs;
use crate::topology::{End, Net};

/// Where every byte between agents and etcd passes; the members among themselves have another way.
pub(super) const WAY: &str = "m0";
const FABRIC: &str = "bench";
const DATACENTERS: usize = 8;

/// Everything; no agent runs yet.
pub(super) struct Many {
    pub(super) fleet: Fleet,
    pub(super) observer: Observer,
    pub(super) etcd: Etcd,
    pub(super) clients: NetNs,
    shape: Shape,
    net: Net,
}

impl Many {
    pub(super) fn build(agents: usize, tenants: usize) -> Result<Self> {
        let net = Net::new()?;
        let (store, clients) = (net.host("store")?, net.host("clients")?);
        net.veth(
            End::port(&clients, WAY).address("10.9.0.10/24"),
            End::port(&store, "n0").address("10.9.0.4/24"),
        )?;
        for address in MEMBERS {
            store.output(&["ip", "addr", "add", &format!("{address}/24"), "dev", "n0"])?;
        }
        let etcd = Etcd::start(&store, &MEMBERS, &[])?;
        let shape = Shape {
            datacenters: DATACENTERS,
            nodes: agents,
            tenants,
        };
        let mut nodes = shape.names();
        // The agent that is asked is not one through which everything passes.
        nodes.rotate_left(DATACENTERS);
        Ok(Self {
            observer: etcd.observe(FABRIC)?,
            fleet: Fleet::new(&clients, &etcd.url(FABRIC), nodes)?,
            etcd,
            clients,
            shape,
            net,
        })
    }

    /// Starts the first agent and stores the document through it.
    pub(super) fn first(&mut self) -> Result<()> {
        self.fleet.start(0)?;
        let said = self
            .fleet
            .request(0, "PUT", "/v1/document", &self.shape.document())?;
        self.observer
            .wait(self.fleet.nodes()[..1].iter(), revision(&said)?, PATIENCE)
            .map(drop)
    }

    /// Starts an agent; how long until it has confirmed.
    pub(super) fn start(&mut self, at: usize) -> Result<Duration> {
        let begun = Instant::now();
        self.fleet.start(at)?;
        let last = self
            .observer
            .wait(self.fleet.nodes()[at..=at].iter(), 1, PATIENCE)?;
        Ok(last.saturating_duration_since(begun))
    }

    /// Waits until every agent has confirmed; when the last one had.
    pub(super) fn wait(&mut self, revision: u64, within: Duration) -> Result<Instant> {
        self.observer.wait(self.fleet.nodes().iter(), revision, within)
    }

    /// Bytes in the file of a member that are in use.
    pub(super) fn stored(&self) -> Result<f64> {
        let status = self.etcd.ctl(&["endpoint", "status", "-w", "json"])?;
        let status: Value = serde_json::from_str(&status)?;
        let bytes = &status[0]["Status"]["dbSizeInUse"];
        bytes.as_f64().context("no size in the status")
    }

    pub(super) fn finish(self) -> Result<()> {
        drop(self.fleet);
        drop(self.observer);
        drop(self.etcd);
        self.net.tear_down()
    }
}
