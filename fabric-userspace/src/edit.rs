//! The verbs of the command line and the API as pure changes of a document.
//!
//! A verb takes a document and gives the changed one with an answer, or a refusal; numbers are allocated on the way.
//! Asking for what is already so is no error: the answer says that nothing changed. A changed document still has to
//! pass [`validate`]: [`Edited::check`].

mod attach;
mod detach;
mod find;
mod known;
mod plant;
mod port;
mod remote;
mod segment;
mod station;

pub(crate) use attach::attach_knowing;
pub use attach::{Attach, Attached, attach};
pub use detach::{Detach, Detached, detach};
pub(crate) use known::Known;
pub use plant::{
    Planted, datacenter_add, datacenter_remove, gateway_add, gateway_remove, link_add, link_remove, link_set,
    node_add, node_remove, storage_add, storage_remove,
};
pub use port::{PortChanged, PortSet, port_set};
pub use remote::{RemoteAdd, RemoteChanged, RemoteRemove, remote_add, remote_remove};
pub use segment::{
    Removed, SegmentAdd, SegmentAdded, SegmentRemove, TenantRemove, segment_add, segment_remove,
    tenant_remove,
};
pub use station::{StationAdd, StationChanged, StationPlace, StationRemove, station_add, station_remove};

use crate::error::Refusal;
use crate::model::Document;
use crate::validate::{Valid, validate};

/// A changed document and what to tell about the change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edited<T> {
    /// The document after the change, with all numbers.
    pub document: Document,
    /// What changed.
    pub answer: T,
}

impl<T> Edited<T> {
    fn new(document: Document, answer: T) -> Self {
        Self { document, answer }
    }

    /// The change as a document that keeps every rule.
    ///
    /// # Errors
    /// The changed document breaks a rule; the refusal says that nothing was changed.
    pub fn check(self) -> Result<(Valid, T), Refusal> {
        let valid =
            validate(self.document).map_err(|problems| Refusal::from_problems(problems).unchanged())?;
        Ok((valid, self.answer))
    }
}

/// What every verb gives.
pub type Outcome<T> = Result<Edited<T>, Refusal>;

#[cfg(test)]
mod tests;
