//! Answers of the agent: kept as they came, read as types when asked for; an answer that is an error becomes a refusal.

use std::cell::OnceCell;

use hyper::StatusCode;
use hyper::body::Bytes;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::api::{Envelope, Item, Items};
use crate::error::{Refusal, codes};

/// What the agent said, as it said it; `null` if it said nothing.
///
/// As JSON without a type, an answer takes ten times its length: so it is only if it is asked for.
#[derive(Debug, Clone)]
pub struct Answer {
    what: String,
    text: Bytes,
    value: OnceCell<Value>,
}

#[derive(Deserialize)]
struct ErrorBody {
    error: Refusal,
}

impl Answer {
    /// Reads an HTTP answer to the request `what`.
    pub(super) fn from_http(what: &str, status: StatusCode, body: Bytes) -> Result<Self, Refusal> {
        if !status.is_success() {
            return Err(refusal(what, status, &body));
        }
        let text = if body.is_empty() {
            Bytes::from_static(b"null")
        } else {
            body
        };
        serde_json::from_slice::<IgnoredAny>(&text).map_err(|error| not_understood(what, &error))?;
        Ok(Self {
            what: what.to_owned(),
            text,
            value: OnceCell::new(),
        })
    }

    /// The answer as JSON, also with what this version does not know.
    pub fn json(&self) -> &Value {
        // That it is JSON was seen when it came.
        let read = || serde_json::from_slice(&self.text).unwrap_or_default();
        self.value.get_or_init(read)
    }

    fn json_mut(&mut self) -> Option<&mut Value> {
        self.json();
        self.value.get_mut()
    }

    /// The items of a list. Without what stands around them: to read both at once, serde would make a tree of the whole.
    ///
    /// # Errors
    /// The agent is of another version and said something else.
    pub fn list<T: DeserializeOwned>(&self) -> Result<Vec<T>, Refusal> {
        let Items { items } = self.read()?;
        Ok(items)
    }

    /// The answer as one object.
    ///
    /// # Errors
    /// As for [`Self::list`].
    pub fn item<T: DeserializeOwned>(&self) -> Result<Envelope<Item<T>>, Refusal> {
        self.read()
    }

    fn read<T: DeserializeOwned>(&self) -> Result<T, Refusal> {
        let read = match self.value.get() {
            Some(value) => T::deserialize(value),
            None => serde_json::from_slice(&self.text),
        };
        read.map_err(|error| not_understood(&self.what, &error))
    }

    /// The list with only those items that `keep` accepts.
    #[must_use]
    pub fn only(mut self, keep: impl Fn(&Value) -> bool) -> Self {
        let items = self.json_mut().and_then(|value| value.get_mut("items"));
        if let Some(items) = items.and_then(Value::as_array_mut) {
            items.retain(keep);
        }
        self
    }

    /// The items of a list, as they came.
    pub fn items(&self) -> &[Value] {
        self.json()
            .get("items")
            .and_then(Value::as_array)
            .map_or(&[], Vec::as_slice)
    }

    /// A list of `items` in place of those of this answer, as an answer of its own kind.
    #[must_use]
    pub fn with_items(mut self, kind: &str, items: Vec<Value>) -> Self {
        if let Some(envelope) = self.json_mut().and_then(Value::as_object_mut) {
            envelope.insert("kind".to_owned(), kind.into());
            envelope.insert("items".to_owned(), items.into());
        }
        self
    }

    /// An answer that needs no agent.
    pub fn local(kind: &str, item: &impl Serialize) -> Self {
        Self {
            what: kind.to_owned(),
            text: Bytes::new(),
            value: json!({ "schema": "fabric/1", "kind": kind, "revision": null, "item": item }).into(),
        }
    }
}

fn refusal(what: &str, status: StatusCode, body: &[u8]) -> Refusal {
    match serde_json::from_slice::<ErrorBody>(body) {
        Ok(body) => body.error,
        Err(_) => Refusal::new(codes::FAILED, format!("the agent answered {status} to {what}"))
            .with_cure("compare fabric --version with the agent's version in its log"),
    }
}

fn not_understood(what: &str, error: &serde_json::Error) -> Refusal {
    Refusal::new(
        codes::FAILED,
        format!("the agent's answer to {what} is not understood: {error}"),
    )
    .with_cure("use the same version as the agent: fabric --version, fabric status --json")
}
