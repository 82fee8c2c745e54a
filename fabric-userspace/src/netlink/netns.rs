//! Finding another network namespace and working inside it.
//!
//! The kernel names a veth peer's namespace by a number (nsid) that only our namespace knows. A namespace is found by
//! asking the kernel for the number of each candidate: the names under /run/netns first, then every process.

use std::collections::BTreeSet;
use std::fmt;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::nsid::{NsidAttribute, NsidMessage};
use nix::sched::{CloneFlags, setns};
use serde::{Deserialize, Serialize};

use super::{Netlink, NetlinkError};

/// Where `ip netns` keeps its names.
const NAMED: &str = "/run/netns";

/// A way into a network namespace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NetnsPlace {
    /// A name under /run/netns.
    Named(String),
    /// The namespace of a running process.
    Process(u32),
}

impl NetnsPlace {
    pub fn path(&self) -> PathBuf {
        match self {
            Self::Named(name) => PathBuf::from(NAMED).join(name),
            Self::Process(pid) => PathBuf::from(format!("/proc/{pid}/ns/net")),
        }
    }

    /// The shell words that run the rest of a command line inside, with a blank at the end.
    pub fn command_prefix(&self) -> String {
        match self {
            Self::Named(name) => format!("ip netns exec {} ", crate::safety::quote(name)),
            Self::Process(pid) => format!("nsenter --net=/proc/{pid}/ns/net "),
        }
    }
}

impl fmt::Display for NetnsPlace {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named(name) => write!(out, "{name}"),
            Self::Process(pid) => write!(out, "of process {pid}"),
        }
    }
}

/// Runs `work` on a thread of its own inside the namespace at `place`.
///
/// The thread ends with the call, so that the namespace can die afterwards. Errors are those of opening and entering.
pub fn run_in<T: Send>(place: &NetnsPlace, work: impl FnOnce() -> T + Send) -> io::Result<T> {
    let namespace = File::open(place.path())?;
    let inside = move || -> io::Result<T> {
        setns(namespace.as_fd(), CloneFlags::CLONE_NEWNET)?;
        // Only the thread keeps the namespace from here on.
        drop(namespace);
        Ok(work())
    };
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new()
            .name("netns".to_owned())
            .spawn_scoped(scope, inside)?;
        thread
            .join()
            .unwrap_or_else(|_| Err(io::Error::other("the work inside the namespace panicked")))
    })
}

/// The place of the namespace that ours calls `nsid`; `None` when it has neither a name nor a visible process.
///
/// `hint` is tried before all others.
pub(super) async fn find(
    netlink: &Netlink,
    nsid: i32,
    hint: Option<&NetnsPlace>,
) -> Result<Option<NetnsPlace>, NetlinkError> {
    let mut seen = BTreeSet::new();
    let lists: [fn() -> Vec<NetnsPlace>; 2] = [named, processes];
    let candidates = hint
        .cloned()
        .into_iter()
        .chain(lists.iter().flat_map(|list| list()));
    for place in candidates {
        // A namespace or process may go while we look: then it is not the one.
        let Ok(file) = File::open(place.path()) else {
            continue;
        };
        let Ok(metadata) = file.metadata() else { continue };
        if !seen.insert((metadata.dev(), metadata.ino())) {
            continue;
        }
        if nsid_of(netlink, &file).await? == Some(nsid) {
            return Ok(Some(place));
        }
    }
    Ok(None)
}

async fn nsid_of(netlink: &Netlink, namespace: &File) -> Result<Option<i32>, NetlinkError> {
    let mut request = NsidMessage::default();
    request
        .attributes
        .push(NsidAttribute::Fd(namespace.as_raw_fd().cast_unsigned()));
    let answers = netlink
        .ask(
            "asking for a namespace id",
            RouteNetlinkMessage::GetNsId(request),
            0,
        )
        .await;
    let answers = match answers {
        // A file under /run/netns that is no namespace (left over after its mount went).
        Err(error) if error.errno() == Some(libc::EINVAL) => return Ok(None),
        other => other?,
    };
    let ids = answers.into_iter().filter_map(|answer| match answer {
        RouteNetlinkMessage::NewNsId(message) => Some(message.attributes),
        _ => None,
    });
    // -1 is "has no number here".
    Ok(ids.flatten().find_map(|attribute| match attribute {
        NsidAttribute::Id(id) if id >= 0 => Some(id),
        _ => None,
    }))
}

fn named() -> Vec<NetnsPlace> {
    let mut names: Vec<String> = entries(NAMED).collect();
    names.sort_unstable();
    names.into_iter().map(NetnsPlace::Named).collect()
}

/// One process for each namespace that /proc shows, the lowest pid first: it is the likeliest to stay.
fn processes() -> Vec<NetnsPlace> {
    let mut pids: Vec<u32> = entries("/proc").filter_map(|name| name.parse().ok()).collect();
    pids.sort_unstable();
    let mut seen = BTreeSet::new();
    pids.retain(|pid| {
        std::fs::read_link(format!("/proc/{pid}/ns/net")).is_ok_and(|target| seen.insert(target))
    });
    pids.into_iter().map(NetnsPlace::Process).collect()
}

fn entries(directory: &str) -> impl Iterator<Item = String> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().into_string().ok())
}
