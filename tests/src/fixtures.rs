//! What the wire tests have in common: documents in a few lines, and the cables, captures and agents that a document calls for.
//!
//! ```no_run
//! use fabric_tests::fixtures::{Rig, Segment, Site};
//! use fabric_tests::frame::eth;
//!
//! # fn main() -> fabric_tests::Result<()> {
//! let acme = Segment::new("acme-v10", 101, 1101)
//!     .at("edge1", "eth1", 10, 301)
//!     .station("56:89:6f:88:9d:c7")
//!     .at("edge2", "eth1", 10, 201)
//!     .station("28:08:80:52:17:20");
//! let site = Site::new(&["edge1", "edge2"]).trunk("trunk0", "edge1", "edge2").tenant("acme", &[acme]);
//! let rig = Rig::start(&site.document(), &["edge1", "edge2"])?;
//!
//! let frame = eth("28:08:80:52:17:20", "56:89:6f:88:9d:c7").vlan(10).word("Happy");
//! let tagged = eth("28:08:80:52:17:20", "56:89:6f:88:9d:c7").svlan(101).cvlan(201).vlan(10).word("Happy");
//! rig.send("edge1.eth1", &frame)
//!     .on("edge1>edge2", &tagged)
//!     .at("edge2.eth1", &frame)
//!     .moves("edge1", "eth1.in acme.in t0.out")
//!     .moves("edge2", "t0.in eth1.out acme.out")
//!     .check()?;   // and no other frame anywhere, and no other counter
//! # Ok(()) }
//! ```

mod brief;
mod plugs;
mod rig;
mod site;
mod step;

pub use brief::brief;
pub use plugs::Plug;
pub use rig::{Rig, Setup, vtep_mac};
pub use site::{Segment, Site};
pub use step::Step;

use serde_json::Value;

/// The document of FIG 1 and 7, `docs/examples/figure-1.json`.
///
/// # Panics
/// When the file is no JSON.
#[must_use]
#[expect(clippy::expect_used, reason = "the file is part of the repository")]
pub fn figure_1() -> Value {
    serde_json::from_str(include_str!("../../docs/examples/figure-1.json")).expect("figure-1.json is JSON")
}
