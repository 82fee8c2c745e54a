//! A segment's third member: with two, what floods goes from one to the other as it is; with more it is copied. DLV-5.

use fabric_tests::fixtures::{Rig, Segment, Site};
use fabric_tests::frame::eth;
use fabric_tests::pins;
use fabric_tests::wire::{Capture, Filter};

use super::load::{complete, flow};
use super::support::{ALICE, BOB, EVERYBODY};

/// How often the third member comes and goes.
const TIMES: usize = 12;
/// Frames a second of each flow.
const LOAD: u32 = 3000;

/// `eth1` at edge1 and Bob behind the trunk.
fn rig() -> Rig {
    let segment = Segment::new("acme-v10", 101, 1101)
        .at("edge1", "eth1", 10, 301)
        .at("edge2", "eth1", 10, 201)
        .station(BOB);
    let site = Site::new(&["edge1", "edge2"])
        .trunk("trunk0", "edge1", "edge2")
        .tenant("acme", &[segment]);
    // A second tenant's port that becomes the third member.
    let other = Segment::new("globex-v20", 111, 1111).at("edge1", "eth3", 20, 301);
    Rig::start(&site.tenant("globex", &[other]).document(), &["edge1"]).unwrap()
}

/// The maps say what the document says, and a way has the program for copies only where a list names its port.
fn way_of_copies(rig: &Rig) -> Vec<String> {
    let agent = rig.agent("edge1").unwrap();
    let words = pins::words(&agent.state_dir().join("bpf")).unwrap();
    let is_of_floods = |word: &String| word.starts_with("pair") || word.starts_with("flood");
    let kind = |word: String| word.split(' ').next().unwrap().to_owned();
    words.into_iter().filter(is_of_floods).map(kind).collect()
}

/// The fabric's tags are on every frame, whether copied or not and while one becomes the other. The queue of the line keeps
/// the program of its first frame; a copy behind a frame that needs none would leave as it came.
#[test]
fn dlv_5_a_third_member_comes_and_goes_and_no_frame_is_lost_or_leaves_without_its_tags() {
    let rig = rig();
    let alone = way_of_copies(&rig);
    assert!(
        alone.contains(&"pair".to_owned()) && !alone.contains(&"flood".to_owned()),
        "{alone:?}"
    );

    let line = rig.plug("edge1.t0").unwrap();
    let bare = Capture::start_filtered(
        &line.namespace,
        &line.interface,
        Filter::Only(|frame| frame.get(12..14) != Some(&[0x88, 0xa8])),
    )
    .unwrap();
    let tagged = |to, c_vid| eth(to, ALICE).svlan(101).cvlan(c_vid).vlan(10);
    let send = |to, c_vid| {
        flow(&rig, "edge1.eth1", "edge1.t0", eth(to, ALICE).vlan(10))
            .arriving(tagged(to, c_vid))
            .rate(LOAD)
            .start()
            .unwrap()
    };
    let (known, everybody) = (send(BOB, 201), send(EVERYBODY, 1101));

    let agent = rig.agent("edge1").unwrap();
    let third = ["--port", "eth3", "--vlan", "10"];
    for _ in 0..TIMES {
        agent
            .ok(&[&["tenant", "attach", "acme", "--segment", "acme-v10"], &third[..]].concat())
            .unwrap();
        assert_eq!(
            way_of_copies(&rig).iter().filter(|kind| *kind == "flood").count(),
            1
        );
        agent
            .ok(&[&["tenant", "detach", "acme"], &third[..]].concat())
            .unwrap();
        assert_eq!(way_of_copies(&rig), alone);
    }

    let (known, everybody) = (known.stop().unwrap(), everybody.stop().unwrap());
    assert!(complete("frames for Bob", &known) > 1000);
    assert!(complete("frames for everybody", &everybody) > 1000);
    assert_eq!(bare.drain().unwrap().len(), 0, "frames without the fabric's tags");
}
