//! The task that follows the store and reports to it.

use std::sync::Arc;
use std::time::Duration;

use fabric_common::maps::LAYOUT_VERSION;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::{concern, restore};
use crate::agent::confirm;
use crate::agent::core::Core;
use crate::agent::server::Shared;
use crate::agent::views;
use crate::error::{Refusal, codes};
use crate::store::Stored;
use crate::store::etcd::{Change, EtcdStore, Follower, News, NodeReport, ReportedPort, Reporter};

/// Pauses between tries while the store is of no use; the members' own time limits come on top.
const PAUSE: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(3));

/// Starts to follow, if there is a store to follow.
pub(in crate::agent) async fn spawn(shared: &Shared) -> Option<JoinHandle<()>> {
    let store = Arc::clone(&shared.core.lock().await.cluster.as_ref()?.store);
    Some(tokio::spawn(run(shared.clone(), store)))
}

async fn run(shared: Shared, store: Arc<EtcdStore>) {
    let mut follower = Follower::new(Arc::clone(&store));
    let mut reporter = Reporter::new(Arc::clone(&store));
    let mut waiting: Option<Stored> = None;
    let mut pause = PAUSE.0;
    loop {
        let mut done = round(&shared, &store, (&mut follower, &mut reporter), &mut waiting).await;
        if done.is_ok() {
            done = confirm::learn(&shared, &store).await;
        }
        let reported = match done {
            Ok(()) => report(&shared, &mut reporter).await,
            Err(refusal) => Err(refusal),
        };
        let mut core = shared.core.lock().await;
        let Some(cluster) = core.cluster.as_mut() else {
            return;
        };
        match reported {
            Ok(()) => {
                cluster.is_well();
                pause = PAUSE.0;
            }
            Err(refusal) => {
                cluster.trouble(refusal);
                drop(core);
                sleep(pause).await;
                pause = (pause * 2).min(PAUSE.1);
            }
        }
    }
}

/// Before a node carries out the first document it is known to the store: what it is about to send by would otherwise be given to others
/// meanwhile.
async fn introduce(shared: &Shared, reporter: &mut Reporter) -> Result<(), Refusal> {
    if reporter.is_known() {
        return Ok(());
    }
    match report(shared, reporter).await {
        // Nothing is given to anybody then, and what is there can be read.
        Err(refusal) if refusal.code == codes::STORE_FULL => Ok(()),
        done => done,
    }
}

/// Waits for news and does what they ask for.
async fn round(
    shared: &Shared,
    store: &EtcdStore,
    (follower, reporter): (&mut Follower, &mut Reporter),
    waiting: &mut Option<Stored>,
) -> Result<(), Refusal> {
    let expected = {
        let core = shared.core.lock().await;
        let Some(cluster) = &core.cluster else {
            return Ok(());
        };
        cluster.expected(core.revision())
    };
    let news = follower.next(&expected).await?;
    if let News::Document(_) | News::Changes { .. } = news {
        // It is read again.
        introduce(shared, reporter)
            .await
            .inspect_err(|_| follower.forget())?;
    }
    match news {
        News::Document(stored) => {
            *waiting = Some(stored);
            carry_out(shared, waiting).await
        }
        News::Own { revision } => {
            // What is being carried out is waited for.
            let changes = shared.changes.lock().await;
            *waiting = None;
            if shared.core.lock().await.revision() >= revision {
                return joined(shared, store).await;
            }
            // Decided here for all nodes, this one included: a return, or what the store had lost.
            *waiting = store.stored().await?;
            drop(changes);
            carry_out(shared, waiting).await
        }
        News::Changes { stored, changes } => {
            // Whoever still waits for an earlier one goes by the whole.
            let skipped = match waiting {
                Some(_) => Ok(false),
                None => skipped(shared, &stored, &changes).await,
            };
            if let Ok(true) = skipped {
                return Ok(());
            }
            // It is told once: what could not be noted now is tried again.
            *waiting = Some(stored);
            skipped?;
            carry_out(shared, waiting).await
        }
        // What a node has refused it may be able to carry out later: an interface has come, a port is safe again.
        News::Quiet => carry_out(shared, waiting).await,
        News::Unreadable { revision, refusal } => {
            *waiting = None;
            if let Some(cluster) = shared.core.lock().await.cluster.as_mut() {
                cluster.desired = cluster.desired.max(revision);
                cluster.refuse(revision, &refusal);
            }
            Ok(())
        }
        News::Older { revision } => {
            *waiting = None;
            restore::bring_back(shared, revision).await?;
            follower.forget();
            Ok(())
        }
        News::NotOurs(refusal) => Err(refusal),
    }
}

/// True if the changes do not concern this node, and are noted.
async fn skipped(shared: &Shared, stored: &Stored, changes: &[Change]) -> Result<bool, Refusal> {
    let _changes = shared.changes.lock().await;
    let mut core = shared.core.lock().await;
    if stored.revision <= core.revision() || core.revision() == 0 || core.is_concerned(changes) {
        return Ok(false);
    }
    core.skip(stored, changes)?;
    let is_enough = core.has_skipped_enough();
    drop(core);
    if is_enough {
        concern::catch_up(shared).await?;
    }
    Ok(true)
}

async fn carry_out(shared: &Shared, waiting: &mut Option<Stored>) -> Result<(), Refusal> {
    let Some(stored) = waiting.as_ref() else {
        return Ok(());
    };
    let _changes = shared.changes.lock().await;
    let fabric = match store_of(shared).await {
        Some(store) => store.fabric().await,
        None => return Ok(()),
    };
    let mut core = shared.core.lock().await;
    let followed = core.follow(stored).await;
    // A newer one may have been made here while this one waited to be looked at.
    let is_newest = stored.revision >= core.revision();
    if is_newest {
        core.contest_storage(&stored.document);
    }
    let Some(cluster) = &mut core.cluster else {
        return Ok(());
    };
    if is_newest {
        cluster.desired = stored.revision;
    }
    match followed {
        Ok(()) => {
            *waiting = None;
            core.belong_to(fabric.as_deref())
        }
        Err(refusal) => {
            cluster.refuse(stored.revision, &refusal);
            Ok(())
        }
    }
}

async fn store_of(shared: &Shared) -> Option<Arc<EtcdStore>> {
    let core = shared.core.lock().await;
    core.cluster.as_ref().map(|cluster| Arc::clone(&cluster.store))
}

/// This node has what is in force: from now on it belongs to the fabric of the store.
async fn joined(shared: &Shared, of: &EtcdStore) -> Result<(), Refusal> {
    let fabric = of.fabric().await;
    let mut core = shared.core.lock().await;
    core.agree_on_storage();
    core.belong_to(fabric.as_deref())
}

async fn report(shared: &Shared, reporter: &mut Reporter) -> Result<(), Refusal> {
    let Some(report) = own(&*shared.core.lock().await) else {
        return Ok(());
    };
    reporter.report(&report).await
}

/// What this node says of itself.
pub(super) fn own(core: &Core) -> Option<NodeReport> {
    // A data path that is down is no node's.
    let cluster = core.cluster.as_ref().filter(|_| !core.ended)?;
    let ports = core.ports.iter().map(|(name, _)| ReportedPort {
        name: name.to_string(),
        state: views::port_state(core, name).to_owned(),
    });
    Some(NodeReport {
        schema: "fabric/1".to_owned(),
        node: core.node.to_string(),
        instance: cluster.membership.instance.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        layout: LAYOUT_VERSION,
        revision: core.revision(),
        confirmed: match core.ports.iter().next() {
            Some(_) => core.revision(),
            None => core.revision().max(cluster.desired),
        },
        refused: cluster.refused.clone(),
        ports: ports.collect(),
        started_at: cluster.started_at.clone(),
    })
}
