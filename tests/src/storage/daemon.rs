//! A server's process with its children, its log, and the moment from which it answers.

use std::fs::{self, File};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::netns::{NetNs, Process};
use crate::wait;

/// The slowest of them needs 0.2 s on an idle machine.
const START: Duration = Duration::from_secs(20);
const TAIL: usize = 12;

/// One process and whatever it forked; all killed when the handle goes.
#[derive(Debug)]
pub(super) struct Daemon {
    process: Process,
    namespace: NetNs,
    log: PathBuf,
}

impl Daemon {
    /// Starts `command`, made by [`NetNs::command`] of `namespace`, with its output in `log`.
    pub(super) fn start(namespace: &NetNs, command: &mut Command, log: PathBuf) -> Result<Self> {
        let file = File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
        command
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            // smbd ends with a SIGTERM to its whole process group.
            .process_group(0);
        Ok(Self {
            process: namespace.start(command)?,
            namespace: namespace.clone(),
            log,
        })
    }

    /// Waits until `ready`, asked inside of the namespace, says so.
    pub(super) fn wait_ready(
        &mut self,
        what: &str,
        mut ready: impl FnMut() -> Result<bool> + Send,
    ) -> Result<()> {
        let namespace = self.namespace.clone();
        let waited = namespace.run(|| {
            wait::until_true(START, what, || {
                if let Some(status) = self.process.ended()? {
                    bail!("{} ended with {status}", self.process.command_line());
                }
                ready()
            })
        });
        waited.with_context(|| self.last_words())
    }

    /// Waits until somebody accepts connections at `address`.
    pub(super) fn wait_port(&mut self, address: SocketAddr) -> Result<()> {
        self.wait_ready(&format!("a server at {address}"), || {
            Ok(TcpStream::connect_timeout(&address, wait::PATIENCE).is_ok())
        })
    }

    /// Its process id.
    pub(super) fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Sends `signal` to it and to all that it forked; gives their process ids. After its end there are none: its id may
    /// be another's by then.
    pub(super) fn signal_all(&mut self, signal: Signal) -> Result<Vec<i32>> {
        if self.process.ended()?.is_some() {
            return Ok(Vec::new());
        }
        let all = family(self.pid().cast_signed());
        for &pid in &all {
            match kill(Pid::from_raw(pid), signal) {
                Ok(()) | Err(Errno::ESRCH) => {}
                Err(error) => return Err(error).with_context(|| format!("{signal} to {pid}")),
            }
        }
        Ok(all)
    }

    /// Ends it in order, with its children.
    pub(super) fn terminate(&mut self) -> Result<()> {
        self.end(Signal::SIGTERM)
    }

    /// Ends it as a power cut would, with its children.
    pub(super) fn kill_hard(&mut self) -> Result<()> {
        self.end(Signal::SIGKILL)
    }

    /// A child may outlive its parent, and would write into a folder that is being removed.
    fn end(&mut self, signal: Signal) -> Result<()> {
        let all = self.signal_all(signal)?;
        let ended = self.process.wait(wait::PATIENCE);
        ended.with_context(|| self.last_words())?;
        wait::until_true(wait::PATIENCE, "the server's children to end", || {
            Ok(all.iter().all(|&pid| has_ended(pid)))
        })
    }

    /// All that it said.
    pub(super) fn log(&self) -> Result<String> {
        let bytes = fs::read(&self.log).with_context(|| format!("cannot read {}", self.log.display()))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    fn last_words(&self) -> String {
        let log = self.log().unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        let tail = &lines[lines.len().saturating_sub(TAIL)..];
        format!("{} said: {}", self.process.command_line(), tail.join("\n"))
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        drop(self.kill_hard());
    }
}

/// A process and all its descendants, parents first.
fn family(pid: i32) -> Vec<i32> {
    let mut all = vec![pid];
    let mut next = 0;
    while let Some(&parent) = all.get(next) {
        all.extend(children(parent));
        next += 1;
    }
    all
}

/// Gone, or a zombie that nobody has reaped yet (proc_pid_stat(5): the state follows the name in parentheses).
fn has_ended(pid: i32) -> bool {
    let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else {
        return true;
    };
    let state = stat.rsplit_once(") ").map(|(_, rest)| rest);
    state.is_some_and(|state| state.starts_with(['Z', 'X']))
}

/// Of all threads: each has a list of its own (proc_pid_task(5), `children`).
fn children(pid: i32) -> Vec<i32> {
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else {
        return Vec::new();
    };
    let lists = threads
        .flatten()
        .filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
    let pids = lists.flat_map(|list| {
        list.split_whitespace()
            .filter_map(|word| word.parse().ok())
            .collect::<Vec<i32>>()
    });
    pids.collect()
}

/// Makes `folder/name` if it is not there.
pub(super) fn subfolder(folder: &Path, name: &str) -> Result<PathBuf> {
    let path = folder.join(name);
    fs::create_dir_all(&path).with_context(|| format!("cannot make {}", path.display()))?;
    Ok(path)
}
