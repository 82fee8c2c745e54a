//! Many hosts, one document: two datacenters with two nodes each, on an etcd of three members, which die and are cut off
//! under traffic.

mod build;
mod show;
pub(super) mod tell;

use std::path::Path;
use std::time::Duration;

use anyhow::Result;

use super::findings::{Failure, Findings};
use super::session::{Lab, Look, keep_running};
use crate::etcd::Etcd;
use crate::fabric::Agent;
use crate::netns::NetNs;
use crate::topology::Net;
use crate::traffic::ProbeReport;

/// The nodes; two in each datacenter.
pub const NODES: [&str; 4] = ["edge1", "edge2", "edge3", "edge4"];

const PICTURE: &str = "              dc1                                       dc2
           ┌───────┐ trunk ┌───────┐ pseudowire ┌───────┐ trunk ┌───────┐
 acme ─────┤ edge1 ├───────┤ edge2 ├────────────┤ edge3 ├───────┤ edge4 ├───── acme
           └───┬───┘       └───┬───┘            └───┬───┘       └───┬───┘
               └───────────────┴── etcd e0 e1 e2 ───┴───────────────┘
";

/// The lab, up.
#[derive(Debug)]
pub struct Cluster {
    agents: Vec<Agent>,
    etcd: Etcd,
    /// Where the members are, and the bridge that joins the nodes to them.
    store: NetNs,
    /// acme's machines, at the first node and at the last.
    machines: [NetNs; 2],
    net: Net,
}

/// One change, and when each node had it.
#[derive(Clone, Debug)]
pub struct Change {
    /// What was done, as in `etcd leader killed; attached t2 through edge3`.
    pub what: String,
    /// The revision that it made.
    pub revision: u64,
    /// From the request to the node's maps, in the order of [`NODES`].
    pub after: [Duration; 4],
}

/// All of them, and what the traffic made of it.
#[derive(Clone, Debug)]
pub struct ClusterRun {
    /// In their order.
    pub changes: Vec<Change>,
    /// acme's frames from the first node to the last, all the time.
    pub traffic: ProbeReport,
}

impl Lab for Cluster {
    const TITLE: &'static str = "cluster";
    const SHOWS: &'static str = "changes while leader, agent and ways die";

    fn build(net: Net, folder: &Path) -> Result<Self> {
        Self::build_in(net, folder)
    }

    fn namespaces(&self) -> Vec<NetNs> {
        self.net.hosts()
    }

    fn agents(&self) -> &[Agent] {
        &self.agents
    }

    fn show(&mut self, findings: &mut Findings, progress: &dyn Fn(&str)) -> Result<(), Failure> {
        show::show(self, findings, progress)
    }

    fn picture(&self) -> String {
        PICTURE.to_owned()
    }

    fn hints(&self, look: &Look) -> Vec<String> {
        let endpoints = "http://10.9.0.1:2379,http://10.9.0.2:2379,http://10.9.0.3:2379";
        vec![
            look.fabric("edge1", "node list"),
            look.fabric("edge3", "tenant attach umbrella --port eth2 --vlan 40"),
            look.fabric("edge4", "history -o wide"),
            format!(
                "ip netns exec {}-store etcdctl --endpoints {endpoints} endpoint status -w table",
                look.prefix
            ),
        ]
    }

    fn keep(self) -> Result<()> {
        keep_running(self.net, self.agents)?;
        self.etcd.keep();
        Ok(())
    }

    fn tear_down(self) -> Result<()> {
        let ends: Vec<Result<()>> = self.agents.into_iter().map(Agent::finish).collect();
        let outcome: Result<()> = ends.into_iter().collect();
        drop(self.etcd);
        outcome.and(self.net.tear_down())
    }
}
