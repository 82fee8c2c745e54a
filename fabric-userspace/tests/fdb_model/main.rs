//! The FDB's protocol in every order of its steps: the very functions of the data path and of the agent, compiled over words whose
//! accesses wait for their turn. And the proof that this finds what it is there for: without a rule of the protocol it does.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests are tests"
)]

extern crate fabric_common as common;
// What the agent's file calls `fabric_common` is this.
extern crate self as fabric_common;

mod schedule;
mod world;

pub mod shared;
pub mod tables;

#[path = "../../../fabric-common/src/buckets.rs"]
#[allow(dead_code, reason = "the model does not need all of it")]
pub mod buckets;
#[path = "../../../fabric-common/src/learn.rs"]
pub mod learn;
/// The real ones.
pub mod maps {
    pub use common::maps::*;
}

pub mod datapath;

use schedule::Fault::{self, BlindWrites, LooksOnce, NoGrace, SkipsFree};
use schedule::{Program, Schedule, Who};
use world::World;

/// What happens at the same time, and what must hold when it is over.
struct Scenario {
    /// The table before, and buckets of it minus one.
    before: fn(&World),
    mask: u32,
    programs: for<'a> fn(&'a World) -> Vec<Program<'a>>,
    after: fn(&World),
}

/// In how many orders, and the first wrong delivery.
fn explore(scenario: &Scenario, fault: Option<Fault>) -> (u64, Option<String>) {
    let found = std::sync::Mutex::new(None);
    let make = || {
        let world = World::new(scenario.mask);
        (scenario.before)(&world);
        world
    };
    let runs = Schedule::explore(fault, make, World::base, scenario.programs, |world| {
        (scenario.after)(world);
        let wrong = world.wrong();
        let goes_on = wrong.is_none();
        found.lock().unwrap().clone_from(&wrong);
        goes_on
    });
    (runs, found.into_inner().unwrap())
}

fn frame<'a>(program: impl Fn() + Send + Sync + 'a) -> Program<'a> {
    (Who::Frame, Box::new(program))
}

fn agent<'a>(program: impl Fn() + Send + Sync + 'a) -> Program<'a> {
    (Who::Agent, Box::new(program))
}

/// Stations by their two buckets: [`A`] and the next three have the first and the second one.
const A: usize = 0;
/// The first one alone, as the next four.
const NEW: usize = 4;
/// The second one alone, as the next three.
const SECOND: usize = 9;
/// The first and the third one.
const THIRD: usize = 13;

/// A bucket is full, and one of its entries moves to its other bucket to make room for a new station.
const ROOM: Scenario = Scenario {
    before: |world| {
        [10, 11, 12, 13]
            .into_iter()
            .enumerate()
            .for_each(|(station, hop)| world.enter(station, hop))
    },
    mask: 1,
    programs: |world| {
        vec![
            agent(|| world.enter(NEW, 20)),
            frame(|| world.sends(A, &[10])),
            frame(|| world.sends(NEW, &[20])),
        ]
    },
    after: |world| {
        world.must_send(A, 10);
        world.must_send(NEW, 20);
    },
};

/// One slot is left. A station is heard for the first time while the agent gives slots free, and another one is heard after it.
const RELEASE: Scenario = Scenario {
    before: |world| (1..4).for_each(|station| world.enter(station, 30)),
    mask: 0,
    programs: |world| {
        vec![
            frame(|| world.hears(A, 10)),
            agent(|| world.give_free()),
            frame(|| world.hears(NEW, 20)),
        ]
    },
    after: |world| {
        world.sends(A, &[10]);
        world.sends(NEW, &[20]);
    },
};

/// The document names a station while it is heard elsewhere.
const FIXED: Scenario = Scenario {
    before: |_| {},
    mask: 0,
    programs: |world| vec![agent(|| world.enter(A, 10)), frame(|| world.hears(A, 20))],
    after: |world| world.must_send(A, 10),
};

/// A station moves to another port while the agent moves its entry to another slot, and the slot goes to a station behind the same
/// port that was heard at the same time: its value is the same. Between the change and its being taken back the new station has the
/// other's next hop, which is of the same tenant; what counts here is that it is taken back.
const MOVE: Scenario = Scenario {
    before: |world| (0..4).for_each(|station| world.learn(station, 10)),
    mask: 1,
    programs: |world| vec![agent(|| world.learn(NEW, 10)), frame(|| world.hears(A, 20))],
    after: |world| {
        world.sends(A, &[10, 20]);
        world.must_send(NEW, 10);
    },
};

/// A station is flushed while its next frame comes from another port, and its slot goes to another one.
const FLUSH: Scenario = Scenario {
    before: |world| (0..3).for_each(|station| world.learn(station, 10)),
    mask: 0,
    programs: |world| {
        vec![
            agent(|| {
                world.flush(A);
                world.enter(NEW, 30);
            }),
            frame(|| world.hears(A, 20)),
        ]
    },
    after: |world| {
        world.sends(A, &[10, 20]);
        world.must_send(NEW, 30);
    },
};

/// The document names a station again whose last entry still has its slot, in the bucket `in_second` or not, while it is heard
/// and an earlier slot is free.
const fn named_again(in_second: bool) -> Scenario {
    Scenario {
        before: if in_second {
            |world| {
                (1..=NEW).for_each(|station| world.enter(station, 30));
                was_named(world);
            }
        } else {
            |world| {
                world.enter(1, 30);
                was_named(world);
            }
        },
        mask: in_second as u32,
        programs: |world| vec![agent(|| world.enter(A, 10)), frame(|| world.hears(A, 20))],
        after: |world| world.must_send(A, 10),
    }
}

/// Behind station 1, whose slot is free then.
fn was_named(world: &World) {
    world.enter(A, 10);
    world.leaves(1);
    world.give_free();
    world.leaves(A);
}

/// The same, and it is named with another next hop at once, and aged out in between.
const NAMED_TWICE: Scenario = Scenario {
    programs: |world| {
        vec![
            agent(|| {
                world.enter(A, 11);
                world.ages(A);
                world.enter(A, 10);
            }),
            frame(|| world.hears(A, 20)),
        ]
    },
    ..named_again(false)
};

/// What is in an earlier slot moves to make room for another station, after this one was named.
const FREED: Scenario = Scenario {
    before: |world| (1..=NEW).for_each(|station| world.enter(station, 30)),
    mask: 1,
    programs: |world| {
        vec![
            agent(|| {
                world.enter(A, 10);
                world.tries_to_enter(NEW + 1, 40);
            }),
            frame(|| world.hears(A, 20)),
        ]
    },
    after: |world| {
        world.must_send(A, 10);
        world.must_send(1, 30);
        world.sends(NEW + 1, &[40]);
    },
};

/// Who looks for a named station may miss it because it moves from its second bucket to its first, where an earlier slot would
/// become free then.
const MISSED: Scenario = Scenario {
    before: |world| {
        let full = [THIRD, NEW, NEW + 1, NEW + 2];
        full.into_iter().for_each(|station| world.enter(station, 30));
        world.enter(A, 10);
        (SECOND..SECOND + 3).for_each(|station| world.enter(station, 30));
        world.leaves(NEW);
        world.give_free();
    },
    mask: 3,
    programs: |world| {
        vec![
            agent(|| {
                world.tries_to_enter(SECOND + 3, 40);
                world.tries_to_enter(NEW + 3, 50);
            }),
            frame(|| world.hears(A, 20)),
        ]
    },
    after: |world| {
        world.must_send(A, 10);
        world.must_send(THIRD, 30);
        world.sends(SECOND + 3, &[40]);
        world.sends(NEW + 3, &[50]);
    },
};

const ALL: [(&str, Scenario); 10] = [
    ("room", ROOM),
    ("release", RELEASE),
    ("fixed", FIXED),
    ("move", MOVE),
    ("flush", FLUSH),
    ("named again", named_again(false)),
    ("named again in the second", named_again(true)),
    ("named twice", NAMED_TWICE),
    ("freed", FREED),
    ("missed", MISSED),
];

#[test]
fn in_no_order_does_a_frame_go_astray() {
    for (name, scenario) in ALL {
        let (runs, wrong) = explore(&scenario, None);
        assert_eq!(wrong, None, "{name}, run {runs}");
        assert!(runs > 10, "{name}: only {runs} orders");
    }
}

/// Each rule is there for something: without it there is an order in which a frame goes astray.
#[test]
fn without_a_rule_of_the_protocol_a_frame_goes_astray() {
    for (name, scenario, fault) in [
        ("room", ROOM, LooksOnce),
        ("move", MOVE, LooksOnce),
        ("release", RELEASE, NoGrace),
        ("fixed", FIXED, BlindWrites),
        ("named again", named_again(false), SkipsFree),
        ("named again in the second", named_again(true), SkipsFree),
    ] {
        let (runs, wrong) = explore(&scenario, Some(fault));
        assert!(wrong.is_some(), "{name} with {fault:?}: nothing in {runs} runs");
    }
}
