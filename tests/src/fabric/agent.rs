//! An agent in a namespace, from its start to the proof that it left nothing.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use nix::mount::{MntFlags, umount2};
use nix::sys::signal::Signal;
use serde_json::Value;
use tempfile::TempDir;

use super::{CliOutput, Objects, api, binary, cli, log};
use crate::counters::Counters;
use crate::netns::{NetNs, Process};
use crate::wait;

/// Loading and verifying the programs takes a second or two on a busy machine.
const START: Duration = Duration::from_secs(30);

/// How an agent is to be started.
#[derive(Debug)]
pub struct Launch {
    namespace: NetNs,
    node: String,
    document: Option<Value>,
    binary: Option<PathBuf>,
    metrics: Option<SocketAddr>,
    environment: Vec<(String, String)>,
    arguments: Vec<String>,
}

impl Launch {
    /// An agent for `node` in `namespace`, without a document.
    #[must_use]
    pub fn new(namespace: &NetNs, node: &str) -> Self {
        Self {
            namespace: namespace.clone(),
            node: node.to_owned(),
            document: None,
            binary: None,
            metrics: None,
            environment: Vec::new(),
            arguments: Vec::new(),
        }
    }

    /// The document to begin with (`--config`).
    #[must_use]
    pub fn document(mut self, document: &Value) -> Self {
        self.document = Some(document.clone());
        self
    }

    /// Another binary than [`binary`].
    #[must_use]
    pub fn binary(mut self, path: &Path) -> Self {
        self.binary = Some(path.to_owned());
        self
    }

    /// Where to serve metrics.
    #[must_use]
    pub fn metrics(mut self, address: SocketAddr) -> Self {
        self.metrics = Some(address);
        self
    }

    /// After how long without a frame the agent forgets a learned address.
    #[must_use]
    pub fn ageing(mut self, after: Duration) -> Self {
        let seconds = after.as_secs_f64().to_string();
        self.arguments.extend(["--ageing".to_owned(), seconds]);
        self
    }

    /// An environment variable for the agent and its command line.
    #[must_use]
    pub fn environment(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Starts it and waits until its socket answers.
    ///
    /// # Errors
    /// When it ends before that, or takes too long: with the end of its log.
    pub fn start(self) -> Result<Agent> {
        let binary = self.binary.clone().map_or_else(binary, Ok)?;
        let folder = tempfile::Builder::new()
            .prefix("fabric-")
            .tempdir()
            .context("no temporary folder")?;
        if let Some(document) = &self.document {
            fs::write(
                folder.path().join("site.json"),
                serde_json::to_vec_pretty(document)?,
            )?;
        }
        let mut agent = Agent {
            launch: self,
            binary,
            folder,
            process: None,
            allowed: Vec::new(),
            done: false,
        };
        agent.restart()?;
        Ok(agent)
    }
}

/// A running (or killed) agent. Dropping it takes it down, and fails the test when it left anything behind.
#[derive(Debug)]
pub struct Agent {
    launch: Launch,
    binary: PathBuf,
    folder: TempDir,
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

    /// The counters now.
    ///
    /// # Errors
    /// When the command fails.
    pub fn counters(&self) -> Result<Counters> {
        Ok(Counters::from_json(&self.json(&["counters"])?))
    }

    /// Asks the agent itself, as the command line does: the answer to GET `path`.
    ///
    /// # Errors
    /// When it does not answer, or refuses.
    pub fn get(&self, path: &str) -> Result<Value> {
        api::request(&self.socket(), "GET", path, &Value::Null)
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
        if let Some(address) = self.launch.metrics {
            command.arg("--metrics").arg(address.to_string());
        }
        command.args(&self.launch.arguments);
        let log = File::options().create(true).append(true).open(self.log_file())?;
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        self.process = Some(self.launch.namespace.start(&mut command)?);
        self.wait_ready()
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

    /// `fabric agent stop --detach`: it ends, and everything is taken down; not one of its BPF objects may live on.
    ///
    /// # Errors
    /// When it does not end well, or something of it is left.
    pub fn stop_detach(&mut self) -> Result<()> {
        let objects = self.objects()?;
        // FIXME: the command line comes with another branch.
        if self.cli(&["agent", "stop", "--detach"])?.status == Some(2) {
            self.post("/v1/stop", &serde_json::json!({"detach": true}))?;
        }
        self.ended_well()?;
        objects.wait_gone(wait::PATIENCE)?;
        let mounts = self.mounts()?;
        ensure!(mounts.is_empty(), "left mounted: {mounts:?}");
        Ok(())
    }

    /// Takes it down and says what was wrong: something left behind, an error or a panic in the log. A killed agent is
    /// started once more, because only an agent knows what to take down.
    ///
    /// # Errors
    /// The first thing that was wrong.
    pub fn finish(mut self) -> Result<()> {
        self.take_down()
    }

    fn take_down(&mut self) -> Result<()> {
        self.done = true;
        let stopped = match self.process {
            Some(_) => self.stop_detach(),
            None if self.state_dir().exists() && !self.mounts()?.is_empty() => {
                self.restart().and_then(|()| self.stop_detach())
            }
            None => Ok(()),
        };
        self.process = None;
        self.unmount();
        let said = self.log()?;
        let complaints = log::complaints(&said, &self.allowed);
        stopped
            .with_context(|| format!("agent {}, its log ends:\n{}", self.launch.node, log::tail(&said)))?;
        ensure!(
            complaints.is_empty(),
            "agent {} logged:\n{}",
            self.launch.node,
            complaints.join("\n")
        );
        Ok(())
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

    fn mounts(&self) -> Result<Vec<PathBuf>> {
        let table = fs::read_to_string("/proc/self/mountinfo").context("cannot read the mounts")?;
        let points = table
            .lines()
            .filter_map(|line| line.split(' ').nth(4))
            .map(PathBuf::from);
        Ok(points
            .filter(|point| point.starts_with(self.folder.path()))
            .collect())
    }

    /// Pins under a private bpffs go with its mount.
    fn unmount(&self) {
        for mount in self.mounts().unwrap_or_default().iter().rev() {
            // Nothing can be done about a refusal; the folder's removal shows it.
            let _ = umount2(mount, MntFlags::MNT_DETACH);
        }
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        if self.done {
            return;
        }
        let outcome = self.take_down();
        if let (Err(error), false) = (&outcome, std::thread::panicking()) {
            assert!(outcome.is_ok(), "{error:?}");
        }
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
