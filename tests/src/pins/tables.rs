//! The bytes of pinned maps.

use std::collections::BTreeMap;
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use aya::maps::MapData;
use serde_json::Value;

use crate::netns::run_tool;

/// A copy of an array that can be mapped.
pub(super) struct Table {
    bytes: Vec<u8>,
    element: usize,
}

/// What an array of the data path holds: plain data in which every pattern of bits is a value.
///
/// # Safety
/// The type has no padding and no invalid values.
pub(super) unsafe trait Plain: Copy {}

// SAFETY: `repr(C)` records of integers, without padding; the data path's own types.
unsafe impl Plain for fabric_common::maps::Port {}
// SAFETY: as above.
unsafe impl Plain for fabric_common::maps::Binding {}
// SAFETY: as above.
unsafe impl Plain for fabric_common::maps::NextHop {}
// SAFETY: integers, and padding behind them that nobody reads.
unsafe impl Plain for fabric_common::maps::Path {}

impl Table {
    pub(super) fn open(pin: &Path) -> Result<Self> {
        let map = MapData::from_pin(pin).with_context(|| format!("cannot open {}", pin.display()))?;
        let info = map.info()?;
        // The kernel lays elements of an array out at multiples of 8 bytes (array_map_alloc).
        let element = usize::try_from(info.value_size())?.next_multiple_of(8);
        let length = element * usize::try_from(info.max_entries())?;
        let descriptor = map.fd().as_fd().as_raw_fd();
        let (read, shared) = (libc::PROT_READ, libc::MAP_SHARED);
        // SAFETY: a new mapping of a descriptor that is open; it is only read, within its length, and nobody keeps it.
        let bytes = unsafe {
            let at = libc::mmap(std::ptr::null_mut(), length, read, shared, descriptor, 0);
            if at == libc::MAP_FAILED {
                return Err(std::io::Error::last_os_error()).context(pin.display().to_string());
            }
            let bytes = std::slice::from_raw_parts(at.cast::<u8>(), length).to_vec();
            libc::munmap(at, length);
            bytes
        };
        Ok(Self { bytes, element })
    }

    /// Entries that are live.
    pub(super) fn records<T: Plain>(&self, is_live: impl Fn(&T) -> bool) -> BTreeMap<u32, T> {
        assert!(size_of::<T>() <= self.element, "the map's entries are smaller");
        let record = |bytes: &[u8]| {
            // SAFETY: the chunk has at least the bytes of a `T`, for which every pattern is a value.
            unsafe { bytes.as_ptr().cast::<T>().read_unaligned() }
        };
        let all = (0..).zip(self.bytes.chunks_exact(self.element));
        all.map(|(id, bytes)| (id, record(bytes)))
            .filter(|(_, record)| is_live(record))
            .collect()
    }

    /// Entries of words of 32 bits, as `read` understands them.
    pub(super) fn raw<T>(&self, read: impl Fn(&[u32]) -> Option<T>) -> BTreeMap<u32, T> {
        let words = |bytes: &[u8]| {
            let (words, _) = bytes.as_chunks::<4>();
            words
                .iter()
                .map(|word| u32::from_ne_bytes(*word))
                .collect::<Vec<_>>()
        };
        let all = (0..).zip(self.bytes.chunks_exact(self.element));
        all.filter_map(|(id, bytes)| Some((id, read(&words(bytes))?)))
            .collect()
    }

    /// Keys and values of a table of buckets.
    pub(super) fn slots(&self) -> Vec<(u64, u64)> {
        let (words, _) = self.bytes.as_chunks::<8>();
        let (slots, _) = words.as_chunks::<2>();
        let slot = |[key, value]: &[[u8; 8]; 2]| (u64::from_ne_bytes(*key), u64::from_ne_bytes(*value));
        slots.iter().map(slot).filter(|(key, _)| *key != 0).collect()
    }
}

/// Bytes that a map takes, as its descriptor's file in `/proc` says.
pub(super) fn memory(pin: &Path) -> Result<u64> {
    let map = MapData::from_pin(pin).with_context(|| format!("cannot open {}", pin.display()))?;
    let file = format!("/proc/self/fdinfo/{}", map.fd().as_fd().as_raw_fd());
    let text = std::fs::read_to_string(file)?;
    let word = text.lines().find_map(|line| line.strip_prefix("memlock:"));
    Ok(word
        .context("the kernel does not tell a map's memory")?
        .trim()
        .parse()?)
}

/// Members of each segment's list, sorted: the agent orders them by slots, which it gave as ports came.
pub(super) fn flood_lists(pin: &Path) -> Result<BTreeMap<u32, Vec<u32>>> {
    let mut lists = BTreeMap::new();
    for (key, value) in pairs(pin)? {
        let segment = super::word(&key)?;
        // No frame is of segment 0. Its list comes and goes while the agent waits for a grace period.
        if segment == 0 {
            continue;
        }
        let list = dump(&["id", &super::word(&value)?.to_string()])?;
        let members = list.iter().map(|(_, value)| super::word(value));
        let mut members = members.collect::<Result<Vec<_>>>()?;
        members.sort_unstable();
        lists.insert(segment, members);
    }
    Ok(lists)
}

/// Keys and values of a map that cannot be mapped.
pub(super) fn pairs(pin: &Path) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
    dump(&["pinned", &pin.to_string_lossy()])
}

fn dump(which: &[&str]) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
    let mut command = Command::new("bpftool");
    let text = run_tool(command.args(["-j", "map", "dump"]).args(which))?;
    let entries: Vec<Value> = serde_json::from_str(&text).with_context(|| format!("{which:?}: {text}"))?;
    let live = entries.iter().filter(|entry| entry["value"].is_array());
    live.map(|entry| Ok((bytes(&entry["key"])?, bytes(&entry["value"])?)))
        .collect()
}

fn bytes(value: &Value) -> Result<Vec<u8>> {
    let items = value.as_array().context("no bytes")?;
    let byte = |item: &Value| {
        let text = item.as_str()?.strip_prefix("0x")?;
        u8::from_str_radix(text, 16).ok()
    };
    let bytes: Option<Vec<u8>> = items.iter().map(byte).collect();
    let bytes = bytes.with_context(|| format!("no bytes: {value}"))?;
    ensure!(bytes.len() >= 4, "an entry of {} bytes", bytes.len());
    Ok(bytes)
}
