//! Numbers over time: kept, given up, and not given out again too early.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::growth::checked;
use super::support::{compile_from, figure1, host, valid};
use crate::compile::Image;
use crate::ids::Sizes;
use crate::model::generate;

const MTU: u32 = 1600;

#[test]
fn a_restarted_agent_gives_everything_its_old_number() {
    let valid = valid(&figure1());
    let facts = host(&valid, "edge1", MTU);
    let mut old = figure1();
    old["tenants"][0]["segments"]
        .as_array_mut()
        .expect("a list")
        .remove(0);
    let first = super::support::valid(&old);
    let image = compile_from(&first, "edge1", &facts, &Image::empty(&Sizes::default())).expect("it fits");
    let image = compile_from(&valid, "edge1", &facts, &image).expect("it fits");

    let saved = serde_json::to_string(&image.ids()).expect("plain");
    let ids = serde_json::from_str(&saved).expect("own text");
    let restored = Image::restore(&Sizes::default(), ids).expect("no clash");
    let again = compile_from(&valid, "edge1", &facts, &restored).expect("it fits");
    assert_eq!((again.records(), again.ids()), (image.records(), image.ids()));
    assert!(again.freed.is_empty());
    let anew = compile_from(&valid, "edge1", &facts, &Image::empty(&Sizes::default())).expect("it fits");
    assert_ne!(
        again.records(),
        anew.records(),
        "the order of events shows in the numbers"
    );
}

#[test]
fn a_tenant_that_comes_back_gets_new_numbers_until_the_old_ones_are_released() {
    let whole = valid(&figure1());
    let mut document = figure1();
    document["tenants"].as_array_mut().expect("a list").remove(0);
    let without = valid(&document);
    let facts = host(&whole, "edge1", MTU);
    let first = compile_from(&whole, "edge1", &facts, &Image::empty(&Sizes::default())).expect("it fits");
    let mut gone = compile_from(&without, "edge1", &facts, &first).expect("it fits");
    let freed = gone.freed.clone();
    assert_eq!(
        (freed.segments.len(), freed.slots.len(), freed.next_hops.len()),
        (2, 1, 6)
    );
    let back = compile_from(&whole, "edge1", &facts, &gone).expect("it fits");
    assert_eq!(back.segments["a"].ids.segment, 5);
    gone.release(&freed);
    let back = compile_from(&whole, "edge1", &facts, &gone).expect("it fits");
    assert_eq!(back.segments["a"].ids.segment, 1);
}

/// An agent that was killed between the maps of a document and its decision begins again with the document before: what the maps hold
/// under a number is another tenant's then.
#[test]
fn a_restored_number_is_not_given_to_another_tenant_with_a_segment_of_that_name() {
    let before = valid(&figure1());
    let mut document = figure1();
    let names = [0, 1].map(|at| document["tenants"][at]["name"].clone());
    document["tenants"][0]["name"].clone_from(&names[1]);
    document["tenants"][1]["name"].clone_from(&names[0]);
    let after = valid(&document);
    let facts = host(&before, "edge1", MTU);
    let first = compile_from(&before, "edge1", &facts, &Image::empty(&Sizes::default())).expect("it fits");
    let second = compile_from(&after, "edge1", &facts, &first).expect("it fits");
    let saved = serde_json::to_string(&second.ids()).expect("plain");
    let ids = serde_json::from_str(&saved).expect("own text");
    let restored = Image::restore(&Sizes::default(), ids).expect("no clash");
    let again = compile_from(&before, "edge1", &facts, &restored).expect("it fits");
    for (name, part) in again.segments.iter() {
        assert_ne!(part.ids.segment, second.segments[name].ids.segment, "{name}");
    }
    let again = compile_from(&after, "edge1", &facts, &restored).expect("it fits");
    assert_eq!(again.records(), second.records(), "his own he keeps");
}

/// Every number in use, with the table that it is of.
fn used(image: &Image) -> BTreeSet<(&'static str, u32)> {
    let ids = image.ids();
    let mut used: BTreeSet<_> = ids
        .node
        .slots
        .values()
        .map(|id| ("slot", u32::from(*id)))
        .collect();
    used.extend(ids.node.tunnels.values().map(|id| ("tunnel", *id)));
    used.extend(ids.node.vsms.values().map(|vsm| ("vsm", vsm.id)));
    used.extend(ids.node.vrfs.values().map(|id| ("vrf", *id)));
    for segment in ids.segments.values() {
        used.insert(("segment", segment.segment));
        used.extend(
            segment
                .next_hops
                .values()
                .flat_map(|hop| [("hop", hop.id), ("path", hop.path.id)]),
        );
        used.extend(segment.bindings.values().map(|id| ("binding", *id)));
        used.extend(segment.tunnels.values().map(|id| ("tunnel", *id)));
        let vsms = segment.vsms.values();
        used.extend(vsms.flat_map(|ids| [("hop", ids.next_hop), ("vsm place", ids.place)]));
        let gateway = segment.gateway.iter();
        used.extend(gateway.flat_map(|ids| [("hop", ids.next_hop), ("irb", ids.irb)]));
    }
    used
}

fn freed(image: &Image) -> BTreeSet<(&'static str, u32)> {
    let freed = &image.freed;
    let mut all: BTreeSet<_> = freed.slots.iter().map(|id| ("slot", u32::from(*id))).collect();
    let tables = [
        ("segment", &freed.segments),
        ("hop", &freed.next_hops),
        ("path", &freed.paths),
        ("binding", &freed.bindings),
        ("tunnel", &freed.tunnels),
        ("vsm", &freed.vsms),
        ("vsm place", &freed.vsm_places),
        ("vrf", &freed.vrfs),
        ("irb", &freed.irbs),
    ];
    all.extend(
        tables
            .iter()
            .flat_map(|(table, ids)| ids.iter().map(|id| (*table, *id))),
    );
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn what_is_given_up_is_said_and_not_used_again(
        documents in proptest::collection::vec(generate::document(), 2..5),
    ) {
        let mut image = Image::empty(&Sizes::default());
        let mut gone = BTreeSet::new();
        for document in documents {
            let valid = checked(document);
            let mut facts = host(&valid, "n0", MTU);
            facts.ports.values_mut().for_each(|port| port.ifindex += 1);
            let next = compile_from(&valid, "n0", &facts, &image).expect("it fits");
            prop_assert_eq!(freed(&next), &used(&image) - &used(&next));
            gone.extend(freed(&next));
            prop_assert!(used(&next).is_disjoint(&gone));
            image = next;
        }
    }
}
