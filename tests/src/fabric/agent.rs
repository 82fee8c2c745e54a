//! An agent in a namespace: its command line, its ends and new beginnings.

mod launch;
mod teardown;

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use nix::sys::signal::Signal;
use serde_json::Value;

use launch::Folder;
pub use launch::Launch;
pub use teardown::Kept;

use super::{CliOutput, Console, Objects, api, cli, log};
use crate::counters::Counters;
use crate::netns::{NetNs, Process};
use crate::wait;

/// Loading and verifying the programs takes a second or two on a busy machine.
const START: Duration = Duration::from_secs(30);

/// A running (or killed) agent. Dropping it takes it down, and fails the test when it left anything behind.
#[derive(Debug)]
pub struct Agent {
    launch: Launch,
    binary: PathBuf,
    folder: Folder,
    process: Option<Process>,
    allowed: Vec<String>,
    done: bool,
}

impl Agent {
    /// Starts an agent for `node` with `document`, see [`Launch`] for more.
    ///
    /// # Errors
    /// As [`Launch::start`].
    pub fn start(namespace: &NetNs, document: &Value, node: &str) -> Result<Self> {
        Launch::new(namespace, node).document(document).start()
    }

    /// Runs the command line against this agent and gives what it printed, whatever its status.
    ///
    /// # Errors
    /// When it cannot be run, or does not end.
    pub fn cli(&self, words: &[&str]) -> Result<CliOutput> {
        cli::run(self.command().arg("--socket").arg(self.socket()).args(words))
    }

    /// The command line and the socket, for other threads.
    #[must_use]
    pub fn console(&self) -> Console {
        Console {
            namespace: self.launch.namespace.clone(),
            binary: self.binary.clone(),
            socket: self.socket(),
            user: None,
        }
    }

    /// Runs a command that must succeed.
    ///
    /// # Errors
    /// When its exit status is not 0.
    pub fn ok(&self, words: &[&str]) -> Result<CliOutput> {
        self.cli(words)?.expect_status(0)
    }

    /// Runs a command that must succeed, with `--json`, and gives the document.
    ///
    /// # Errors
    /// When its exit status is not 0, or it prints no JSON.
    pub fn json(&self, words: &[&str]) -> Result<Value> {
        self.ok(&[words, &["--json"]].concat())?.json()
    }

    /// Runs a command that must be refused for the reason `code`, with a cure.
    ///
    /// # Errors
    /// When it is not refused, or otherwise.
    pub fn refused(&self, words: &[&str], code: &str) -> Result<CliOutput> {
        let output = self.cli(words)?.expect_status(1)?;
        let says = |start: &str, rest: &str| {
            let mut lines = output.stderr.lines().map(str::trim);
            lines.any(|line| {
                line.strip_prefix(start)
                    .is_some_and(|said| rest.is_empty() || said.trim() == rest)
            })
        };
        let complete = says("error:", "") && says("cure:", "") && says("code:", code);
        ensure!(complete, "expected error:, cure: and code: {code}: {output}");
        Ok(output)
    }

    /// The counters of all ports now, see [`Counters::of_ports`].
    ///
    /// # Errors
    /// When the command fails, or frames in are not frames out + passed + dropped.
    pub fn counters(&self) -> Result<Counters> {
        Counters::of_ports(&self.json(&["counters"])?)
    }

    /// Asks the agent itself, as the command line does: the answer to GET `path`.
    ///
    /// # Errors
    /// When it does not answer, or refuses.
    pub fn get(&self, path: &str) -> Result<Value> {
        api::request(&self.socket(), "GET", path, &Value::Null)
    }

    /// As [`Agent::get`], for an answer that is no JSON.
    ///
    /// # Errors
    /// When it does not answer, or refuses.
    pub fn text(&self, path: &str) -> Result<String> {
        api::text(&self.socket(), "GET", path, &Value::Null)
    }

    /// As [`Agent::get`]: the answer to POST `path` with `body`.
    ///
    /// # Errors
    /// When it does not answer, or refuses.
    pub fn post(&self, path: &str, body: &Value) -> Result<Value> {
        api::request(&self.socket(), "POST", path, body)
    }

    /// Writes `document` to a file and gives its path, for `plan -f` and `apply -f`.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn file(&self, name: &str, document: &Value) -> Result<String> {
        let path = self.folder.path().join(name);
        fs::write(&path, serde_json::to_vec_pretty(document)?)?;
        Ok(path.to_string_lossy().into_owned())
    }

    /// The node that it is.
    #[must_use]
    pub fn node(&self) -> &str {
        &self.launch.node
    }

    /// Where it runs.
    #[must_use]
    pub fn namespace(&self) -> &NetNs {
        &self.launch.namespace
    }

    /// Its process id, while it runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(Process::pid)
    }

    /// Its control socket.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("fabric.sock")
    }

    /// Its state directory.
    #[must_use]
    pub fn state_dir(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    /// All it has logged, over restarts.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn log(&self) -> Result<String> {
        fs::read_to_string(self.log_file()).context("cannot read the agent's log")
    }

    /// Log lines that contain `text` are expected, even if they say ERROR.
    pub fn allow(&mut self, text: &str) {
        self.allowed.push(text.to_owned());
    }

    /// The BPF objects that it has open.
    ///
    /// # Errors
    /// When it does not run.
    pub fn objects(&self) -> Result<Objects> {
        Objects::of(self.pid().context("the agent does not run")?)
    }

    /// Starts it again on the same state directory and waits until its socket answers.
    ///
    /// # Errors
    /// When it still runs, and as [`Launch::start`].
    pub fn restart(&mut self) -> Result<()> {
        self.spawn()?;
        self.wait_ready()
    }

    /// From the next start on it runs without the daemon of [`Launch::evpn`].
    pub fn forget_evpn(&mut self) {
        self.launch.arguments.retain(|word| word != Launch::EVPN);
    }

    /// Starts it again and kills it `after` so long, ready or not.
    ///
    /// # Errors
    /// When it still runs, or cannot be started.
    pub fn restart_and_kill9(&mut self, after: Duration) -> Result<()> {
        self.spawn()?;
        std::thread::sleep(after);
        self.kill9()
    }

    fn spawn(&mut self) -> Result<()> {
        ensure!(self.process.is_none(), "the agent still runs");
        let mut command = self.command();
        command.args(["agent", "--node", &self.launch.node]);
        command
            .arg("--state-dir")
            .arg(self.state_dir())
            .arg("--socket")
            .arg(self.socket());
        let document = self.folder.path().join("site.json");
        if document.exists() {
            command.arg("--config").arg(document);
        }
        command.args(&self.launch.arguments);
        if let Some(address) = self.launch.metrics {
            command.arg("--metrics").arg(address.to_string());
        }
        let log = File::options().create(true).append(true).open(self.log_file())?;
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        if self.launch.own_session {
            // SAFETY: setsid is async-signal-safe (signal-safety(7)); nothing is allocated or locked.
            unsafe { command.pre_exec(|| Ok(nix::unistd::setsid().map(drop)?)) };
        }
        self.process = Some(self.launch.namespace.start(&mut command)?);
        Ok(())
    }

    /// Kills it as the power cut would: the data path stays.
    ///
    /// # Errors
    /// When it does not run.
    pub fn kill9(&mut self) -> Result<()> {
        self.running()?.kill9()?;
        self.process = None;
        Ok(())
    }

    /// SIGTERM: it ends in order, and the data path stays.
    ///
    /// # Errors
    /// When it does not end, or not with status 0.
    pub fn terminate(&mut self) -> Result<()> {
        self.running()?.signal(Signal::SIGTERM)?;
        self.ended_well()
    }

    /// `fabric agent stop`: as [`Agent::terminate`], and gives what the command said.
    ///
    /// # Errors
    /// When it does not end, or not with status 0.
    pub fn stop(&mut self) -> Result<CliOutput> {
        let said = self.ok(&["agent", "stop"])?;
        self.ended_well()?;
        Ok(said)
    }

    /// `fabric agent stop --detach`, and the agent may be started again.
    ///
    /// # Errors
    /// When it does not end, or not with status 0.
    pub fn detach(&mut self) -> Result<CliOutput> {
        let said = self.ok(&["agent", "stop", "--detach"])?;
        self.ended_well()?;
        Ok(said)
    }

    fn command(&self) -> Command {
        let mut command = self.launch.namespace.command(&self.binary);
        command.envs(self.launch.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    fn log_file(&self) -> PathBuf {
        self.folder.path().join("agent.log")
    }

    fn running(&mut self) -> Result<&mut Process> {
        self.process.as_mut().context("the agent does not run")
    }

    fn ended_well(&mut self) -> Result<()> {
        let status = self.running()?.wait(wait::PATIENCE)?;
        self.process = None;
        ensure!(status.success(), "the agent ended with {status}");
        Ok(())
    }

    fn wait_ready(&mut self) -> Result<()> {
        let socket = self.socket();
        let ready = wait::until(START, "the agent's socket to answer", || {
            if let Some(status) = self.running()?.ended()? {
                self.process = None;
                bail!("the agent ended at once with {status}");
            }
            Ok(answers(&socket).then_some(()))
        });
        let log = self.log().unwrap_or_default();
        ready.with_context(|| format!("agent {}, its log ends:\n{}", self.launch.node, log::tail(&log)))
    }
}

/// Any HTTP answer will do: it is the agent that speaks, not a socket somebody forgot.
fn answers(socket: &Path) -> bool {
    let ask = || -> std::io::Result<bool> {
        let mut stream = UnixStream::connect(socket)?;
        stream.set_read_timeout(Some(Duration::from_secs(2)))?;
        stream.write_all(b"GET / HTTP/1.1\r\nHost: fabric\r\nConnection: close\r\n\r\n")?;
        let mut start = [0; 5];
        stream.read_exact(&mut start)?;
        Ok(start == *b"HTTP/")
    };
    ask().unwrap_or(false)
}
