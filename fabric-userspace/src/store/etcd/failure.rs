//! What can go wrong between us and etcd.

use super::wire::GatewayError;
use crate::error::{Refusal, codes};

/// Numbers of gRPC's status codes.
mod grpc {
    pub(super) const INVALID_ARGUMENT: i64 = 3;
    pub(super) const DEADLINE: i64 = 4;
    pub(super) const PERMISSION: i64 = 7;
    pub(super) const EXHAUSTED: i64 = 8;
    pub(super) const OUT_OF_RANGE: i64 = 11;
    pub(super) const UNAVAILABLE: i64 = 14;
    pub(super) const UNAUTHENTICATED: i64 = 16;
}

/// Why etcd did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// Nobody answered, or nobody who could; another member may, or later.
    Away(String),
    /// The token is of another time: a new one is fetched.
    Expired,
    /// Wrong user, password or certificate, or no right to these keys.
    Denied(String),
    /// The space quota is used up.
    Full,
    /// The revision is compacted away.
    Compacted,
    /// Everything else, in etcd's words.
    Refused(String),
}

impl Failure {
    /// From the body of an answer that was no success.
    pub(super) fn of(status: u16, body: &[u8]) -> Self {
        let Ok(error) = serde_json::from_slice::<GatewayError>(body) else {
            let shown: String = String::from_utf8_lossy(body).chars().take(200).collect();
            let sentence = format!("answer {status}: {}", shown.trim().escape_debug());
            // Whoever answers 404 is no etcd, or one without its gateway.
            return if status >= 500 {
                Self::Away(sentence)
            } else {
                Self::Refused(sentence)
            };
        };
        let message = if error.message.is_empty() {
            error.error
        } else {
            error.message
        };
        Self::of_code(error.code, message)
    }

    pub(super) fn of_code(code: i64, message: String) -> Self {
        let has = |part: &str| message.contains(part);
        match code {
            _ if has("database space exceeded") => Self::Full,
            grpc::OUT_OF_RANGE if has("compacted") => Self::Compacted,
            _ if has("invalid auth token") || has("revision of auth store is old") => Self::Expired,
            grpc::PERMISSION | grpc::UNAUTHENTICATED => Self::Denied(message),
            grpc::INVALID_ARGUMENT if has("user") || has("authentication") => Self::Denied(message),
            grpc::DEADLINE | grpc::EXHAUSTED | grpc::UNAVAILABLE => Self::Away(message),
            _ => Self::Refused(message),
        }
    }

    /// As a person reads it; `store` is the address without secrets.
    pub(super) fn refusal(self, store: &str) -> Refusal {
        match self {
            Self::Away(why) => Refusal::new(codes::STORE_AWAY, format!("{store} does not answer: {why}"))
                .with_cure("etcdctl endpoint status; forwarding goes on meanwhile"),
            Self::Expired => Refusal::new(codes::STORE_DENIED, format!("{store} accepts none of its own tokens"))
                .with_cure("compare the members' clocks; etcdctl auth status"),
            Self::Denied(why) => Refusal::new(codes::STORE_DENIED, format!("{store} refuses us: {why}"))
                .with_cure("check --store-user, the password and the certificate; the role needs the keys below the prefix"),
            Self::Full => Refusal::new(codes::STORE_FULL, format!("{store} is full and takes no changes"))
                .with_cure("etcdctl compact REVISION; etcdctl defrag; etcdctl alarm disarm"),
            Self::Compacted => Refusal::new(codes::FAILED, format!("{store} has compacted away what was read"))
                .with_cure("try again"),
            Self::Refused(why) => Refusal::new(codes::FAILED, format!("{store} refused a request: {why}"))
                .with_cure("etcdctl endpoint status; the fabric needs etcd 3.4 or newer with its JSON gateway"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Failure {
        Failure::of(400, text.as_bytes())
    }

    #[test]
    fn answers_of_etcd_3_4_are_told_apart() {
        let compacted = r#"{"error":"etcdserver: mvcc: required revision has been compacted","message":"etcdserver: mvcc: required revision has been compacted","code":11}"#;
        assert_eq!(of(compacted), Failure::Compacted);
        let full = r#"{"error":"etcdserver: mvcc: database space exceeded","message":"etcdserver: mvcc: database space exceeded","code":8}"#;
        assert_eq!(of(full), Failure::Full);
        let many = r#"{"error":"etcdserver: too many requests","code":8}"#;
        assert!(matches!(of(many), Failure::Away(_)));
        let anonymous = r#"{"error":"etcdserver: user name is empty","code":3}"#;
        assert!(matches!(of(anonymous), Failure::Denied(_)));
        let wrong = r#"{"error":"etcdserver: authentication failed, invalid user ID or password","code":3}"#;
        assert!(matches!(of(wrong), Failure::Denied(_)));
        assert_eq!(
            of(r#"{"error":"etcdserver: invalid auth token","code":16}"#),
            Failure::Expired
        );
        let changed = r#"{"error":"etcdserver: leader changed","code":14}"#;
        assert!(matches!(of(changed), Failure::Away(_)));
        assert!(matches!(of("404 page not found"), Failure::Refused(_)));
    }
}
