//! Frames with a B-TAG and an I-TAG (IEEE 802.1Q clauses 9.6 and 9.7, formerly 802.1ah): the I-SID names the segment, the
//! customer's frame follows whole.

use super::{Classified, bound, opened};
use crate::maps::{Port, i_sid_key};
use crate::rewrite::Inner;
use crate::wire::{I_TAG, MACS, VID_MASK, VLAN_TAG};
use crate::{DropReason, Frame, Tables};

/// UCA, set where no customer addresses follow, and Res2, which must be 0. Priority, drop eligibility and Res1 are not read.
const REFUSED: u8 = 0x08 | 0x03;

/// Classifies a frame whose B-TAG is at `at`, behind an outer VLAN; 0 for none.
#[inline(always)]
pub(super) fn itag<'t, F: Frame, T: Tables>(
    frame: &F,
    port: &Port,
    (vlan, at): (u16, usize),
    tables: &'t T,
) -> Result<Classified<'t>, DropReason> {
    let [_, _, b_high, b_low, _, _, flags, a, b, c] = frame.read::<{ VLAN_TAG + I_TAG }>(at)?;
    if flags & REFUSED != 0 {
        return Err(DropReason::BadITag);
    }
    let b_vid = u16::from_be_bytes([b_high, b_low]) & VID_MASK;
    let i_sid = u32::from_be_bytes([0, a, b, c]);
    let binding = bound(tables, i_sid_key(port.slot, vlan, b_vid, i_sid)).ok_or(DropReason::UnknownISid)?;
    let macs = at + VLAN_TAG + I_TAG;
    let inner = Inner {
        macs,
        body: macs + MACS,
    };
    opened(frame, port, binding, inner)
}
