//! The FDB under fire: the agent's side enters, moves, removes, flushes and ages entries without a pause while XDP looks
//! them up and learns on all CPUs. No frame comes out where it does not belong. `ISO-*` and `DLV-*` at their hardest.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests are tests"
)]

#[path = "fdb/site.rs"]
mod site;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use fabric_tests::wait;

use site::{ACME, FAR, GLOBEX, Home, NEAR, STATIONS, Site, frame, home};

const WHILE: Duration = Duration::from_secs(3);

/// xorshift64*, so that a failure comes again.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32) % limit
    }
}

/// Stations of two tenants with the same addresses, in segments whose keys in the FDB are equal: half of all entries are
/// another tenant's under the very same key.
#[test]
fn no_frame_strays_while_entries_come_move_and_go() {
    let mut site = Site::build();
    let stop = Arc::new(AtomicBool::new(false));
    let senders = [
        sends(&site, "in0", ACME, None, &stop),
        sends(&site, "bin0", GLOBEX, None, &stop),
        // These teach addresses, in turn from two ports.
        sends(&site, "out0", ACME, Some(3), &stop),
        sends(&site, "out1", ACME, Some(4), &stop),
    ];
    let rounds = hammer(&mut site);
    stop.store(true, Ordering::Relaxed);
    for sender in senders {
        assert!(sender.join().unwrap() > 1000, "a sender has hardly sent");
    }
    assert!(rounds > 1000, "{rounds} rounds");
    site.drained();
    for (port, tally) in site.tallies() {
        assert_eq!(tally.strays(), 0, "frames that strayed to {port}");
    }
    for port in ["out0", "out1", "bout0"] {
        assert!(
            site.tally(port).all() > 1000,
            "{port} got {}",
            site.tally(port).all()
        );
    }
    settles(&mut site);
    site.remove();
}

/// Sends to random stations; with `learn` from the stations that are learned, else from nobody's address.
fn sends(
    site: &Site,
    port: &'static str,
    segment: u32,
    learn: Option<u64>,
    stop: &Arc<AtomicBool>,
) -> thread::JoinHandle<u64> {
    let socket = site.socket(port);
    let stop = Arc::clone(stop);
    let mut dice = Dice(u64::from(segment) + learn.unwrap_or(1));
    thread::spawn(move || {
        let mut sent = 0;
        while !stop.load(Ordering::Relaxed) {
            let to = dice.below(STATIONS);
            let from = learn.map(|_| {
                let third = dice.below(STATIONS / 3);
                third * 3 + 2
            });
            sent += u64::from(socket.offer(&frame(segment, to, from)).unwrap());
        }
        sent
    })
}

fn hammer(site: &mut Site) -> u64 {
    let mut dice = Dice(7);
    let begin = Instant::now();
    let mut rounds = 0;
    while begin.elapsed() < WHILE {
        rounds += 1;
        let number = dice.below(STATIONS);
        let place = match (home(number), dice.below(3)) {
            (_, 0) | (Home::Learned, _) => None,
            (Home::Fixed, _) | (Home::Moved, 1) => Some(NEAR),
            (Home::Moved, _) => Some(FAR),
        };
        if home(number) != Home::Learned {
            site.set(ACME, number, place);
        }
        site.set(GLOBEX, number, (dice.below(2) == 0).then_some(site::GLOBEX_HOP));
        if rounds % 32 == 0 {
            site.datapath.empty_stash();
            let hop = if dice.below(2) == 0 { NEAR } else { FAR };
            site.datapath.flush(|_, _, next_hop| next_hop == hop);
        }
        if rounds % 512 == 0 {
            site.datapath
                .sweep(Duration::from_secs(60), |_, _, _| false)
                .unwrap();
        }
    }
    rounds
}

/// After the storm every entry that is wanted is there, and every frame comes to its one place.
fn settles(site: &mut Site) {
    for number in 0..STATIONS {
        let place = match home(number) {
            Home::Fixed => Some(NEAR),
            Home::Moved => Some(FAR),
            Home::Learned => None,
        };
        site.set(ACME, number, place);
        site.set(GLOBEX, number, Some(site::GLOBEX_HOP));
    }
    site.datapath.flush(|_, _, _| true);
    let swept = site
        .datapath
        .sweep(Duration::from_secs(60), |_, _, _| false)
        .unwrap();
    assert_eq!((swept.learned, swept.fixed), (0, STATIONS / 3 * 2 + STATIONS));
    let before = ["out0", "out1", "bout0"].map(|port| site.tally(port).all());
    for number in 0..STATIONS {
        site.socket("in0").send(frame(ACME, number, None)).unwrap();
        site.socket("bin0").send(frame(GLOBEX, number, None)).unwrap();
    }
    let wanted = [STATIONS / 3, STATIONS / 3, STATIONS];
    let moved = || ["out0", "out1", "bout0"].map(|port| site.tally(port).all());
    wait::until_true(wait::PATIENCE, "all frames", || {
        Ok(moved()
            .iter()
            .zip(before)
            .map(|(now, then)| now - then)
            .eq(wanted))
    })
    .unwrap();
    for (port, tally) in site.tallies() {
        assert_eq!(tally.strays(), 0, "frames that strayed to {port}");
    }
}
