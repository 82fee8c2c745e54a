//! A datacenter with two borders, joined by a port that has labels and tags: what comes in at the one and ends at the other goes back
//! by the same line.

use fabric_tests::fixtures::{Rig, Setup};
use fabric_tests::golden;
use fabric_tests::traffic::{ping, tcp};
use serde_json::{Value, json};

use crate::site::{datacenters, line, nodes, relayed, tenants};

const NODES: [&str; 3] = ["n222", "n124", "n116"];
const BYTES: u64 = 8 << 20;
const BORDER: &str = "02:00:00:00:01:24";

/// The tenant of frames 800 with a third machine at n124. Labels end at n116, and n222 prefers the line to n124.
fn two_borders() -> Value {
    let mut tenants = tenants("n222", "n116");
    let third = json!({"node": "n124", "port": "eth2", "vlan": "untagged", "c_vid": 322, "stations": [{"mac": BORDER}]});
    let ends = tenants[0]["segments"][0]["attachments"].as_array_mut();
    ends.unwrap().push(third);
    json!({
        "schema": "fabric/1",
        "datacenters": datacenters(),
        "nodes": nodes(&[("n116", "mtdc100"), ("n124", "mtdc100"), ("n222", "mtdc200")]),
        "links": [
            line("inner100", [("n116", "t0"), ("n124", "t0")]),
            line("line224", [("n222", "t1"), ("n124", "t1")]),
            line("line300", [("n222", "t2"), ("n116", "t2")]),
        ],
        "tenants": tenants,
    })
}

/// A frame of 202 with S 120 and this C-VID behind the label of a line, and with these tags alone.
fn on_the_lines(frame: &[u8], c_vid: u16, hop: ((&str, &str), u8)) -> [Vec<u8>; 2] {
    let [high, low] = c_vid.to_be_bytes();
    let tags = [0x88, 0xa8, 0, 120, 0x81, 0, high, low];
    let tagged = [&frame[..12], &tags, &frame[12..]].concat();
    let golden = golden::frame("dci-800").unwrap();
    let labelled = [&golden[..22], &tagged].concat();
    [relayed(&labelled, hop.0, hop.1), tagged]
}

/// The borders joined by VXLAN, and by labels in UDP over the same port.
fn over_one_port(mut document: Value) -> Value {
    let end =
        |node: &str, host: u8| json!({"node": node, "port": "t0", "address": format!("192.0.2.{host}")});
    let link = |name: &str, kind: &str| json!({"name": name, "kind": kind, "ends": [end("n116", 1), end("n124", 2)]});
    let links = document["links"].as_array_mut().unwrap();
    links[0] = link("inner100", "vxlan");
    links.push(link("labels100", "mpls-udp"));
    document["datacenters"][0]["vnis"] = json!("10000-10099");
    document["datacenters"][1]["vnis"] = json!("20000-20099");
    document
}

/// In at n124 with a label, on to n116 where it ends, back to n124 with tags.
#[test]
fn what_comes_in_at_another_border_reaches_the_members_there_as_well() {
    let rig = Rig::start(&two_borders(), &NODES).unwrap();
    let mut everybody = golden::frame("uni-800").unwrap().to_vec();
    everybody[..6].fill(0xff);
    let [first, tagged] = on_the_lines(&everybody, 1120, (("n222", "n124"), 0xff));
    let [second, _] = on_the_lines(&everybody, 1120, (("n124", "n116"), 0xfe));
    rig.send("n222.eth1", &everybody)
        .on("n222>n124", first)
        .on("n124>n116", second)
        .on("n116>n124", tagged)
        .at("n116.eth1", &everybody)
        .at("n124.eth2", &everybody)
        .moves("n222", "eth1.in c.in t1.out")
        .moves("n124", "t1.in t0.out t0.in eth2.out c.out")
        .moves(
            "n116",
            "t0.in t0.out eth1.out c.out t0.copies.split-horizon t2.copies.split-horizon",
        )
        .check()
        .unwrap();
    let mut known = everybody.clone();
    known[..6].copy_from_slice(&[2, 0, 0, 0, 1, 0x24]);
    let [first, tagged] = on_the_lines(&known, 322, (("n222", "n124"), 0xff));
    let [second, _] = on_the_lines(&known, 322, (("n124", "n116"), 0xfe));
    rig.send("n222.eth1", &known)
        .on("n222>n124", first)
        .on("n124>n116", second)
        .on("n116>n124", tagged)
        .at("n124.eth2", &known)
        .moves("n222", "eth1.in c.in t1.out")
        .moves("n124", "t1.in t0.out t0.in eth2.out c.out")
        .moves("n116", "t0.in t0.out")
        .check()
        .unwrap();
    rig.well_formed().unwrap();
}

/// With its own line out of service the border where labels end sends its datacenter's frames to the other one, by the line that
/// those of the other one come by.
#[test]
fn a_border_without_a_line_sends_back_what_the_other_border_lets_out() {
    let mut document = two_borders();
    document["links"][2]["down"] = json!(true);
    for document in [two_borders(), over_one_port(document.clone()), document] {
        let rig = Setup::new(&document, &NODES)
            .apart()
            .mac("n124.eth2", BORDER)
            .address("n222.eth1", "192.168.0.50/24")
            .address("n124.eth2", "192.168.0.24/24")
            .address("n116.eth1", "192.168.0.10/24")
            .start()
            .unwrap();
        let [far, border, anchor] =
            ["n222.eth1", "n124.eth2", "n116.eth1"].map(|name| rig.plug(name).unwrap());
        for (one, other, address) in [
            (far, border, "192.168.0.24"),
            (border, far, "192.168.0.50"),
            (far, anchor, "192.168.0.10"),
            (anchor, far, "192.168.0.50"),
            (anchor, border, "192.168.0.24"),
        ] {
            let answers = ping(&one.namespace, address, 5).unwrap();
            assert!(answers.all_answered(), "{address}: {answers:?}");
            let address = format!("{address}:5001").parse().unwrap();
            let report = tcp(&one.namespace, &other.namespace, address, BYTES).unwrap();
            assert!(report.intact() && report.bytes == BYTES, "{address}");
        }
    }
}
