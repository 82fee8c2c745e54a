//! No frame goes round while nodes change over from one spanning tree to another.

use std::collections::BTreeMap;

use crate::agent::core::Core;
use crate::error::{Refusal, codes};
use crate::model::Name;
use crate::store::etcd::EtcdStore;
use crate::topology::rings::{Ring, closed_among, closed_between, gains_a_link, moves_labels};
use crate::validate::{Valid, revalidate, validate};

impl Core {
    /// Refuses a document that could close a ring with the one in force.
    pub(super) fn check_rings(&self, valid: &Valid) -> Result<(), Refusal> {
        check_between(&self.valid, valid, self.cluster.is_some())
    }
}

/// Refuses a document that could close a ring with the one before it. Labels that end elsewhere do so only while nodes change over,
/// which those of a cluster do within moments: a second line between datacenters would otherwise cost the first one.
fn check_between(old: &Valid, new: &Valid, is_shared: bool) -> Result<(), Refusal> {
    if is_shared && !gains_a_link(old, new) {
        return Ok(());
    }
    match closed_between(old, new) {
        Some(ring) => {
            let said = sentence(&ring, "while nodes change over one after the other");
            Err(Refusal::new(codes::TWO_TREES, said).with_cure(format!(
                "fabric link down {}; when all nodes have done so (fabric node list), make this change",
                ring.lost
            )))
        }
        None => Ok(()),
    }
}

/// Refuses what could close a ring when it takes the place of revision `base`, `old`, in a store that nodes follow.
///
/// # Errors
/// For such a document, and when the store does not answer.
pub(crate) async fn check_replacement(
    store: &EtcdStore,
    base: u64,
    old: &Valid,
    new: &Valid,
) -> Result<(), Refusal> {
    check_between(old, new, true)?;
    if gains_a_link(old, new) || moves_labels(old, new) {
        check_behind(store, base, new).await?;
    }
    Ok(())
}

/// Refuses a document that could close a ring with nodes that have not confirmed revision `base` yet, after a moment for those
/// that are about to. A dead agent's node goes on forwarding by what it had; one that is taken out of the document is fenced.
pub(super) async fn check_behind(store: &EtcdStore, base: u64, valid: &Valid) -> Result<(), Refusal> {
    let in_document = |node: &str| valid.find_node(node).is_some();
    let nodes = valid.document().nodes.iter().map(|node| node.name.to_string());
    let behind = store.still_behind(base, &nodes.collect()).await?;
    if behind.is_empty() {
        return Ok(());
    }
    let oldest = behind.values().min().copied().unwrap_or(base);
    let mut kept: Vec<(u64, Valid)> = Vec::new();
    for stored in store.kept_since(oldest).await? {
        // What two revisions have in common is there once.
        let valid = match kept.last() {
            Some((_, before)) => revalidate(stored.document, before),
            None => validate(stored.document),
        };
        kept.extend(valid.ok().map(|valid| (stored.revision, valid)));
        // Others have work on this thread.
        tokio::task::yield_now().await;
    }
    kept.retain(|(revision, _)| *revision <= base);
    // What one node alone has is in use nowhere.
    let first = kept.first().map_or(base, |(revision, _)| *revision);
    if behind.values().filter(|has| **has < first).count() > 1 {
        return Err(unknown(first, &behind));
    }
    let documents: Vec<&Valid> = kept.iter().map(|(_, valid)| valid).chain([valid]).collect();
    let may_go_by = |node: &Name, document: usize| {
        let has = behind.get(node.as_str()).copied().unwrap_or(base);
        in_document(node.as_str()) && kept.get(document).is_none_or(|(revision, _)| *revision >= has)
    };
    match closed_among(&documents, may_go_by) {
        // Whoever is behind does not hear that a link is out of service.
        Some(ring) => Err(Refusal::new(
            codes::TWO_TREES,
            sentence(&ring, &format!("with {}", who(&behind))),
        )
        .with_cure(CATCH_UP)),
        None => Ok(()),
    }
}

const CATCH_UP: &str = "start their agents, or take nodes that are gone for good out of the document";

fn who(behind: &BTreeMap<String, u64>) -> String {
    let nodes = behind
        .iter()
        .map(|(node, revision)| format!("{node} at revision {revision}"));
    nodes.collect::<Vec<_>>().join(", ")
}

fn unknown(first: u64, behind: &BTreeMap<String, u64>) -> Refusal {
    let sentence = format!(
        "frames could go round: {} forward by documents that are not kept any more (from revision {first} on)",
        who(behind)
    );
    Refusal::new(codes::TWO_TREES, sentence).with_cure(CATCH_UP)
}

fn sentence(ring: &Ring, when: &str) -> String {
    let Ring {
        segment,
        lost,
        gained,
    } = ring;
    format!(
        "link {gained} would carry segment {segment} in place of link {lost}, and with both in use frames would go round {when}"
    )
}
