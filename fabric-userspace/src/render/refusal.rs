//! Errors: `error:`, `cure:` and `code:` for people, one object for programs.

use serde_json::{Value, json};

use super::text::escape;
use super::{Line, Tone};
use crate::error::{Problem, Refusal};

/// The lines of a refusal.
pub fn lines(refusal: &Refusal) -> Vec<Line> {
    let text = escaped(refusal).to_string();
    text.lines().map(toned).collect()
}

/// The object that stands on stderr when JSON was asked for.
pub fn json(refusal: &Refusal) -> Value {
    json!({ "schema": "fabric/1", "kind": "error", "error": refusal })
}

// The line breaks of `Display` must be the only ones.
fn escaped(refusal: &Refusal) -> Refusal {
    let problem = |problem: &Problem| Problem {
        path: escape(&problem.path).into_owned(),
        sentence: escape(&problem.sentence).into_owned(),
        cure: escape(&problem.cure).into_owned(),
        code: problem.code.clone(),
    };
    Refusal {
        sentence: escape(&refusal.sentence).into_owned(),
        cure: refusal.cure.as_deref().map(|cure| escape(cure).into_owned()),
        code: refusal.code.clone(),
        path: refusal.path.clone(),
        also: refusal.also.iter().map(problem).collect(),
    }
}

fn toned(line: &str) -> Line {
    let tone = |head: &str| match head {
        "error" => Tone::Bad,
        "  cure" => Tone::Good,
        _ => Tone::Dim,
    };
    match line.split_once(':') {
        Some((head, rest)) => Line::toned(tone(head), format!("{head}:")).and(rest),
        None => line.into(),
    }
}
