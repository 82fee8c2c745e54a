//! Revisions that change nothing for this node: noted, and neither checked nor compiled.
//!
//! Whoever made a revision has checked it. A node with no part in a segment, before and after a change, and through which
//! its frames do not pass either, has the same maps for both. With ten thousand tenants that is the fate of nearly every
//! change, and to look at the whole document costs hundreds of times as much as to note it.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::agent::core::Core;
use crate::agent::server::Shared;
use crate::error::Refusal;
use crate::model::Name;
use crate::store::Stored;
use crate::store::etcd::Change;
use crate::validate::{Valid, revalidate};

/// So many are noted before they are taken in: to find out what they have changed costs the more the more they are.
const MOST: u32 = 500;

impl Core {
    /// Whether the maps of this node may depend on what was changed.
    pub(super) fn is_concerned(&self, changes: &[Change]) -> bool {
        let has_part = |segment: &Name| self.image.segments.contains_key(segment);
        concerns(changes, &self.valid, &self.node, has_part)
    }

    /// Notes a revision that does not concern this node.
    ///
    /// # Errors
    /// When the state directory cannot be written; nothing is noted then.
    pub(super) fn skip(&mut self, stored: &Stored, changes: &[Change]) -> Result<(), Refusal> {
        self.store.remember(stored)?;
        self.meter.forget_tenants(&leaving(changes));
        self.skipped += 1;
        self.revision = stored.revision;
        self.applied_at = Some(stored.applied_at.clone());
        if let Some(cluster) = &mut self.cluster {
            cluster.desired = cluster.desired.max(stored.revision);
            cluster.refused = None;
        }
        Ok(())
    }

    /// Whether it is time to take the noted revisions in.
    pub(super) fn has_skipped_enough(&self) -> bool {
        self.skipped >= MOST
    }
}

/// Tenants that are removed.
fn leaving(changes: &[Change]) -> BTreeSet<Name> {
    let gone = changes.iter().filter(|change| change.after.is_none());
    let names = gone.filter_map(|change| Name::new(change.key.strip_prefix("tenants/")?).ok());
    names.collect()
}

/// `valid` is any earlier document in which links and nodes are as they are now. `has_part` tells of segments that the node
/// knows already.
fn concerns(changes: &[Change], valid: &Valid, node: &Name, has_part: impl Fn(&Name) -> bool) -> bool {
    let Some(here) = valid.find_node(node.as_str()) else {
        return true;
    };
    let between_nodes = valid.links_at(here).filter(|(_, link)| link.nodes().is_some());
    let may_relay = between_nodes.count() > 1;
    changes.iter().any(|change| match change.key.split_once('/') {
        // Its segments have changes of their own.
        Some(("tenants", _)) => change.before.is_some() && change.after.is_some(),
        Some(("segments", name)) => {
            let sides = [&change.before, &change.after].into_iter().flatten();
            let sides: Vec<Value> = sides.map(|side| side.value.parsed()).collect();
            let members: BTreeSet<&str> = sides.iter().flat_map(nodes).collect();
            let has_remotes = sides.iter().any(|side| !is_empty(side, "remotes"));
            // The others of a tenant without a limit of his own have that of his largest.
            let limits = [&change.before, &change.after].map(|side| {
                let side = side.as_ref()?;
                side.value.parsed().get("mac_limit").cloned()
            });
            Name::new(name).map_or(true, |name| has_part(&name) || has_gateway(valid, &name))
                || has_remotes
                || limits[0] != limits[1]
                || members.contains(node.as_str())
                || (may_relay && members.len() > 1)
        }
        _ => true,
    })
}

/// A segment is also where other segments of its gateway are.
fn has_gateway(valid: &Valid, segment: &Name) -> bool {
    let gateways = &valid.document().gateways;
    let mut places = gateways.iter().flat_map(|gateway| &gateway.segments);
    places.any(|place| place.segment == *segment)
}

/// Nodes at which a segment has attachments.
fn nodes(segment: &Value) -> impl Iterator<Item = &str> {
    let ends = segment.get("attachments").and_then(Value::as_array);
    ends.into_iter()
        .flatten()
        .filter_map(|end| end.get("node")?.as_str())
}

fn is_empty(segment: &Value, list: &str) -> bool {
    segment
        .get(list)
        .and_then(Value::as_array)
        .is_none_or(Vec::is_empty)
}

/// Takes the revisions in that were only noted: for whoever looks at the document or changes it.
///
/// # Errors
/// When the copy in the state directory must be read and cannot be.
pub(in crate::agent) async fn catch_up(shared: &Shared) -> Result<(), Refusal> {
    // Another one may have been noted while they were read.
    while !try_to_catch_up(shared).await? {}
    Ok(())
}

async fn try_to_catch_up(shared: &Shared) -> Result<bool, Refusal> {
    let (store, revision) = {
        let core = shared.core.lock().await;
        let Some(cluster) = core.cluster.as_ref().filter(|_| core.skipped > 0) else {
            return Ok(true);
        };
        (cluster.store.clone(), core.revision())
    };
    let known = store.stored().await.unwrap_or_default();
    let (stored, before, is_as_it_was) = {
        let core = shared.core.lock().await;
        let stored = match known.filter(|stored| stored.revision == revision) {
            Some(stored) => Some(stored),
            // The store has heard of a later one already, or went back to an earlier one.
            None => core.store.in_force()?,
        };
        (stored, core.valid.clone(), core.revision() == revision)
    };
    let Some(stored) = stored.filter(|stored| stored.revision == revision) else {
        return Ok(is_as_it_was);
    };
    let valid = revalidate(stored.document, &before).map_err(Refusal::from_problems)?;
    let mut core = shared.core.lock().await;
    if core.skipped > 0 && core.revision() == revision {
        core.valid = valid;
        core.skipped = 0;
    }
    Ok(core.skipped == 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Document, from_json};
    use crate::store::etcd::{Objects, apart, changes};
    use crate::validate::validate;

    fn document(tenants: &str) -> Document {
        let text = format!(
            r#"{{"schema":"fabric/1","datacenters":[{{"name":"dc1","id":1,"s_vids":"100-1099","c_vids":"200-3999"}}],
            "nodes":[{{"name":"a","datacenter":"dc1"}},{{"name":"b","datacenter":"dc1"}},{{"name":"c","datacenter":"dc1"}}],
            "links":[
                {{"name":"ab","kind":"trunk","ends":[{{"node":"a","port":"t0"}},{{"node":"b","port":"t0"}}]}},
                {{"name":"bc","kind":"trunk","ends":[{{"node":"b","port":"t1"}},{{"node":"c","port":"t0"}}]}}],
            "tenants":[{tenants}]}}"#
        );
        from_json(&text).unwrap()
    }

    fn tenant(name: &str, ends: &[&str], more: &str) -> String {
        let ends = ends.iter().map(|node| {
            format!(
                r#"{{"node":"{node}","port":"eth1","vlan":10,"c_vid":30{}}}"#,
                node.len()
            )
        });
        let ends: Vec<String> = ends.collect();
        format!(
            r#"{{"name":"{name}"{more},"segments":[{{"name":"{name}-lan","datacenter":"dc1","s_vid":100,"c_vid":1100,"attachments":[{}]}}]}}"#,
            ends.join(",")
        )
    }

    /// Which of the nodes a change from one list of tenants to another concerns.
    fn concerned(before: &str, after: &str) -> Vec<&'static str> {
        let objects = |tenants| apart(&document(tenants), &Objects::new()).unwrap();
        let changes = changes(&objects(before), &objects(after));
        let valid = validate(document("")).unwrap();
        let is = |node: &&str| concerns(&changes, &valid, &Name::new(node).unwrap(), |_| false);
        ["a", "b", "c"].into_iter().filter(is).collect()
    }

    #[test]
    fn a_tenant_of_one_node_concerns_that_node() {
        assert_eq!(concerned("", &tenant("x", &["a"], "")), ["a"]);
        assert_eq!(concerned(&tenant("x", &["c"], ""), ""), ["c"]);
        assert_eq!(
            concerned(&tenant("x", &["a"], ""), &tenant("x", &["c"], "")),
            ["a", "b", "c"]
        );
    }

    #[test]
    fn a_limit_concerns_everybody_with_segments_of_the_tenant() {
        let limited = tenant("x", &["a"], "").replace(r#""s_vid":100"#, r#""s_vid":100,"mac_limit":50000"#);
        assert_eq!(concerned(&tenant("x", &["a"], ""), &limited), ["a", "b", "c"]);
        assert_eq!(concerned("", &limited), ["a", "b", "c"]);
    }

    #[test]
    fn whoever_lies_between_is_concerned_too() {
        assert_eq!(concerned("", &tenant("x", &["a", "c"], "")), ["a", "b", "c"]);
        assert_eq!(concerned("", &tenant("x", &["a", "b"], "")), ["a", "b"]);
    }

    #[test]
    fn what_is_no_segment_concerns_everybody() {
        let limited = tenant("x", &["a"], r#","mac_limit":9"#);
        assert_eq!(concerned(&tenant("x", &["a"], ""), &limited), ["a", "b", "c"]);
        let [one, mut other] = [document(""), document("")];
        other.links.pop();
        let objects = |document| apart(document, &Objects::new()).unwrap();
        let changes = changes(&objects(&one), &objects(&other));
        let valid = validate(one).unwrap();
        assert!(concerns(&changes, &valid, &Name::new("a").unwrap(), |_| false));
    }

    #[test]
    fn a_segment_with_a_part_here_concerns_this_node() {
        let objects = |tenants| apart(&document(tenants), &Objects::new()).unwrap();
        let changes = changes(&objects(""), &objects(&tenant("x", &["c"], "")));
        let valid = validate(document("")).unwrap();
        let part = |name: &Name| name.as_str() == "x-lan";
        assert!(concerns(&changes, &valid, &Name::new("a").unwrap(), part));
    }
}
