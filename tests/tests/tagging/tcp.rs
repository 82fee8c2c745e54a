//! The kernels' own TCP through every path: ping hides unfinished checksums, TCP does not.
//!
//! To a Linux VXLAN device it runs in `vxlan.rs`.

use fabric_tests::fixtures::{Rig, Segment, Setup, Site};
use fabric_tests::netns::NetNs;
use fabric_tests::traffic;

use super::support::{customer_trunk, site, without_stations};

const MTU: u32 = 1500;
const BYTES: u64 = 8 << 20;
const CLIENT: &str = "192.168.0.50";
const SERVER: &str = "192.168.0.10";

/// A host of its own behind every port, with room for its frames and their tags between the nodes.
fn hosts(site: &Site, nodes: &[&str], mtu: u32) -> Setup {
    let document = without_stations(site.document());
    let setup = Setup::new(&document, nodes).apart();
    setup.mtu(mtu).link_mtu(mtu + 100)
}

/// Streams both ways, untagged, and not one frame dropped on any node.
fn tcp_runs(setup: Setup, nodes: &[&str], client: &str, server: &str) -> Rig {
    let setup = setup.address(client, &format!("{CLIENT}/24"));
    let rig = setup.address(server, &format!("{SERVER}/24")).start().unwrap();
    both_ways(&namespace(&rig, client), &namespace(&rig, server));
    nothing_was_dropped(&rig, nodes);
    rig
}

/// Every byte is hashed at both ends.
fn both_ways(client: &NetNs, server: &NetNs) {
    for (from, to, address) in [(client, server, SERVER), (server, client, CLIENT)] {
        let address = format!("{address}:7000").parse().unwrap();
        assert!(traffic::tcp(from, to, address, BYTES).unwrap().intact());
    }
}

fn namespace(rig: &Rig, plug: &str) -> NetNs {
    rig.plug(plug).unwrap().namespace.clone()
}

/// In any direction, and something was carried at all.
fn nothing_was_dropped(rig: &Rig, nodes: &[&str]) {
    for node in nodes {
        let counters = rig.counters(node).unwrap();
        let (dropped, carried): (Vec<_>, Vec<_>) = counters
            .values()
            .iter()
            .filter(|(_, count)| **count > 0)
            .partition(|(name, _)| name.contains(".dropped.") || name.contains(".copies."));
        assert_eq!(dropped, [], "{node}");
        assert!(!carried.is_empty(), "{node} carried nothing");
    }
}

#[test]
fn tcp_runs_through_a_trunk() {
    let nodes = ["edge1", "edge2"];
    let site = site().trunk("trunk0", "edge1", "edge2");
    tcp_runs(hosts(&site, &nodes, MTU), &nodes, "edge1.eth1", "edge2.eth1");
}

#[test]
fn tcp_runs_through_a_trunk_with_outer_tags_of_0x8100() {
    let nodes = ["edge1", "edge2"];
    let site = site().link(customer_trunk("trunk0", ("edge1", "t0"), ("edge2", "t0")));
    tcp_runs(hosts(&site, &nodes, MTU), &nodes, "edge1.eth1", "edge2.eth1");
}

#[test]
fn tcp_runs_in_jumbo_frames() {
    let nodes = ["edge1", "edge2"];
    let site = site().trunk("trunk0", "edge1", "edge2");
    let rig = tcp_runs(hosts(&site, &nodes, 9000), &nodes, "edge1.eth1", "edge2.eth1");
    let frames = rig.counters("edge1").unwrap().get("eth1.in");
    let standard = BYTES / 1448;
    assert!(frames < standard / 2, "{frames} frames are no jumbo frames");
}

/// Between two ports of one node no tag is ever on a wire, and it works all the same.
#[test]
fn tcp_runs_between_two_ports_of_one_node() {
    let ports = Segment::new("acme", 100, 1100)
        .at("edge1", "eth1", "untagged", 301)
        .at("edge1", "eth2", "untagged", 302);
    let site = Site::new(&["edge1"]).tenant("acme", &[ports]);
    tcp_runs(
        hosts(&site, &["edge1"], MTU),
        &["edge1"],
        "edge1.eth1",
        "edge1.eth2",
    );
}

/// A node in the middle where no end of the segment is, between a trunk of each kind.
#[test]
fn tcp_runs_over_a_node_in_the_middle() {
    let nodes = ["edge1", "edge2", "edge3"];
    let ends = Segment::new("acme", 100, 1100)
        .at("edge1", "eth1", "untagged", 300)
        .at("edge3", "eth1", "untagged", 200);
    let site = Site::new(&nodes)
        .trunk("west", "edge1", "edge2")
        .link(customer_trunk("east", ("edge2", "t1"), ("edge3", "t0")))
        .tenant("acme", &[ends]);
    tcp_runs(hosts(&site, &nodes, MTU), &nodes, "edge1.eth1", "edge3.eth1");
}

/// Claim 1: the same VLAN and the same addresses, each client with its own server.
#[test]
fn tcp_runs_in_vlan_10_of_two_clients_with_the_same_addresses_at_once() {
    let nodes = ["edge1", "edge2"];
    let site = site().trunk("trunk0", "edge1", "edge2");
    let rig = hosts(&site, &nodes, MTU).start().unwrap();
    let ends: Vec<[NetNs; 2]> = ["eth1", "eth3"]
        .iter()
        .map(|port| {
            [("edge1", CLIENT), ("edge2", SERVER)].map(|(node, address)| {
                let host = namespace(&rig, &format!("{node}.{port}"));
                let address = format!("{address}/24");
                rig.net().vlan(&host, "eth0", 10, Some(&address)).unwrap();
                host
            })
        })
        .collect();
    std::thread::scope(|scope| {
        for [client, server] in &ends {
            scope.spawn(move || both_ways(client, server));
        }
    });
    nothing_was_dropped(&rig, &nodes);
}
