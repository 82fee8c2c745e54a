use std::collections::HashMap;

use proptest::prelude::*;

use super::*;
use crate::model::generate;

/// Each end with its S-VID, C-VIDs and a name; no pair may be at two ends.
fn pairs(valid: &Valid) -> Vec<((u16, u16), String)> {
    let mut pairs = Vec::new();
    for segment in valid.segments() {
        let mut add = |c_vid: crate::model::ServiceVid, end: String| {
            pairs.push((
                (segment.s_vid.get(), c_vid.get()),
                format!("{} {end}", segment.name),
            ));
        };
        add(segment.base_c_vid, "base".to_owned());
        for (at, end) in segment.attachments.iter().enumerate() {
            add(end.c_vid, format!("attachment {at}"));
            end.stations
                .iter()
                .for_each(|station| add(station.c_vid, format!("attachment {at}")));
        }
        for (at, end) in segment.remotes.iter().enumerate() {
            add(end.c_vid, format!("remote {at}"));
            end.stations
                .iter()
                .for_each(|station| add(station.c_vid, format!("remote {at}")));
        }
    }
    pairs
}

proptest! {
    #[test]
    fn numbers_that_are_left_out_are_chosen_without_collision(
        mut document in generate::document(),
        which in proptest::collection::vec(any::<bool>(), 200),
    ) {
        let given = document.clone();
        let mut which = which.into_iter().cycle();
        generate::forget(&mut document, || which.next().unwrap_or(true));
        let valid = validate(document.clone());
        prop_assert!(valid.is_ok(), "{:?}", valid.err());
        let valid = valid.expect("just seen");
        let mut owner = HashMap::new();
        for (pair, end) in pairs(&valid) {
            let first = owner.entry(pair).or_insert_with(|| end.clone());
            prop_assert_eq!(&*first, &end, "{:?}", pair);
        }
        let ids: std::collections::HashSet<_> = valid.segments().iter().map(|segment| segment.stable_id()).collect();
        prop_assert_eq!(ids.len(), valid.segments().len());
        kept(&document, valid.document());
        // And again: nothing moves.
        let again = validate(valid.document().clone()).expect("valid");
        prop_assert_eq!(again.document(), valid.document());
        prop_assert_eq!(given.tenants.len(), valid.tenants().len());
    }

    #[test]
    fn what_is_accepted_is_resolved_whole(
        mut document in generate::document(),
        lists in proptest::collection::vec((0usize..6, any::<prop::sample::Index>()), 0..3),
    ) {
        for (list, at) in lists {
            damage(&mut document, list, at);
        }
        let Ok(valid) = validate(document.clone()) else { return Ok(()) };
        let segments: Vec<_> = document.tenants.iter().flat_map(|tenant| &tenant.segments).collect();
        prop_assert_eq!(valid.segments().len(), segments.len());
        prop_assert_eq!((valid.nodes().len(), valid.links().len()), (document.nodes.len(), document.links.len()));
        for (valid, given) in valid.segments().iter().zip(segments) {
            prop_assert_eq!(&valid.name, &given.name);
            prop_assert_eq!(valid.attachments.len(), given.attachments.len());
            prop_assert_eq!(valid.remotes.len(), given.remotes.len());
        }
    }
}

/// Takes something away that others may refer to.
fn damage(document: &mut Document, list: usize, at: prop::sample::Index) {
    fn drop_one<T>(list: &mut Vec<T>, at: prop::sample::Index) {
        if !list.is_empty() {
            list.remove(at.index(list.len()));
        }
    }
    match list {
        0 => drop_one(&mut document.datacenters, at),
        1 => drop_one(&mut document.nodes, at),
        2 => drop_one(&mut document.links, at),
        3 => drop_one(&mut document.tenants, at),
        4 => document
            .datacenters
            .iter_mut()
            .for_each(|datacenter| datacenter.vnis = None),
        _ => document
            .datacenters
            .iter_mut()
            .for_each(|datacenter| datacenter.c_vids = "1200-1201".parse().expect("legal")),
    }
}

fn kept(before: &Document, after: &Document) {
    let segments = |document: &'_ Document| -> Vec<crate::model::Segment> {
        document
            .tenants
            .iter()
            .flat_map(|tenant| tenant.segments.clone())
            .collect()
    };
    for (before, after) in segments(before).iter().zip(&segments(after)) {
        assert!(before.s_vid.is_none() || before.s_vid == after.s_vid);
        assert!(before.c_vid.is_none() || before.c_vid == after.c_vid);
        assert!(before.vni.is_none() || before.vni == after.vni);
        for (before, after) in before.attachments.iter().zip(&after.attachments) {
            assert!(before.c_vid.is_none() || before.c_vid == after.c_vid);
        }
    }
}

/// `count` tenants, each with one segment of two ends, on two nodes.
fn many(count: usize) -> Document {
    let end = |node: &str, at: usize| serde_json::json!({"node": node, "port": format!("p{}", at / 4000), "vlan": at % 4000 + 1});
    let tenant = |at: usize| {
        let name = format!("t{at}");
        serde_json::json!({"name": name, "segments": [{"name": name, "attachments": [end("a", at), end("b", at)]}]})
    };
    let document = serde_json::json!({
        "schema": "fabric/1",
        "datacenters": [{"name": "d", "id": 1, "s_vids": "100-1099", "c_vids": "200-3999", "vnis": "1-20000"}],
        "nodes": [{"name": "a", "datacenter": "d"}, {"name": "b", "datacenter": "d"}],
        "links": [{"name": "l", "kind": "vxlan", "ends": [
            {"node": "a", "port": "u", "address": "192.0.2.1"}, {"node": "b", "port": "u", "address": "192.0.2.2"}]}],
        "tenants": (0..count).map(tenant).collect::<Vec<_>>(),
    });
    crate::model::from_json(&document.to_string()).expect("a document")
}

#[test]
fn ten_thousand_tenants_share_a_thousand_s_vids_in_linear_time() {
    let time = |count: usize| {
        let document = many(count);
        let start = std::time::Instant::now();
        let valid = validate(document).expect("valid");
        assert_eq!(valid.segments().len(), count);
        start.elapsed()
    };
    let small = (0..2).map(|_| time(2_500)).min().expect("two runs");
    let large = (0..2).map(|_| time(10_000)).min().expect("two runs");
    // Four times the tenants: linear is 4, quadratic 16. Half way leaves room for a busy machine.
    assert!(
        large < small * 10,
        "2,500 tenants took {small:?}, 10,000 took {large:?}"
    );
    println!("2,500 tenants {small:?}, 10,000 tenants {large:?}");
}

proptest! {
    #[test]
    fn labels_are_unique_in_range_complete_and_stable(
        ends in proptest::collection::btree_set((0usize..5, 0usize..4), 1..16),
        order in Just((0usize..3).collect::<Vec<_>>()).prop_shuffle(),
        sizes in proptest::collection::vec(4u32..40, 3),
        kept in any::<u8>(),
    ) {
        let mut json: Value = serde_json::from_str(FIGURE_2).expect("JSON");
        let datacenters = json["datacenters"].clone();
        json["datacenters"] = order.iter().map(|at| datacenters[*at].clone()).collect();
        for (datacenter, size) in json["datacenters"].as_array_mut().expect("a list").iter_mut().zip(sizes) {
            let first = datacenter["id"].as_u64().expect("an id") * 10;
            datacenter["labels"] = format!("{first}-{}", first + u64::from(size)).into();
        }
        let nodes = ["116", "124", "212", "222", "220"];
        json["tenants"] = (0..4).map(|tenant| {
            let here = ends.iter().filter(|(_, of)| *of == tenant);
            let end = |(node, of): &(usize, usize)| serde_json::json!({"node": nodes[*node], "port": format!("eth{of}"), "vlan": 7});
            let name = format!("t{tenant}");
            serde_json::json!({"name": name, "segments": [{"name": name, "datacenter": "mtdc-100", "attachments": here.map(end).collect::<Vec<_>>()}]})
        }).collect();
        let document: Document = crate::model::from_json(&json.to_string()).expect("a document");
        let Ok(valid) = validate(document) else {
            // Only for want of labels: the smallest range has five, and four tenants may need eight.
            return Ok(());
        };
        labels_keep_their_rules(&valid);
        let mut thinned = valid.document().clone();
        for (at, tenant) in thinned.tenants.iter_mut().enumerate() {
            if kept & (1 << at) == 0 {
                tenant.segments[0].labels.truncate(1);
            }
        }
        let again = validate(thinned.clone()).expect("it was valid with these numbers");
        labels_keep_their_rules(&again);
        for (before, after) in thinned.tenants.iter().zip(&again.document().tenants) {
            prop_assert!(after.segments[0].labels.starts_with(&before.segments[0].labels));
        }
    }
}

fn labels_keep_their_rules(valid: &Valid) {
    let mut owner = HashMap::new();
    for segment in valid.segments() {
        let with_members: std::collections::BTreeSet<_> = segment
            .members
            .iter()
            .map(|node| valid.node(*node).datacenter)
            .collect();
        for to in &with_members {
            for from in with_members.iter().filter(|from| *from != to) {
                assert!(
                    segment.label(*to, *from).is_some(),
                    "{} {to:?} {from:?}",
                    segment.name
                );
            }
        }
        for pair in &segment.labels {
            let range = valid.datacenter(pair.to).labels.expect("a range");
            assert!(range.contains(pair.label));
            assert_eq!(owner.insert(pair.label, &segment.name), None, "{pair:?}");
        }
    }
}
