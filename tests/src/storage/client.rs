//! The usual tools of each protocol's clients: data out, data back, and compared.

use std::fs;
use std::net::IpAddr;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use sha2::{Digest, Sha256};

use super::iscsi::iscsi_url;
use super::nfs::MOUNT_PORT;
use super::server::Protocol;
use crate::netns::{NetNs, run_tool};

/// Writes `data` to the server at `address` and reads it back, with the protocol's tools run in `client`; `folder` takes
/// the files on both sides.
///
/// # Errors
/// When a tool is not installed or fails, or other data come back.
pub fn round_trip(
    protocol: Protocol,
    client: &NetNs,
    address: IpAddr,
    folder: &Path,
    data: &[u8],
) -> Result<()> {
    let (there, back) = (folder.join("there.img"), folder.join("back.img"));
    fs::write(&there, data).context("cannot write the file to send")?;
    drop(fs::remove_file(&back));
    match protocol {
        Protocol::Iscsi => iscsi_round_trip(client, address, 1, [&there, &back]),
        Protocol::Nfs => nfs(client, address, [&there, &back]),
        Protocol::Smb => smb(client, address, folder),
        Protocol::Nbd => nbd(client, address, [&there, &back]),
    }?;
    let returned = fs::read(&back).context("nothing came back")?;
    // A volume is longer than the file that was written into it.
    let returned = returned
        .get(..data.len())
        .context("less came back than was sent")?;
    ensure!(
        Sha256::digest(returned) == Sha256::digest(data),
        "{protocol:?} of {}: other data came back than were written",
        client.label()
    );
    Ok(())
}

/// Copies a file to LUN `lun` and the LUN to another file.
///
/// # Errors
/// When qemu's tools are not installed, or the target does not answer.
pub fn iscsi_round_trip(client: &NetNs, address: IpAddr, lun: u32, [there, back]: [&Path; 2]) -> Result<()> {
    let url = iscsi_url(address, lun);
    let convert = |from: &dyn AsRef<std::ffi::OsStr>, to: &dyn AsRef<std::ffi::OsStr>, more: &[&str]| {
        let mut command = client.command("qemu-img");
        command.args(["convert", "-f", "raw", "-O", "raw"]).args(more);
        run_tool(command.arg(from.as_ref()).arg(to.as_ref()))
    };
    // The LUN is there: it is not to be created.
    convert(&there, &url, &["-n"])?;
    convert(&url, &back, &[]).map(drop)
}

fn nfs(client: &NetNs, address: IpAddr, [there, back]: [&Path; 2]) -> Result<()> {
    let port = Protocol::Nfs.port();
    let url = format!("nfs://{address}/vol1/there.img?nfsport={port}&mountport={MOUNT_PORT}");
    run_tool(client.command("nfs-cp").arg(there).arg(&url))?;
    run_tool(client.command("nfs-cp").arg(&url).arg(back)).map(drop)
}

fn smb(client: &NetNs, address: IpAddr, folder: &Path) -> Result<()> {
    let mut command: Command = client.command("smbclient");
    command
        .current_dir(folder)
        .args(["-N", &format!("//{address}/vol1"), "-c"])
        .arg("put there.img; get there.img back.img");
    run_tool(&mut command).map(drop)
}

fn nbd(client: &NetNs, address: IpAddr, [there, back]: [&Path; 2]) -> Result<()> {
    let url = format!("nbd://{address}:{}", Protocol::Nbd.port());
    run_tool(client.command("nbdcopy").arg(there).arg(&url))?;
    run_tool(client.command("nbdcopy").arg(&url).arg(back)).map(drop)
}
