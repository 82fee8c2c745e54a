//! Network namespaces with names of our own, and work inside them.
//!
//! A namespace lives under `/run/netns`, so that `ip netns exec NAME` works too. Entering switches the *network* only: bpffs and
//! `/run` stay visible, unlike in `ip netns exec`, which makes a private mount namespace.
//!
//! ```no_run
//! # fn main() -> fabric_tests::Result<()> {
//! let scope = fabric_tests::netns::Scope::new()?;
//! let alice = scope.namespace("alice")?;
//! let host = alice.run(|| Ok(std::fs::read_to_string("/proc/sys/net/ipv4/ip_forward")?))?;
//! println!("{}", alice.output(&["ip", "-br", "link"])?);
//! # drop(host); Ok(()) }
//! ```

mod process;
mod scope;
mod sweep;

use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::thread::JoinHandle;

use anyhow::{Context, Result, anyhow, bail, ensure};
use nix::sched::{CloneFlags, setns};

pub use process::Process;
pub use scope::Scope;
pub use sweep::{is_abandoned, pids_inside, release, sweep};

/// Where `ip netns` keeps its names.
pub const RUN_NETNS: &str = "/run/netns";

/// A network namespace. Clones are handles to the same one; [`Scope`] deletes it.
#[derive(Clone, Debug)]
pub struct NetNs {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    label: String,
    name: String,
    handle: File,
}

impl NetNs {
    /// Makes the namespace `name`; `label` is the short name used in messages.
    fn create(name: &str, label: &str) -> Result<Self> {
        ensure!(
            !Path::new(RUN_NETNS).join(name).exists(),
            "there is a namespace {name} already"
        );
        let created = Self::add(name, label);
        if created.is_err() {
            // `ip netns add` makes the file before the namespace, and nobody knows of either yet.
            let _ = sweep::remove_leftover(name);
        }
        created
    }

    fn add(name: &str, label: &str) -> Result<Self> {
        run_tool(Command::new("ip").args(["netns", "add", name]))?;
        let namespace = Self::open(name, label)?;
        namespace.run(quiet_ipv6)?;
        run_tool(Command::new("ip").args(["-n", name, "link", "set", "lo", "up"]))?;
        Ok(namespace)
    }

    /// Opens the namespace `name` that exists already; nothing is deleted when the handle goes.
    ///
    /// # Errors
    /// When there is no such name.
    pub fn open(name: &str, label: &str) -> Result<Self> {
        let path = Path::new(RUN_NETNS).join(name);
        let handle =
            File::open(&path).with_context(|| format!("cannot open namespace {}", path.display()))?;
        let inner = Inner {
            label: label.to_owned(),
            name: name.to_owned(),
            handle,
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// The full name, as `ip netns exec` takes it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    /// The short name it was asked for by.
    #[must_use]
    pub fn label(&self) -> &str {
        &self.inner.label
    }

    /// Its file under `/run/netns`.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        Path::new(RUN_NETNS).join(&self.inner.name)
    }

    /// Runs `work` inside, on a thread of its own with the caller's name, and waits for it. A panic of `work` goes on in the caller.
    ///
    /// # Errors
    /// When the namespace cannot be entered, and the errors of `work`.
    pub fn run<T: Send>(&self, work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
        let name = std::thread::current().name().unwrap_or("namespace").to_owned();
        std::thread::scope(|scope| {
            let thread = std::thread::Builder::new().name(name);
            let inside = || {
                self.enter()?;
                work()
            };
            let thread = thread
                .spawn_scoped(scope, inside)
                .with_context(|| format!("cannot start a thread in namespace {}", self.label()))?;
            thread
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    /// Starts `work` inside, on a thread of its own.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn spawn<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T> + Send + 'static,
    ) -> Result<JoinHandle<Result<T>>> {
        let namespace = self.clone();
        let body = move || {
            namespace.enter()?;
            work()
        };
        std::thread::Builder::new()
            .name(self.label().to_owned())
            .spawn(body)
            .with_context(|| format!("cannot start a thread in namespace {}", self.label()))
    }

    /// A command that will run inside, like `nsenter --net`: every mount stays visible.
    #[must_use]
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let inner = Arc::clone(&self.inner);
        let mut command = Command::new(program);
        let enter = move || Ok(setns(&inner.handle, CloneFlags::CLONE_NEWNET)?);
        // SAFETY: between fork and exec the closure makes one system call on a descriptor that it owns; no allocation, no lock.
        unsafe { command.pre_exec(enter) };
        command
    }

    /// Runs `words` inside to the end and gives what it printed.
    ///
    /// # Errors
    /// When it cannot be started or fails; the error carries its standard error.
    pub fn output(&self, words: &[&str]) -> Result<String> {
        let (program, arguments) = words.split_first().context("no program named")?;
        run_tool(self.command(program).args(arguments))
            .with_context(|| format!("in namespace {}", self.label()))
    }

    /// Starts `command` (made by [`NetNs::command`]) as a process that is killed when its handle goes.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(&self, command: &mut Command) -> Result<Process> {
        Process::start(command).with_context(|| format!("in namespace {}", self.label()))
    }

    /// The numbers and names of all interfaces but `lo`.
    ///
    /// # Errors
    /// When the kernel does not list them.
    pub fn links(&self) -> Result<Vec<(u32, String)>> {
        let all = self.run(|| Ok(nix::net::if_::if_nameindex()?.to_slice().to_vec_of_names()))?;
        Ok(all.into_iter().filter(|(_, name)| name != "lo").collect())
    }

    /// The number of interface `name`.
    ///
    /// # Errors
    /// When there is no such interface.
    pub fn ifindex(&self, name: &str) -> Result<u32> {
        let found = self.run(|| Ok(nix::net::if_::if_nametoindex(name)?));
        found.map_err(|error| anyhow!("no interface {name} in namespace {}: {error}", self.label()))
    }

    fn enter(&self) -> Result<()> {
        setns(&self.inner.handle, CloneFlags::CLONE_NEWNET)
            .with_context(|| format!("cannot enter namespace {}: are you root?", self.label()))
    }
}

/// `if_nameindex` gives borrowed C strings; tests want names.
trait NamesOf {
    fn to_vec_of_names(&self) -> Vec<(u32, String)>;
}

impl NamesOf for [nix::net::if_::Interface] {
    fn to_vec_of_names(&self) -> Vec<(u32, String)> {
        self.iter()
            .map(|link| (link.index(), link.name().to_string_lossy().into_owned()))
            .collect()
    }
}

/// No router solicitations and no MLD reports: frames that no test sent make exact counts impossible.
fn quiet_ipv6() -> Result<()> {
    for scope in ["all", "default"] {
        let path = format!("/proc/sys/net/ipv6/conf/{scope}/disable_ipv6");
        if Path::new(&path).exists() {
            std::fs::write(&path, "1").with_context(|| format!("cannot write {path}"))?;
        }
    }
    Ok(())
}

/// Runs a system tool to the end and gives its standard output. Ctrl-C does not reach it: `ip` would stop between two steps, and
/// taking down uses the same tools.
///
/// # Errors
/// When it is not installed, or fails: the error holds the command line and what it said.
pub fn run_tool(command: &mut Command) -> Result<String> {
    let shown = shown(command);
    // A terminal signals the process group that is in front.
    command.process_group(0);
    let output = command.output().with_context(|| format!("cannot run {shown}"))?;
    ensure!(
        output.status.success(),
        "{shown}: {}: {}",
        output.status,
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// A command line as one would type it.
#[must_use]
pub fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words
        .map(|word| word.to_string_lossy().into_owned())
        .collect::<Vec<_>>()
        .join(" ")
}

/// # Errors
/// When the caller is not root.
pub fn need_root() -> Result<()> {
    if !nix::unistd::geteuid().is_root() {
        bail!("network namespaces need root: run the tests with sudo -E cargo test");
    }
    Ok(())
}
