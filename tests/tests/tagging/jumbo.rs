//! TAG-17: frames in several buffers (`xdp.frags`).

use fabric_tests::fixtures::{Segment, Setup, Site};
use fabric_tests::frame::{Frame, eth};
use fabric_tests::random::Random;

use super::support::{ALICE, EVERYBODY, SAM, both_switches, is_dropped, there};

/// Claim 4: FCoE of 2180 bytes with priority 3, and NFS in jumbo frames of 9000.
#[test]
fn tag_17_fcoe_and_jumbo_frames_are_delivered() {
    let rig = both_switches(9000);
    let mut random = Random::new(17);
    let (fcoe, nfs) = (random.bytes(2180 - 18), random.bytes(9000 - 28));
    let storage = |frame: Frame| frame.vlan(10).pcp(3).ethertype(0x8906).raw(&fcoe);
    let jumbo = |frame: Frame| {
        let packet = frame.ipv4([192, 168, 0, 50], [192, 168, 0, 10]);
        packet.udp(4000, 2049).raw(&nfs)
    };
    let lengths = (storage(there()).len(), jumbo(there().vlan(10)).len());
    assert_eq!(lengths, (2180, 9018));
    let any = || there().svlan(102).cvlan(202);
    for (port, uni, nni) in [
        ("eth1", storage(there()), storage(there().svlan(101).cvlan(201))),
        ("eth1", jumbo(there()), jumbo(there().svlan(100).cvlan(200))),
        ("eth2", jumbo(there().vlan(10)), jumbo(any().vlan(10))),
    ] {
        rig.send(&format!("edge1.{port}"), &uni)
            .on("edge1>edge2", &nni)
            .at(&format!("edge2.{port}"), &uni)
            .moves("edge1", &format!("{port}.in acme.in t0.out"))
            .moves("edge2", &format!("t0.in {port}.out acme.out"))
            .check()
            .unwrap();
    }
    // With one other end nothing is cloned: a jumbo frame for everybody passes too.
    let all = || eth(EVERYBODY, ALICE);
    rig.send("edge1.eth1", jumbo(all()))
        .on("edge1>edge2", jumbo(all().svlan(100).cvlan(1100)))
        .at("edge2.eth1", jumbo(all()))
        .moves("edge1", "eth1.in acme.in t0.out")
        .moves("edge2", "t0.in eth1.out acme.out")
        .check()
        .unwrap();
}

/// The kernel clones frames up to about 3500 bytes: a larger one for everybody is dropped and counted, not lost silently;
/// to a known station it passes.
#[test]
fn tag_17_a_flooded_frame_too_large_to_clone_is_counted() {
    let ports = Segment::new("acme", 100, 1100);
    let ports = ports
        .at("edge1", "eth1", "untagged", 301)
        .station(ALICE)
        .at("edge1", "eth2", "untagged", 302)
        .station(SAM);
    let site = Site::new(&["edge1"]).tenant("acme", &[ports.at("edge1", "eth3", "untagged", 303)]);
    let rig = Setup::new(&site.document(), &["edge1"])
        .mtu(9000)
        .start()
        .unwrap();
    let of = |destination: &str, length: usize| eth(destination, ALICE).payload([]).pad(length);
    let largest = of(EVERYBODY, 3500);
    rig.send("edge1.eth1", &largest)
        .at("edge1.eth2", &largest)
        .at("edge1.eth3", &largest)
        .moves("edge1", "eth1.in acme.in eth2.out eth3.out acme.out*2")
        .check()
        .unwrap();
    is_dropped(&rig, "eth1", &of(EVERYBODY, 3501), "flood-too-big");
    is_dropped(&rig, "eth1", &of(EVERYBODY, 9014), "flood-too-big");
    let known = of(SAM, 9014);
    rig.send("edge1.eth1", &known)
        .at("edge1.eth2", &known)
        .moves("edge1", "eth1.in acme.in eth2.out acme.out")
        .check()
        .unwrap();
}
