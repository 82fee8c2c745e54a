//! One fault of a document or request, with field, cure and code. All that are found together make one [`super::Refusal`].

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Code;

/// One thing that is wrong with a document or a request.
///
/// `Display` puts path and sentence together, as in `nodes[0].name is "", a name …`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// The field, as in `tenants[2].segments[0].attachments[0].vlan`; empty for the document as a whole.
    pub path: String,
    /// What is wrong, to be read after the path.
    pub sentence: String,
    /// What to do about it.
    pub cure: String,
    /// Stable slug.
    pub code: Code,
}

impl Problem {
    /// A problem of one field.
    pub fn new(
        code: Code,
        path: impl Into<String>,
        sentence: impl Into<String>,
        cure: impl Into<String>,
    ) -> Self {
        Self {
            path: path.into(),
            sentence: sentence.into(),
            cure: cure.into(),
            code,
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let subject = if self.path.is_empty() {
            "the document"
        } else {
            &self.path
        };
        write!(f, "{subject} {}", self.sentence)
    }
}
