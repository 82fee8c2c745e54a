//! A store that was restored from a backup holds less than the nodes know.
//!
//! The node with the newest document puts it back, as a new revision: all nodes that have it go on as they are, and no
//! frame is lost. Nodes that come back later with a newer one still follow the store.

use std::time::Duration;

use tokio::time::sleep;

use super::follow::own;
use crate::agent::server::Shared;
use crate::error::{Refusal, codes};
use crate::store::etcd::Reporter;
use crate::store::{Store as _, Stored, Terms};
use crate::wall::stamp;

/// So long the nodes tell each other what they have, before the one with the newest acts.
const SETTLE: Duration = Duration::from_secs(2);

/// Puts this node's document back into the store, unless another node has a newer one.
pub(super) async fn bring_back(shared: &Shared, found: u64) -> Result<(), Refusal> {
    super::catch_up(shared).await?;
    let (store, report, mine) = {
        let core = shared.core.lock().await;
        let (Some(cluster), Some(report)) = (&core.cluster, own(&core)) else {
            return Ok(());
        };
        let mine = Stored {
            // Above everything that was ever in force here, so that no number means two documents.
            revision: core.revision() + 1,
            applied_at: stamp(),
            cause: format!(
                "restore of revision {}, the store had gone back to {found}",
                core.revision()
            ),
            document: core.document().clone(),
        };
        (cluster.store.clone(), report, mine)
    };
    tracing::warn!(store = %store.address(), revision = report.revision, found,
        "the store went back to an older revision, forwarding goes on with the newer one");
    Reporter::new(store.clone()).report(&report).await?;
    sleep(SETTLE).await;
    let others = store.reports().await?;
    let mine_first = (report.revision, std::cmp::Reverse(report.node.as_str()));
    if others
        .iter()
        .any(|other| (other.revision, std::cmp::Reverse(other.node.as_str())) > mine_first)
    {
        return Ok(());
    }
    match store.put_in_force(found, &mine, Terms::Anyway).await {
        Ok(()) => {
            tracing::warn!(
                revision = mine.revision,
                "this node's document was put back into the store"
            );
            Ok(())
        }
        // Another node did it, or somebody made a change: the store is followed.
        Err(refusal) if refusal.code == codes::STALE_REVISION => Ok(()),
        Err(refusal) => Err(refusal),
    }
}
