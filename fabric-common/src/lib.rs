//! The packet core of the tagging fabric, compiled for BPF and for the host.
//!
//! A frame travels through rooms of its own: [`classify`] reads the tags in front of it and names its
//! segment, [`learn`] notes where its source is, [`decide`] picks the next hop, [`rewrite`] exchanges the
//! fabric's tags, and the caller emits the [`pipeline::Verdict`]. The rooms see a packet only through
//! [`Frame`] and tables only through [`Tables`], so that the same source runs in the kernel and in tests.
//!
//! Invariant: where a frame goes is decided by nothing above layer 2, and whatever the tables do not name
//! ends in a [`DropReason`]. Only [`flow`], [`ecn`] and [`tell`] look further in, and [`storage`] to see who is alive. The one
//! exception is asked for by the document: [`gateway`] routes what a tenant sends to its own gateway.
#![no_std]
#![cfg_attr(target_arch = "bpf", feature(core_intrinsics))]
#![cfg_attr(
    target_arch = "bpf",
    expect(
        internal_features,
        reason = "compare-and-exchange on BPF is reachable through the intrinsics only"
    )
)]

pub mod address;
pub mod buckets;
pub mod classify;
pub mod decide;
pub mod ecn;
pub mod flood;
pub mod flow;
pub mod frame;
pub mod gateway;
pub mod label;
pub mod learn;
pub mod maps;
pub mod pipeline;
pub mod reason;
pub mod reference;
pub mod rewrite;
pub mod shared;
pub mod storage;
pub mod tables;
pub mod tell;
pub mod wire;

pub use frame::{Frame, NoHeadroom, Short};
pub use reason::DropReason;
pub use tables::Tables;
