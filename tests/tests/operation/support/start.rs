//! A start that must fail.

use std::path::{Path, PathBuf};

use fabric_tests::fabric::{CliOutput, Console, binary};
use fabric_tests::netns::NetNs;
use serde_json::Value;
use tempfile::TempDir;

/// An agent of `edge1` that is about to start, with a folder of its own for whatever is not named.
pub(crate) struct Start {
    folder: TempDir,
    namespace: NetNs,
    state: PathBuf,
    socket: PathBuf,
    more: Vec<String>,
}

impl Start {
    pub(crate) fn new(namespace: &NetNs) -> Self {
        let folder = tempfile::Builder::new().prefix("fabric-").tempdir().unwrap();
        Self {
            state: folder.path().join("state"),
            socket: folder.path().join("fabric.sock"),
            namespace: namespace.clone(),
            folder,
            more: Vec::new(),
        }
    }

    pub(crate) fn state(mut self, folder: PathBuf) -> Self {
        self.state = folder;
        self
    }

    pub(crate) fn socket(mut self, path: PathBuf) -> Self {
        self.socket = path;
        self
    }

    pub(crate) fn config(self, document: &Value) -> Self {
        let path = self.folder.path().join("site.json");
        std::fs::write(&path, document.to_string()).unwrap();
        self.words(&["--config", &path.display().to_string()])
    }

    pub(crate) fn words(mut self, words: &[&str]) -> Self {
        self.more.extend(words.iter().map(|&word| word.to_owned()));
        self
    }

    /// Runs it to its end; fails if it does not end by itself.
    pub(crate) fn run(&self) -> CliOutput {
        self.run_by(&self.console())
    }

    pub(crate) fn console(&self) -> Console {
        Console::new(&self.namespace, &self.socket).unwrap()
    }

    pub(crate) fn run_by(&self, console: &Console) -> CliOutput {
        let words = self.command_line();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        console.cli(&words).unwrap()
    }

    /// With room for so many descriptors.
    pub(crate) fn run_with_files(&self, limit: u32) -> CliOutput {
        let mut command = self.namespace.command("prlimit");
        command
            .arg(format!("--nofile={limit}:{limit}"))
            .arg(binary().unwrap());
        command
            .arg("--socket")
            .arg(&self.socket)
            .args(self.command_line());
        let output = command.output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        CliOutput {
            shown: format!("{command:?}"),
            status: output.status.code(),
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
        }
    }

    fn command_line(&self) -> Vec<String> {
        let state = self.state.display().to_string();
        let words = ["agent", "--node", "edge1", "--state-dir", &state].map(str::to_owned);
        words.into_iter().chain(self.more.clone()).collect()
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// No socket, no pin and no mount of it; and no state directory, unless it was there.
    pub(crate) fn left_nothing_at_all(&self) {
        self.left_nothing();
        let left = std::fs::read_dir(self.folder.path()).unwrap().flatten();
        let left: Vec<_> = left.map(|entry| entry.file_name()).collect();
        assert!(left.iter().all(|name| name == "site.json"), "{left:?} is left");
    }

    /// No socket, no pin and no mount of it.
    pub(crate) fn left_nothing(&self) {
        assert!(
            !self.folder.path().join("fabric.sock").exists(),
            "a socket is left"
        );
        let table = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
        let points = table.lines().filter_map(|line| line.split(' ').nth(4));
        let mounted: Vec<&str> = points
            .filter(|point| Path::new(point).starts_with(self.folder.path()))
            .collect();
        assert_eq!(mounted, [""; 0], "left mounted");
    }
}
