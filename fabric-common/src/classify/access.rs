//! Tenant-facing ports: (port, the tenant's own VLAN or untagged) names the segment.

use super::{Classified, check_addresses, check_behind_priority_tag, check_payload, own_vlan, read_macs};
use crate::maps::{Port, access_index};
use crate::rewrite::Inner;
use crate::wire::VID_RESERVED;
use crate::{DropReason, Frame, Tables};

/// Classifies a frame from a tenant. A priority tag (VID 0) counts as untagged (IEEE 802.1Q clause 6.9).
#[inline(always)]
pub fn access<'t, F: Frame, T: Tables>(
    frame: &F,
    port: &Port,
    tables: &'t T,
) -> Result<Classified<'t>, DropReason> {
    let inner = Inner::PLAIN;
    let macs = read_macs(frame, inner.macs)?;
    check_addresses(port, macs)?;
    let (vid, ethertype_at) = own_vlan(frame, inner.body)?;
    if vid == VID_RESERVED {
        return Err(DropReason::ReservedVid);
    }
    check_payload(frame, ethertype_at)?;
    let binding = tables
        .access(access_index(port.slot, vid))
        .filter(|binding| binding.segment() != 0)
        .ok_or(DropReason::UnmappedVlan)?;
    check_behind_priority_tag(frame, binding, ethertype_at)?;
    Ok(Classified { binding, inner, macs })
}
