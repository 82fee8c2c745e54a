//! TAG-12, pop(push(f)) = f: what comes out of the second switch is what went into the first one, byte by byte.

use std::time::Duration;

use fabric_tests::counters::counters_moved;
use fabric_tests::fixtures::Rig;
use fabric_tests::frame::Frame;
use fabric_tests::random::{Random, seed};
use fabric_tests::wait;
use fabric_tests::wire::{MARK, judge};

use super::support::{both_switches, there};

/// Half of a veth's ring (256 frames): a burst that always fits, however late the other end is served.
const BURST: usize = 128;
/// Cases of the random test.
const CASES: usize = 6_000;
/// Untagged, with an MTU of 1500; each own tag is four bytes more.
const LARGEST: usize = 1514;

/// Sends all through both switches, from `eth2` to `eth2`, and demands each of them once and no other counter.
fn come_out_as_they_went_in(rig: &Rig, frames: &[Frame]) {
    let before = ["edge1", "edge2"].map(|node| rig.counters(node).unwrap());
    let (from, to) = (rig.ear("edge1.eth2").unwrap(), rig.ear("edge2.eth2").unwrap());
    for burst in frames.chunks(BURST) {
        from.socket().send_all(burst).unwrap();
        to.wait_count(burst.len(), wait::PATIENCE).unwrap();
        to.expect(burst, Duration::ZERO).unwrap();
    }
    to.expect_nothing(Duration::from_millis(20)).unwrap();
    let count = u64::try_from(frames.len()).unwrap();
    let after = ["edge1", "edge2"].map(|node| rig.counters(node).unwrap());
    for (node, moved) in [
        ["eth2.in", "acme.in", "t0.out"],
        ["t0.in", "eth2.out", "acme.out"],
    ]
    .iter()
    .enumerate()
    {
        counters_moved(&before[node], &after[node], &moved.map(|name| (name, count))).unwrap();
    }
}

fn filled(random: &mut Random, start: Frame, length: usize) -> Frame {
    let start = start.ethertype(0x88b5);
    let rest = random.bytes(length - start.len());
    start.raw(rest)
}

/// Every length of an untagged frame and of an own-tagged one, up to the MTU.
#[test]
fn tag_12_every_length_comes_out_as_it_went_in() {
    let rig = both_switches(1500);
    let mut random = Random::new(12);
    let untagged: Vec<Frame> = (60..=LARGEST)
        .map(|length| filled(&mut random, there(), length))
        .collect();
    come_out_as_they_went_in(&rig, &untagged);
    let tagged: Vec<Frame> = (60..=LARGEST + 4)
        .map(|length| filled(&mut random, there().vlan(10).pcp(5), length))
        .collect();
    come_out_as_they_went_in(&rig, &tagged);
}

/// Every own VID with each of the 16 values of priority and drop eligibility: 65,504 tags.
#[test]
fn tag_12_every_own_tag_comes_out_as_it_went_in() {
    let rig = both_switches(1500);
    let mut random = Random::new(12);
    let tags = (0..16u16).flat_map(|bits| (1..=4094u16).map(move |vid| bits << 12 | vid));
    let frames: Vec<Frame> = tags
        .map(|tci| {
            let length = 60 + random.below(64);
            filled(&mut random, there().tag(0x8100, tci), length)
        })
        .collect();
    assert_eq!(frames.len(), 65_504);
    come_out_as_they_went_in(&rig, &frames);
}

/// Any length, any bytes, any EtherType, and up to three own tags with any bits.
#[test]
fn tag_12_any_frame_comes_out_as_it_went_in() {
    judge::expect_wrong_frames("random bytes").unwrap();
    let seed = seed().unwrap();
    println!("seed {seed}: FABRIC_SEED={seed} repeats this run");
    let mut random = Random::new(seed);
    let frames: Vec<Frame> = (0..CASES).map(|_| any_frame(&mut random)).collect();
    come_out_as_they_went_in(&both_switches(1500), &frames);
}

fn any_frame(random: &mut Random) -> Frame {
    let tags = random.below(4);
    let tagged = (0..tags).fold(there(), |frame, _| {
        let vid = u16::try_from(random.below(4095)).unwrap();
        frame.tag(0x8100, (random.short() & 0xf000) | vid)
    });
    let typed = tagged.ethertype(match random.short() {
        // Behind an own tag they are payload; in front of all they are tags, which other tests are about.
        0x88a8 | 0x88e7 | 0x8100 if tags == 0 => 0x88b5,
        other => other,
    });
    // Linux has room for one tag beyond the MTU; a second and third one take the payload's.
    let largest = LARGEST + 4 * tags.min(1);
    let length = 60 + random.below(largest - 60 + 1);
    let rest = random.bytes(length - typed.len() - MARK.len());
    // Captures would take some of these for what kernels send by themselves.
    typed.raw(rest).raw(MARK)
}
