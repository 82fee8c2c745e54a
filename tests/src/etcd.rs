//! A real etcd of one or more members, in a namespace of a test.

mod observer;

use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

pub use observer::Observer;

use crate::netns::{NetNs, Process, run_tool};
use crate::wait;

/// Elections, starts and snapshots on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// Where the members have their data.
#[derive(Debug)]
enum Folder {
    /// It goes with them.
    Own(TempDir),
    /// Somebody else removes it.
    Given(PathBuf),
}

impl Folder {
    fn path(&self) -> &Path {
        match self {
            Self::Own(folder) => folder.path(),
            Self::Given(folder) => folder,
        }
    }
}

/// All members; they end with it, and their data goes.
#[derive(Debug)]
pub struct Etcd {
    namespace: NetNs,
    addresses: Vec<String>,
    /// `None` while a member is down.
    members: Vec<Option<Process>>,
    arguments: Vec<String>,
    /// Authority, certificate and key, for members and clients alike.
    tls: Option<[PathBuf; 3]>,
    folder: Folder,
    /// In sessions of their own: they may outlive this process.
    own_session: bool,
    /// Raised when the data are replaced.
    era: u32,
}

impl Etcd {
    /// One member on each address, which `namespace` must have. Elections are quick: 300 ms.
    ///
    /// # Errors
    /// When it cannot be started, or does not become healthy.
    pub fn start(namespace: &NetNs, addresses: &[&str], arguments: &[&str]) -> Result<Self> {
        Self::new(namespace, addresses, arguments, None, None)
    }

    /// As [`Etcd::start`], with the data in `folder`, so that the members can stay after this process: [`Etcd::keep`].
    ///
    /// # Errors
    /// As [`Etcd::start`].
    pub fn start_in(namespace: &NetNs, addresses: &[&str], folder: &Path) -> Result<Self> {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        Self::new(namespace, addresses, &[], None, Some(folder))
    }

    /// Leaves the members running; they end with their namespace.
    pub fn keep(mut self) {
        for member in &mut self.members {
            member.take().map(Process::leave);
        }
    }

    /// One member that speaks TLS alone and wants certificates of its clients. `files` are authority, certificate and key in
    /// PEM, good for both.
    ///
    /// # Errors
    /// As [`Etcd::start`].
    pub fn start_tls(namespace: &NetNs, address: &str, files: [PathBuf; 3]) -> Result<Self> {
        let words = ["--trusted-ca-file", "--cert-file", "--key-file"];
        let mut arguments = vec!["--client-cert-auth".to_owned()];
        for (word, file) in words.iter().zip(&files) {
            arguments.extend([(*word).to_owned(), file.to_string_lossy().into_owned()]);
        }
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        Self::new(namespace, &[address], &arguments, Some(files), None)
    }

    fn new(
        namespace: &NetNs,
        addresses: &[&str],
        arguments: &[&str],
        tls: Option<[PathBuf; 3]>,
        folder: Option<&Path>,
    ) -> Result<Self> {
        let mut etcd = Self {
            tls,
            namespace: namespace.clone(),
            addresses: addresses.iter().map(ToString::to_string).collect(),
            members: addresses.iter().map(|_| None).collect(),
            arguments: arguments.iter().map(ToString::to_string).collect(),
            own_session: folder.is_some(),
            folder: match folder {
                Some(folder) => Folder::Given(folder.to_owned()),
                None => Folder::Own(tempfile::Builder::new().prefix("etcd-").tempdir()?),
            },
            era: 0,
        };
        etcd.start_all()?;
        Ok(etcd)
    }

    /// The address for `--store`.
    #[must_use]
    pub fn url(&self, prefix: &str) -> String {
        let members: Vec<String> = self
            .addresses
            .iter()
            .map(|address| format!("{address}:2379"))
            .collect();
        format!("etcd://{}/{prefix}", members.join(","))
    }

    /// Number of members.
    #[must_use]
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Never.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Starts every member that is down and waits until all are healthy.
    ///
    /// # Errors
    /// When one does not come up.
    pub fn start_all(&mut self) -> Result<()> {
        for number in 0..self.len() {
            self.begin(number)?;
        }
        self.wait_healthy()
    }

    fn begin(&mut self, number: usize) -> Result<()> {
        if self.members[number].is_some() {
            return Ok(());
        }
        let mut command = self.namespace.command("etcd");
        command.args(self.identity(number)).args(&self.arguments);
        let log = std::fs::File::create(self.folder.path().join(format!("{number}.log")))?;
        command.stdout(Stdio::null()).stderr(log);
        if self.own_session {
            // SAFETY: setsid is async-signal-safe (signal-safety(7)); nothing is allocated or locked.
            unsafe { command.pre_exec(|| Ok(nix::unistd::setsid().map(drop)?)) };
        }
        let started = Process::start(&mut command).context("apt-get install etcd-server")?;
        self.members[number] = Some(started);
        Ok(())
    }

    fn identity(&self, number: usize) -> Vec<String> {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        let client = format!("{scheme}://{}:2379", self.addresses[number]);
        let data = self.data(number).to_string_lossy().into_owned();
        let mut words = vec!["--data-dir".to_owned(), data];
        words.extend(["--listen-client-urls".to_owned(), client.clone()]);
        words.extend(["--advertise-client-urls".to_owned(), client]);
        words.extend(["--listen-peer-urls".to_owned(), self.peer(number)]);
        words.extend(self.membership(number));
        let quick = "--heartbeat-interval 50 --election-timeout 300 --logger zap --log-level error";
        words.extend(quick.split(' ').map(str::to_owned));
        words
    }

    fn membership(&self, number: usize) -> Vec<String> {
        let members = (0..self.len()).map(|at| format!("e{at}={}", self.peer(at)));
        vec![
            "--name".to_owned(),
            format!("e{number}"),
            "--initial-advertise-peer-urls".to_owned(),
            self.peer(number),
            "--initial-cluster".to_owned(),
            members.collect::<Vec<_>>().join(","),
        ]
    }

    fn peer(&self, number: usize) -> String {
        format!("http://{}:2380", self.addresses[number])
    }

    fn data(&self, number: usize) -> PathBuf {
        self.folder.path().join(format!("data{}-{number}", self.era))
    }

    /// # Errors
    /// When a member that should run does not answer.
    fn wait_healthy(&self) -> Result<()> {
        wait::until_true(PATIENCE, "etcd to be healthy", || {
            Ok(self.ctl(&["endpoint", "health"]).is_ok())
        })
    }

    /// `etcdctl` against all members that run.
    ///
    /// # Errors
    /// When it fails.
    pub fn ctl(&self, words: &[&str]) -> Result<String> {
        run_tool(
            self.etcdctl()
                .arg("--endpoints")
                .arg(self.endpoints())
                .args(words),
        )
    }

    /// Those that run.
    fn endpoints(&self) -> String {
        let up = self.addresses.iter().zip(&self.members);
        let up = up.filter(|(_, member)| member.is_some());
        let endpoints: Vec<String> = up.map(|(address, _)| format!("{address}:2379")).collect();
        endpoints.join(",")
    }

    /// Listens to what the nodes of the fabric with this prefix confirm.
    ///
    /// # Errors
    /// When `etcdctl` cannot be started, or hears nothing.
    pub fn observe(&self, fabric: &str) -> Result<Observer> {
        Observer::start(self, fabric)
    }

    /// Process ids of the members that run.
    pub fn pids(&self) -> impl Iterator<Item = u32> {
        self.members.iter().flatten().map(Process::pid)
    }

    fn etcdctl(&self) -> Command {
        etcdctl(&self.namespace, self.tls.as_ref())
    }

    /// The member that leads.
    ///
    /// # Errors
    /// When none does.
    pub fn leader(&self) -> Result<usize> {
        wait::until(PATIENCE, "a leader", || {
            // id, name, status, ...: the table names the leader with its address only in JSON.
            let status = self.ctl(&["endpoint", "status", "-w", "json"])?;
            let status: serde_json::Value = serde_json::from_str(&status)?;
            let all = status.as_array().context("no list")?;
            let leads =
                |one: &&serde_json::Value| one["Status"]["leader"] == one["Status"]["header"]["member_id"];
            let endpoint = all.iter().find(leads).and_then(|one| one["Endpoint"].as_str());
            let address = endpoint.and_then(|endpoint| endpoint.strip_suffix(":2379"));
            Ok(address.and_then(|address| self.addresses.iter().position(|own| own == address)))
        })
    }

    /// Kills a member as a power cut would.
    ///
    /// # Errors
    /// When it does not run.
    pub fn kill9(&mut self, number: usize) -> Result<()> {
        let mut member = self.members[number].take().context("it does not run")?;
        member.kill9().map(drop)
    }

    /// Kills all members.
    ///
    /// # Errors
    /// When one does not end.
    pub fn kill_all(&mut self) -> Result<()> {
        for member in &mut self.members {
            if let Some(mut member) = member.take() {
                member.kill9()?;
            }
        }
        Ok(())
    }

    /// Writes a backup.
    ///
    /// # Errors
    /// When etcdctl fails.
    pub fn backup(&self, file: &Path) -> Result<()> {
        let mut command = self.etcdctl();
        command
            .arg("--endpoints")
            .arg(format!("{}:2379", self.addresses[0]));
        run_tool(command.args(["snapshot", "save"]).arg(file)).map(drop)
    }

    /// All members die, and come back with what the backup holds.
    ///
    /// # Errors
    /// When etcdctl fails, or they do not come back.
    pub fn restore(&mut self, file: &Path) -> Result<()> {
        self.kill_all()?;
        self.era += 1;
        for number in 0..self.len() {
            let mut command = self.etcdctl();
            command.args(["snapshot", "restore"]).arg(file);
            command.arg("--data-dir").arg(self.data(number));
            run_tool(command.args(self.membership(number)))?;
        }
        self.start_all()
    }

    /// Compacts everything but the present away.
    ///
    /// # Errors
    /// When etcdctl fails.
    pub fn compact(&self) -> Result<()> {
        let status = self.ctl(&["endpoint", "status", "-w", "json"])?;
        let status: serde_json::Value = serde_json::from_str(&status)?;
        let revision = status[0]["Status"]["header"]["revision"].as_i64();
        ensure!(revision.is_some(), "no revision in {status}");
        let revision = revision.unwrap_or_default().to_string();
        self.ctl(&["compact", &revision]).map(drop)
    }
}

fn etcdctl(namespace: &NetNs, tls: Option<&[PathBuf; 3]>) -> Command {
    let mut command = namespace.command("etcdctl");
    command.env("ETCDCTL_API", "3");
    if let Some([authority, certificate, key]) = tls {
        command.arg("--cacert").arg(authority);
        command.arg("--cert").arg(certificate).arg("--key").arg(key);
    }
    command
}
