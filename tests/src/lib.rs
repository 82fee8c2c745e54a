//! Test tools: namespaces, topologies, packets, captures, traffic, and the real `fabric` binary driven like a user would.
//!
//! Everything returns [`Result`]; a test says `.unwrap()` and gets the sentence together with its own line number, the lab
//! shows the sentence to a person. Everything that is created is taken down on drop, also when a test panics.
//!
//! ```no_run
//! use fabric_tests::{frame::eth, topology::{End, Net}, wire::{Capture, RawSocket}};
//! use std::time::Duration;
//!
//! # fn main() -> fabric_tests::Result<()> {
//! let net = Net::new()?;
//! let (alice, bob) = (net.host("alice")?, net.host("bob")?);
//! net.veth(End::client(&alice, "eth0"), End::client(&bob, "eth0"))?;
//!
//! let capture = Capture::start(&bob, "eth0")?;
//! let frame = eth("28:08:80:52:17:20", "56:89:6f:88:9d:c7").svlan(100).cvlan(200).word("Happy");
//! RawSocket::open(&alice, "eth0")?.send(&frame)?;
//! capture.expect_only(&[frame], Duration::from_millis(100))?;
//! # Ok(()) }
//! ```

pub mod bench;
pub mod bpf;
pub mod counters;
pub mod etcd;
pub mod fabric;
pub mod fixtures;
pub mod fleet;
pub mod frame;
pub mod frr;
pub mod golden;
pub mod guest;
pub mod interrupt;
pub mod lab;
pub mod netns;
pub mod pins;
pub mod random;
pub mod storage;
pub mod topology;
pub mod traffic;
pub mod wait;
pub mod wire;

pub use anyhow::Result;
