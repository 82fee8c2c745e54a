//! The numbers of the maps in the state directory: all of them in one file, and those of a few segments that changed appended to
//! another, so that attaching one tenant does not write the numbers of 10,000 others.
//!
//! Invariant: an appended line counts only for the whole file that it was appended to.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::core::side_file;
use crate::compile::{Image, unshared};
use crate::error::Refusal;
use crate::ids::{Ids, NodeIds, SegmentIds};
use crate::model::Name;
use crate::store::FileStore;

/// Lines before all numbers are written again.
const MOST: usize = 500;
/// Pause between two tries to save what is owed: all numbers of a node are megabytes.
const RETRY: Duration = Duration::from_secs(5);
/// Segments of a line.
const MOST_SEGMENTS: usize = 64;

/// All numbers.
#[derive(Serialize, Deserialize)]
struct Whole {
    /// Another one each time the file is written; `None` for few segments, whose numbers are always written as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    serial: Option<u64>,
    #[serde(flatten)]
    ids: Ids,
}

/// Numbers that have changed.
#[derive(Serialize, Deserialize)]
struct Line {
    serial: u64,
    /// `None` if they are the same.
    node: Option<NodeIds>,
    /// `None` for a segment that is gone.
    segments: BTreeMap<Name, Option<SegmentIds>>,
}

/// What the files hold.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    /// That of the whole file.
    serial: Option<u64>,
    lines: usize,
    /// Whether the files hold the numbers of the image before.
    is_known: bool,
    /// Since the last try, while the maps have numbers that the files do not.
    owed: Option<Instant>,
}

impl Numbers {
    /// What was saved, if anything was.
    ///
    /// # Errors
    /// When a file is damaged.
    pub(super) fn load(store: &FileStore) -> Result<(Self, Option<Ids>), Refusal> {
        let Some(Whole { serial, mut ids }) = store.side_file(side_file::IDS)? else {
            return Ok((Self::default(), None));
        };
        for line in store.lines_of::<Line>(side_file::IDS_CHANGED)? {
            if Some(line.serial) != serial {
                continue;
            }
            ids.node = line.node.unwrap_or(ids.node);
            for (name, segment) in line.segments {
                match segment {
                    Some(segment) => drop(ids.segments.insert(name, segment)),
                    None => drop(ids.segments.remove(&name)),
                }
            }
        }
        let numbers = Self {
            serial,
            ..Self::default()
        };
        Ok((numbers, Some(ids)))
    }

    /// Saves the numbers of `image`, the files hold those of `before`.
    ///
    /// # Errors
    /// When a file cannot be written; the numbers are saved as a whole the next time.
    pub(super) fn save(&mut self, store: &FileStore, before: &Image, image: &Image) -> Result<(), Refusal> {
        let is_known = std::mem::replace(&mut self.is_known, false);
        let line = self.line(before, image).filter(|_| is_known && self.lines < MOST);
        match line {
            Some(line) => {
                store.append_to(side_file::IDS_CHANGED, &line)?;
                self.lines += 1;
            }
            None => self.save_whole(store, image)?,
        }
        self.is_known = true;
        if self.owed.take().is_some() {
            tracing::info!("the numbers are saved again");
        }
        Ok(())
    }

    /// The maps are written although the numbers could not be saved. Said once, not at every try.
    pub(super) fn write_later(&mut self, refusal: &Refusal) {
        if self.owed.replace(Instant::now()).is_none() {
            tracing::error!(problem = %refusal.sentence, "the numbers of the maps could not be saved");
        }
    }

    /// Saves what [`Numbers::write_later`] owes, now and then. True if the files hold the numbers of the maps: what they name otherwise
    /// may be given to nobody, for the next start would take it for its former owner's.
    pub(super) fn settle(&mut self, store: &FileStore, image: &Image) -> bool {
        match self.owed {
            None => true,
            Some(tried) if tried.elapsed() < RETRY => false,
            Some(_) => match self.save(store, image, image) {
                Ok(()) => true,
                Err(refusal) => {
                    self.write_later(&refusal);
                    false
                }
            },
        }
    }

    fn save_whole(&mut self, store: &FileStore, image: &Image) -> Result<(), Refusal> {
        if self.serial.is_none() {
            // Nothing was appended to what is there.
            store.remove_side_file(side_file::IDS_CHANGED);
        }
        let is_large = image.segments.len() > MOST_SEGMENTS;
        let serial = is_large.then(|| self.serial.map_or(1, |last| last + 1));
        let ids = image.ids();
        store.set_side_file(side_file::IDS, &Whole { serial, ids })?;
        store.remove_side_file(side_file::IDS_CHANGED);
        self.serial = serial;
        self.lines = 0;
        Ok(())
    }

    /// `None` if too many segments have changed, or the whole is written in any case.
    fn line(&self, before: &Image, image: &Image) -> Option<Line> {
        let serial = self.serial.filter(|_| image.segments.len() > MOST_SEGMENTS)?;
        let mut segments = BTreeMap::new();
        for (name, _, part) in unshared(before, image) {
            segments.insert(name.clone(), part.map(|part| part.ids.clone()));
            if segments.len() > MOST_SEGMENTS {
                return None;
            }
        }
        let node = image.node_ids();
        Some(Line {
            serial,
            node: (before.node_ids() != node).then(|| node.clone()),
            segments,
        })
    }
}

/// Removes the files.
pub(super) fn forget(store: &FileStore) {
    store.remove_side_file(side_file::IDS);
    store.remove_side_file(side_file::IDS_CHANGED);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::compile::tests::support::{compile_at, host, valid};

    fn image(tenants: u16) -> Image {
        let tenant = |number: u16| {
            json!({"name": format!("t{number}"), "segments": [
            {"name": format!("s{number}"), "attachments": [{"node": "e1", "port": "eth1", "vlan": number + 1}]}]})
        };
        let valid = valid(&json!({
            "schema": "fabric/1",
            "datacenters": [{"name": "dc1", "id": 1, "s_vids": "100-1099", "c_vids": "200-3999"}],
            "nodes": [{"name": "e1", "datacenter": "dc1"}],
            "tenants": (0..tenants).map(tenant).collect::<Vec<_>>(),
        }));
        compile_at(&valid, "e1", &host(&valid, "e1", 1500)).unwrap()
    }

    fn without(all: &Image, segment: &str) -> Image {
        let mut fewer = all.clone();
        fewer.segments.remove(segment).unwrap();
        fewer
    }

    fn saved(store: &FileStore) -> Ids {
        Numbers::load(store).unwrap().1.unwrap()
    }

    #[test]
    fn what_has_changed_is_appended_and_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let store = FileStore::open(folder.path()).unwrap();
        let mut numbers = Numbers::default();
        let all = image(100);
        numbers.save(&store, &all, &all).unwrap();
        let whole = std::fs::read(folder.path().join(side_file::IDS)).unwrap();
        let fewer = without(&all, "s3");
        numbers.save(&store, &all, &fewer).unwrap();
        assert_eq!(saved(&store), fewer.ids());
        numbers.save(&store, &fewer, &all).unwrap();
        assert_eq!(saved(&store), all.ids());
        assert_eq!(std::fs::read(folder.path().join(side_file::IDS)).unwrap(), whole);
        let appended = std::fs::read(folder.path().join(side_file::IDS_CHANGED)).unwrap();
        // A new agent knows nothing of what is there, and begins anew.
        let (mut numbers, _) = Numbers::load(&store).unwrap();
        numbers.save(&store, &fewer, &fewer).unwrap();
        assert_eq!(saved(&store), fewer.ids());
        assert!(!folder.path().join(side_file::IDS_CHANGED).exists());
        // Killed between the two files: what was appended to the one before says nothing of this one.
        std::fs::write(folder.path().join(side_file::IDS_CHANGED), appended).unwrap();
        assert_eq!(saved(&store), fewer.ids());
    }

    /// A full disk, as an entry of that name that no file can take the place of.
    #[test]
    fn what_could_not_be_saved_is_owed_until_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let store = FileStore::open(folder.path()).unwrap();
        let (mut numbers, all) = (Numbers::default(), image(3));
        assert!(numbers.settle(&store, &all), "nothing is owed");
        let taken = folder.path().join(side_file::IDS);
        std::fs::create_dir(&taken).unwrap();
        let refusal = numbers.save(&store, &all, &all).unwrap_err();
        numbers.write_later(&refusal);
        std::fs::remove_dir(&taken).unwrap();
        assert!(!numbers.settle(&store, &all), "not again at once");
        numbers.owed = Instant::now().checked_sub(RETRY);
        assert!(numbers.settle(&store, &all));
        assert_eq!(saved(&store), all.ids());
        assert!(numbers.owed.is_none());
    }
}
