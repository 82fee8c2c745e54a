//! Numbers that wait until every node has confirmed that a tenant gave them up, and what else goes on while the store decides.

use std::thread;
use std::time::{Duration, Instant};

use fabric_tests::fabric::{Agent, CliOutput};
use fabric_tests::fixtures::{Segment, Site};
use fabric_tests::wait;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::support::{Pair, document, export, pair_of_nodes, unharmed, wait_revision};

/// S-VID and C-VIDs of a tenant's only segment, in the document of a node.
fn numbers(agent: &Agent, tenant: &str) -> (u64, Vec<u64>) {
    let document = export(agent);
    let tenants = document["tenants"].as_array().unwrap();
    let segment = &tenants.iter().find(|one| one["name"] == tenant).unwrap()["segments"][0];
    let number = |value: &Value| value.as_u64().unwrap();
    let ends = segment["attachments"].as_array().unwrap().iter();
    let c_vids = ends
        .map(|end| number(&end["c_vid"]))
        .chain([number(&segment["c_vid"])]);
    (number(&segment["s_vid"]), c_vids.collect())
}

/// With S-VID 150, which only one tenant can have.
fn attach_150(agent: &Agent, tenant: &str) -> CliOutput {
    let words = ["tenant", "attach", tenant, "--port", "eth2", "--vlan", "20"];
    let numbers = ["--s-vid", "150", "--c-vid", "1150"];
    agent.cli(&[words.as_slice(), &numbers].concat()).unwrap()
}

fn revision(agent: &Agent) -> u64 {
    agent.get("/v1/status").unwrap()["revision"].as_u64().unwrap()
}

fn remove(agent: &Agent, tenant: &str) {
    agent.ok(&["tenant", "remove", tenant, "--yes"]).unwrap();
}

fn stop(agent: &Agent, signal: Signal) {
    kill(Pid::from_raw(agent.pid().unwrap().cast_signed()), signal).unwrap();
}

/// While a node is held back, a new tenant gets the next numbers at once, in a command and in a document that leaves them out;
/// the tenant who gave numbers up gets his own back; and when the node has confirmed, anybody gets the lowest again.
#[test]
fn numbers_that_wait_are_passed_over() {
    let pair = Pair::start(1);
    let probe = pair.probe();
    pair.attach(0, "globex", 20).unwrap();
    pair.wait_revision(2);
    pair.wait_confirmed("edge2", 2);
    let given_up = numbers(&pair.agents[0], "globex");
    stop(&pair.agents[1], Signal::SIGSTOP);
    remove(&pair.agents[0], "globex");
    let begun = Instant::now();
    pair.attach(0, "initech", 30).unwrap();
    assert!(
        begun.elapsed() < Duration::from_millis(1400),
        "it waited for the node: {:?}",
        begun.elapsed()
    );
    let others = numbers(&pair.agents[0], "initech");
    assert_ne!(others.0, given_up.0);
    let mut wanted = export(&pair.agents[0]);
    let umbrella = serde_json::json!({ "name": "umbrella", "segments": [{ "name": "umbrella-v40", "attachments": [
        { "node": "edge1", "port": "eth2", "vlan": 40 } ] }] });
    wanted["tenants"].as_array_mut().unwrap().push(umbrella);
    let file = pair.agents[0].file("wanted.json", &wanted).unwrap();
    pair.agents[0].ok(&["apply", "-f", &file, "--yes"]).unwrap();
    let third = numbers(&pair.agents[0], "umbrella").0;
    assert!(third != given_up.0 && third != others.0, "{third}");
    pair.attach(0, "globex", 20).unwrap();
    assert_eq!(
        numbers(&pair.agents[0], "globex"),
        given_up,
        "it may have them back at once"
    );
    remove(&pair.agents[0], "globex");
    stop(&pair.agents[1], Signal::SIGCONT);
    pair.wait_confirmed("edge2", 7);
    pair.attach(0, "wonka", 50).unwrap();
    assert_eq!(numbers(&pair.agents[0], "wonka").0, given_up.0);
    pair.wait_revision(8);
    unharmed(probe);
    pair.finish();
}

/// A node whose data path is taken down in order goes by no revision any more: nobody waits for it, although it is in the
/// document.
#[test]
fn a_node_that_is_taken_down_holds_no_number_back() {
    let mut pair = Pair::start(1);
    attach_150(&pair.agents[0], "globex").expect_status(0).unwrap();
    pair.wait_revision(2);
    pair.wait_confirmed("edge2", 2);
    let mut edge2 = pair.agents.pop().unwrap();
    edge2.allow("port is not safe, its frames are dropped port=t0");
    edge2.finish().unwrap();
    for key in ["/lab/confirmed/edge2", "/lab/nodes/edge2"] {
        assert_eq!(pair.etcd.ctl(&["get", key]).unwrap(), "", "{key} is still there");
    }
    remove(&pair.agents[0], "globex");
    attach_150(&pair.agents[0], "initech").expect_status(0).unwrap();
    pair.finish();
}

/// What a node had before it was taken down may be others' when it begins again: as long as the store does not say what is in force, it
/// forwards nothing.
#[test]
fn a_node_that_was_taken_down_does_not_begin_with_what_it_had() {
    let mut pair = Pair::start(1);
    let passes = |pair: &Pair| {
        let (begun, probe) = (Instant::now(), pair.probe());
        let some = || Ok(begun.elapsed() > Duration::from_millis(200));
        wait::until_true(wait::PATIENCE, "some frames to be sent", some).unwrap();
        probe.stop().unwrap().received > 0
    };
    assert!(passes(&pair));
    pair.agents[1].allow("port is not safe, its frames are dropped port=t0");
    pair.agents[1].detach().unwrap();
    pair.set_way(1, false);
    for _ in 0..2 {
        pair.agents[1].restart().unwrap();
        let listed = pair.agents[1].json(&["port", "list"]).unwrap();
        assert_eq!(listed["items"], serde_json::json!([]));
        assert!(!passes(&pair));
        pair.agents[1].terminate().unwrap();
    }
    pair.agents[1].restart().unwrap();
    pair.set_way(1, true);
    pair.wait_revision(1);
    wait::until_true(wait::PATIENCE, "frames from node to node", || Ok(passes(&pair))).unwrap();
    pair.finish();
}

/// A node that is gone for good holds numbers back until it is taken out of the document, and no longer.
#[test]
fn a_node_that_leaves_the_document_holds_no_number_back() {
    let mut pair = Pair::start(1);
    attach_150(&pair.agents[0], "globex").expect_status(0).unwrap();
    pair.wait_revision(2);
    pair.wait_confirmed("edge2", 2);
    pair.agents[1].kill9().unwrap();
    remove(&pair.agents[0], "globex");
    let refused = attach_150(&pair.agents[0], "initech");
    assert!(
        refused.stderr.contains("edge2 has not confirmed"),
        "{}",
        refused.stderr
    );
    for words in [
        &[
            "tenant", "detach", "acme", "--node", "edge2", "--port", "eth1", "--vlan", "10", "--yes",
        ][..],
        &["link", "remove", "trunk0", "--yes"],
        &["node", "remove", "edge2", "--yes"],
    ] {
        pair.agents[0].ok(words).unwrap();
    }
    attach_150(&pair.agents[0], "initech").expect_status(0).unwrap();
    pair.agents[1].restart().unwrap();
    pair.finish();
}

/// A node that was out of the document while numbers that its maps have went to somebody else does not come back with those maps.
#[test]
fn a_node_comes_back_when_it_has_forgotten_what_belongs_to_others_by_now() {
    let mut pair = Pair::start(1);
    attach_150(&pair.agents[0], "globex").expect_status(0).unwrap();
    pair.wait_revision(2);
    pair.wait_confirmed("edge2", 2);
    let before = pair.agents[0].file("before.json", &document()).unwrap();
    pair.agents[1].kill9().unwrap();
    remove(&pair.agents[0], "globex");
    let alone = Site::new(&["edge1"]).document();
    let alone = pair.agents[0].file("alone.json", &alone).unwrap();
    pair.agents[0].ok(&["apply", "-f", &alone, "--yes"]).unwrap();
    let back = ["node", "add", "edge2", "--datacenter", "dc1"];
    // Nobody has got anything yet.
    pair.agents[0].ok(&back).unwrap();
    pair.agents[0].ok(&["node", "remove", "edge2", "--yes"]).unwrap();
    attach_150(&pair.agents[0], "initech").expect_status(0).unwrap();
    for _ in 0..2 {
        for words in [&back[..], &["apply", "-f", &before, "--yes"]] {
            let refused = pair.agents[0].refused(words, "number-in-use").unwrap();
            assert!(
                refused.stderr.contains("node edge2 forwards by revision 2"),
                "{}",
                refused.stderr
            );
        }
        // An agent there does not help, as long as it goes by what it had.
        if pair.agents[1].pid().is_none() {
            pair.agents[1].restart().unwrap();
        }
    }
    pair.agents[1].allow("port is not safe, its frames are dropped port=t0");
    pair.agents[1].detach().unwrap();
    pair.agents[0].ok(&["apply", "-f", &before, "--yes"]).unwrap();
    pair.agents[1].restart().unwrap();
    wait_revision(&pair.agents[1], revision(&pair.agents[0]));
    pair.finish();
}

/// A renamed node counts as one that has not confirmed before it is heard of by its new name: its host still goes by the old numbers.
#[test]
fn a_renamed_node_holds_numbers_back_until_it_is_heard_of() {
    let mut pair = Pair::start(1);
    attach_150(&pair.agents[0], "globex").expect_status(0).unwrap();
    pair.wait_revision(2);
    pair.wait_confirmed("edge2", 2);
    let renamed = export(&pair.agents[0]).to_string().replace("edge2", "edge9");
    let renamed: Value = serde_json::from_str(&renamed).unwrap();
    let renamed = pair.agents[0].file("renamed.json", &renamed).unwrap();
    pair.agents[0].ok(&["apply", "-f", &renamed, "--yes"]).unwrap();
    remove(&pair.agents[0], "globex");
    let refused = attach_150(&pair.agents[0], "initech");
    assert!(
        refused.stderr.contains("edge9 has not confirmed"),
        "{}",
        refused.stderr
    );
    let revision = revision(&pair.agents[0]).to_string();
    // As its agent does when it begins under that name.
    pair.etcd
        .ctl(&["put", "/lab/confirmed/edge9", &revision])
        .unwrap();
    attach_150(&pair.agents[0], "initech").expect_status(0).unwrap();
    pair.agents[1].allow("document refused");
    pair.finish();
}

/// Numbers of many tenants go to as many others at once, and what was noted of them is forgotten.
#[test]
fn numbers_of_many_go_to_many_others_at_once() {
    let pair = Pair::start(1);
    let many = |prefix: &str| {
        let site = pair_of_nodes();
        let site = (0..150_u16).fold(site, |site, number| {
            let name = format!("{prefix}{number}");
            let segment = Segment::new(&format!("{name}-lan"), 200 + number, 1101)
                .at("edge1", "eth2", 100 + number, 301)
                .at("edge2", "eth2", 100 + number, 302);
            site.tenant(&name, &[segment])
        });
        pair.agents[0]
            .file(&format!("{prefix}.json"), &site.document())
            .unwrap()
    };
    let plain = pair.agents[0].file("plain.json", &document()).unwrap();
    for (file, last) in [(many("one"), 2), (plain, 3), (many("two"), 4)] {
        pair.agents[0].ok(&["apply", "-f", &file, "--yes"]).unwrap();
        pair.wait_revision(last);
        pair.wait_confirmed("edge2", last);
    }
    let left = pair
        .etcd
        .ctl(&["get", "--prefix", "--keys-only", "/lab/released/"])
        .unwrap();
    assert_eq!(left.trim(), "");
    pair.finish();
}

/// The store does not answer, and a change waits for it for seconds: whoever only looks is answered meanwhile.
#[test]
fn a_change_that_waits_for_the_store_keeps_nobody_else_waiting() {
    let pair = Pair::start(1);
    let probe = pair.probe();
    pair.set_way(0, false);
    let console = pair.agents[0].console();
    let begun = Instant::now();
    let change = thread::spawn(move || {
        let words = ["tenant", "attach", "globex", "--port", "eth2", "--vlan", "20"];
        console.cli(&words).unwrap()
    });
    let mut slowest = Duration::ZERO;
    let mut looks = 0;
    while !change.is_finished() {
        for path in ["/v1/status", "/v1/counters", "/v1/ports"] {
            let asked = Instant::now();
            pair.agents[0].get(path).unwrap();
            slowest = slowest.max(asked.elapsed());
            looks += 1;
        }
    }
    let took = begun.elapsed();
    let said = change.join().unwrap();
    assert!(said.stderr.contains("code: store-away"), "{}", said.stderr);
    assert!(
        took > Duration::from_secs(3),
        "the store was not waited for: {took:?}"
    );
    assert!(
        slowest < Duration::from_secs(1),
        "the slowest of {looks} looks took {slowest:?}"
    );
    pair.set_way(0, true);
    wait::until_true(2 * wait::PATIENCE, "the store to be back", || {
        Ok(pair.agents[0].get("/v1/status")?["item"]["state"] == "ok")
    })
    .unwrap();
    pair.attach(0, "globex", 20).unwrap();
    wait_revision(&pair.agents[1], 2);
    unharmed(probe);
    pair.finish();
}
