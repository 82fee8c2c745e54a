use proptest::prelude::*;

use super::*;
use crate::error::codes;
use crate::model::generate;

fn document(text: &str) -> Document {
    from_json_bytes(text.as_bytes()).unwrap()
}

fn coloured(object: &Text) -> Text {
    let mut value = object.parsed();
    value["colour"] = "red".into();
    Text::of(&value)
}

fn tenants(names: &[&str]) -> Document {
    let tenants: Vec<String> = names
        .iter()
        .map(|name| {
            format!(r#"{{"name":"{name}","segments":[{{"name":"{name}-b"}},{{"name":"{name}-a"}}]}}"#)
        })
        .collect();
    document(&format!(
        r#"{{"schema":"fabric/1","tenants":[{}]}}"#,
        tenants.join(",")
    ))
}

#[test]
fn a_document_comes_back_in_its_order() {
    let example = include_str!("../../../../../docs/examples/figure-1.json");
    for original in [document(example), tenants(&["z", "a", "m"]), Document::default()] {
        let objects = apart(&original, &Objects::new()).unwrap();
        assert_eq!(together(&objects).unwrap(), original);
    }
}

#[test]
fn a_change_touches_the_objects_that_it_changes_and_no_others() {
    let old = apart(&tenants(&["z", "a", "m"]), &Objects::new()).unwrap();
    let next = tenants(&["z", "new", "a", "m"]);
    let new = apart(&next, &old).unwrap();
    let keys: Vec<String> = changes(&old, &new).into_iter().map(|change| change.key).collect();
    assert_eq!(keys, ["segments/new-a", "segments/new-b", "tenants/new"]);
    assert_eq!(together(&new).unwrap(), next);
}

#[test]
fn an_order_turned_round_comes_back_turned_round() {
    let old = apart(&tenants(&["a", "b", "c"]), &Objects::new()).unwrap();
    let turned = tenants(&["c", "b", "a"]);
    let new = apart(&turned, &old).unwrap();
    assert_eq!(together(&new).unwrap(), turned);
}

#[test]
fn many_insertions_at_one_place_find_room() {
    let mut names = vec!["first".to_owned(), "last".to_owned()];
    let mut objects = Objects::new();
    for number in 0..60 {
        names.insert(1, format!("n{number}"));
        let now = tenants(&names.iter().map(String::as_str).collect::<Vec<_>>());
        objects = apart(&now, &objects).unwrap();
        assert_eq!(together(&objects).unwrap(), now);
    }
}

#[test]
fn replay_and_revert_are_opposites() {
    let old = apart(&tenants(&["a", "b"]), &Objects::new()).unwrap();
    let new = apart(&tenants(&["b", "c"]), &old).unwrap();
    let between = changes(&old, &new);
    let mut objects = old.clone();
    replay(&mut objects, &between);
    assert_eq!(objects, new);
    revert(&mut objects, &between);
    assert_eq!(objects, old);
}

#[test]
fn an_object_of_a_newer_version_is_refused_with_its_key() {
    let mut objects = apart(&tenants(&["a"]), &Objects::new()).unwrap();
    objects.get_mut("tenants/a").unwrap().schema = "fabric/2".to_owned();
    let refusal = together(&objects).unwrap_err();
    assert_eq!(refusal.code, codes::STORE_NEWER);
    assert!(refusal.sentence.contains("tenants/a"), "{}", refusal.sentence);
}

#[test]
fn a_field_of_a_newer_version_is_refused_with_its_path() {
    let mut objects = apart(&tenants(&["a"]), &Objects::new()).unwrap();
    let tenant = objects.get_mut("tenants/a").unwrap();
    tenant.value = coloured(&tenant.value);
    let refusal = together(&objects).unwrap_err();
    assert_eq!(refusal.code, codes::UNKNOWN_FIELD);
}

proptest! {
    /// A document is changed by commands and by hand; both ways of taking it apart and putting it together agree.
    #[test]
    fn what_has_changed_is_taken_apart_and_put_together_as_the_whole(
        mut document in generate::document(),
        requests in proptest::collection::vec(generate::request(), 1..6),
        by_hand in proptest::collection::vec((0u8..5, any::<prop::sample::Index>(), any::<prop::sample::Index>()), 1..4),
    ) {
        let mut objects = apart(&document, &Objects::new()).expect("taken apart");
        let attached = requests.iter().map(|request| Box::new(move |document: &Document| {
            crate::edit::attach(document, request).map_or_else(|_| document.clone(), |edited| edited.document)
        }) as Box<dyn Fn(&Document) -> Document>);
        let by_hand = by_hand.iter().map(|(kind, at, other)| Box::new(move |document: &Document| moved(document, *kind, at, other))
            as Box<dyn Fn(&Document) -> Document>);
        for change in attached.chain(by_hand) {
            let next = change(&document);
            let whole = apart(&next, &objects).expect("taken apart");
            let Some(between) = changes_between(&document, &next, &objects) else { continue };
            replay(&mut objects, &between);
            prop_assert_eq!(&together(&objects).expect("put together"), &next);
            prop_assert_eq!(patched(document, &objects, &between), Some(next.clone()));
            // The places may differ where both ways have a choice, the objects not.
            let values = |objects: &Objects| objects.iter().map(|(key, one)| (key.clone(), one.of.clone(), one.value.clone())).collect::<Vec<_>>();
            prop_assert_eq!(values(&objects), values(&whole));
            document = next;
        }
    }
}

fn moved(document: &Document, kind: u8, at: &prop::sample::Index, other: &prop::sample::Index) -> Document {
    let mut next = document.clone();
    let count = next.tenants.len();
    if count == 0 {
        return next;
    }
    let (at, other) = (at.index(count), other.index(count));
    match kind {
        0 => drop(next.tenants.remove(at)),
        1 => next.tenants.swap(at, other),
        2 => {
            let segments = std::mem::take(&mut next.tenants[at].segments);
            next.tenants[other].segments.splice(0..0, segments);
        }
        3 => next.tenants[at].segments.reverse(),
        _ => next.tenants[at].mac_limit = crate::model::MacLimit::new(77).ok(),
    }
    next
}

#[test]
fn a_change_of_a_newer_version_is_left_to_the_whole() {
    let (old, new) = (tenants(&["a"]), tenants(&["a", "b"]));
    let before = apart(&old, &Objects::new()).unwrap();
    let mut after = apart(&new, &before).unwrap();
    assert_eq!(patched(old.clone(), &after, &changes(&before, &after)), Some(new));
    let segment = after.get_mut("segments/b-a").unwrap();
    segment.value = coloured(&segment.value);
    assert_eq!(patched(old.clone(), &after, &changes(&before, &after)), None);
    after.get_mut("segments/b-a").unwrap().value = Text::of(&json!({"name": "b-a"}));
    after.get_mut("tenants/b").unwrap().schema = "fabric/2".to_owned();
    assert_eq!(patched(old, &after, &changes(&before, &after)), None);
}
