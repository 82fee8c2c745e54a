//! The programs pass the verifier, and the maps can be adopted.

use fabric_common::maps::{Binding, NextHop, Path, access_index, capacity};

use super::{Datapath, OldWay};
use crate::ids::Sizes;
use crate::records::SegmentLimits;
use crate::safety::Role;

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
                before: 2,
                since: 1,
                ..NextHop::default()
            }),
        )
        .unwrap();
    first.set_fixed(5, 0x1234, Some(7)).unwrap();
    let limits = SegmentLimits {
        stations: 100,
        flooded_len: 1518,
        irb: 0,
        turns: false,
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
    assert_eq!(
        before.access.get(&access_index(1, 10)),
        Some(&binding),
        "of a port that is gone"
    );
    assert!(second.now().unwrap().wrapping_sub(now) < 10);
    assert_eq!(second.segment_events(5).unwrap().moves, 0);
    second.remove().unwrap();
    assert!(!pins.exists());
    assert_eq!(capacity::VLANS, 4096);
}

/// Most of an agent's start would be the verification of programs that no port of its node has.
#[test]
fn a_roles_program_is_loaded_once_when_it_is_asked_for() {
    if !nix::unistd::geteuid().is_root() {
        panic!("needs root");
    }
    let folder = tempfile::tempdir().unwrap();
    let (mut datapath, _) = Datapath::open(&folder.path().join("bpf"), &small(), 256, false).unwrap();
    let mut known = Vec::new();
    for role in [Role::Underlay, Role::Access, Role::Pseudowire, Role::Trunk] {
        assert_eq!(datapath.program_ids().unwrap().len(), known.len());
        datapath.load_role(role).unwrap();
        datapath.load_role(role).unwrap();
        let ids = datapath.program_ids().unwrap();
        assert_eq!(ids.len(), known.len() + 1, "one more");
        assert!(known.iter().all(|id| ids.contains(id)), "the others as they were");
        known = ids;
    }
    datapath.remove().unwrap();
}

/// A next hop that leads over another port says what was before until all copies from then have left; a new one, and one whose
/// tags alone are others, have nothing to say.
#[test]
fn a_switched_next_hop_knows_its_old_path_until_it_settles() {
    if !nix::unistd::geteuid().is_root() {
        panic!("needs root");
    }
    let folder = tempfile::tempdir().unwrap();
    let pins = folder.path().join("bpf");
    let (mut datapath, _) = Datapath::open(&pins, &small(), 256, false).unwrap();
    let (segment, ports) = (5, [1, 1, 2]);
    for (id, slot) in (1..).zip(ports) {
        let path = Path {
            slot,
            segment,
            ..Path::default()
        };
        datapath.set_path(id, Some(&path)).unwrap();
    }
    let by = |path| NextHop {
        path,
        segment,
        ..NextHop::default()
    };
    let mut switch = |path, old_way| {
        datapath.switch(&[(7, by(path))], old_way).unwrap();
        let written = datapath.next_hops.get(7).unwrap();
        datapath.settle().unwrap();
        assert_eq!(datapath.next_hops.get(7), Some(by(path)));
        (written, datapath.switches.get(0).unwrap())
    };
    let moved = |path, before, since| NextHop {
        before,
        since,
        ..by(path)
    };
    assert_eq!(switch(1, OldWay::Works), (by(1), 0));
    assert_eq!(switch(2, OldWay::Works), (by(2), 0));
    assert_eq!(switch(3, OldWay::Works), (moved(3, 2, 1), 1));
    assert_eq!(switch(1, OldWay::Dead), (moved(1, 3, 2), 2));
    datapath.remove().unwrap();
}
