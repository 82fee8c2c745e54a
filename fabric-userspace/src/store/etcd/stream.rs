//! An answer that has no end: one JSON object a line.

use http_body_util::BodyExt as _;
use hyper::Response;
use hyper::body::Incoming;
use serde::de::DeserializeOwned;

use super::failure::Failure;
use super::link::Link;
use super::wire::Streamed;

/// A line that is longer is not etcd's: the largest transaction has 1.5 MB, and base64 makes 2 MB of it.
const LONGEST: usize = 16 << 20;

/// Lines as they come.
pub(super) struct Stream {
    body: Incoming,
    waiting: Vec<u8>,
    /// Held, because the connection ends with it.
    link: Link,
}

impl Stream {
    pub(super) async fn begin(link: Link, answer: Response<Incoming>) -> Result<Self, Failure> {
        let status = answer.status();
        if status.is_success() {
            return Ok(Self {
                body: answer.into_body(),
                waiting: Vec::new(),
                link,
            });
        }
        let body = answer.into_body().collect().await;
        let bytes = body.map(|body| body.to_bytes()).unwrap_or_default();
        Err(Failure::of(status.as_u16(), &bytes))
    }

    /// The next object.
    pub(super) async fn next<T: DeserializeOwned>(&mut self) -> Result<T, Failure> {
        let line = self.line().await?;
        let message: Streamed<T> = serde_json::from_slice(&line)
            .map_err(|error| Failure::Refused(format!("a message is not understood: {error}")))?;
        match (message.result, message.error) {
            (Some(result), _) => Ok(result),
            (None, Some(error)) => Err(Failure::of_code(error.grpc_code, error.message)),
            (None, None) => Err(Failure::Away("an empty message".to_owned())),
        }
    }

    async fn line(&mut self) -> Result<Vec<u8>, Failure> {
        loop {
            if let Some(end) = self.waiting.iter().position(|byte| *byte == b'\n') {
                let rest = self.waiting.split_off(end + 1);
                return Ok(std::mem::replace(&mut self.waiting, rest));
            }
            if self.waiting.len() > LONGEST {
                return Err(Failure::Refused("a message has no end".to_owned()));
            }
            let endpoint = &self.link.endpoint;
            match self.body.frame().await {
                Some(Ok(frame)) => {
                    if let Some(data) = frame.data_ref() {
                        self.waiting.extend_from_slice(data);
                    }
                }
                Some(Err(error)) => return Err(Failure::Away(format!("{endpoint}: {error}"))),
                None => return Err(Failure::Away(format!("{endpoint}: the stream ended"))),
            }
        }
    }
}
