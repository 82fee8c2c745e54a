//! What a trunk accepts and where it leads.

use fabric_tests::fixtures::Rig;
use fabric_tests::frame::{Frame, eth};

use super::support::{
    EVERYBODY, SAM, back, comes_in, customer_trunk, goes_out, is_dropped, site, switch, there,
};

/// 802.1Q: VID 0 and 4095 name no segment, outside and inside, whatever the four bits above them say.
#[test]
fn tag_6_reserved_vids_on_a_trunk_are_dropped() {
    let rig = switch();
    for (s_vid, c_vid) in [(0, 301), (4095, 301), (101, 0), (101, 4095), (0, 0), (4095, 4095)] {
        for bits in [0, 0x1000, 0x6000, 0xf000] {
            let tags = back().tag(0x88a8, bits | s_vid).tag(0x8100, bits | c_vid);
            is_dropped(&rig, "t0", &tags.vlan(10).word("Happy"), "reserved-vid");
        }
    }
}

/// FIG 5, 528: the fabric's tags come off, 8 bytes, and the tenant's own one stays, for the base C-VID too.
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
    let link = customer_trunk("trunk0", ("edge1", "t0"), ("edge2", "t0"));
    let rig = Rig::start(&site().link(link).document(), &["edge1"]).unwrap();
    let tags = |frame: Frame, s_vid, c_vid| frame.tag(0x8100, s_vid).cvlan(c_vid);
    let (uni, nni) = (there().word("Happy"), tags(there(), 100, 200).word("Happy"));
    assert_eq!(nni[12..20], [0x81, 0, 0, 100, 0x81, 0, 0, 200]);
    goes_out(&rig, "eth1", "acme", &uni, &nni);
    comes_in(
        &rig,
        "eth1",
        "acme",
        &tags(back(), 100, 300).word("Happy"),
        &back().word("Happy"),
    );
    let own = |frame: Frame| frame.vlan(10).pcp(5).word("Happy");
    goes_out(&rig, "eth1", "acme", &own(there()), &own(tags(there(), 101, 201)));
    comes_in(&rig, "eth1", "acme", &own(tags(back(), 101, 301)), &own(back()));
    for (frame, reason) in [
        (back().svlan(101).cvlan(301).vlan(10), "not-tagged"),
        (back().tag(0x9100, 101).cvlan(301).vlan(10), "not-tagged"),
        (back().tag(0x8100, 101), "no-c-tag"),
        (tags(back(), 101, 301).vlan(11), "own-vlan-mismatch"),
    ] {
        is_dropped(&rig, "t0", &frame.word("Happy"), reason);
    }
}
