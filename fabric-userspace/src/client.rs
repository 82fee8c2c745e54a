//! The agent's API as a client sees it: HTTP/1.1 and JSON over a unix socket.

mod answer;
mod connect;
mod query;

use std::path::{Path, PathBuf};
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HOST};
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use tokio::net::UnixStream;

use crate::error::{Refusal, codes};

pub use answer::Answer;
pub use query::with_query;

/// Where an agent listens unless it is told otherwise.
pub const DEFAULT_SOCKET: &str = "/run/fabric/agent.sock";

/// Talks to one agent. Every request has a connection of its own, so an agent may be restarted in between.
#[derive(Debug, Clone)]
pub struct Client {
    socket: PathBuf,
    timeout: Duration,
}

impl Client {
    /// A client of the agent at `socket` that waits `timeout` for each answer.
    pub fn new(socket: PathBuf, timeout: Duration) -> Self {
        Self { socket, timeout }
    }

    /// The agent's socket.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// How long an answer is waited for.
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Asks for what is at `path`.
    ///
    /// # Errors
    /// The agent cannot be reached, does not answer in time, or refuses.
    pub async fn get(&self, path: &str) -> Result<Answer, Refusal> {
        self.request(Method::GET, path, Vec::new()).await
    }

    /// Sends a request object to `path`.
    ///
    /// # Errors
    /// As for [`Self::get`].
    pub async fn post(&self, path: &str, body: &impl Serialize) -> Result<Answer, Refusal> {
        let body = serde_json::to_vec(body)
            .map_err(|error| Refusal::new(codes::BUG, format!("a request could not be written: {error}")))?;
        self.request(Method::POST, path, body).await
    }

    /// Sends the text of a document to `path`.
    ///
    /// # Errors
    /// As for [`Self::get`].
    pub async fn put(&self, path: &str, body: Vec<u8>) -> Result<Answer, Refusal> {
        self.request(Method::PUT, path, body).await
    }

    /// The process that listens on the socket, as this process numbers it; `None` if nobody does.
    pub async fn listener(&self) -> Option<i32> {
        let stream = UnixStream::connect(&self.socket).await.ok()?;
        // 0 is what the kernel says of a process in a stranger pid namespace.
        Some(stream.peer_cred().ok()?.pid().unwrap_or(0))
    }

    async fn request(&self, method: Method, path: &str, body: Vec<u8>) -> Result<Answer, Refusal> {
        let what = format!("{method} {path}");
        let is_question = method == Method::GET;
        let exchange = self.exchange(method, path, body, &what);
        match tokio::time::timeout(self.timeout, exchange).await {
            Ok(answer) => answer,
            Err(_) => Err(self.late(&what, is_question)),
        }
    }

    async fn exchange(
        &self,
        method: Method,
        path: &str,
        body: Vec<u8>,
        what: &str,
    ) -> Result<Answer, Refusal> {
        let stream = UnixStream::connect(&self.socket)
            .await
            .map_err(|error| connect::refused(&self.socket, &error))?;
        let broken = |error: hyper::Error| self.broken(what, &error);
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(broken)?;
        // Its error reaches the request too, and is reported there.
        let driver = tokio::spawn(connection);
        let request = self.http_request(method, path, body)?;
        let response = sender.send_request(request).await.map_err(broken)?;
        let answer = read(response).await.map_err(broken)?;
        driver.abort();
        Answer::from_http(what, answer.0, answer.1)
    }

    fn http_request(
        &self,
        method: Method,
        path: &str,
        body: Vec<u8>,
    ) -> Result<Request<Full<Bytes>>, Refusal> {
        Request::builder()
            .method(method)
            .uri(path)
            // A unix socket has no host name, and HTTP/1.1 demands one (RFC 9112 §3.2).
            .header(HOST, "localhost")
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(body.into()))
            .map_err(|error| Refusal::new(codes::BUG, format!("a request could not be made: {error}")))
    }

    fn late(&self, what: &str, is_question: bool) -> Refusal {
        let outcome = if is_question {
            ""
        } else {
            "; what was asked for may still be done"
        };
        let sentence = format!(
            "the agent at {} did not answer {what} within {} s{outcome}",
            self.socket.display(),
            self.timeout.as_secs_f64()
        );
        let cure = if is_question {
            "wait longer with --timeout SECONDS, or look at the agent's log"
        } else {
            "look with fabric history; wait longer with --timeout SECONDS"
        };
        Refusal::new(codes::TIMED_OUT, sentence).with_cure(cure)
    }

    fn broken(&self, what: &str, error: &hyper::Error) -> Refusal {
        let sentence = format!(
            "the connection to the agent at {} broke during {what}: {error}",
            self.socket.display()
        );
        Refusal::new(codes::AGENT_AWAY, sentence)
            .with_cure("look at the agent's log: journalctl -u fabric-agent; then fabric status")
    }
}

async fn read(response: Response<Incoming>) -> Result<(hyper::StatusCode, Bytes), hyper::Error> {
    let status = response.status();
    let body = response.into_body().collect().await?.to_bytes();
    Ok((status, body))
}
