//! A machine that can work in a VSM: a volume on a file, offered over NBD and, if wanted, over iSCSI.

use std::fs::File;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use nix::sys::signal::Signal;

use super::iscsi;
use super::qsd::{EXPORT, Qsd};
use super::server::{Protocol, Server};
use crate::netns::NetNs;

/// One storage machine. It listens on every address that its namespace has, so that clients may reach it in their own
/// network and its peer in another one.
#[derive(Debug)]
pub struct Member {
    /// Ends before the volume that it serves.
    front: Option<Server>,
    qsd: Qsd,
    volume: PathBuf,
    folder: PathBuf,
    namespace: NetNs,
}

impl Member {
    /// Starts one in `namespace` with a volume of `bytes` in `folder`, kept if it is there already. NBD, port 10809, export
    /// [`EXPORT`].
    ///
    /// # Errors
    /// When the storage daemon is not installed, or ends at once.
    pub fn start(namespace: &NetNs, folder: &Path, bytes: u64) -> Result<Self> {
        let volume = super::volume(&folder.join("member.img"), bytes)?;
        let device = format!("driver=file,filename={}", volume.display());
        let port = Protocol::Nbd.port();
        let server = format!("addr.type=inet,addr.host=0.0.0.0,addr.port={port}");
        let mut qsd = Qsd::start(namespace, folder, "member", &device, &server)?;
        qsd.daemon().wait_port(local())?;
        Ok(Self {
            front: None,
            qsd,
            volume,
            folder: folder.to_owned(),
            namespace: namespace.clone(),
        })
    }

    /// Offers the same volume as LUN 1 of [`IQN`](super::IQN) too, on every address, port 3260. A write is answered when
    /// the volume's daemon has answered it.
    ///
    /// # Errors
    /// When `nbdfuse` or `tgtd` is not installed or does not start.
    pub fn with_iscsi(mut self) -> Result<Self> {
        self.front = Some(front(&self.namespace, &self.folder)?);
        Ok(self)
    }

    /// The file that holds its data.
    #[must_use]
    pub fn volume(&self) -> &Path {
        &self.volume
    }

    /// Its process id, of the daemon that holds the volume.
    pub fn pid(&mut self) -> u32 {
        self.qsd.daemon().pid()
    }

    pub(super) fn qsd(&self) -> &Qsd {
        &self.qsd
    }

    /// Takes requests and answers none, until [`Member::thaw`].
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn freeze(&mut self) -> Result<()> {
        self.signal(Signal::SIGSTOP)
    }

    /// Goes on after [`Member::freeze`].
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn thaw(&mut self) -> Result<()> {
        self.signal(Signal::SIGCONT)
    }

    fn signal(&mut self, signal: Signal) -> Result<()> {
        if let Some(front) = &mut self.front {
            front.signal(signal)?;
        }
        self.qsd.signal(signal)
    }

    /// `kill -9` to all its processes at once, those that answer clients first.
    ///
    /// # Errors
    /// When one does not end.
    pub fn kill_hard(&mut self) -> Result<()> {
        self.signal(Signal::SIGKILL)?;
        if let Some(front) = &mut self.front {
            front.kill_hard()?;
        }
        self.qsd.daemon().kill_hard()
    }
}

/// The target, and the file through which it reaches the volume: the storage daemon's own FUSE export cannot be had
/// together with a mirror (both want the node's resize permission). Its mount is private, and goes with them.
/// It goes into the background when the file is there: its end is a failure only without the file.
const FRONT: &str = "nbdfuse \"$1\" \"$2\" & until [ -s \"$1\" ]; do kill -0 $! 2>&- || [ -s \"$1\" ] || exit 1; sleep 0.005; \
    done; shift 2; exec \"$@\"";

fn front(namespace: &NetNs, folder: &Path) -> Result<Server> {
    let file = folder.join("lun");
    File::create(&file).context("cannot make the file of the LUN")?;
    let volume = format!("nbd://127.0.0.1:{}/{EXPORT}", Protocol::Nbd.port());
    let mut command = namespace.command("unshare");
    command.args(["-m", "sh", "-c", FRONT, "front"]);
    command.arg(&file).arg(volume).arg(iscsi::TGTD);
    let every = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
    iscsi::start(namespace, command, every, folder, &[file])
        .context("nbdfuse: apt-get install libnbd-bin fuse3")
}

fn local() -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), Protocol::Nbd.port())
}
