//! Sending the message that a packet was too big.

use aya_ebpf::bindings::xdp_action::XDP_DROP;
use fabric_common::maps::told_index;
use fabric_common::tell::tell;

use crate::counters::{bump, count};
use crate::frame::XdpFrame;
use crate::maps::{EGRESS, KernelTables, Own, TOO_BIG};

/// `None` if the frame ends here.
#[inline(always)]
pub(crate) fn tell_sender(frame: &mut XdpFrame) -> Option<u32> {
    // SAFETY: a per-CPU value that the entry program has just written; XDP on one CPU is not interrupted by XDP.
    let ask = unsafe { *TOO_BIG.get_ptr(0)? };
    let told = tell(frame, &ask, &KernelTables)?;
    // `fabric_flood` must take it for complete.
    frame.clear_metadata().ok()?;
    let action = EGRESS.redirect(u32::from(told.slot), u64::from(XDP_DROP)).ok()?;
    count(Own::here().sent(told.path), told.len);
    bump(told_index(ask.slot));
    Some(action)
}
