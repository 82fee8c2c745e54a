//! Flood lists: one device map per segment, replaced whole.

use aya::maps::{DevMapHash, HashOfMaps, Map, MapData, MapError};
use aya::programs::ProgramFd;
use fabric_common::maps::name;

use super::LoadError;

/// `BPF_MAP_TYPE_DEVMAP_HASH` (linux/bpf.h).
const DEVMAP_HASH: u32 = 25;
/// A segment id that no segment has.
const NO_SEGMENT: u32 = 0;

/// The map of flood lists.
pub(super) struct FloodLists {
    lists: HashOfMaps<MapData, u32, DevMapHash<MapData>>,
    program: ProgramFd,
}

impl FloodLists {
    pub(super) fn new(lists: HashOfMaps<MapData, u32, DevMapHash<MapData>>, program: ProgramFd) -> Self {
        Self { lists, program }
    }

    /// What every way to a port has to name: a port's queue keeps the program of its first frame for all that are in it,
    /// flooded or not (`bq_enqueue` in kernel/bpf/devmap.c).
    pub(super) fn program(&self) -> &ProgramFd {
        &self.program
    }

    /// Puts a new list in place of the segment's old one with one write.
    pub(super) fn set(&mut self, segment: u32, interfaces: &[u32]) -> Result<(), LoadError> {
        let wrong = LoadError::map(name::FLOOD);
        let room = u32::try_from(interfaces.len().max(1)).map_err(|error| wrong(error.into()))?;
        let blueprint = aya_obj::Map::new_from_params(DEVMAP_HASH, 4, 8, room, 0);
        let data = MapData::create(blueprint, "flood_list", None).map_err(|error| wrong(error.into()))?;
        let mut list = DevMapHash::try_from(Map::DevMapHash(data)).map_err(|error| wrong(error.into()))?;
        for (key, interface) in (0..).zip(interfaces) {
            list.insert(key, *interface, Some(&self.program), 0)
                .map_err(|error| wrong(error.into()))?;
        }
        self.lists
            .insert(segment, &list, 0)
            .map_err(|error| wrong(error.into()))
    }

    pub(super) fn remove(&mut self, segment: u32) -> Result<(), LoadError> {
        gone(self.lists.remove(&segment)).map_err(|error| LoadError::map(name::FLOOD)(error.into()))
    }

    /// Segments that have a list.
    pub(super) fn segments(&self) -> Vec<u32> {
        self.lists.keys().filter_map(Result::ok).collect()
    }

    /// Returns when every program that was running has ended: the kernel waits for that at each write to a
    /// map of maps (`maybe_wait_bpf_programs`, since Linux 4.20).
    pub(super) fn grace(&mut self) -> Result<(), LoadError> {
        self.set(NO_SEGMENT, &[])?;
        self.remove(NO_SEGMENT)
    }
}

/// To remove what is not there is no error: a change that is taken back removes what it may not have made yet.
pub(super) fn gone(removed: Result<(), MapError>) -> Result<(), MapError> {
    match removed {
        Err(MapError::KeyNotFound) => Ok(()),
        Err(MapError::SyscallError(error)) if error.io_error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}
