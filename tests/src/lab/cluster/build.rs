//! Namespaces, cables, etcd and agents.

use std::path::Path;

use anyhow::{Context, Result, anyhow};
use serde_json::{Value, json};

use super::{Cluster, NODES};
use crate::etcd::Etcd;
use crate::fabric::{Agent, Launch};
use crate::interrupt;
use crate::netns::NetNs;
use crate::topology::{End, Net};

/// Room for a label, a control word and two tags on a tenant's 1518 bytes.
const WIRE_MTU: u32 = 1700;
/// Where the members are.
const MEMBERS: [&str; 3] = ["10.9.0.1", "10.9.0.2", "10.9.0.3"];
/// Wires between the nodes, with the port at each end.
const WIRES: [(&str, usize, &str, usize, &str); 3] = [
    ("lan1", 0, "t0", 1, "t0"),
    ("line", 1, "p0", 2, "p0"),
    ("lan2", 2, "t0", 3, "t0"),
];

impl Cluster {
    pub(super) fn build_in(net: Net, folder: &Path) -> Result<Self> {
        let nodes = NODES
            .iter()
            .map(|node| net.host(node))
            .collect::<Result<Vec<_>>>()?;
        let machines = [net.host("near")?, net.host("far")?];
        for (machine, node) in machines.iter().zip([&nodes[0], &nodes[3]]) {
            net.veth(
                End::client(machine, "eth0").no_arp(),
                End::port(node, "eth1").no_arp(),
            )?;
        }
        for (at, node) in nodes.iter().enumerate() {
            let guest = net.host(&format!("guest{}", at + 1))?;
            net.veth(
                End::client(&guest, "eth0").no_arp(),
                End::port(node, "eth2").no_arp(),
            )?;
        }
        for (name, one, port, other, far) in WIRES {
            interrupt::check()?;
            let end = |at: usize, port| End::port(&nodes[at], port).no_arp();
            net.tapped(name, WIRE_MTU, end(one, port), end(other, far))?;
        }
        let store = store(&net, &nodes)?;
        let etcd = Etcd::start_in(&store, &MEMBERS, &folder.join("etcd"))?;
        let agents = start_agents(&nodes, &etcd.url("lab"), folder)?;
        Ok(Self {
            agents,
            etcd,
            store,
            machines,
            net,
        })
    }
}

/// The members' namespace, and a way there for each node.
fn store(net: &Net, nodes: &[NetNs]) -> Result<NetNs> {
    let store = net.host("store")?;
    net.bridge(&store, "br0", &[])?;
    for address in MEMBERS {
        store.output(&["ip", "addr", "add", &format!("{address}/24"), "dev", "br0"])?;
    }
    for (at, node) in nodes.iter().enumerate() {
        let (address, port) = (format!("10.9.0.1{}/24", at + 1), way(at));
        net.veth(End::port(node, "m0").address(&address), End::port(&store, &port))?;
        store.output(&["ip", "link", "set", &port, "master", "br0"])?;
    }
    Ok(store)
}

/// The end of a node's way to the members, at theirs.
pub(super) fn way(node: usize) -> String {
    format!("n{}", node + 1)
}

fn document() -> Value {
    json!({
        "schema": "fabric/1",
        "datacenters": [
            { "name": "dc1", "id": 1, "s_vids": "100-1099", "c_vids": "200-1999", "labels": "1000-1999" },
            { "name": "dc2", "id": 2, "s_vids": "1100-2099", "c_vids": "2000-2999", "labels": "2000-2999" },
        ],
        "nodes": [
            { "name": "edge1", "datacenter": "dc1" },
            { "name": "edge2", "datacenter": "dc1" },
            { "name": "edge3", "datacenter": "dc2" },
            { "name": "edge4", "datacenter": "dc2" },
        ],
        "links": [
            { "name": "lan1", "kind": "trunk", "ends": [{ "node": "edge1", "port": "t0" }, { "node": "edge2", "port": "t0" }] },
            { "name": "line", "kind": "pseudowire", "ends": [{ "node": "edge2", "port": "p0" }, { "node": "edge3", "port": "p0" }] },
            { "name": "lan2", "kind": "trunk", "ends": [{ "node": "edge3", "port": "t0" }, { "node": "edge4", "port": "t0" }] },
        ],
        "tenants": [{ "name": "acme", "segments": [{ "name": "acme-v10", "datacenter": "dc1", "attachments": [
            { "node": "edge1", "port": "eth1", "vlan": 10 }, { "node": "edge4", "port": "eth1", "vlan": 10 },
        ] }] }],
    })
}

/// All at once: loading takes most of the time. The first one puts the document into the store.
fn start_agents(nodes: &[NetNs], url: &str, folder: &Path) -> Result<Vec<Agent>> {
    let start = |node: &NetNs| {
        let name = node.label();
        let launch = Launch::new(node, name)
            .document(&document())
            .environment("FABRIC_STORE", url)
            .folder(&folder.join(name))
            .own_session();
        launch.start().with_context(|| format!("agent of {name}"))
    };
    let started: Vec<Result<Agent>> = std::thread::scope(|scope| {
        let threads: Vec<_> = nodes
            .iter()
            .map(|node| scope.spawn(move || start(node)))
            .collect();
        let join = |thread: std::thread::ScopedJoinHandle<'_, Result<Agent>>| {
            let joined = thread.join();
            joined.unwrap_or_else(|_| Err(anyhow!("the thread that starts an agent panicked")))
        };
        threads.into_iter().map(join).collect()
    });
    started.into_iter().collect()
}
