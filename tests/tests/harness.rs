//! The test tools themselves keep their promises: one file per tool. These tests need root.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests are tests"
)]

#[path = "harness/agents.rs"]
mod agents;
#[path = "harness/flows.rs"]
mod flows;
#[path = "harness/frames.rs"]
mod frames;
#[path = "harness/namespaces.rs"]
mod namespaces;
#[path = "harness/topologies.rs"]
mod topologies;
#[path = "harness/wires.rs"]
mod wires;
