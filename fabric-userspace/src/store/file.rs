//! Where the document is kept: one file, small changes of it appended to another, and the last revisions beside them.

mod history;
mod journal;
mod trial;

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use nix::fcntl::{Flock, FlockArg};
use serde::Serialize;
use serde::de::DeserializeOwned;

use journal::Written;
use trial::Trial;

use super::made::{Before, Made};
use super::{Answer, Past, Pending, Store, Stored, Terms, none_pending, stale, waits};
use crate::error::{Refusal, codes};

/// The side file of a revision that waits to be confirmed.
const PENDING: &str = "pending.json";

/// The state directory of one agent.
pub struct FileStore {
    folder: PathBuf,
    /// Revision in force, so that a writer need not read the document again.
    newest: AtomicU64,
    /// What the files hold.
    written: Mutex<Written>,
    /// What this start has made, until it succeeds.
    made: Option<Made>,
    _lock: Flock<File>,
}

fn cannot(what: &str, path: &Path, error: &io::Error) -> Refusal {
    let refusal = Refusal::new(
        codes::FAILED,
        format!("cannot {what} {}: {error}", path.display()),
    );
    if error.kind() == io::ErrorKind::PermissionDenied {
        return refusal.with_cure("run the agent as root");
    }
    refusal.with_cure(format!(
        "check the folder: ls -la {}",
        path.parent().unwrap_or(path).display()
    ))
}

fn belongs_to_another(folder: &Path) -> Refusal {
    Refusal::new(
        codes::AGENT_RUNNING,
        format!("{} belongs to another agent that is running", folder.display()),
    )
    .with_cure("fabric agent stop, or give this agent a --state-dir of its own")
}

/// A folder that was there already keeps its mode, so nobody else may write there: he would rule the fabric.
fn refuse_shared(folder: &Path) -> Result<(), Refusal> {
    let about = fs::metadata(folder).map_err(|error| cannot("read", folder, &error))?;
    let mode = about.permissions().mode() & 0o777;
    if mode & 0o022 == 0 && about.uid() == nix::unistd::geteuid().as_raw() {
        return Ok(());
    }
    let shown = folder.display();
    let sentence = format!(
        "others than root can write in {shown} (owner {}, mode {mode:03o})",
        about.uid()
    );
    Err(Refusal::new(codes::BAD_VALUE, sentence)
        .with_cure(format!(
            "give the agent a directory of its own, or: chown root {shown}; chmod 700 {shown}"
        ))
        .unchanged())
}

impl FileStore {
    /// Opens a state directory, making it if needed (mode 0700), and locks it against other agents.
    ///
    /// # Errors
    /// When it cannot be used, or another agent uses it.
    pub fn open(folder: &Path) -> Result<Self, Refusal> {
        for path in [folder.to_owned(), folder.join("history")] {
            fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(&path)
                .map_err(|error| cannot("make", &path, &error))?;
            refuse_shared(&path)?;
        }
        let path = folder.join("lock");
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(|error| cannot("open", &path, &error))?;
        let lock =
            Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|_| belongs_to_another(folder))?;
        // Another one was refused at this moment, and has taken its lock away.
        if lock.metadata().map_or(0, |about| about.nlink()) == 0 {
            return Err(belongs_to_another(folder));
        }
        let store = Self {
            folder: folder.to_owned(),
            newest: AtomicU64::new(0),
            written: Mutex::new(Written::unknown()),
            made: None,
            _lock: lock,
        };
        store.look()?;
        Ok(store)
    }

    /// As [`FileStore::open`], for an agent that starts. If it is the first one here, everything that it makes in the directory
    /// goes with the store, until [`FileStore::keep`] says that the agent has started.
    ///
    /// # Errors
    /// As [`FileStore::open`].
    pub(crate) fn open_for_start(folder: &Path) -> Result<Self, Refusal> {
        let before = Before::look(folder);
        let mut store = Self::open(folder)?;
        store.made = before.map(Made::since);
        Ok(store)
    }

    /// The agent has started: everything stays.
    pub(crate) fn keep(&mut self) {
        self.made.iter_mut().for_each(Made::keep);
    }

    /// Reads what is there.
    ///
    /// # Errors
    /// When the appended revisions cannot be read. A damaged document is told later, with what to do.
    fn look(&self) -> Result<(), Refusal> {
        let Ok(Some(current)) = read::<Stored>(&self.current_path()) else {
            return Ok(());
        };
        let bytes = fs::metadata(self.current_path()).map_or(0, |about| about.len());
        journal::mend(&self.journal_path())?;
        let whole = current.revision;
        let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
        let written = Written::found(current, bytes, &self.journal_path())?;
        let newest = written.stored().map_or(whole, |stored| stored.revision);
        self.newest.store(newest, Ordering::Relaxed);
        if newest == whole {
            // Left by a crash after the document was replaced, if there are any.
            self.put_away_journal();
        }
        *self.written() = written;
        self.forget_uncommitted(newest);
        Ok(())
    }

    /// A revision is kept first and put in force then. One kept by an agent that was killed in between never was in
    /// force, and its number will be given to another.
    fn forget_uncommitted(&self, newest: u64) {
        let files = self.kept_files().unwrap_or_default();
        for path in files
            .iter()
            .filter(|path| history::number(path).is_some_and(|number| number > newest))
        {
            let _ = fs::remove_file(path);
        }
    }

    fn written(&self) -> MutexGuard<'_, Written> {
        // What it holds is set in one step, whoever panicked.
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A file of the state directory that is no document.
    ///
    /// # Errors
    /// When it is there and cannot be read.
    pub(crate) fn side_file<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, Refusal> {
        read(&self.folder.join(name))
    }

    /// Replaces a file of the state directory that is no document. It survives the agent, not a power cut: what
    /// it describes, maps and interface settings, does not either.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn set_side_file<T: Serialize>(&self, name: &str, value: &T) -> Result<(), Refusal> {
        replace(&self.folder.join(name), value, false).map(drop)
    }

    /// The same for what must survive a power cut.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn set_durable_side_file<T: Serialize>(&self, name: &str, value: &T) -> Result<(), Refusal> {
        replace(&self.folder.join(name), value, true).map(drop)
    }

    /// Adds a line to a file of the state directory that is no document; as lasting as [`Self::set_side_file`].
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn append_to<T: Serialize>(&self, name: &str, value: &T) -> Result<(), Refusal> {
        let path = self.folder.join(name);
        journal::add(&path, value, false).map_err(|error| cannot("write", &path, &error))
    }

    /// The lines of a file of the state directory that is no document; none if there is no file.
    ///
    /// # Errors
    /// When one cannot be read.
    pub(crate) fn lines_of<T: DeserializeOwned>(&self, name: &str) -> Result<Vec<T>, Refusal> {
        journal::read(&self.folder.join(name))
    }

    /// Removes those files of the state directory that are no documents and cannot be read, as a power cut leaves them.
    pub(crate) fn forget_damaged(&self, names: &[&str]) {
        for name in names {
            if let Err(refusal) = self.side_file::<serde_json::Value>(name) {
                tracing::warn!(problem = %refusal.sentence, "begun anew, nothing needs it");
                self.remove_side_file(name);
            }
        }
    }

    /// Removes a file of the state directory that is no document.
    pub(crate) fn remove_side_file(&self, name: &str) {
        let _ = fs::remove_file(self.folder.join(name));
    }

    fn folder(&self) -> &Path {
        &self.folder
    }

    fn current_path(&self) -> PathBuf {
        self.folder.join("document.json")
    }

    fn journal_path(&self) -> PathBuf {
        self.folder.join("changes.jsonl")
    }
}

impl Store for FileStore {
    fn kind(&self) -> &'static str {
        "file"
    }

    fn current(&self) -> Answer<'_, Option<Stored>> {
        Box::pin(async move { self.in_force() })
    }

    fn put_in_force<'a>(&'a self, base: u64, stored: &'a Stored, terms: Terms) -> Answer<'a, ()> {
        Box::pin(async move { self.put_on(base, stored, terms) })
    }

    fn pending(&self) -> Answer<'_, Option<Pending>> {
        Box::pin(async move { Ok(self.trial()?.map(|trial| trial.pending())) })
    }

    fn confirm(&self, revision: u64) -> Answer<'_, ()> {
        Box::pin(async move {
            match self.trial()? {
                Some(trial) if trial.revision == revision => self.end_trial(),
                Some(_) | None => Err(none_pending(revision, self.newest.load(Ordering::Relaxed))),
            }
        })
    }

    fn history(&self) -> Answer<'_, Vec<Past>> {
        Box::pin(async move {
            let pending = self.trial()?.map(|trial| trial.revision);
            self.pasts(pending)
        })
    }

    fn kept(&self, revision: u64) -> Answer<'_, Option<Stored>> {
        Box::pin(async move { self.past(revision) })
    }
}

impl FileStore {
    /// The document in force, if there ever was one.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(crate) fn in_force(&self) -> Result<Option<Stored>, Refusal> {
        let whole = read::<Stored>(&self.current_path()).map_err(|refusal| match self.newest_kept() {
            Some(kept) => {
                refusal.with_cure(format!("cp {} {}", kept.display(), self.current_path().display()))
            }
            None => refusal,
        })?;
        let Some(mut stored) = whole else {
            return Ok(None);
        };
        let lines: Vec<journal::Line> = journal::read(&self.journal_path())?;
        lines.into_iter().for_each(|line| line.follow(&mut stored));
        Ok(Some(stored))
    }

    fn put_on(&self, base: u64, stored: &Stored, terms: Terms) -> Result<(), Refusal> {
        let newest = self.newest.load(Ordering::Relaxed);
        if newest != base {
            return Err(stale(base, newest, &[]));
        }
        let trial = self.trial()?;
        match (&trial, terms) {
            (Some(trial), Terms::Final | Terms::Within(_)) => {
                return Err(waits(trial.revision, trial.before, None));
            }
            (None, Terms::Back) => return Err(none_pending(base, newest)),
            _ => {}
        }
        match terms {
            // What is left is of a revision that never came into force, and whose number is given now.
            Terms::Final => self.end_trial()?,
            Terms::Within(window) => {
                self.set_durable_side_file(PENDING, &Trial::begin(stored.revision, base, window)?)?;
            }
            // Of another revision from then on, and without a meaning.
            Terms::Back | Terms::Anyway => {
                self.put(stored)?;
                let _ = self.end_trial();
                return Ok(());
            }
        }
        self.put(stored)
    }

    /// What waits to be confirmed.
    fn trial(&self) -> Result<Option<Trial>, Refusal> {
        let newest = self.newest.load(Ordering::Relaxed);
        let trial: Option<Trial> = self.side_file(PENDING)?;
        Ok(trial.filter(|trial| trial.revision == newest))
    }

    fn end_trial(&self) -> Result<(), Refusal> {
        let path = self.folder.join(PENDING);
        match fs::remove_file(&path).and_then(|()| File::open(&self.folder)?.sync_all()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(cannot("remove", &path, &error)),
            _ => Ok(()),
        }
    }

    fn put(&self, stored: &Stored) -> Result<(), Refusal> {
        let mut written = self.written();
        let appended = written.append(&self.journal_path(), stored);
        if appended.is_err() {
            *written = Written::unknown();
        }
        if !appended? {
            self.keep_whole(stored)?;
            let replaced = replace(&self.current_path(), stored, true);
            if replaced.is_err() {
                // Its number will be given to another. What the disk has is not known, so that one is written as a whole.
                let _ = fs::remove_file(self.history_path(stored.revision));
                *written = Written::unknown();
            }
            let bytes = replaced?;
            self.put_away_journal();
            self.forget_old(stored.revision);
            *written = Written::whole(stored, bytes);
        }
        self.newest.store(stored.revision, Ordering::Relaxed);
        Ok(())
    }

    /// The document in force, which was decided elsewhere, is this host's own from now on: the first revision of its history. What
    /// was kept before is of another history, whose numbers may be the same.
    ///
    /// # Errors
    /// When it cannot be read or written.
    pub(crate) fn begin_history(&self) -> Result<(), Refusal> {
        let Some(stored) = self.in_force()? else {
            return Ok(());
        };
        let mut written = self.written();
        for path in self.kept_files()? {
            fs::remove_file(&path).map_err(|error| cannot("remove", &path, &error))?;
        }
        *written = Written::unknown();
        self.keep_whole(&stored)?;
        let bytes = replace(&self.current_path(), &stored, true)?;
        let _ = fs::remove_file(self.journal_path());
        *written = Written::whole(&stored, bytes);
        Ok(())
    }

    /// Keeps a copy of what is decided elsewhere, for a start without the one who decides. It may be any revision, and
    /// has no history here.
    ///
    /// # Errors
    /// When it cannot be written; the old copy is there then.
    pub(crate) fn remember(&self, stored: &Stored) -> Result<(), Refusal> {
        self.remove_side_file(PENDING);
        let mut written = self.written();
        let appended = written.append(&self.journal_path(), stored);
        if matches!(appended, Ok(true)) {
            return Ok(());
        }
        // Until it is whole again nothing is known of what the disk has.
        *written = Written::unknown();
        appended?;
        let bytes = replace(&self.current_path(), stored, true)?;
        let _ = fs::remove_file(self.journal_path());
        *written = Written::whole(stored, bytes);
        Ok(())
    }
}

fn read<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, Refusal> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(cannot("read", path, &error)),
    };
    serde_json::from_slice(&bytes).map(Some).map_err(|error| {
        Refusal::new(
            codes::STATE_DAMAGED,
            format!("{} is damaged: {error}", path.display()),
        )
        .with_cure(format!(
            "put a good copy in its place, or begin anew: rm {}",
            path.display()
        ))
    })
}

/// Writes beside, then renames: a reader sees all of the old or all of the new. Returns its bytes.
fn replace<T: Serialize>(path: &Path, value: &T, durable: bool) -> Result<usize, Refusal> {
    let beside = path.with_extension("new");
    let before = path.with_extension("old");
    let write = || -> io::Result<usize> {
        // Before anything is done: a descriptor that cannot be had must not be missed afterwards.
        let folder = path.parent().filter(|_| durable).map(File::open).transpose()?;
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&beside)?;
        let mut bytes = serde_json::to_vec(value)?;
        bytes.push(b'\n');
        file.write_all(&bytes)?;
        if durable {
            file.sync_all()?;
        }
        let Some(folder) = folder else {
            fs::rename(&beside, path)?;
            return Ok(bytes.len());
        };
        let _ = fs::remove_file(&before);
        let is_first = !path.exists();
        let is_kept = fs::hard_link(path, &before).is_ok();
        fs::rename(&beside, path)?;
        let synced = folder.sync_all();
        // Whether it is on the disk nobody knows; what is answered is that it is not.
        if synced.is_err() && is_kept {
            let _ = fs::rename(&before, path);
        } else if synced.is_err() && is_first {
            let _ = fs::remove_file(path);
        }
        let _ = fs::remove_file(&before);
        synced.map(|()| bytes.len())
    };
    write().map_err(|error| {
        // Half of it would hold the room that was missing.
        let _ = fs::remove_file(&beside);
        cannot("write", path, &error)
    })
}

#[cfg(test)]
mod tests;
