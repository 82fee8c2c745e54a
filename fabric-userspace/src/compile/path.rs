//! Paths: egress port, and how much it sends. What is put on a frame there is the business of the codecs.

use fabric_common::maps::Path;

use super::PortFacts;
use super::node::Way;

/// The frame as it is: delivery at an access port.
pub(super) fn plain(slot: u16, facts: &PortFacts, segment: u32) -> Path {
    Path {
        slot,
        max_len: max_len(facts.max_frame()),
        segment,
        ..Path::default()
    }
}

/// The port of a link, for as much as the link takes.
pub(super) fn on(way: &Way, segment: u32) -> Path {
    Path {
        max_len: max_len(way.max_frame()),
        ..plain(way.slot, &way.facts, segment)
    }
}

/// The path for frames of at most so many bytes.
pub(super) fn limited(path: Path, bytes: Option<u32>) -> Path {
    Path {
        max_len: bytes.map_or(path.max_len, |bytes| path.max_len.min(max_len(bytes))),
        ..path
    }
}

fn max_len(bytes: u32) -> u16 {
    u16::try_from(bytes).unwrap_or(u16::MAX)
}

/// FNV-1a of everything in the path: the same in every version of this program, unlike the hashes of `std`.
pub(super) fn fingerprint(path: &Path) -> u64 {
    let mut bytes = Vec::with_capacity(128);
    bytes.extend(path.slot.to_le_bytes());
    bytes.extend(path.max_len.to_le_bytes());
    bytes.extend([path.pre, path.post_len, path.ip_at, path.flags]);
    bytes.extend(path.ip_sum.to_le_bytes());
    bytes.extend(path.segment.to_le_bytes());
    bytes.extend(path.post);
    path.template
        .iter()
        .for_each(|word| bytes.extend(word.to_ne_bytes()));
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}
