//! The one form in which a refusal or a failed command reaches the user: what, cure, code.

use std::{
    fmt,
    io::{Write, stderr},
};

/// A user-visible error.
#[derive(Debug)]
pub(crate) struct Failure {
    /// One sentence: what is wrong, and where.
    pub(crate) what: String,
    /// A command to paste, or what to do.
    pub(crate) cure: String,
    /// Stable kebab-case name.
    pub(crate) code: &'static str,
    /// What the failed command printed; empty for a refusal.
    pub(crate) output: String,
}

impl Failure {
    pub(crate) fn new(code: &'static str, what: impl Into<String>, cure: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            cure: cure.into(),
            code,
            output: String::new(),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.output.is_empty() {
            writeln!(f, "{}", self.output.trim_end())?;
        }
        write!(
            f,
            "error: {}\n  cure: {}\n  code: {}",
            self.what, self.cure, self.code
        )
    }
}

impl std::error::Error for Failure {}

/// The text of any error in the form of [`Failure`].
pub(crate) fn render(error: &anyhow::Error) -> String {
    match error.downcast_ref::<Failure>() {
        Some(failure) => failure.to_string(),
        None => Failure::new(
            "unexpected",
            format!("{error:#}"),
            "run it again; if it stays, report it with this text",
        )
        .to_string(),
    }
}

pub(crate) fn report(error: &anyhow::Error) {
    // A closed stderr leaves the exit code to tell.
    let _ = writeln!(stderr(), "{}", render(error));
}
