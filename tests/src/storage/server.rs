//! One storage machine: the protocol that it speaks, and the processes that speak it.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use nix::sys::signal::Signal;

use super::daemon::{Daemon, subfolder};
use super::{iscsi, nbd, nfs, smb};
use crate::netns::NetNs;

/// What a storage machine speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// `tgt`; used with libiscsi through qemu.
    Iscsi,
    /// NFS version 3 by `nfs-ganesha`; used with libnfs.
    Nfs,
    /// SMB (CIFS) by `smbd`; used with `smbclient`.
    Smb,
    /// NBD by `nbdkit`; used with libnbd.
    Nbd,
}

impl Protocol {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Iscsi, Self::Nfs, Self::Smb, Self::Nbd];

    /// The TCP port of the service.
    #[must_use]
    pub const fn port(self) -> u16 {
        match self {
            Self::Iscsi => 3260,
            Self::Nfs => 2049,
            Self::Smb => 445,
            Self::Nbd => 10_809,
        }
    }
}

/// A running (or killed) storage machine.
#[derive(Debug)]
pub struct Server {
    protocol: Protocol,
    address: SocketAddr,
    daemon: Daemon,
}

impl Server {
    /// Starts a server of `protocol` in `namespace`, which has `address`. Its files are in `folder`: one volume `vol1` of
    /// `volume_bytes`, made if it is not there; for NFS and SMB, which know no size, a folder of that name.
    ///
    /// # Errors
    /// When it is not installed, ends at once, or does not answer.
    pub fn start(
        protocol: Protocol,
        namespace: &NetNs,
        address: IpAddr,
        folder: &Path,
        volume_bytes: u64,
    ) -> Result<Self> {
        match protocol {
            Protocol::Iscsi => {
                let volume = super::volume(&folder.join("vol1"), volume_bytes)?;
                Self::iscsi(namespace, address, folder, &[volume])
            }
            Protocol::Nfs | Protocol::Smb => {
                let export = subfolder(folder, "vol1")?;
                Self::of_folder(protocol, namespace, address, (folder, &export))
            }
            Protocol::Nbd => {
                let volume = super::volume(&folder.join("vol1"), volume_bytes)?;
                nbd::start(namespace, address, folder, &volume)
            }
        }
    }

    /// A server of files over NFS or SMB whose `vol1` is the folder `export`, of which there may be several servers. Its own files
    /// are in `folder`.
    ///
    /// # Errors
    /// As [`Server::start`]; and for a protocol of volumes.
    pub fn of_folder(
        protocol: Protocol,
        namespace: &NetNs,
        address: IpAddr,
        (folder, export): (&Path, &Path),
    ) -> Result<Self> {
        match protocol {
            Protocol::Nfs => nfs::start(namespace, address, folder, export),
            Protocol::Smb => smb::start(namespace, address, folder, export),
            Protocol::Iscsi | Protocol::Nbd => bail!("{protocol:?} serves volumes and no folders"),
        }
    }

    /// An iSCSI target with these files as LUN 1, 2 and so on.
    ///
    /// # Errors
    /// As [`Server::start`].
    pub fn iscsi(namespace: &NetNs, address: IpAddr, folder: &Path, volumes: &[PathBuf]) -> Result<Self> {
        iscsi::start(
            namespace,
            namespace.command(iscsi::TGTD),
            address,
            folder,
            volumes,
        )
    }

    pub(super) fn running(protocol: Protocol, address: IpAddr, daemon: Daemon) -> Self {
        let address = SocketAddr::new(address, protocol.port());
        Self {
            protocol,
            address,
            daemon,
        }
    }

    pub(super) fn wait_port(&mut self) -> Result<()> {
        self.daemon.wait_port(self.address)
    }

    /// Where its service is.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it speaks.
    #[must_use]
    pub fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// The first of its processes.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.daemon.pid()
    }

    /// All that its processes said.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn log(&self) -> Result<String> {
        self.daemon.log()
    }

    /// It takes requests (the kernel acknowledges them) and answers none, until [`Server::thaw`].
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn freeze(&mut self) -> Result<()> {
        self.signal(Signal::SIGSTOP)
    }

    /// Goes on after [`Server::freeze`].
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn thaw(&mut self) -> Result<()> {
        self.signal(Signal::SIGCONT)
    }

    pub(super) fn signal(&mut self, signal: Signal) -> Result<()> {
        self.daemon.signal_all(signal).map(drop)
    }

    /// Ends in order.
    ///
    /// # Errors
    /// When it does not end.
    pub fn stop(&mut self) -> Result<()> {
        match self.protocol {
            // SIGTERM is ignored while there is a target.
            Protocol::Iscsi => self.kill_hard(),
            Protocol::Nfs | Protocol::Smb | Protocol::Nbd => self.daemon.terminate(),
        }
    }

    /// `kill -9` to all its processes. The kernel of its machine lives on and closes the connections.
    ///
    /// # Errors
    /// When one does not end.
    pub fn kill_hard(&mut self) -> Result<()> {
        self.daemon.kill_hard()
    }
}
