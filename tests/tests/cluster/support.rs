//! Two nodes with a trunk between them, a tenant across it, and an etcd on a network of its own.

use fabric_tests::etcd::Etcd;
use fabric_tests::fabric::{Agent, Launch};
use fabric_tests::fixtures::{Segment, Site};
use fabric_tests::frame::eth;
use fabric_tests::netns::NetNs;
use fabric_tests::topology::{End, Net};
use fabric_tests::traffic::{Probe, RunningProbe};
use fabric_tests::wait;
use serde_json::Value;

pub(crate) const ALICE: &str = "56:00:00:00:00:01";
pub(crate) const BOB: &str = "56:00:00:00:00:02";
/// Where the members are.
const MEMBERS: [&str; 3] = ["10.9.0.1", "10.9.0.2", "10.9.0.3"];

/// acme has eth1 of both nodes; eth2 of both is free.
pub(crate) struct Pair {
    pub(crate) agents: Vec<Agent>,
    pub(crate) etcd: Etcd,
    pub(crate) store: NetNs,
    pub(crate) hosts: Vec<NetNs>,
    _net: Net,
}

/// The document that a pair begins with.
pub(crate) fn document() -> Value {
    pair_of_nodes().document()
}

/// The same, for more to be added.
pub(crate) fn pair_of_nodes() -> Site {
    let segment = Segment::new("acme-v10", 101, 1101)
        .at("edge1", "eth1", 10, 301)
        .at("edge2", "eth1", 10, 302);
    Site::new(&["edge1", "edge2"])
        .trunk("trunk0", "edge1", "edge2")
        .tenant("acme", &[segment])
}

impl Pair {
    /// With so many members; the document is in force at both nodes.
    pub(crate) fn start(members: usize) -> Self {
        let net = Net::new().unwrap();
        let store = net.host("store").unwrap();
        net.bridge(&store, "br0", &[]).unwrap();
        for address in MEMBERS {
            store
                .output(&["ip", "addr", "add", &format!("{address}/24"), "dev", "br0"])
                .unwrap();
        }
        let edges = ["edge1", "edge2"].map(|name| net.host(name).unwrap());
        let hosts: Vec<NetNs> = (1..=4)
            .map(|number| net.host(&format!("h{number}")).unwrap())
            .collect();
        for (at, edge) in edges.iter().enumerate() {
            let address = format!("10.9.0.1{}/24", at + 1);
            let port = format!("n{}", at + 1);
            net.veth(End::port(edge, "m0").address(&address), End::port(&store, &port))
                .unwrap();
            store
                .output(&["ip", "link", "set", &port, "master", "br0"])
                .unwrap();
            for number in 1..=2 {
                let host = &hosts[2 * at + number - 1];
                let port = End::port(edge, &format!("eth{number}")).no_arp();
                net.veth(End::port(host, "c0").no_arp(), port).unwrap();
            }
        }
        let trunk = |edge| End::port(edge, "t0").mtu(1600).no_arp();
        net.veth(trunk(&edges[0]), trunk(&edges[1])).unwrap();
        let etcd = Etcd::start(&store, &MEMBERS[..members], &[]).unwrap();
        let launch = |edge: &NetNs, node: &str| {
            Launch::new(edge, node)
                .document(&document())
                .environment("FABRIC_STORE", &etcd.url("lab"))
        };
        let agents = vec![
            launch(&edges[0], "edge1").start().unwrap(),
            launch(&edges[1], "edge2").start().unwrap(),
        ];
        let pair = Self {
            agents,
            etcd,
            store,
            hosts,
            _net: net,
        };
        pair.wait_revision(1);
        pair
    }

    /// Frames of acme from node to node.
    pub(crate) fn probe(&self) -> RunningProbe {
        let header = eth(BOB, ALICE).vlan(10);
        let ends = ((&self.hosts[0], "c0"), (&self.hosts[2], "c0"));
        Probe::between(ends.0, ends.1, header)
            .rate(500)
            .patient()
            .start()
            .unwrap()
    }

    /// Both nodes have it.
    pub(crate) fn wait_revision(&self, revision: u64) {
        for agent in &self.agents {
            wait_revision(agent, revision);
        }
    }

    /// The store knows that `node` has it.
    pub(crate) fn wait_confirmed(&self, node: &str, revision: u64) {
        let key = format!("/lab/confirmed/{node}");
        let so = || {
            let value = self.etcd.ctl(&["get", "--print-value-only", &key])?;
            Ok(value.trim().parse::<u64>().is_ok_and(|has| has >= revision))
        };
        wait::until_true(wait::PATIENCE, "a node to confirm", so).unwrap();
    }

    /// Attaches tenant `name` to eth2 of the node of `agent`.
    pub(crate) fn attach(&self, agent: usize, name: &str, vlan: u16) -> fabric_tests::Result<()> {
        let vlan = vlan.to_string();
        let words = ["tenant", "attach", name, "--port", "eth2", "--vlan", &vlan];
        self.agents[agent].ok(&words).map(drop)
    }

    /// A node's way to etcd: up or cut.
    pub(crate) fn set_way(&self, agent: usize, up: bool) {
        let port = format!("n{}", agent + 1);
        let state = if up { "up" } else { "down" };
        self.store.output(&["ip", "link", "set", &port, state]).unwrap();
    }

    pub(crate) fn finish(self) {
        for mut agent in self.agents {
            // The other end of the trunk is put back as it was first, and hides tags again.
            agent.allow("port is not safe, its frames are dropped port=t0");
            agent.finish().unwrap();
        }
    }
}

pub(crate) fn wait_revision(agent: &Agent, revision: u64) {
    let mut last = Value::Null;
    let has = || {
        last = agent.get("/v1/status")?;
        Ok(last["revision"].as_u64() >= Some(revision))
    };
    let waited = wait::until_true(
        2 * wait::PATIENCE,
        &format!("revision {revision} at {}", agent.node()),
        has,
    );
    waited.unwrap_or_else(|error| panic!("{error}; it says {last}\n{}", agent.log().unwrap()));
}

/// Waits until the agent says `ok`, or tells of exactly one problem whose sentence contains `part`.
pub(crate) fn wait_problem(agent: &Agent, part: Option<&str>) {
    let mut last = Value::Null;
    let so = || {
        last = agent.get("/v1/status")?["item"].take();
        let problems = last["problems"].as_array().cloned().unwrap_or_default();
        Ok(match part {
            None => last["state"] == "ok",
            Some(part) => {
                problems.len() == 1
                    && problems[0]["status"]
                        .as_str()
                        .is_some_and(|said| said.contains(part))
            }
        })
    };
    let waited = wait::until_true(2 * wait::PATIENCE, "the status to be as expected", so);
    waited.unwrap_or_else(|error| panic!("{error}: {part:?}, but {last}\n{}", agent.log().unwrap()));
}

/// Every frame came once, in order and unaltered.
pub(crate) fn unharmed(probe: RunningProbe) {
    let report = probe.stop().unwrap();
    assert!(
        report.sent > 0 && report.perfect(),
        "{} of {} frames lost: {report:?}",
        report.lost(),
        report.sent
    );
}

/// How often the agent has logged `text`.
pub(crate) fn said(agent: &Agent, text: &str) -> usize {
    agent.log().unwrap().matches(text).count()
}

/// The document in force at a node.
pub(crate) fn export(agent: &Agent) -> Value {
    agent.json(&["export"]).unwrap()["item"].take()
}

/// The value of a metric without labels.
pub(crate) fn metric(agent: &Agent, name: &str) -> u64 {
    let text = agent.text("/metrics").unwrap();
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {name}")).parse().unwrap()
}
