//! A real FRR in a namespace of a test: zebra and bgpd, speaking EVPN with one neighbour (FRR 8.4 was used to write this).

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};
use nix::unistd::{User, chown};
use serde_json::Value;
use tempfile::TempDir;

use crate::netns::{NetNs, Process, run_tool};
use crate::wait::{self, PATIENCE};

/// Where Debian and Ubuntu keep FRR's daemons.
const DAEMONS: &str = "/usr/lib/frr";

/// One of the two daemons.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Daemon {
    /// Writes what the others know into the kernel, and tells them what the kernel has.
    Zebra,
    /// BGP.
    Bgpd,
}

impl Daemon {
    const fn name(self) -> &'static str {
        match self {
            Self::Zebra => "zebra",
            Self::Bgpd => "bgpd",
        }
    }
}

/// Both daemons of one host; they end with it, and their files go.
#[derive(Debug)]
pub struct Frr {
    namespace: NetNs,
    folder: TempDir,
    zebra: Option<Process>,
    bgpd: Option<Process>,
}

impl Frr {
    /// Starts both with EVPN for all VNIs of the host: iBGP from `own` to `neighbour`.
    ///
    /// # Errors
    /// When FRR is not installed, or a daemon does not answer.
    pub fn start(namespace: &NetNs, own: &str, neighbour: &str) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("frr-").tempdir()?;
        let user = User::from_name("frr")?.context("apt-get install frr")?;
        std::fs::write(folder.path().join("frr.conf"), configuration(own, neighbour))?;
        for path in [folder.path().to_owned(), folder.path().join("frr.conf")] {
            // The daemons give root away and read and write here afterwards.
            chown(&path, Some(user.uid), Some(user.gid))?;
        }
        std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755))?;
        let mut frr = Self {
            namespace: namespace.clone(),
            folder,
            zebra: None,
            bgpd: None,
        };
        frr.run(Daemon::Zebra)?;
        frr.run(Daemon::Bgpd)?;
        Ok(frr)
    }

    /// Starts a daemon that does not run, and waits until it answers.
    ///
    /// # Errors
    /// When it cannot be started, or does not answer.
    pub fn run(&mut self, daemon: Daemon) -> Result<()> {
        let at = |name: &str| self.folder.path().join(name);
        let mut command = self.namespace.command(Path::new(DAEMONS).join(daemon.name()));
        command.arg("-z").arg(at("zserv.api"));
        command.arg("--vty_socket").arg(self.folder.path());
        command.arg("-f").arg(at("frr.conf"));
        command.arg("-i").arg(at(&format!("{}.pid", daemon.name())));
        // No TCP port for a terminal.
        command.args(["-A", "127.0.0.1", "-P", "0", "--log"]);
        command.arg(format!(
            "file:{}",
            at(&format!("{}.log", daemon.name())).display()
        ));
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let started = Process::start(&mut command).context("apt-get install frr")?;
        *self.place(daemon) = Some(started);
        let what = format!("{} to answer", daemon.name());
        wait::until_true(PATIENCE, &what, || {
            let answer = self.vtysh(&["-d", daemon.name(), "-c", "show version"]);
            Ok(answer.is_ok())
        })
    }

    fn place(&mut self, daemon: Daemon) -> &mut Option<Process> {
        match daemon {
            Daemon::Zebra => &mut self.zebra,
            Daemon::Bgpd => &mut self.bgpd,
        }
    }

    /// Kills a daemon, which gets no chance to clean up.
    ///
    /// # Errors
    /// When it does not run.
    pub fn kill9(&mut self, daemon: Daemon) -> Result<()> {
        let mut process = self.place(daemon).take().context("it does not run")?;
        process.kill9().map(drop)
    }

    fn vtysh(&self, words: &[&str]) -> Result<String> {
        let mut command = Command::new("vtysh");
        command.arg("--vty_socket").arg(self.folder.path()).args(words);
        run_tool(&mut command)
    }

    /// What a `show` command answers, which must end with `json`.
    ///
    /// # Errors
    /// When it fails, or answers otherwise.
    pub fn show(&self, command: &str) -> Result<Value> {
        let answer = self.vtysh(&["-c", command])?;
        serde_json::from_str(&answer).with_context(|| format!("{command}: {answer}"))
    }

    /// Waits until the neighbour's session carries EVPN.
    ///
    /// # Errors
    /// When it does not.
    pub fn wait_established(&self) -> Result<()> {
        wait::until_true(PATIENCE, "the session with the neighbour", || {
            let summary = self.show("show bgp l2vpn evpn summary json")?;
            let peers = summary["peers"].as_object();
            Ok(peers.is_some_and(|peers| peers.values().all(|peer| peer["state"] == "Established")))
        })
    }

    /// Its files, for looking at a fault.
    #[must_use]
    pub fn folder(&self) -> PathBuf {
        self.folder.path().to_owned()
    }
}

/// Timers for tests: a lost session is known after three seconds and tried again every second.
fn configuration(own: &str, neighbour: &str) -> String {
    format!(
        "router bgp 65000
 bgp router-id {own}
 no bgp default ipv4-unicast
 neighbor {neighbour} remote-as 65000
 neighbor {neighbour} timers 1 3
 neighbor {neighbour} timers connect 1
 address-family l2vpn evpn
  neighbor {neighbour} activate
  advertise-all-vni
 exit-address-family
"
    )
}
