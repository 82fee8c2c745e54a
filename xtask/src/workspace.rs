//! Where things are, and the host's cargo.

use std::{
    io::IsTerminal,
    path::{Path, PathBuf},
    process::Command,
};

use crate::child_env;

/// The paths of this checkout; all absolute.
pub(crate) struct Workspace {
    root: PathBuf,
}

impl Workspace {
    pub(crate) fn new() -> Self {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
        Self {
            root: manifest.parent().unwrap_or(manifest).to_owned(),
        }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Always inside the checkout: `fabric-userspace/build.rs` looks there for the XDP object.
    pub(crate) fn target(&self) -> PathBuf {
        self.root.join("target")
    }

    /// Where a BPF object is put once it is known to be one; the agent embeds `fabric-ebpf`.
    pub(crate) fn ebpf_object(&self, name: &str) -> PathBuf {
        self.target().join("ebpf").join(name)
    }

    /// A release binary by name.
    pub(crate) fn release(&self, name: &str) -> PathBuf {
        self.target().join("release").join(name)
    }

    /// The folder for tools that belong to this checkout, not to the user's home.
    pub(crate) fn tools(&self) -> PathBuf {
        self.root.join(".tools")
    }

    /// The cargo that runs this program, in the root, free of what it says about `xtask` itself.
    pub(crate) fn cargo(&self, subcommand: &str) -> Command {
        let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        child_env::clean(&mut command, &self.root);
        command
            .current_dir(&self.root)
            .env("CARGO_TERM_COLOR", colour())
            .arg(subcommand);
        command
    }
}

/// Output is captured, so that cargo cannot see the terminal itself.
pub(crate) fn colour() -> &'static str {
    let off = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    if std::io::stderr().is_terminal() && !off {
        "always"
    } else {
        "never"
    }
}
