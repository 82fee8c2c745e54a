//! Flood lists: one device map per segment, replaced whole.
//!
//! The kernel ends each write to a map of maps with a wait for every program that was running (`maybe_wait_bpf_programs`, since
//! Linux 4.20), 10 to 30 ms; a batch waits once (seen on Linux 6.18).

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd, RawFd};

use aya::maps::{DevMapHash, HashOfMaps, Map, MapData, MapError};
use aya::programs::ProgramFd;
use aya_obj::generated::bpf_cmd::{self, BPF_MAP_DELETE_BATCH, BPF_MAP_UPDATE_BATCH};
use fabric_common::maps::name;

use super::LoadError;
use super::syscall::bpf;

/// `BPF_MAP_TYPE_DEVMAP_HASH` (linux/bpf.h).
const DEVMAP_HASH: u32 = 25;
/// A segment id that no segment has.
const NO_SEGMENT: u32 = 0;
/// Each new list is a descriptor until its batch is written.
const AT_ONCE: usize = 128;

/// The part of `union bpf_attr` for batches.
#[repr(C)]
struct Batch {
    after: u64,
    reached: u64,
    keys: u64,
    values: u64,
    count: u32,
    map: RawFd,
    element_flags: u64,
    flags: u64,
}

/// The map of flood lists.
pub(super) struct FloodLists {
    lists: HashOfMaps<MapData, u32, DevMapHash<MapData>>,
    /// The same map.
    descriptor: OwnedFd,
    program: ProgramFd,
    named: Named,
}

/// Which lists name which ports. What every way to a port has to name: a port's queue keeps the program of its first frame for
/// all that are in it, flooded or not (`bq_enqueue` in kernel/bpf/devmap.c). So all ways to a port that a list names have the
/// program for copies, and only those.
#[derive(Debug, Default)]
struct Named {
    /// Ports of each segment's list.
    lists: BTreeMap<u32, BTreeSet<u16>>,
    /// How many lists name a port, not 0.
    ports: BTreeMap<u16, u32>,
    /// Ports that have the program, and may have no list any more.
    idle: BTreeSet<u16>,
}

impl Named {
    fn add(&mut self, segment: u32, slots: &[u16]) {
        let list = self.lists.entry(segment).or_default();
        for slot in slots {
            if list.insert(*slot) {
                *self.ports.entry(*slot).or_default() += 1;
            }
        }
    }

    fn keep(&mut self, segment: u32, slots: &[u16]) {
        let kept: BTreeSet<u16> = slots.iter().copied().collect();
        let named = match kept.is_empty() {
            true => self.lists.remove(&segment),
            false => self.lists.insert(segment, kept.clone()),
        };
        for slot in named.unwrap_or_default().difference(&kept) {
            let count = self.ports.entry(*slot).or_default();
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.ports.remove(slot);
                self.idle.insert(*slot);
            }
        }
    }
}

impl FloodLists {
    /// `map` is `FLOOD`.
    pub(super) fn new(map: Map, program: ProgramFd) -> Result<Self, LoadError> {
        let Map::HashOfMaps(data) = &map else {
            return Err(LoadError::NoMap(name::FLOOD));
        };
        let descriptor = data.fd().as_fd().try_clone_to_owned().map_err(wrong)?;
        let lists = HashOfMaps::try_from(map).map_err(wrong)?;
        Ok(Self {
            lists,
            descriptor,
            program,
            named: Named::default(),
        })
    }

    /// The program that gives copies their stacks.
    pub(super) fn program(&self) -> &ProgramFd {
        &self.program
    }

    /// Whether a list names the port, or may have done so when the port was last looked at.
    pub(super) fn may_name(&self, slot: u16) -> bool {
        self.named.ports.contains_key(&slot) || self.named.idle.contains(&slot)
    }

    /// The segment's list is about to name these ports besides those that it names now.
    pub(super) fn will_name(&mut self, segment: u32, slots: &[u16]) {
        self.named.add(segment, slots);
    }

    /// The segment's list names these ports and no others.
    pub(super) fn names_only(&mut self, segment: u32, slots: &[u16]) {
        self.named.keep(segment, slots);
    }

    /// A port has the program, and perhaps no list.
    pub(super) fn is_idle(&mut self, slot: u16) {
        self.named.idle.insert(slot);
    }

    /// Ports that have the program and no list.
    pub(super) fn idle(&mut self) -> Vec<u16> {
        let Named { ports, idle, .. } = &mut self.named;
        idle.retain(|slot| !ports.contains_key(slot));
        idle.iter().copied().collect()
    }

    /// An idle port has lost the program.
    pub(super) fn is_spared(&mut self, slot: u16) {
        self.named.idle.remove(&slot);
    }

    /// Puts new lists of interfaces in place of the segments' old ones, each with one write.
    pub(super) fn set(&mut self, lists: &[(u32, Vec<u32>)]) -> Result<(), LoadError> {
        for part in lists.chunks(AT_ONCE) {
            let segments: Vec<u32> = part.iter().map(|(segment, _)| *segment).collect();
            let made: Vec<MapData> = part
                .iter()
                .map(|(_, list)| self.list(list))
                .collect::<Result<_, _>>()?;
            let descriptors: Vec<RawFd> = made.iter().map(|list| list.fd().as_fd().as_raw_fd()).collect();
            let (_, written) = self.batch(BPF_MAP_UPDATE_BATCH, &segments, &descriptors);
            written.map_err(wrong)?;
        }
        Ok(())
    }

    fn list(&self, interfaces: &[u32]) -> Result<MapData, LoadError> {
        let room = u32::try_from(interfaces.len().max(1)).map_err(wrong)?;
        let blueprint = aya_obj::Map::new_from_params(DEVMAP_HASH, 4, 8, room, 0);
        let mut map = Map::DevMapHash(MapData::create(blueprint, "flood_list", None).map_err(wrong)?);
        let mut list = DevMapHash::try_from(&mut map).map_err(wrong)?;
        for (key, interface) in (0..).zip(interfaces) {
            list.insert(key, *interface, Some(&self.program), 0)
                .map_err(wrong)?;
        }
        let Map::DevMapHash(data) = map else {
            return Err(LoadError::NoMap(name::FLOOD));
        };
        Ok(data)
    }

    /// Takes the lists of these segments away. To remove what is not there is no error, see [`gone`].
    pub(super) fn remove(&mut self, segments: &[u32]) -> Result<(), LoadError> {
        let mut rest = segments;
        while !rest.is_empty() {
            match self.batch(BPF_MAP_DELETE_BATCH, rest, &[]) {
                (_, Ok(())) => break,
                (done, Err(error)) if error.kind() == io::ErrorKind::NotFound => {
                    rest = rest.get(done + 1..).unwrap_or_default();
                }
                (_, Err(error)) => return Err(wrong(error)),
            }
        }
        Ok(())
    }

    /// Also says how many elements were done.
    fn batch(&self, command: bpf_cmd, segments: &[u32], values: &[RawFd]) -> (usize, io::Result<()>) {
        let mut batch = Batch {
            after: 0,
            reached: 0,
            keys: segments.as_ptr() as u64,
            values: values.as_ptr() as u64,
            count: u32::try_from(segments.len()).unwrap_or(u32::MAX),
            map: self.descriptor.as_raw_fd(),
            element_flags: 0,
            flags: 0,
        };
        let done = bpf(command, &mut batch).map(drop);
        (usize::try_from(batch.count).unwrap_or(usize::MAX), done)
    }

    /// Segments that have a list.
    pub(super) fn segments(&self) -> Vec<u32> {
        self.lists.keys().filter_map(Result::ok).collect()
    }

    /// Returns when every program that was running has ended.
    pub(super) fn grace(&mut self) -> Result<(), LoadError> {
        self.set(&[(NO_SEGMENT, Vec::new())])?;
        self.remove(&[NO_SEGMENT])
    }
}

fn wrong(error: impl std::error::Error + Send + Sync + 'static) -> LoadError {
    LoadError::map(name::FLOOD)(error.into())
}

/// To remove what is not there is no error: a change that is taken back removes what it may not have made yet.
pub(super) fn gone(removed: Result<(), MapError>) -> Result<(), MapError> {
    match removed {
        Err(MapError::KeyNotFound) => Ok(()),
        Err(MapError::SyscallError(error)) if error.io_error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}
