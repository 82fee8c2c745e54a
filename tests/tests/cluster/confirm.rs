//! Revisions that must be confirmed, with a real etcd and frames on the wire.

use std::time::{Duration, Instant};

use fabric_tests::fabric::Agent;
use fabric_tests::frame::eth;
use fabric_tests::traffic::Probe;
use fabric_tests::wait;
use fabric_userspace::store::{Store as _, Stored, Terms};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::keys::{Alone, document as keys_document, stored};
use crate::support::{ALICE, BOB, Pair, document, export, metric, unharmed, wait_problem};

/// The document of a pair with globex across it, VLAN 20.
fn wider() -> Value {
    let mut wider = document();
    let globex = serde_json::json!({ "name": "globex", "segments": [{
        "name": "globex-v20", "datacenter": "dc1", "s_vid": 150, "c_vid": 1150, "attachments": [
            { "node": "edge1", "port": "eth2", "vlan": 20, "c_vid": 351 },
            { "node": "edge2", "port": "eth2", "vlan": 20, "c_vid": 352 } ] }] });
    wider["tenants"].as_array_mut().unwrap().push(globex);
    wider
}

fn apply(agent: &Agent, document: &Value, window: &str) {
    let file = agent.file("wider.json", document).unwrap();
    agent
        .ok(&["apply", "-f", &file, "--yes", "--confirm-within", window])
        .unwrap();
}

fn causes(agent: &Agent) -> Vec<String> {
    let history = agent.json(&["history"]).unwrap()["items"].take();
    let all = history.as_array().unwrap().iter();
    all.map(|one| one["cause"].as_str().unwrap().to_owned()).collect()
}

fn pending(agent: &Agent) -> Value {
    agent.get("/v1/status").unwrap()["item"]["pending"].take()
}

fn wait_pending(agent: &Agent, revision: Option<u64>) {
    let so = || Ok(pending(agent)["revision"].as_u64() == revision);
    wait::until_true(wait::PATIENCE, "what waits to be confirmed", so).unwrap();
}

/// How many of 50 frames of globex come from node to node.
fn globex_arrive(pair: &Pair) -> u64 {
    let header = eth(BOB, ALICE).vlan(20);
    let ends = ((&pair.hosts[1], "c0"), (&pair.hosts[3], "c0"));
    let report = Probe::between(ends.0, ends.1, header).rate(500).run(50).unwrap();
    assert_eq!(report.sent, 50);
    report.sent - report.lost()
}

/// Confirmed at another node than it was applied at: it stays, at all nodes, long after its time. Meanwhile nobody else
/// changes anything, and everybody is told why.
#[test]
fn what_is_confirmed_in_time_stays() {
    let pair = Pair::start(3);
    let probe = pair.probe();
    apply(&pair.agents[0], &wider(), "6s");
    pair.wait_revision(2);
    for agent in &pair.agents {
        wait_pending(agent, Some(2));
        let told = pending(agent);
        assert_eq!(
            (told["before"].as_u64(), told["by"].as_str()),
            (Some(1), Some("edge1")),
            "{told}"
        );
        assert!(
            (1..=6).contains(&told["left_seconds"].as_u64().unwrap()),
            "{told}"
        );
        let history = agent.json(&["history"]).unwrap()["items"].take();
        assert_eq!(
            (&history[0]["pending"], &history[1]["pending"]),
            (&true.into(), &false.into())
        );
        let words = ["tenant", "attach", "initech", "--port", "eth2", "--vlan", "30"];
        let refused = agent.refused(&words, "confirm-pending").unwrap();
        assert!(
            refused.stderr.contains("revision 2, applied at edge1, waits"),
            "{}",
            refused.stderr
        );
    }
    pair.agents[1]
        .refused(&["confirm", "3"], "nothing-pending")
        .unwrap();
    pair.agents[1].ok(&["confirm", "2"]).unwrap();
    for agent in &pair.agents {
        wait_pending(agent, None);
        let history = agent.json(&["history"]).unwrap()["items"].take();
        assert_eq!(history[0]["pending"], false);
    }
    pair.agents[0].refused(&["confirm"], "nothing-pending").unwrap();
    assert_eq!(globex_arrive(&pair), 50);
    // Another change is made on top, and its time runs out: only that one is taken back.
    apply(&pair.agents[1], &document(), "3s");
    pair.wait_revision(4);
    assert_eq!(
        pair.agents.iter().map(export).collect::<Vec<_>>(),
        vec![export(&pair.agents[0]); 2]
    );
    assert_eq!(export(&pair.agents[0])["tenants"].as_array().unwrap().len(), 2);
    assert_eq!(
        causes(&pair.agents[0])[0],
        "return to 2: not confirmed within 3 s"
    );
    assert_eq!(globex_arrive(&pair), 50);
    unharmed(probe);
    pair.finish();
}

/// Nobody confirms, and the agent that took the change is dead: the other one goes back, once, when the time is over and
/// not before, although the leader of etcd died in between and its successor gave every lease its whole time anew.
#[test]
fn a_dead_agent_and_a_dead_leader_keep_nobody_from_going_back() {
    let mut pair = Pair::start(3);
    let probe = pair.probe();
    let before = export(&pair.agents[1]);
    let begun = Instant::now();
    apply(&pair.agents[0], &wider(), "8s");
    pair.wait_revision(2);
    wait_pending(&pair.agents[1], Some(2));
    pair.agents[0].kill9().unwrap();
    let leader = pair.etcd.leader().unwrap();
    pair.etcd.kill9(leader).unwrap();
    assert_eq!(globex_arrive(&pair), 50);
    crate::support::wait_revision(&pair.agents[1], 3);
    let took = begun.elapsed();
    assert!(
        took > Duration::from_secs(7) && took < Duration::from_secs(12),
        "{took:?}"
    );
    assert_eq!(export(&pair.agents[1]), before);
    assert_eq!(globex_arrive(&pair), 0);
    pair.etcd.start_all().unwrap();
    pair.agents[0].restart().unwrap();
    pair.wait_revision(3);
    assert_eq!(export(&pair.agents[0]), before);
    for agent in &pair.agents {
        wait_problem(agent, None);
        assert_eq!(causes(agent)[0], "return to 1: not confirmed within 8 s");
        assert_eq!(agent.get("/v1/status").unwrap()["revision"], 3, "went back twice");
    }
    unharmed(probe);
    pair.finish();
}

/// Both agents die while a revision waits, and come back long after its time: it is taken back at once.
#[test]
fn time_that_ran_out_while_all_agents_were_dead_is_over() {
    let mut pair = Pair::start(1);
    let probe = pair.probe();
    apply(&pair.agents[0], &wider(), "3s");
    pair.wait_revision(2);
    let lease = lease_of(&pair);
    for agent in &mut pair.agents {
        agent.kill9().unwrap();
    }
    let is_over = || {
        Ok(pair
            .etcd
            .ctl(&["lease", "timetolive", &lease])?
            .contains("already expired"))
    };
    wait::until_true(Duration::from_secs(15), "the end of the lease", is_over).unwrap();
    for agent in &mut pair.agents {
        agent.restart().unwrap();
    }
    pair.wait_revision(3);
    assert_eq!(export(&pair.agents[0])["tenants"].as_array().unwrap().len(), 1);
    unharmed(probe);
    pair.finish();
}

/// The lease of the revision that waits, as etcdctl wants it.
fn lease_of(pair: &Pair) -> String {
    let head = pair
        .etcd
        .ctl(&["get", "--print-value-only", "/lab/head"])
        .unwrap();
    let head: Value = serde_json::from_str(&head).unwrap();
    format!("{:x}", head["trial"]["lease"].as_i64().unwrap())
}

/// Frames that mean nothing here begin to come in after a change: nobody waits for the end of its time. A stopped agent is
/// no obstacle, and the same frames before a change are none either.
#[test]
fn frames_with_unknown_tags_take_a_change_back_at_once() {
    let pair = Pair::start(1);
    let probe = pair.probe();
    let begun = Instant::now();
    wait::until_true(wait::PATIENCE, "seconds that say what is usual", || {
        Ok(begun.elapsed() > Duration::from_secs(3))
    })
    .unwrap();
    let begun = Instant::now();
    apply(&pair.agents[0], &wider(), "60s");
    pair.wait_revision(2);
    wait_pending(&pair.agents[1], Some(2));
    let pid = Pid::from_raw(pair.agents[0].pid().unwrap().cast_signed());
    kill(pid, Signal::SIGSTOP).unwrap();
    // Nobody knows S-VID 777: what a neighbour with another document would send over the trunk.
    let strange = eth(BOB, ALICE).svlan(777).cvlan(1777);
    let edges = (pair.agents[0].namespace(), pair.agents[1].namespace());
    let flood = Probe::between((edges.0, "t0"), (edges.1, "t0"), strange)
        .rate(1000)
        .start()
        .unwrap();
    crate::support::wait_revision(&pair.agents[1], 3);
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    kill(pid, Signal::SIGCONT).unwrap();
    pair.wait_revision(3);
    let cause = causes(&pair.agents[0])[0].clone();
    assert!(
        cause.starts_with("return to 1: ") && cause.ends_with(" frames a second with unknown tags at edge2"),
        "{cause}"
    );
    // They go on. A change that has nothing to do with them is not taken back.
    wait_usual(&pair.agents[1]);
    apply(&pair.agents[0], &wider(), "60s");
    pair.wait_revision(4);
    wait_pending(&pair.agents[1], Some(4));
    let settled = Instant::now() + Duration::from_secs(4);
    let dropped = metric_of_unknown(&pair.agents[1]);
    wait::until_true(wait::PATIENCE, "four seconds of strange frames", || {
        Ok(Instant::now() > settled && metric_of_unknown(&pair.agents[1]) > dropped + 2000)
    })
    .unwrap();
    pair.agents[0].ok(&["confirm"]).unwrap();
    assert_eq!(metric(&pair.agents[1], "fabric_config_revision"), 4);
    flood.stop().unwrap();
    unharmed(probe);
    pair.finish();
}

fn metric_of_unknown(agent: &Agent) -> u64 {
    let counters = agent.get("/v1/counters").unwrap();
    let reasons = counters["item"]["reasons"].as_array().unwrap();
    let unknown = reasons
        .iter()
        .find(|one| one["reason"] == "unknown-tags")
        .unwrap();
    unknown["frames"].as_u64().unwrap()
}

/// Three seconds of strange frames with no change pending: then they are usual.
fn wait_usual(agent: &Agent) {
    let begun = (Instant::now(), metric_of_unknown(agent));
    let so = || Ok(begun.0.elapsed() > Duration::from_secs(3) && metric_of_unknown(agent) > begun.1 + 1500);
    wait::until_true(wait::PATIENCE, "strange frames to be usual", so).unwrap();
}

/// A node goes back before the time at its operator's word, from either side.
#[test]
fn a_rollback_to_the_revision_before_ends_the_wait() {
    let pair = Pair::start(1);
    let probe = pair.probe();
    apply(&pair.agents[0], &wider(), "60s");
    pair.wait_revision(2);
    wait_pending(&pair.agents[1], Some(2));
    pair.agents[1].ok(&["rollback", "1", "--yes"]).unwrap();
    pair.wait_revision(3);
    pair.agents.iter().for_each(|agent| wait_pending(agent, None));
    pair.attach(0, "initech", 30).unwrap();
    pair.wait_revision(4);
    unharmed(probe);
    pair.finish();
}

fn taken(alone: &Alone) -> Stored {
    alone.block_on(async || {
        let one = alone.open("edge1");
        one.commit(0, &stored(1, keys_document(0..1))).await.unwrap();
        let trial = Terms::Within(Duration::from_secs(60));
        one.put_in_force(1, &stored(2, keys_document(0..2)), trial)
            .await
            .unwrap();
    });
    stored(3, keys_document(0..1))
}

/// Many nodes find the time over at one moment: one goes back, the others are told so, and there is one new revision.
#[test]
fn of_many_who_go_back_one_does() {
    let alone = Alone::start();
    let back = taken(&alone);
    alone.block_on(async || {
        let stores: Vec<_> = (0..8)
            .map(|number| alone.open(&format!("edge{number}")))
            .collect();
        for store in &stores {
            assert_eq!(store.pending().await.unwrap().unwrap().revision, 2);
        }
        let [a, b, c, d, e, f, g, h] =
            [0, 1, 2, 3, 4, 5, 6, 7].map(|at| stores[at].put_in_force(2, &back, Terms::Back));
        let done = tokio::join!(a, b, c, d, e, f, g, h);
        let done: [Result<(), _>; 8] = done.into();
        let won = done.iter().filter(|done| done.is_ok()).count();
        assert_eq!(won, 1, "{done:?}");
        for refusal in done.into_iter().filter_map(Result::err) {
            assert_eq!(refusal.code.as_str(), "stale-revision", "{refusal}");
        }
        let now = stores[3].current().await.unwrap().unwrap();
        assert_eq!(now, back);
        assert!(stores[3].pending().await.unwrap().is_none());
    });
}

/// A confirmation and a return at one moment: exactly one of them is done.
#[test]
fn of_a_confirmation_and_a_return_one_is_done() {
    for _ in 0..6 {
        let alone = Alone::start();
        let back = taken(&alone);
        alone.block_on(async || {
            let (one, other) = (alone.open("edge1"), alone.open("edge2"));
            for store in [&one, &other] {
                assert!(store.pending().await.unwrap().is_some());
            }
            let (confirmed, returned) =
                tokio::join!(one.confirm(2), other.put_in_force(2, &back, Terms::Back));
            assert_ne!(confirmed.is_ok(), returned.is_ok(), "{confirmed:?} {returned:?}");
            let now = other.current().await.unwrap().unwrap();
            assert_eq!(now.revision, if confirmed.is_ok() { 2 } else { 3 });
            assert!(one.pending().await.unwrap().is_none());
            let late = other.put_in_force(2, &back, Terms::Back).await.unwrap_err();
            assert!(
                ["nothing-pending", "stale-revision"].contains(&late.code.as_str()),
                "{late}"
            );
        });
    }
}
