//! A chain of three nodes: in the middle, where no end of the segment is, frames go from trunk to trunk.

use fabric_tests::fixtures::{Rig, Segment, Site};
use fabric_tests::frame::{Frame, eth};

use super::support::{ALICE, EVERYBODY, SAM, customer_trunk, there};

const NODES: [&str; 3] = ["edge1", "edge2", "edge3"];

/// All VLANs, at both ends of the chain.
fn ends() -> Segment {
    Segment::new("acme-any", 102, 1102)
        .at("edge1", "eth2", "any", 302)
        .station(ALICE)
        .at("edge3", "eth2", "any", 202)
        .station(SAM)
}

/// From edge1 to edge3 (to SAM) or back (to everybody), with these frames on the wires.
fn crosses(rig: &Rig, forward: bool, uni: &Frame, wires: [&Frame; 2]) {
    let path = if forward {
        ["edge1", "edge2", "edge3"]
    } else {
        ["edge3", "edge2", "edge1"]
    };
    let middle = if forward { "t0.in t1.out" } else { "t1.in t0.out" };
    rig.send(&format!("{}.eth2", path[0]), uni)
        .on(&format!("{}>{}", path[0], path[1]), wires[0])
        .on(&format!("{}>{}", path[1], path[2]), wires[1])
        .at(&format!("{}.eth2", path[2]), uni)
        .moves(path[0], "eth2.in acme.in t0.out")
        .moves(path[1], middle)
        .moves(path[2], "t0.in eth2.out acme.out")
        .check()
        .unwrap();
}

/// With all their tags; the ends see the tenant's bytes. Unicast, and broadcast the other way.
#[test]
fn trunk_to_trunk_over_three_nodes_changes_no_byte() {
    let site = Site::new(&NODES)
        .trunk("west", "edge1", "edge2")
        .trunk("east", "edge2", "edge3");
    let rig = Rig::start(&site.tenant("acme", &[ends()]).document(), &NODES).unwrap();
    let own = |frame: Frame| frame.vlan(10).pcp(5).vlan(20).word("Happy");
    let nni = own(there().svlan(102).cvlan(202));
    crosses(&rig, true, &own(there()), [&nni, &nni]);
    let all = || eth(EVERYBODY, SAM);
    let nni = own(all().svlan(102).cvlan(1102));
    crosses(&rig, false, &own(all()), [&nni, &nni]);
}

/// TAG-11: between an 802.1ad trunk and one of 0x8100 the outer EtherType changes, and no other byte.
#[test]
fn tag_11_a_node_between_both_kinds_of_trunk_changes_the_outer_ethertype_only() {
    let site = Site::new(&NODES)
        .trunk("west", "edge1", "edge2")
        .link(customer_trunk("east", ("edge2", "t1"), ("edge3", "t0")));
    let rig = Rig::start(&site.tenant("acme", &[ends()]).document(), &NODES).unwrap();
    let own = |frame: Frame| frame.vlan(10).pcp(5).dei().word("Happy");
    let west = own(there().svlan(102).cvlan(202));
    let east = own(there().tag(0x8100, 102).cvlan(202));
    crosses(&rig, true, &own(there()), [&west, &east]);
    let all = || eth(EVERYBODY, SAM);
    let west = own(all().svlan(102).cvlan(1102));
    let east = own(all().tag(0x8100, 102).cvlan(1102));
    crosses(&rig, false, &own(all()), [&east, &west]);
}
