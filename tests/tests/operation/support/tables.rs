//! What stands in the maps that decide where frames go, byte for byte.

use std::collections::BTreeMap;
use std::fs;
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use aya::maps::MapData;
use fabric_common::maps::{Port, name};
use fabric_tests::fabric::Agent;
use fabric_tests::netns::run_tool;
use sha2::{Digest as _, Sha256};

/// Arrays that the agent writes in place.
const ARRAYS: [&str; 9] = [
    name::PORTS,
    name::ACCESS,
    name::TAGS,
    name::TUNNEL_KEYS,
    name::BINDINGS,
    name::TUNNELS,
    name::SEGMENTS,
    name::NEXT_HOPS,
    name::PATHS,
];
/// The others; of the flood lists only their numbers, a list itself is another map.
const OTHERS: [&str; 3] = [name::VTEPS, name::FLOOD_NEXT_HOPS, name::EGRESS];

/// All of the agent's decisions, to be compared. Learned stations, counters and carriers are left out: they move by themselves.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Tables {
    maps: BTreeMap<&'static str, String>,
    files: BTreeMap<String, Vec<u8>>,
}

impl Tables {
    /// The maps and the state directory as they are now.
    pub(crate) fn of(agent: &Agent) -> Self {
        let pins = agent.state_dir().join("bpf");
        let arrays = ARRAYS.into_iter().map(|map| {
            let mut bytes = contents(&pins.join(map));
            if map == name::PORTS {
                forget_silence(&mut bytes);
            }
            (map, digest(&bytes))
        });
        let others = OTHERS.into_iter().map(|map| {
            let mut dump = Command::new("bpftool");
            dump.args(["-j", "map", "dump", "pinned"]).arg(pins.join(map));
            (map, run_tool(&mut dump).unwrap())
        });
        let maps = arrays.chain(others).collect();
        Self {
            maps,
            files: files(&agent.state_dir()),
        }
    }
}

/// Every file of the state directory, except what departed bindings have counted.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = [folder.to_owned(), folder.join("history")];
    let entries = entries.iter().flat_map(|folder| fs::read_dir(folder).unwrap());
    let files = entries.map(|entry| entry.unwrap().path());
    let stays = |path: &PathBuf| {
        let is_on_its_way = path.extension().is_some_and(|kind| kind == "new");
        path.is_file() && !path.ends_with("counts.json") && !is_on_its_way
    };
    let files = files.filter(stays);
    files
        .map(|path| (path.display().to_string(), fs::read(&path).unwrap()))
        .collect()
}

fn contents(pin: &Path) -> Vec<u8> {
    let map = MapData::from_pin(pin).unwrap();
    let info = map.info().unwrap();
    // The kernel lays elements of an array out at multiples of 8 bytes (array_map_alloc).
    let element = usize::try_from(info.value_size()).unwrap().next_multiple_of(8);
    let length = element * usize::try_from(info.max_entries()).unwrap();
    let descriptor = map.fd().as_fd().as_raw_fd();
    // SAFETY: a new mapping of a descriptor that is open; it is only read, within its length, and nobody keeps it.
    unsafe {
        let at = libc::mmap(
            std::ptr::null_mut(),
            length,
            libc::PROT_READ,
            libc::MAP_SHARED,
            descriptor,
            0,
        );
        assert_ne!(
            at,
            libc::MAP_FAILED,
            "{}: {}",
            pin.display(),
            std::io::Error::last_os_error()
        );
        let bytes = std::slice::from_raw_parts(at.cast::<u8>(), length).to_vec();
        libc::munmap(at, length);
        bytes
    }
}

/// That some port cannot send is the carriers' doing, and comes and goes while ports are made.
fn forget_silence(ports: &mut [u8]) {
    for port in ports.chunks_exact_mut(size_of::<Port>()) {
        let at = std::mem::offset_of!(Port, flags);
        let flags = u16::from_ne_bytes([port[at], port[at + 1]]) & !Port::SILENCE;
        port[at..at + 2].copy_from_slice(&flags.to_ne_bytes());
    }
}

fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
