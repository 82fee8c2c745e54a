//! The programs pass the verifier, and the maps can be adopted.

use fabric_common::maps::{Binding, NextHop, access_index, capacity};

use super::Datapath;
use crate::ids::Sizes;
use crate::records::SegmentLimits;

fn small() -> Sizes {
    Sizes {
        ports: 8,
        segments: 64,
        bindings: 64,
        next_hops: 64,
        paths: 64,
        tunnels: 64,
        vsm_places: 64,
    }
}

#[test]
fn every_program_passes_the_verifier_and_a_second_agent_adopts_the_maps() {
    if !nix::unistd::geteuid().is_root() {
        panic!("needs root");
    }
    let folder = tempfile::tempdir().unwrap();
    let pins = folder.path().join("bpf");
    let (mut first, adopted) = Datapath::open(&pins, &small(), 256, false).unwrap();
    assert!(!adopted);
    for (program, count) in first.verified_instructions().unwrap() {
        println!("{}: {count} verified instructions", program.name());
    }
    let binding = Binding::new(5, 0, 7, 0, 9, 10);
    first.set_access(access_index(1, 10), Some(&binding)).unwrap();
    first
        .set_next_hop(
            7,
            Some(&NextHop {
                path: 3,
                segment: 5,
                epoch: 1,
                horizon: 0,
                flags: 0,
            }),
        )
        .unwrap();
    first.set_fixed(5, 0x1234, Some(7)).unwrap();
    let limits = SegmentLimits {
        stations: 100,
        flooded_len: 1518,
        irb: 0,
    };
    first.set_segment(5, Some(limits)).unwrap();
    first.set_egress(1, Some(1)).unwrap();
    first.set_floods(&[(5, &[1])]).unwrap();
    first.set_tag(77, Some(9)).unwrap();
    first.grace().unwrap();
    let now = first.now().unwrap();
    let before = first.observe().unwrap();
    drop(first);

    let (mut second, adopted) = Datapath::open(&pins, &small(), 256, false).unwrap();
    assert!(adopted);
    assert_eq!(second.observe().unwrap(), before);
    assert_eq!(before.stations.get(&(5, 0x1234)), Some(&7));
    assert!(second.now().unwrap().wrapping_sub(now) < 10);
    assert_eq!(second.segment_events(5).unwrap().moves, 0);
    second.remove().unwrap();
    assert!(!pins.exists());
    assert_eq!(capacity::VLANS, 4096);
}
