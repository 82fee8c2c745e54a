//! The BPF file system below which everything is pinned.

use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::Path;

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sys::statfs::{BPF_FS_MAGIC, statfs};

/// Makes `directory` a private BPF file system of its own, unless it is one already. Mode 0700.
pub(super) fn ensure(directory: &Path) -> io::Result<()> {
    folder(directory)?;
    if !is_bpffs(directory)? {
        mount(
            Some("fabric"),
            directory,
            Some("bpf"),
            MsFlags::MS_NOSUID | MsFlags::MS_NODEV,
            Some("mode=0700"),
        )?;
    }
    fs::set_permissions(directory, Permissions::from_mode(0o700))
}

/// Makes a folder for pins, mode 0700, unless it is there.
pub(super) fn folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Removes a pin or a folder of pins that may be there: what nothing else holds ends with it, links too.
pub(super) fn unpin(path: &Path) -> io::Result<()> {
    let removed = if path.is_dir() {
        fs::read_dir(path)?
            .try_for_each(|entry| fs::remove_file(entry?.path()))
            .and_then(|()| fs::remove_dir(path))
    } else {
        fs::remove_file(path)
    };
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Unmounts what [`ensure`] mounted; everything still pinned there is released.
pub(super) fn release(directory: &Path) -> io::Result<()> {
    if is_bpffs(directory)? {
        umount2(directory, MntFlags::MNT_DETACH)?;
    }
    match fs::remove_dir(directory) {
        // What lies below the mount is none of it: a state directory that was copied brings its folders along.
        Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => Ok(()),
        other => other,
    }
}

pub(super) fn is_bpffs(directory: &Path) -> io::Result<bool> {
    Ok(statfs(directory)?.filesystem_type() == BPF_FS_MAGIC)
}
