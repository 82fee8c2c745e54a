//! The namespaces of one test, named apart from everybody else's and deleted together.

use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, Once};

use anyhow::{Context, Result};

use super::{NetNs, RUN_NETNS, need_root, run_tool, sweep};
use crate::wait;

/// Namespaces that belong together. Dropping it kills what still runs inside and deletes links and names.
#[derive(Debug)]
pub struct Scope {
    prefix: String,
    members: Mutex<Vec<NetNs>>,
}

impl Scope {
    /// A scope with a prefix that no other test of this or another process has: `fab<pid>-<n>`.
    /// The first call of a process removes what dead processes left behind.
    ///
    /// # Errors
    /// When the caller is not root.
    pub fn new() -> Result<Self> {
        static SWEPT: Once = Once::new();
        static NEXT: AtomicU32 = AtomicU32::new(1);
        need_root()?;
        let mut swept = Ok(());
        SWEPT.call_once(|| swept = sweep::sweep().map(drop));
        swept.context("cannot remove what an earlier run left behind")?;
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let prefix = format!("{}{}-{number}", sweep::PREFIX, std::process::id());
        Ok(Self {
            prefix,
            members: Mutex::new(Vec::new()),
        })
    }

    /// What the names of this scope start with.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Makes the namespace `<prefix>-<label>`: loopback up, IPv6 off.
    ///
    /// # Errors
    /// When the kernel refuses, or the label is taken in this scope.
    pub fn namespace(&self, label: &str) -> Result<NetNs> {
        let namespace = NetNs::create(&format!("{}-{label}", self.prefix), label)?;
        self.lock().push(namespace.clone());
        Ok(namespace)
    }

    /// All namespaces made so far.
    #[must_use]
    pub fn members(&self) -> Vec<NetNs> {
        self.lock().clone()
    }

    /// Leaves everything in place when the scope goes, safe from [`sweep`](super::sweep()) until
    /// [`release`](super::release) is called with the prefix that this returns.
    ///
    /// # Errors
    /// When the mark cannot be written.
    pub fn keep(self) -> Result<String> {
        sweep::mark_kept(&self.prefix)?;
        self.lock().clear();
        Ok(self.prefix.clone())
    }

    /// Kills what runs inside, deletes links and names, and waits until they are gone. Drop does the same and stays silent.
    ///
    /// # Errors
    /// The first thing that would not go; the rest is tried all the same.
    pub fn tear_down(&self) -> Result<()> {
        let members = std::mem::take(&mut *self.lock());
        let mut outcome = Ok(());
        for member in members.iter().rev() {
            outcome = outcome.and(remove(member));
        }
        outcome
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<NetNs>> {
        // A panic while the list was held cannot leave it half-written: pushes and takes are single steps.
        self.members
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Drop for Scope {
    fn drop(&mut self) {
        drop(self.tear_down());
    }
}

/// Links first: `ip netns del` returns before they die while anything still holds the namespace.
pub(super) fn remove(namespace: &NetNs) -> Result<()> {
    let killed = sweep::kill_inside(namespace);
    let unlinked = delete_links(namespace);
    let path: PathBuf = [RUN_NETNS, namespace.name()].iter().collect();
    let deleted = match run_tool(Command::new("ip").args(["netns", "del", namespace.name()])) {
        Err(error) if path.exists() => Err(error),
        _ => wait::until_true(
            wait::PATIENCE,
            "the namespace's name to go",
            || Ok(!path.exists()),
        ),
    };
    killed.and(unlinked).and(deleted)
}

fn delete_links(namespace: &NetNs) -> Result<()> {
    wait::until_true(wait::PATIENCE, "the namespace's links to go", || {
        let links = namespace.links()?;
        for (_, link) in &links {
            // One end of a veth takes the other along, so a refusal here means no more than "gone already".
            let mut delete = Command::new("ip");
            delete
                .process_group(0)
                .args(["-n", namespace.name(), "link", "del", link])
                .stdout(Stdio::null())
                .stderr(Stdio::null());
            delete.status().context("cannot run ip")?;
        }
        Ok(namespace.links()?.is_empty())
    })
}
