//! Four nodes in a ring, whose agents write into tables in memory: which changes of the spanning tree wait for whom.

use fabric_tests::etcd::Etcd;
use fabric_tests::fixtures::{Segment, Site};
use fabric_tests::fleet::Fleet;
use fabric_tests::topology::Net;
use fabric_tests::wait;
use serde_json::{Value, json};

const NODES: [&str; 4] = ["edge1", "edge2", "edge3", "edge4"];

fn square() -> Value {
    let members = NODES.iter().zip([301, 201, 211, 221]);
    let segment = members.fold(Segment::new("acme-v10", 101, 1101), |segment, (node, c_vid)| {
        segment.at(node, "eth1", 10, c_vid)
    });
    Site::new(&NODES)
        .trunk("a", "edge1", "edge2")
        .trunk("b", "edge1", "edge3")
        .trunk("c", "edge2", "edge4")
        .trunk("d", "edge3", "edge4")
        .tenant("acme", &[segment])
        .document()
}

fn wait_for(fleet: &Fleet, at: usize, revision: u64) {
    let has = || Ok(fleet.carried(at)?.revision == revision);
    let what = format!("revision {revision} at {}", NODES[at]);
    wait::until_true(2 * wait::PATIENCE, &what, has).unwrap();
}

/// The link between edge1 and edge2 leaves the tree, and the one between edge3 and edge4 comes in. Out of service at the others
/// is not enough: two nodes whose agents are dead forward by what they had, and the ring would be closed as long as they do.
#[test]
fn a_link_comes_into_the_tree_when_no_two_nodes_use_one_that_has_left_it() {
    let net = Net::new().unwrap();
    let store = net.host("store").unwrap();
    let etcd = Etcd::start(&store, &["127.0.0.1"], &[]).unwrap();
    let nodes = NODES.map(str::to_owned).to_vec();
    let mut fleet = Fleet::new(&store, &etcd.url("fleet"), nodes).unwrap();
    fleet.start(2).unwrap();
    fleet.request(2, "PUT", "/v1/document", &square()).unwrap();
    for at in [0, 1, 3] {
        fleet.start(at).unwrap();
    }
    (0..NODES.len()).for_each(|at| wait_for(&fleet, at, 1));
    let edit = |fleet: &Fleet, edit: Value| fleet.request(2, "POST", "/v1/edit", &edit);
    let remove = || json!({"op": "remove-link", "link": "a"});
    let refused = |fleet: &Fleet, words: &[&str]| {
        let error = format!("{:#}", edit(fleet, remove()).unwrap_err());
        assert!(error.contains("two-trees"), "{error}");
        words
            .iter()
            .for_each(|word| assert!(error.contains(word), "{word}: {error}"));
    };
    refused(&fleet, &["link d", "link a", "fabric link down a"]);
    fleet.kill(0).unwrap();
    fleet.kill(1).unwrap();
    edit(&fleet, json!({"op": "set-link", "link": "a", "down": true})).unwrap();
    wait_for(&fleet, 3, 2);
    refused(&fleet, &["edge1 at revision 1", "edge2 at revision 1"]);
    // A link that one of its ends has taken out of service carries nothing.
    fleet.start(1).unwrap();
    wait_for(&fleet, 1, 2);
    edit(&fleet, remove()).unwrap();
    fleet.start(0).unwrap();
    (0..NODES.len()).for_each(|at| wait_for(&fleet, at, 3));
    drop(fleet);
    drop(etcd);
    net.tear_down().unwrap();
}
