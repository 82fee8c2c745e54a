//! TAG-13: the largest frame that a link takes, to the byte.

use fabric_tests::fixtures::{Rig, Segment, Setup, Site};
use fabric_tests::frame::{Frame, eth};
use serde_json::Value;

use super::support::{ALICE, EVERYBODY, SAM, back, comes_in, goes_out, is_dropped, there};

/// A segment on `eth1` (MTU 1500), with the trunk as large as said.
fn with_trunk_mtu(vlan: impl Into<Value>, mtu: u32) -> fabric_tests::Result<Rig> {
    let vlan = vlan.into();
    let segment = Segment::new("acme", 101, 1101)
        .at("edge1", "eth1", vlan.clone(), 301)
        .station(ALICE)
        .at("edge2", "eth1", vlan, 201)
        .station(SAM);
    let site = Site::new(&["edge1", "edge2"])
        .trunk("trunk0", "edge1", "edge2")
        .tenant("acme", &[segment]);
    Setup::new(&site.document(), &["edge1"]).link_mtu(mtu).start()
}

/// Tags on, then bytes that repeat nowhere near, up to `length`.
fn long(tagged: Frame, length: usize) -> Frame {
    let typed = tagged.payload([]);
    let room = length - typed.len();
    let rest: Vec<u8> = (0..room).map(|at| (at % 251).to_le_bytes()[0]).collect();
    typed.raw(rest)
}

/// 1518 bytes of an own-tagged frame + S 4 + C 4 = 1526 do not fit an MTU of 1507 + 14 + one tag of 4.
/// Refused at start, with the arithmetic and the MTU that would do.
#[test]
fn tag_13_a_trunk_too_small_for_the_tags_is_refused_with_the_mtu_that_would_do() {
    let cases: [(Value, u32, &str); 3] = [
        ("untagged".into(), 1504, "1514 + S 4 + C 4 = 1522 bytes"),
        (10.into(), 1508, "1518 + S 4 + C 4 = 1526 bytes"),
        ("any".into(), 1508, "1518 + S 4 + C 4 = 1526 bytes"),
    ];
    for (vlan, enough, arithmetic) in cases {
        let error = format!("{:#}", with_trunk_mtu(vlan.clone(), enough - 1).unwrap_err());
        let cure = format!("ip link set t0 mtu {enough}");
        for part in [arithmetic, "t0 cannot carry", &cure, "mtu-too-small"] {
            assert!(error.contains(part), "{vlan}: {part} is missing: {error}");
        }
        drop(with_trunk_mtu(vlan, enough).unwrap());
    }
}

/// With the MTU that the refusal asks for, the largest frame passes both ways.
#[test]
fn tag_13_the_largest_frame_fits_the_smallest_trunk() {
    let rig = with_trunk_mtu(10, 1508).unwrap();
    let nni = long(there().svlan(101).cvlan(201).vlan(10), 1526);
    goes_out(&rig, "eth1", "acme", &long(there().vlan(10), 1518), &nni);
    // The kernel lets a program send one tag beyond the MTU only behind 0x8100: the far end needs room for itself.
    raise_mtu(&rig, "edge1.t0", 1512);
    let nni = long(back().svlan(101).cvlan(301).vlan(10), 1526);
    comes_in(&rig, "eth1", "acme", &nni, &long(back().vlan(10), 1518));
}

/// A frame that no budget foresaw, here by a priority tag on an untagged segment, is dropped and counted, never cut.
#[test]
fn tag_13_one_byte_too_many_is_dropped_never_truncated() {
    let rig = with_trunk_mtu("untagged", 1504).unwrap();
    let tagged = || there().svlan(101).cvlan(201);
    goes_out(&rig, "eth1", "acme", &long(there(), 1514), &long(tagged(), 1522));
    let priority = |length| long(there().vlan(0).pcp(5), length);
    for length in [1515, 1518] {
        is_dropped(&rig, "eth1", &priority(length), "too-big");
    }
    let fits = long(tagged().vlan(0).pcp(5), 1522);
    goes_out(&rig, "eth1", "acme", &priority(1514), &fits);
}

/// The same the other way: what is too large for the access port is dropped there, never cut.
#[test]
fn tag_13_a_frame_too_large_for_the_access_port_is_dropped() {
    let rig = with_trunk_mtu("untagged", 1600).unwrap();
    let tagged = || back().svlan(101).cvlan(301);
    comes_in(&rig, "eth1", "acme", &long(tagged(), 1526), &long(back(), 1518));
    for length in [1527, 1600] {
        is_dropped(&rig, "t0", &long(tagged(), length), "too-big");
    }
}

/// A flooded frame gets and loses its tags on the way out of a port: what the kernel measures before must be no more than
/// the port's MTU, or it leaves the copy out and says nothing.
#[test]
fn tag_13_the_largest_frame_for_everybody_is_delivered() {
    let rig = with_trunk_mtu(10, 1508).unwrap();
    raise_mtu(&rig, "edge1.t0", 1512);
    let (all, nni) = (eth(EVERYBODY, ALICE).vlan(10), eth(EVERYBODY, ALICE).svlan(101));
    let nni = long(nni.cvlan(1101).vlan(10), 1526);
    goes_out(&rig, "eth1", "acme", &long(all, 1518), &nni);
    let (all, nni) = (eth(EVERYBODY, SAM).vlan(10), eth(EVERYBODY, SAM).svlan(101));
    let nni = long(nni.cvlan(1101).vlan(10), 1526);
    comes_in(&rig, "eth1", "acme", &nni, &long(all, 1518));
}

/// A tenant's frame with so many tags of his own.
fn deep(frame: Frame, tags: u16) -> Frame {
    (1..tags).fold(frame.vlan(10), |frame, more| frame.vlan(10 + more))
}

/// However deep a tenant's stack is, its tags are payload behind the first. What limits it is its bytes: where they do not fit any
/// more the frame ends as too big, as every other one does.
#[test]
fn tag_7_a_stack_may_be_as_deep_as_it_fits_and_ends_as_too_big_beyond() {
    const DEPTHS: [u16; 5] = [2, 4, 5, 8, 32];
    let rig = with_trunk_mtu(10, 1508).unwrap();
    for tags in DEPTHS {
        let nni = long(deep(there().svlan(101).cvlan(201), tags), 1526);
        goes_out(&rig, "eth1", "acme", &long(deep(there(), tags), 1518), &nni);
    }
    // One tag more than the trunk has room for has to come in first.
    raise_mtu(&rig, "edge1.eth1", 1600);
    let edge = rig.agent("edge1").unwrap().namespace();
    edge.output(&["ip", "link", "set", "eth1", "mtu", "1600"])
        .unwrap();
    for tags in DEPTHS {
        is_dropped(&rig, "eth1", &long(deep(there(), tags), 1522), "too-big");
    }
}

fn raise_mtu(rig: &Rig, plug: &str, mtu: u32) {
    let (namespace, interface) = rig.plug(plug).unwrap().end();
    let mtu = mtu.to_string();
    namespace
        .output(&["ip", "link", "set", interface, "mtu", &mtu])
        .unwrap();
}
