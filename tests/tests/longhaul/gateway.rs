//! Gateways that take one stack off and put another one on: pseudowire to VXLAN to S-tag and C-tag.

use fabric_tests::fixtures::{Setup, vtep_mac};
use fabric_tests::frame::{Frame, eth};
use fabric_tests::golden::Golden;
use fabric_tests::traffic::{ping, tcp};
use serde_json::{Value, json};

use crate::site::{datacenters, mac_of};

const BYTES: u64 = 4 << 20;
const CLIENT: &str = "f2:98:19:ab:55:b4";
const RESOURCE: &str = "08:19:20:07:05:0d";
const NODES: [&str; 4] = ["n222", "n124", "middle", "n116"];
const VTEPS: [&str; 2] = ["192.0.2.1", "192.0.2.2"];
/// Offset of the UDP source port behind Ethernet and IPv4.
const PORT_AT: usize = 34;

/// n222 in datacenter 200; n124, middle and n116 in 100, of which only the last has an end of the segment.
fn chain(stations: bool) -> Value {
    let mut datacenters = datacenters();
    datacenters[0]["vnis"] = json!("10000-10099");
    let known = |mac: &str| {
        if stations {
            json!([{"mac": mac}])
        } else {
            json!([])
        }
    };
    let line = |node: &str, port: &str| json!({"node": node, "port": port, "mac": mac_of(node)});
    let vtep = |node: &str, address: &str| json!({"node": node, "port": "u0", "address": address});
    json!({
        "schema": "fabric/1",
        "datacenters": datacenters,
        "nodes": [{"name": "n222", "datacenter": "mtdc200"}, {"name": "n124", "datacenter": "mtdc100"},
                  {"name": "middle", "datacenter": "mtdc100"}, {"name": "n116", "datacenter": "mtdc100"}],
        "links": [
            {"name": "long", "kind": "pseudowire", "ends": [line("n222", "t0"), line("n124", "t0")]},
            {"name": "pathway", "kind": "vxlan", "ends": [vtep("n124", VTEPS[0]), vtep("middle", VTEPS[1])]},
            {"name": "trunk", "kind": "trunk", "ends": [{"node": "middle", "port": "t0"}, {"node": "n116", "port": "t0"}]},
        ],
        "tenants": [{"name": "c", "segments": [{"name": "c", "s_vid": 120, "c_vid": 1120, "vni": 10_020,
            "labels": [{"to": "mtdc100", "from": "mtdc200", "label": 1020}, {"to": "mtdc200", "from": "mtdc100", "label": 2020}],
            "attachments": [
                {"node": "n116", "port": "eth1", "vlan": "untagged", "c_vid": 220, "stations": known(RESOURCE)},
                {"node": "n222", "port": "eth1", "vlan": "untagged", "c_vid": 320, "stations": known(CLIENT)}]}]}],
    })
}

fn labelled((to, from): (&str, &str), label: u32, inner: &Frame) -> Frame {
    eth(mac_of(to), mac_of(from))
        .mpls(label, true, 255)
        .control_word()
        .append(inner)
}

/// From one VTEP to the other, with any source port.
fn in_vxlan([from, to]: [&str; 2], inner: &Frame) -> Golden {
    let address = |text: &str| text.parse::<std::net::Ipv4Addr>().unwrap();
    let packet = eth(vtep_mac(to).as_str(), vtep_mac(from).as_str())
        .ipv4(address(from), address(to))
        .udp(0, 4789)
        .vxlan(10_020)
        .append(inner);
    Golden::with_free_port("in VXLAN", &packet, PORT_AT)
}

/// FIG 8 and FIG 10 together: the same frame on three lines in three stacks, byte by byte, there and back.
#[test]
fn dci_a_frame_is_translated_from_pseudowire_to_vxlan_to_tags_and_back() {
    let rig = Setup::new(&chain(true), &NODES).start().unwrap();
    let (there, back) = (eth(RESOURCE, CLIENT), eth(CLIENT, RESOURCE));
    let sent = there.clone().word("Dopey");
    rig.send("n222.eth1", &sent)
        .on(
            "n222>n124",
            labelled(
                ("n124", "n222"),
                1020,
                &there.clone().svlan(120).cvlan(220).word("Dopey"),
            ),
        )
        .on("n124>middle", in_vxlan(VTEPS, &sent))
        .on("middle>n116", there.svlan(120).cvlan(220).word("Dopey"))
        .at("n116.eth1", &sent)
        .moves("n222", "eth1.in c.in t0.out")
        .moves("n124", "t0.in u0.out")
        .moves("middle", "u0.in t0.out")
        .moves("n116", "t0.in eth1.out c.out")
        .check()
        .unwrap();
    let [near, far] = VTEPS;
    let answer = back.clone().word("Dopey");
    rig.send("n116.eth1", &answer)
        .on("n116>middle", back.clone().svlan(120).cvlan(320).word("Dopey"))
        .on("middle>n124", in_vxlan([far, near], &answer))
        .on(
            "n124>n222",
            labelled(("n222", "n124"), 2020, &back.svlan(120).cvlan(320).word("Dopey")),
        )
        .at("n222.eth1", &answer)
        .moves("n116", "eth1.in c.in t0.out")
        .moves("middle", "t0.in u0.out")
        .moves("n124", "u0.in t0.out")
        .moves("n222", "t0.in eth1.out c.out")
        .check()
        .unwrap();
    rig.well_formed().unwrap();
}

/// The same with stations that are learned, and TCP both ways.
#[test]
fn dci_tcp_goes_through_gateways_of_three_stacks() {
    let rig = Setup::new(&chain(false), &NODES)
        .apart()
        .address("n222.eth1", "192.168.0.50/24")
        .address("n116.eth1", "192.168.0.10/24")
        .start()
        .unwrap();
    let [client, resource] = ["n222.eth1", "n116.eth1"].map(|name| &rig.plug(name).unwrap().namespace);
    assert!(ping(client, "192.168.0.10", 3).unwrap().all_answered());
    for (from, to, address) in [
        (client, resource, "192.168.0.10:5001"),
        (resource, client, "192.168.0.50:5001"),
    ] {
        let report = tcp(from, to, address.parse().unwrap(), BYTES).unwrap();
        assert!(report.intact() && report.bytes == BYTES);
    }
}
