//! A JSON value as its text: what is kept of thousands of objects is seldom looked into.

use std::fmt;

use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use serde_json::value::RawValue;

/// The text of a value, as it was written. As a tree of fields it would need some ten times the memory.
///
/// Two texts can differ and mean the same; then an object counts as changed that is not, which does no harm.
#[derive(Clone, PartialEq, Eq)]
pub struct Text(Box<str>);

impl Text {
    /// The text of a value.
    pub(crate) fn of(value: &Value) -> Self {
        Self(value.to_string().into())
    }

    /// The value.
    pub(crate) fn parsed(&self) -> Value {
        // Whoever made this has seen that it is JSON.
        serde_json::from_str(&self.0).unwrap_or_default()
    }

    /// The value as a type; `None` if it is none.
    pub(super) fn read<T: DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_str(&self.0).ok()
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Text {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let raw: &RawValue = serde_json::from_str(&self.0).map_err(serde::ser::Error::custom)?;
        raw.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer).map_err(D::Error::custom)?;
        Ok(Self(raw.into()))
    }
}
