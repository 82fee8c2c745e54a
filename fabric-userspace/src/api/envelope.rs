//! The form of every answer.

use serde::{Deserialize, Serialize};

use crate::model::Document;

/// The form of every answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Envelope<T> {
    /// "fabric/1".
    pub schema: String,
    /// What `items` or `item` holds, as in `tenant-list`.
    pub kind: String,
    /// Revision of the document that the answer belongs to.
    pub revision: u64,
    /// The answer of a list.
    #[serde(flatten)]
    pub body: T,
}

/// A list inside of an [`Envelope`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Items<T> {
    /// In natural order of names.
    pub items: Vec<T>,
}

/// A single object inside of an [`Envelope`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Item<T> {
    /// The object.
    pub item: T,
}

/// The document with its revision, as `fabric export --json` gives it.
pub type Exported = Envelope<Item<Document>>;
