//! A station that is heard at another port: followed, counted, and damped when it does not stop.

use std::time::{Duration, Instant};

use fabric_common::maps::MOVES_BEFORE_DAMPING;
use fabric_tests::fixtures::Rig;
use fabric_tests::wait;

use super::support::{ALICE, BOB, CAROL, place, reaches, speaks, three_port_rig, told};

/// After so long without a move a station is followed again; `docs/architecture.md` section 5.
const QUIET: Duration = Duration::from_secs(10);
/// The clock of the FDB goes in steps of about a second.
const TICK: Duration = Duration::from_millis(1100);

fn moves(rig: &Rig) -> [u64; 2] {
    ["moves", "damped_moves"].map(|field| told(rig, "acme-v10", field))
}

/// DLV-7: a machine that was carried to another port is found there at once.
#[test]
fn dlv_7_a_station_that_moves_is_followed_and_counted() {
    let rig = three_port_rig();
    speaks(&rig, ALICE, "eth1");
    speaks(&rig, BOB, "eth2");
    assert_eq!(moves(&rig), [0, 0]);
    reaches(&rig, BOB, ("eth1", ALICE), "eth2");
    speaks(&rig, BOB, "eth3");
    assert_eq!(place(&rig, BOB).as_deref(), Some("eth3 learned"));
    assert_eq!(moves(&rig), [1, 0]);
    reaches(&rig, BOB, ("eth1", ALICE), "eth3");
    assert_eq!(told(&rig, "acme-v10", "learned_macs"), 2);
}

/// DLV-7: a loop, or somebody with another's address: the entry stops moving, each further attempt is counted, no frame is
/// lost, others are not touched; and after a quiet time it is followed again.
#[test]
fn dlv_7_a_station_that_flaps_is_damped_and_followed_again_when_quiet() {
    const FLAPS: u64 = 12;
    let rig = three_port_rig();
    speaks(&rig, ALICE, "eth1");
    speaks(&rig, BOB, "eth3");
    let begin = Instant::now();
    for flap in 0..FLAPS {
        // `speaks` demands that every frame reaches both other ports, damped or not.
        speaks(&rig, BOB, if flap % 2 == 0 { "eth2" } else { "eth3" });
    }
    assert!(begin.elapsed() < QUIET, "too slow to flap");
    let followed = u64::from(MOVES_BEFORE_DAMPING);
    // The entry stays at eth2: what is heard there is no attempt to move.
    let damped = (FLAPS - followed).div_ceil(2);
    assert_eq!(moves(&rig), [followed, damped]);
    assert_eq!(place(&rig, BOB).as_deref(), Some("eth2 learned"));
    reaches(&rig, BOB, ("eth1", ALICE), "eth2");
    // Another station of the segment moves as it likes.
    speaks(&rig, CAROL, "eth2");
    speaks(&rig, CAROL, "eth3");
    assert_eq!(moves(&rig), [followed + 1, damped]);
    reaches(&rig, CAROL, ("eth1", ALICE), "eth3");
    // Attempts while it is damped do not prolong that.
    wait::until_true(QUIET * 3, "Bob to be followed again", || {
        speaks(&rig, BOB, "eth3");
        Ok(place(&rig, BOB).as_deref() == Some("eth3 learned"))
    })
    .unwrap();
    assert!(begin.elapsed() > QUIET - TICK, "after {:?}", begin.elapsed());
    assert_eq!(moves(&rig)[0], followed + 2);
    reaches(&rig, BOB, ("eth1", ALICE), "eth3");
}
