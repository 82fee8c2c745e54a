//! The device map program: the last step of a flooded copy.

#![expect(
    clippy::cast_possible_truncation,
    reason = "a flood list has far fewer than 2^16 members"
)]

use fabric_common::flood::{Metadata, copy};
use fabric_common::maps::{Direction, drop_index};
use fabric_common::{DropReason, Tables};

use crate::counters::{bump, count};
use crate::frame::XdpFrame;
use crate::maps::{FLOOD_PROGRESS, KernelTables, Own};

#[inline(always)]
pub(crate) fn finish_copy(frame: &mut XdpFrame) -> Result<(), ()> {
    let slot = egress(frame);
    finish(frame, slot).map_err(|reason| refused(slot, reason))
}

/// Counts a copy that came without its metadata.
#[inline(always)]
pub(crate) fn refuse_copy(frame: &XdpFrame) -> Result<(), ()> {
    refused(egress(frame), DropReason::BadMetadata);
    Err(())
}

/// Copies for a port that cannot send were counted where the frame came in, see [`fabric_common::flood::Unsent`].
#[inline(always)]
fn refused(slot: u16, reason: DropReason) {
    if !KernelTables.is_silent(slot) {
        bump(drop_index(slot, Direction::Out, reason as u8));
    }
}

#[inline(always)]
fn egress(frame: &XdpFrame) -> u16 {
    KernelTables
        .port(frame.egress_ifindex())
        .map_or(0, |port| port.slot)
}

#[inline(always)]
fn finish(frame: &mut XdpFrame, slot: u16) -> Result<(), DropReason> {
    let metadata = frame.pop_metadata::<Metadata>().ok_or(DropReason::BadMetadata)?;
    if metadata.magic != Metadata::MAGIC {
        return Err(DropReason::BadMetadata);
    }
    let number = copy_number(slot, metadata.sequence).ok_or(DropReason::UnknownPort)?;
    if KernelTables.is_silent(slot) {
        return Err(DropReason::LinkDown);
    }
    let copy = copy(frame, &metadata, slot, number, &KernelTables)?;
    count(Own::here().sent(copy.path), copy.len);
    Ok(())
}

/// Which copy of its frame this is at this port. The program cannot see its key in the flood list; but the
/// copies of one frame come to a port one after the other on one CPU, so counting them tells.
#[inline(always)]
fn copy_number(slot: u16, sequence: u32) -> Option<u16> {
    let progress = FLOOD_PROGRESS.get_ptr_mut(u32::from(slot))?;
    // SAFETY: a per-CPU value, and XDP on one CPU is not interrupted by XDP.
    unsafe {
        if (*progress).sequence != sequence {
            (*progress).sequence = sequence;
            (*progress).copies = 0;
        }
        let number = (*progress).copies;
        (*progress).copies = number.wrapping_add(1);
        Some(number as u16)
    }
}
