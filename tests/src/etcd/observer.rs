//! Hears of keys as they are written: a client that is not ours, and that reads nothing over and over.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::process::{ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::Etcd;
use crate::interrupt;
use crate::netns::Process;
use crate::wait;

/// Between the end of a watch, as when its member dies, and the next one.
const PAUSE: Duration = Duration::from_millis(20);

/// A key below the prefix was written with this value at this time.
struct Written {
    key: String,
    value: String,
    at: Instant,
}

/// Watches what nodes confirm, through `etcdctl`.
pub struct Observer {
    watch: Arc<Watch>,
    written: Receiver<Written>,
    /// Newest revision of each node, and when it was heard of.
    confirmed: BTreeMap<String, (u64, Instant)>,
}

/// One `etcdctl watch` after another.
#[derive(Default)]
struct Watch {
    process: Mutex<Option<Process>>,
    stop: AtomicBool,
}

impl Watch {
    /// Runs `command` until it ends, and tells what it says. Returns the revision of the key space behind the last event.
    fn follow(&self, command: &mut Command, prefix: &str, sender: &Sender<Written>) -> Result<Option<u64>> {
        let Some(lines) = self.begin(command)? else {
            return Ok(None);
        };
        let (mut is_put, mut key, mut next) = (false, String::new(), None);
        for line in BufReader::new(lines).lines().map_while(Result::ok) {
            match line.split_once(" : ") {
                Some(("\"Type\"", kind)) => is_put = kind == "PUT",
                Some(("\"Key\"", value)) => value.trim_matches('"').clone_into(&mut key),
                Some(("\"ModRevision\"", value)) => next = value.parse::<u64>().ok().map(|at| at + 1),
                Some(("\"Value\"", value)) if is_put => {
                    let value = value.trim_matches('"').to_owned();
                    let key = key.strip_prefix(prefix).unwrap_or(&key).to_owned();
                    // Nobody listens: the watch is ended as well.
                    let _ = sender.send(Written {
                        key,
                        value,
                        at: Instant::now(),
                    });
                }
                _ => {}
            }
        }
        Ok(next)
    }

    /// `None` once nobody listens any more.
    fn begin(&self, command: &mut Command) -> Result<Option<ChildStdout>> {
        let mut place = self.process.lock().unwrap_or_else(PoisonError::into_inner);
        if self.stop.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let mut process = Process::start(command.stdout(Stdio::piped()).stderr(Stdio::null()))?;
        let lines = process.child().stdout.take();
        *place = Some(process);
        Ok(lines)
    }
}

impl Drop for Observer {
    fn drop(&mut self) {
        self.watch.stop.store(true, Ordering::Relaxed);
        drop(
            self.watch
                .process
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take(),
        );
    }
}

impl Observer {
    pub(super) fn start(etcd: &Etcd, fabric: &str) -> Result<Self> {
        let prefix = format!("/{fabric}/confirmed/");
        let (namespace, tls, endpoints) = (etcd.namespace.clone(), etcd.tls.clone(), etcd.endpoints());
        let (sender, written) = channel();
        let watch = Arc::new(Watch::default());
        let watching = Arc::clone(&watch);
        let read = move || {
            let mut from: Option<u64> = None;
            while !watching.stop.load(Ordering::Relaxed) {
                let mut command = super::etcdctl(&namespace, tls.as_ref());
                command.args([
                    "--endpoints",
                    &endpoints,
                    "--write-out",
                    "fields",
                    "watch",
                    "--prefix",
                ]);
                // Nothing is missed between two watches.
                command
                    .args(from.map(|from| format!("--rev={from}")))
                    .arg(&prefix);
                match watching.follow(&mut command, &prefix, &sender) {
                    Ok(next) => from = next.or(from),
                    Err(_) => return,
                }
                std::thread::sleep(PAUSE);
            }
        };
        std::thread::Builder::new()
            .name("observer".to_owned())
            .spawn(read)?;
        let mut observer = Self {
            watch,
            written,
            confirmed: BTreeMap::new(),
        };
        observer.prove(etcd, fabric)?;
        Ok(observer)
    }

    /// Writes until it is heard: from then on nothing is missed.
    fn prove(&mut self, etcd: &Etcd, fabric: &str) -> Result<()> {
        let key = format!("/{fabric}/confirmed/observer");
        wait::until_true(wait::PATIENCE, "etcdctl to watch", || {
            etcd.ctl(&["put", &key, "0"])?;
            self.take(Duration::from_millis(100))?;
            Ok(self.confirmed.remove("observer").is_some())
        })?;
        etcd.ctl(&["del", &key]).map(drop)
    }

    fn take(&mut self, within: Duration) -> Result<()> {
        match self.written.recv_timeout(within) {
            Ok(Written { key, value, at }) => {
                let revision = value.parse().with_context(|| format!("{key} confirms {value}"))?;
                self.confirmed.insert(key, (revision, at));
                Ok(())
            }
            Err(RecvTimeoutError::Timeout) => Ok(()),
            Err(RecvTimeoutError::Disconnected) => bail!("etcdctl watches no more"),
        }
    }

    /// Waits until `nodes` have confirmed `revision` or a later one. When the last of them was heard.
    ///
    /// # Errors
    /// When some have not after `within`: names one.
    pub fn wait<'a>(
        &mut self,
        nodes: impl Iterator<Item = &'a String> + Clone,
        revision: u64,
        within: Duration,
    ) -> Result<Instant> {
        let end = Instant::now() + within;
        loop {
            let has = |node: &&String| self.confirmed.get(*node).is_some_and(|(had, _)| *had >= revision);
            let Some(missing) = nodes.clone().find(|node| !has(node)) else {
                let times = nodes.filter_map(|node| Some(self.confirmed.get(node)?.1));
                return times.max().context("no nodes");
            };
            interrupt::check()?;
            if Instant::now() >= end {
                bail!("{missing} has not confirmed revision {revision} after {within:?}");
            }
            self.take(Duration::from_millis(100))?;
        }
    }
}
