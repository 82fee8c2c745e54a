//! What a trunk accepts and where it leads.

use fabric_tests::fixtures::{Rig, Segment, Site};
use fabric_tests::frame::eth;
use serde_json::json;

use super::support::{ALICE, EVERYBODY, SAM, back, comes_in, goes_out, is_dropped, site, switch, there};

/// 802.1Q: VID 0 and 4095 name no segment, outside and inside.
#[test]
fn tag_6_reserved_vids_on_a_trunk_are_dropped() {
    let rig = switch();
    for (s_vid, c_vid) in [(0, 301), (4095, 301), (101, 0), (101, 4095)] {
        let frame = back().svlan(s_vid).cvlan(c_vid).vlan(10).word("Happy");
        is_dropped(&rig, "t0", &frame, "reserved-vid");
    }
}

/// P22 (528): the fabric's tags come off, 8 bytes, and the tenant's own one stays, for the base C-VID too.
#[test]
fn tag_9_known_tags_come_off_and_own_tags_stay() {
    let rig = switch();
    for c_vid in [301, 1101] {
        let nni = back().svlan(101).cvlan(c_vid).vlan(10).pcp(5).word("Happy");
        let uni = back().vlan(10).pcp(5).word("Happy");
        assert_eq!(uni.len() + 8, nni.len());
        comes_in(&rig, "eth1", "acme", &nni, &uni);
    }
}

/// What no segment uses on this trunk reaches nobody: unknown S, unknown C, the C of another segment, S without C.
#[test]
fn tag_9_unknown_tags_reach_nobody() {
    let rig = switch();
    for (s_vid, c_vid) in [(555, 301), (101, 555), (101, 311), (111, 301)] {
        let frame = back().svlan(s_vid).cvlan(c_vid).vlan(10).word("Happy");
        is_dropped(&rig, "t0", &frame, "unknown-tags");
    }
    is_dropped(&rig, "t0", &back().svlan(101).word("Happy"), "no-c-tag");
    is_dropped(
        &rig,
        "t0",
        &back().svlan(101).svlan(301).vlan(10).word("Happy"),
        "no-c-tag",
    );
    // Behind right tags the tenant's own tag must be the segment's: it would enter another segment of the port.
    for own in [
        back().svlan(101).cvlan(301).vlan(11),
        back().svlan(101).cvlan(301),
        back().svlan(100).cvlan(300).vlan(10),
    ] {
        is_dropped(&rig, "t0", &own.word("Happy"), "own-vlan-mismatch");
    }
}

/// A trunk carries nothing untagged: no tenant gets it, nor does the host.
#[test]
fn tag_10_untagged_frames_on_a_trunk_reach_no_tenant() {
    let rig = switch();
    let request = eth(EVERYBODY, SAM).arp_request(SAM, [192, 168, 0, 10], [192, 168, 0, 50]);
    for frame in [back().word("Happy"), request, eth(EVERYBODY, SAM).word("Happy")] {
        is_dropped(&rig, "t0", &frame, "not-tagged");
    }
}

/// Open vSwitch's 802.1ad tests: an outer 0x8100 is not this trunk's.
#[test]
fn tag_11_an_outer_c_tag_on_an_802_1ad_trunk_is_dropped() {
    let rig = switch();
    for frame in [
        back().vlan(101).cvlan(301).vlan(10),
        back().vlan(10),
        back().tag(0x9100, 101).cvlan(301).vlan(10),
    ] {
        is_dropped(&rig, "t0", &frame.word("Happy"), "not-tagged");
    }
}

/// The other shape: a trunk set to 0x8100 outside speaks and hears just that.
#[test]
fn tag_11_a_trunk_of_two_c_tags_works() {
    let link = json!({"name": "trunk0", "kind": "trunk", "outer_tpid": "0x8100", "ends": [
        {"node": "edge1", "port": "t0"}, {"node": "edge2", "port": "t0"}]});
    let rig = Rig::start(&site().link(link).document(), &["edge1"]).unwrap();
    goes_out(
        &rig,
        "eth1",
        "acme",
        &there().vlan(10).word("Happy"),
        &there().tag(0x8100, 101).cvlan(201).vlan(10).word("Happy"),
    );
    let tagged = back().tag(0x8100, 101).cvlan(301).vlan(10).word("Happy");
    comes_in(&rig, "eth1", "acme", &tagged, &back().vlan(10).word("Happy"));
    let service = back().svlan(101).cvlan(301).vlan(10).word("Happy");
    is_dropped(&rig, "t0", &service, "not-tagged");
}

/// P28: a node in the middle, where no end of the segment is, passes frames on with all their tags; the ends see the
/// tenant's bytes. Unicast, and broadcast the other way.
#[test]
fn trunk_to_trunk_over_three_nodes_changes_no_byte() {
    let ends = Segment::new("acme-any", 102, 1102);
    let ends = ends
        .at("edge1", "eth2", "any", 302)
        .station(ALICE)
        .at("edge3", "eth2", "any", 202)
        .station(SAM);
    let nodes = ["edge1", "edge2", "edge3"];
    let site = Site::new(&nodes)
        .trunk("west", "edge1", "edge2")
        .trunk("east", "edge2", "edge3")
        .tenant("acme", &[ends]);
    let rig = Rig::start(&site.document(), &nodes).unwrap();
    let uni = there().vlan(10).pcp(5).vlan(20).word("Happy");
    let nni = there()
        .svlan(102)
        .cvlan(202)
        .vlan(10)
        .pcp(5)
        .vlan(20)
        .word("Happy");
    rig.send("edge1.eth2", &uni)
        .on("edge1>edge2", &nni)
        .on("edge2>edge3", &nni)
        .at("edge3.eth2", &uni)
        .moves("edge1", "eth2.in acme.in t0.out")
        .moves("edge2", "t0.in t1.out")
        .moves("edge3", "t0.in eth2.out acme.out")
        .check()
        .unwrap();
    let all = || eth(EVERYBODY, SAM);
    let nni = all().svlan(102).cvlan(1102).word("Happy");
    rig.send("edge3.eth2", all().word("Happy"))
        .on("edge3>edge2", &nni)
        .on("edge2>edge1", &nni)
        .at("edge1.eth2", all().word("Happy"))
        .moves("edge3", "eth2.in acme.in t0.out")
        .moves("edge2", "t1.in t0.out")
        .moves("edge1", "t0.in eth2.out acme.out")
        .check()
        .unwrap();
}
