//! A resource that moves from one datacenter to another under a client's open connection (MOVE in
//! `docs/conformance.md`).

use std::time::{Duration, Instant};

use fabric_tests::fabric::{Agent, Launch};
use fabric_tests::frame::eth;
use fabric_tests::netns::NetNs;
use fabric_tests::topology::{End, Net, replug};
use fabric_tests::traffic::{Probe, Talk, TalkReport, ping};
use fabric_tests::wait::{PATIENCE, until_true};
use serde_json::{Value, json};

use crate::site::triangle;

const NODES: [&str; 3] = ["n124", "n222", "n220"];
const LINES: [(&str, [usize; 2]); 3] = [("l224", [1, 0]), ("l226", [2, 0]), ("l228", [1, 2])];
const LINE_MTU: u32 = 1600;
const RESOURCE: &str = "192.168.0.10";
const CLIENT_MAC: &str = "56:00:00:00:00:50";
const RESOURCE_MAC: &str = "08:19:20:07:05:0d";
/// Frames a second of each probe.
const RATE: u32 = 1000;
/// What the move may take: the connection is found again by its own repetitions, whose pauses double from 200 ms.
const LONGEST: Duration = Duration::from_secs(5);
/// Answers that the connection must get before and after the move.
const ENOUGH: u64 = 200;

/// The triangle with acme's resource at one of its nodes, and its client at the third.
fn document(resource_at: &str) -> Value {
    let mut document = triangle();
    let end = |node: &str, port: &str| json!({"node": node, "port": port, "vlan": "untagged"});
    let acme = &mut document["tenants"][0]["segments"][0];
    acme["datacenter"] = json!("mtdc100");
    acme["attachments"] = json!([end("n220", "eth1"), end(resource_at, "res")]);
    document
}

struct Fabric {
    // First to go: agents take their ports down while the interfaces are there.
    agents: Vec<Agent>,
    nodes: Vec<NetNs>,
    client: NetNs,
    resource: NetNs,
    /// Hosts of globex at n124 and n220.
    others: [NetNs; 2],
    _net: Net,
}

fn start() -> Fabric {
    let net = Net::new().unwrap();
    let nodes = NODES.map(|name| net.host(name).unwrap()).to_vec();
    for (port, [one, other]) in LINES {
        let end = |node: usize| {
            End::port(&nodes[node], port)
                .mtu(LINE_MTU)
                .no_arp()
                .offload(&["gro", "on"])
        };
        net.veth(end(one), end(other)).unwrap();
    }
    let [client, resource] = ["client", "resource"].map(|label| net.host(label).unwrap());
    let host = |namespace: &NetNs, mac: &str, address: &str| {
        End::client(namespace, "eth0").mac(mac).address(address)
    };
    net.veth(
        host(&client, CLIENT_MAC, "192.168.0.50/24"),
        End::port(&nodes[2], "eth1").no_arp(),
    )
    .unwrap();
    net.veth(
        host(&resource, RESOURCE_MAC, &format!("{RESOURCE}/24")),
        End::port(&nodes[0], "res").no_arp(),
    )
    .unwrap();
    let others = [0, 1, 2].map(|node| {
        let host = net.host(&format!("other{node}")).unwrap();
        net.veth(
            End::client(&host, "eth0").no_arp(),
            End::port(&nodes[node], "eth2").no_arp(),
        )
        .unwrap();
        host
    });
    let [near, _, far] = others;
    let agents = NODES.iter().zip(&nodes).map(|(name, namespace)| {
        Launch::new(namespace, name)
            .document(&document("n124"))
            .start()
            .unwrap()
    });
    Fabric {
        agents: agents.collect(),
        nodes,
        client,
        resource,
        others: [near, far],
        _net: net,
    }
}

impl Fabric {
    fn apply(&self, node: usize, document: &Value) {
        let agent = &self.agents[node];
        let file = agent.file("moved.json", document).unwrap();
        agent.ok(&["apply", "-f", &file, "--yes"]).unwrap();
    }

    /// The resource's machine gets its cable out of the one datacenter and into the other, with all that runs in it.
    fn replug(&self, from: usize, to: usize) {
        replug(&self.nodes[from], &self.nodes[to], "res").unwrap();
    }
}

/// MOVE: acme's resource moves from datacenter 100 to 200. The client in 250 keeps the connection that he has, each of his
/// questions is answered, and globex, who uses the same lines, loses nothing. The outage is printed.
#[test]
fn dci_a_resource_moves_to_another_datacenter_under_an_open_connection() {
    let fabric = start();
    until_true(PATIENCE, "the resource to answer", || {
        Ok(ping(&fabric.client, RESOURCE, 1)?.answered == 1)
    })
    .unwrap();
    let address = format!("{RESOURCE}:5001").parse().unwrap();
    let talk = Talk::start(&fabric.client, &fabric.resource, address).unwrap();
    let header = |from: &str| eth(RESOURCE_MAC, from);
    let acme = Probe::between(
        (&fabric.client, "eth0"),
        (&fabric.resource, "eth0"),
        header(CLIENT_MAC),
    )
    .rate(RATE)
    .patient()
    .start()
    .unwrap();
    let [near, far] = &fabric.others;
    let globex = Probe::between(
        (far, "eth0"),
        (near, "eth0"),
        eth("ff:ff:ff:ff:ff:ff", "56:00:00:00:00:02").vlan(10),
    )
    .rate(RATE)
    .patient()
    .start()
    .unwrap();
    talk.wait_for_more(ENOUGH, LONGEST * 2).unwrap();
    let moved = document("n222");
    let began = Instant::now();
    fabric.apply(0, &moved);
    fabric.apply(2, &moved);
    fabric.replug(0, 1);
    fabric.apply(1, &moved);
    let applied = began.elapsed();
    talk.wait_for_more(ENOUGH, LONGEST * 2).unwrap();
    let TalkReport { questions, silence } = talk.end().unwrap();
    let (acme, globex) = (acme.stop().unwrap(), globex.stop().unwrap());
    println!(
        "moved within {applied:?}: {} of {} frames lost, longest gap {:?}; {questions} questions on one connection, longest \
         silence {silence:?}",
        acme.lost(),
        acme.sent,
        acme.longest_gap
    );
    assert_eq!(
        (acme.altered, acme.duplicates, acme.foreign),
        (0, 0, 0),
        "{acme:?}"
    );
    assert!(acme.longest_gap < LONGEST && silence < LONGEST * 2, "{acme:?}");
    assert!(globex.perfect(), "globex was not moved: {globex:?}");
    for agent in fabric.agents {
        agent.finish().unwrap();
    }
}
