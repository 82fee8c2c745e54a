//! Which nodes may still go by an older revision, and which are the same host under another name.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::load::Snapshot;
use super::objects::{Change, Object};

/// What the keys of nodes among the objects begin with.
pub(super) const NODES: &str = "nodes/";

/// How far the nodes are.
pub(super) struct Progress<'a> {
    /// Revision that each node had last, whether it lives or not.
    pub(super) confirmed: BTreeMap<String, u64>,
    pub(super) in_force: u64,
    /// Who makes a change has the revision that he makes it from.
    pub(super) writer: &'a str,
    /// Those of the document.
    pub(super) nodes: &'a BTreeSet<String>,
}

impl Progress<'_> {
    /// Nodes of the document that may still go by what was in force before `revision`.
    ///
    /// The ports of a node outside of the document are fenced once all others know that it is not one of them any more. One that has
    /// them under another name is told of by [`EtcdStore::inherited`].
    pub(super) fn behind(&self, revision: u64) -> Vec<&str> {
        let is_fenced = self.strangers(revision).next().is_some();
        let wanted = if is_fenced { self.in_force } else { revision };
        let lags = |node: &&String| match self.confirmed.get(*node) {
            Some(has) if *node == self.writer => (*has).max(self.in_force) < wanted,
            Some(has) => *has < wanted,
            // It has never carried a document out, or forwards nothing any more.
            None => false,
        };
        self.nodes.iter().filter(lags).map(String::as_str).collect()
    }

    /// Nodes outside of the document that go by what was in force before `revision`.
    pub(super) fn strangers(&self, revision: u64) -> impl Iterator<Item = &str> {
        let nodes = self.confirmed.iter();
        let lag = nodes.filter(move |(node, has)| **has < revision && !self.nodes.contains(*node));
        lag.map(|(node, _)| node.as_str())
    }

    /// Whether nobody goes by what was in force before `revision`.
    pub(super) fn is_past(&self, revision: u64) -> bool {
        self.confirmed.values().all(|has| *has >= revision)
    }
}

/// New nodes that stand where another one stood at a link that goes on, each with that one.
pub(super) fn heirs(changes: &[Change]) -> BTreeMap<String, String> {
    let node = |change: &Change| Some(change.key.strip_prefix(NODES)?.to_owned());
    let new: BTreeSet<String> = changes
        .iter()
        .filter(|change| change.before.is_none())
        .filter_map(node)
        .collect();
    if new.is_empty() {
        return BTreeMap::new();
    }
    let links = changes.iter().filter(|change| change.key.starts_with("links/"));
    let moved =
        links.filter_map(|change| Some((ends_of(change.before.as_ref()?), ends_of(change.after.as_ref()?))));
    moved
        .flat_map(|(before, after)| before.into_iter().zip(after))
        .filter(|(before, after)| before != after && new.contains(after))
        .map(|(before, after)| (after, before))
        .collect()
}

/// Nodes of the two ends, empty for a foreign one.
fn ends_of(link: &Object) -> Vec<String> {
    let value = link.value.parsed();
    let ends = value.get("ends").and_then(Value::as_array).into_iter().flatten();
    let node = |end: &Value| {
        end.get("node")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    ends.map(node).collect()
}

/// Names of the nodes in the document that is known to be in force.
pub(super) fn nodes_of(known: &Snapshot) -> impl Iterator<Item = String> {
    let keys = known.objects.range(NODES.to_owned()..).map(|(key, _)| key);
    keys.map_while(|key| Some(key.strip_prefix(NODES)?.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_outside_of_the_document_is_fenced_when_all_others_have_what_is_in_force() {
        let nodes: BTreeSet<String> = ["a", "b", "unheard"].map(str::to_owned).into();
        let behind = |confirmed: &[(&str, u64)], revision| -> Vec<String> {
            let confirmed = confirmed.iter().map(|(node, has)| ((*node).to_owned(), *has));
            let progress = Progress {
                confirmed: confirmed.collect(),
                in_force: 9,
                writer: "a",
                nodes: &nodes,
            };
            progress.behind(revision).into_iter().map(str::to_owned).collect()
        };
        assert_eq!(behind(&[("a", 8), ("b", 4)], 5), ["b"]);
        assert_eq!(behind(&[("a", 8), ("b", 5)], 5), [""; 0]);
        assert_eq!(behind(&[("a", 8), ("b", 5), ("gone", 5)], 5), [""; 0]);
        assert_eq!(behind(&[("a", 8), ("b", 8), ("gone", 4)], 5), ["b"]);
        assert_eq!(behind(&[("a", 8), ("b", 9), ("gone", 4)], 5), [""; 0]);
    }
}
