//! The way from a document to its objects and back for what has changed alone.
//!
//! Where that is not enough, the whole is taken apart and put together: the result is the same.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{Change, Object, Objects, SCHEMA, SEGMENTS, TENANTS, object, places, take_segments};
use crate::model::{Document, Segment, Shared, Tenant, between};

/// What leads from `old`, whose objects these are, to `new`. `None` if more than tenants has changed, or if there is no place
/// between others for one of them.
pub(in crate::store::etcd) fn changes_between(
    old: &Document,
    new: &Document,
    objects: &Objects,
) -> Option<Vec<Change>> {
    if !old.is_same_but_tenants(new) {
        return None;
    }
    let (first, gone, come) = between(&old.tenants, &new.tenants);
    let behind = first + come.len();
    let (before, after) = (&new.tenants[..first], &new.tenants[behind..]);
    let mut left: BTreeSet<String> = gone.iter().flat_map(|tenant| keys(tenant)).collect();
    let mut changes = Vec::new();
    let tenants = Row {
        known: &left,
        objects,
        before: before.last().map(|tenant| tenant_key(tenant)),
        after: after.first().map(|tenant| tenant_key(tenant)),
    };
    let mut list = Vec::new();
    let mut of_segments = Vec::new();
    for tenant in come {
        let mut value = serde_json::to_value(tenant).ok()?;
        of_segments.extend(take_segments(&mut value));
        list.push((tenant_key(tenant), None, value));
    }
    let mut now = tenants.placed(list)?;
    let mut segments = before.iter().rev().flat_map(|tenant| tenant.segments.last());
    let mut later = after.iter().flat_map(|tenant| tenant.segments.first());
    let row = Row {
        known: &left,
        objects,
        before: segments.next().map(segment_key),
        after: later.next().map(segment_key),
    };
    let list = of_segments.into_iter().map(|member| {
        let name = member.value.get("name")?.as_str()?;
        Some((format!("{SEGMENTS}/{name}"), member.of, member.value))
    });
    now.extend(row.placed(list.collect::<Option<_>>()?)?);
    for (key, after) in now {
        left.remove(&key);
        let before = objects.get(&key);
        if before != Some(&after) {
            changes.push(Change {
                before: before.cloned(),
                after: Some(after),
                key,
            });
        }
    }
    changes.extend(left.into_iter().map(|key| Change {
        before: objects.get(&key).cloned(),
        after: None,
        key,
    }));
    Some(changes)
}

fn tenant_key(tenant: &Tenant) -> String {
    format!("{TENANTS}/{}", tenant.name)
}

fn segment_key(segment: &Segment) -> String {
    format!("{SEGMENTS}/{}", segment.name)
}

fn keys(tenant: &Tenant) -> impl Iterator<Item = String> {
    let segments = tenant.segments.iter().map(segment_key);
    std::iter::once(tenant_key(tenant)).chain(segments)
}

/// A stretch of a list of objects, between two that stay.
struct Row<'a> {
    /// Those that were in the stretch and keep their places.
    known: &'a BTreeSet<String>,
    objects: &'a Objects,
    before: Option<String>,
    after: Option<String>,
}

impl Row<'_> {
    /// The objects with a place for each; `None` if the one behind them would have to move.
    fn placed(&self, list: Vec<(String, Option<String>, Value)>) -> Option<Vec<(String, Object)>> {
        let at = |key: &String| Some(self.objects.get(key)?.at);
        let (before, after) = (self.before.as_ref(), self.after.as_ref());
        let before = before.map(&at).map_or(Some(None), |at| at.map(Some))?;
        let after = after.map(&at).map_or(Some(None), |at| at.map(Some))?;
        let own = list
            .iter()
            .map(|(key, ..)| at(key).filter(|_| self.known.contains(key)));
        let kept: Vec<Option<u64>> = before
            .map(Some)
            .into_iter()
            .chain(own)
            .chain(after.map(Some))
            .collect();
        let places = places(&kept);
        if before.is_some_and(|at| places.first() != Some(&at))
            || after.is_some_and(|at| places.last() != Some(&at))
        {
            return None;
        }
        let places = places.into_iter().skip(usize::from(before.is_some()));
        let object = |((key, of, value), at)| (key, object(at, of, &value));
        Some(list.into_iter().zip(places).map(object).collect())
    }
}

/// The document that `objects` make, from the one that they made before `changes`. `None` if more than tenants has changed, or
/// if they make no document for this version of the program.
pub(in crate::store::etcd) fn patched(
    mut document: Document,
    objects: &Objects,
    changes: &[Change],
) -> Option<Document> {
    let mut touched: BTreeMap<&str, BTreeMap<&str, &Change>> = BTreeMap::new();
    for change in changes {
        let (kind, name) = change.key.split_once('/')?;
        match kind {
            TENANTS => drop(touched.entry(name).or_default()),
            SEGMENTS => {
                for side in [&change.before, &change.after].into_iter().flatten() {
                    touched
                        .entry(side.of.as_deref()?)
                        .or_default()
                        .insert(name, change);
                }
            }
            _ => return None,
        }
    }
    let old_at = |key: &str| {
        let changed = changes.iter().find(|change| change.key == key);
        changed
            .map_or_else(|| objects.get(key), |change| change.before.as_ref())
            .map(|object| object.at)
    };
    let mut taken: BTreeMap<&str, Shared<Tenant>> = BTreeMap::new();
    for name in touched.keys() {
        let Some(at) = old_at(&format!("{TENANTS}/{name}")) else {
            continue;
        };
        let is_before = |tenant: &Shared<Tenant>| old_at(&tenant_key(tenant)).is_some_and(|own| own < at);
        let place = document.tenants.partition_point(is_before);
        let found = document.tenants.get(place)?;
        if found.name.as_str() != *name {
            return None;
        }
        taken.insert(name, document.tenants.remove(place));
    }
    for (name, segments) in touched {
        let known = taken.remove(name);
        let Some(now) = objects.get(&format!("{TENANTS}/{name}")) else {
            if has_left(name, known.as_deref()?, &segments) {
                return None;
            }
            continue;
        };
        let tenant = tenant(name, now, known.as_ref(), &segments, objects)?;
        let at = |tenant: &Shared<Tenant>| objects.get(&tenant_key(tenant)).map(|object| object.at);
        let is_before = |other: &Shared<Tenant>| at(other).is_some_and(|own| own < now.at);
        let place = document.tenants.partition_point(is_before);
        document.tenants.insert(place, tenant.into());
    }
    Some(document)
}

/// Whether a tenant that is gone leaves segments, which would be nobody's.
fn has_left(name: &str, known: &Tenant, changed: &BTreeMap<&str, &Change>) -> bool {
    let is_his = |after: &Object| after.of.as_deref() == Some(name);
    let stays = |segment: &Segment| !changed.contains_key(segment.name.as_str());
    let come = changed
        .values()
        .any(|change| change.after.as_ref().is_some_and(is_his));
    come || known.segments.iter().any(stays)
}

/// The tenant with its segments as they are now.
fn tenant(
    name: &str,
    now: &Object,
    known: Option<&Shared<Tenant>>,
    changed: &BTreeMap<&str, &Change>,
    objects: &Objects,
) -> Option<Tenant> {
    let mut tenant: Tenant = read(now)?;
    let stay = known.into_iter().flat_map(|tenant| &tenant.segments);
    let stay = stay
        .filter(|segment| !changed.contains_key(segment.name.as_str()))
        .cloned();
    let mut segments: Vec<Segment> = stay.collect();
    for change in changed.values() {
        match &change.after {
            Some(after) if after.of.as_deref() == Some(name) => segments.push(read(after)?),
            Some(_) | None => {}
        }
    }
    let mut placed: Vec<(u64, Segment)> = Vec::with_capacity(segments.len());
    for segment in segments {
        placed.push((objects.get(&segment_key(&segment))?.at, segment));
    }
    placed.sort_by_key(|(at, _)| *at);
    tenant.segments = placed.into_iter().map(|(_, segment)| segment).collect();
    Some(tenant)
}

fn read<T: serde::de::DeserializeOwned>(object: &Object) -> Option<T> {
    (object.schema == SCHEMA).then(|| object.value.read()).flatten()
}
