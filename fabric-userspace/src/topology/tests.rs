use std::collections::BTreeSet;

use super::*;
use crate::model::{Document, from_json};
use crate::validate::validate;

/// A fabric of trunks, each written `name:a-b`.
fn fabric(nodes: &[&str], trunks: &[&str]) -> Valid {
    let node = |name: &&str| serde_json::json!({"name": name, "datacenter": "d"});
    let link = |(at, text): (usize, &&str)| {
        let (name, ends) = text.split_once(':').expect("a name");
        let (a, b) = ends.split_once('-').expect("two ends");
        let end = |node| serde_json::json!({"node": node, "port": format!("t{at}")});
        serde_json::json!({"name": name, "kind": "trunk", "ends": [end(a), end(b)]})
    };
    let document = serde_json::json!({
        "schema": "fabric/1",
        "datacenters": [{"name": "d", "id": 1, "s_vids": "1-9", "c_vids": "1-9"}],
        "nodes": nodes.iter().map(node).collect::<Vec<_>>(),
        "links": trunks.iter().enumerate().map(link).collect::<Vec<_>>(),
    });
    validate(from_json::<Document>(&document.to_string()).expect("a document")).expect("valid")
}

fn node(valid: &Valid, name: &str) -> NodeIx {
    valid.find_node(name).expect("a node")
}

fn names(valid: &Valid, links: impl IntoIterator<Item = LinkIx>) -> Vec<String> {
    links
        .into_iter()
        .map(|link| valid.link(link).name.to_string())
        .collect()
}

fn member_links(valid: &Valid, at: &str, members: &[&str]) -> Vec<String> {
    let members = members.iter().map(|name| node(valid, name)).collect();
    names(valid, Tree::build(valid).member_links(node(valid, at), &members))
}

fn next(valid: &Valid, from: &str, to: &str) -> Option<String> {
    let link = Tree::build(valid).next_link(node(valid, from), node(valid, to))?;
    Some(valid.link(link).name.to_string())
}

fn triangle() -> Valid {
    fabric(&["c", "a", "b"], &["bc:b-c", "ab:a-b", "ac:a-c"])
}

#[test]
fn a_triangle_is_cut_at_the_link_that_does_not_touch_the_lowest_node() {
    let valid = triangle();
    assert_eq!(member_links(&valid, "b", &["a", "b", "c"]), ["ab"]);
    assert_eq!(member_links(&valid, "a", &["a", "b", "c"]), ["ab", "ac"]);
    assert_eq!(next(&valid, "b", "c").as_deref(), Some("ab"));
    assert_eq!(next(&valid, "a", "c").as_deref(), Some("ac"));
    assert_eq!(next(&valid, "a", "a"), None);
}

#[test]
fn the_order_of_the_document_does_not_matter() {
    let other = fabric(&["a", "b", "c"], &["ac:c-a", "bc:c-b", "ab:b-a"]);
    for (from, to) in [("a", "b"), ("b", "c"), ("c", "a")] {
        assert_eq!(next(&triangle(), from, to), next(&other, from, to));
    }
}

#[test]
fn of_parallel_links_the_lower_name_in_natural_order_is_used() {
    let valid = fabric(&["a", "b"], &["trunk10:a-b", "trunk2:a-b"]);
    assert_eq!(next(&valid, "a", "b").as_deref(), Some("trunk2"));
    assert_eq!(member_links(&valid, "a", &["a", "b"]), ["trunk2"]);
}

#[test]
fn a_node_between_members_carries_and_one_beside_them_does_not() {
    let valid = fabric(
        &["n1", "n2", "n3", "n4"],
        &["l12:n1-n2", "l23:n2-n3", "l34:n3-n4"],
    );
    assert_eq!(member_links(&valid, "n2", &["n1", "n3"]), ["l12", "l23"]);
    assert_eq!(member_links(&valid, "n3", &["n1", "n3"]), ["l23"]);
    assert!(member_links(&valid, "n4", &["n1", "n3"]).is_empty());
    assert!(member_links(&valid, "n1", &["n3"]).is_empty());
}

#[test]
fn separate_parts_of_the_fabric_have_trees_of_their_own() {
    let valid = fabric(&["a", "b", "x", "y"], &["ab:a-b", "xy:x-y"]);
    assert_eq!(next(&valid, "a", "y"), None);
    assert_eq!(next(&valid, "y", "x").as_deref(), Some("xy"));
    assert!(!valid.tree().joins(node(&valid, "b"), node(&valid, "x")));
    assert_eq!(member_links(&valid, "a", &["a", "b", "x"]), ["ab"]);
}

proptest::proptest! {
    #[test]
    fn member_links_are_those_of_the_paths_between_members(
        ends in proptest::collection::vec((0usize..7, 0usize..7), 0..14),
        chosen in proptest::collection::btree_set(0usize..7, 0..7),
    ) {
        let trunks: Vec<String> = ends.iter().enumerate().filter(|(_, (a, b))| a != b)
            .map(|(at, (a, b))| format!("l{at}:n{a}-n{b}")).collect();
        let all = ["n0", "n1", "n2", "n3", "n4", "n5", "n6"];
        let valid = fabric(&all, &trunks.iter().map(String::as_str).collect::<Vec<_>>());
        let tree = Tree::build(&valid);
        let members: BTreeSet<NodeIx> = chosen.into_iter().map(NodeIx::new).collect();
        let mut walked = vec![BTreeSet::new(); all.len()];
        for from in &members {
            for to in members.iter().filter(|to| tree.joins(*from, **to)) {
                walk(&valid, &tree, (*from, *to), &mut walked);
            }
        }
        for (at, links) in walked.iter().enumerate() {
            let found = tree.member_links(NodeIx::new(at), &members);
            // A node on no path among members of its own part has none.
            assert_eq!(&found.iter().copied().collect::<BTreeSet<_>>(), links, "node {at}");
        }
    }
}

/// Follows `next_link` hop by hop, which must arrive, and notes each link at both of its ends.
fn walk(valid: &Valid, tree: &Tree, (from, to): (NodeIx, NodeIx), walked: &mut [BTreeSet<LinkIx>]) {
    let mut at = from;
    for _ in 0..valid.nodes().len() {
        let Some(link) = tree.next_link(at, to) else { break };
        let far = valid.link(link).far_node(at).expect("a link of this node");
        walked[at.index()].insert(link);
        walked[far.index()].insert(link);
        at = far;
    }
    assert_eq!(at, to, "no arrival");
}

#[test]
fn links_by_label_are_no_branches_and_links_inside_a_datacenter_are() {
    let text = include_str!("../../../docs/examples/figure-2.json");
    let valid = validate(from_json::<Document>(text).expect("a document")).expect("valid");
    assert_eq!(next(&valid, "116", "124").as_deref(), Some("lan-100"));
    assert_eq!(next(&valid, "124", "222"), None);
    assert_eq!(member_links(&valid, "124", &["116", "124", "212"]), ["lan-100"]);
    let islands = Islands::of(valid.tree(), valid.nodes(), valid.links());
    assert!(islands.labelled(node(&valid, "116"), node(&valid, "212")));
    assert_eq!(
        islands.island(node(&valid, "116")),
        islands.island(node(&valid, "124"))
    );
}
