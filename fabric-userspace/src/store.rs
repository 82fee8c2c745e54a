//! Where the document is decided: in a file of this host, or in etcd for all hosts of a fabric.

pub mod etcd;
mod file;
mod made;
mod pending;

use std::pin::Pin;

use serde::{Deserialize, Serialize};

pub use file::FileStore;
pub(crate) use made::NewFolders;
pub use pending::{Pending, Terms};
pub(crate) use pending::{none_pending, waits};

use crate::error::Refusal;
use crate::model::Document;

/// Revisions that are kept for `fabric rollback`.
pub const KEPT: u64 = 50;

/// A document in force, with its circumstances.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stored {
    /// Raised by one with each change.
    pub revision: u64,
    /// RFC 3339, UTC.
    pub applied_at: String,
    /// The command or file that made it.
    pub cause: String,
    /// The document.
    pub document: Document,
}

/// A revision without its document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Past {
    /// Its number.
    pub revision: u64,
    /// RFC 3339, UTC.
    pub applied_at: String,
    /// The command or file that made it.
    pub cause: String,
    /// The node that wrote it; `None` where there is only one.
    pub by: Option<String>,
    /// It is in force, and nobody has confirmed it yet.
    pub is_pending: bool,
}

/// What a store answers, once it has.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, Refusal>> + Send + 'a>>;

/// What is needed from wherever documents are kept.
pub trait Store: Send + Sync {
    /// The word for `fabric status`.
    fn kind(&self) -> &'static str;
    /// The document in force, if there ever was one.
    ///
    /// # Errors
    /// When it cannot be read.
    fn current(&self) -> Answer<'_, Option<Stored>>;
    /// Puts the revision after `base` in force: afterwards, and after a crash at any moment, [`Store::current`] is the
    /// old one or this one. `base` is 0 for the first.
    ///
    /// # Errors
    /// `stale-revision` if another revision than `base` is in force, with what came in between; `confirm-pending` if that
    /// one waits for a confirmation and the terms respect it; otherwise when it cannot be written. The old one is in force
    /// then.
    fn put_in_force<'a>(&'a self, base: u64, stored: &'a Stored, terms: Terms) -> Answer<'a, ()>;
    /// [`Store::put_in_force`] for good.
    ///
    /// # Errors
    /// As there.
    fn commit<'a>(&'a self, base: u64, stored: &'a Stored) -> Answer<'a, ()> {
        self.put_in_force(base, stored, Terms::Final)
    }
    /// The revision in force, if it waits to be confirmed.
    ///
    /// # Errors
    /// When it cannot be read.
    fn pending(&self) -> Answer<'_, Option<Pending>>;
    /// Makes the revision in force final.
    ///
    /// # Errors
    /// `nothing-pending` if `revision` does not wait for it, or not any more; otherwise when it cannot be written.
    fn confirm(&self, revision: u64) -> Answer<'_, ()>;
    /// Kept revisions, the newest first.
    ///
    /// # Errors
    /// When they cannot be read.
    fn history(&self) -> Answer<'_, Vec<Past>>;
    /// A kept revision with its document; `None` if it is not kept.
    ///
    /// # Errors
    /// When it cannot be read.
    fn kept(&self, revision: u64) -> Answer<'_, Option<Stored>>;
}

/// A change that was made for another revision than the one in force.
pub(crate) fn stale(base: u64, in_force: u64, meanwhile: &[Past]) -> Refusal {
    let told: Vec<String> = meanwhile.iter().map(told).collect();
    let between = match told.as_slice() {
        [] => String::new(),
        told => format!(": {}", told.join("; ")),
    };
    let sentence = format!("revision {in_force} is in force, not {base}{between}");
    Refusal::new(crate::error::codes::STALE_REVISION, sentence)
        .with_cure("look at it and try again: fabric history; fabric export")
        .unchanged()
}

fn told(past: &Past) -> String {
    match &past.by {
        Some(by) => format!("{} was {} at {by}", past.revision, past.cause),
        None => format!("{} was {}", past.revision, past.cause),
    }
}
