//! A document as single objects, each with a key of its own, and back.
//!
//! Works on JSON, not on the types of the document: a field that is added there needs nothing here. What is a list of
//! named objects at the top of the document has a key for each; segments too, though they stand inside of tenants.

mod edited;
mod text;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::error::{Problem, Refusal, codes};
use crate::model::{Document, from_json_bytes};
pub(super) use edited::{changes_between, patched};
use text::Text;

/// Version of the form of every value in the store.
pub(super) const SCHEMA: &str = "fabric/1";
/// Key of what is in no list.
const REST: &str = "document";
const TENANTS: &str = "tenants";
const SEGMENTS: &str = "segments";
/// Distance of neighbours in a list, so that something fits in between.
const STEP: u64 = 1 << 20;

/// One object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Object {
    /// Version of its form.
    pub schema: String,
    /// Its place among others of its kind: lists have an order, keys have another.
    pub at: u64,
    /// The tenant of a segment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<String>,
    /// As it stands in the document.
    pub value: Text,
}

/// All objects by key, as in `segments/acme-v10`.
pub(crate) type Objects = BTreeMap<String, Object>;

/// An object that a revision changed: what it was, and what it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// As in `segments/acme-v10`.
    pub key: String,
    /// `None` if it is new.
    pub before: Option<Object>,
    /// `None` if it is gone.
    pub after: Option<Object>,
}

/// Takes a document apart. Objects that are in `old` too keep their places as far as the order allows.
///
/// # Errors
/// Never for a document that was validated.
pub(crate) fn apart(document: &Document, old: &Objects) -> Result<Objects, Refusal> {
    let bug = |what: &str| Refusal::new(codes::BUG, format!("the document cannot be taken apart: {what}"));
    let Ok(Value::Object(whole)) = serde_json::to_value(document) else {
        return Err(bug("it is no object"));
    };
    let mut rest = Map::new();
    let mut lists: Vec<(String, Vec<Member>)> = Vec::new();
    let mut segments = Vec::new();
    for (field, value) in whole {
        let items = match named(value) {
            Ok(items) => items,
            Err(value) => {
                rest.insert(field, value);
                continue;
            }
        };
        let mut members = Vec::with_capacity(items.len());
        for mut item in items {
            if field == TENANTS {
                segments.extend(take_segments(&mut item));
            }
            members.push(Member {
                of: None,
                value: item,
            });
        }
        lists.push((field, members));
    }
    lists.push((SEGMENTS.to_owned(), segments));
    let mut objects = Objects::new();
    objects.insert(REST.to_owned(), object(0, None, &Value::Object(rest)));
    for (kind, members) in lists {
        place(&kind, members, old, &mut objects).ok_or_else(|| bug("an object has no name"))?;
    }
    Ok(objects)
}

/// The objects of a list in which each has a name.
fn named(value: Value) -> Result<Vec<Value>, Value> {
    let is_list = value
        .as_array()
        .is_some_and(|items| items.iter().all(|item| item.get("name").is_some()));
    match value {
        Value::Array(items) if is_list => Ok(items),
        Value::Array(_)
        | Value::Null
        | Value::Bool(_)
        | Value::Number(_)
        | Value::String(_)
        | Value::Object(_) => Err(value),
    }
}

struct Member {
    of: Option<String>,
    value: Value,
}

fn object(at: u64, of: Option<String>, value: &Value) -> Object {
    Object {
        schema: SCHEMA.to_owned(),
        at,
        of,
        value: Text::of(value),
    }
}

fn take_segments(tenant: &mut Value) -> Vec<Member> {
    let of = tenant.get("name").and_then(Value::as_str).map(str::to_owned);
    let taken = tenant
        .as_object_mut()
        .and_then(|tenant| tenant.shift_remove(SEGMENTS));
    let Some(Value::Array(segments)) = taken else {
        return Vec::new();
    };
    let member = |value| Member {
        of: of.clone(),
        value,
    };
    segments.into_iter().map(member).collect()
}

/// Gives each member a place behind the one before it: its old one if that is possible.
fn place(kind: &str, members: Vec<Member>, old: &Objects, objects: &mut Objects) -> Option<()> {
    let keys: Option<Vec<String>> = members
        .iter()
        .map(|member| Some(format!("{kind}/{}", member.value.get("name")?.as_str()?)))
        .collect();
    let keys = keys?;
    let kept: Vec<Option<u64>> = keys
        .iter()
        .map(|key| old.get(key).map(|object| object.at))
        .collect();
    let places = places(&kept);
    for ((key, member), at) in keys.into_iter().zip(members).zip(places) {
        objects.insert(key, object(at, member.of, &member.value));
    }
    Some(())
}

/// Rising places from those that are known; where no room is left, the ones behind move.
fn places(kept: &[Option<u64>]) -> Vec<u64> {
    let mut places = Vec::with_capacity(kept.len());
    let mut last = 0;
    for (index, known) in kept.iter().enumerate() {
        let following = kept[index + 1..]
            .iter()
            .take(64)
            .flatten()
            .find(|at| **at > last + 1);
        let at = match (known, following) {
            (Some(at), _) if *at > last => *at,
            (_, Some(next)) => last + (next - last) / 2,
            (_, None) => last + STEP,
        };
        places.push(at);
        last = at;
    }
    places
}

/// Puts a document together.
///
/// # Errors
/// When an object is of another schema version, or what they make is no document for this version of the program.
pub(crate) fn together(objects: &Objects) -> Result<Document, Refusal> {
    let mut whole = Map::new();
    let mut lists: BTreeMap<&str, Vec<&Object>> = BTreeMap::new();
    for (key, object) in objects {
        check_schema(key, &object.schema)?;
        match key.split_once('/') {
            Some((kind, _)) => lists.entry(kind).or_default().push(object),
            None => whole.extend(
                object
                    .value
                    .parsed()
                    .as_object_mut()
                    .map(std::mem::take)
                    .unwrap_or_default(),
            ),
        }
    }
    lists
        .values_mut()
        .for_each(|list| list.sort_by_key(|object| object.at));
    let mut segments: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
    for segment in lists.remove(SEGMENTS).unwrap_or_default() {
        let tenant = segment.of.as_deref().unwrap_or_default();
        segments.entry(tenant).or_default().push(segment.value.parsed());
    }
    for (kind, list) in lists {
        let mut values: Vec<Value> = list.iter().map(|object| object.value.parsed()).collect();
        if kind == TENANTS {
            values
                .iter_mut()
                .for_each(|tenant| give_segments(tenant, &mut segments));
        }
        whole.insert(kind.to_owned(), Value::Array(values));
    }
    if let Some(orphan) = segments.keys().next() {
        let sentence = format!("the store has segments of tenant {orphan}, which it does not have");
        return Err(Refusal::new(codes::STATE_DAMAGED, sentence)
            .with_cure("fabric import -f FILE --store URL --replace"));
    }
    let bytes = serde_json::to_vec(&json!(whole)).unwrap_or_default();
    from_json_bytes(&bytes).map_err(|problem: Problem| problem.into())
}

fn give_segments(tenant: &mut Value, segments: &mut BTreeMap<&str, Vec<Value>>) {
    let name = tenant
        .get("name")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned();
    if let (Some(own), Some(tenant)) = (segments.remove(name.as_str()), tenant.as_object_mut()) {
        tenant.insert(SEGMENTS.to_owned(), Value::Array(own));
    }
}

/// # Errors
/// When a newer version wrote what this one does not know.
pub(super) fn check_schema(key: &str, schema: &str) -> Result<(), Refusal> {
    if schema == SCHEMA {
        return Ok(());
    }
    let sentence = format!("{key} in the store is of version {schema}, this program knows {SCHEMA}");
    Err(Refusal::new(codes::STORE_NEWER, sentence)
        .with_cure("install the version of the node that wrote it: fabric node list"))
}

/// What leads from one state to the other.
pub(crate) fn changes(old: &Objects, new: &Objects) -> Vec<Change> {
    let gone = old.iter().filter(|(key, _)| !new.contains_key(*key));
    let gone = gone.map(|(key, before)| (key, Some(before), None));
    let other = new.iter().filter(|(key, after)| old.get(*key) != Some(after));
    let other = other.map(|(key, after)| (key, old.get(key), Some(after)));
    gone.chain(other)
        .map(|(key, before, after)| Change {
            key: key.clone(),
            before: before.cloned(),
            after: after.cloned(),
        })
        .collect()
}

/// Replays changes.
pub(crate) fn replay(objects: &mut Objects, changes: &[Change]) {
    for change in changes {
        set(objects, &change.key, change.after.as_ref());
    }
}

/// Takes changes back.
pub(super) fn revert(objects: &mut Objects, changes: &[Change]) {
    for change in changes {
        set(objects, &change.key, change.before.as_ref());
    }
}

fn set(objects: &mut Objects, key: &str, object: Option<&Object>) {
    match object {
        Some(object) => objects.insert(key.to_owned(), object.clone()),
        None => objects.remove(key),
    };
}

#[cfg(test)]
mod tests;
