//! What the tests of storage machines share.

use std::time::Duration;

use fabric_tests::storage::{Load, Rig, RigOptions, Target};
use serde_json::json;

/// Of everything that needs a server.
pub(crate) const LONG: Duration = Duration::from_secs(20);
/// Requests answered before and after something happens.
pub(crate) const SOME: u64 = 200;
/// NBD.
pub(crate) const PORT: u16 = 10_809;

/// A rig whose members answer.
pub(crate) fn rig(options: &RigOptions) -> Rig {
    let rig = Rig::start(options).unwrap();
    rig.wait_all_up().unwrap();
    rig
}

/// Members that are asked so rarely that counters stand still.
pub(crate) fn calm() -> RigOptions {
    RigOptions {
        health: json!({"interval_ms": 20_000, "multiplier": 2, "silence_ms": 60_000}),
        ..RigOptions::default()
    }
}

/// Members with NBD servers, and with copies if wanted.
pub(crate) fn serving(copied: bool) -> RigOptions {
    RigOptions {
        tcp_port: Some(PORT),
        copied,
        ..RigOptions::default()
    }
}

/// A client's NBD disk.
pub(crate) fn disk(rig: &Rig) -> Target {
    Target::tcp(rig.service(PORT).unwrap())
}

/// A writer that is at work.
pub(crate) fn writer(rig: &Rig, run: u64) -> Load {
    writer_of(rig, &disk(rig), run)
}

/// With one connection from beginning to end: each attempt would be one more that is known.
pub(crate) fn steady_writer(rig: &Rig, run: u64) -> Load {
    writer_of(rig, &disk(rig).connect_within(LONG), run)
}

fn writer_of(rig: &Rig, disk: &Target, run: u64) -> Load {
    let load = Load::write(&rig.client, disk, run).unwrap();
    load.wait_answers(SOME, LONG).unwrap();
    load
}
