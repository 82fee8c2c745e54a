//! Storage in the tenant's own network: real servers and clients, the figures 10 and 12, and the tools that tests of failover
//! rest on.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "helpers of tests are tests"
)]

#[path = "storage/copies.rs"]
mod copies;
#[path = "storage/datacenters.rs"]
mod datacenters;
#[path = "storage/fcoe.rs"]
mod fcoe;
#[path = "storage/figure10.rs"]
mod figure10;
#[path = "storage/pair.rs"]
mod pair;
#[path = "storage/pathway.rs"]
mod pathway;
#[path = "storage/protocols.rs"]
mod protocols;
#[path = "storage/sites.rs"]
mod sites;
#[path = "storage/support.rs"]
mod support;
