//! A member dies, or is cut off: the client's open disk goes on (FIG 12, FO-2, FO-3).

use std::time::Duration;

use fabric_tests::storage::{Load, SERVICE, VOLUME, fill};
use fabric_tests::wait;
use serde_json::{Value, json};

use super::support::{LONG, PORT, SOME, calm, disk, rig, serving, steady_writer, writer};

fn switch(rig: &fabric_tests::storage::Rig) -> Value {
    rig.show().unwrap()["last_switch"].clone()
}

/// `kill -9` of a working storage daemon under a writer, with a synchronous copy: no error at the client, no acknowledged
/// write lost, and the fabric tells what it did.
#[test]
fn a_killed_member_costs_the_client_no_write() {
    let rig = rig_serving(true);
    let mut members = rig.serve(VOLUME).unwrap();
    rig.wait_all_up().unwrap();
    rig.copy(&members).unwrap();
    let load = writer(&rig, 1);
    members[0].kill_hard().unwrap();
    load.wait_answers(SOME, LONG).unwrap();
    let record = load.stop().unwrap();
    let stall = record.longest_stall().length();
    let switch = switch(&rig);
    println!("killed: stall {stall:?}, switch {switch}");
    // A hundred times what it takes; a client that nobody tells, or that is told once and misses it, waits longer.
    assert!(stall < Duration::from_secs(3), "{stall:?}");
    assert_eq!(record.io_errors, []);
    let verdict = record.verify(members[1].volume()).unwrap();
    assert!(
        verdict.acknowledged >= 2 * SOME && verdict.lost.is_empty(),
        "{verdict:?}"
    );
    assert_eq!(
        (&switch["cause"], &switch["to"]),
        (&json!("silent"), &json!("array-2"))
    );
    let shown = rig.show().unwrap();
    assert_eq!(
        (&shown["state"], &shown["epoch"]),
        (&json!("degraded"), &json!(2))
    );
    assert_eq!(shown["members"][0]["role"], "fenced");
    assert_eq!(shown["members"][0]["copy"], "stale");
    told_once(&rig);
}

/// The switch is in the metrics with its three parts, and in the log, once.
fn told_once(rig: &fabric_tests::storage::Rig) {
    let name = "fabric_storage_switch_duration_seconds";
    for phase in ["detect", "write", "nudge"] {
        wait::until_true(wait::PATIENCE, "the switch to be in the metrics", || {
            let metrics = rig.agent.text("/metrics")?;
            let line = format!("{name}_count{{phase=\"{phase}\"}} 1");
            Ok(metrics.lines().any(|known| known == line))
        })
        .unwrap();
    }
    let log = rig.agent.log().unwrap();
    assert_eq!(log.matches("storage switched").count(), 1, "{log}");
}

/// Cut off but alive, under a reader, who has nothing to send again: the nudge makes him notice; without it he hangs.
#[test]
fn a_reader_recovers_by_the_nudge_and_hangs_without() {
    for (nudge, within) in [(true, LONG), (false, Duration::from_secs(3))] {
        let mut options = serving(false);
        options.health = json!({"nudge": nudge});
        let rig = fabric_tests::storage::Rig::start(&options).unwrap();
        let mut members = rig.serve(VOLUME).unwrap();
        rig.wait_all_up().unwrap();
        for member in &members {
            fill(member.volume(), 7, 64).unwrap();
        }
        let load = Load::read(&rig.client, &disk(&rig), 7, 64).unwrap();
        load.wait_answers(SOME, LONG).unwrap();
        // The kernel takes the request and acknowledges it; its answer never comes.
        members[0].freeze().unwrap();
        assert!(load.wait_answers(2, Duration::from_millis(300)).is_err());
        rig.cut(0, true).unwrap();
        rig.wait_working("array-2").unwrap();
        let recovered = load.wait_answers(SOME, within).is_ok();
        let record = load.record();
        println!(
            "cut off, nudge {nudge}: stall {:?}, switch {}",
            record.longest_stall().length(),
            switch(&rig)
        );
        assert_eq!(
            (record.io_errors.as_slice(), record.wrong.as_slice()),
            (&[][..], &[][..])
        );
        assert_eq!(recovered, nudge, "a reader that waits for an answer");
    }
}

/// A cut-off member that comes back finds itself fenced: none of its frames reaches the client, and the client's session
/// with the other one goes on.
#[test]
fn a_member_that_comes_back_is_fenced() {
    let rig = rig_serving(false);
    let _members = rig.serve(VOLUME).unwrap();
    rig.wait_all_up().unwrap();
    let load = writer(&rig, 1);
    rig.cut(0, true).unwrap();
    rig.wait_working("array-2").unwrap();
    load.wait_answers(SOME, LONG).unwrap();
    let breaks = load.record().breaks.len();
    rig.cut(0, false).unwrap();
    // Its kernel still has the client's old connection, and sends again what was not acknowledged.
    wait::until_true(LONG, "late frames of the old member", || {
        Ok(rig.show()?["members"][0]["fenced_frames"].as_u64() > Some(0))
    })
    .unwrap();
    load.wait_answers(SOME, LONG).unwrap();
    let record = load.stop().unwrap();
    assert_eq!(
        record.breaks.len(),
        breaks,
        "the session with the new member is untouched"
    );
    assert_eq!(record.io_errors, []);
    assert_eq!(
        rig.working().unwrap().as_deref(),
        Some("array-2"),
        "no failback before its time"
    );
}

/// With the agent killed the first frame past the limit takes the standby's way by itself.
#[test]
fn without_an_agent_the_frame_itself_takes_the_standby() {
    let mut options = serving(false);
    options.health = json!({"silence_ms": 300});
    let mut rig = fabric_tests::storage::Rig::start(&options).unwrap();
    let _members = rig.serve(VOLUME).unwrap();
    rig.wait_all_up().unwrap();
    let load = writer(&rig, 1);
    rig.agent.kill9().unwrap();
    load.wait_answers(SOME, LONG).unwrap();
    rig.cut(0, true).unwrap();
    // The first client may wait for an answer to what the dead member has acknowledged: nobody is there to nudge him. But
    // whoever sends something that must be answered is served.
    let opened = wait::until(LONG, "a new client to be served", || {
        Ok(Load::write(&rig.client, &disk(&rig), 2).ok())
    });
    let second = opened.unwrap();
    second.wait_answers(SOME, LONG).unwrap();
    assert_eq!(second.stop().unwrap().io_errors, []);
    assert_eq!(load.stop().unwrap().io_errors, []);
    rig.agent.restart().unwrap();
    rig.wait_all_but_first().unwrap();
    let shown = rig.show().unwrap();
    assert_eq!(
        (&shown["epoch"], rig.working().unwrap().as_deref()),
        (&json!(2), Some("array-2"))
    );
}

/// Who stood by when the agent was killed may have lost its copy since: it is not served, however silent the member in charge is.
#[test]
fn without_an_agent_no_copy_takes_over() {
    let mut options = serving(true);
    options.health = json!({"silence_ms": 100});
    let mut rig = fabric_tests::storage::Rig::start(&options).unwrap();
    let members = rig.serve(VOLUME).unwrap();
    rig.wait_all_up().unwrap();
    rig.copy(&members).unwrap();
    let load = writer(&rig, 1);
    rig.agent.kill9().unwrap();
    load.wait_answers(SOME, LONG).unwrap();
    rig.cut(0, true).unwrap();
    assert!(load.wait_answers(2, Duration::from_millis(1500)).is_err());
    rig.cut(0, false).unwrap();
    load.wait_answers(SOME, LONG).unwrap();
    assert_eq!(load.stop().unwrap().io_errors, []);
    rig.agent.restart().unwrap();
    assert_eq!(rig.show().unwrap()["epoch"], 1);
}

/// Idle is not death: with nobody probing, a client that acknowledges, pauses longer than any limit and asks again gets his
/// answer from the same member.
#[test]
fn idle_is_not_death() {
    let mut options = serving(false);
    options.health = json!({"silence_ms": 100});
    let mut rig = fabric_tests::storage::Rig::start(&options).unwrap();
    let mut members = rig.serve(VOLUME).unwrap();
    rig.wait_all_up().unwrap();
    rig.agent.kill9().unwrap();
    let load = writer(&rig, 1);
    // The kernel acknowledges, the server does not answer: longer than a delayed acknowledgement, as a slow disk.
    members[0].freeze().unwrap();
    assert!(load.wait_answers(2, Duration::from_millis(600)).is_err());
    members[0].thaw().unwrap();
    load.wait_answers(SOME, LONG).unwrap();
    let record = load.stop().unwrap();
    assert_eq!((record.breaks.len(), record.io_errors.len()), (0, 0));
    rig.agent.restart().unwrap();
    assert_eq!(rig.show().unwrap()["epoch"], 1);
}

/// A hundred false alarms on a healthy member: no connection is reset.
#[test]
fn a_hundred_nudges_on_a_healthy_member_reset_nothing() {
    let rig = rig_serving(false);
    let _members = rig.serve(VOLUME).unwrap();
    rig.wait_all_up().unwrap();
    let load = steady_writer(&rig, 1);
    let act = json!({"storage": "vsm-1002a", "act": "nudge"});
    for _ in 0..100 {
        let answer = rig.agent.post("/v1/storage", &act).unwrap();
        assert_eq!(answer["item"]["storage"]["flows"], 1, "{answer}");
        load.wait_answers(3, LONG).unwrap();
    }
    let record = load.stop().unwrap();
    assert_eq!((record.breaks.len(), record.io_errors.len()), (0, 0));
    assert!(rig.show().unwrap()["nudges"].as_u64() >= Some(100));
}

/// The order of members is that in which they take over, however many die.
#[test]
fn the_third_member_serves_when_two_are_dead() {
    let mut options = calm();
    options.health = json!({"hold_down_s": 1});
    options.members = 3;
    let rig = rig(&options);
    for (dead, next) in [(0, "array-2"), (1, "array-3")] {
        rig.cut(dead, true).unwrap();
        rig.wait_working(next).unwrap();
    }
    let ping = fabric_tests::traffic::ping(&rig.client, SERVICE, 3).unwrap();
    assert!(ping.all_answered(), "{ping:?}");
    let shown = rig.show().unwrap();
    assert_eq!(
        (&shown["epoch"], &shown["state"]),
        (&json!(3), &json!("degraded"))
    );
    rig.cut(1, false).unwrap();
    rig.wait_member(1, "array-2 to protect", |member| member["role"] == "protection")
        .unwrap();
    rig.cut(2, true).unwrap();
    rig.wait_working("array-2").unwrap();
}

/// A member that died stays out of use for the hold-down, and takes the service back after the wait-to-restore, not before.
#[test]
fn nothing_switches_back_before_its_time() {
    let mut options = calm();
    options.health = json!({"hold_down_s": 1, "wait_to_restore_s": 2});
    let rig = rig(&options);
    rig.cut(0, true).unwrap();
    rig.wait_working("array-2").unwrap();
    let died = std::time::Instant::now();
    rig.cut(0, false).unwrap();
    rig.wait_member(0, "array-1 to answer", |member| member["health"] == "up")
        .unwrap();
    rig.wait_working("array-1").unwrap();
    assert!(
        died.elapsed() >= Duration::from_millis(1900),
        "{:?}",
        died.elapsed()
    );
    let last = switch(&rig);
    assert_eq!((&last["cause"], &last["epoch"]), (&json!("restored"), &json!(3)));
}

fn rig_serving(copied: bool) -> fabric_tests::storage::Rig {
    assert_eq!(PORT, 10_809);
    fabric_tests::storage::Rig::start(&serving(copied)).unwrap()
}
