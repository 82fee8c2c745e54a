//! The one error a person can see: a sentence, a cure and a stable code.
//!
//! Library modules may have their own error types; what reaches the command line, the API or the log is a
//! [`Refusal`]. Invariant: nothing half-done stays behind a refusal.

pub mod codes;
mod problem;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use codes::Code;
pub use problem::Problem;

/// How many further problems a refusal prints; the rest is counted.
const ALSO_SHOWN: usize = 9;

const UNCHANGED: &str = "; nothing was changed";

/// Why the fabric did not do what was asked.
///
/// `Display` gives the lines `error:`, `cure:` and `code:` without a final newline; serde gives the JSON object of
/// `--json`, with `null` for what is absent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// What was refused and where: one sentence, no full stop.
    pub sentence: String,
    /// A command to paste or a change to make.
    pub cure: Option<String>,
    /// Stable slug, explained by `fabric help CODE`.
    pub code: Code,
    /// Field of the document or request, as in `tenants[2].attachments[0].vlan`.
    pub path: Option<String>,
    /// Further problems of the same document.
    pub also: Vec<Problem>,
}

impl Refusal {
    /// A refusal with no cure and no path yet.
    pub fn new(code: Code, sentence: impl Into<String>) -> Self {
        Self {
            sentence: sentence.into(),
            cure: None,
            code,
            path: None,
            also: Vec::new(),
        }
    }

    /// Adds what the reader can do about it.
    #[must_use]
    pub fn with_cure(mut self, cure: impl Into<String>) -> Self {
        self.cure = Some(cure.into());
        self
    }

    /// Names the field of the document that is wrong.
    #[must_use]
    pub fn at(mut self, path: impl Into<String>) -> Self {
        self.path = Some(path.into());
        self
    }

    /// Puts the name of the file that was read before the sentence.
    #[must_use]
    pub fn in_file(mut self, name: &str) -> Self {
        self.sentence = format!("{}: {}", name.escape_debug(), self.sentence);
        self
    }

    /// Says that everything is as it was; saying it twice has no effect.
    #[must_use]
    pub fn unchanged(mut self) -> Self {
        if !self.sentence.ends_with(UNCHANGED) {
            self.sentence.push_str(UNCHANGED);
        }
        self
    }

    /// Says what was changed all the same, instead of that nothing was.
    #[must_use]
    pub fn but(mut self, changed: &str) -> Self {
        self.sentence = format!("{}; {changed}", self.reason());
        self
    }

    /// The sentence without that nothing was changed.
    pub fn reason(&self) -> &str {
        self.sentence.strip_suffix(UNCHANGED).unwrap_or(&self.sentence)
    }

    /// The first problem as the refusal, the others as its `also`.
    pub fn from_problems(problems: Vec<Problem>) -> Self {
        let mut rest = problems.into_iter();
        let Some(first) = rest.next() else {
            return Self::new(codes::BUG, "a document was refused without a reason");
        };
        Self {
            also: rest.collect(),
            ..first.into()
        }
    }
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        let sentence = problem.to_string();
        let Problem { path, cure, code, .. } = problem;
        Self {
            sentence,
            cure: Some(cure),
            code,
            path: (!path.is_empty()).then_some(path),
            also: Vec::new(),
        }
    }
}

impl From<Vec<Problem>> for Refusal {
    fn from(problems: Vec<Problem>) -> Self {
        Self::from_problems(problems)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.sentence)?;
        if let Some(cure) = &self.cure {
            write!(f, "\n  cure: {cure}")?;
        }
        write!(f, "\n  code: {}", self.code)?;
        for problem in self.also.iter().take(ALSO_SHOWN) {
            write!(f, "\n  also: {problem} ({})", problem.code)?;
        }
        match self.also.len().saturating_sub(ALSO_SHOWN) {
            0 => Ok(()),
            hidden => write!(f, "\n  also: {hidden} more"),
        }
    }
}

impl std::error::Error for Refusal {}

#[cfg(test)]
mod tests;
