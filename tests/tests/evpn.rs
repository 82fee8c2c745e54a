//! EVPN with a real FRR beside the agent, and a foreign host that has nothing but Linux and FRR.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests are tests"
)]

#[path = "evpn/faults.rs"]
mod faults;
#[path = "evpn/moves.rs"]
mod moves;
#[path = "evpn/routes.rs"]
mod routes;
#[path = "evpn/support.rs"]
mod support;
