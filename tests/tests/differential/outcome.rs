//! What a run of the kernel's program and an outcome of the host's come to, side by side.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use fabric_common::flood::{Metadata, SEAL};
use fabric_common::maps::{Count, Direction, drop_index};
use fabric_tests::bpf::{Action, Run};
use fabric_tests::frame::diff;
use fabric_userspace::compile::twin::{Copied, Counters, Outcome};

/// What a test run does not do.
pub(super) fn forget_copies(counters: &mut Counters, copies: &[Copied]) {
    for copy in copies {
        match copy {
            Copied::Sent(sent) => {
                let count = counters.frames_out.get_mut(&sent.path).expect("counted");
                count.frames -= 1;
                count.bytes -= sent.bytes.len() as u64;
                if count.frames == 0 {
                    counters.frames_out.remove(&sent.path);
                }
            }
            Copied::Dropped(slot, reason) => {
                let index = drop_index(*slot, Direction::Out, *reason as u8);
                let count = counters.drops.get_mut(&index).expect("counted");
                *count -= 1;
                if *count == 0 {
                    counters.drops.remove(&index);
                }
            }
        }
    }
}

/// Only what moved.
pub(super) fn since(before: &Counters, after: &Counters) -> Counters {
    let counts = |before: &BTreeMap<u32, Count>, after: &BTreeMap<u32, Count>| {
        let moves = after.iter().map(|(id, now)| {
            let then = before.get(id).copied().unwrap_or_default();
            let count = Count {
                frames: now.frames - then.frames,
                bytes: now.bytes - then.bytes,
            };
            (*id, count)
        });
        moves.filter(|(_, count)| count.frames != 0).collect()
    };
    let drops = after.drops.iter().map(|(index, now)| {
        let then = before.drops.get(index).copied().unwrap_or(0);
        (*index, now - then)
    });
    Counters {
        frames_in: counts(&before.frames_in, &after.frames_in),
        frames_out: counts(&before.frames_out, &after.frames_out),
        drops: drops.filter(|(_, frames)| *frames != 0).collect(),
    }
}

/// In what the two sides part.
pub(super) fn difference(run: &Run, outcome: &Outcome, frame: &[u8], metadata: usize) -> Option<String> {
    let (action, bytes) = match outcome {
        Outcome::Passed => (Action::Pass, Some(frame)),
        // The bytes of a frame that ends here are nobody's.
        Outcome::Dropped(_) => (Action::Drop, None),
        Outcome::Sent(sent) | Outcome::Told(_, sent) => (Action::Redirect, Some(&sent.bytes[..])),
        Outcome::Flooded(copies) | Outcome::Asked(copies) => return flooded(run, copies, metadata),
    };
    if run.action != action {
        return Some(format!("the kernel says {:?}, the host {action:?}", run.action));
    }
    bytes.and_then(|bytes| diff(bytes, &run.frame))
}

/// Nothing but the tenant's frame is left; the metadata says what the copies need.
fn flooded(run: &Run, copies: &[Copied], foreign: usize) -> Option<String> {
    if run.action != Action::Redirect {
        return Some(format!("the kernel says {:?}, the host floods", run.action));
    }
    if run.metadata.len() != size_of::<Metadata>() + foreign {
        return Some(format!("{} bytes of metadata", run.metadata.len()));
    }
    let word = |at: usize| u32::from_ne_bytes(run.metadata[at..at + 4].try_into().unwrap());
    let metadata = Metadata {
        magic: word(0),
        segment_horizon: word(4),
        sequence: word(8),
        switches: word(12),
        ingress: word(16),
        start: run.metadata[20..28].try_into().unwrap(),
    };
    let mut wrong = String::new();
    if metadata.magic != Metadata::MAGIC {
        let _ = write!(wrong, "no magic in {metadata:?}");
    }
    let Some(rest) = run.frame.strip_prefix(&SEAL) else {
        return Some(format!("no seal on {}", hex(&run.frame)));
    };
    // Every copy contains the tenant's frame; what is under the seal must be that.
    let tenants = [&metadata.start, &rest[metadata.start.len() - SEAL.len()..]].concat();
    let (macs, body) = tenants.split_at(12);
    for copy in copies {
        if let Copied::Sent(sent) = copy
            && !(sent.bytes.ends_with(body) && sent.bytes.windows(12).any(|bytes| bytes == macs))
        {
            let _ = write!(wrong, "the copy {} is of another frame", hex(&sent.bytes));
        }
    }
    (!wrong.is_empty()).then_some(wrong)
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing into a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
