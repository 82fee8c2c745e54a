//! What segments count rarely, without an end: the data path has 32 bits for each, which a flood of frames goes round in an hour.

use std::collections::HashMap;

use super::core::Core;
use crate::datapath::SegmentEvents;

/// What a segment has counted since its record was written, or since this agent began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Totals {
    /// Stations that changed their place.
    pub moves: u64,
    /// Frames whose move was not followed.
    pub damped: u64,
    /// Frames whose address was not learned.
    pub refused: u64,
}

/// By the segment's number, with what was read last.
#[derive(Debug, Default)]
pub(super) struct Events(HashMap<u32, (SegmentEvents, Totals)>);

impl Events {
    /// Adds what was counted since the last time; of a segment that is new here, all of it.
    fn note(&mut self, segment: u32, now: SegmentEvents) {
        let (last, totals) = self.0.entry(segment).or_default();
        let more = |now: u32, last: u32| u64::from(now.wrapping_sub(last));
        totals.moves += more(now.moves, last.moves);
        totals.damped += more(now.damped, last.damped);
        totals.refused += more(now.refused, last.refused);
        *last = now;
    }

    /// The record of a segment is cleared, and its counters begin at 0.
    pub(super) fn forget(&mut self, segment: u32) {
        self.0.remove(&segment);
    }

    pub(super) fn of(&self, segment: u32) -> Totals {
        self.0
            .get(&segment)
            .map(|(_, totals)| *totals)
            .unwrap_or_default()
    }
}

impl Core {
    /// Reads what all segments have counted. More often than a counter can go round.
    pub(super) fn count_events(&mut self) {
        for part in self.image.segments.values() {
            if let Some(now) = self.plane.segment_events(part.ids.segment) {
                self.events.note(part.ids.segment, now);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(refused: u32) -> SegmentEvents {
        SegmentEvents {
            refused,
            ..SegmentEvents::default()
        }
    }

    #[test]
    fn a_counter_that_went_round_does_not_go_back() {
        let mut events = Events::default();
        for now in [u32::MAX - 1, u32::MAX, 1, 1, u32::MAX, 0] {
            let before = events.of(7).refused;
            events.note(7, refused(now));
            assert!(events.of(7).refused >= before);
        }
        assert_eq!(events.of(7).refused, 2 << 32);
    }

    #[test]
    fn a_segment_that_is_written_anew_begins_at_nothing() {
        let mut events = Events::default();
        events.note(7, refused(100));
        events.forget(7);
        assert_eq!(events.of(7), Totals::default());
        events.note(7, refused(3));
        assert_eq!(events.of(7).refused, 3);
    }
}
