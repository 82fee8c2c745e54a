use super::*;
use crate::error::codes;

fn document(text: &str) -> Document {
    from_json_bytes(text.as_bytes()).unwrap()
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
    tenant.value["colour"] = "red".into();
    let refusal = together(&objects).unwrap_err();
    assert_eq!(refusal.code, codes::UNKNOWN_FIELD);
}
