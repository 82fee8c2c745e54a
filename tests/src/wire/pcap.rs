//! Captures as files that Wireshark opens.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::{Context, Result};

use super::Captured;

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
        out.write_all(&MAGIC_NANOSECONDS.to_le_bytes())?;
        out.write_all(&[2, 0, 4, 0])?;
        out.write_all(&[0; 8])?;
        out.write_all(&SNAP_LENGTH.to_le_bytes())?;
        out.write_all(&LINKTYPE_ETHERNET.to_le_bytes())?;
        for frame in frames {
            write_frame(&mut out, frame)?;
        }
        Ok(out.flush()?)
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}

fn write_frame(out: &mut impl Write, frame: &Captured) -> Result<()> {
    let seconds = u32::try_from(frame.at.as_secs())?;
    let length = u32::try_from(frame.bytes.len())?;
    for word in [seconds, frame.at.subsec_nanos(), length, length] {
        out.write_all(&word.to_le_bytes())?;
    }
    Ok(out.write_all(&frame.bytes)?)
}
