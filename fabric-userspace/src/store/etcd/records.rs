//! What stands below the prefix, besides the objects themselves.
//!
//! ```text
//! PREFIX/head                        the revision in force: one compare-and-swap on this key decides every change
//! PREFIX/history/00000000000000000043 what revision 43 changed, before and after
//! PREFIX/objects/GENERATION/KIND/NAME one object
//! PREFIX/generations/GENERATION      there is, or was, such a set of objects
//! PREFIX/staging/GENERATION          somebody is writing it; ends with its lease
//! PREFIX/nodes/NAME                  what a node reports; ends with its lease
//! PREFIX/confirmed/NAME              the revision that a node had last, also when it is dead
//! PREFIX/outdated/NAME               since when numbers of a node outside of the document belong to others
//! PREFIX/released/NUMBER             in which revision a tenant gave up a number of the wire
//! PREFIX/storage/owners/NAME         who is in charge of a storage machine, with its epoch
//! PREFIX/storage/stewards/NAME       the node that may change that; ends with its lease
//! PREFIX/storage/copies/NAME         how far the copies are, as the node of the member in charge says
//! ```

use serde::{Deserialize, Serialize};

use super::objects::Change;

/// Generations before the present one that are kept whole, because a revision in the history needs them.
pub(super) const FROZEN: usize = 5;

/// The revision in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Head {
    pub schema: String,
    /// Given at random to each fabric, so that an agent knows its own again.
    pub fabric: String,
    pub revision: u64,
    /// Where its objects are.
    pub generation: String,
    /// Older generations that are kept, the newest first.
    #[serde(default)]
    pub frozen: Vec<String>,
    /// Random number of the change, by which a writer knows its own again after a time-out.
    pub writer: String,
    /// It waits to be confirmed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trial: Option<Trial>,
}

/// Until when a revision is to be confirmed. It stands in the head: every change is made on the condition that the head
/// is as it was read, so of a confirmation, a return and another change one alone can be first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Trial {
    /// The revision that comes back.
    pub before: u64,
    /// How long it was given.
    pub seconds: u32,
    /// Ends with that time: the members' clock, which no node can set.
    pub lease: i64,
    /// Node that took it.
    pub by: String,
}

/// One revision in the history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    pub schema: String,
    pub revision: u64,
    pub applied_at: String,
    pub cause: String,
    /// Node, or command, that wrote it.
    pub by: String,
    pub writer: String,
    /// `writer` of the revision that it was made from; empty for the first.
    pub base: String,
    /// For a large change: the generation that was in force before, still whole; `changes` is empty then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    #[serde(default)]
    pub changes: Vec<Change>,
    /// It waits to be confirmed. A confirmation writes the entry again, without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trial: Option<Trial>,
}

/// Names of the keys.
#[derive(Clone, Debug)]
pub(super) struct Keys {
    prefix: String,
}

impl Keys {
    pub(super) fn new(prefix: &str) -> Self {
        Self {
            prefix: prefix.to_owned(),
        }
    }

    pub(super) fn head(&self) -> String {
        format!("{}/head", self.prefix)
    }

    pub(super) fn histories(&self) -> String {
        format!("{}/history/", self.prefix)
    }

    pub(super) fn history(&self, revision: u64) -> String {
        format!("{}/history/{revision:020}", self.prefix)
    }

    pub(super) fn objects(&self, generation: &str) -> String {
        format!("{}/objects/{generation}/", self.prefix)
    }

    pub(super) fn generations(&self) -> String {
        format!("{}/generations/", self.prefix)
    }

    pub(super) fn generation(&self, generation: &str) -> String {
        format!("{}/generations/{generation}", self.prefix)
    }

    pub(super) fn staging(&self, generation: &str) -> String {
        format!("{}/staging/{generation}", self.prefix)
    }

    pub(super) fn nodes(&self) -> String {
        format!("{}/nodes/", self.prefix)
    }

    pub(super) fn node(&self, name: &str) -> String {
        format!("{}/nodes/{name}", self.prefix)
    }

    /// All that concerns who is in charge of storage machines.
    pub(super) fn storage(&self) -> String {
        format!("{}/storage/", self.prefix)
    }

    pub(super) fn owner(&self, machine: &str) -> String {
        format!("{}/storage/owners/{machine}", self.prefix)
    }

    pub(super) fn steward(&self, machine: &str) -> String {
        format!("{}/storage/stewards/{machine}", self.prefix)
    }

    pub(super) fn copies(&self, machine: &str) -> String {
        format!("{}/storage/copies/{machine}", self.prefix)
    }

    /// The node that decides alone about a storage machine. It is read before a first decision and at no other time, so it is not
    /// among what is read every second.
    pub(super) fn alone(&self, machine: &str) -> String {
        format!("{}/alone/{machine}", self.prefix)
    }

    pub(super) fn released(&self, number: &str) -> String {
        format!("{}/released/{number}", self.prefix)
    }

    pub(super) fn outdated(&self, node: &str) -> String {
        format!("{}/outdated/{node}", self.prefix)
    }

    pub(super) fn confirmed(&self, node: &str) -> String {
        format!("{}/confirmed/{node}", self.prefix)
    }
}
