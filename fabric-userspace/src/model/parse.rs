//! JSON to checked types, with refusals that name the field and say what to write instead.

mod message;
mod similar;

use serde::de::DeserializeOwned;
use serde_json::error::Category;

use crate::error::{Problem, codes};
use message::describe;
pub(crate) use similar::most_similar;

/// Reads a document, or any other checked type, from JSON text.
///
/// # Errors
/// The text is not JSON, or a field is unknown, missing, of a wrong type or out of range; the problem has its path.
pub fn from_json<T: DeserializeOwned>(text: &str) -> Result<T, Problem> {
    from_json_bytes(text.as_bytes())
}

/// [`from_json`] for bytes as they came from a file or a socket.
///
/// # Errors
/// As for [`from_json`]; bytes that are not UTF-8 are not JSON.
pub fn from_json_bytes<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = path_text(error.path());
        problem(&path, error.inner())
    })?;
    json.end().map_err(|error| problem("", &error))?;
    Ok(value)
}

fn problem(path: &str, error: &serde_json::Error) -> Problem {
    match error.classify() {
        Category::Data => describe(path, &without_place(error)),
        Category::Io | Category::Syntax | Category::Eof => Problem::new(
            codes::BAD_JSON,
            "",
            format!("is not JSON: {error}"),
            "correct the text there, or a little before; `python3 -m json.tool FILE` checks it too",
        ),
    }
}

// The path says where; line and column in addition would only lengthen the sentence.
fn without_place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rsplit_once(" at line ") {
        Some((message, _)) => message.to_owned(),
        None => text,
    }
}

fn path_text(path: &serde_path_to_error::Path) -> String {
    match path.to_string() {
        root if root == "." => String::new(),
        text => text.escape_debug().to_string(),
    }
}

#[cfg(test)]
mod tests;
