//! `docs/conformance.md`, TAG: what the fabric puts on a frame, what it takes off, and what it leaves alone.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests are tests"
)]

#[path = "tagging/across.rs"]
mod across;
#[path = "tagging/jumbo.rs"]
mod jumbo;
#[path = "tagging/payload.rs"]
mod payload;
#[path = "tagging/push.rs"]
mod push;
#[path = "tagging/roundtrip.rs"]
mod roundtrip;
#[path = "tagging/short.rs"]
mod short;
#[path = "tagging/sizes.rs"]
mod sizes;
#[path = "tagging/support.rs"]
mod support;
#[path = "tagging/tcp.rs"]
mod tcp;
#[path = "tagging/transit.rs"]
mod transit;
#[path = "tagging/trunk.rs"]
mod trunk;
