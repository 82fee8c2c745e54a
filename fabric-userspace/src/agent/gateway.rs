//! Neighbours of gateways: the data path notes them, the agent asks for those that were not heard for a while, and forgets those
//! that do not answer. Without an agent they stay, however long that is: what was not heard meanwhile nobody has asked for.

use std::collections::BTreeMap;
use std::time::Duration;

use fabric_common::address::Address;
use fabric_common::maps::gateway::{KnownNeighbour, NeighbourValue};

use super::core::{Core, failed};
use crate::datapath::ticks;
use crate::error::Refusal;

/// After this a neighbour is asked for (as `base_reachable_time_ms` of Linux).
const REACHABLE: Duration = Duration::from_secs(30);
/// After this one that has not answered is forgotten.
const GONE: Duration = Duration::from_secs(60);
/// After this the place is free of one that never answered.
const UNANSWERED: Duration = Duration::from_secs(4);
/// Questions of this agent that one must have left unanswered before it is forgotten (as `ucast_solicit` of Linux).
const QUESTIONS: u32 = 3;

/// The times, in ticks of this kernel.
struct Ages {
    reachable: u32,
    gone: u32,
    unanswered: u32,
}

impl Ages {
    fn of_kernel() -> Self {
        let [reachable, gone, unanswered] = [REACHABLE, GONE, UNANSWERED].map(ticks);
        Self {
            reachable,
            gone,
            unanswered,
        }
    }
}

/// What becomes of a neighbour.
#[derive(Debug, PartialEq, Eq)]
enum Fate {
    Keep,
    Ask,
    Forget,
}

impl Fate {
    /// `asked` is how often this agent has asked for it since it was heard.
    fn of(known: KnownNeighbour, asked: u32, now: u32, ages: &Ages) -> Self {
        let age = match now.wrapping_sub(known.value.tick()) & 0xffff {
            // Heard after the clock was read.
            age if age > 0x7fff => 0,
            age => age,
        };
        let is_gone = match known.value.mac() {
            0 => age > ages.unanswered,
            _ => age > ages.gone && asked >= QUESTIONS,
        };
        if is_gone {
            Self::Forget
        } else if age > ages.reachable {
            Self::Ask
        } else {
            Self::Keep
        }
    }
}

/// Questions of the last round that wait for an answer, by interface and address: what was known then, and how many there were.
#[derive(Debug, Default)]
pub(super) struct Asked(BTreeMap<(u32, Address), (NeighbourValue, u32)>);

impl Asked {
    /// Questions since the neighbour was heard.
    fn times(&self, irb: u32, known: KnownNeighbour) -> u32 {
        match self.0.get(&(irb, known.address)) {
            Some((value, times)) if *value == known.value => *times,
            _ => 0,
        }
    }

    fn note(&mut self, irb: u32, known: KnownNeighbour, times: u32) {
        self.0.insert((irb, known.address), (known.value, times));
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
        let before = std::mem::take(&mut self.asked);
        if irbs.is_empty() {
            return Ok(());
        }
        let (now, ages) = (self.plane.now().map_err(failed)?, Ages::of_kernel());
        for irb in irbs {
            for known in self.plane.neighbours(irb) {
                let asked = before.times(irb, known);
                match Fate::of(known, asked, now, &ages) {
                    Fate::Keep => {}
                    Fate::Ask => {
                        self.plane.ask_neighbour(irb, known.address).map_err(failed)?;
                        self.asked.note(irb, known, asked + 1);
                    }
                    Fate::Forget => self.plane.forget_neighbour(irb, known),
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AGES: Ages = Ages {
        reachable: 30,
        gone: 60,
        unanswered: 4,
    };

    fn heard(mac: u64, tick: u32) -> KnownNeighbour {
        KnownNeighbour {
            address: Address::v4([10, 0, 0, 1]),
            value: NeighbourValue::at(mac, tick),
        }
    }

    #[test]
    fn a_neighbour_is_asked_for_before_it_is_forgotten_also_over_the_end_of_the_clock() {
        for start in [100, 0xffff_fff0] {
            let after =
                |mac, asked, ticks: u32| Fate::of(heard(mac, start), asked, ticks.wrapping_add(start), &AGES);
            assert_eq!([after(0xaa, 0, 30), after(0xaa, 0, 31)], [Fate::Keep, Fate::Ask]);
            assert_eq!(
                [after(0xaa, 6, 60), after(0xaa, 6, 61)],
                [Fate::Ask, Fate::Forget]
            );
            assert_eq!([after(0, 0, 4), after(0, 0, 5)], [Fate::Keep, Fate::Forget]);
            let later = heard(0xaa, start.wrapping_add(1));
            assert_eq!(
                Fate::of(later, 0, start, &AGES),
                Fate::Keep,
                "heard after the clock was read"
            );
        }
    }

    /// Whoever was away for long has asked nobody, and does not know who is gone.
    #[test]
    fn an_agent_that_was_away_asks_before_it_forgets() {
        let (quiet, irb) = (heard(0xaa, 100), 7);
        let mut asked = Asked::default();
        for round in 0..QUESTIONS {
            let times = asked.times(irb, quiet);
            assert_eq!(times, round);
            assert_eq!(Fate::of(quiet, times, 1000 + 5 * round, &AGES), Fate::Ask);
            asked.note(irb, quiet, times + 1);
        }
        let forget = Fate::of(quiet, asked.times(irb, quiet), 1015, &AGES);
        assert_eq!(forget, Fate::Forget);
        let answered = heard(0xaa, 1012);
        assert_eq!(asked.times(irb, answered), 0, "heard since");
        assert_eq!(asked.times(irb + 1, quiet), 0, "another interface's");
    }
}
