//! The real `fabric` binary, run as an operator would: agent, socket, command line.
//!
//! The binary is `$FABRIC_BIN`, or `target/release/fabric`, or `target/debug/fabric` of this workspace.
//!
//! ```no_run
//! # use fabric_tests::{fabric::Agent, topology::Net};
//! # fn show(net: &Net) -> fabric_tests::Result<()> {
//! let edge = net.host("edge1")?;
//! let document = serde_json::json!({"datacenters": []});
//! let mut agent = Agent::start(&edge, &document, "edge1")?;
//! agent.ok(&["tenant", "attach", "acme", "--port", "eth1", "--vlan", "10"])?;
//! agent.refused(&["tenant", "attach", "globex", "--port", "eth1", "--vlan", "10"], "attachment-taken")?;
//! agent.kill9()?;
//! agent.restart()?;
//! agent.finish()?;   // stop --detach; no object, pin, mount, error or panic may be left
//! # Ok(()) }
//! ```

mod agent;
mod api;
mod cli;
mod console;
mod log;
mod objects;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

pub use agent::{Agent, Kept, Launch};
pub(crate) use api::request;
pub use cli::CliOutput;
pub use console::Console;
pub use objects::Objects;

/// The binary under test.
///
/// # Errors
/// When none has been built.
pub fn binary() -> Result<PathBuf> {
    if let Some(named) = std::env::var_os("FABRIC_BIN") {
        return Ok(named.into());
    }
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target");
    let built = ["release/fabric", "debug/fabric"].map(|path| target.join(path));
    let found = built.into_iter().find(|path| path.exists());
    found.context("no fabric binary: cargo build -p fabric-userspace, or set FABRIC_BIN")
}
