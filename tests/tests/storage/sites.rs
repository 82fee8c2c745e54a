//! One or two datacenters with an edge each, and a line with labels between the two.

use fabric_tests::fabric::Agent;
use fabric_tests::netns::NetNs;
use fabric_tests::topology::{End, Net};
use serde_json::{Value, json};

const NAMES: [&str; 2] = ["edge1", "edge2"];
const MACS: [&str; 2] = ["02:00:00:00:e1:01", "02:00:00:00:e2:01"];
/// Of the line: 1500 and a full stack.
const LINE_MTU: u32 = 1600;

/// A segment: its name, and where its members are plugged in.
pub(crate) type Lan<'a> = (&'a str, &'a [(&'a NetNs, &'a str)]);

/// The edges and their line.
pub(crate) struct Sites {
    pub(crate) edges: Vec<NetNs>,
    pub(crate) net: Net,
}

impl Sites {
    /// `count` is 1 or 2.
    pub(crate) fn new(count: usize) -> Self {
        let net = Net::new().unwrap();
        let edges: Vec<NetNs> = NAMES[..count]
            .iter()
            .map(|name| net.host(name).unwrap())
            .collect();
        if let [one, other] = &edges[..] {
            let end = |edge, mac| End::port(edge, "line").mac(mac).no_arp();
            // Two ports of agents on one veth would undo each other's offloads at the end.
            let (one, other) = (end(one, MACS[0]), end(other, MACS[1]));
            net.tapped("between", LINE_MTU, one, other).unwrap();
        }
        Self { edges, net }
    }

    /// A machine's cable to a port of an edge.
    pub(crate) fn cable(
        &self,
        (host, interface): (&NetNs, &str),
        (edge, port): (&NetNs, &str),
        mac: &str,
        address: &str,
    ) {
        let end = End::client(host, interface).mac(mac);
        let end = end.address(&format!("{address}/24"));
        self.net.veth(end, End::port(edge, port)).unwrap();
    }

    /// The agents, with a tenant for each list of segments; all members are untagged.
    pub(crate) fn start(&self, tenants: &[(&str, &[Lan<'_>])]) -> Vec<Agent> {
        let document = self.document(tenants);
        let start = |edge: &NetNs| Agent::start(edge, &document, edge.label()).unwrap();
        self.edges.iter().map(start).collect()
    }

    fn document(&self, tenants: &[(&str, &[Lan<'_>])]) -> Value {
        let member =
            |(edge, port): &(&NetNs, &str)| json!({"node": edge.label(), "port": port, "vlan": "untagged"});
        let segment = |(name, members): &Lan<'_>| {
            let members: Vec<Value> = members.iter().map(member).collect();
            json!({"name": name, "attachments": members})
        };
        let tenant = |(name, segments): &(&str, &[Lan<'_>])| {
            let segments: Vec<Value> = segments.iter().map(segment).collect();
            json!({"name": name, "segments": segments})
        };
        let node = |number: usize| json!({"name": NAMES[number], "datacenter": format!("dc{number}")});
        let end = |number: usize| json!({"node": NAMES[number], "port": "line", "mac": MACS[number]});
        let line = json!({"name": "line", "kind": "pseudowire", "ends": [end(0), end(1)]});
        let count = self.edges.len();
        json!({
            "schema": "fabric/1",
            "datacenters": [
                {"name": "dc0", "id": 1, "s_vids": "100-199", "c_vids": "200-1199", "labels": "1000-1999"},
                {"name": "dc1", "id": 2, "s_vids": "1200-1299", "c_vids": "1300-1999", "labels": "2000-2999"},
            ],
            "nodes": (0..count).map(node).collect::<Vec<_>>(),
            "links": if count == 2 { vec![line] } else { vec![] },
            "tenants": tenants.iter().map(tenant).collect::<Vec<_>>(),
        })
    }
}
