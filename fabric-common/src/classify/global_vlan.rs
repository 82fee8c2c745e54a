//! Frames in a VLAN that names one segment in the whole fabric; the tenant's own tag, if any, follows it.

use super::{Classified, bound, opened};
use crate::maps::{Port, global_vlan_key};
use crate::rewrite::Inner;
use crate::wire::{MACS, VLAN_TAG};
use crate::{DropReason, Frame, Tables};

/// Classifies a frame whose first tag is `vid`; `None` if that is no global VLAN of this port.
#[inline(always)]
pub(super) fn global_vlan<'t, F: Frame, T: Tables>(
    frame: &F,
    port: &Port,
    vid: u16,
    tables: &'t T,
) -> Option<Result<Classified<'t>, DropReason>> {
    if !port.has(Port::GLOBAL_VLANS) {
        return None;
    }
    let binding = bound(tables, global_vlan_key(port.slot, vid))?;
    let inner = Inner {
        macs: 0,
        body: MACS + VLAN_TAG,
    };
    Some(opened(frame, port, binding, inner))
}
