//! Real storage machines and real clients of them, each in a namespace of a test.
//!
//! - [`Server`]: iSCSI, NFS, SMB and NBD as they are installed everywhere, and [`round_trip`] with their clients' tools.
//! - [`Member`] and [`Mirror`]: machines of a VSM that hold the same data; a write is acknowledged when both have it.
//! - [`Load`]: a client program that writes or reads numbered blocks at depth one and knows to the microsecond when each was
//!   answered. It speaks NBD over TCP itself; through a [`Disk`] it works with qemu's iSCSI or NBD initiator.
//!
//! ```no_run
//! # use std::time::Duration;
//! # use fabric_tests::{netns::NetNs, storage::{Load, Member, Mirror, Target, VOLUME}};
//! # fn show(client: &NetNs, [one, other]: [&NetNs; 2], folders: [&std::path::Path; 2]) -> fabric_tests::Result<()> {
//! let mut working = Member::start(one, folders[0], VOLUME)?;
//! let protecting = Member::start(other, folders[1], VOLUME)?;
//! let mirror = Mirror::start(&working, "10.9.0.11:10809".parse()?)?;
//! mirror.wait_ready(&working, Duration::from_secs(10))?;
//! let load = Load::write(client, &Target::tcp("10.0.0.10:10809".parse()?), 1)?;
//! load.wait_answers(1000, Duration::from_secs(10))?;
//! working.kill_hard()?;
//! // ... the fabric leads the client to the other one ...
//! load.wait_answers(1000, Duration::from_secs(10))?;
//! let record = load.stop()?;
//! println!("{:?}", record.longest_stall().length());
//! assert!(record.io_errors.is_empty() && record.verify(protecting.volume())?.lost.is_empty());
//! # Ok(()) }
//! ```

mod blocks;
mod client;
mod daemon;
mod disk;
mod drill;
mod iscsi;
mod load;
mod member;
mod mirror;
mod nbd;
mod nfs;
mod qsd;
mod record;
mod rig;
mod server;
mod session;
mod sites;
mod smb;

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

pub use blocks::{BLOCK, Verdict, block, fill, number};
pub use client::{iscsi_round_trip, round_trip};
pub use disk::Disk;
pub use drill::{Drill, Event, Outcome, Told, drill};
pub use iscsi::{IQN, iscsi_url};
pub use load::{Load, Target};
pub use member::Member;
pub use mirror::{Mirror, MirrorState};
pub use qsd::EXPORT;
pub use record::{Break, Exchange, IoError, Record, Stall, monotonic_us};
pub use rig::{
    CLIENT, CLIENT_MAC, MEMBERS, PROBE, Rig, RigOptions, SECOND_VSM, SERVICE, SERVICE_MAC, Service, VSM,
};

pub use server::{Protocol, Server};
pub use sites::{NODES, SiteOptions, Sites, Tenancy, drill_across};

/// A volume of this many bytes has room for every block of a test: none is written twice. It takes no room on the disk
/// before it is written.
pub const VOLUME: u64 = 1 << 30;

/// Makes a file of `bytes` with nothing in it, if it is not there.
///
/// # Errors
/// When it cannot be made.
pub fn volume(path: &Path, bytes: u64) -> Result<PathBuf> {
    if !path.exists() {
        let made = File::create(path).and_then(|file| file.set_len(bytes));
        made.with_context(|| format!("cannot make {}", path.display()))?;
    }
    Ok(path.to_owned())
}
