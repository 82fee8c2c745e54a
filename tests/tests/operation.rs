//! What the operator relies on: crashes, restarts, refusals, churn, permissions, metrics. `OPS-*`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "helpers of tests are tests"
)]

#[path = "operation/crash.rs"]
mod crash;
#[path = "operation/events.rs"]
mod events;
#[path = "operation/orderly.rs"]
mod orderly;
#[path = "operation/support.rs"]
mod support;
