//! `qemu-storage-daemon`: block devices of every kind, offered as NBD, and told what to do over QMP.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use nix::sys::signal::Signal;
use serde_json::{Value, json};

use super::daemon::Daemon;
use crate::netns::NetNs;

/// The name under which it offers its volume.
pub const EXPORT: &str = "vol1";
/// No command of ours takes long; a mirror runs in the background.
const ANSWER: Duration = Duration::from_secs(20);

/// A running daemon with one volume, node `vol`, exported as [`EXPORT`].
#[derive(Debug)]
pub(super) struct Qsd {
    daemon: Daemon,
    /// It stays open: a monitor serves one client at a time, and who connects anew for each command may find it still busy with
    /// his own last visit.
    monitor: Mutex<BufReader<UnixStream>>,
}

impl Qsd {
    /// Starts one that offers what the block device options `device` make, at the socket that `server` describes
    /// (`addr.type=unix,...`). Its control socket and log are in `folder` as `<name>.qmp` and `<name>.log`.
    pub(super) fn start(
        namespace: &NetNs,
        folder: &Path,
        name: &str,
        device: &str,
        server: &str,
    ) -> Result<Self> {
        let monitor = folder.join(format!("{name}.qmp"));
        let mut command = namespace.command("qemu-storage-daemon");
        command.args(["--blockdev", &format!("{device},node-name=file")]);
        command.args(["--blockdev", "driver=raw,node-name=vol,file=file"]);
        command.args(["--nbd-server", &format!("{server},max-connections=0")]);
        let export = format!("type=nbd,id=export,node-name=vol,name={EXPORT},writable=on");
        command.args(["--export", &export, "--chardev"]);
        command.arg(format!(
            "socket,path={},server=on,wait=off,id=qmp",
            monitor.display()
        ));
        command.args(["--monitor", "chardev=qmp", "--chardev"]);
        // The fabric has one of its own: a monitor serves one client at a time.
        let watched = folder.join(format!("{name}.watch"));
        command.arg(format!(
            "socket,path={},server=on,wait=off,id=watch",
            watched.display()
        ));
        command.args(["--monitor", "chardev=watch"]);
        drop(std::fs::remove_file(&watched));
        // A socket of a predecessor would look like an answer.
        drop(std::fs::remove_file(&monitor));
        let mut daemon = Daemon::start(namespace, &mut command, folder.join(format!("{name}.log")))
            .context("cannot start the storage daemon: apt-get install qemu-utils qemu-system-common")?;
        let mut opened = None;
        daemon.wait_ready("the storage daemon's monitor", || {
            opened = UnixStream::connect(&monitor).ok();
            Ok(opened.is_some())
        })?;
        let opened = opened.context("the storage daemon's monitor is gone")?;
        opened.set_read_timeout(Some(ANSWER))?;
        let mut monitor = BufReader::new(opened);
        say(&mut monitor, &json!({"execute": "qmp_capabilities"}))?;
        Ok(Self {
            daemon,
            monitor: Mutex::new(monitor),
        })
    }

    pub(super) fn daemon(&mut self) -> &mut Daemon {
        &mut self.daemon
    }

    pub(super) fn signal(&mut self, signal: Signal) -> Result<()> {
        self.daemon.signal_all(signal).map(drop)
    }

    /// Runs one QMP command and gives what it returns.
    pub(super) fn execute(&self, command: &str, arguments: &Value) -> Result<Value> {
        let mut monitor = self.monitor.lock().unwrap_or_else(PoisonError::into_inner);
        say(&mut monitor, &json!({"execute": command, "arguments": arguments}))
            .with_context(|| format!("QMP {command} {arguments}"))
    }
}

/// Greetings and events come in between.
fn say(stream: &mut BufReader<UnixStream>, command: &Value) -> Result<Value> {
    stream.get_mut().write_all(format!("{command}\n").as_bytes())?;
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line)? == 0 {
            bail!("the storage daemon closed its monitor");
        }
        let message: Value = serde_json::from_str(&line)?;
        if let Some(returned) = message.get("return") {
            return Ok(returned.clone());
        }
        if let Some(error) = message.get("error") {
            bail!("{}", error["desc"].as_str().unwrap_or("refused"));
        }
    }
}
