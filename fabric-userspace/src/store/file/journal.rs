//! Small revisions of a large document that was decided elsewhere: appended, so that the whole is not written for each.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{FileStore, cannot};
use crate::error::{Refusal, codes};
use crate::store::Stored;
use crate::store::etcd::{Change, Objects, apart, replay, together};

/// A revision that changed nothing for this node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Skipped {
    pub(crate) revision: u64,
    pub(crate) applied_at: String,
    pub(crate) changes: Vec<Change>,
}

impl FileStore {
    fn journal_path(&self) -> PathBuf {
        self.folder().join("changes.jsonl")
    }

    /// Remembers a revision behind the document and the revisions that are there.
    ///
    /// # Errors
    /// When it cannot be written; what is there stays.
    pub(crate) fn append(&self, skipped: &Skipped) -> Result<(), Refusal> {
        let path = self.journal_path();
        let write = || -> io::Result<()> {
            let mut line = serde_json::to_vec(skipped)?;
            line.push(b'\n');
            let mut file = OpenOptions::new()
                .append(true)
                .create(true)
                .mode(0o600)
                .open(&path)?;
            file.write_all(&line)?;
            file.sync_data()
        };
        write().map_err(|error| cannot("write", &path, &error))
    }

    /// The document with the appended revisions, if there are any.
    ///
    /// # Errors
    /// When they cannot be read.
    pub(crate) fn noted(&self) -> Result<Option<Stored>, Refusal> {
        match self.in_force()? {
            Some(stored) => self.with_journal(stored).map(Some),
            None => Ok(None),
        }
    }

    /// Writes the document as the appended revisions leave it.
    ///
    /// # Errors
    /// When they cannot be read or written.
    pub(super) fn fold_journal(&self) -> Result<(), Refusal> {
        // A damaged document is told later, with what to do.
        if !self.journal_path().exists() || self.in_force().is_err() {
            return Ok(());
        }
        match self.noted()? {
            Some(stored) => self.remember(&stored),
            None => {
                self.forget_journal();
                Ok(())
            }
        }
    }

    pub(super) fn forget_journal(&self) {
        let _ = fs::remove_file(self.journal_path());
    }

    /// The document as the appended revisions leave it. A last line that a power cut left half is none.
    fn with_journal(&self, stored: Stored) -> Result<Stored, Refusal> {
        let path = self.journal_path();
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(stored),
            Err(error) => return Err(cannot("read", &path, &error)),
        };
        let all = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
        let later: Result<Vec<Skipped>, _> = all.map(serde_json::from_str).collect();
        let later = later.map_err(|error| {
            let sentence = format!("{} is damaged: {error}", path.display());
            Refusal::new(codes::STATE_DAMAGED, sentence).with_cure(format!(
                "go on with the document before it: rm {}",
                path.display()
            ))
        })?;
        // Those up to the document's own revision were left by a crash after it was replaced.
        let later: Vec<Skipped> = later
            .into_iter()
            .filter(|skipped| skipped.revision > stored.revision)
            .collect();
        let Some(last) = later.last() else {
            return Ok(stored);
        };
        let mut objects = apart(&stored.document, &Objects::new())?;
        for skipped in &later {
            replay(&mut objects, &skipped.changes);
        }
        Ok(Stored {
            revision: last.revision,
            applied_at: last.applied_at.clone(),
            cause: stored.cause,
            document: together(&objects)?,
        })
    }
}
