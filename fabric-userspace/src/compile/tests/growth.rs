//! From one document to the next: what is kept, and that keeping changes nothing.

use std::collections::BTreeSet;
use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::support::{canonical, compile_from, compile_within, figure1, host, valid};
use crate::compile::{HostFacts, Image, Scope, SegmentPart};
use crate::diff::diff_images;
use crate::ids::Sizes;
use crate::model::{Document, generate};
use crate::validate::{Valid, validate};

const MTU: u32 = 1600;

fn with_a_third_tenant() -> Value {
    let mut document = figure1();
    let at = |node: &str, port: &str| json!({"node": node, "port": port, "vlan": 10});
    let third = json!({"name": "c", "segments": [{"name": "c", "s_vid": 150, "attachments": [at("edge1", "cc"), at("edge2", "ra")]}]});
    document["tenants"].as_array_mut().expect("a list").push(third);
    document["tenants"][0]["segments"]
        .as_array_mut()
        .expect("a list")
        .truncate(1);
    document
}

#[test]
fn attaching_a_tenant_leaves_the_parts_of_others_alone() {
    let before = valid(&figure1());
    let facts = host(&before, "edge1", MTU);
    let empty = Image::empty(&Sizes::default());
    let first = compile_from(&before, "edge1", &facts, &empty).expect("it fits");

    let after = valid(&with_a_third_tenant());
    let mut facts = facts;
    facts.ports.extend(
        host(&after, "edge1", MTU)
            .ports
            .into_iter()
            .filter(|port| port.0.as_str() == "cc"),
    );
    facts.ports.get_mut("cc").expect("new").ifindex = 99;
    let second = compile_from(&after, "edge1", &facts, &first).expect("it fits");
    for name in ["a", "b", "b-v10"] {
        assert!(
            Arc::ptr_eq(&first.segments[name], &second.segments[name]),
            "{name}"
        );
    }
    assert_eq!(second.freed.segments, [first.segments["a-v10"].ids.segment]);
    let changes = diff_images(&first, &second);
    // a-v10: access, 2 tags, 2 bindings, 1 station, pair, segment, 3 next hops, 3 paths.
    assert_eq!(changes.summary.break_, 14);
    assert_eq!(changes.vanished_next_hops.len(), 3);
    // c: as a-v10 without its station, and a port in two tables.
    assert_eq!((changes.summary.make, changes.summary.change), (15, 0));
}

/// Under the same numbers, what was learned of the one's stations would be the other's, and counted as his.
#[test]
fn a_segment_that_passes_to_another_tenant_gets_other_numbers() {
    let before = valid(&figure1());
    let facts = host(&before, "edge1", MTU);
    let first = compile_from(&before, "edge1", &facts, &Image::empty(&Sizes::default())).expect("it fits");
    let mut document = figure1();
    let tenants = document["tenants"].as_array_mut().expect("a list");
    let segment = tenants[0]["segments"].as_array_mut().expect("a list").remove(1);
    let name = segment["name"].as_str().expect("a name").to_owned();
    tenants[1]["segments"]
        .as_array_mut()
        .expect("a list")
        .push(segment);
    let second = compile_from(&valid(&document), "edge1", &facts, &first).expect("it fits");
    let (was, is) = (&first.segments[name.as_str()], &second.segments[name.as_str()]);
    assert_ne!(was.tenant(), is.tenant());
    assert_ne!(was.ids.segment, is.ids.segment);
    assert_eq!(second.freed.segments, [was.ids.segment]);
    let hops = |part: &SegmentPart| part.records.next_hops.keys().copied().collect::<BTreeSet<u32>>();
    assert!(hops(was).is_disjoint(&hops(is)));
    assert_eq!(
        diff_images(&first, &second).vanished_next_hops.len(),
        hops(was).len()
    );
}

#[test]
fn a_document_that_says_the_same_changes_nothing() {
    let valid = valid(&figure1());
    let facts = host(&valid, "edge1", MTU);
    let first = compile_from(&valid, "edge1", &facts, &Image::empty(&Sizes::default())).expect("it fits");
    let second = compile_from(&valid, "edge1", &facts, &first).expect("it fits");
    assert!(Arc::ptr_eq(&first.node, &second.node) && second.freed.is_empty());
    assert!(diff_images(&first, &second).is_empty());
}

#[test]
fn another_mtu_of_the_line_replaces_paths_and_keeps_next_hops() {
    let valid = valid(&figure1());
    let facts = host(&valid, "edge1", MTU);
    let first = compile_from(&valid, "edge1", &facts, &Image::empty(&Sizes::default())).expect("it fits");
    let mut wider = facts;
    wider.ports.get_mut("trunk0").expect("the line").mtu = 9000;
    // Even a change said to concern nobody: the port that all use has changed.
    let none = Scope::Segments([].into());
    let second = compile_within(&valid, "edge1", &wider, &first, &none).expect("it fits");
    let changes = diff_images(&first, &second);
    assert_eq!(
        (
            changes.summary.make,
            changes.summary.change,
            changes.summary.break_
        ),
        (9, 9, 9)
    );
    assert!(changes.vanished_next_hops.is_empty());
    assert!(
        second.segments["a"]
            .records
            .paths
            .values()
            .any(|path| path.max_len == 9018)
    );
}

/// All ports that any of the documents uses, with the same numbers for all.
fn host_of_all(documents: &[&Valid], node: &str) -> HostFacts {
    let mut facts = HostFacts::default();
    for valid in documents {
        for (name, port) in host(valid, node, MTU).ports {
            let ifindex = 100 + u32::from(name.as_str().bytes().map(u16::from).sum::<u16>());
            facts
                .ports
                .insert(name, crate::compile::PortFacts { ifindex, ..port });
        }
    }
    facts
}

pub(crate) fn checked(document: Document) -> Valid {
    validate(document).expect("generated documents keep all rules")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn keeping_parts_gives_what_compiling_anew_gives(
        first in generate::document(), second in generate::document(), third in generate::document(),
    ) {
        let documents = [first, second, third].map(checked);
        let facts = host_of_all(&documents.each_ref(), "n0");
        let empty = Image::empty(&Sizes::default());
        let mut image = empty.clone();
        for valid in &documents {
            image = compile_from(valid, "n0", &facts, &image).expect("it fits");
            let anew = compile_from(valid, "n0", &facts, &empty).expect("it fits");
            prop_assert_eq!(canonical(&image), canonical(&anew));
            let again = compile_from(valid, "n0", &facts, &empty).expect("it fits");
            prop_assert_eq!((anew.records(), anew.ids()), (again.records(), again.ids()));
        }
    }

    #[test]
    fn what_a_scope_leaves_out_was_the_same(first in generate::document(), seed in any::<u32>()) {
        let old = checked(first);
        let mut document = old.document().clone();
        // Drop, change or move one thing in the list of tenants.
        let count = document.tenants.len();
        if count > 0 {
            let at = seed as usize % count;
            match seed % 4 {
                0 => drop(document.tenants.remove(at)),
                1 => document.tenants[at].mac_limit = "77".parse().ok(),
                // Others without a limit of their own have that of the largest.
                2 => document.tenants[at].segments.iter_mut().take(1).for_each(|one| one.mac_limit = "9000".parse().ok()),
                _ => document.tenants[at].segments.iter_mut().for_each(|segment| drop(segment.attachments.pop())),
            }
        }
        let Ok(new) = validate(document) else { return Ok(()) };
        let facts = host_of_all(&[&old, &new], "n0");
        let image = compile_from(&old, "n0", &facts, &Image::empty(&Sizes::default())).expect("it fits");
        let scope = Scope::between(old.document(), new.document());
        prop_assert_ne!(&scope, &Scope::All);
        let within = compile_within(&new, "n0", &facts, &image, &scope).expect("it fits");
        let whole = compile_within(&new, "n0", &facts, &image, &Scope::All).expect("it fits");
        prop_assert_eq!((within.records(), within.ids()), (whole.records(), whole.ids()));
        prop_assert_eq!(within.freed, whole.freed);
    }
}
