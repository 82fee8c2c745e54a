//! Four nodes in a row, their agents, and an etcd of three on a network of its own.

use anyhow::{Context, Result, anyhow};
use serde_json::{Value, json};

use crate::etcd::Etcd;
use crate::fabric::{Agent, Launch};
use crate::interrupt;
use crate::netns::NetNs;
use crate::topology::{End, Net};

/// In their order on the wire.
pub(super) const NODES: [&str; 4] = ["edge1", "edge2", "edge3", "edge4"];
/// Where the members are.
pub(super) const MEMBERS: [&str; 3] = ["10.9.0.1", "10.9.0.2", "10.9.0.3"];
/// Nodes that have their share of the tenants, and no agent here.
const OTHERS: u32 = 36;
/// Tenants of one access port, each with a VLAN.
const OF_A_PORT: u32 = 4000;
/// Those of the document, and two for the changes.
const PORTS: [&str; 5] = ["eth0", "eth1", "eth2", "eth8", "eth9"];
/// Two tags.
const LINK_MTU: u32 = 1600;

/// Everything, up.
pub(super) struct Cluster {
    pub(super) agents: Vec<Agent>,
    pub(super) etcd: Etcd,
    pub(super) store: NetNs,
    net: Net,
}

/// So many tenants, spread over the nodes of a larger fabric, of which four are up; their numbers are chosen.
pub(super) fn document(tenants: u32) -> Value {
    let others = (0..OTHERS).map(|number| format!("far{number}"));
    let nodes: Vec<String> = NODES.iter().map(ToString::to_string).chain(others).collect();
    let tenant = |number: u32| {
        let (node, place) = (&nodes[number as usize % nodes.len()], number / (OTHERS + 4));
        let end =
            json!({"node": node, "port": format!("eth{}", place / OF_A_PORT), "vlan": place % OF_A_PORT + 1});
        json!({"name": format!("t{number}"), "segments": [{"name": format!("t{number}"), "attachments": [end]}]})
    };
    let node = |name: &String| json!({"name": name, "datacenter": "dc1"});
    let link = |at: usize| {
        json!({"name": format!("trunk{at}"), "kind": "trunk", "ends": [
            {"node": NODES[at], "port": "right"}, {"node": NODES[at + 1], "port": "left"}]})
    };
    json!({
        "schema": "fabric/1",
        "datacenters": [{"name": "dc1", "id": 1, "s_vids": "100-1099", "c_vids": "1-4094"}],
        "nodes": nodes.iter().map(node).collect::<Vec<_>>(),
        "links": (0..NODES.len() - 1).map(link).collect::<Vec<_>>(),
        "tenants": (0..tenants).map(tenant).collect::<Vec<_>>(),
    })
}

impl Cluster {
    pub(super) fn start() -> Result<Self> {
        let net = Net::new()?;
        let store = net.host("store")?;
        net.bridge(&store, "br0", &[])?;
        for address in MEMBERS {
            store.output(&["ip", "addr", "add", &format!("{address}/24"), "dev", "br0"])?;
        }
        let nodes = NODES
            .iter()
            .map(|node| net.host(node))
            .collect::<Result<Vec<_>>>()?;
        let clients = net.host("clients")?;
        for (at, node) in nodes.iter().enumerate() {
            let (address, way) = (format!("10.9.0.1{}/24", at + 1), format!("n{}", at + 1));
            net.veth(End::port(node, "m0").address(&address), End::port(&store, &way))?;
            store.output(&["ip", "link", "set", &way, "master", "br0"])?;
            for port in PORTS {
                let far = format!("{port}-{at}");
                net.veth(
                    End::client(node, port).no_arp(),
                    End::client(&clients, &far).no_arp(),
                )?;
            }
        }
        for pair in nodes.windows(2) {
            let end = |node, port| End::port(node, port).mtu(LINK_MTU).no_arp();
            net.veth(end(&pair[0], "right"), end(&pair[1], "left"))?;
        }
        let etcd = Etcd::start(&store, &MEMBERS, &[])?;
        let mut agents = Vec::new();
        for node in &nodes {
            interrupt::check()?;
            let launch = Launch::new(node, node.label()).document(&document(0));
            let agent = launch.environment("FABRIC_STORE", &etcd.url("bench")).start();
            let mut agent = agent.with_context(|| format!("agent of {}", node.label()))?;
            // When all are taken down, the other end of a trunk is put back as it was first, and hides tags again.
            agent.allow("port is not safe, its frames are dropped");
            agents.push(agent);
        }
        let cluster = Self {
            agents,
            etcd,
            store,
            net,
        };
        cluster.reach(1, std::time::Instant::now())?;
        Ok(cluster)
    }

    pub(super) fn finish(self) -> Result<()> {
        let ended: Vec<Result<()>> = self.agents.into_iter().map(Agent::finish).collect();
        ended
            .into_iter()
            .collect::<Result<()>>()
            .map_err(|error| anyhow!("{error:#}"))?;
        drop(self.etcd);
        self.net.tear_down()
    }
}
