//! What the first start of an agent makes on disk, to be taken back if it is refused.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};

/// Folders that are not there yet.
pub(crate) struct NewFolders(Vec<PathBuf>);

impl NewFolders {
    /// Those on the way to `folder` and itself.
    pub(crate) fn before(folder: &Path) -> Self {
        let missing = folder.ancestors().take_while(|path| !path.exists());
        Self(missing.map(Path::to_owned).collect())
    }

    /// Removes them, as far as nothing is in them.
    pub(crate) fn remove(&self) {
        for folder in &self.0 {
            let _ = fs::remove_dir(folder);
        }
    }
}

/// A state directory as it is before the first start.
pub(super) struct Before {
    folder: PathBuf,
    folders: NewFolders,
    names: BTreeSet<OsString>,
}

impl Before {
    /// Looks at what is there. `None` if an agent has started here before: what it left belongs to its data path.
    pub(super) fn look(folder: &Path) -> Option<Self> {
        let names = names(folder);
        (!names.contains(OsStr::new("lock"))).then(|| Self {
            folder: folder.to_owned(),
            folders: NewFolders::before(folder),
            names,
        })
    }
}

/// What was made in a state directory, which is this agent's alone now. Dropped, it puts the former state back.
pub(super) struct Made(Option<Before>);

impl Made {
    pub(super) const fn since(before: Before) -> Self {
        Self(Some(before))
    }

    /// It stays.
    pub(super) fn keep(&mut self) {
        self.0 = None;
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        let Some(Before {
            folder,
            folders,
            names: before,
        }) = &self.0
        else {
            return;
        };
        for name in names(folder).difference(before) {
            let path = folder.join(name);
            // No folder with anything in it goes: maps may be pinned there.
            if fs::remove_file(&path).is_err() {
                let _ = fs::remove_dir(&path);
            }
        }
        folders.remove();
    }
}

fn names(folder: &Path) -> BTreeSet<OsString> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name()).collect()
}
