//! The bytes in front of a frame, layer by layer from the outside in. Layers that several codecs share are here; what only one of
//! them puts on is in its own file.

mod ethernet;
mod ip;

use fabric_common::maps::Path;

/// Layers that have been put together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Stack {
    bytes: Vec<u8>,
    ip_at: usize,
    ip_sum: u16,
    flags: u8,
}

impl Stack {
    /// Bytes so far.
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn add(mut self, bytes: &[u8]) -> Self {
        self.bytes.extend_from_slice(bytes);
        self
    }

    pub(super) fn flag(mut self, flag: u8) -> Self {
        self.flags |= flag;
        self
    }

    /// Puts the layers into a path. The data path fills in lengths, header checksum and source port.
    pub(super) fn on(&self, path: Path) -> Path {
        let byte = |length: usize| u8::try_from(length).unwrap_or(0);
        Path {
            pre: byte(self.bytes.len()),
            ip_at: byte(self.ip_at),
            ip_sum: u32::from(self.ip_sum),
            flags: path.flags | self.flags,
            template: words(&self.bytes),
            ..path
        }
    }
}

/// In memory order, as the data path copies them.
fn words(bytes: &[u8]) -> [u64; 12] {
    let mut template = [0; 12];
    for (word, chunk) in template.iter_mut().zip(bytes.chunks(8)) {
        let mut padded = [0; 8];
        padded[..chunk.len()].copy_from_slice(chunk);
        *word = u64::from_ne_bytes(padded);
    }
    template
}

#[cfg(test)]
mod tests;
