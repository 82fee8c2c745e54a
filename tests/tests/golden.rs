//! The byte-exact frames of FIG 6, 7 and 10 through the running fabric: in at a port, on the wire, out at a port.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests are tests"
)]

use std::collections::BTreeSet;

use fabric_tests::fixtures::{Rig, Segment, Setup, Site, figure_1};
use fabric_tests::frame::eth;
use fabric_tests::golden::{self, Golden};
use serde_json::{Value, json};

fn golden(name: &str) -> Golden {
    golden::frame(name).unwrap()
}

/// FIG 1 with both switches running and the wire between them tapped.
fn figure(document: &Value) -> Rig {
    Rig::start(document, &["edge1", "edge2"]).unwrap()
}

/// From `edge1` to `edge2`, or back.
#[derive(Clone, Copy)]
enum Way {
    There,
    Back,
}

/// In as `uni-NAME`, across as `nni-NAME`, out as it went in; between the ports called `port` at both switches.
fn crosses(rig: &Rig, name: &str, way: Way, port: &str, tenant: &str) {
    let (from, to) = match way {
        Way::There => ("edge1", "edge2"),
        Way::Back => ("edge2", "edge1"),
    };
    let (uni, nni) = (golden(&format!("uni-{name}")), golden(&format!("nni-{name}")));
    rig.send(&format!("{from}.{port}"), &uni)
        .on(&format!("{from}>{to}"), nni)
        .at(&format!("{to}.{port}"), &uni)
        .moves(from, &format!("{port}.in {tenant}.in t0.out"))
        .moves(to, &format!("t0.in {port}.out {tenant}.out"))
        .check()
        .unwrap();
}

/// FIG 6: Q-A100 outside and Q-A200 inside, the own tag a third one, the way back and broadcast.
#[test]
fn golden_fig_6_frames_600_are_byte_exact_on_the_wire_and_at_delivery() {
    let rig = figure(&figure_1());
    crosses(&rig, "600", Way::There, "eth1", "acme");
    crosses(&rig, "600-own", Way::There, "eth1", "acme");
    crosses(&rig, "600-return", Way::Back, "eth1", "acme");
    crosses(&rig, "600-bcast", Way::There, "eth1", "acme");
}

/// FIG 7: 700 and 750 leave one port with the same S-tag and different C-tags, because their destinations differ.
#[test]
fn golden_fig_7_frames_700_and_750_have_the_same_s_and_different_c() {
    let rig = figure(&figure_1());
    crosses(&rig, "700", Way::There, "eth2", "globex");
    crosses(&rig, "750", Way::There, "eth2", "globex");
    crosses(&rig, "700-own", Way::There, "eth2", "globex");
    assert_eq!(golden("nni-700")[12..16], golden("nni-750")[12..16]);
    assert_ne!(golden("nni-700")[16..20], golden("nni-750")[16..20]);
}

/// Claim 1, FIG 6 and 7: both clients use VLAN 10 at the same time; outer and inner tags both differ, and nobody gets the other's.
#[test]
fn golden_two_clients_with_vlan_10_differ_in_both_tags() {
    let rig = figure(&figure_1());
    let [a, b] = ["600-own", "700-own"].map(|name| golden(&format!("nni-{name}")));
    rig.send("edge1.eth1", golden("uni-600-own"))
        .and_send("edge1.eth2", golden("uni-700-own"))
        .on("edge1>edge2", &a)
        .on("edge1>edge2", &b)
        .at("edge2.eth1", golden("uni-600-own"))
        .at("edge2.eth2", golden("uni-700-own"))
        .moves("edge1", "eth1.in acme.in eth2.in globex.in t0.out*2")
        .moves("edge2", "t0.in*2 eth1.out acme.out eth2.out globex.out")
        .check()
        .unwrap();
    assert_ne!(a[14..16], b[14..16]);
    assert_ne!(a[18..20], b[18..20]);
}

/// The source that FIG 6 prints is a group address. It is dropped, and not learned; as a destination
/// it takes the way of BUM.
#[test]
fn golden_printed_frames_are_dropped_by_their_source_unless_told_otherwise() {
    let rig = figure(&figure_1());
    let known = rig.stations("edge1", "acme").unwrap();
    rig.send("edge1.eth1", golden("uni-600-printed"))
        .moves("edge1", "eth1.in eth1.dropped.group-source")
        .check()
        .unwrap();
    crosses(&rig, "600-return-printed", Way::Back, "eth1", "acme");
    assert_eq!(rig.stations("edge1", "acme").unwrap(), known);
}

/// With `drop_group_source` off it is forwarded like any other frame, and still not learned.
#[test]
fn golden_printed_frames_pass_unlearned_with_drop_group_source_off() {
    let mut document = figure_1();
    for node in [0, 1] {
        let port = |name: &str| json!({"name": name, "drop_group_source": false});
        document["nodes"][node]["ports"] = json!([port("eth1"), port("t0")]);
    }
    let rig = figure(&document);
    let known = ["edge1", "edge2"].map(|node| rig.stations(node, "acme").unwrap());
    crosses(&rig, "600-printed", Way::There, "eth1", "acme");
    crosses(&rig, "600-return-printed", Way::Back, "eth1", "acme");
    crosses(&rig, "600", Way::There, "eth1", "acme");
    assert_eq!(
        ["edge1", "edge2"].map(|node| rig.stations(node, "acme").unwrap()),
        known
    );
}

/// FIG 10's pathway 1018: VNI 10001 in VLAN 100 between NIC 1010S and NIC 1010SA, both of them ours.
fn pathway() -> Rig {
    let link = json!({"name": "pathway", "kind": "vxlan", "vlan": 100, "ends": [
        {"node": "edge1", "port": "u0", "address": "192.0.2.1"},
        {"node": "edge2", "port": "u0", "address": "192.0.2.2"},
    ]});
    // VLAN bundle: untagged and VLAN 10 in one VNI, own tags kept.
    let bundle = Segment::new("acme", 100, 1100).with("vni", 10001);
    let bundle = bundle
        .at("edge1", "eth1", "any", 300)
        .station("56:89:6f:88:9d:c7");
    let bundle = bundle
        .at("edge2", "eth1", "any", 200)
        .station("28:08:80:52:17:20");
    let site = Site::new(&["edge1", "edge2"])
        .link(link)
        .tenant("acme", &[bundle]);
    Setup::new(&site.document(), &["edge1", "edge2"])
        .mac("192.0.2.1", "02:00:00:01:10:10")
        .mac("192.0.2.2", "02:00:00:01:10:1a")
        .start()
        .unwrap()
}

/// FIG 10, VXL-1: every byte of the outer headers, checksum and VLAN 100 included, and the inner frame whole.
#[test]
fn golden_vx_600_rides_in_vlan_100_and_comes_back() {
    let rig = pathway();
    for (name, from, to) in [
        ("600", "edge1", "edge2"),
        ("600-own", "edge1", "edge2"),
        ("600-return", "edge2", "edge1"),
    ] {
        let uni = golden(&format!("uni-{name}"));
        rig.send(&format!("{from}.eth1"), &uni)
            .on(&format!("{from}>{to}"), golden(&format!("vx-{name}")))
            .at(&format!("{to}.eth1"), &uni)
            .moves(from, "eth1.in acme.in u0.out")
            .moves(to, "u0.in eth1.out acme.out")
            .check()
            .unwrap();
    }
}

/// `PPPP` in `tests/golden/frames.txt`, VXL-2: one source port for a flow, different ones over many flows, all in 49152–65535.
#[test]
fn golden_vx_source_port_is_stable_in_a_flow_and_spread_over_flows() {
    const REPEATS: usize = 3;
    let rig = pathway();
    let wire = golden("vx-600");
    let mut ports = Vec::new();
    for flow in 0..16u8 {
        let uni = eth("28:08:80:52:17:20", [0x56, 0x89, 0x6f, 0x88, 0x9d, flow]).word("Happy");
        for _ in 0..REPEATS {
            rig.ear("edge1.eth1").unwrap().socket().send(&uni).unwrap();
        }
        let seen = rig.ear("edge1>edge2").unwrap();
        seen.wait_count(REPEATS, fabric_tests::wait::PATIENCE).unwrap();
        let of_flow: BTreeSet<u16> = seen
            .drain()
            .unwrap()
            .iter()
            .map(|frame| wire.port_of(&frame.bytes).unwrap())
            .collect();
        assert_eq!(of_flow.len(), 1, "flow {flow} uses {of_flow:?}");
        ports.extend(of_flow);
    }
    assert!(ports.iter().all(|port| *port >= 49152), "{ports:?}");
    let different: BTreeSet<&u16> = ports.iter().collect();
    assert!(different.len() >= 12, "16 flows use {different:?}");
}
