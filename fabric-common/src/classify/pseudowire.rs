//! Dedicated lines with labels: each link perhaps in an outer VLAN, labelled frames and S+C tagged ones beside each other.

use super::label::{Labelled, label};
use super::read_macs;
use super::trunk::tagged;
use crate::buckets::find;
use crate::maps::{Port, line_key};
use crate::tables::Table;
use crate::wire::{ETHERTYPE_MPLS, MACS, TPID_C, VID_MASK, VLAN_TAG};
use crate::{DropReason, Frame, Tables};

/// Classifies a frame of a line.
#[inline(always)]
pub fn pseudowire<'t, F: Frame, T: Tables>(
    frame: &F,
    port: &Port,
    tables: &'t T,
) -> Result<Labelled<'t>, DropReason> {
    let mut kind = u16::from_be_bytes(frame.read(MACS)?);
    let (mut vlan, mut at) = (0, MACS);
    if kind == TPID_C && port.tpid != TPID_C {
        vlan = u16::from_be_bytes(frame.read(MACS + 2)?) & VID_MASK;
        at = MACS + VLAN_TAG;
        kind = u16::from_be_bytes(frame.read(at)?);
    }
    if kind != ETHERTYPE_MPLS {
        return tagged(frame, port, (vlan, at), tables).map(Labelled::Here);
    }
    if read_macs(frame, 0)?.destination() != port.line_mac {
        return Err(DropReason::NotForUs);
    }
    label(frame, port, (line(port, vlan, tables)?, at + 2), tables)
}

#[inline(always)]
fn line<T: Tables>(port: &Port, vlan: u16, tables: &T) -> Result<u32, DropReason> {
    if vlan == 0 {
        return Ok(u32::from(port.line));
    }
    let found = find(tables, Table::Tags, line_key(port.slot, vlan), |value| value != 0);
    #[expect(clippy::cast_possible_truncation, reason = "lines have 8 bits")]
    found.map(|(_, line)| line as u32).ok_or(DropReason::UnknownLine)
}
