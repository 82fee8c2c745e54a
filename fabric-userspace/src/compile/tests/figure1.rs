//! FIG 1 with two switches in series: entries written by hand, and the golden frames through both nodes.

use fabric_common::DropReason;
use fabric_common::maps::{Binding, Direction, FloodKey, NextHop, PairMember, Path, Port, drop_index};
use serde_json::json;

use super::support::{Station, compile_at, figure1, golden, host, valid, with_a_third_member};
use crate::compile::twin::Outcome;
use crate::records::{Records, SegmentLimits};

/// Room for an own tag, S and C on a line of 1500-byte tenants.
const MTU: u32 = 1508;

fn node(name: &str) -> Station {
    let valid = valid(&figure1());
    Station::of(compile_at(&valid, name, &host(&valid, name, MTU)).expect("it fits"))
}

fn path(slot: u16, post: Option<[u8; 8]>) -> Path {
    Path {
        slot,
        max_len: 1526,
        post_len: if post.is_some() { 8 } else { 0 },
        segment: 1,
        post: array_post(post),
        ..Path::default()
    }
}

fn array_post(post: Option<[u8; 8]>) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&post.unwrap_or_default());
    bytes
}

/// Segment a at edge1. Slots: ca 1, cb 2, trunk0 3.
fn segment_a_at_edge1() -> Records {
    let next_hop = |path| NextHop {
        path,
        segment: 1,
        // The first is a port of this node, the others lead over the line.
        flags: if path == 1 { 0 } else { NextHop::INSIDE },
        ..NextHop::default()
    };
    let bindings = [
        (2, Binding::new(1, 0, 2, 0, 2, 0)),
        (3, Binding::new(1, 0, 2, 1, 3, 0)),
    ];
    Records {
        access: [(0x1000, Binding::new(1, 0, 1, 0, 1, 0))].into(),
        // Slot 3 from bit 36 on, S-VID 100 from bit 12 on.
        tags: [(0x30_0006_444c, 2), (0x30_0006_412c, 3)].into(),
        bindings: bindings.into(),
        segments: [(
            1,
            SegmentLimits {
                stations: 4096,
                flooded_len: MTU + 18,
                irb: 0,
                turns: false,
            },
        )]
        .into(),
        stations: [((1, 0xc79d_886f_8956), 1), ((1, 0x2017_5280_0828), 2)].into(),
        next_hops: [(1, next_hop(1)), (2, next_hop(2)), (3, next_hop(3))].into(),
        paths: [
            (1, path(1, None)),
            (2, path(3, Some([0x88, 0xa8, 0, 100, 0x81, 0, 0, 200]))),
            (3, path(3, Some([0x88, 0xa8, 0, 100, 0x81, 0, 0x04, 0x4c]))),
        ]
        .into(),
        pairs: [(1, [PairMember::new(1, 1), PairMember::new(3, 3)])].into(),
        ..Records::default()
    }
}

#[test]
fn a_segment_is_these_entries() {
    assert_eq!(node("edge1").image.segments["a"].records, segment_a_at_edge1());
}

/// A third member, and everybody gets a copy.
#[test]
fn with_a_third_member_a_segment_has_a_flood_list() {
    let valid = valid(&with_a_third_member());
    let image = compile_at(&valid, "edge1", &host(&valid, "edge1", MTU)).expect("it fits");
    let records = &image.segments["a"].records;
    let copy = |slot| FloodKey {
        segment: 1,
        slot,
        copy: 0,
    };
    let slot = |port: &str| {
        let (_, plan) = image
            .ports()
            .find(|(name, _)| name.as_str() == port)
            .expect("a port");
        plan.slot
    };
    let (ca, cc, trunk) = (slot("ca"), slot("cc"), slot("trunk0"));
    let mut members = vec![ca, cc, trunk];
    members.sort_unstable();
    assert_eq!(records.pairs, [].into());
    assert_eq!(records.flood, [(1, members)].into());
    let next_hop = |slot| records.flood_next_hops[&copy(slot)].next_hop();
    let ways: Vec<u16> = [ca, cc, trunk]
        .map(|slot| records.paths[&records.next_hops[&next_hop(slot)].path].slot)
        .into();
    assert_eq!(ways, [ca, cc, trunk]);
}

#[test]
fn the_node_itself_is_these_entries() {
    // Only ports that tenants or foreign VTEPs are at judge a source address.
    let port = |slot, tpid, mac| Port {
        slot,
        flags: if tpid == 0 { Port::DROP_GROUP_SOURCE } else { 0 },
        tpid,
        mac,
        ..Port::default()
    };
    let expected = Records {
        ports: [
            (11, port(1, 0, 0x0bff_0000_0002)),
            (12, port(2, 0, 0x0cff_0000_0002)),
            (13, port(3, 0x88a8, 0x0dff_0000_0002)),
        ]
        .into(),
        egress: [(1, 11), (2, 12), (3, 13)].into(),
        ..Records::default()
    };
    assert_eq!(node("edge1").image.node.records, expected);
}

/// In at a client's port of edge1, over the line, out at a resource port of edge2: three literal frames.
#[track_caller]
fn crosses(client: &str, frame: &str, resource: &str) {
    let (mut edge1, mut edge2) = (node("edge1"), node("edge2"));
    let (uni, nni) = (golden(&format!("uni-{frame}")), golden(&format!("nni-{frame}")));
    assert_eq!(edge1.forward(client, &uni), ("trunk0".to_owned(), nni.clone()));
    assert_eq!(edge2.forward("trunk0", &nni), (resource.to_owned(), uni));
}

#[test]
fn golden_600_crosses() {
    crosses("ca", "600", "ra");
}

#[test]
fn golden_600_own_crosses_with_tags_of_its_own() {
    crosses("ca", "600-own", "ra");
}

#[test]
fn golden_700_crosses() {
    crosses("cb", "700", "rb");
}

#[test]
fn golden_700_own_crosses_with_the_vlan_that_the_other_tenant_has_too() {
    crosses("cb", "700-own", "rb");
}

#[test]
fn golden_750_has_the_s_tag_of_700_and_another_c_tag() {
    crosses("cb", "750", "rb");
}

#[test]
fn golden_600_return_leads_to_the_clients_port() {
    let (mut edge1, mut edge2) = (node("edge1"), node("edge2"));
    let (uni, nni) = (golden("uni-600-return"), golden("nni-600-return"));
    assert_eq!(edge2.forward("ra", &uni), ("trunk0".to_owned(), nni.clone()));
    assert_eq!(edge1.forward("trunk0", &nni), ("ca".to_owned(), uni));
}

#[test]
fn golden_broadcast_has_the_base_c_tag() {
    let (mut edge1, mut edge2) = (node("edge1"), node("edge2"));
    let (uni, nni) = (golden("uni-600-bcast"), golden("nni-600-bcast"));
    assert_eq!(edge1.forward("ca", &uni), ("trunk0".to_owned(), nni.clone()));
    assert_eq!(edge2.forward("trunk0", &nni), ("ra".to_owned(), uni));
}

#[test]
fn a_printed_source_is_dropped_or_let_through_as_the_port_says() {
    let printed = golden("uni-600-printed");
    assert_eq!(
        node("edge1").receive("ca", &printed),
        Outcome::Dropped(DropReason::GroupSource)
    );

    let mut document = figure1();
    document["nodes"][0]["ports"] = json!([{"name": "ca", "drop_group_source": false}]);
    let valid = valid(&document);
    let mut edge1 = Station::of(compile_at(&valid, "edge1", &host(&valid, "edge1", MTU)).expect("it fits"));
    let before: Vec<_> = edge1.twin.tables.fdb().collect();
    assert_eq!(
        edge1.forward("ca", &printed),
        ("trunk0".to_owned(), golden("nni-600-printed"))
    );
    assert_eq!(
        edge1.twin.tables.fdb().collect::<Vec<_>>(),
        before,
        "nothing is learned"
    );
    // Its answer goes to a group address, so to everybody.
    let answer = golden("uni-600-return-printed");
    let (port, frame) = node("edge2").forward("ra", &answer);
    assert_eq!(
        (port.as_str(), &frame),
        ("trunk0", &golden("nni-600-return-printed"))
    );
    assert_eq!(edge1.forward("trunk0", &frame), ("ca".to_owned(), answer));
}

#[test]
fn each_frame_moves_the_counters_of_the_kernels_places() {
    let mut edge1 = node("edge1");
    edge1.forward("ca", &golden("uni-600"));
    edge1.forward("ca", &golden("uni-600-bcast"));
    edge1.receive("ca", &golden("uni-600-printed"));
    let (counters, count) = (&edge1.twin.counters, |count: fabric_common::maps::Count| {
        (count.frames, count.bytes)
    });
    assert_eq!(
        counters
            .frames_in
            .iter()
            .map(|(id, c)| (*id, count(*c)))
            .collect::<Vec<_>>(),
        [(1, (2, 120))]
    );
    assert_eq!(
        counters
            .frames_out
            .iter()
            .map(|(id, c)| (*id, count(*c)))
            .collect::<Vec<_>>(),
        [(2, (1, 68)), (3, (1, 68))]
    );
    let dropped = drop_index(1, Direction::In, DropReason::GroupSource as u8);
    assert_eq!(counters.drops, [(dropped, 1)].into());
}

#[test]
fn a_client_that_is_not_in_the_document_is_learned_with_the_c_tag_of_its_end() {
    let (mut edge1, mut edge2) = (node("edge1"), node("edge2"));
    // b's client 102B has no static station. Its frame teaches edge2 the only end behind the line.
    let (_, nni) = edge1.forward("cb", &golden("uni-700"));
    edge2.forward("trunk0", &nni);
    let uni = golden("uni-700");
    let answer = [&uni[6..12], &uni[..6], &uni[12..]].concat();
    let (port, frame) = edge2.forward("rb", &answer);
    assert_eq!(port, "trunk0");
    assert_eq!(frame[12..20], [0x88, 0xa8, 0, 110, 0x81, 0, 0x01, 0x36]);
    assert_eq!(edge1.forward("trunk0", &frame), ("cb".to_owned(), answer));
}

#[test]
fn tags_of_nobody_and_of_the_wrong_direction_end_here() {
    let mut edge1 = node("edge1");
    // C-VID 200 leads to an end behind the line: it never comes from there.
    assert_eq!(
        edge1.receive("trunk0", &golden("nni-600")),
        Outcome::Dropped(DropReason::UnknownTags)
    );
    // VLAN 10 inside the tags of the untagged segment would come out in the other segment's VLAN.
    let mut forged = golden("nni-600-return");
    forged.splice(20..20, [0x81, 0, 0, 10]);
    assert_eq!(
        edge1.receive("trunk0", &forged),
        Outcome::Dropped(DropReason::OwnVlanMismatch)
    );
}

#[test]
fn a_line_of_two_customer_tags_carries_the_same_numbers() {
    let mut document = figure1();
    document["links"][0]["outer_tpid"] = json!("0x8100");
    let valid = valid(&document);
    let at = |node: &str| Station::of(compile_at(&valid, node, &host(&valid, node, MTU)).expect("it fits"));
    let (mut edge1, mut edge2) = (at("edge1"), at("edge2"));
    let (port, frame) = edge1.forward("ca", &golden("uni-600"));
    assert_eq!(
        (port.as_str(), &frame[12..20]),
        ("trunk0", &[0x81, 0, 0, 100, 0x81, 0, 0, 200][..])
    );
    assert_eq!(
        edge2.forward("trunk0", &frame),
        ("ra".to_owned(), golden("uni-600"))
    );
    assert_eq!(
        edge2.receive("trunk0", &golden("nni-600")),
        Outcome::Dropped(DropReason::NotTagged)
    );
}

#[test]
fn the_example_document_gives_the_golden_frames_too() {
    let text = include_str!("../../../../docs/examples/figure-1.json");
    let valid = valid(&serde_json::from_str(text).expect("JSON"));
    let at = |node: &str| Station::of(compile_at(&valid, node, &host(&valid, node, 1600)).expect("it fits"));
    let (mut edge1, mut edge2) = (at("edge1"), at("edge2"));
    assert_eq!(
        edge1.forward("eth1", &golden("uni-600")),
        ("t0".to_owned(), golden("nni-600"))
    );
    assert_eq!(
        edge2.forward("t0", &golden("nni-600")),
        ("eth1".to_owned(), golden("uni-600"))
    );
}
