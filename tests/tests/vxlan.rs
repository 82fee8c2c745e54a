//! VXLAN against a real Linux device, and against frames that no honest VTEP sends: `VXL-*`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests are tests"
)]

#[path = "vxlan/decapsulation.rs"]
mod decapsulation;
#[path = "vxlan/ecn.rs"]
mod ecn;
#[path = "vxlan/encapsulation.rs"]
mod encapsulation;
#[path = "vxlan/linux.rs"]
mod linux;
#[path = "vxlan/outer.rs"]
mod outer;
#[path = "vxlan/replication.rs"]
mod replication;
#[path = "vxlan/support.rs"]
mod support;
#[path = "vxlan/told.rs"]
mod told;
