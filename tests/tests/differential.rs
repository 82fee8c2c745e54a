//! The same source in the kernel and on the host: whatever comes in, both say the same, send the same bytes and count
//! the same.
//!
//! Agreement proves compiler, verifier and the two adapters, not the logic: that is held against literal bytes
//! (`golden`) and against Linux (`vxlan`). Frames are generated in the shapes that each port role knows, then mutated.
//! `FABRIC_SEED=N` repeats the run that printed N; a mismatch prints the line to put into `tests/corpus`, which is
//! replayed first.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "helpers of tests are tests"
)]

#[path = "differential/both.rs"]
mod both;
#[path = "differential/cable.rs"]
mod cable;
#[path = "differential/corpus.rs"]
mod corpus;
#[path = "differential/cpus.rs"]
mod cpus;
#[path = "differential/gateway.rs"]
mod gateway;
#[path = "differential/generate.rs"]
mod generate;
#[path = "differential/kernel.rs"]
mod kernel;
#[path = "differential/labels.rs"]
mod labels;
#[path = "differential/numbered.rs"]
mod numbered;
#[path = "differential/outcome.rs"]
mod outcome;
#[path = "differential/rare.rs"]
mod rare;
#[path = "differential/site.rs"]
mod site;

use std::collections::BTreeSet;

use fabric_common::DropReason;
use fabric_tests::random::{self, Random};
use fabric_tests::wire::judge;

use both::Both;
use generate::Generator;
use site::Site;

/// At least so many frames through both sides.
const FRAMES: usize = 280_000;
/// Frames between two comparisons of all counters and of the whole FDB.
const ROUND: usize = 5_000;
/// Frames on real cables, where the program of flooded copies runs too; the kernel has no test run for that one.
const ON_CABLES: usize = 6_000;

#[test]
fn kernel_and_host_agree_on_every_frame_and_every_reason_is_reached() {
    let site = Site::new();
    let seed = random::seed().unwrap();
    println!("seed {seed}: FABRIC_SEED={seed} repeats this run");
    let edge = site.edge.clone();
    edge.run(|| {
        judge::expect_wrong_frames("generated and broken frames")?;
        let cpus = cpus::allowed();
        cpus::stay_on(cpus[cpus.len() - 1]);
        let mut reached = BTreeSet::new();
        let mut both = Both::new(&site);
        corpus::replay(&mut both);
        let mut generator = Generator::new(Random::new(seed), &site);
        for _ in 0..FRAMES / ROUND {
            generated(&mut both, &mut generator);
        }
        println!("{}", both.summary());
        let learning = both.learning();
        assert!(
            learning.iter().all(|count| *count > 0),
            "learned, moved, damped, refused, unplaced: {learning:?}"
        );
        assert!(both.told() > 0, "no sender was told that his packet is too big");
        reached.extend(both.reached());
        reached.extend(rare::in_test_runs(&mut both));
        cpus::all_count(&mut both, &cpus);
        cpus::stay_on(cpus[cpus.len() - 1]);
        drop(both);
        reached.extend(cable::run(&site, &mut generator, ON_CABLES));
        let missing: Vec<&DropReason> = DropReason::ALL
            .iter()
            .filter(|reason| !reached.contains(*reason))
            .collect();
        assert!(missing.is_empty(), "never reached: {missing:?}");
        Ok(())
    })
    .unwrap();
}

fn generated(both: &mut Both, generator: &mut Generator) {
    both.begin();
    for _ in 0..ROUND {
        let (port, frame) = generator.next();
        both.frame(&port, &frame);
    }
    both.compare();
}
