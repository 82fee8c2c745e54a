//! SMB (CIFS) by `smbd`.

use std::fs;
use std::net::IpAddr;
use std::path::Path;

use anyhow::{Context, Result};

use super::daemon::{Daemon, subfolder};
use super::server::{Protocol, Server};
use crate::netns::NetNs;

pub(super) fn start(namespace: &NetNs, address: IpAddr, folder: &Path, export: &Path) -> Result<Server> {
    let configuration = folder.join("smb.conf");
    fs::write(&configuration, text(address, folder, export)?).context("cannot write smb.conf")?;
    let mut command = namespace.command("smbd");
    command
        .args(["-F", "--no-process-group", "--debug-stdout", "-s"])
        .arg(&configuration);
    let daemon = Daemon::start(namespace, &mut command, folder.join("smbd.log"))
        .context("cannot start the SMB server: apt-get install samba")?;
    let mut server = Server::running(Protocol::Smb, address, daemon);
    server.wait_port()?;
    Ok(server)
}

fn text(address: IpAddr, folder: &Path, export: &Path) -> Result<String> {
    let mut text = format!(
        "[global]\ninterfaces = {address}\nbind interfaces only = yes\nsmb ports = {}\ndisable netbios = yes\n\
         load printers = no\nmap to guest = bad user\nserver role = standalone server\nlog level = 1\n",
        Protocol::Smb.port()
    );
    // Each server its own: the default ones are the machine's.
    for (setting, name) in [
        ("private dir", "private"),
        ("lock directory", "lock"),
        ("state directory", "state"),
        ("cache directory", "cache"),
        ("pid directory", "pid"),
        ("ncalrpc dir", "ncalrpc"),
    ] {
        text += &format!("{setting} = {}\n", subfolder(folder, name)?.display());
    }
    text += &format!(
        "[vol1]\npath = {}\nwriteable = yes\nguest ok = yes\nforce user = root\n",
        export.display()
    );
    Ok(text)
}
