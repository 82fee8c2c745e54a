//! What the operator relies on: crashes, restarts, refusals, churn, permissions, metrics. `OPS-*`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "helpers of tests are tests"
)]

#[path = "operation/alone.rs"]
mod alone;
#[path = "operation/churn.rs"]
mod churn;
#[path = "operation/confirm.rs"]
mod confirm;
#[path = "operation/crash.rs"]
mod crash;
#[path = "operation/events.rs"]
mod events;
#[path = "operation/flips.rs"]
mod flips;
#[path = "operation/hostile.rs"]
mod hostile;
#[path = "operation/mistakes.rs"]
mod mistakes;
#[path = "operation/native.rs"]
mod native;
#[path = "operation/offloads.rs"]
mod offloads;
#[path = "operation/orderly.rs"]
mod orderly;
#[path = "operation/permissions.rs"]
mod permissions;
#[path = "operation/refusals.rs"]
mod refusals;
#[path = "operation/starts.rs"]
mod starts;
#[path = "operation/support.rs"]
mod support;
