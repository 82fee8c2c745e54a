//! Neighbours of gateways: the data path notes them, the agent asks for those that were not heard for a while, and forgets those
//! that do not answer. Without an agent they stay.

use fabric_common::maps::gateway::KnownNeighbour;

use super::core::{Core, failed};
use crate::error::Refusal;

/// Ticks, of about a second, after which a neighbour is asked for (as `base_reachable_time_ms` of Linux).
const REACHABLE: u32 = 30;
/// Ticks after which one that has not answered is forgotten.
const GONE: u32 = 60;
/// Ticks after which the place is free of one that never answered.
const UNANSWERED: u32 = 4;

/// What becomes of a neighbour.
#[derive(Debug, PartialEq, Eq)]
enum Fate {
    Keep,
    Ask,
    Forget,
}

impl Fate {
    fn of(known: KnownNeighbour, now: u32) -> Self {
        let age = match now.wrapping_sub(known.value.tick()) & 0xffff {
            // Heard after the clock was read.
            age if age > 0x7fff => 0,
            age => age,
        };
        let last = if known.value.mac() == 0 { UNANSWERED } else { GONE };
        if age > last {
            Self::Forget
        } else if age > REACHABLE {
            Self::Ask
        } else {
            Self::Keep
        }
    }
}

impl Core {
    /// Looks at the neighbours of all gateways of the node.
    ///
    /// # Errors
    /// When the kernel does not run a program.
    pub(super) fn look_after_neighbours(&mut self) -> Result<(), Refusal> {
        let ids = self.image.segments.values().filter_map(|part| part.ids.gateway);
        let irbs: Vec<u32> = ids.map(|ids| ids.irb).collect();
        if irbs.is_empty() {
            return Ok(());
        }
        let now = self.plane.now().map_err(failed)?;
        for irb in irbs {
            let neighbours = self.plane.neighbours(irb);
            for known in neighbours {
                match Fate::of(known, now) {
                    Fate::Keep => {}
                    Fate::Ask => self.plane.ask_neighbour(irb, known.address).map_err(failed)?,
                    Fate::Forget => self.plane.forget_neighbour(irb, known),
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use fabric_common::address::Address;
    use fabric_common::maps::gateway::NeighbourValue;

    use super::*;

    fn fate(mac: u64, heard: u32, now: u32) -> Fate {
        let known = KnownNeighbour {
            address: Address::v4([10, 0, 0, 1]),
            value: NeighbourValue::at(mac, heard),
        };
        Fate::of(known, now)
    }

    #[test]
    fn a_neighbour_is_asked_for_before_it_is_forgotten_also_over_the_end_of_the_clock() {
        for start in [100, 0xffff_fff0] {
            let after = |mac, ticks: u32| fate(mac, start, ticks.wrapping_add(start));
            assert_eq!([after(0xaa, 30), after(0xaa, 31)], [Fate::Keep, Fate::Ask]);
            assert_eq!([after(0xaa, 60), after(0xaa, 61)], [Fate::Ask, Fate::Forget]);
            assert_eq!([after(0, 4), after(0, 5)], [Fate::Keep, Fate::Forget]);
            assert_eq!(
                fate(0xaa, start.wrapping_add(1), start),
                Fate::Keep,
                "heard after the clock was read"
            );
        }
    }
}
