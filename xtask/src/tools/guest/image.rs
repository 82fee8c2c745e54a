//! The kernel that the guests boot, out of its compressed image: an emulated processor would take seconds to unpack it, at every boot.

use std::{fs, path::Path};

use anyhow::{Context, Result};

use super::unpack;

/// How a payload begins, what unpacks it, and the bytes behind it that are not its own: Linux's build appends the unpacked size
/// (`size_append` in scripts/Makefile.lib), but to gzip, which has it anyway.
const FORMATS: [(&[u8], &str, usize); 3] = [
    (b"\xfd7zXZ\0", "xz", 4),
    (b"\x28\xb5\x2f\xfd", "zstd", 4),
    (b"\x1f\x8b", "gzip", 0),
];

/// The ELF note by which an emulator finds the entry for 32-bit PVH (Xen's public/elfnote.h, `XEN_ELFNOTE_PHYS32_ENTRY`): length of the
/// name, length of what follows, type, name; little-endian.
const PVH_NOTES: [&[u8; 16]; 2] = [
    b"\x04\0\0\0\x04\0\0\0\x12\0\0\0Xen\0",
    b"\x04\0\0\0\x08\0\0\0\x12\0\0\0Xen\0",
];

/// Puts what is to be booted into `to`: the kernel itself if it can be had out of `image` and be booted so, else `image`.
///
/// # Errors
/// When a file cannot be read or written.
pub(super) fn provide(image: &Path, to: &Path) -> Result<()> {
    let bytes = fs::read(image).with_context(|| format!("cannot read {}", image.display()))?;
    if let Some((payload, program)) = payload(&bytes) {
        let packed = to.with_extension("packed");
        fs::write(&packed, payload).with_context(|| format!("cannot write {}", packed.display()))?;
        let unpacked = unpack(program, &packed, to);
        fs::remove_file(&packed)?;
        if unpacked.is_ok() && boots_by_itself(&fs::read(to)?) {
            return Ok(());
        }
    }
    fs::write(to, &bytes).with_context(|| format!("cannot write {}", to.display()))
}

/// The compressed kernel in an image for x86 and what unpacks it (Linux, Documentation/arch/x86/boot.rst: `setup_sects` at 0x1f1 in
/// sectors of 512 bytes, `payload_offset` and `payload_length` at 0x248 and 0x24c, little-endian).
fn payload(image: &[u8]) -> Option<(&[u8], &'static str)> {
    let number = |at: usize| {
        let bytes = image.get(at..at + 4)?.try_into().ok()?;
        usize::try_from(u32::from_le_bytes(bytes)).ok()
    };
    let setup = (usize::from(*image.get(0x1f1)?) + 1) * 512;
    let from = setup.checked_add(number(0x248)?)?;
    let whole = image.get(from..from.checked_add(number(0x24c)?)?)?;
    let (_, program, behind) = FORMATS.iter().find(|(magic, ..)| whole.starts_with(magic))?;
    Some((whole.get(..whole.len().checked_sub(*behind)?)?, program))
}

fn boots_by_itself(kernel: &[u8]) -> bool {
    let notes = || kernel.windows(16).step_by(4);
    kernel.starts_with(b"\x7fELF") && notes().any(|note| PVH_NOTES.iter().any(|known| note == *known))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An image with two setup sectors and a payload 8 bytes behind them.
    fn image(payload: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0; 1536 + 8];
        bytes[0x1f1] = 2;
        bytes[0x248] = 8;
        bytes[0x24c..0x250].copy_from_slice(&u32::try_from(payload.len()).unwrap().to_le_bytes());
        bytes.extend(payload);
        bytes
    }

    #[test]
    fn the_payload_is_found_without_what_is_appended() {
        let xz = image(b"\xfd7zXZ\0abcdSIZE");
        assert_eq!(payload(&xz), Some((&b"\xfd7zXZ\0abcd"[..], "xz")));
        let gzip = image(b"\x1f\x8babcd");
        assert_eq!(payload(&gzip), Some((&b"\x1f\x8babcd"[..], "gzip")));
    }

    #[test]
    fn an_image_of_another_kind_or_cut_short_has_none() {
        assert_eq!(payload(&image(b"\x02\x21\x4c\x18abcd")), None);
        let cut = image(b"\xfd7zXZ\0abcdSIZE");
        assert_eq!(payload(&cut[..cut.len() - 1]), None);
        assert_eq!(payload(b"MZ"), None);
    }

    #[test]
    fn only_a_kernel_with_the_note_boots_by_itself() {
        let note = PVH_NOTES[1];
        assert!(boots_by_itself(&[b"\x7fELF\0\0\0\0", &note[..]].concat()));
        assert!(!boots_by_itself(&[b"\x7fELF", &[0; 32][..]].concat()));
        assert!(!boots_by_itself(note));
    }
}
