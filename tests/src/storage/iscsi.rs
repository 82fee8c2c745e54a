//! iSCSI by `tgt`, in user space.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::daemon::Daemon;
use super::server::{Protocol, Server};
use crate::netns::{NetNs, run_tool};

/// The name of every target: two members of one VSM, and two tenants, must be able to have the same.
pub const IQN: &str = "iqn.2026-01.net.example:vsm";

/// The program that [`start`] starts.
pub(super) const TGTD: &str = "tgtd";

/// `command` is [`TGTD`], or something that becomes it, without arguments of its own.
pub(super) fn start(
    namespace: &NetNs,
    mut command: Command,
    address: IpAddr,
    folder: &Path,
    volumes: &[PathBuf],
) -> Result<Server> {
    // A file, not per namespace: two tgtd of one machine would fight for the default one.
    let control = folder.join("tgt.sock");
    let portal = format!("portal={address}:{}", Protocol::Iscsi.port());
    command.env("TGT_IPC_SOCKET", &control);
    command.args(["-D", "-C", "0", "--iscsi", &portal]);
    let mut daemon = Daemon::start(namespace, &mut command, folder.join("tgtd.log"))
        .context("cannot start the iSCSI target: apt-get install tgt")?;
    let admin = |words: &str, more: &[&str]| {
        let mut command = Command::new("tgtadm");
        command.env("TGT_IPC_SOCKET", &control);
        command.args(["--lld", "iscsi"]).args(words.split(' ')).args(more);
        run_tool(&mut command)
    };
    daemon.wait_ready("tgtd to take commands", || {
        Ok(admin("--op show --mode system", &[]).is_ok())
    })?;
    admin("--op new --mode target --tid 1 -T", &[IQN])?;
    for (number, volume) in (1..).zip(volumes) {
        let lun = format!("--op new --mode logicalunit --tid 1 --lun {number} -b");
        admin(&lun, &[&volume.to_string_lossy()])?;
    }
    admin("--op bind --mode target --tid 1 -I ALL", &[])?;
    let mut server = Server::running(Protocol::Iscsi, address, daemon);
    server.wait_port()?;
    Ok(server)
}

/// The address of a LUN as libiscsi takes it.
#[must_use]
pub fn iscsi_url(address: IpAddr, lun: u32) -> String {
    format!("iscsi://{address}:{}/{IQN}/{lun}", Protocol::Iscsi.port())
}
