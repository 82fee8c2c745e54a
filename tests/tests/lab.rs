//! What `cargo xtask run` shows, through the real `fabric-lab`: it is true, it fails when it must, and it leaves nothing behind.
//! These tests need root.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests are tests"
)]

#[path = "lab/ends.rs"]
mod ends;
#[path = "lab/support.rs"]
mod support;
