//! A client's disk: qemu's own iSCSI (libiscsi) or NBD initiator, with its own way of surviving a broken session.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::iscsi::IQN;
use super::load::Target;
use super::qsd::{EXPORT, Qsd};
use crate::netns::NetNs;

/// A disk in use; the session ends with the handle.
#[derive(Debug)]
pub struct Disk {
    qsd: Qsd,
    socket: PathBuf,
}

impl Disk {
    /// Logs in at an iSCSI portal, [`IQN`], LUN `lun`. libiscsi logs in again by itself when the session breaks.
    ///
    /// # Errors
    /// When qemu's iSCSI module is not installed, or the portal does not answer.
    pub fn iscsi(client: &NetNs, folder: &Path, portal: SocketAddr, lun: u32) -> Result<Self> {
        let device = format!("driver=iscsi,transport=tcp,portal={portal},target={IQN},lun={lun}");
        Self::attach(client, folder, &device)
    }

    /// Opens an NBD export. qemu reconnects for a minute, first at once and then every second or slower; TCP keepalive is on.
    ///
    /// # Errors
    /// When the server does not answer.
    pub fn nbd(client: &NetNs, folder: &Path, server: SocketAddr) -> Result<Self> {
        let (host, port) = (server.ip(), server.port());
        let device = format!(
            "driver=nbd,server.type=inet,server.host={host},server.port={port},server.keep-alive=on,\
             reconnect-delay=60,export={EXPORT}"
        );
        Self::attach(client, folder, &device)
    }

    /// Opens the file `vol1/name` of an NFS server, version 3 (libnfs). It connects anew by itself and asks again, by the handle that
    /// it has, what was not answered.
    ///
    /// # Errors
    /// When qemu's NFS module is not installed, or the server does not answer.
    pub fn nfs(client: &NetNs, folder: &Path, server: IpAddr, name: &str) -> Result<Self> {
        let device = format!("driver=nfs,server.type=inet,server.host={server},path=/vol1/{name}");
        Self::attach(client, folder, &device)
    }

    fn attach(client: &NetNs, folder: &Path, device: &str) -> Result<Self> {
        let socket = folder.join("disk.sock");
        let server = format!("addr.type=unix,addr.path={}", socket.display());
        let qsd = Qsd::start(client, folder, "disk", device, &server)
            .context("cannot attach the disk (iSCSI, NFS: apt-get install qemu-block-extra)")?;
        Ok(Self { qsd, socket })
    }

    /// Where a [`Load`](super::Load) finds it.
    #[must_use]
    pub fn target(&self) -> Target {
        Target::unix(&self.socket)
    }

    /// Its process id.
    pub fn pid(&mut self) -> u32 {
        self.qsd.daemon().pid()
    }
}
