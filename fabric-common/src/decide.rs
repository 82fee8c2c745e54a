//! The decision: which next hop, or flooding.

use crate::DropReason;
use crate::buckets::find;
use crate::classify::Relay;
use crate::label::DEFLECTED;
use crate::maps::{
    Binding, FLOOD_MAX_LEN, FdbValue, FloodMembers, FloodTerms, NextHop, Path, Segment, fdb_key, horizon,
};
use crate::tables::{Table, Tables};
use crate::wire::{Macs, is_group};

/// Where a frame goes.
pub enum Decision<'t> {
    /// To one place; [`follow`] tells how to get there.
    To(&'t NextHop),
    /// To every other port of the segment.
    Flood {
        /// [`FloodTerms::turns`].
        turns: u32,
    },
    /// To the gateway, whose interface this is: it is for everybody, and the gateway may be meant.
    Gateway(u32),
}

/// What a flooded frame would be to the kernel, which clones it before anything is put on.
#[derive(Clone, Copy, Debug)]
pub struct Copied {
    /// Bytes of the tenant's frame alone.
    pub len: usize,
    /// [`crate::Frame::is_in_one_buffer`]: of a frame in several the kernel clones the first alone (`xdpf_clone`).
    pub in_one_buffer: bool,
}

/// Where a frame to everybody came in.
#[derive(Clone, Copy, Debug)]
pub struct Ingress {
    /// Port slot.
    pub slot: u16,
    /// Split horizon group, see [`horizon`].
    pub horizon: u32,
}

impl Ingress {
    /// 1 if one copy of the segment's flood list at least is for this port, and left out therefore.
    #[inline(always)]
    const fn listed(self) -> u32 {
        1 - horizon::crosses(self.horizon, 0) / horizon::MESH as u32
    }
}

/// Chooses by segment and destination address, never by the content of the frame, which came in by the port `slot`.
#[inline(always)]
pub fn decide<'t, T: Tables>(
    tables: &'t T,
    binding: &Binding,
    macs: Macs,
    (slot, copy): (u16, Copied),
) -> Result<Decision<'t>, DropReason> {
    if binding.direct() != 0 {
        let next_hop = valid_next_hop(tables, binding, binding.direct()).ok_or(DropReason::StaleNextHop)?;
        return Ok(Decision::To(next_hop));
    }
    let destination = macs.destination();
    if !is_group(destination) {
        // An entry that points nowhere, or outside of its segment, is as good as none.
        let known = station(tables, binding.segment(), destination);
        if let Some(next_hop) = known.and_then(|id| valid_next_hop(tables, binding, id)) {
            return Ok(Decision::To(next_hop));
        }
    }
    flood(tables, binding, slot, copy)
}

/// The number of the next hop to a station.
#[inline(always)]
pub(crate) fn station<T: Tables>(tables: &T, segment: u32, mac: u64) -> Option<u32> {
    let key = fdb_key(segment, mac);
    let (_, value) = find(tables, Table::Fdb, key, |value| FdbValue(value).is_of(segment))?;
    Some(FdbValue(value).next_hop())
}

/// The check that makes a leak through the FDB impossible: whatever the entry says, and however it came
/// there, only next hops of the frame's own segment are followed.
#[inline(always)]
pub fn valid_next_hop<'t, T: Tables>(tables: &'t T, binding: &Binding, id: u32) -> Option<&'t NextHop> {
    tables
        .next_hop(id)
        .filter(|next_hop| next_hop.segment == binding.segment())
}

/// The way to a next hop for a frame that came in by the port `slot`, and its index in `COUNT_OUT`. With `silence` some port may
/// be one that cannot send.
#[inline(always)]
pub fn follow<'t, T: Tables>(
    tables: &'t T,
    (slot, silence): (u16, bool),
    binding: &Binding,
    next_hop: &NextHop,
) -> Result<(&'t Path, u32), DropReason> {
    if next_hop.horizon != 0 && u32::from(next_hop.horizon) == binding.horizon() {
        return Err(DropReason::SplitHorizon);
    }
    let path_id = next_hop.path;
    if path_id == 0 {
        return Err(DropReason::LinkDown);
    }
    let path = tables.path(path_id).ok_or(DropReason::StaleNextHop)?;
    if u32::from(path.slot ^ slot) | horizon::crosses(binding.horizon(), next_hop.horizon) == 0 {
        return Err(DropReason::SamePort);
    }
    if silence && tables.is_silent(path.slot) {
        return Err(DropReason::LinkDown);
    }
    Ok((path, path_id))
}

/// The way on of a frame that only passes. One that has been turned aside already follows its shortest way or none, and none
/// goes back by the line that it came by.
#[inline(always)]
pub fn relay_path<'t, T: Tables>(
    tables: &'t T,
    silence: bool,
    onward: &Relay<'_>,
) -> Result<(&'t Path, u32), DropReason> {
    let binding = onward.binding;
    let id = if onward.entry.class() == DEFLECTED {
        binding.learn()
    } else {
        binding.direct()
    };
    let next_hop = valid_next_hop(tables, binding, id).ok_or(DropReason::StaleNextHop)?;
    let path_id = next_hop.path;
    if path_id == 0 {
        return Err(DropReason::LinkDown);
    }
    let path = tables.path(path_id).ok_or(DropReason::StaleNextHop)?;
    if path.line() == binding.horizon() {
        return Err(DropReason::SamePort);
    }
    if silence && tables.is_silent(path.slot) {
        return Err(DropReason::LinkDown);
    }
    Ok((path, path_id))
}

#[inline(always)]
fn flood<'t, T: Tables>(
    tables: &'t T,
    binding: &Binding,
    slot: u16,
    copy: Copied,
) -> Result<Decision<'t>, DropReason> {
    let record = tables
        .segment(binding.segment())
        .ok_or(DropReason::StaleNextHop)?;
    let terms = FloodTerms(record.flood_terms.load());
    if terms.irb() != 0 {
        return Ok(Decision::Gateway(terms.irb()));
    }
    if record.flood_members.load() == 0 {
        let partner = valid_next_hop(tables, binding, record.partner(slot));
        return partner.map(Decision::To).ok_or(DropReason::NoReceiver);
    }
    let horizon = binding.horizon();
    let turns = check_flood(record, terms, copy, Some(Ingress { slot, horizon }))?;
    Ok(Decision::Flood { turns })
}

/// Whether such a frame may be flooded in a segment: to all members, or to those that are not behind the port of `from`. The answer
/// is [`FloodTerms::turns`].
#[inline(always)]
pub fn may_flood<T: Tables>(
    tables: &T,
    segment: u32,
    copy: Copied,
    from: Option<Ingress>,
) -> Result<u32, DropReason> {
    let record = tables.segment(segment).ok_or(DropReason::StaleNextHop)?;
    check_flood(record, FloodTerms(record.flood_terms.load()), copy, from)
}

#[inline(always)]
fn check_flood(
    record: &Segment,
    terms: FloodTerms,
    copy: Copied,
    from: Option<Ingress>,
) -> Result<u32, DropReason> {
    let list = FloodMembers(record.flood_members.load());
    let (members, turns) = (list.count(), terms.turns());
    let (own, elsewhere) = match from {
        Some(from) => (from.listed() & !turns, list.elsewhere(from.slot) | turns),
        None => (0, 1),
    };
    if members < own + 1 || elsewhere == 0 {
        return Err(DropReason::NoReceiver);
    }
    if copy.len > terms.max_len() as usize {
        return Err(DropReason::FloodTooBig);
    }
    // The last copy is the frame itself: where there is only one, nothing is cloned.
    if members > own + 1 && (copy.len > FLOOD_MAX_LEN || !copy.in_one_buffer) {
        return Err(DropReason::FloodTooBig);
    }
    Ok(turns)
}
