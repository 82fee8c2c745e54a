//! Storage machines: the death of a member is not the client's business (`docs/conformance.md`, FO; claims 6, 7, 40 and 41).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "helpers of tests are tests"
)]

#[path = "failover/across.rs"]
mod across;
#[path = "failover/attacks.rs"]
mod attacks;
#[path = "failover/commands.rs"]
mod commands;
#[path = "failover/endings.rs"]
mod endings;
#[path = "failover/files.rs"]
mod files;
#[path = "failover/identity.rs"]
mod identity;
#[path = "failover/ipv6.rs"]
mod ipv6;
#[path = "failover/neighbours.rs"]
mod neighbours;
#[path = "failover/planned.rs"]
mod planned;
#[path = "failover/support.rs"]
mod support;
#[path = "failover/unplanned.rs"]
mod unplanned;
