//! Frames between datacenters: the tags of FIG 2 and FIG 8 on every line, and lines that fail. `DCI-*`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "helpers of tests are tests"
)]

#[path = "longhaul/borders.rs"]
mod borders;
#[path = "longhaul/cut.rs"]
mod cut;
#[path = "longhaul/equal.rs"]
mod equal;
#[path = "longhaul/figure2.rs"]
mod figure2;
#[path = "longhaul/figure3.rs"]
mod figure3;
#[path = "longhaul/gateway.rs"]
mod gateway;
#[path = "longhaul/numbered.rs"]
mod numbered;
#[path = "longhaul/reassign.rs"]
mod reassign;
#[path = "longhaul/routers.rs"]
mod routers;
#[path = "longhaul/site.rs"]
mod site;
#[path = "longhaul/sizes.rs"]
mod sizes;
#[path = "longhaul/tcp.rs"]
mod tcp;
