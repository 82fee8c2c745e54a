//! Dedicated lines: each link perhaps in an outer VLAN; labelled frames, S+C tagged ones, those with an I-TAG and those in a
//! global VLAN beside each other.

use super::global_vlan::global_vlan;
use super::itag::itag;
use super::label::{Labelled, label};
use super::read_macs;
use super::trunk::tagged;
use crate::buckets::find;
use crate::maps::{Port, line_key};
use crate::tables::Table;
use crate::wire::{ETHERTYPE_MPLS, MACS, TPID_C, TPID_I, TPID_S, VID_MASK, VLAN_TAG};
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
        if let Some(here) = global_vlan(frame, port, vlan, tables) {
            return here.map(Labelled::Here);
        }
        at = MACS + VLAN_TAG;
        kind = u16::from_be_bytes(frame.read(at)?);
    }
    match kind {
        ETHERTYPE_MPLS => {
            for_us(frame, port)?;
            label(frame, port, (line(port, vlan, tables)?, at + 2), tables)
        }
        TPID_S if u16::from_be_bytes(frame.read(at + VLAN_TAG)?) == TPID_I => {
            for_us(frame, port)?;
            itag(frame, port, (vlan, at), tables).map(Labelled::Here)
        }
        _ if at != MACS && kind != port.tpid && port.has(Port::GLOBAL_VLANS) => {
            Err(DropReason::UnknownGlobalVlan)
        }
        _ => tagged(frame, port, (vlan, at), tables).map(Labelled::Here),
    }
}

/// Only frames with an outer Ethernet header say which end of the line they are for.
#[inline(always)]
fn for_us<F: Frame>(frame: &F, port: &Port) -> Result<(), DropReason> {
    if read_macs(frame, 0)?.destination() == port.line_mac {
        Ok(())
    } else {
        Err(DropReason::NotForUs)
    }
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
