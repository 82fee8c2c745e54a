//! Several VTEPs behind one port: exactly one copy each, and none back.

use fabric_tests::fixtures::{Rig, Segment, Setup, Site};
use fabric_tests::frame::{Frame, Mac, eth};

use super::support::{LOCAL, outward, sent, tunnel};

const VNI: u32 = 12_345;
const REMOTES: [&str; 5] = [
    "192.0.2.11",
    "192.0.2.12",
    "192.0.2.13",
    "192.0.2.14",
    "192.0.2.15",
];

/// `eth1` and `eth2` in one segment, with every remote; all VLANs of the ports.
fn rig() -> Rig {
    let mut segment = Segment::new("a", 100, 1100)
        .with("vni", VNI)
        .at("edge1", "eth1", "any", 300)
        .station(LOCAL)
        .at("edge1", "eth2", "any", 301);
    let mut site = Site::new(&["edge1"]);
    for (number, remote) in (0..).zip(REMOTES) {
        let name = format!("path{number}");
        site = site.pathway(&name, "edge1", remote, None);
        segment = segment.remote(&name, 400 + number);
    }
    let document = site.tenant("acme", &[segment]).document();
    Setup::new(&document, &["edge1"]).start().unwrap()
}

fn flooded() -> [Frame; 3] {
    [
        eth(Mac::BROADCAST, LOCAL).word("broadcast"),
        eth("01:00:5e:00:00:05", LOCAL).word("multicast"),
        eth("02:00:00:00:0f:ff", LOCAL).vlan(10).word("unknown"),
    ]
}

/// DLV-5 for VXLAN: head-end replication.
#[test]
fn every_remote_gets_exactly_one_copy_of_a_flooded_frame() {
    let rig = rig();
    for frame in flooded() {
        let mut step = rig.send("edge1.eth1", &frame).at("edge1.eth2", &frame);
        for remote in REMOTES {
            step = step.at("edge1.u0", sent(remote, VNI, &frame));
        }
        step.moves("edge1", "eth1.in acme.in eth2.out acme.out u0.out*5")
            .check()
            .unwrap();
    }
}

/// The copies of several frames, from two ports at once, are not mixed up.
#[test]
fn copies_of_many_frames_from_two_ports_each_have_their_own_remote() {
    const FRAMES: u16 = 200;
    let rig = rig();
    let of = |source: &str, number: u16| {
        eth(Mac::BROADCAST, source).payload([&number.to_be_bytes()[..], &[0; 44]].concat())
    };
    let mut step = rig.send("edge1.eth1", of(LOCAL, 0));
    for number in 1..FRAMES {
        let (plug, source) = from(number);
        step = step.and_send(plug, of(source, number));
    }
    for number in 0..FRAMES {
        let (plug, source) = from(number);
        let frame = of(source, number);
        for remote in REMOTES {
            step = step.at("edge1.u0", sent(remote, VNI, &frame));
        }
        let other = if plug == "edge1.eth1" {
            "edge1.eth2"
        } else {
            "edge1.eth1"
        };
        step = step.at(other, frame);
    }
    let half = FRAMES / 2;
    step.moves(
        "edge1",
        &format!(
            "eth1.in*{half} eth2.in*{half} acme.in*{FRAMES} eth1.out*{half} eth2.out*{half} acme.out*{FRAMES} u0.out*{}",
            FRAMES * 5
        ),
    )
    .check()
    .unwrap();
}

fn from(number: u16) -> (&'static str, &'static str) {
    if number.is_multiple_of(2) {
        ("edge1.eth1", LOCAL)
    } else {
        ("edge1.eth2", "02:00:00:00:00:02")
    }
}

/// DLV-10: remotes send to each other themselves; from one of them a frame goes to the access ports only.
#[test]
fn a_frame_from_one_remote_goes_to_no_other_remote() {
    let rig = rig();
    for frame in [
        eth(Mac::BROADCAST, "02:00:00:00:00:07").word("broadcast"),
        eth("02:00:00:00:0f:ff", "02:00:00:00:00:07").word("unknown"),
    ] {
        rig.send("edge1.u0", tunnel(REMOTES[2], VNI, &frame))
            .at("edge1.eth1", &frame)
            .at("edge1.eth2", &frame)
            .moves("edge1", "u0.in eth1.out eth2.out acme.out*2")
            .check()
            .unwrap();
    }
    // The station that was just heard is known: one packet, to its VTEP.
    let answer = eth("02:00:00:00:00:07", LOCAL).word("answer");
    rig.send("edge1.eth1", &answer)
        .at("edge1.u0", sent(REMOTES[2], VNI, &answer))
        .moves("edge1", "eth1.in acme.in u0.out")
        .check()
        .unwrap();
    // From another remote to that station: it would go back out of the port that it came by.
    let across = eth("02:00:00:00:00:07", "02:00:00:00:00:08").word("across");
    rig.send("edge1.u0", tunnel(REMOTES[0], VNI, &across))
        .moves("edge1", "u0.in u0.dropped.split-horizon")
        .check()
        .unwrap();
}

/// DLV-10: the list names two copies, and the kernel makes neither: both would leave by the port that the frame came by.
#[test]
fn a_flood_whose_receivers_are_all_behind_the_port_of_entry_is_counted_as_dropped() {
    let mut site = Site::new(&["edge1"]);
    let mut segment = Segment::new("a", 100, 1100).with("vni", VNI);
    for (number, remote) in (0..).zip(&REMOTES[..2]) {
        let name = format!("path{number}");
        site = site.pathway(&name, "edge1", remote, None);
        segment = segment.remote(&name, 400 + number);
    }
    let document = site.tenant("acme", &[segment]).document();
    let rig = Setup::new(&document, &["edge1"]).start().unwrap();
    for destination in [Mac::BROADCAST, "02:00:00:00:0f:ff".parse().unwrap()] {
        let frame = eth(destination, "02:00:00:00:00:07").word("nobody");
        rig.send("edge1.u0", tunnel(REMOTES[0], VNI, &frame))
            .moves("edge1", "u0.in u0.dropped.no-receiver")
            .check()
            .unwrap();
    }
}

/// The outer headers are no part of what the kernel may hold against the access port's MTU.
#[test]
fn a_frame_for_everybody_as_large_as_the_access_ports_take_is_delivered() {
    let rig = rig();
    for frame in [
        eth(Mac::BROADCAST, "02:00:00:00:00:07").payload([0xa5; 1500]),
        eth(Mac::BROADCAST, "02:00:00:00:00:07")
            .vlan(10)
            .payload([0x5a; 1500]),
    ] {
        rig.send("edge1.u0", tunnel(REMOTES[2], VNI, &frame))
            .at("edge1.eth1", &frame)
            .at("edge1.eth2", &frame)
            .moves("edge1", "u0.in eth1.out eth2.out acme.out*2")
            .check()
            .unwrap();
    }
}

/// VXL-14 (kernel selftest `q_in_vni`): two own tags of one port inside one VNI both reach two remotes, and come back.
#[test]
fn vxl_14_own_tags_10_and_20_share_a_vni() {
    let rig = rig();
    for vid in [10, 20] {
        let frame = outward().vlan(vid).word("Happy");
        let mut step = rig.send("edge1.eth1", &frame).at("edge1.eth2", &frame);
        for remote in REMOTES {
            step = step.at("edge1.u0", sent(remote, VNI, &frame));
        }
        step.moves("edge1", "eth1.in acme.in eth2.out acme.out u0.out*5")
            .check()
            .unwrap();
        let source = eth(LOCAL, [2, 0, 0, 0, 9, u8::try_from(vid).unwrap()])
            .vlan(vid)
            .word("back");
        rig.send("edge1.u0", tunnel(REMOTES[1], VNI, &source))
            .at("edge1.eth1", source)
            .moves("edge1", "u0.in eth1.out acme.out")
            .check()
            .unwrap();
    }
}
