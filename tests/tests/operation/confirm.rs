//! Revisions that must be confirmed, on a node of its own.

use std::time::{Duration, Instant};

use fabric_tests::fabric::Agent;
use fabric_tests::fixtures::{Rig, Segment, Setup, Site};
use fabric_tests::wait;
use serde_json::Value;

use crate::support;

/// acme talks between eth1 and eth2; initech's second port comes with the change.
fn town() -> (Rig, String) {
    let acme = Segment::new("acme-v10", 101, 1101)
        .at("edge1", "eth1", 10, 301)
        .at("edge1", "eth2", 10, 302);
    let initech = Segment::new("initech-v10", 121, 1121).at("edge1", "eth3", 10, 321);
    let site = |initech| {
        Site::new(&["edge1"])
            .tenant("acme", std::slice::from_ref(&acme))
            .tenant("initech", &[initech])
            .document()
    };
    let with = site(initech.clone().at("edge1", "eth4", 10, 322));
    let rig = Setup::new(&with, &["edge1"]).apart().start().unwrap();
    let agent = rig.agent("edge1").unwrap();
    agent
        .ok(&[
            "tenant", "detach", "initech", "--port", "eth4", "--vlan", "10", "--yes",
        ])
        .unwrap();
    let file = agent.file("with.json", &with).unwrap();
    (rig, file)
}

fn apply(agent: &Agent, file: &str, window: &str) -> Value {
    agent
        .json(&["apply", "-f", file, "--yes", "--confirm-within", window])
        .unwrap()
}

fn newest(agent: &Agent) -> Value {
    agent.json(&["history"]).unwrap()["items"][0].take()
}

fn wait_revision(agent: &Agent, revision: u64) {
    let so = || Ok(agent.get("/v1/status")?["revision"] == revision);
    wait::until_true(wait::PATIENCE, "the revision", so).unwrap();
}

/// What nobody confirms goes back, port and program included, not before its time; what is confirmed stays; and others
/// lose no frame.
#[test]
fn an_unconfirmed_change_goes_back_and_a_confirmed_one_stays() {
    let (rig, file) = town();
    let agent = rig.agent("edge1").unwrap();
    let probe = support::probe(&rig, "edge1.eth1", "edge1.eth2");
    let begun = Instant::now();
    let applied = apply(agent, &file, "3s");
    assert_eq!(applied["item"]["pending"]["before"], 2, "{applied}");
    assert!(support::has_program(agent.namespace(), "eth4"));
    let text = agent.ok(&["status"]).unwrap().stdout;
    assert!(text.contains("revision 2 comes back in"), "{text}");
    let words = ["tenant", "remove", "initech", "--yes"];
    agent.refused(&words, "confirm-pending").unwrap();
    wait_revision(agent, 4);
    assert!(begun.elapsed() >= Duration::from_secs(3), "{:?}", begun.elapsed());
    assert_eq!(newest(agent)["cause"], "return to 2: not confirmed within 3 s");
    assert!(!support::has_program(agent.namespace(), "eth4"));
    let begun = Instant::now();
    apply(agent, &file, "3s");
    assert_eq!(newest(agent)["pending"], true);
    agent.ok(&["confirm"]).unwrap();
    agent.refused(&["confirm"], "nothing-pending").unwrap();
    wait::until_true(wait::PATIENCE, "the end of its time", || {
        Ok(begun.elapsed() > Duration::from_secs(4))
    })
    .unwrap();
    assert_eq!(
        (&newest(agent)["revision"], &newest(agent)["pending"]),
        (&5.into(), &false.into())
    );
    agent.ok(&words).unwrap();
    support::unharmed(probe);
}

/// The agent is killed while a change waits. One that starts before the time is over lets it wait on, by a clock that
/// went on meanwhile; one that starts later goes back at once.
#[test]
fn the_time_to_confirm_goes_on_while_the_agent_is_dead() {
    let (mut rig, file) = town();
    let probe = support::probe(&rig, "edge1.eth1", "edge1.eth2");
    let begun = Instant::now();
    apply(rig.agent("edge1").unwrap(), &file, "60s");
    let agent = rig.agent_mut("edge1").unwrap();
    agent.kill9().unwrap();
    agent.restart().unwrap();
    let pending = agent.get("/v1/status").unwrap()["item"]["pending"].take();
    let gone = begun.elapsed().as_secs();
    let left = pending["left_seconds"].as_u64().unwrap();
    assert!(left <= 60 && left + gone + 2 >= 60, "{pending} after {gone} s");
    agent.ok(&["rollback", "2", "--yes"]).unwrap();
    wait_revision(agent, 4);
    let begun = Instant::now();
    apply(agent, &file, "3s");
    agent.kill9().unwrap();
    wait::until_true(wait::PATIENCE, "the end of its time", || {
        Ok(begun.elapsed() > Duration::from_secs(3))
    })
    .unwrap();
    assert!(
        support::has_program(agent.namespace(), "eth4"),
        "nobody was there to go back"
    );
    agent.restart().unwrap();
    wait_revision(agent, 6);
    assert!(!support::has_program(agent.namespace(), "eth4"));
    support::unharmed(probe);
}

/// Times that make no sense, and a first document that has nothing before it.
#[test]
fn a_time_that_cannot_be_kept_is_refused() {
    let (rig, file) = town();
    let agent = rig.agent("edge1").unwrap();
    for (window, status) in [("1s", 1), ("2d", 2), ("25h", 1), ("0", 2)] {
        let words = ["apply", "-f", &file, "--yes", "--confirm-within", window];
        agent.cli(&words).unwrap().expect_status(status).unwrap();
    }
    assert_eq!(newest(agent)["revision"], 2);
}
