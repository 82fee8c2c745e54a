//! The kernel modules of the guests, in the order in which they must be loaded: there is no udev and no depmod in a guest.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

use super::{packages::unexpected, unpack};
use crate::{exec, ui::Progress};

/// A module that the guests load.
pub(super) struct Wanted {
    pub(super) name: &'static str,
    /// Kernels differ in whether there is such a module.
    optional: bool,
}

const fn wanted(name: &'static str) -> Wanted {
    Wanted {
        name,
        optional: false,
    }
}

/// The kernel would ask user space for them by what they compute, and nobody answers there. Some kernels have them built in, and later
/// ones have functions instead.
const fn checksum(name: &'static str) -> Wanted {
    Wanted { name, optional: true }
}

/// What the guests of `tests/tests/fcoe.rs` load: their devices, the initiator's half, the target's half.
pub(super) const WANTED: [Wanted; 11] = [
    wanted("virtio_pci"),
    wanted("virtio_net"),
    wanted("virtio_blk"),
    checksum("crc32c_generic"),
    checksum("crct10dif_generic"),
    checksum("crc64_rocksoft_generic"),
    wanted("sd_mod"),
    wanted("fcoe"),
    wanted("configfs"),
    wanted("target_core_iblock"),
    wanted("tcm_fc"),
];

/// The one kernel in `tree`, as in `lib/modules/6.1.0-57-amd64`.
///
/// # Errors
/// When there is none, or more than one.
pub(super) fn version(tree: &Path) -> Result<String> {
    let lib = tree.join("lib");
    if !lib.exists() {
        // Where packages have everything in /usr, the installed system has this link.
        std::os::unix::fs::symlink("usr/lib", &lib)?;
    }
    let folder = lib.join("modules");
    let entries = fs::read_dir(&folder).map_err(|_| unexpected("no folder lib/modules"))?;
    let names: Vec<String> = entries
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    match names.as_slice() {
        [one] => Ok(one.clone()),
        names => Err(unexpected(&format!("{} kernels in lib/modules", names.len())).into()),
    }
}

/// Puts the modules and all that they need into `folder`, uncompressed, as `00-NAME.ko` and so on.
///
/// # Errors
/// When one is not there, and those of kmod's tools.
pub(super) fn collect(tree: &Path, version: &str, folder: &Path, progress: &Progress) -> Result<()> {
    let mut depmod = Command::new(tool("depmod"));
    depmod.arg("-b").arg(tree).arg(version);
    exec::run(depmod, progress)?;
    fs::create_dir(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    for (number, file) in files(tree, version)?.iter().enumerate() {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let stem = name.split_once('.').map_or(&*name, |(stem, _)| stem);
        copy(file, &folder.join(format!("{number:02}-{stem}.ko")))?;
    }
    Ok(())
}

/// Each file once, before those that need it.
fn files(tree: &Path, version: &str) -> Result<Vec<PathBuf>> {
    // Rules of this machine, such as lists of modules not to load, are none of the guests'.
    let rules = tree.join("no-rules");
    fs::create_dir_all(&rules)?;
    let mut files: Vec<PathBuf> = Vec::new();
    for module in &WANTED {
        let mut ask = Command::new(tool("modprobe"));
        ask.arg("-C").arg(&rules).arg("-d").arg(tree);
        ask.args(["-S", version, "--show-depends", module.name]);
        match exec::ask(&mut ask) {
            Some(told) => files.extend(told.lines().filter_map(insertion)),
            None if module.optional => {}
            None => return Err(unexpected(&format!("no module {}", module.name)).into()),
        }
    }
    let mut seen = Vec::new();
    files.retain(|file| {
        let new = !seen.contains(file);
        seen.push(file.clone());
        new
    });
    Ok(files)
}

/// `insmod FILE [OPTIONS]`; a line `builtin NAME` needs nothing. The file's folders may have spaces in their names.
fn insertion(line: &str) -> Option<PathBuf> {
    let rest = line.strip_prefix("insmod ")?;
    let suffix = rest.rfind(".ko")?;
    let length = rest[suffix..].find(' ').unwrap_or(rest.len() - suffix);
    Some(rest[..suffix + length].into())
}

/// An ordinary user's PATH often lacks the sbin folders.
fn tool(name: &str) -> PathBuf {
    crate::tools::apt::find(name).unwrap_or_else(|| name.into())
}

/// As releases compress them.
fn copy(from: &Path, to: &Path) -> Result<()> {
    match from.extension().and_then(|extension| extension.to_str()) {
        Some("xz") => unpack("xz", from, to),
        Some("zst") => unpack("zstd", from, to),
        Some("gz") => unpack("gzip", from, to),
        _ => fs::copy(from, to)
            .map(drop)
            .with_context(|| format!("cannot copy {}", from.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_told_from_what_is_built_in() {
        assert_eq!(insertion("builtin virtio_pci"), None);
        let file = |line| insertion(line).unwrap();
        assert_eq!(file("insmod /a b/fcoe.ko.xz "), Path::new("/a b/fcoe.ko.xz"));
        assert_eq!(file("insmod /a/sd_mod.ko option=1"), Path::new("/a/sd_mod.ko"));
        assert_eq!(file("insmod /a/sd_mod.ko"), Path::new("/a/sd_mod.ko"));
    }
}
