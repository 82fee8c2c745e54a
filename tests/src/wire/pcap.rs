//! Captures as files that Wireshark opens.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::Path;

use anyhow::{Context, Result};

use super::Captured;

/// Length of what a file begins with, in bytes.
const FILE_HEADER: u64 = 24;
/// Length of what a frame begins with: its time and twice its length, in bytes.
const FRAME_HEADER: usize = 16;

/// Classic pcap with nanosecond times, little endian (draft-ietf-opsawg-pcap).
const MAGIC_NANOSECONDS: u32 = 0xa1b2_3c4d;
const LINKTYPE_ETHERNET: u32 = 1;
const SNAP_LENGTH: u32 = 1 << 18;

/// Writes `frames` to `path`.
///
/// # Errors
/// When the file cannot be written.
pub fn write_pcap(path: &Path, frames: &[Captured]) -> Result<()> {
    let write = || -> Result<()> {
        let mut out = BufWriter::new(File::create(path)?);
        write_header(&mut out)?;
        for frame in frames {
            write_frame(&mut out, frame)?;
        }
        Ok(out.flush()?)
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}

/// What a file begins with.
///
/// # Errors
/// When it cannot be written.
pub(super) fn write_header(out: &mut impl Write) -> Result<()> {
    out.write_all(&MAGIC_NANOSECONDS.to_le_bytes())?;
    out.write_all(&[2, 0, 4, 0])?;
    out.write_all(&[0; 8])?;
    out.write_all(&SNAP_LENGTH.to_le_bytes())?;
    Ok(out.write_all(&LINKTYPE_ETHERNET.to_le_bytes())?)
}

/// One frame more.
///
/// # Errors
/// When it cannot be written.
pub(super) fn write_frame(out: &mut impl Write, frame: &Captured) -> Result<()> {
    let seconds = u32::try_from(frame.at.as_secs())?;
    let length = u32::try_from(frame.bytes.len())?;
    for word in [seconds, frame.at.subsec_nanos(), length, length] {
        out.write_all(&word.to_le_bytes())?;
    }
    Ok(out.write_all(&frame.bytes)?)
}

/// The bytes of some frames by their places from 0, of a file that this module has written.
///
/// # Errors
/// When it cannot be read, or ends before.
pub(super) fn read_some(file: &File, wanted: &[usize]) -> Result<BTreeMap<usize, Vec<u8>>> {
    let mut from = BufReader::new(file);
    from.seek(SeekFrom::Start(FILE_HEADER))?;
    let mut found = BTreeMap::new();
    for place in 0..=wanted.iter().copied().max().unwrap_or(0) {
        let mut header = [0; FRAME_HEADER];
        from.read_exact(&mut header)?;
        let [.., a, b, c, d] = header;
        let length = u32::from_le_bytes([a, b, c, d]);
        if wanted.contains(&place) {
            let mut bytes = vec![0; usize::try_from(length)?];
            from.read_exact(&mut bytes)?;
            found.insert(place, bytes);
        } else {
            from.seek_relative(i64::from(length))?;
        }
    }
    Ok(found)
}
