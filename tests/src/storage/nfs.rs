//! NFS version 3 by `nfs-ganesha`, in user space.

use std::fs;
use std::net::IpAddr;
use std::path::Path;

use anyhow::{Context, Result};

use super::daemon::{Daemon, subfolder};
use super::server::{Protocol, Server};
use crate::netns::NetNs;

/// Port of the MOUNT protocol, fixed so that a client needs no portmapper.
pub(super) const MOUNT_PORT: u16 = 20_048;

/// Version 3 without a portmapper does not start ("Cannot register NFS V3 on TCP"), and both keep files in `/run`. So each
/// server has a `/run` of its own.
const SCRIPT: &str = "mount -t tmpfs tmpfs /run && mkdir /run/rpcbind && { rpcbind -f -w -h \"$1\" & } && \
    until [ -S /run/rpcbind.sock ]; do sleep 0.005; done && \
    exec ganesha.nfsd -F -f \"$2\" -L \"$3\" -p /run/ganesha.pid";

pub(super) fn start(namespace: &NetNs, address: IpAddr, folder: &Path, export: &Path) -> Result<Server> {
    let (configuration, log) = (folder.join("ganesha.conf"), folder.join("ganesha.log"));
    fs::write(&configuration, text(address, folder, export)?).context("cannot write ganesha.conf")?;
    let mut command = namespace.command("unshare");
    command
        .args(["-m", "sh", "-c", SCRIPT, "nfs", &address.to_string()])
        .args([&configuration, &log]);
    let daemon = Daemon::start(namespace, &mut command, folder.join("nfs.log"))
        .context("cannot start the NFS server: apt-get install nfs-ganesha nfs-ganesha-vfs rpcbind")?;
    let mut server = Server::running(Protocol::Nfs, address, daemon);
    server.wait_port()?;
    Ok(server)
}

fn text(address: IpAddr, folder: &Path, export: &Path) -> Result<String> {
    let recovery = subfolder(folder, "recovery")?;
    Ok(format!(
        "NFS_CORE_PARAM {{ Protocols = 3; NFS_Port = {}; MNT_Port = {MOUNT_PORT}; Enable_NLM = false; \
         Enable_RQUOTA = false; Enable_UDP = None; Bind_addr = {address}; mount_path_pseudo = true; \
         allow_set_io_flusher_fail = true; }}\n\
         NFSV4 {{ RecoveryBackend = fs; RecoveryRoot = \"{}\"; Graceless = true; }}\n\
         EXPORT {{ Export_Id = 1; Path = \"{}\"; Pseudo = \"/vol1\"; Access_Type = RW; \
         Squash = No_Root_Squash; SecType = sys; FSAL {{ Name = VFS; }} }}\n",
        Protocol::Nfs.port(),
        recovery.display(),
        export.display(),
    ))
}
