//! Many hosts, one document: what the nodes do while etcd dies, is cut off, forgets, goes back, or is not theirs. `CLU-*`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests are tests"
)]

#[path = "cluster/confirm.rs"]
mod confirm;
#[path = "cluster/faults.rs"]
mod faults;
#[path = "cluster/fleet.rs"]
mod fleet;
#[path = "cluster/keys.rs"]
mod keys;
#[path = "cluster/nodes.rs"]
mod nodes;
#[path = "cluster/numbers.rs"]
mod numbers;
#[path = "cluster/owners.rs"]
mod owners;
#[path = "cluster/random.rs"]
mod random;
#[path = "cluster/support.rs"]
mod support;
#[path = "cluster/trees.rs"]
mod trees;
#[path = "cluster/writers.rs"]
mod writers;
#[path = "cluster/wrong.rs"]
mod wrong;
