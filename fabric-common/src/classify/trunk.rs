//! Links between nodes of a datacenter: S-VID and C-VID name the segment and the end of it.

use super::{Classified, bound, opened};
use crate::maps::{Port, tag_key};
use crate::rewrite::Inner;
use crate::wire::{MACS, TPID_C, VID_MASK, VID_RESERVED, VLAN_TAG};
use crate::{DropReason, Frame, Tables};

/// Classifies a frame with S-tag and C-tag in front of the tenant's own tags.
#[inline(always)]
pub fn trunk<'t, F: Frame, T: Tables>(
    frame: &F,
    port: &Port,
    tables: &'t T,
) -> Result<Classified<'t>, DropReason> {
    tagged(frame, port, (0, MACS), tables)
}

/// The same where the S-tag is at `at`, behind an outer VLAN; 0 for none.
#[inline(always)]
pub(super) fn tagged<'t, F: Frame, T: Tables>(
    frame: &F,
    port: &Port,
    (vlan, at): (u16, usize),
    tables: &'t T,
) -> Result<Classified<'t>, DropReason> {
    let (s_vid, c_vid) = tags(frame, at, port.tpid)?;
    let binding = bound(tables, tag_key(port.slot, vlan, s_vid, c_vid)).ok_or(DropReason::UnknownTags)?;
    let inner = Inner {
        macs: 0,
        body: at + 2 * VLAN_TAG,
    };
    opened(frame, port, binding, inner)
}

/// The S-VID and C-VID of the two tags at `at`.
#[inline(always)]
pub(super) fn tags<F: Frame>(frame: &F, at: usize, outer_tpid: u16) -> Result<(u16, u16), DropReason> {
    let [s0, s1, s2, s3, c0, c1, c2, c3] = frame.read::<8>(at)?;
    if u16::from_be_bytes([s0, s1]) != outer_tpid {
        return Err(DropReason::NotTagged);
    }
    if u16::from_be_bytes([c0, c1]) != TPID_C {
        return Err(DropReason::NoCustomerTag);
    }
    let s_vid = u16::from_be_bytes([s2, s3]) & VID_MASK;
    let c_vid = u16::from_be_bytes([c2, c3]) & VID_MASK;
    if s_vid == 0 || s_vid == VID_RESERVED || c_vid == 0 || c_vid == VID_RESERVED {
        return Err(DropReason::ReservedVid);
    }
    Ok((s_vid, c_vid))
}
