//! Programs that tests put in the place of the system's.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::{AtomicUsize, Ordering},
};

static NUMBER: AtomicUsize = AtomicUsize::new(0);

/// A shell script in a folder of its own, which goes with it.
pub(crate) struct Program {
    folder: PathBuf,
    path: PathBuf,
}

impl Program {
    pub(crate) fn new(name: &str, script: &str) -> Self {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("xtask-{}-{number}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join(name);
        // By a program: a child of another test might inherit a file that is open for writing here, and what is open for
        // writing does not run.
        let write = r#"printf '#!/bin/sh\n%s\n' "$1" >"$0" && chmod 755 "$0""#;
        let written = Command::new("sh")
            .args(["-c", write])
            .arg(&path)
            .arg(script)
            .status();
        assert!(written.unwrap().success());
        Self { folder, path }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}
