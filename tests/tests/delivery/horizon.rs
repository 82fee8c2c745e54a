//! DLV-4, DLV-10: what does not go back, and what does not go on.
//!
//! The fabric's split horizon group are the foreign VTEPs of a segment: they are the pseudowires of RFC 4762 §4.4, a mesh in
//! which everybody sends to everybody himself. The fabric's own links are no mesh but one tree, on which a node passes on what
//! it hears to every other of its branches (`docs/architecture.md` sections 4 and 13).

use fabric_tests::fixtures::{Rig, Segment, Site, vtep_mac};
use fabric_tests::frame::{Frame, eth};
use serde_json::json;

use super::support::{ALICE, BOB, CAROL, EVERYBODY, own, speaks, three_port_rig};
use super::vtep::{AnyPort, sent, sent_between, tunnel};

const VNI: u32 = 12_345;
const WEST: [&str; 2] = ["192.0.2.2", "192.0.2.3"];
const HERE_SOUTH: &str = "192.0.3.1";
const SOUTH: &str = "192.0.3.2";
const HERE_OWN: &str = "192.0.4.1";
const OWN: &str = "192.0.4.2";

/// Foreign VTEPs behind two underlays, `u0` and `u1`; nodes of ours behind a trunk and behind VXLAN (`u2`); two local ports.
fn every_neighbour() -> Rig {
    let vxlan = |name: &str, port: &str, here: &str, there| {
        let ends = json!([{"node": "edge1", "port": port, "address": here}, there]);
        json!({"name": name, "kind": "vxlan", "ends": ends})
    };
    let ours = json!({"node": "edge3", "port": "u0", "address": OWN});
    let segment = Segment::new("acme", 101, 1101)
        .with("vni", VNI)
        .at("edge1", "eth1", "any", 301)
        .at("edge1", "eth2", "any", 302)
        .at("edge2", "eth1", "any", 201)
        .at("edge3", "eth1", "any", 211)
        .remote("west0", 401)
        .remote("west1", 402)
        .remote("south", 403);
    let site = Site::new(&["edge1", "edge2", "edge3"])
        .trunk("trunk0", "edge1", "edge2")
        .pathway("west0", "edge1", WEST[0], None)
        .pathway("west1", "edge1", WEST[1], None)
        .link(vxlan("south", "u1", HERE_SOUTH, json!({"address": SOUTH})))
        .link(vxlan("inner", "u2", HERE_OWN, ours))
        .tenant("acme", &[segment]);
    Rig::start(&site.document(), &["edge1"]).unwrap()
}

fn by_trunk(destination: &str, source: &str, c_vid: u16, word: &str) -> Frame {
    eth(destination, source).svlan(101).cvlan(c_vid).word(word)
}

fn to_south(frame: &Frame) -> AnyPort {
    let header = eth(vtep_mac(SOUTH).as_str(), vtep_mac(HERE_SOUTH).as_str());
    sent_between(header, (HERE_SOUTH, SOUTH), VNI, frame)
}

fn to_ours(frame: &Frame) -> AnyPort {
    let header = eth(vtep_mac(OWN).as_str(), vtep_mac(HERE_OWN).as_str());
    sent_between(header, (HERE_OWN, OWN), VNI, frame)
}

/// From the VTEP `remote` of the underlay whose address here is `here`.
fn from(remote: &str, here: &str, frame: &Frame) -> Frame {
    let address = |text: &str| text.parse::<std::net::Ipv4Addr>().unwrap();
    eth(vtep_mac(here).as_str(), vtep_mac(remote).as_str())
        .ipv4(address(remote), address(here))
        .udp(50_000, 4789)
        .vxlan(VNI)
        .append(frame)
}

/// DLV-10: from one pseudowire to attachment circuits and to our own nodes, never to another pseudowire, behind whichever
/// port that is. The copies that are kept back are counted.
#[test]
fn dlv_10_a_flooded_frame_of_a_vtep_reaches_no_vtep_of_any_underlay() {
    let rig = every_neighbour();
    let everywhere = "eth1.out eth2.out acme.out*2 t0.out u2.out";
    for (destination, word) in [
        (EVERYBODY, "broadcast"),
        ("01:00:5e:00:00:05", "multicast"),
        (CAROL, "unknown"),
    ] {
        let frame = eth(destination, BOB).word(word);
        for (port, packet, held_back) in [
            ("u0", tunnel(WEST[0], VNI, &frame), "u1.copies.split-horizon"),
            ("u0", tunnel(WEST[1], VNI, &frame), "u1.copies.split-horizon"),
            ("u1", from(SOUTH, HERE_SOUTH, &frame), "u0.copies.split-horizon*2"),
        ] {
            rig.send(&format!("edge1.{port}"), packet)
                .at("edge1.eth1", &frame)
                .at("edge1.eth2", &frame)
                .at("edge1.t0", by_trunk(destination, BOB, 1101, word))
                .at("edge1.u2", to_ours(&frame))
                .moves("edge1", &format!("{port}.in {everywhere} {held_back}"))
                .check()
                .unwrap();
        }
    }
}

/// DLV-10: the same for a station that is known behind another VTEP.
#[test]
fn dlv_10_a_known_station_behind_another_vtep_is_not_reached_either() {
    let rig = every_neighbour();
    // Bob is behind the south, Alice here.
    let hello = eth(EVERYBODY, BOB).word("hello");
    rig.send("edge1.u1", from(SOUTH, HERE_SOUTH, &hello))
        .at("edge1.eth1", &hello)
        .at("edge1.eth2", &hello)
        .at("edge1.t0", by_trunk(EVERYBODY, BOB, 1101, "hello"))
        .at("edge1.u2", to_ours(&hello))
        .moves(
            "edge1",
            "u1.in eth1.out eth2.out acme.out*2 t0.out u2.out u0.copies.split-horizon*2",
        )
        .check()
        .unwrap();
    let frame = eth(BOB, CAROL).word("across");
    rig.send("edge1.u0", tunnel(WEST[0], VNI, &frame))
        .moves("edge1", "u0.in u0.dropped.split-horizon")
        .check()
        .unwrap();
    // From an attachment circuit, from the trunk and from the node of ours he is.
    let frame = eth(BOB, ALICE).word("local");
    rig.send("edge1.eth1", &frame)
        .at("edge1.u1", to_south(&frame))
        .moves("edge1", "eth1.in acme.in u1.out")
        .check()
        .unwrap();
    let frame = eth(BOB, "56:00:00:00:00:04").word("trunk");
    rig.send("edge1.t0", by_trunk(BOB, "56:00:00:00:00:04", 1101, "trunk"))
        .at("edge1.u1", to_south(&frame))
        .moves("edge1", "t0.in u1.out")
        .check()
        .unwrap();
    let frame = eth(BOB, "56:00:00:00:00:05").word("ours");
    rig.send("edge1.u2", from(OWN, HERE_OWN, &frame))
        .at("edge1.u1", to_south(&frame))
        .moves("edge1", "u2.in u1.out")
        .check()
        .unwrap();
}

/// DLV-10, DLV-5: what comes from the fabric's own nodes goes to every VTEP and to the other branch, and not back.
#[test]
fn dlv_10_a_flooded_frame_of_our_own_nodes_reaches_every_vtep_once() {
    let rig = every_neighbour();
    let frame = eth(EVERYBODY, BOB).word("trunk");
    let tagged = by_trunk(EVERYBODY, BOB, 1101, "trunk");
    rig.send("edge1.t0", &tagged)
        .at("edge1.eth1", &frame)
        .at("edge1.eth2", &frame)
        .at("edge1.u0", sent(WEST[0], VNI, &frame))
        .at("edge1.u0", sent(WEST[1], VNI, &frame))
        .at("edge1.u1", to_south(&frame))
        .at("edge1.u2", to_ours(&frame))
        .moves(
            "edge1",
            "t0.in eth1.out eth2.out acme.out*2 u0.out*2 u1.out u2.out",
        )
        .check()
        .unwrap();
    rig.send("edge1.u2", from(OWN, HERE_OWN, &frame))
        .at("edge1.eth1", &frame)
        .at("edge1.eth2", &frame)
        .at("edge1.u0", sent(WEST[0], VNI, &frame))
        .at("edge1.u0", sent(WEST[1], VNI, &frame))
        .at("edge1.u1", to_south(&frame))
        .at("edge1.t0", &tagged)
        .moves(
            "edge1",
            "u2.in eth1.out eth2.out acme.out*2 u0.out*2 u1.out t0.out",
        )
        .check()
        .unwrap();
}

/// Three nodes, each with an end of the segment, and a trunk between every two of them.
fn triangle(run: &[&str]) -> Rig {
    let nodes = ["edge1", "edge2", "edge3"];
    let segment = Segment::new("acme-v10", 101, 1101)
        .at("edge1", "eth1", 10, 301)
        .at("edge2", "eth1", 10, 201)
        .at("edge3", "eth1", 10, 211);
    let site = Site::new(&nodes)
        .trunk("a", "edge1", "edge2")
        .trunk("b", "edge2", "edge3")
        .trunk("c", "edge1", "edge3")
        .tenant("acme", &[segment]);
    Rig::start(&site.document(), run).unwrap()
}

/// DLV-10, DLV-5: links in a ring make no loop: each end hears a frame once, and the link outside of the tree is silent.
#[test]
fn dlv_10_trunks_in_a_ring_give_everybody_one_copy_and_no_loop() {
    let rig = triangle(&["edge1", "edge2", "edge3"]);
    let frame = own(EVERYBODY, ALICE, "Happy");
    let tagged = eth(EVERYBODY, ALICE)
        .svlan(101)
        .cvlan(1101)
        .vlan(10)
        .word("Happy");
    rig.send("edge2.eth1", &frame)
        .on("edge2>edge1", &tagged)
        .on("edge1>edge3", &tagged)
        .at("edge1.eth1", &frame)
        .at("edge3.eth1", &frame)
        .moves("edge2", "eth1.in acme.in t0.out")
        .moves("edge1", "t0.in eth1.out acme.out t1.out")
        .moves("edge3", "t1.in eth1.out acme.out")
        .check()
        .unwrap();
    let frame = own(EVERYBODY, BOB, "Happy");
    let tagged = eth(EVERYBODY, BOB).svlan(101).cvlan(1101).vlan(10).word("Happy");
    rig.send("edge1.eth1", &frame)
        .on("edge1>edge2", &tagged)
        .on("edge1>edge3", &tagged)
        .at("edge2.eth1", &frame)
        .at("edge3.eth1", &frame)
        .moves("edge1", "eth1.in acme.in t0.out t1.out")
        .moves("edge2", "t0.in eth1.out acme.out")
        .moves("edge3", "t1.in eth1.out acme.out")
        .check()
        .unwrap();
}

/// DLV-10: nodes that take another tree one after the other make no loop either. While two of them go by the old tree and two by
/// the new one, both trees' links could close the ring; so a link is out of service before the tree loses it.
#[test]
fn dlv_10_a_ring_takes_another_tree_node_by_node_and_nothing_goes_round() {
    let nodes = ["edge1", "edge2", "edge3", "edge4"];
    let members = nodes.iter().zip([301, 201, 211, 221]);
    let segment = members.fold(Segment::new("acme-v10", 101, 1101), |segment, (node, c_vid)| {
        segment.at(node, "eth1", 10, c_vid)
    });
    let site = Site::new(&nodes)
        .trunk("a", "edge1", "edge2")
        .trunk("b", "edge1", "edge3")
        .trunk("c", "edge2", "edge4")
        .trunk("d", "edge3", "edge4")
        .tenant("acme", &[segment]);
    let rig = Rig::start(&site.document(), &nodes).unwrap();
    let at_all = |words: &[&str], nodes: &[&str]| {
        for node in nodes {
            rig.agent(node).unwrap().ok(words).unwrap();
        }
    };
    let remove = ["link", "remove", "a", "--yes"];
    let refused = rig.agent("edge3").unwrap().cli(&remove).unwrap();
    let refused = refused.expect_status(1).unwrap().stderr;
    assert!(refused.contains("code: two-trees"), "{refused}");
    assert!(refused.contains("fabric link down a"), "{refused}");
    let told = rig
        .agent("edge1")
        .unwrap()
        .ok(&["link", "down", "a"])
        .unwrap()
        .stdout;
    assert!(told.contains("nothing takes over for segment acme-v10"), "{told}");
    at_all(&["link", "down", "a"], &nodes);
    let frame = own(EVERYBODY, CAROL, "Happy");
    let tagged = eth(EVERYBODY, CAROL)
        .svlan(101)
        .cvlan(1101)
        .vlan(10)
        .word("Happy");
    let everybody_once = || {
        rig.send("edge3.eth1", &frame)
            .on("edge3>edge1", &tagged)
            .on("edge3>edge4", &tagged)
            .on("edge4>edge2", &tagged)
            .at("edge1.eth1", &frame)
            .at("edge2.eth1", &frame)
            .at("edge4.eth1", &frame)
            .moves("edge1", "t1.in eth1.out acme.out")
            .moves("edge2", "t1.in eth1.out acme.out")
            .moves("edge3", "eth1.in acme.in t0.out t1.out")
            .moves("edge4", "t1.in eth1.out acme.out t0.out")
            .check()
            .unwrap();
    };
    // edge1 and edge2 have the old tree still, where the link between them is out of service.
    at_all(&remove, &["edge3", "edge4"]);
    everybody_once();
    at_all(&remove, &["edge1", "edge2"]);
    everybody_once();
}

/// DLV-10: nor does a link outside of the tree take anything in: another node with another tree cannot close the ring.
#[test]
fn dlv_10_a_link_outside_of_the_tree_takes_nothing_in() {
    let rig = triangle(&["edge2"]);
    for c_vid in [1101, 201, 211, 301] {
        let tagged = eth(EVERYBODY, ALICE)
            .svlan(101)
            .cvlan(c_vid)
            .vlan(10)
            .word("Happy");
        rig.send("edge2.t1", tagged)
            .moves("edge2", "t1.in t1.dropped.unknown-tags")
            .check()
            .unwrap();
    }
}

/// DLV-4: a frame for a station behind the trunk that it came by goes nowhere; nor does one to its own sender.
#[test]
fn dlv_4_nothing_returns_to_its_trunk_nor_to_its_source() {
    let rig = three_port_rig();
    speaks(&rig, ALICE, "eth1");
    rig.send("edge1.eth1", own(ALICE, ALICE, "to myself"))
        .moves("edge1", "eth1.in eth1.dropped.same-port")
        .check()
        .unwrap();
    drop(rig);
    let rig = triangle(&["edge1"]);
    let tagged = |destination, source| {
        eth(destination, source)
            .svlan(101)
            .cvlan(1101)
            .vlan(10)
            .word("Happy")
    };
    let frame = own(EVERYBODY, BOB, "Happy");
    rig.send("edge1.t0", tagged(EVERYBODY, BOB))
        .at("edge1.eth1", &frame)
        .at("edge1.t1", tagged(EVERYBODY, BOB))
        .moves("edge1", "t0.in eth1.out acme.out t1.out")
        .check()
        .unwrap();
    for source in [CAROL, BOB] {
        rig.send("edge1.t0", tagged(BOB, source))
            .moves("edge1", "t0.in t0.dropped.same-port")
            .check()
            .unwrap();
    }
}
