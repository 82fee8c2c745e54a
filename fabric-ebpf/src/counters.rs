//! Counting, each CPU in counters of its own.

use fabric_common::maps::Count;

use crate::maps::Own;

/// One frame more.
#[inline(always)]
pub(crate) fn bump(index: u32) {
    add(index, 1);
}

/// So many frames more.
#[inline(always)]
pub(crate) fn add(index: u32, frames: u32) {
    if let Some(counter) = Own::here().dropped(index) {
        // SAFETY: the CPU's own, and XDP on one CPU is not interrupted by XDP.
        unsafe { *counter += u64::from(frames) };
    }
}

/// One frame of `len` bytes more.
#[inline(always)]
pub(crate) fn count(counter: Option<*mut Count>, len: usize) {
    if let Some(counter) = counter {
        // SAFETY: the CPU's own, and XDP on one CPU is not interrupted by XDP.
        unsafe {
            (*counter).frames += 1;
            (*counter).bytes += len as u64;
        }
    }
}
