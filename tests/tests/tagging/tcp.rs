//! The kernels' own TCP through every path: ping hides unfinished checksums, TCP does not.
//!
//! To a Linux VXLAN device it runs in `vxlan.rs`.

use fabric_tests::fixtures::{Rig, Setup};
use fabric_tests::topology::VlanKind;
use fabric_tests::traffic;
use serde_json::Value;

use super::support::site;

const BYTES: u64 = 8 << 20;

/// Both switches, whatever is plugged in a host of its own.
fn hosts(document: &Value, run: &[&str], addresses: &[(&str, &str)], mtu: u32) -> Rig {
    let setup = Setup::new(document, run).apart().mtu(mtu).link_mtu(mtu + 100);
    let setup = addresses
        .iter()
        .fold(setup, |setup, (plug, address)| setup.address(plug, address));
    setup.start().unwrap()
}

fn document() -> Value {
    site().trunk("trunk0", "edge1", "edge2").document()
}

/// Streams both ways, every byte hashed, and not one frame dropped on any node.
fn tcp_runs(rig: &Rig, from: &str, to: &str, addresses: (&str, &str)) {
    let (client, server) = (
        &rig.plug(from).unwrap().namespace,
        &rig.plug(to).unwrap().namespace,
    );
    for (one, other, address) in [(client, server, addresses.1), (server, client, addresses.0)] {
        let address = format!("{address}:7000").parse().unwrap();
        assert!(traffic::tcp(one, other, address, BYTES).unwrap().intact());
    }
}

fn nothing_was_dropped(rig: &Rig, nodes: &[&str]) {
    for node in nodes {
        let counters = rig.counters(node).unwrap();
        let dropped = counters
            .values()
            .iter()
            .filter(|(name, count)| **count > 0 && (name.contains(".dropped.") || name.contains(".copies.")));
        assert_eq!(dropped.collect::<Vec<_>>(), [], "{node}");
    }
}

#[test]
fn tcp_runs_untagged_through_a_trunk() {
    let addresses = [
        ("edge1.eth1", "192.168.0.50/24"),
        ("edge2.eth1", "192.168.0.10/24"),
    ];
    // Static stations would not know the hosts' own addresses.
    let rig = hosts(
        &without_stations(document()),
        &["edge1", "edge2"],
        &addresses,
        1500,
    );
    tcp_runs(&rig, "edge1.eth1", "edge2.eth1", ("192.168.0.50", "192.168.0.10"));
    nothing_was_dropped(&rig, &["edge1", "edge2"]);
}

#[test]
fn tcp_runs_in_vlan_10_of_two_clients_with_the_same_addresses_at_once() {
    let rig = hosts(&without_stations(document()), &["edge1", "edge2"], &[], 1500);
    let plugs = [
        ("edge1.eth1", "192.168.0.50/24"),
        ("edge2.eth1", "192.168.0.10/24"),
        ("edge1.eth3", "192.168.0.50/24"),
        ("edge2.eth3", "192.168.0.10/24"),
    ];
    for (plug, address) in plugs {
        let kind: VlanKind = rig
            .net()
            .vlan(&rig.plug(plug).unwrap().namespace, "eth0", 10, Some(address))
            .unwrap();
        println!("{plug}: {kind:?}");
    }
    let addresses = ("192.168.0.50", "192.168.0.10");
    let ends = [("edge1.eth1", "edge2.eth1"), ("edge1.eth3", "edge2.eth3")]
        .map(|(one, other)| [one, other].map(|plug| rig.plug(plug).unwrap().namespace.clone()));
    std::thread::scope(|scope| {
        for [client, server] in &ends {
            scope.spawn(move || {
                for (from, to, address) in [(client, server, addresses.1), (server, client, addresses.0)] {
                    let address = format!("{address}:7000").parse().unwrap();
                    assert!(traffic::tcp(from, to, address, BYTES).unwrap().intact());
                }
            });
        }
    });
    nothing_was_dropped(&rig, &["edge1", "edge2"]);
}

/// Between two ports of one node no tag is ever on a wire, and it works all the same.
#[test]
fn tcp_runs_between_two_ports_of_one_node() {
    use fabric_tests::fixtures::{Segment, Site};
    let ports = Segment::new("acme", 100, 1100)
        .at("edge1", "eth1", "untagged", 301)
        .at("edge1", "eth2", "untagged", 302);
    let site = Site::new(&["edge1"]).tenant("acme", &[ports]);
    let addresses = [
        ("edge1.eth1", "192.168.0.50/24"),
        ("edge1.eth2", "192.168.0.10/24"),
    ];
    let rig = hosts(&site.document(), &["edge1"], &addresses, 1500);
    tcp_runs(&rig, "edge1.eth1", "edge1.eth2", ("192.168.0.50", "192.168.0.10"));
    nothing_was_dropped(&rig, &["edge1"]);
}

#[test]
fn tcp_runs_in_jumbo_frames() {
    let addresses = [
        ("edge1.eth1", "192.168.0.50/24"),
        ("edge2.eth1", "192.168.0.10/24"),
    ];
    let rig = hosts(
        &without_stations(document()),
        &["edge1", "edge2"],
        &addresses,
        9000,
    );
    tcp_runs(&rig, "edge1.eth1", "edge2.eth1", ("192.168.0.50", "192.168.0.10"));
    nothing_was_dropped(&rig, &["edge1", "edge2"]);
}

/// The hosts have addresses of their own, which are learned.
fn without_stations(mut document: Value) -> Value {
    for segment in document["tenants"]
        .as_array_mut()
        .into_iter()
        .flatten()
        .filter_map(|tenant| tenant["segments"].as_array_mut())
        .flatten()
    {
        for end in segment["attachments"].as_array_mut().into_iter().flatten() {
            end["stations"] = Value::Array(Vec::new());
        }
    }
    document
}
