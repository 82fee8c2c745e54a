//! Learning: which station is behind which next hop.

use crate::buckets::{Claim, Slot, claim, find};
use crate::maps::{FdbValue, MOVES_BEFORE_DAMPING, fdb_key};
use crate::tables::{Table, Tables};

/// Notes that `mac` was heard in `segment` behind `next_hop`; 0 notes nothing.
///
/// A segment at its limit and a full table cost the station its entry, never a frame. If the document says that the address is
/// behind another next hop, that one is the answer; else 0. It is a number, not the next hop itself: so the verifier goes on
/// once, and not once for each slot of a bucket that the address may be in.
#[inline(always)]
pub fn source<T: Tables>(tables: &T, segment: u32, mac: u64, next_hop: u32) -> u32 {
    if next_hop == 0 {
        return 0;
    }
    let key = fdb_key(segment, mac);
    let now = tables.now();
    match find(tables, Table::Fdb, key, |value| FdbValue(value).is_of(segment)) {
        Some((_, value)) if FdbValue(value).is_static() => {
            let fixed = FdbValue(value).next_hop();
            return if fixed == next_hop { 0 } else { fixed };
        }
        Some((slot, value)) => refresh(tables, key, slot, FdbValue(value), segment, next_hop, now),
        None => enter(tables, key, segment, FdbValue::learned(segment, next_hop, now)),
    }
    0
}

#[inline(always)]
fn refresh<T: Tables>(
    tables: &T,
    key: u64,
    slot: &Slot,
    value: FdbValue,
    segment: u32,
    next_hop: u32,
    now: u32,
) {
    if value.next_hop() == next_hop {
        // One write a tick and station: a line written per frame would bounce between CPUs.
        if value.last_seen() != now & 0xffff {
            slot.value.compare_exchange(value.0, value.seen(now).0);
        }
    } else {
        follow(tables, key, slot, value, segment, next_hop, now);
    }
}

/// A station has moved. Compare-and-exchange, because the slot may have been given to another station, of
/// another tenant even, since it was read.
#[inline(always)]
fn follow<T: Tables>(
    tables: &T,
    key: u64,
    slot: &Slot,
    value: FdbValue,
    segment: u32,
    next_hop: u32,
    now: u32,
) {
    let Some(entry) = tables.segment(segment) else {
        return;
    };
    let quiet = now.wrapping_sub(value.moved_at()) & 0xfff >= tables.damping_ticks();
    let moves = if quiet { 1 } else { value.moves() + 1 };
    if moves > MOVES_BEFORE_DAMPING {
        entry.damped.add(1);
        return;
    }
    let moved = value.moved(next_hop, now, moves).0;
    if slot.value.compare_exchange(value.0, moved) != value.0 {
        return;
    }
    if slot.key.load() != key {
        // The agent has moved the entry, and another one with the very same value has got the slot.
        slot.value.compare_exchange(moved, value.0);
        return;
    }
    entry.moves.add(1);
}

#[inline(always)]
fn enter<T: Tables>(tables: &T, key: u64, segment: u32, value: FdbValue) {
    let Some(entry) = tables.segment(segment) else {
        return;
    };
    if entry.learned.load() >= entry.mac_limit.load() {
        entry.refused.add(1);
        return;
    }
    match claim(tables, Table::Fdb, key, value.0) {
        Claim::Placed => {
            entry.learned.add(1);
        }
        Claim::Full => {
            entry.unplaced.add(1);
        }
        Claim::Lost => {}
    }
}
