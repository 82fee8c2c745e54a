use fabric_common::flood::Metadata;
use fabric_common::wire::mac_word;
use fabric_common::{Frame, NoHeadroom, Short};

use super::*;
use crate::compile::tests::support::{
    Station, compile_at, figure1, golden, host, valid, with_a_third_member,
};

#[test]
fn a_frame_gives_no_byte_beyond_its_end_and_no_room_beyond_its_buffer() {
    let mut frame = HostFrame::with_headroom(&[7; 20], 8);
    assert_eq!(frame.read::<4>(16), Ok([7; 4]));
    assert_eq!(frame.read::<4>(17), Err(Short));
    assert_eq!(frame.read::<1>(usize::MAX), Err(Short));
    assert_eq!(frame.write(19, [1, 2]), Err(Short));
    assert_eq!(frame.copy(13, &[0]), Err(Short));
    assert_eq!(frame.resize_head(9), Err(NoHeadroom));
    assert_eq!(frame.resize_head(-7), Err(NoHeadroom), "an Ethernet header stays");
    assert_eq!(frame.resize_head(8), Ok(()));
    assert_eq!(frame.copy(0, &[u64::from_ne_bytes(*b"in order")]), Ok(()));
    assert_eq!((frame.len(), &frame.bytes()[..9]), (28, &b"in order\x07"[..]));
}

fn edge1() -> Station {
    let valid = valid(&figure1());
    Station::of(compile_at(&valid, "edge1", &host(&valid, "edge1", 1508)).expect("it fits"))
}

fn from(source: [u8; 6]) -> Vec<u8> {
    let mut frame = golden("uni-700");
    frame[6..12].copy_from_slice(&source);
    frame
}

#[test]
fn a_station_is_learned_seen_moved_and_refused_as_in_the_kernel() {
    let mut edge1 = edge1();
    let segment = edge1.image.segments["b"].ids.clone();
    let place = |text: &str| segment.next_hops[&text.parse().expect("a place")].id;
    let who = [2, 0, 0, 0, 0, 1];
    let know = |edge1: &Station| edge1.twin.tables.station(segment.segment, mac_word(who));

    assert_eq!(know(&edge1), None);
    edge1.receive("cb", &from(who));
    assert_eq!(
        know(&edge1).map(|value| (value.next_hop(), value.last_seen())),
        Some((place("cb/untagged"), 1))
    );
    edge1.twin.tables.set_now(40);
    edge1.receive("cb", &from(who));
    assert_eq!(
        know(&edge1).map(|value| (value.last_seen(), value.moves())),
        Some((40, 0))
    );

    // The same address from behind the line: it has moved there.
    let mut tagged = golden("nni-700");
    tagged[..12].copy_from_slice(&from(who)[..12]);
    tagged[18..20].copy_from_slice(&310u16.to_be_bytes());
    edge1.receive("trunk0", &tagged);
    assert_eq!(
        know(&edge1).map(|value| (value.next_hop(), value.moves())),
        Some((place("line:210"), 1))
    );

    let limits = edge1.twin.tables.segment(segment.segment).expect("the segment");
    assert_eq!(
        (limits.learned.load(), limits.moves.load(), limits.refused.load()),
        (1, 1, 0)
    );
    limits.mac_limit.store(1);
    edge1.receive("cb", &from([2, 0, 0, 0, 0, 2]));
    let limits = edge1.twin.tables.segment(segment.segment).expect("the segment");
    assert_eq!((limits.learned.load(), limits.refused.load()), (1, 1));
}

#[test]
fn an_interface_without_a_role_counts_at_slot_0() {
    let mut edge1 = edge1();
    let outcome = edge1
        .twin
        .receive(999, PortRole::Access, HostFrame::new(&golden("uni-600")));
    assert_eq!(outcome, Outcome::Dropped(DropReason::UnknownPort));
    let place = drop_index(0, Direction::In, DropReason::UnknownPort as u8);
    assert_eq!(edge1.twin.counters.drops, [(place, 1)].into());
}

#[test]
fn a_frame_without_room_for_tags_or_metadata_is_dropped_with_the_reason() {
    let mut edge1 = edge1();
    let mut receive = |frame: &str, room: usize| {
        edge1.twin.receive(
            11,
            PortRole::Access,
            HostFrame::with_headroom(&golden(frame), room),
        )
    };
    assert_eq!(receive("uni-600", 7), Outcome::Dropped(DropReason::NoHeadroom));
    assert_eq!(receive("uni-600", 8).sent().len(), 1);
    // The only other member gets the frame itself.
    assert_eq!(
        receive("uni-600-bcast", 7),
        Outcome::Dropped(DropReason::NoHeadroom)
    );
    assert_eq!(receive("uni-600-bcast", 8).sent().len(), 1);

    let valid = valid(&with_a_third_member());
    let mut edge1 = Station::of(compile_at(&valid, "edge1", &host(&valid, "edge1", 1508)).expect("it fits"));
    let mut receive = |frame: &str, room: usize| {
        edge1.twin.receive(
            11,
            PortRole::Access,
            HostFrame::with_headroom(&golden(frame), room),
        )
    };
    assert_eq!(
        receive("uni-600-bcast", size_of::<Metadata>() - 1),
        Outcome::Dropped(DropReason::NoHeadroom)
    );
    assert_eq!(receive("uni-600-bcast", size_of::<Metadata>()).sent().len(), 2);
}
