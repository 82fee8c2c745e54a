//! Which tags a tenant's frame gets, by its port and its own tags, and how they go again.

use fabric_tests::fixtures::{Rig, Segment, Site};
use fabric_tests::frame::Frame;

use super::support::{ALICE, SAM, back, comes_in, goes_out, is_dropped, switch, there};

/// MEF TC10: `88a8 0064 8100 00c8` in front of an untagged frame, and the original bytes on the way back.
#[test]
fn tag_1_an_untagged_frame_gets_s_and_c_and_comes_back_untagged() {
    let rig = switch();
    goes_out(
        &rig,
        "eth1",
        "acme",
        &there().word("Happy"),
        &there().svlan(100).cvlan(200).word("Happy"),
    );
    comes_in(
        &rig,
        "eth1",
        "acme",
        &back().svlan(100).cvlan(300).word("Happy"),
        &back().word("Happy"),
    );
}

/// FIG 5, 528 and 530: the own tag is a third one behind S and C, addresses and payload are not touched: +8 bytes.
#[test]
fn tag_2_an_own_tag_stays_inside_s_and_c() {
    let rig = switch();
    let (uni, nni) = (
        there().vlan(10).word("Happy"),
        there().svlan(101).cvlan(201).vlan(10).word("Happy"),
    );
    goes_out(&rig, "eth1", "acme", &uni, &nni);
    assert_eq!(nni.len(), uni.len() + 8);
    assert_eq!(nni[12..24], [0x88, 0xa8, 0, 101, 0x81, 0, 0, 201, 0x81, 0, 0, 10]);
}

/// MEF TC11: `a00a` and every other priority and drop eligibility, on the wire and on the way back.
#[test]
fn tag_3_priority_and_dei_of_the_own_tag_are_kept() {
    let rig = switch();
    let tcis: Vec<u16> = (0..16).map(|bits| bits << 12 | 10).collect();
    let mut step = rig.send("edge1.eth1", there().tag(0x8100, 0xa00a).word("Happy"));
    step = step.at(
        "edge1.t0",
        there().svlan(101).cvlan(201).tag(0x8100, 0xa00a).word("Happy"),
    );
    for tci in &tcis {
        let own = there().tag(0x8100, *tci).word("Happy");
        let tagged = there().svlan(101).cvlan(201).tag(0x8100, *tci).word("Happy");
        step = step.and_send("edge1.eth1", own).at("edge1.t0", tagged);
    }
    step.moves("edge1", "eth1.in*17 acme.in*17 t0.out*17")
        .check()
        .unwrap();
    let mut step = rig.send("edge1.t0", back().svlan(101).cvlan(301).vlan(10).word("first"));
    step = step.at("edge1.eth1", back().vlan(10).word("first"));
    for tci in &tcis {
        let tagged = back().svlan(101).cvlan(301).tag(0x8100, *tci).word("Happy");
        step = step.and_send("edge1.t0", tagged);
        step = step.at("edge1.eth1", back().tag(0x8100, *tci).word("Happy"));
    }
    step.moves("edge1", "t0.in*17 eth1.out*17 acme.out*17")
        .check()
        .unwrap();
}

/// 802.1Q 6.9: the S-tag's priority follows one rule, which `fabric port show` tells: always 0, whatever the tenant's is;
/// and what arrives with another one is delivered all the same.
#[test]
fn tag_4_the_s_tags_priority_is_the_one_that_is_shown() {
    let rig = switch();
    for port in ["eth1", "t0"] {
        let shown = rig.agent("edge1").unwrap().json(&["port", "show", port]).unwrap();
        let told = [&shown["item"], &shown["items"][0]]
            .into_iter()
            .find_map(|port| port["s_tag_pcp"].as_u64());
        assert_eq!(told, Some(0), "{shown}");
    }
    for priority in [0, 3, 7] {
        let own = there().vlan(10).pcp(priority).dei().word("Happy");
        let tagged = there()
            .svlan(101)
            .cvlan(201)
            .vlan(10)
            .pcp(priority)
            .dei()
            .word("Happy");
        goes_out(&rig, "eth1", "acme", &own, &tagged);
    }
    let marked = back()
        .svlan(101)
        .pcp(5)
        .dei()
        .cvlan(301)
        .pcp(6)
        .vlan(10)
        .word("Happy");
    comes_in(&rig, "eth1", "acme", &marked, &back().vlan(10).word("Happy"));
}

/// MEF TC17: VID 0 counts as untagged; the tag itself stays inside, and with it the priority, end to end.
#[test]
fn tag_5_a_priority_tag_counts_as_untagged_and_is_kept() {
    let rig = switch();
    let own = there().vlan(0).pcp(3).word("Happy");
    let tagged = there().svlan(100).cvlan(200).vlan(0).pcp(3).word("Happy");
    goes_out(&rig, "eth1", "acme", &own, &tagged);
    assert_eq!(tagged[20..24], [0x81, 0x00, 0x60, 0x00]);
    comes_in(
        &rig,
        "eth1",
        "acme",
        &back().svlan(100).cvlan(300).vlan(0).pcp(3).word("Happy"),
        &back().vlan(0).pcp(3).word("Happy"),
    );
    is_dropped(&rig, "eth3", &own, "unmapped-vlan");
}

/// Two own tags and three; the outermost one says which segment.
#[test]
fn tag_7_several_own_tags_stay_intact() {
    let rig = switch();
    let two = |frame: Frame| frame.vlan(10).vlan(20).pcp(2);
    let three = |frame| two(frame).vlan(30).dei();
    let (s, c) = ((101, 102), (201, 202));
    goes_out(
        &rig,
        "eth1",
        "acme",
        &two(there()).word("Happy"),
        &two(there().svlan(s.0).cvlan(c.0)).word("Happy"),
    );
    for port_s_c in [("eth1", s.0, c.0), ("eth2", s.1, c.1)] {
        let (port, s_vid, c_vid) = port_s_c;
        goes_out(
            &rig,
            port,
            "acme",
            &three(there()).word("Happy"),
            &three(there().svlan(s_vid).cvlan(c_vid)).word("Happy"),
        );
        comes_in(
            &rig,
            port,
            "acme",
            &three(back().svlan(s_vid).cvlan(c_vid + 100)).word("Happy"),
            &three(back()).word("Happy"),
        );
    }
}

/// 0x9100 and its like are no VLAN tags to the fabric: payload of the port's untagged segment, or dropped without one.
#[test]
fn tag_8_other_tag_protocols_are_payload() {
    let rig = switch();
    for tpid in [0x9100, 0x9200, 0x9300] {
        let own = there().tag(tpid, 10).word("Happy");
        let tagged = there().svlan(100).cvlan(200).tag(tpid, 10).word("Happy");
        goes_out(&rig, "eth1", "acme", &own, &tagged);
        is_dropped(&rig, "eth3", &own, "unmapped-vlan");
    }
    comes_in(
        &rig,
        "eth1",
        "acme",
        &back().svlan(100).cvlan(300).tag(0x9100, 10).word("Happy"),
        &back().tag(0x9100, 10).word("Happy"),
    );
}

/// `docs/architecture.md` section 6: a tenant that begins a frame with the fabric's own tags (S-tag, I-tag) is dropped, on
/// every kind of attachment; behind his own tag they are his payload. VID 4095 is nobody's (802.1Q table 9-2).
#[test]
fn tag_forged_fabric_tags_and_reserved_vids_of_a_tenant_are_dropped() {
    let rig = switch();
    for port in ["eth1", "eth2", "eth3"] {
        let s_and_c = there().svlan(111).cvlan(211).vlan(10).word("Grumpy");
        is_dropped(&rig, port, &s_and_c, "fabric-tag-from-tenant");
        let service = there().itag(1_000_111).append(&there().word("Grumpy"));
        is_dropped(&rig, port, &service, "fabric-tag-from-tenant");
        is_dropped(&rig, port, &there().vlan(4095).word("Grumpy"), "reserved-vid");
    }
    let inside = there().vlan(10).svlan(111).cvlan(211).word("Happy");
    let tagged = there()
        .svlan(101)
        .cvlan(201)
        .vlan(10)
        .svlan(111)
        .cvlan(211)
        .word("Happy");
    goes_out(&rig, "eth1", "acme", &inside, &tagged);
}

/// FIG 5, 508 and 516 to 524: each VLAN of a client has a tag pair of its own, in both directions.
#[test]
fn fig_5_each_vlan_of_a_client_has_its_own_tags() {
    let segments: Vec<Segment> = [10, 20, 4094]
        .into_iter()
        .enumerate()
        .map(|(number, vlan)| {
            let offset = u16::try_from(number).unwrap();
            Segment::new(&format!("acme-v{vlan}"), 100 + offset, 1100 + offset)
                .at("edge1", "eth1", vlan, 300 + offset)
                .station(ALICE)
                .at("edge2", "eth1", vlan, 200 + offset)
                .station(SAM)
        })
        .collect();
    let site = Site::new(&["edge1", "edge2"])
        .trunk("trunk0", "edge1", "edge2")
        .tenant("acme", &segments);
    let rig = Rig::start(&site.document(), &["edge1"]).unwrap();
    for (vlan, s_vid) in [(10, 100), (20, 101), (4094, 102)] {
        goes_out(
            &rig,
            "eth1",
            "acme",
            &there().vlan(vlan).word("Happy"),
            &there().svlan(s_vid).cvlan(s_vid + 100).vlan(vlan).word("Happy"),
        );
        let tagged = back().svlan(s_vid).cvlan(s_vid + 200).vlan(vlan).word("Happy");
        comes_in(&rig, "eth1", "acme", &tagged, &back().vlan(vlan).word("Happy"));
    }
    is_dropped(&rig, "eth1", &there().vlan(30).word("Happy"), "unmapped-vlan");
    is_dropped(&rig, "eth1", &there().word("Happy"), "unmapped-vlan");
}

/// An attachment of all VLANs carries each of them, the untagged and the priority-tagged frames in one segment, as they
/// are; one of the untagged frames carries nothing else.
#[test]
fn attachments_of_all_vlans_and_of_untagged_frames_mean_what_they_say() {
    let rig = switch();
    let marks = [None, Some(0), Some(1), Some(10), Some(4094)];
    for mark in marks {
        let own = |frame: Frame| mark.into_iter().fold(frame, |frame, vid| frame.vlan(vid));
        goes_out(
            &rig,
            "eth2",
            "acme",
            &own(there()).word("Happy"),
            &own(there().svlan(102).cvlan(202)).word("Happy"),
        );
        comes_in(
            &rig,
            "eth2",
            "acme",
            &own(back().svlan(102).cvlan(302)).word("Happy"),
            &own(back()).word("Happy"),
        );
    }
    is_dropped(&rig, "eth1", &there().vlan(1).word("Happy"), "unmapped-vlan");
    is_dropped(&rig, "eth1", &there().vlan(4094).word("Happy"), "unmapped-vlan");
}
