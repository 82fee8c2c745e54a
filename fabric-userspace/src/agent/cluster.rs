//! One of many nodes: the document comes from a store that they share.
//!
//! Invariant: whatever the store does (away, cut off, compacted, restored, full), what forwards goes on with the
//! document that this node has. It is changed by a newer document of the same fabric, and by nothing else.

mod concern;
mod follow;
mod restore;
mod view;

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use serde::{Deserialize, Serialize};

pub(super) use concern::catch_up;
pub(super) use follow::spawn;
pub(super) use view::nodes;

use super::core::{Core, side_file};
use crate::agent_options::AgentOptions;
use crate::api;
use crate::error::{Code, Refusal, codes};
use crate::model::{Document, Name};
use crate::store::etcd::{EtcdStore, Expected, RefusedRevision, new_instance};
use crate::store::{FileStore, Store as _};
use crate::wall::stamp;

/// What is kept of the fabric over a restart.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Membership {
    /// Random name of this state directory.
    instance: String,
    /// Random name of the fabric; `None` before the first contact.
    fabric: Option<String>,
    /// The node was taken down: numbers of the copy may be others' since.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    left: bool,
}

/// Whether the document of a state directory is the copy of one that several nodes share.
///
/// # Errors
/// When what says so is damaged.
pub(crate) fn is_of_a_fabric(files: &FileStore) -> Result<bool, Refusal> {
    let membership: Option<Membership> = files.side_file(side_file::FABRIC)?;
    Ok(membership.is_some_and(|membership| membership.fabric.is_some()))
}

/// Notes that the data path of a state directory was taken down while no agent ran: its numbers may be others' at the next start.
///
/// # Errors
/// When it cannot be written down.
pub(super) fn has_left(files: &FileStore) -> Result<(), Refusal> {
    let membership: Option<Membership> = files.side_file(side_file::FABRIC)?;
    match membership {
        Some(membership) if !membership.left => files.set_durable_side_file(
            side_file::FABRIC,
            &Membership {
                left: true,
                ..membership
            },
        ),
        Some(_) | None => Ok(()),
    }
}

/// This node's part in a fabric of many.
pub(super) struct Cluster {
    pub(super) store: Arc<EtcdStore>,
    membership: Membership,
    /// Newest revision that the store is known to hold.
    pub(super) desired: u64,
    /// The newest revision, if this node does not carry it out.
    pub(super) refused: Option<RefusedRevision>,
    /// Revisions refused since the start.
    pub(super) refusals: u64,
    /// What is wrong with the store.
    trouble: Option<Trouble>,
    /// Whether it has answered since the start.
    heard: bool,
    started_at: String,
}

struct Trouble {
    since: Instant,
    refusal: Refusal,
}

impl Cluster {
    /// What the options say; `None` for a node on its own.
    ///
    /// # Errors
    /// When a certificate or the state directory cannot be read.
    pub(super) fn open(
        options: &AgentOptions,
        files: &FileStore,
        node: &Name,
    ) -> Result<Option<Self>, Refusal> {
        let Some(address) = &options.store else {
            // From now on the document is this host's own.
            if is_of_a_fabric(files)? {
                files.begin_history()?;
            }
            files.remove_side_file(side_file::FABRIC);
            return Ok(None);
        };
        let membership = match files.side_file(side_file::FABRIC)? {
            Some(membership) => membership,
            None => {
                let membership = Membership {
                    instance: new_instance()?,
                    fabric: None,
                    left: false,
                };
                files.set_durable_side_file(side_file::FABRIC, &membership)?;
                membership
            }
        };
        Ok(Some(Self {
            store: Arc::new(EtcdStore::open(address.clone(), node.to_string())?),
            membership,
            desired: 0,
            refused: None,
            refusals: 0,
            trouble: None,
            heard: false,
            started_at: stamp(),
        }))
    }

    /// Whether the document in the state directory is one of the fabric's.
    pub(super) fn has_joined(&self) -> bool {
        self.membership.fabric.is_some()
    }

    /// Whether the copy in the state directory is of before the node was taken down.
    pub(super) fn has_left(&self) -> bool {
        self.membership.left
    }

    /// Refuses a start as a node that the copy of the document does not know: the node has another name since.
    pub(super) fn check_copy(&self, copy: &Document, node: &Name, folder: &Path) -> Result<(), Refusal> {
        if !self.has_joined() || copy.nodes.iter().any(|known| known.name == *node) {
            return Ok(());
        }
        let folder = folder.display();
        let sentence = format!("the copy of the fabric's document in {folder} has no node {node}");
        Err(Refusal::new(codes::UNKNOWN_NODE, sentence)
            .with_cure(format!(
                "correct --node, or, if the node has a new name: fabric agent stop --detach --state-dir {folder}, and start the agent again"
            ))
            .unchanged())
    }

    /// Notes that the node is taken down, or carries out what is in force in the store.
    ///
    /// # Errors
    /// When it cannot be written down.
    pub(super) fn set_left(&mut self, left: bool, files: &FileStore) -> Result<(), Refusal> {
        if self.membership.left == left {
            return Ok(());
        }
        let membership = Membership {
            left,
            ..self.membership.clone()
        };
        files.set_durable_side_file(side_file::FABRIC, &membership)?;
        self.membership = membership;
        Ok(())
    }

    pub(super) fn expected(&self, revision: u64) -> Expected {
        Expected {
            fabric: self.membership.fabric.clone(),
            revision,
        }
    }

    /// From now on this node belongs to `fabric`.
    pub(super) fn join(&mut self, fabric: &str, files: &FileStore) -> Result<(), Refusal> {
        if self.membership.fabric.as_deref() == Some(fabric) {
            return Ok(());
        }
        let membership = Membership {
            fabric: Some(fabric.to_owned()),
            ..self.membership.clone()
        };
        files.set_durable_side_file(side_file::FABRIC, &membership)?;
        self.membership = membership;
        Ok(())
    }

    /// Says once, not at every try, that something is wrong with the store.
    pub(super) fn trouble(&mut self, refusal: Refusal) {
        if self
            .trouble
            .as_ref()
            .is_none_or(|trouble| trouble.refusal.code != refusal.code)
        {
            tracing::warn!(store = %self.store.address(), problem = %refusal.sentence, code = %refusal.code,
                "the store is of no use now, forwarding goes on");
        }
        let since = self
            .trouble
            .as_ref()
            .map_or_else(Instant::now, |trouble| trouble.since);
        self.trouble = Some(Trouble { since, refusal });
    }

    /// The store is as it should be.
    pub(super) fn is_well(&mut self) {
        self.heard = true;
        if let Some(trouble) = self.trouble.take() {
            tracing::info!(store = %self.store.address(), after_s = trouble.since.elapsed().as_secs(), "the store is back");
        }
    }

    /// True while the store answers and is the right one.
    pub(super) fn is_reachable(&self) -> bool {
        self.heard && self.trouble.is_none()
    }

    /// Notes that a revision is not carried out; says so once.
    pub(super) fn refuse(&mut self, revision: u64, refusal: &Refusal) {
        if self
            .refused
            .as_ref()
            .is_none_or(|refused| refused.revision != revision)
        {
            self.refusals += 1;
            tracing::warn!(source = "etcd", revision, problem = %refusal.sentence, code = %refusal.code, "document refused");
        }
        self.refused = Some(RefusedRevision {
            revision,
            code: refusal.code.as_str().to_owned(),
            reason: refusal.sentence.clone(),
        });
    }

    /// What `fabric status` says of the store.
    pub(super) fn problems(&self) -> Vec<api::Problem> {
        let store = self.trouble.as_ref().map(|trouble| api::Problem {
            status: format!(
                "{}; for {} s, forwarding goes on",
                trouble.refusal.sentence,
                trouble.since.elapsed().as_secs()
            ),
            action: trouble.refusal.cure.clone().unwrap_or_default(),
        });
        let refused = self.refused.as_ref().map(|refused| api::Problem {
            status: format!(
                "revision {} is refused here: {}",
                refused.revision, refused.reason
            ),
            action: format!("fabric help {}", refused.code),
        });
        store.into_iter().chain(refused).collect()
    }

    /// Why a change cannot be made now, if it is known.
    pub(super) fn check_open(&self) -> Result<(), Refusal> {
        let passing: [&Code; 2] = [&codes::STORE_AWAY, &codes::STORE_FULL];
        match &self.trouble {
            // Whether they have passed shows by trying.
            Some(trouble) if !passing.contains(&&trouble.refusal.code) => Err(trouble.refusal.clone()),
            _ => Ok(()),
        }
    }
}

/// Whether a document given at the start is the first one. Not if the nodes have one already, or cannot be asked.
pub(super) async fn wants_first(core: &Core) -> bool {
    let Some(cluster) = &core.cluster else {
        return true;
    };
    match cluster.store.current().await {
        Ok(None) => !cluster.has_joined(),
        Ok(Some(_)) => false,
        Err(refusal) => {
            tracing::warn!(problem = %refusal.sentence, "the document of --config is not used");
            false
        }
    }
}

/// Tells the other nodes that this one forwards nothing any more. From then on they give its numbers to others, so that is written down
/// first: the next start asks the store before it carries anything out.
pub(super) async fn leave(core: &mut Core) {
    let Some(cluster) = &mut core.cluster else {
        return;
    };
    if let Err(refusal) = cluster.set_left(true, &core.store) {
        tracing::warn!(problem = %refusal.sentence, "the other nodes are not told that this one is down");
        return;
    }
    if let Err(refusal) = cluster.store.leave(core.node.as_str()).await {
        tracing::warn!(problem = %refusal.sentence, "the other nodes do not know that this one is down");
    }
}
