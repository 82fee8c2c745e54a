//! The store fails in every way we know; the data path does not notice.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use fabric_tests::wait;

use crate::support::{Pair, export, metric, said, unharmed, wait_problem, wait_revision};

const GONE: &str = "the store is of no use now";

/// The leader dies under traffic, then another member: a majority is there, changes go on, and no node complains.
#[test]
fn the_death_of_a_leader_costs_nothing_but_time() {
    let mut pair = Pair::start(3);
    let probe = pair.probe();
    let leader = pair.etcd.leader().unwrap();
    pair.etcd.kill9(leader).unwrap();
    pair.attach(0, "globex", 20).unwrap();
    pair.wait_revision(2);
    pair.etcd.start_all().unwrap();
    let follower = (pair.etcd.leader().unwrap() + 1) % 3;
    pair.etcd.kill9(follower).unwrap();
    pair.attach(1, "globex", 20).unwrap();
    pair.wait_revision(3);
    pair.agents.iter().for_each(|agent| wait_problem(agent, None));
    unharmed(probe);
    pair.finish();
}

/// A node that is cut off goes on with what it has, says so once, and catches up by itself, although what it missed is
/// compacted away meanwhile.
#[test]
fn a_node_that_was_cut_off_catches_up_over_a_compaction() {
    let pair = Pair::start(1);
    let probe = pair.probe();
    pair.set_way(1, false);
    wait_problem(&pair.agents[1], Some("does not answer"));
    assert_eq!(metric(&pair.agents[1], "fabric_store_reachable"), 0);
    for vlan in 20..24 {
        pair.attach(0, "globex", vlan).unwrap();
    }
    pair.etcd.compact().unwrap();
    pair.agents[1]
        .refused(
            &["tenant", "attach", "late", "--port", "eth2", "--vlan", "30"],
            "store-away",
        )
        .unwrap();
    assert_eq!(
        said(&pair.agents[1], GONE),
        1,
        "{}",
        pair.agents[1].log().unwrap()
    );
    pair.set_way(1, true);
    wait_revision(&pair.agents[1], 5);
    wait_problem(&pair.agents[1], None);
    assert_eq!(metric(&pair.agents[1], "fabric_store_reachable"), 1);
    assert_eq!(export(&pair.agents[0]), export(&pair.agents[1]));
    unharmed(probe);
    pair.finish();
}

/// With no etcd at all the nodes forward, start anew from their own copies, forward on, and come back to it by themselves.
#[test]
fn without_any_store_nodes_start_from_their_own_copies() {
    let mut pair = Pair::start(1);
    pair.attach(0, "globex", 20).unwrap();
    pair.wait_revision(2);
    let before = export(&pair.agents[1]);
    let probe = pair.probe();
    pair.etcd.kill_all().unwrap();
    for agent in &mut pair.agents {
        wait_problem(agent, Some("does not answer"));
        agent.kill9().unwrap();
        agent.restart().unwrap();
        wait_revision(agent, 2);
    }
    assert_eq!(export(&pair.agents[1]), before);
    pair.etcd.start_all().unwrap();
    pair.agents.iter().for_each(|agent| wait_problem(agent, None));
    pair.attach(1, "globex", 20).unwrap();
    pair.wait_revision(3);
    unharmed(probe);
    pair.finish();
}

/// The store comes back from a backup that is older than what the nodes carry: nothing that was attached since is lost.
#[test]
fn a_store_that_went_back_is_given_what_the_nodes_have() {
    let mut pair = Pair::start(1);
    let folder = tempfile::tempdir().unwrap();
    let backup = folder.path().join("backup.db");
    pair.etcd.backup(&backup).unwrap();
    pair.attach(0, "globex", 20).unwrap();
    pair.attach(1, "globex", 20).unwrap();
    pair.wait_revision(3);
    let before = export(&pair.agents[0]);
    let probe = pair.probe();
    pair.etcd.restore(&backup).unwrap();
    pair.wait_revision(4);
    for agent in &pair.agents {
        assert_eq!(export(agent), before);
        wait_problem(agent, None);
    }
    pair.attach(0, "initech", 30).unwrap();
    pair.wait_revision(5);
    unharmed(probe);
    pair.finish();
}

/// A store without room takes no change, and says so; everything else goes on; once there is room, changes do.
#[test]
fn a_full_store_refuses_changes_and_nothing_else() {
    let pair = Pair::start(1);
    let probe = pair.probe();
    raise_alarm(&pair, &member(&pair));
    let full = || {
        Ok(pair.agents[0]
            .cli(&["tenant", "attach", "globex", "--port", "eth2", "--vlan", "20"])?
            .stderr
            .contains("store-full"))
    };
    wait::until_true(wait::PATIENCE, "a refusal", full).unwrap();
    pair.agents[0].ok(&["history"]).unwrap();
    pair.etcd.ctl(&["alarm", "disarm"]).unwrap();
    pair.attach(0, "globex", 20).unwrap();
    pair.wait_revision(2);
    unharmed(probe);
    pair.finish();
}

fn member(pair: &Pair) -> String {
    let status = pair.etcd.ctl(&["endpoint", "status", "-w", "json"]).unwrap();
    let status: serde_json::Value = serde_json::from_str(&status).unwrap();
    status[0]["Status"]["header"]["member_id"].to_string()
}

/// What etcd does itself when its quota is used up.
fn raise_alarm(pair: &Pair, member: &str) {
    let body = format!(r#"{{"action":"ACTIVATE","memberID":"{member}","alarm":"NOSPACE"}}"#);
    let request = format!(
        "POST /v3/maintenance/alarm HTTP/1.1\r\nHost: etcd\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let send = || {
        let mut stream = TcpStream::connect("10.9.0.1:2379")?;
        stream.write_all(request.as_bytes())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    };
    let answer = pair.store.run(send).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}
