//! The time of day: for people to read, and for nothing else.
//!
//! Invariant: it is read here alone, which the lint `disallowed_methods` holds (`clippy.toml` of this crate), and what is read
//! is text. So no decision can depend on it: time limits, leases, commits that wait and the age of what was heard go by clocks
//! that nobody can set.

use std::time::{SystemTime, UNIX_EPOCH};

/// Now, RFC 3339 in UTC with milliseconds.
pub(crate) fn stamp() -> String {
    humantime::format_rfc3339_millis(now()).to_string()
}

/// Seconds since 1970, to tell people how long ago something was.
pub(crate) fn seconds() -> f64 {
    now()
        .duration_since(UNIX_EPOCH)
        .map_or(0.0, |since| since.as_secs_f64())
}

#[expect(clippy::disallowed_methods, reason = "the one place")]
fn now() -> SystemTime {
    SystemTime::now()
}
