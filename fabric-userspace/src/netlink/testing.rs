//! Network namespaces for tests, with names of their own, gone when the test ends.

use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use super::{NetnsPlace, run_in};

/// Long enough for a busy machine; a test that passes never waits for it.
const DEADLINE: Duration = Duration::from_secs(10);

static NUMBER: AtomicU32 = AtomicU32::new(0);

/// The namespaces of one test.
pub(crate) struct Lab {
    prefix: String,
    names: Vec<String>,
}

impl Lab {
    /// `None`, with a note, when the test does not run as root: namespaces cannot be made then.
    pub(crate) fn new() -> Option<Self> {
        if !nix::unistd::geteuid().is_root() {
            eprintln!("skipped: network namespaces need root");
            return None;
        }
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        Some(Self {
            prefix: format!("fu{}-{number}-", std::process::id()),
            names: Vec::new(),
        })
    }

    /// Creates a namespace and returns its full name.
    pub(crate) fn namespace(&mut self, role: &str) -> String {
        let name = format!("{}{role}", self.prefix);
        sh(&format!("ip netns add {name}"));
        self.names.push(name.clone());
        name
    }

    /// A namespace `agent` with `port`, whose peer `peer` is in a namespace `tenant`; both up.
    pub(crate) fn pair(&mut self, port: &str, peer: &str) -> (String, String) {
        let (agent, tenant) = (self.namespace("agent"), self.namespace("tenant"));
        sh(&format!(
            "ip -n {agent} link add {port} type veth peer name {peer} netns {tenant}"
        ));
        sh(&format!(
            "ip -n {agent} link set {port} up && ip -n {tenant} link set {peer} up"
        ));
        (agent, tenant)
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        for name in &self.names {
            let _ = Command::new("ip")
                .args(["netns", "del", name])
                .stderr(Stdio::null())
                .status();
        }
    }
}

/// Runs a command line and returns what it printed; fails the test when the command fails.
pub(crate) fn sh(line: &str) -> String {
    let output = Command::new("sh").args(["-c", line]).output().unwrap();
    assert!(
        output.status.success(),
        "{line}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

/// Runs a test as an agent inside a namespace: its thread, its runtime and all threads that the runtime starts.
pub(crate) fn inside<T: Send>(namespace: &str, test: impl AsyncFnOnce() -> T + Send) -> T {
    let run = move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(test())
    };
    run_in(&NetnsPlace::Named(namespace.to_owned()), run).unwrap()
}

/// Asks again and again until there is an answer; fails the test at the deadline.
pub(crate) async fn eventually<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let end = Instant::now() + DEADLINE;
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(Instant::now() < end, "still not: {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Waits for a future with the deadline of the tests.
pub(crate) async fn in_time<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, future)
        .await
        .unwrap_or_else(|_| panic!("still not: {what}"))
}
