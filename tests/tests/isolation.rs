//! Who gets a frame: exactly the ends of its segment, once each, as it was sent. And who never does. What the tags are
//! on the way is in `tagging.rs`.
#![expect(clippy::unwrap_used, reason = "a test says what went wrong by panicking")]

use fabric_tests::fixtures::{Rig, Segment, Site};
use fabric_tests::frame::{Frame, eth};

const ALICE: &str = "56:00:00:00:00:01";
const BOB: &str = "56:00:00:00:00:02";
const CAROL: &str = "56:00:00:00:00:03";
const EVERYBODY: &str = "ff:ff:ff:ff:ff:ff";
const GROUP: &str = "01:00:5e:00:00:fb";

/// Two tenants with the same VLAN, each with a port at both nodes of one trunk.
fn two_tenants() -> Rig {
    let segment = |name: &str, s_vid: u16, port: &str| {
        Segment::new(name, s_vid, 1000 + s_vid)
            .at("edge1", port, 10, 300 + s_vid)
            .at("edge2", port, 10, 200 + s_vid)
    };
    let site = Site::new(&["edge1", "edge2"])
        .trunk("trunk0", "edge1", "edge2")
        .tenant("acme", &[segment("acme-v10", 101, "eth1")])
        .tenant("globex", &[segment("globex-v10", 111, "eth2")]);
    Rig::start(&site.document(), &["edge1", "edge2"]).unwrap()
}

/// One tenant at three ports of one node.
fn three_ports() -> Rig {
    let segment = Segment::new("acme-v10", 101, 1101)
        .at("edge1", "eth1", 10, 301)
        .at("edge1", "eth2", 10, 302)
        .at("edge1", "eth3", 10, 303);
    Rig::start(
        &Site::new(&["edge1"]).tenant("acme", &[segment]).document(),
        &["edge1"],
    )
    .unwrap()
}

fn own(destination: &str, source: &str, word: &str) -> Frame {
    eth(destination, source).vlan(10).word(word)
}

/// DLV-1, claim 1: equal VLAN and equal addresses, and whatever the destination is, no frame of one tenant is seen at
/// a port of the other. [`Rig`] fails on any frame that is not named.
#[test]
fn dlv_1_tenants_with_equal_vlan_and_addresses_never_see_each_other() {
    let rig = two_tenants();
    for destination in [EVERYBODY, GROUP, CAROL] {
        for (tenant, port, s_vid, word) in [("acme", "eth1", 101, "Happy"), ("globex", "eth2", 111, "Grumpy")]
        {
            let frame = own(destination, ALICE, word);
            let base = eth(destination, ALICE)
                .svlan(s_vid)
                .cvlan(1000 + s_vid)
                .vlan(10)
                .word(word);
            rig.send(&format!("edge1.{port}"), &frame)
                .on("edge1>edge2", &base)
                .at(&format!("edge2.{port}"), &frame)
                .moves("edge1", &format!("{port}.in {tenant}.in t0.out"))
                .moves("edge2", &format!("t0.in {port}.out {tenant}.out"))
                .check()
                .unwrap();
        }
    }
    // Both have learned the same address; each answer goes to its own tenant.
    for (tenant, port, word) in [("acme", "eth1", "Happy"), ("globex", "eth2", "Grumpy")] {
        let answer = own(ALICE, BOB, word);
        let s_vid: u16 = if tenant == "acme" { 101 } else { 111 };
        let known = eth(ALICE, BOB)
            .svlan(s_vid)
            .cvlan(300 + s_vid)
            .vlan(10)
            .word(word);
        rig.send(&format!("edge2.{port}"), &answer)
            .on("edge2>edge1", &known)
            .at(&format!("edge1.{port}"), &answer)
            .moves("edge2", &format!("{port}.in {tenant}.in t0.out"))
            .moves("edge1", &format!("t0.in {port}.out {tenant}.out"))
            .check()
            .unwrap();
    }
}

/// DLV-5, DLV-6: a frame for everybody goes to each other port once; a known station's to its port alone.
#[test]
fn dlv_5_and_6_everybody_gets_one_copy_and_a_known_station_gets_it_alone() {
    let rig = three_ports();
    let broadcast = own(EVERYBODY, ALICE, "Happy");
    rig.send("edge1.eth1", &broadcast)
        .at("edge1.eth2", &broadcast)
        .at("edge1.eth3", &broadcast)
        .moves("edge1", "eth1.in acme.in eth2.out eth3.out acme.out*2")
        .check()
        .unwrap();
    let answer = own(ALICE, BOB, "Happy");
    rig.send("edge1.eth2", &answer)
        .at("edge1.eth1", &answer)
        .moves("edge1", "eth2.in acme.in eth1.out acme.out")
        .check()
        .unwrap();
}

/// DLV-4: a frame for a station behind the port of entry goes nowhere.
#[test]
fn dlv_4_nothing_returns_to_its_port_of_entry() {
    let rig = three_ports();
    let hello = own(EVERYBODY, ALICE, "Happy");
    rig.send("edge1.eth1", &hello)
        .at("edge1.eth2", &hello)
        .at("edge1.eth3", &hello)
        .moves("edge1", "eth1.in acme.in eth2.out eth3.out acme.out*2")
        .check()
        .unwrap();
    rig.send("edge1.eth1", own(ALICE, BOB, "Happy"))
        .moves("edge1", "eth1.in eth1.dropped.same-port")
        .check()
        .unwrap();
}

/// DLV-2, DLV-8, TAG-15, L2CP-2, L2CP-3: what no attachment claims, and what no station may send, is dropped with its
/// own reason, and the next frame passes.
#[test]
fn dlv_2_and_8_what_is_not_allowed_is_dropped_with_its_own_reason() {
    let rig = three_ports();
    for (reason, frame) in [
        ("unmapped-vlan", eth(BOB, ALICE).vlan(11).word("Happy")),
        ("unmapped-vlan", eth(BOB, ALICE).word("Happy")),
        ("reserved-vid", eth(BOB, ALICE).vlan(4095).word("Happy")),
        (
            "fabric-tag-from-tenant",
            eth(BOB, ALICE).svlan(101).cvlan(301).vlan(10).word("Happy"),
        ),
        ("group-source", own(BOB, "57:00:00:00:00:01", "Happy")),
        ("zero-source", own(BOB, "00:00:00:00:00:00", "Happy")),
        ("reserved-mac", own("01:80:c2:00:00:01", ALICE, "Happy")),
        ("reserved-mac", own("01:80:c2:00:00:02", ALICE, "Happy")),
        ("reserved-mac", own("01:80:c2:00:00:0e", ALICE, "Happy")),
        ("header-only", eth(BOB, ALICE).ethertype(0x88b5).cut(14)),
        ("truncated", own(BOB, ALICE, "Happy").cut(17)),
        ("header-only", own(BOB, ALICE, "Happy").cut(18)),
    ] {
        rig.send("edge1.eth1", &frame)
            .moves("edge1", &format!("eth1.in eth1.dropped.{reason}"))
            .check()
            .unwrap();
    }
    let good = own(EVERYBODY, ALICE, "Happy");
    rig.send("edge1.eth1", &good)
        .at("edge1.eth2", &good)
        .at("edge1.eth3", &good)
        .moves("edge1", "eth1.in acme.in eth2.out eth3.out acme.out*2")
        .check()
        .unwrap();
}
