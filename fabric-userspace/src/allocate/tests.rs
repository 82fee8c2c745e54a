use std::collections::HashSet;

use super::*;
use crate::model::{ServiceVid, from_json};

fn document(datacenters: &str, tenants: &str) -> Document {
    from_json(&format!(
        r#"{{"schema":"fabric/1","datacenters":[{datacenters}],
            "nodes":[{{"name":"n1","datacenter":"dc1"}},{{"name":"n2","datacenter":"dc1"}},{{"name":"m1","datacenter":"dc2"}}],
            "links":[
              {{"name":"out","kind":"vxlan","ends":[{{"node":"n1","port":"u0","address":"192.0.2.1"}},{{"address":"192.0.2.2"}}]}},
              {{"name":"t","kind":"trunk","ends":[{{"node":"n1","port":"t0"}},{{"node":"n2","port":"t0"}}]}}],
            "tenants":[{{"name":"acme","segments":[{tenants}]}}]}}"#
    ))
    .expect("a document")
}

const DC1: &str = r#"{"name":"dc1","id":1,"s_vids":"100-1099","c_vids":"200-3999","vnis":"10000-19999"}"#;
const DC2: &str = r#"{"name":"dc2","id":2,"s_vids":"2000-2999","c_vids":"4000-4094","vnis":"20000-29999"}"#;
const SMALL: &str = r#"{"name":"dc1","id":1,"s_vids":"5-6","c_vids":"10-14"}"#;

fn segment(name: &str, rest: &str) -> String {
    format!(r#"{{"name":"{name}"{rest}}}"#)
}

fn attached(name: &str, count: usize) -> String {
    let end = |at| format!(r#"{{"node":"n1","port":"{name}{at}","vlan":"untagged"}}"#);
    let ends: Vec<String> = (0..count).map(end).collect();
    segment(name, &format!(r#","attachments":[{}]"#, ends.join(",")))
}

fn first(document: &Document) -> &Segment {
    &document.tenants[0].segments[0]
}

fn number(vid: Option<ServiceVid>) -> Option<u16> {
    vid.map(ServiceVid::get)
}

#[test]
fn numbers_are_the_lowest_free_ones_and_the_base_is_easy_to_read() {
    let mut document = document(DC1, &[attached("a", 2), attached("b", 1)].join(","));
    let allocated = allocate(&mut document);
    let [a, b] = document.tenants[0].segments.as_slice() else {
        panic!("two segments")
    };
    assert_eq!((number(a.s_vid), number(a.c_vid)), (Some(100), Some(1100)));
    assert_eq!((number(b.s_vid), number(b.c_vid)), (Some(101), Some(1101)));
    let ends: Vec<_> = a.attachments.iter().map(|end| number(end.c_vid)).collect();
    assert_eq!(ends, [Some(200), Some(201)]);
    assert_eq!(allocated.iter().map(Name::as_str).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(a.datacenter.as_ref().map(Name::as_str), Some("dc1"));
}

#[test]
fn given_numbers_stay_and_are_not_given_again_even_if_they_come_later() {
    let given = segment(
        "g",
        r#","s_vid":100,"c_vid":1100,"attachments":[{"node":"n1","port":"e","vlan":3,"c_vid":200}]"#,
    );
    let mut document = document(DC1, &[attached("a", 1), given].join(","));
    let before = document.tenants[0].segments[1].clone();
    allocate(&mut document);
    assert_eq!(number(first(&document).s_vid), Some(101));
    let after = &document.tenants[0].segments[1];
    assert_eq!(
        (after.s_vid, after.c_vid, &after.attachments),
        (before.s_vid, before.c_vid, &before.attachments)
    );
}

#[test]
fn a_second_allocation_changes_nothing() {
    let mut document = document(DC1, &[attached("a", 2), attached("b", 1)].join(","));
    allocate(&mut document);
    let once = document.clone();
    assert!(allocate(&mut document).is_empty());
    assert_eq!(document, once);
}

#[test]
fn a_vni_is_given_only_to_segments_that_need_one() {
    let remote = segment("r", r#","remotes":[{"link":"out"}]"#);
    let mut document = document(DC1, &[attached("a", 2), remote].join(","));
    allocate(&mut document);
    let [local, remote] = document.tenants[0].segments.as_slice() else {
        panic!("two segments")
    };
    assert_eq!(local.vni, None);
    assert_eq!(remote.vni.map(crate::model::Vni::get), Some(10000));
    assert_eq!(number(remote.remotes[0].c_vid), Some(200));
}

#[test]
fn a_segment_between_nodes_gets_a_vni_once_a_vxlan_link_joins_nodes() {
    let spanning = segment(
        "s",
        r#","attachments":[{"node":"n1","port":"e","vlan":3},{"node":"n2","port":"e","vlan":3}]"#,
    );
    let mut document = document(DC1, &spanning);
    allocate(&mut document);
    assert_eq!(first(&document).vni, None);
    document.links[0].ends[1] = document.links[1].ends[1].clone();
    allocate(&mut document);
    assert!(first(&document).vni.is_some());
}

#[test]
fn the_datacenter_is_that_of_the_first_member_and_stays_when_members_go() {
    let spanning = segment(
        "s",
        r#","attachments":[{"node":"m1","port":"e","vlan":3},{"node":"n2","port":"e","vlan":3}]"#,
    );
    let mut document = document(&[DC1, DC2].join(","), &spanning);
    allocate(&mut document);
    assert_eq!(number(first(&document).s_vid), Some(2000));
    document.tenants[0].segments[0].attachments.remove(0);
    allocate(&mut document);
    assert_eq!(
        first(&document).datacenter.as_ref().map(Name::as_str),
        Some("dc2")
    );
}

#[test]
fn with_no_s_vid_left_segments_share_one_under_different_c_vids() {
    let segments: Vec<String> = (0..4).map(|at| attached(&format!("s{at}"), 1)).collect();
    let mut document = document(SMALL, &segments.join(","));
    allocate(&mut document);
    let pairs: HashSet<_> = document.tenants[0]
        .segments
        .iter()
        .flat_map(|s| [(s.s_vid, s.c_vid), (s.s_vid, s.attachments[0].c_vid)])
        .collect();
    assert_eq!(pairs.len(), 8);
    assert!(
        pairs
            .iter()
            .all(|(s_vid, c_vid)| s_vid.is_some() && c_vid.is_some())
    );
}

#[test]
fn what_no_longer_fits_stays_without_numbers() {
    let segments: Vec<String> = (0..5).map(|at| attached(&format!("s{at}"), 1)).collect();
    let mut document = document(SMALL, &segments.join(","));
    allocate(&mut document);
    let without = document.tenants[0]
        .segments
        .iter()
        .filter(|s| s.s_vid.is_none())
        .count();
    assert_eq!(without, 1);
}

#[test]
fn a_vni_stays_when_it_is_no_longer_needed() {
    let mut document = document(DC1, &segment("r", r#","remotes":[{"link":"out"}]"#));
    allocate(&mut document);
    let vni = first(&document).vni;
    document.tenants[0].segments[0].remotes.clear();
    allocate(&mut document);
    assert!(vni.is_some() && first(&document).vni == vni);
}

/// Three datacenters in a ring of label links, each with two nodes, and a segment with members at `nodes`.
fn three(labels: &str, nodes: &[&str]) -> Document {
    let datacenter = |at: usize| {
        format!(
            r#"{{"name":"dc{at}","id":{at},"s_vids":"{at}00-{at}99","c_vids":"{at}000-{at}999","labels":"{}"}}"#,
            labels.replace('N', &at.to_string())
        )
    };
    let node = |at: usize, letter: &str| format!(r#"{{"name":"{letter}{at}","datacenter":"dc{at}"}}"#);
    let link = |name: &str, kind: &str, a: &str, b: &str| {
        let port = format!("p{a}{b}");
        format!(
            r#"{{"name":"{name}","kind":"{kind}","ends":[{{"node":"{a}","port":"{port}"}},{{"node":"{b}","port":"{port}"}}]}}"#
        )
    };
    let inside = (1..4).map(|at| link(&format!("in{at}"), "trunk", &format!("a{at}"), &format!("b{at}")));
    let between = [(1, 2), (2, 3), (3, 1)].map(|(a, b)| {
        link(
            &format!("l{a}{b}"),
            "pseudowire",
            &format!("a{a}"),
            &format!("a{b}"),
        )
    });
    let ends = nodes
        .iter()
        .map(|node| format!(r#"{{"node":"{node}","port":"eth","vlan":7}}"#));
    from_json(&format!(
        r#"{{"schema":"fabric/1","datacenters":[{}],"nodes":[{}],"links":[{}],
            "tenants":[{{"name":"t","segments":[{{"name":"s","datacenter":"dc1","attachments":[{}]}}]}}]}}"#,
        (1..4).map(datacenter).collect::<Vec<_>>().join(","),
        (1..4)
            .flat_map(|at| [node(at, "a"), node(at, "b")])
            .collect::<Vec<_>>()
            .join(","),
        inside.chain(between).collect::<Vec<_>>().join(","),
        ends.collect::<Vec<_>>().join(","),
    ))
    .expect("a document")
}

fn labels(document: &Document) -> Vec<String> {
    let pairs = first(document).labels.iter();
    pairs
        .map(|pair| format!("{}>{} {}", pair.from, pair.to, pair.label))
        .collect()
}

#[test]
fn each_way_between_datacenters_gets_a_label_that_is_easy_to_read_and_further_ones_from_the_top() {
    let mut document = three("N000-N999", &["b1", "a2", "b3"]);
    allocate(&mut document);
    assert_eq!(number(first(&document).s_vid), Some(100));
    assert_eq!(
        labels(&document),
        [
            "dc2>dc1 1000",
            "dc3>dc1 1999",
            "dc1>dc2 2000",
            "dc3>dc2 2999",
            "dc1>dc3 3000",
            "dc2>dc3 3999"
        ]
    );
}

#[test]
fn a_label_is_needed_only_between_datacenters_with_members() {
    for (nodes, expected) in [
        (&["a1", "b1"][..], &[][..]),
        (&["a1", "b1", "b3"], &["dc3>dc1 1000", "dc1>dc3 3000"]),
    ] {
        let mut document = three("N000-N999", nodes);
        allocate(&mut document);
        assert_eq!(labels(&document), expected);
    }
}

#[test]
fn labels_stay_when_their_datacenter_is_left_and_joined_again() {
    let mut document = three("N000-N999", &["a1", "a2", "a3"]);
    allocate(&mut document);
    let once = document.clone();
    let gone = document.tenants[0].segments[0].attachments.remove(1);
    allocate(&mut document);
    assert_eq!(labels(&document), labels(&once));
    document.tenants[0].segments[0].attachments.insert(1, gone);
    allocate(&mut document);
    assert_eq!(document, once);
}

#[test]
fn a_preferred_label_that_is_taken_or_out_of_range_gives_way() {
    let mut document = three("N000-N999", &["a1", "a2"]);
    document.tenants[0].segments[0].s_vid = ServiceVid::new(150).ok();
    allocate(&mut document);
    assert_eq!(labels(&document), ["dc2>dc1 1050", "dc1>dc2 2050"]);
    let mut narrow = three("N000-N009", &["a1", "a2"]);
    narrow.tenants[0].segments[0].s_vid = ServiceVid::new(150).ok();
    allocate(&mut narrow);
    assert_eq!(labels(&narrow), ["dc2>dc1 1009", "dc1>dc2 2009"]);
    let mut twice = three("N000-N999", &["a1", "a2"]);
    let mut other = twice.tenants[0].segments[0].clone();
    other.name = "other".parse().expect("legal");
    other
        .attachments
        .iter_mut()
        .for_each(|end| end.vlan = crate::model::Vlan::Untagged);
    // One S-VID for both: they differ in their C-VIDs only.
    other.s_vid = ServiceVid::new(100).ok();
    twice.tenants[0].segments[0].s_vid = other.s_vid;
    twice.tenants[0].segments.push(other);
    allocate(&mut twice);
    let second: Vec<u32> = twice.tenants[0].segments[1]
        .labels
        .iter()
        .map(|pair| pair.label.get())
        .collect();
    assert_eq!(
        (labels(&twice), second),
        (
            vec!["dc2>dc1 1000".to_owned(), "dc1>dc2 2000".to_owned()],
            vec![1999, 2999]
        )
    );
}

#[test]
fn no_label_is_made_up_where_the_range_is_used_up_or_missing() {
    let mut document = three("N000", &["a1", "a2", "a3"]);
    allocate(&mut document);
    assert_eq!(
        labels(&document),
        ["dc2>dc1 1000", "dc1>dc2 2000", "dc1>dc3 3000"]
    );
    let mut document = three("N000", &["a1", "a2"]);
    document.datacenters[1].labels = None;
    allocate(&mut document);
    assert_eq!(labels(&document), ["dc2>dc1 1000"]);
}
