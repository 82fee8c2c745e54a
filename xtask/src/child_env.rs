//! `cargo run` and the rustup proxy leave variables behind that describe *this* crate and *this*
//! toolchain; a cargo or rustc started from here must not take them for its own.

use std::{ffi::OsString, path::Path, process::Command};

/// Set by cargo for the package it runs, by the rustup proxy, or able to override the flags of the XDP build.
const MISLEADING: [&str; 16] = [
    "CARGO",
    "CARGO_BIN_NAME",
    "CARGO_BUILD_TARGET",
    "CARGO_CRATE_NAME",
    "CARGO_MANIFEST_DIR",
    "CARGO_MANIFEST_PATH",
    "CARGO_PRIMARY_PACKAGE",
    "CARGO_TARGET_DIR",
    "CARGO_BUILD_TARGET_DIR",
    "OUT_DIR",
    "RUSTC",
    "RUSTC_BOOTSTRAP",
    "RUSTDOC",
    "RUST_RECURSION_COUNT",
    "RUSTUP_TOOLCHAIN_SOURCE",
    "LD_LIBRARY_PATH",
];

/// Overrides the target's own flags, and with them `--btf`, if it reached the XDP build.
const FLAGS: [&str; 4] = [
    "RUSTFLAGS",
    "CARGO_ENCODED_RUSTFLAGS",
    "CARGO_BUILD_RUSTFLAGS",
    "CARGO_BUILD_RUSTC",
];

/// Takes out of `command` what would mislead a cargo.
pub(crate) fn clean(command: &mut Command, root: &Path) {
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if MISLEADING.contains(&text.as_ref()) || text.starts_with("CARGO_PKG_") {
            command.env_remove(&name);
        }
    }
    if let Some(path) = std::env::var_os("LD_LIBRARY_PATH").and_then(|paths| foreign_paths(&paths, root)) {
        command.env("LD_LIBRARY_PATH", path);
    }
}

/// Also drops compiler flags that are meant for the host.
pub(crate) fn clean_flags(command: &mut Command) {
    for name in FLAGS {
        command.env_remove(name);
    }
}

/// `LD_LIBRARY_PATH` without the entries that cargo put there; `None` if nothing is left.
fn foreign_paths(paths: &OsString, root: &Path) -> Option<OsString> {
    let target = root.join("target");
    let kept = std::env::split_paths(paths).filter(|path| {
        !path.starts_with(&target) && !path.components().any(|part| part.as_os_str() == "toolchains")
    });
    std::env::join_paths(kept)
        .ok()
        .filter(|joined| !joined.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_users_own_library_paths_stay() {
        let root = Path::new("/src/fabric");
        let paths = "/src/fabric/target/debug/deps:/opt/lib:/home/u/.rustup/toolchains/stable/lib".into();
        assert_eq!(foreign_paths(&paths, root), Some("/opt/lib".into()));
        assert_eq!(foreign_paths(&"/src/fabric/target/debug".into(), root), None);
    }
}
