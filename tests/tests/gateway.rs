//! Gateways of tenants (US 10,560,283 claims 9, 24 and 42): Linux hosts of one tenant in two networks, and two tenants with the
//! same ones.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "helpers of tests are tests"
)]

#[path = "gateway/commands.rs"]
mod commands;
#[path = "gateway/errors.rs"]
mod errors;
#[path = "gateway/failover.rs"]
mod failover;
#[path = "gateway/figure11.rs"]
mod figure11;
#[path = "gateway/hosts.rs"]
mod hosts;
#[path = "gateway/site.rs"]
mod site;
#[path = "storage/sites.rs"]
#[allow(dead_code, reason = "tests of storage need more of it")]
mod sites;
