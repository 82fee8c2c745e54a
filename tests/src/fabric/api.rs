//! One request to an agent's socket, for what the command line does not say.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

/// No request may take longer.
const LONGEST: Duration = Duration::from_secs(30);

/// Sends `body` (nothing when `null`) and gives the answer, which must be a good one.
///
/// # Errors
/// When nobody listens, or the answer is a refusal: with what it says.
pub(crate) fn request(socket: &Path, method: &str, path: &str, body: &Value) -> Result<Value> {
    let answer = text(socket, method, path, body)?;
    serde_json::from_str(&answer).with_context(|| format!("{method} {path}: no JSON: {answer}"))
}

/// As [`request`], for any answer.
///
/// # Errors
/// As [`request`].
pub(super) fn text(socket: &Path, method: &str, path: &str, body: &Value) -> Result<String> {
    let shown = || format!("{method} {path} at {}", socket.display());
    let body = if body.is_null() {
        String::new()
    } else {
        body.to_string()
    };
    let (status, answer) = exchange(socket, method, path, &body).with_context(shown)?;
    ensure!(status == 200, "{}: {status}: {answer}", shown());
    Ok(answer)
}

/// Status and text of the answer to any request.
///
/// # Errors
/// When nobody answers.
pub(super) fn exchange(socket: &Path, method: &str, path: &str, body: &str) -> Result<(u16, String)> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(LONGEST))?;
    let head = format!("{method} {path} HTTP/1.1\r\nHost: fabric\r\nConnection: close\r\n");
    let content = format!(
        "Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all((head + &content).as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, content) = answer.split_once("\r\n\r\n").context("no HTTP")?;
    let status = head.split(' ').nth(1).context("no HTTP status")?;
    Ok((status.parse().context("no HTTP status")?, content.to_owned()))
}
