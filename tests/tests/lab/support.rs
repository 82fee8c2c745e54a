//! The lab as a person runs it, and what is still there of it.

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use fabric_tests::fabric::Objects;
use fabric_tests::netns::{Process, need_root};
use fabric_tests::wait;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tempfile::TempDir;

/// The lab's own promise is 60 s; a machine that compiles meanwhile gets more.
const LONGEST: Duration = Duration::from_secs(120);

/// Where labs have their files.
const HOMES: &str = "/run/fabric-lab";
const KEPT: &str = "/run/fabric-tests/kept";

/// A running lab, alone in its process group like the command in front of a terminal.
pub(crate) struct Lab {
    process: Process,
    said: TempDir,
    prefix: String,
}

/// What a lab said, and how it ended.
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) prefix: String,
}

/// `$FABRIC_LAB`, or the one that cargo has built for this test.
fn program() -> PathBuf {
    std::env::var_os("FABRIC_LAB").map_or_else(|| env!("CARGO_BIN_EXE_fabric-lab").into(), PathBuf::from)
}

/// The command that starts the lab.
pub(crate) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(program());
    command.args(arguments).stdin(Stdio::null());
    for name in ["NO_COLOR", "CLICOLOR_FORCE", "FABRIC_STEPS", "SUDO_USER"] {
        command.env_remove(name);
    }
    command
}

impl Lab {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        need_root().unwrap();
        let said = tempfile::Builder::new().prefix("fabric-").tempdir().unwrap();
        let file = |name| File::create(said.path().join(name)).unwrap();
        let mut command = command(arguments);
        command
            .process_group(0)
            .stdout(file("stdout"))
            .stderr(file("stderr"));
        let process = Process::start(&mut command).unwrap();
        let prefix = format!("fab{}-1", process.pid());
        Self {
            process,
            said,
            prefix,
        }
    }

    /// What the names of its namespaces begin with.
    pub(crate) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Waits until it has printed `text`.
    pub(crate) fn wait_for(&mut self, text: &str) {
        let seen = wait::until_true(LONGEST, text, || {
            let ended = self.process.ended()?.is_some();
            let printed = self.said("stdout");
            anyhow::ensure!(!ended || printed.contains(text), "ended: {printed}");
            Ok(printed.contains(text))
        });
        seen.unwrap();
    }

    /// Waits until `reached` says so of its prefix.
    pub(crate) fn wait_until(&self, what: &str, reached: impl Fn(&str) -> bool) {
        wait::until_true(LONGEST, what, || Ok(reached(&self.prefix))).unwrap();
    }

    /// The BPF objects that it and its agents have open.
    pub(crate) fn objects(&self) -> Objects {
        let mut all = Objects::default();
        for pid in agents(&self.prefix).into_iter().chain([self.process.pid()]) {
            // A command may have ended meanwhile.
            let Ok(some) = Objects::of(pid) else { continue };
            all.programs.extend(some.programs);
            all.maps.extend(some.maps);
            all.links.extend(some.links);
        }
        all
    }

    /// As the terminal does at Ctrl-C.
    pub(crate) fn signal(&mut self, signal: Signal) {
        if self.process.ended().unwrap().is_none() {
            killpg(Pid::from_raw(self.process.pid().cast_signed()), signal).unwrap();
        }
    }

    fn said(&self, stream: &str) -> String {
        let bytes = fs::read(self.said.path().join(stream)).unwrap();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    pub(crate) fn end(mut self) -> Ended {
        let status = self.process.wait(LONGEST).unwrap();
        Ended {
            status,
            stdout: self.said("stdout"),
            stderr: self.said("stderr"),
            prefix: self.prefix.clone(),
        }
    }
}

impl Ended {
    /// Itself, when the exit status is `code`.
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.status.code(), Some(code), "{}{}", self.stdout, self.stderr);
        self
    }

    pub(crate) fn last_line(&self) -> &str {
        self.stdout.lines().last().unwrap_or_default()
    }
}

/// The processes that were started for the lab `prefix`: its folder is in their command lines.
pub(crate) fn agents(prefix: &str) -> Vec<u32> {
    let home = format!("{HOMES}/{prefix}/");
    let all = fs::read_dir("/proc").unwrap().flatten();
    let pids = all.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let of_lab = |pid: &u32| {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&line).contains(&home)
    };
    pids.filter(of_lab).collect()
}

/// All that is there of the lab `prefix`: namespaces, processes, mounts, folders, marks.
pub(crate) fn remains(prefix: &str) -> Vec<String> {
    let named = |folder: &str| {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
        let mine = names.filter(|name| name == prefix || name.starts_with(&format!("{prefix}-")));
        mine.map(|name| format!("{folder}/{name}")).collect::<Vec<_>>()
    };
    let evidence = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/lab");
    let mut found: Vec<String> = ["/run/netns", HOMES, KEPT, &evidence.to_string_lossy()]
        .iter()
        .flat_map(|folder| named(folder))
        .collect();
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    let mine = mounts.lines().filter(|line| line.contains(&format!("{prefix}/")));
    found.extend(mine.map(|line| format!("mount {line}")));
    found.extend(agents(prefix).iter().map(|pid| format!("process {pid}")));
    found
}
