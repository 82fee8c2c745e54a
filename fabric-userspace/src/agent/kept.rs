//! What an agent keeps in its state directory beside the document.

use std::collections::{BTreeMap, BTreeSet};

use super::core::{saved_neighbours, side_file};
use super::evpn;
use super::meter::Retired;
use super::numbers::Numbers;
use super::ports::Ports;
use crate::error::{Refusal, codes};
use crate::ids::Ids;
use crate::model::{Document, Name};
use crate::netlink::{NeighbourKey, Netlink, VniDevices};
use crate::storage::Saved;
use crate::store::{FileStore, Pending, Store as _};

/// All of it. It is read before the data path is touched, so that a damaged file changes nothing.
pub(super) struct Kept {
    pub(super) ports: Ports,
    pub(super) neighbours: Vec<NeighbourKey>,
    pub(super) numbers: Numbers,
    /// Absent if no map was ever written.
    pub(super) ids: Option<Ids>,
    pub(super) retired: Option<Retired>,
    /// Of storage machines.
    pub(super) storage: BTreeMap<Name, Saved>,
    /// Interfaces for the routing daemon.
    pub(super) made: BTreeSet<VniDevices>,
    /// The revision that waits to be confirmed. With a shared store that is told by the store.
    pub(super) trial: Option<Pending>,
}

impl Kept {
    /// # Errors
    /// When something is damaged.
    pub(super) async fn read(
        store: &FileStore,
        netlink: Option<Netlink>,
        is_alone: bool,
    ) -> Result<Self, Refusal> {
        let (numbers, ids) = Numbers::load(store)?;
        Ok(Self {
            ports: Ports::resume(netlink, store)?,
            neighbours: saved_neighbours(store)?,
            numbers,
            ids,
            retired: store.side_file(side_file::COUNTS)?,
            storage: store.side_file(side_file::STORAGE)?.unwrap_or_default(),
            made: evpn::written_down(store)?,
            trial: if is_alone { store.pending().await? } else { None },
        })
    }
}

/// Which node of `document` this host is, where nobody says it: the only one, or the one that it was before, for a host's name
/// may change. Else the one of the host's name, as where the document knows that one alone.
///
/// In a fabric with a shared store the only node may be another host, as long as this one is not in the document.
///
/// # Errors
/// When what says which one it was is damaged, or the host's name is no name for a node.
pub(super) fn own_node(
    store: &FileStore,
    document: Option<&Document>,
    is_shared: bool,
) -> Result<Name, Refusal> {
    let nodes = document.map_or(&[][..], |document| &document.nodes);
    let before: Option<Name> = store.side_file(side_file::NODE)?;
    if let [only] = nodes
        && !(is_shared && before.is_some())
    {
        return Ok(only.name.clone());
    }
    let is_there = |name: &Name| nodes.iter().any(|node| node.name == *name);
    match (before, host_name()) {
        (Some(before), Some(host)) if is_there(&host) && !is_there(&before) => Ok(host),
        (Some(before), _) => Ok(before),
        (None, Some(host)) => Ok(host),
        (None, None) => Err(
            Refusal::new(codes::USAGE, "the host's name is no name for a node").with_cure("give --node NAME"),
        ),
    }
}

fn host_name() -> Option<Name> {
    let host = nix::unistd::gethostname().ok()?.into_string().ok()?;
    host.to_lowercase().parse().ok()
}

/// For the next start.
///
/// # Errors
/// When it cannot be written down.
pub(super) fn remember_node(store: &FileStore, node: &Name) -> Result<(), Refusal> {
    if store
        .side_file(side_file::NODE)
        .is_ok_and(|before: Option<Name>| before.as_ref() == Some(node))
    {
        return Ok(());
    }
    store.set_durable_side_file(side_file::NODE, node)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Node;

    fn document(nodes: &[&str]) -> Document {
        let mut document = Document::starter(nodes[0].parse().unwrap());
        let first = document.nodes[0].clone();
        document.nodes = nodes
            .iter()
            .map(|name| Node {
                name: name.parse().unwrap(),
                ..first.clone()
            })
            .collect();
        document
    }

    #[test]
    fn a_host_whose_name_changes_stays_the_node_that_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let store = FileStore::open(&folder.path().join("state")).unwrap();
        let host = host_name().expect("the machine has a name");
        let of = |nodes: &[&str], is_shared| own_node(&store, Some(&document(nodes)), is_shared).unwrap();
        let both = ["edge-before", host.as_str()];
        assert_eq!(of(&both, false), host);
        assert_eq!(of(&["only"], true).as_str(), "only");
        let before: Name = "edge-before".parse().unwrap();
        remember_node(&store, &before).unwrap();
        assert_eq!(of(&both, false), before);
        assert_eq!(own_node(&store, None, false).unwrap(), before);
        assert_eq!(of(&["other", "another"], false), before);
        // The document knows the new name alone: the node was renamed.
        assert_eq!(of(&["other", host.as_str()], false), host);
        // What this host alone decides about names it; of a fabric that it joins the only node may be another one.
        assert_eq!(of(&["only"], false).as_str(), "only");
        assert_eq!(of(&["only"], true), before);
    }
}
