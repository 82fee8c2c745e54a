//! Where frames go over time and under load: learning, quotas, split horizon, shared ports, order. `DLV-*`, besides those of
//! `isolation.rs`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests are tests"
)]

#[path = "delivery/bursts.rs"]
mod bursts;
#[path = "delivery/carrier.rs"]
mod carrier;
#[path = "delivery/horizon.rs"]
mod horizon;
#[path = "delivery/learning.rs"]
mod learning;
#[path = "delivery/load.rs"]
mod load;
#[path = "delivery/lost.rs"]
mod lost;
#[path = "delivery/members.rs"]
mod members;
#[path = "delivery/moves.rs"]
mod moves;
#[path = "delivery/order.rs"]
mod order;
#[path = "delivery/quota.rs"]
mod quota;
#[path = "delivery/sharing.rs"]
mod sharing;
#[path = "delivery/support.rs"]
mod support;
#[path = "delivery/tags.rs"]
mod tags;
#[path = "delivery/taps.rs"]
mod taps;
#[path = "vxlan/support.rs"]
#[allow(dead_code, reason = "shared with vxlan.rs, which uses all of it")]
mod vtep;
