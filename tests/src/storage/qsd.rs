//! `qemu-storage-daemon`: block devices of every kind, offered as NBD, and told what to do over QMP.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use nix::sys::signal::Signal;
use serde_json::{Value, json};

use super::daemon::Daemon;
use crate::netns::NetNs;
use crate::wait;

/// The name under which it offers its volume.
pub const EXPORT: &str = "vol1";
/// No command of ours takes long; a mirror runs in the background.
const ANSWER: Duration = Duration::from_secs(20);
/// A monitor that is free greets at once.
const GREETING: Duration = Duration::from_secs(1);

/// A running daemon with one volume, node `vol`, exported as [`EXPORT`].
#[derive(Debug)]
pub(super) struct Qsd {
    daemon: Daemon,
    monitor: PathBuf,
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
        // A monitor serves one client at a time, and the fabric asks it all the time.
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
        daemon.wait_ready("the storage daemon's monitor", || {
            Ok(UnixStream::connect(&monitor).is_ok())
        })?;
        Ok(Self { daemon, monitor })
    }

    pub(super) fn daemon(&mut self) -> &mut Daemon {
        &mut self.daemon
    }

    pub(super) fn signal(&mut self, signal: Signal) -> Result<()> {
        self.daemon.signal_all(signal).map(drop)
    }

    /// Runs one QMP command and gives what it returns.
    pub(super) fn execute(&self, command: &str, arguments: &Value) -> Result<Value> {
        // A monitor serves one client at a time, and turns away who comes before it has seen the last one leave. Nothing was
        // done then.
        let open = || -> Result<BufReader<UnixStream>> {
            let mut stream = BufReader::new(UnixStream::connect(&self.monitor)?);
            stream.get_ref().set_read_timeout(Some(GREETING))?;
            say(&mut stream, &json!({"execute": "qmp_capabilities"}))?;
            Ok(stream)
        };
        let ask = || -> Result<Value> {
            let mut stream = wait::until(ANSWER, "the storage daemon's monitor", || Ok(open().ok()))?;
            stream.get_ref().set_read_timeout(Some(ANSWER))?;
            say(&mut stream, &json!({"execute": command, "arguments": arguments}))
        };
        ask().with_context(|| format!("QMP {command} {arguments}"))
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
