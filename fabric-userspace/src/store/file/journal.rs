//! Small revisions of a large document: appended as what they change, so that the whole is not written for each.
//!
//! Invariant: what is appended follows on the document and on the revisions before it, or counts for nothing. A last line that a
//! power cut left half is none, and is cut off before the next one.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::cannot;
use crate::error::{Refusal, codes};
use crate::model::{Shared, Tenant, between};
use crate::store::Stored;

/// Revisions that are appended before the document is written as a whole again.
const MOST: usize = 500;
/// Tenants that an appended revision may change.
const MOST_TENANTS: usize = 64;
/// Bytes of a document that is written as a whole each time.
const SMALL: usize = 32 << 10;

/// A revision as what it changes of the one before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Line {
    pub(super) revision: u64,
    /// The one before.
    pub(super) after: u64,
    pub(super) applied_at: String,
    pub(super) cause: String,
    /// Position of the first tenant that changes.
    at: usize,
    /// So many from there on are taken out.
    out: usize,
    /// These are put in their place.
    tenants: Vec<Shared<Tenant>>,
}

impl Line {
    /// `None` if more has changed than a few tenants.
    fn between(before: &Stored, stored: &Stored) -> Option<Self> {
        let (old, new) = (&before.document, &stored.document);
        let (at, out, tenants) = between(&old.tenants, &new.tenants);
        let is_small = out.len() + tenants.len() <= MOST_TENANTS;
        (is_small && old.is_same_but_tenants(new)).then(|| Self {
            revision: stored.revision,
            after: before.revision,
            applied_at: stored.applied_at.clone(),
            cause: stored.cause.clone(),
            at,
            out: out.len(),
            tenants: tenants.to_vec(),
        })
    }

    /// Takes it in if it follows on what is there.
    pub(super) fn follow(self, stored: &mut Stored) {
        let tenants = &mut stored.document.tenants;
        let end = self.at.saturating_add(self.out);
        if self.after != stored.revision || end > tenants.len() {
            return;
        }
        tenants.splice(self.at..end, self.tenants);
        stored.revision = self.revision;
        stored.applied_at = self.applied_at;
        stored.cause = self.cause;
    }
}

/// What is written, so that the next revision can be compared with it.
pub(super) struct Written {
    /// The newest revision, if there is one.
    stored: Option<Stored>,
    /// Bytes of the document when it was written as a whole.
    bytes: usize,
    /// Revisions that were appended since then.
    lines: usize,
}

impl Written {
    /// Nothing is known: the next revision is written as a whole.
    pub(super) const fn unknown() -> Self {
        Self {
            stored: None,
            bytes: 0,
            lines: 0,
        }
    }

    /// A document that was written as a whole, in so many bytes.
    pub(super) fn whole(stored: &Stored, bytes: usize) -> Self {
        Self {
            stored: Some(stored.clone()),
            bytes,
            lines: 0,
        }
    }

    /// What the files hold.
    ///
    /// # Errors
    /// When the appended revisions cannot be read.
    pub(super) fn found(mut stored: Stored, bytes: usize, journal: &Path) -> Result<Self, Refusal> {
        let lines: Vec<Line> = read(journal)?;
        let count = lines.len();
        lines.into_iter().for_each(|line| line.follow(&mut stored));
        Ok(Self {
            stored: Some(stored),
            bytes,
            lines: count,
        })
    }

    pub(super) fn stored(&self) -> Option<&Stored> {
        self.stored.as_ref()
    }

    /// Appends a revision. False if it must be written as a whole.
    ///
    /// # Errors
    /// When it cannot be written; what is there stays.
    pub(super) fn append(&mut self, journal: &Path, stored: &Stored) -> Result<bool, Refusal> {
        if self.lines >= MOST || self.bytes < SMALL {
            return Ok(false);
        }
        let line = self
            .stored
            .as_ref()
            .and_then(|before| Line::between(before, stored));
        let Some(line) = line else {
            return Ok(false);
        };
        add(journal, &line, true).map_err(|error| cannot("write", journal, &error))?;
        self.lines += 1;
        self.stored = Some(stored.clone());
        Ok(true)
    }
}

/// Adds a line to a file.
///
/// # Errors
/// When it cannot be written; what is there stays.
pub(super) fn add<T: Serialize>(path: &Path, line: &T, durable: bool) -> io::Result<()> {
    let mut bytes = serde_json::to_vec(line)?;
    bytes.push(b'\n');
    let is_new = !path.exists();
    // Before anything is done: a descriptor that cannot be had must not be missed afterwards.
    let folder = path
        .parent()
        .filter(|_| is_new && durable)
        .map(File::open)
        .transpose()?;
    let mut file = OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)?;
    let before = file.metadata()?.len();
    let mut written = file.write_all(&bytes);
    if durable {
        written = written.and_then(|()| file.sync_data());
    }
    if let Some(folder) = folder {
        written = written.and_then(|()| folder.sync_all());
    }
    if written.is_err() {
        // Half a line would spoil the next one, and a whole one come into force.
        file.set_len(before)?;
    }
    written
}

/// The lines of a file, but for a last one that is not whole; none if there is no file.
///
/// # Errors
/// When they cannot be read.
pub(super) fn read<T: DeserializeOwned>(path: &Path) -> Result<Vec<T>, Refusal> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(cannot("read", path, &error)),
    };
    let all = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
    let lines: Result<Vec<T>, _> = all.map(serde_json::from_str).collect();
    lines.map_err(|error| {
        let sentence = format!("{} is damaged: {error}", path.display());
        Refusal::new(codes::STATE_DAMAGED, sentence).with_cure(format!(
            "go on with what was written before it: rm {}",
            path.display()
        ))
    })
}

/// Cuts off what follows the last whole line.
///
/// # Errors
/// When the file cannot be read or cut.
pub(super) fn mend(path: &Path) -> Result<(), Refusal> {
    let cut = || -> io::Result<()> {
        let bytes = fs::read(path)?;
        let whole = bytes
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |end| end + 1);
        if whole < bytes.len() {
            OpenOptions::new().write(true).open(path)?.set_len(whole as u64)?;
        }
        Ok(())
    };
    match cut() {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(cannot("read", path, &error)),
        _ => Ok(()),
    }
}
