//! What the API shows: the document and the live maps in the words of people.

mod counters;
mod fdb;
mod gateways;
mod links;
mod plant;
mod ports;
mod status;
mod storage;
mod tenants;

pub(super) use counters::counters;
pub(super) use fdb::stations;
pub(super) use gateways::gateways;
pub(super) use links::links;
pub(super) use plant::{datacenters, node_details};
pub(super) use ports::{doctor, ports, state as port_state};
pub(super) use status::status;
pub(super) use storage::storage;
pub(super) use tenants::tenants;

pub(super) use counters::{reading, traffic};

use super::meter::Sum;
use super::server::Shared;
use crate::api;
use crate::error::Refusal;
use crate::store::{Past, Store as _};

impl From<Sum> for api::Count {
    fn from(sum: Sum) -> Self {
        Self {
            frames: sum.frames,
            bytes: sum.bytes,
        }
    }
}

/// Kept revisions, the newest first.
///
/// # Errors
/// When they cannot be read.
pub(super) async fn history(shared: &Shared) -> Result<Vec<api::Revision>, Refusal> {
    let core = shared.core.lock().await;
    let in_force = core.revision();
    let kept = match core.shared_store() {
        Some(store) => {
            drop(core);
            store.history().await?
        }
        None => core.store.history().await?,
    };
    let revision = |past: Past| api::Revision {
        current: past.revision == in_force,
        revision: past.revision,
        applied_at: past.applied_at,
        cause: past.cause,
        by: past.by,
        pending: past.is_pending,
    };
    Ok(kept.into_iter().map(revision).collect())
}
