//! Stations that a routing protocol places, beside those that XDP learns.
//!
//! What is placed is an entry as XDP makes them: a station that is heard elsewhere moves at once, without the agent. Only
//! one that may not move is entered as those of the document are.

use std::collections::HashSet;

use fabric_common::maps::{FdbValue, MOVES_BEFORE_DAMPING, Segment, fdb_key};
use fabric_common::wire::Macs;

use super::fdb::segment_of;
use super::{Datapath, Full, Table};

/// Where a protocol says that a station is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placement {
    /// The segment.
    pub segment: u32,
    /// The address, see [`fabric_common::wire::mac_octets`].
    pub mac: u64,
    /// The way there.
    pub next_hop: u32,
    /// It may not move.
    pub sticky: bool,
}

/// What has become of a [`Placement`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placed {
    /// It is in force; `entered` if the station was unknown before, and counts against the segment's limit now.
    Done {
        /// Whether XDP's count of learned addresses was raised.
        entered: bool,
    },
    /// The segment has as many addresses as it may have.
    Limit,
    /// The table has no room for it.
    Full,
}

/// An entry in short.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Whereabouts {
    /// Next hop.
    pub next_hop: u32,
    /// It does not move.
    pub is_static: bool,
}

impl From<FdbValue> for Whereabouts {
    fn from(value: FdbValue) -> Self {
        Self {
            next_hop: value.next_hop(),
            is_static: value.is_static(),
        }
    }
}

/// How often a value is read again that XDP changes at the same time: once a tick and station, and at each move.
const TRIES: usize = 8;

impl Datapath {
    /// Puts a station where a protocol says that it is, at the [`fabric_common::maps::tick`] `now`. `sticky` is how many of
    /// the segment's stations are held by entries that do not move: XDP's count leaves them out.
    ///
    /// An entry of the document must not be placed.
    pub fn place(&self, placement: Placement, now: u32, sticky: u32) -> Placed {
        let Placement { segment, mac, .. } = placement;
        let key = fdb_key(segment, mac);
        for _ in 0..TRIES {
            let is_it = |value: u64| FdbValue(value).is_of(segment);
            let Some(slot) = self.fdb.find(key).find(|slot| is_it(slot.value.load())) else {
                return self.enter(placement, now, sticky);
            };
            let old = FdbValue(slot.value.load());
            let new = moved(placement, old, now);
            if old == new || is_it(old.0) && slot.value.compare_exchange(old.0, new.0) == old.0 {
                self.count(segment, old, new);
                return Placed::Done { entered: false };
            }
        }
        // It moves faster than it can be placed: the next frame decides.
        Placed::Done { entered: false }
    }

    fn enter(&self, placement: Placement, now: u32, sticky: u32) -> Placed {
        let Placement {
            segment,
            mac,
            next_hop,
            sticky: is_sticky,
        } = placement;
        let Some(entry) = self.segments.shared(segment) else {
            return Placed::Limit;
        };
        if entry.learned.load().saturating_add(sticky) >= entry.mac_limit.load() {
            entry.refused.add(1);
            return Placed::Limit;
        }
        let value = if is_sticky {
            FdbValue::fixed(segment, next_hop)
        } else {
            FdbValue::learned(segment, next_hop, now)
        };
        match self.fdb.set(fdb_key(segment, mac), value.0) {
            Ok(()) => {
                if !is_sticky {
                    entry.learned.add(1);
                }
                Placed::Done { entered: !is_sticky }
            }
            Err(Full) => Placed::Full,
        }
    }

    /// Keeps the segment's count of learned entries when one becomes static or the other way round.
    fn count(&self, segment: u32, old: FdbValue, new: FdbValue) {
        let Some(entry) = self.segments.shared(segment) else {
            return;
        };
        match (old.is_static(), new.is_static()) {
            (false, true) => lower(entry),
            (true, false) => {
                entry.learned.add(1);
            }
            (false, false) | (true, true) => {}
        }
    }

    /// Takes a station out that was placed behind `next_hop`, if it is still there; true if it was.
    pub fn displace(&self, segment: u32, mac: u64, next_hop: u32) -> bool {
        let mut out = false;
        for slot in self.fdb.find(fdb_key(segment, mac)) {
            let value = FdbValue(slot.value.load());
            if value.is_of(segment) && value.next_hop() == next_hop && Table::take_out(slot, value.0) {
                out = true;
                if !value.is_static()
                    && let Some(entry) = self.segments.shared(segment)
                {
                    lower(entry);
                }
            }
        }
        out
    }

    /// Where a station is.
    pub fn station(&self, segment: u32, mac: u64) -> Option<Whereabouts> {
        let values = self
            .fdb
            .find(fdb_key(segment, mac))
            .map(|slot| FdbValue(slot.value.load()));
        values
            .filter(|value| value.is_of(segment))
            .map(Whereabouts::from)
            .next()
    }

    /// All stations of some segments: segment, address, place. Reads the whole table.
    pub fn stations_of(&self, segments: &HashSet<u32>) -> Vec<(u32, u64, Whereabouts)> {
        let entries = self.fdb.iter().map(|slot| {
            let (key, value) = (slot.key.load(), FdbValue(slot.value.load()));
            (segment_of(key, value), key & Macs::MASK, Whereabouts::from(value))
        });
        entries
            .filter(|(segment, _, place)| place.next_hop != 0 && segments.contains(segment))
            .collect()
    }
}

/// XDP only adds, so what is not 0 here does not become 0 before the subtraction.
fn lower(entry: &Segment) {
    if entry.learned.load() != 0 {
        entry.learned.add(1u32.wrapping_neg());
    }
}

/// The value of a station that is placed. One that was moved often stays damped: the protocol's word is one more move.
fn moved(placement: Placement, old: FdbValue, now: u32) -> FdbValue {
    let Placement {
        segment, next_hop, ..
    } = placement;
    if placement.sticky {
        FdbValue::fixed(segment, next_hop)
    } else if old.is_static() {
        FdbValue::learned(segment, next_hop, now)
    } else if old.next_hop() == next_hop {
        old
    } else {
        old.moved(next_hop, now, (old.moves() + 1).min(MOVES_BEFORE_DAMPING))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEGMENT: u32 = 0x02_0001;

    fn placed(next_hop: u32, sticky: bool, old: FdbValue) -> FdbValue {
        let placement = Placement {
            segment: SEGMENT,
            mac: 1,
            next_hop,
            sticky,
        };
        moved(placement, old, 77)
    }

    #[test]
    fn a_station_that_is_where_it_is_placed_is_left_alone() {
        let old = FdbValue::learned(SEGMENT, 5, 3);
        assert_eq!(placed(5, false, old), old);
    }

    #[test]
    fn the_protocols_word_is_a_move_and_never_lets_a_station_off_its_damping() {
        let often = FdbValue::learned(SEGMENT, 5, 3).moved(6, 4, MOVES_BEFORE_DAMPING);
        let new = placed(7, false, often);
        assert_eq!((new.next_hop(), new.moves()), (7, MOVES_BEFORE_DAMPING));
        assert_eq!((new.last_seen(), new.moved_at()), (77, 77));
        assert!(new.is_of(SEGMENT) && !new.is_static());
        let first = placed(7, false, FdbValue::learned(SEGMENT, 5, 3));
        assert_eq!(first.moves(), 1);
    }

    #[test]
    fn a_sticky_station_is_static_and_stops_being_so() {
        let fixed = placed(7, true, FdbValue::learned(SEGMENT, 5, 3));
        assert_eq!(fixed, FdbValue::fixed(SEGMENT, 7));
        assert_eq!(placed(8, false, fixed), FdbValue::learned(SEGMENT, 8, 77));
    }
}
