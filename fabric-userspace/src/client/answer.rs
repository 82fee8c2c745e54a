use hyper::StatusCode;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::api::{Envelope, Item, Items};
use crate::error::{Refusal, codes};

/// What the agent said, as it said it; `null` if it said nothing.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    what: String,
    value: Value,
}

#[derive(Deserialize)]
struct ErrorBody {
    error: Refusal,
}

impl Answer {
    /// Reads an HTTP answer to the request `what`.
    pub(super) fn from_http(what: &str, status: StatusCode, body: &[u8]) -> Result<Self, Refusal> {
        if !status.is_success() {
            return Err(refusal(what, status, body));
        }
        let value = if body.is_empty() {
            Value::Null
        } else {
            serde_json::from_slice(body).map_err(|error| not_understood(what, &error))?
        };
        Ok(Self {
            what: what.to_owned(),
            value,
        })
    }

    /// The answer as JSON, also with what this version does not know.
    pub fn json(&self) -> &Value {
        &self.value
    }

    /// The answer as a list.
    ///
    /// # Errors
    /// The agent is of another version and said something else.
    pub fn list<T: DeserializeOwned>(&self) -> Result<Envelope<Items<T>>, Refusal> {
        self.read()
    }

    /// The answer as one object.
    ///
    /// # Errors
    /// As for [`Self::list`].
    pub fn item<T: DeserializeOwned>(&self) -> Result<Envelope<Item<T>>, Refusal> {
        self.read()
    }

    fn read<T: DeserializeOwned>(&self) -> Result<T, Refusal> {
        T::deserialize(&self.value).map_err(|error| not_understood(&self.what, &error))
    }

    /// The list with only those items that `keep` accepts.
    #[must_use]
    pub fn only(mut self, keep: impl Fn(&Value) -> bool) -> Self {
        if let Some(items) = self.value.get_mut("items").and_then(Value::as_array_mut) {
            items.retain(keep);
        }
        self
    }

    /// The items of a list, as they came.
    pub fn items(&self) -> &[Value] {
        self.value
            .get("items")
            .and_then(Value::as_array)
            .map_or(&[], Vec::as_slice)
    }

    /// A list of `items` in place of those of this answer, as an answer of its own kind.
    #[must_use]
    pub fn with_items(mut self, kind: &str, items: Vec<Value>) -> Self {
        if let Some(envelope) = self.value.as_object_mut() {
            envelope.insert("kind".to_owned(), kind.into());
            envelope.insert("items".to_owned(), items.into());
        }
        self
    }

    /// An answer that needs no agent.
    pub fn local(kind: &str, item: &impl Serialize) -> Self {
        Self {
            what: kind.to_owned(),
            value: json!({ "schema": "fabric/1", "kind": kind, "revision": null, "item": item }),
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
