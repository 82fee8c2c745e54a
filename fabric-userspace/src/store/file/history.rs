//! Earlier revisions: some as whole documents, those between them as what they change.
//!
//! `history/NNNNNNNNNN.json` is a whole one, `history/NNNNNNNNNN.jsonl` what was appended after it, and `changes.jsonl` what was
//! appended after the newest.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::journal::{self, Line};
use super::{FileStore, cannot, read, replace};
use crate::error::Refusal;
use crate::store::{KEPT, Past, Stored};

/// A stored document, without looking at it.
#[derive(Deserialize)]
struct Head {
    revision: u64,
    applied_at: String,
    cause: String,
    #[serde(rename = "document")]
    _document: IgnoredAny,
}

impl FileStore {
    fn history_folder(&self) -> PathBuf {
        self.folder().join("history")
    }

    pub(super) fn history_path(&self, revision: u64) -> PathBuf {
        self.history_folder().join(format!("{revision:010}.json"))
    }

    fn appended_path(&self, revision: u64) -> PathBuf {
        self.history_path(revision).with_extension("jsonl")
    }

    /// Whole revisions, the newest first.
    fn wholes(&self) -> Result<Vec<u64>, Refusal> {
        let files = self.kept_files()?;
        let json = files
            .iter()
            .filter(|path| path.extension().is_some_and(|end| end == "json"));
        let mut wholes: Vec<u64> = json.filter_map(|path| number(path)).collect();
        wholes.sort_unstable_by(|a, b| b.cmp(a));
        Ok(wholes)
    }

    /// What was appended after a whole revision.
    fn appended(&self, whole: u64) -> Result<Vec<Line>, Refusal> {
        let own: Vec<Line> = journal::read(&self.appended_path(whole))?;
        if !own.is_empty() {
            return Ok(own);
        }
        let newest: Vec<Line> = journal::read(&self.journal_path())?;
        let is_after = newest.first().is_some_and(|line| line.after == whole);
        Ok(if is_after { newest } else { Vec::new() })
    }

    /// Keeps a whole revision, and what was appended before it.
    pub(super) fn keep_whole(&self, stored: &Stored) -> Result<usize, Refusal> {
        replace(&self.history_path(stored.revision), stored, true)
    }

    /// Puts away what was appended to the document before, which a newer one has replaced.
    pub(super) fn put_away_journal(&self) {
        let path = self.journal_path();
        let before = journal::read(&path)
            .ok()
            .and_then(|lines: Vec<Line>| Some(lines.first()?.after));
        match before.filter(|whole| self.history_path(*whole).exists()) {
            Some(whole) => drop(fs::rename(&path, self.appended_path(whole))),
            None => drop(fs::remove_file(&path)),
        }
    }

    /// Removes what no kept revision needs.
    pub(super) fn forget_old(&self, newest: u64) {
        let oldest = newest.saturating_sub(KEPT - 1);
        let wholes = self.wholes().unwrap_or_default();
        let needed = wholes.iter().find(|whole| **whole <= oldest).copied();
        for whole in wholes
            .into_iter()
            .filter(|whole| needed.is_some_and(|needed| *whole < needed))
        {
            let _ = fs::remove_file(self.history_path(whole));
            let _ = fs::remove_file(self.appended_path(whole));
        }
    }

    /// Kept revisions without their documents, the newest first.
    pub(super) fn pasts(&self, pending: Option<u64>) -> Result<Vec<Past>, Refusal> {
        let past = |revision, applied_at, cause| Past {
            is_pending: pending == Some(revision),
            revision,
            applied_at,
            cause,
            by: None,
        };
        let mut all = Vec::new();
        for whole in self.wholes()? {
            let Ok(Some(head)) = read::<Head>(&self.history_path(whole)) else {
                continue;
            };
            all.push(past(head.revision, head.applied_at, head.cause));
            let lines = self.appended(whole)?.into_iter();
            all.extend(lines.map(|line| past(line.revision, line.applied_at, line.cause)));
        }
        all.sort_by_key(|past| std::cmp::Reverse(past.revision));
        all.truncate(usize::try_from(KEPT).unwrap_or(usize::MAX));
        Ok(all)
    }

    /// A kept revision with its document.
    pub(super) fn past(&self, revision: u64) -> Result<Option<Stored>, Refusal> {
        if self.pasts(None)?.iter().all(|past| past.revision != revision) {
            return Ok(None);
        }
        let Some(whole) = self.wholes()?.into_iter().find(|whole| *whole <= revision) else {
            return Ok(None);
        };
        let Some(mut stored) = read::<Stored>(&self.history_path(whole))? else {
            return Ok(None);
        };
        let lines = self.appended(whole)?.into_iter();
        lines
            .take_while(|line| line.revision <= revision)
            .for_each(|line| line.follow(&mut stored));
        Ok(Some(stored).filter(|stored| stored.revision == revision))
    }

    /// Files of the history, a file half written included.
    pub(super) fn kept_files(&self) -> Result<Vec<PathBuf>, Refusal> {
        let folder = self.history_folder();
        let entries = fs::read_dir(&folder).map_err(|error| cannot("read", &folder, &error))?;
        Ok(entries
            .flatten()
            .map(|entry| entry.path())
            .filter(|path| path.extension().is_some())
            .collect())
    }

    /// The newest whole revision that can be read.
    pub(super) fn newest_kept(&self) -> Option<PathBuf> {
        let wholes = self.wholes().ok()?.into_iter();
        let mut paths = wholes.map(|whole| self.history_path(whole));
        paths.find(|path| matches!(read::<Stored>(path), Ok(Some(_))))
    }
}

/// The revision in the name of a file.
pub(super) fn number(path: &Path) -> Option<u64> {
    path.file_stem()?.to_str()?.parse().ok()
}
