//! NBD by `nbdkit`.

use std::net::IpAddr;
use std::path::Path;

use anyhow::{Context, Result};

use super::daemon::Daemon;
use super::server::{Protocol, Server};
use crate::netns::NetNs;

pub(super) fn start(namespace: &NetNs, address: IpAddr, folder: &Path, volume: &Path) -> Result<Server> {
    let mut command = namespace.command("nbdkit");
    command.args(["-f", "-i", &address.to_string()]);
    command.args(["-p", &Protocol::Nbd.port().to_string(), "file"]);
    command.arg(volume);
    let daemon = Daemon::start(namespace, &mut command, folder.join("nbdkit.log"))
        .context("cannot start the NBD server: apt-get install nbdkit")?;
    let mut server = Server::running(Protocol::Nbd, address, daemon);
    server.wait_port()?;
    Ok(server)
}
