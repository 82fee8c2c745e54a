//! etcd's v3 API in the JSON of its gateway: keys and values in base64, 64-bit integers as strings, zeros left out.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

/// Paths of the gateway, etcd 3.4 and newer.
pub(super) mod path {
    pub(crate) const RANGE: &str = "/v3/kv/range";
    pub(crate) const TXN: &str = "/v3/kv/txn";
    pub(crate) const WATCH: &str = "/v3/watch";
    pub(crate) const LEASE_GRANT: &str = "/v3/lease/grant";
    pub(crate) const LEASE_KEEP: &str = "/v3/lease/keepalive";
    pub(crate) const LEASE_LEFT: &str = "/v3/lease/timetolive";
    pub(crate) const LEASE_REVOKE: &str = "/v3/lease/revoke";
    pub(crate) const AUTHENTICATE: &str = "/v3/auth/authenticate";
}

/// An integer that may be a string, a number, or absent.
fn int<'de, D: Deserializer<'de>>(from: D) -> Result<i64, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        Number(i64),
        Text(String),
    }
    match Either::deserialize(from)? {
        Either::Number(number) => Ok(number),
        Either::Text(text) => text.parse().map_err(serde::de::Error::custom),
    }
}

fn bytes<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
    let text = String::deserialize(from)?;
    STANDARD.decode(text).map_err(serde::de::Error::custom)
}

/// What each answer begins with.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub(super) struct Header {
    /// Of the whole key space, raised by each change.
    #[serde(default, deserialize_with = "int")]
    pub revision: i64,
}

/// A key as it is stored.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct KeyValue {
    #[serde(default, deserialize_with = "bytes")]
    pub key: Vec<u8>,
    #[serde(default, deserialize_with = "bytes")]
    pub value: Vec<u8>,
    /// Revision of the key space that wrote it last.
    #[serde(default, deserialize_with = "int")]
    pub mod_revision: i64,
}

/// Answer to a range.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Found {
    #[serde(default)]
    pub header: Header,
    #[serde(default)]
    pub kvs: Vec<KeyValue>,
    #[serde(default)]
    pub more: bool,
}

/// Answer to a transaction.
#[derive(Debug, Deserialize)]
pub(super) struct Decided {
    #[serde(default)]
    pub header: Header,
    #[serde(default)]
    pub succeeded: bool,
}

/// Answer to a lease's grant or renewal.
#[derive(Debug, Deserialize)]
pub(super) struct Leased {
    #[serde(rename = "ID", default, deserialize_with = "int")]
    pub id: i64,
    /// Seconds left; 0 or -1 when the lease is gone.
    #[serde(rename = "TTL", default, deserialize_with = "int")]
    pub ttl: i64,
}

/// Answer to a lease's renewal, which the gateway sends as a stream of one.
#[derive(Debug, Deserialize)]
pub(super) struct Streamed<T> {
    pub result: Option<T>,
    pub error: Option<StreamError>,
}

/// How a stream ends that did not end well.
#[derive(Debug, Deserialize)]
pub(super) struct StreamError {
    #[serde(default)]
    pub grpc_code: i64,
    #[serde(default)]
    pub message: String,
}

/// One message of a watch.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Watched {
    #[serde(default)]
    pub canceled: bool,
    /// Not 0 if what was asked for is compacted away.
    #[serde(default, deserialize_with = "int")]
    pub compact_revision: i64,
    #[serde(default)]
    pub cancel_reason: String,
    #[serde(default)]
    pub events: Vec<Event>,
}

/// A key that was written or deleted.
#[derive(Debug, Deserialize)]
pub(super) struct Event {
    /// `DELETE`, or empty for a key that was written.
    #[serde(default, rename = "type")]
    pub what: String,
    #[serde(default)]
    pub kv: KeyValue,
}

/// A member's refusal.
#[derive(Debug, Default, Deserialize)]
pub(super) struct GatewayError {
    #[serde(default)]
    pub code: i64,
    #[serde(default)]
    pub message: String,
    #[serde(default)]
    pub error: String,
}

/// Bytes for a request.
pub(super) fn b64(bytes: impl AsRef<[u8]>) -> String {
    STANDARD.encode(bytes)
}

/// The first key after all that begin with `prefix`, which must not be empty or end with 0xff.
pub(super) fn end_of(prefix: &str) -> Vec<u8> {
    let mut end = prefix.as_bytes().to_vec();
    if let Some(last) = end.last_mut() {
        *last += 1;
    }
    end
}

/// One key, as it is now.
pub(super) fn get(key: &str) -> Value {
    json!({ "key": b64(key) })
}

/// A page of the keys in `[from, end)` as they were at `revision`; 0 is now.
pub(super) fn page(from: &[u8], end: &[u8], revision: i64, limit: u32) -> Value {
    json!({ "key": b64(from), "range_end": b64(end), "revision": revision.to_string(), "limit": limit.to_string() })
}

/// Operation of a transaction: writes a key; `lease` 0 is none.
pub(super) fn put(key: &str, value: &[u8], lease: i64) -> Value {
    json!({ "request_put": { "key": b64(key), "value": b64(value), "lease": lease.to_string() } })
}

/// Operation: deletes a key.
pub(super) fn delete(key: &str) -> Value {
    json!({ "request_delete_range": { "key": b64(key) } })
}

/// Operation: deletes all keys that begin with `prefix`.
pub(super) fn delete_all(prefix: &str) -> Value {
    json!({ "request_delete_range": { "key": b64(prefix), "range_end": b64(end_of(prefix)) } })
}

/// Condition: the key was last written at `revision`; 0 means that it is not there.
pub(super) fn is_at(key: &str, revision: i64) -> Value {
    json!({ "key": b64(key), "target": "MOD", "result": "EQUAL", "mod_revision": revision.to_string() })
}

/// Condition: the key is there.
pub(super) fn exists(key: &str) -> Value {
    json!({ "key": b64(key), "target": "CREATE", "result": "GREATER", "create_revision": "0" })
}

/// A transaction without an `else`.
pub(super) fn txn(conditions: &[Value], operations: &[Value]) -> Value {
    json!({ "compare": conditions, "success": operations })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_of_etcd_3_4_is_understood() {
        let text = r#"{"header":{"cluster_id":"324952591200643719","member_id":"3319814642761637952","revision":"2","raft_term":"2"},"kvs":[{"key":"YQ==","create_revision":"2","mod_revision":"2","version":"1","value":"MQ=="}],"count":"1"}"#;
        let found: Found = serde_json::from_str(text).unwrap();
        assert_eq!((found.header.revision, found.more), (2, false));
        let kv = &found.kvs[0];
        assert_eq!(
            (kv.key.as_slice(), kv.value.as_slice(), kv.mod_revision),
            (&b"a"[..], &b"1"[..], 2)
        );
    }

    #[test]
    fn a_watch_that_is_compacted_says_so() {
        let text = r#"{"result":{"header":{"cluster_id":"1","raft_term":"2"},"canceled":true,"compact_revision":"3"}}"#;
        let message: Streamed<Watched> = serde_json::from_str(text).unwrap();
        let watched = message.result.unwrap();
        assert!(watched.canceled && watched.compact_revision == 3);
    }

    #[test]
    fn the_end_of_a_prefix_is_behind_all_its_keys() {
        assert_eq!(end_of("/fabric/"), b"/fabric0");
        assert!(end_of("/a/").as_slice() > b"/a/zzz".as_slice());
    }
}
