//! What may stand behind the `?` of a request. An option that a request does not take is refused, as an unknown field of a
//! document is: a misspelt `dry_run` must not make the change.

use std::error::Error;

use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::Problem;
use crate::error::{Code, Refusal, codes};
use crate::model::most_similar;

/// Of a request that takes none.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NoOptions {}

/// Of a document that is put.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OfDocument {
    #[serde(default)]
    pub(super) dry_run: bool,
    pub(super) cause: Option<String>,
    pub(super) if_revision: Option<u64>,
    pub(super) confirm_within: Option<u64>,
}

/// Of an edit, which is always for good.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OfEdit {
    #[serde(default)]
    pub(super) dry_run: bool,
    pub(super) if_revision: Option<u64>,
}

/// Of a rollback, whose plan has a path of its own.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OfRollback {
    pub(super) if_revision: Option<u64>,
}

/// Of the checks of ports.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OfChecks {
    pub(super) port: Option<String>,
}

/// The options of a request.
#[derive(Debug)]
pub(super) struct Options<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Options<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let Query(options) = Query::try_from_uri(&parts.uri).map_err(|error| {
            let request = format!("{} {}", parts.method, parts.uri.path());
            Problem::misread(refusal(&request, &innermost(&error)).unchanged())
        })?;
        Ok(Self(options))
    }
}

/// What serde said, without what axum put before it.
fn innermost(error: &dyn Error) -> String {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    last.to_string()
}

fn refusal(request: &str, message: &str) -> Refusal {
    let request = request.escape_debug();
    let new = |code: Code, sentence: String, cure: String| Refusal::new(code, sentence).with_cure(cure);
    if let Some((_, rest)) = message.split_once("unknown field `") {
        // `, there are no fields` where none is taken.
        let words = ["`, expected ", "`, there "];
        let split = words.iter().find_map(|words| rest.rsplit_once(words));
        let (option, expected) = split.unwrap_or((rest, ""));
        let known: Vec<&str> = expected.split('`').skip(1).step_by(2).collect();
        let sentence = format!("{request} takes no option {option:?}");
        let cure = match most_similar(option, &known) {
            Some(meant) => format!("write {meant:?} instead"),
            None if known.is_empty() => "leave it out; no option is taken here".to_owned(),
            None => format!("leave it out; taken here: {}", known.join(", ")),
        };
        return new(codes::UNKNOWN_FIELD, sentence, cure);
    }
    if let Some((_, rest)) = message.split_once("duplicate field `") {
        let sentence = format!("{request} has the option {:?} twice", rest.trim_end_matches('`'));
        return new(codes::DUPLICATE_FIELD, sentence, "keep one of them".to_owned());
    }
    let sentence = format!(
        "the options of {request} cannot be read: {}",
        message.escape_debug()
    );
    let cure = "correct the value, or leave the option out".to_owned();
    new(codes::BAD_VALUE, sentence, cure)
}

#[cfg(test)]
mod tests;
