//! Nodes and revisions as an operator sees them.

use serde_json::Value;

use crate::support::{Pair, export, unharmed, wait_problem};

/// A change made at one node is in force at both; history and rollback are the same everywhere; nobody loses a frame.
#[test]
fn a_change_at_any_node_reaches_all_of_them() {
    let pair = Pair::start(1);
    let probe = pair.probe();
    pair.attach(0, "globex", 20).unwrap();
    let listed = pair.agents[1].json(&["status", "--wait", "2"]).unwrap();
    assert_eq!(
        states(&listed),
        [("edge1", "live", 2), ("edge2", "live", 2)].map(owned)
    );
    pair.attach(1, "globex", 20).unwrap();
    pair.agents[0].ok(&["status", "--wait", "3"]).unwrap();
    assert_eq!(export(&pair.agents[0]), export(&pair.agents[1]));
    let histories = [0, 1].map(|at| pair.agents[at].json(&["history"]).unwrap()["items"].take());
    assert_eq!(histories[0], histories[1]);
    let by: Vec<_> = histories[0]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["by"].clone())
        .collect();
    assert_eq!(by[..2], ["edge2", "edge1"]);
    pair.agents[1].ok(&["rollback", "1", "--yes"]).unwrap();
    pair.agents[1].ok(&["status", "--wait", "4"]).unwrap();
    let tenants = export(&pair.agents[0])["tenants"].as_array().unwrap().len();
    assert_eq!(tenants, 1);
    pair.agents.iter().for_each(|agent| wait_problem(agent, None));
    unharmed(probe);
    pair.finish();
}

/// A node that cannot carry a document out keeps what it has and says why; the other one goes ahead; when the reason is
/// gone, it follows by itself.
#[test]
fn a_document_that_one_node_refuses_is_in_force_at_the_others() {
    let pair = Pair::start(1);
    let probe = pair.probe();
    let words = [
        "tenant", "attach", "globex", "--node", "edge2", "--port", "eth9", "--vlan", "20",
    ];
    pair.agents[0].ok(&words).unwrap();
    let missing = pair.agents[0]
        .refused(&["status", "--wait", "2"], "not-everywhere")
        .unwrap();
    assert!(
        missing.stderr.contains("edge2 has 1 and refused 2: "),
        "{}",
        missing.stderr
    );
    assert!(missing.stderr.contains("eth9"), "{}", missing.stderr);
    let listed = pair.agents[1].json(&["node", "list"]).unwrap();
    assert_eq!(
        states(&listed),
        [("edge1", "live", 2), ("edge2", "refused", 1)].map(owned)
    );
    wait_problem(&pair.agents[1], Some("revision 2 is refused here"));
    let edge = pair.agents[1].namespace();
    edge.output(&[
        "ip", "link", "add", "eth9", "type", "veth", "peer", "name", "far9",
    ])
    .unwrap();
    for name in ["eth9", "far9"] {
        edge.output(&["ip", "link", "set", name, "up"]).unwrap();
    }
    pair.wait_revision(2);
    pair.agents[0].ok(&["status", "--wait", "2"]).unwrap();
    unharmed(probe);
    pair.finish();
}

/// A node that dies is listed as away once its lease is over, and is not waited for.
#[test]
fn a_dead_node_is_away_and_nobody_waits_for_it() {
    let mut pair = Pair::start(1);
    let probe = pair.probe();
    pair.agents[1].kill9().unwrap();
    let away = || {
        let listed = pair.agents[0].json(&["node", "list"])?;
        Ok(listed["items"][1]["state"] == "away")
    };
    fabric_tests::wait::until_true(std::time::Duration::from_secs(25), "edge2 to be away", away).unwrap();
    pair.attach(0, "globex", 20).unwrap();
    pair.agents[0].ok(&["status", "--wait", "2"]).unwrap();
    pair.agents[1].restart().unwrap();
    pair.wait_revision(2);
    unharmed(probe);
    pair.finish();
}

fn owned((node, state, revision): (&str, &str, u64)) -> (String, String, u64) {
    (node.to_owned(), state.to_owned(), revision)
}

fn states(listed: &Value) -> Vec<(String, String, u64)> {
    let items = listed["items"].as_array().unwrap().iter();
    items
        .map(|node| {
            let text = |field: &str| node[field].as_str().unwrap().to_owned();
            (
                text("name"),
                text("state"),
                node["revision"].as_u64().unwrap_or_default(),
            )
        })
        .collect()
}
