//! Datacenters with an edge each, and a line with labels from the first to each other one.

use std::time::Duration;

use fabric_tests::fabric::Agent;
use fabric_tests::netns::NetNs;
use fabric_tests::storage::{Load, Target};
use fabric_tests::topology::{End, Net};
use serde_json::{Value, json};

const NAMES: [&str; 4] = ["edge1", "edge2", "edge3", "edge4"];
/// Of a line: 1500 and a full stack.
const LINE_MTU: u32 = 1600;
const LONG: Duration = Duration::from_secs(20);
/// What one client writes and the other one reads.
const SOME: u64 = 200;

/// A segment: its name, and where its members are plugged in.
pub(crate) type Lan<'a> = (&'a str, &'a [(&'a NetNs, &'a str)]);

/// The edges and their lines.
pub(crate) struct Sites {
    pub(crate) edges: Vec<NetNs>,
    pub(crate) net: Net,
}

impl Sites {
    /// `count` is 1 to 4.
    pub(crate) fn new(count: usize) -> Self {
        let net = Net::new().unwrap();
        let edges: Vec<NetNs> = NAMES[..count]
            .iter()
            .map(|name| net.host(name).unwrap())
            .collect();
        for number in 1..count {
            let [one, other] = ends(number).map(|(edge, port, mac)| {
                let end = End::port(&edges[edge], &port);
                end.mac(mac).no_arp()
            });
            // Two ports of agents on one veth would undo each other's offloads at the end.
            net.tapped(&format!("line{number}"), LINE_MTU, one, other)
                .unwrap();
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
        self.start_with(tenants, json!({}))
    }

    /// The same with further fields of the document.
    pub(crate) fn start_with(&self, tenants: &[(&str, &[Lan<'_>])], more: Value) -> Vec<Agent> {
        let mut document = self.document(tenants);
        for (field, value) in more.as_object().into_iter().flatten() {
            document[field] = value.clone();
        }
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
        let count = self.edges.len();
        json!({
            "schema": "fabric/1",
            "datacenters": (0..count).map(datacenter).collect::<Vec<_>>(),
            "nodes": (0..count).map(node).collect::<Vec<_>>(),
            "links": (1..count).map(line).collect::<Vec<_>>(),
            "tenants": tenants.iter().map(tenant).collect::<Vec<_>>(),
        })
    }
}

/// The writer goes on while the reader reads what it has written so far.
pub(crate) fn each_reads_what_the_other_writes([writer, reader]: [(&NetNs, &Target); 2], run: u64) {
    let writes = Load::write(writer.0, writer.1, run).unwrap();
    writes.wait_answers(SOME, LONG).unwrap();
    let reads = Load::read(reader.0, reader.1, run, SOME).unwrap();
    reads.wait_answers(SOME, LONG).unwrap();
    let (written, read) = (writes.stop().unwrap(), reads.stop().unwrap());
    assert!(written.answered.last().unwrap().answered_us > read.answered[0].answered_us);
    for record in [&written, &read] {
        assert_eq!((&record.io_errors[..], &record.breaks[..]), (&[][..], &[][..]));
    }
    assert!(read.wrong.is_empty());
}

/// Ranges of its own for each number: thousands tell the datacenter.
fn datacenter(number: usize) -> Value {
    let from = number * 1000;
    let range = |first: usize, last: usize| format!("{}-{}", from + first, from + last);
    json!({
        "name": format!("dc{number}"),
        "id": number + 1,
        "s_vids": range(100, 199),
        "c_vids": range(200, 999),
        "labels": range(1000, 1999),
    })
}

/// The ends of line `number`, at the first edge and at its own: edge, port, MAC address.
fn ends(number: usize) -> [(usize, String, String); 2] {
    let mac = |edge: usize| format!("02:00:00:ed:{edge:02x}:{number:02x}");
    [
        (0, format!("line{number}"), mac(0)),
        (number, "line".to_owned(), mac(number)),
    ]
}

fn line(number: usize) -> Value {
    let ends = ends(number).map(|(edge, port, mac)| json!({"node": NAMES[edge], "port": port, "mac": mac}));
    json!({"name": format!("line{number}"), "kind": "pseudowire", "ends": ends})
}
