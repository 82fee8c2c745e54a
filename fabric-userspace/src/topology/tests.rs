use std::collections::BTreeSet;

use super::*;
use crate::model::{Document, Name, from_json};
use crate::validate::validate;

/// A fabric of trunks, each written `name:a-b`.
fn fabric(nodes: &[&str], trunks: &[&str]) -> Valid {
    let node = |name: &&str| serde_json::json!({"name": name, "datacenter": "d"});
    let link = |text: &&str| {
        let (name, ends) = text.split_once(':').expect("a name");
        let (a, b) = ends.split_once('-').expect("two ends");
        let end = |node| serde_json::json!({"node": node, "port": format!("t{name}")});
        serde_json::json!({"name": name, "kind": "trunk", "ends": [end(a), end(b)]})
    };
    let document = serde_json::json!({
        "schema": "fabric/1",
        "datacenters": [{"name": "d", "id": 1, "s_vids": "1-9", "c_vids": "1-9"}],
        "nodes": nodes.iter().map(node).collect::<Vec<_>>(),
        "links": trunks.iter().map(link).collect::<Vec<_>>(),
    });
    validate(from_json::<Document>(&document.to_string()).expect("a document")).expect("valid")
}

/// The same with a segment that has a member at each node, and some links out of service.
fn carrying(nodes: &[&str], trunks: &[&str], down: &[&str]) -> Valid {
    let mut document = serde_json::to_value(fabric(nodes, trunks).document()).expect("JSON");
    for link in document["links"].as_array_mut().expect("links") {
        link["down"] = down.iter().any(|name| link["name"] == *name).into();
    }
    let member = |node: &&str| serde_json::json!({"node": node, "port": "eth0", "vlan": 1});
    let members: Vec<_> = nodes.iter().map(member).collect();
    document["tenants"] =
        serde_json::json!([{"name": "acme", "segments": [{"name": "lan", "attachments": members}]}]);
    validate(from_json::<Document>(&document.to_string()).expect("a document")).expect("valid")
}

/// The links of a ring that a change could close, as `lost > gained`. Each node may go by the documents from a number on.
fn ring(documents: &[&Valid], from: &[usize]) -> Option<String> {
    let has = |node: &Name| {
        SQUARE
            .iter()
            .position(|name| node.as_str() == *name)
            .map_or(0, |at| from[at])
    };
    let ring = rings::closed_among(documents, |node, document| document >= has(node))?;
    assert_eq!(ring.segment.as_str(), "lan");
    Some(format!("{} > {}", ring.lost, ring.gained))
}

const SQUARE: [&str; 4] = ["a", "b", "c", "d"];
const ALL: [&str; 4] = ["ab:a-b", "ac:a-c", "bd:b-d", "cd:c-d"];

/// Both `a` and `b` by the old tree, `c` and `d` by the new one: ab, bd, dc and ca would all be in use.
#[test]
fn a_link_may_not_leave_the_tree_while_one_between_two_other_nodes_comes_in() {
    let old = carrying(&SQUARE, &ALL, &[]);
    let new = carrying(&SQUARE, &ALL[1..], &[]);
    assert_eq!(ring(&[&old, &new], &[0; 4]).as_deref(), Some("ab > cd"));
    assert_eq!(
        ring(&[&new, &old], &[0; 4]).as_deref(),
        Some("cd > ab"),
        "nor on the way back"
    );
    let first = carrying(&SQUARE, &ALL, &["ab"]);
    assert_eq!(ring(&[&old, &first], &[0; 4]), None);
    assert_eq!(ring(&[&first, &new], &[0; 4]), None, "out of service first");
    let all = [&old, &first, &new];
    assert_eq!(
        ring(&all, &[0, 0, 1, 1]).as_deref(),
        Some("ab > cd"),
        "where both know"
    );
    assert_eq!(ring(&all, &[0, 1, 1, 1]), None, "one of its ends knows");
}

/// Each change by itself is allowed, because the lost link and the new one meet at a node, which goes by one of both documents. But
/// a third document has both.
#[test]
fn a_node_that_is_two_documents_behind_can_close_a_ring_with_one_that_is_one_behind() {
    let without = |link: &str| {
        let trunks: Vec<&str> = ALL.into_iter().filter(|trunk| !trunk.starts_with(link)).collect();
        carrying(&SQUARE, &trunks, &[])
    };
    let [one, two, three] = ["ab:", "bd:", "cd:"].map(without);
    assert_eq!(ring(&[&one, &two], &[0; 4]), None);
    assert_eq!(ring(&[&two, &three], &[0; 4]), None);
    assert!(ring(&[&one, &two, &three], &[1, 1, 1, 0]).is_some());
    assert_eq!(ring(&[&one, &two, &three], &[1; 4]), None);
}

/// Datacenters `a` and `b` with two nodes each, and a tenant at all of them. A link whose name begins with `line` has labels; the last word
/// says that it is out of service.
fn two_sites(links: &[(&str, &str, bool)]) -> Valid {
    let link = |(number, (name, ends, down)): (usize, &(&str, &str, bool))| {
        let (a, b) = ends.split_once('-').expect("two ends");
        let is_line = name.starts_with("line");
        let end = |node: &str| {
            let mut end = serde_json::json!({"node": node, "port": format!("t{number}")});
            if is_line {
                end["mac"] = format!("02:00:00:00:{number:02x}:{node}").into();
            }
            end
        };
        let kind = if is_line { "pseudowire" } else { "trunk" };
        serde_json::json!({"name": name, "kind": kind, "down": down, "ends": [end(a), end(b)]})
    };
    let nodes = ["a1", "a2", "b1", "b2"];
    let node = |name: &str| serde_json::json!({"name": name, "datacenter": &name[..1]});
    let datacenter = |name: &str| {
        let id = u16::from(name == "b") + 1;
        let range = |first: u32| format!("{first}-{}", first + 99);
        serde_json::json!({"name": name, "id": id, "s_vids": range(u32::from(id) * 100), "c_vids": range(u32::from(id) * 1000),
                           "labels": range(u32::from(id) * 10_000)})
    };
    let member = |node: &str| serde_json::json!({"node": node, "port": "eth0", "vlan": 1});
    let datacenters = ["a", "b"].map(datacenter);
    let document = serde_json::json!({
        "schema": "fabric/1",
        "datacenters": datacenters,
        "nodes": nodes.map(node),
        "links": links.iter().enumerate().map(link).collect::<Vec<_>>(),
        "tenants": [{"name": "acme", "segments": [{"name": "lan", "attachments": nodes.map(member)}]}],
    });
    validate(from_json::<Document>(&document.to_string()).expect("a document")).expect("valid")
}

/// Two datacenters with labels between them, and a trunk from one to the other: with nodes of both documents what is for everybody would
/// go round by label and trunk.
#[test]
fn a_trunk_between_datacenters_that_labels_join_closes_a_ring() {
    let (inside, line) = (
        [("a", "a1-a2", false), ("b", "b1-b2", false)],
        ("line", "a1-b1", false),
    );
    let with = |more: &[(&str, &str, bool)]| two_sites(&[&inside[..], more].concat());
    let apart = with(&[line]);
    let joined = with(&[line, ("x", "a2-b2", false)]);
    let between =
        |old, new| rings::closed_between(old, new).map(|ring| format!("{} > {}", ring.lost, ring.gained));
    assert_eq!(between(&apart, &joined).as_deref(), Some("line > x"));
    assert_eq!(between(&joined, &apart).as_deref(), Some("x > line"));
    // Out of service first, each of them.
    let (cut, without) = (
        with(&[("line", "a1-b1", true)]),
        with(&[("line", "a1-b1", true), ("x", "a2-b2", false)]),
    );
    assert_eq!(
        (
            between(&apart, &cut),
            between(&cut, &without),
            between(&without, &joined)
        ),
        (None, None, None)
    );
    let idle = with(&[line, ("x", "a2-b2", true)]);
    assert_eq!((between(&joined, &idle), between(&idle, &apart)), (None, None));
    // A second line between the same datacenters is no ring: nothing goes from label to label.
    let doubled = with(&[line, ("line2", "a1-b1", false)]);
    assert_eq!(
        (between(&apart, &doubled), between(&doubled, &apart)),
        (None, None)
    );
}

/// With a second line the labels of both datacenters end at other nodes than before. While nodes go by both documents, what is for
/// everybody would come by the one and go back by the other. What joins the nodes of a datacenter are labels as well.
#[test]
fn labels_that_end_elsewhere_close_a_ring_with_those_of_before() {
    let inside = [("line-p", "a1-a2", false), ("line-q", "b1-b2", false)];
    let with = |more: &[(&str, &str, bool)]| two_sites(&[&inside[..], more].concat());
    let one = with(&[("line2", "a2-b2", false)]);
    let both = with(&[("line2", "a2-b2", false), ("line1", "a1-b1", false)]);
    let between =
        |old, new| rings::closed_between(old, new).map(|ring| format!("{} > {}", ring.lost, ring.gained));
    assert!(!rings::gains_a_link(&one, &both) && rings::moves_labels(&one, &both));
    assert_eq!(between(&one, &both).as_deref(), Some("line2 > line1"));
    assert!(between(&both, &one).is_some(), "nor on the way back");
    // Out of service first, and in service again.
    let cut = with(&[("line2", "a2-b2", true)]);
    let other = with(&[("line2", "a2-b2", true), ("line1", "a1-b1", false)]);
    let ways = [between(&one, &cut), between(&cut, &other), between(&other, &both)];
    assert_eq!(ways, [None, None, None]);
}

/// On the wire a segment is what its tags say.
#[test]
fn a_segment_that_gets_another_name_is_the_same_one() {
    let old = carrying(&SQUARE, &ALL, &[]);
    let mut document = serde_json::to_value(carrying(&SQUARE, &ALL[1..], &[]).document()).expect("JSON");
    document["tenants"][0]["segments"][0]["name"] = "lan2".into();
    let new = validate(from_json::<Document>(&document.to_string()).expect("a document")).expect("valid");
    let ring = rings::closed_between(&old, &new).expect("a ring");
    assert_eq!(ring.segment.as_str(), "lan2");
}

#[test]
fn links_that_can_be_in_no_ring_together_may_change_at_once() {
    // The other end of the new link is the node that loses the old one: it goes by one of them.
    let old = carrying(&["a", "b", "c"], &["ab:a-b", "bc:b-c"], &[]);
    let new = carrying(&["a", "b", "c"], &["ab:a-b", "ac:a-c"], &[]);
    assert_eq!(rings::closed_between(&old, &new), None);
    // At opposite ends of the fabric.
    let nodes = ["a", "b", "c", "d", "e"];
    let old = carrying(&nodes, &["ab:a-b", "bc:b-c", "cd:c-d", "de:d-e", "de2:d-e"], &[]);
    let new = carrying(&nodes, &["ab2:a-b", "bc:b-c", "cd:c-d", "de2:d-e"], &[]);
    assert_eq!(rings::closed_between(&old, &new), None);
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
