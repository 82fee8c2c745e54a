//! Places of members that a change of the tables gives to other machines.
//!
//! Invariant: the word never names a place whose machine is another one than that which was put in charge, not even for the time
//! that the tables take to be written, nor after an agent that was killed meanwhile.

use std::collections::BTreeSet;

use fabric_common::maps::storage::{Charge, Vsm};

use super::board::Board;
use super::tools::Tools;
use super::watched::Watched;
use crate::model::Name;

/// What a change makes of the places of a storage machine.
pub(crate) struct Move {
    pub(crate) vsm: Name,
    /// Index in `VSMS`.
    pub(crate) id: u32,
    /// Places that will mean another machine, or none.
    pub(crate) given_on: BTreeSet<u8>,
    /// Several nodes will steer it: frames must not switch.
    pub(crate) is_shared: bool,
    /// This node will steer it no more.
    pub(crate) is_leaving: bool,
}

impl Move {
    /// Takes from the word what it will not mean any more. Gives the word as it was if something was taken; `word` reads it.
    pub(super) fn take_away(&self, vsm: &Vsm, mut word: impl FnMut() -> Charge) -> Option<Charge> {
        loop {
            let was = word();
            let is_given_on =
                |place: &usize| u8::try_from(*place).is_ok_and(|at| self.given_on.contains(&at));
            let less = if was.member().as_ref().is_some_and(is_given_on) {
                was.vacant()
            } else if was
                .standby()
                .is_some_and(|place| self.is_shared || is_given_on(&place))
            {
                was.alone()
            } else {
                return None;
            };
            // Another CPU's frame may be switching; nobody stands by after that.
            if vsm.charge.compare_exchange(was.0, less.0) == was.0 {
                return Some(was);
            }
        }
    }
}

impl Board {
    /// Before the tables are written: a member in charge whose place they will give to another machine is in charge no more, and
    /// one that stands by does so no more, until [`Self::follow`] has said who does, or [`Self::release`] that they do.
    pub(crate) fn hold(&mut self, moves: &[Move], now: u64) {
        let (vsms, tools) = self.parts();
        for it in moves {
            let Some(vsm) = tools.tables.vsm(it.id) else {
                continue;
            };
            match vsms.get_mut(&it.vsm) {
                Some(watched) => watched.hold(vsm, it, &tools, now),
                // At a start: the data path went on by itself.
                None => drop(it.take_away(vsm, || Charge(vsm.charge.load()))),
            }
        }
    }

    /// What [`Self::hold`] was for is not done.
    pub(crate) fn release(&mut self) {
        let (vsms, tools) = self.parts();
        for watched in vsms.values_mut() {
            if let Some(vsm) = tools.tables.vsm(watched.spec.id) {
                watched.release(vsm);
            }
        }
    }
}

impl Watched {
    pub(super) fn hold(&mut self, vsm: &Vsm, it: &Move, tools: &Tools<'_>, now: u64) {
        let is_shared = self.shared.is_some();
        let held = it.take_away(vsm, || {
            if is_shared {
                return Charge(vsm.charge.load());
            }
            // A frame may have switched since the last round.
            self.observe(vsm, tools, now);
            self.charge
        });
        if it.is_leaving {
            // Whatever the word is: its place in the table may be given on before anybody tells us.
            self.held = held.or_else(|| Some(Charge(vsm.charge.load())));
        } else if held.is_some() {
            self.held = held;
        }
    }

    pub(super) fn release(&mut self, vsm: &Vsm) {
        let Some(word) = self.held.take() else { return };
        if self.shared.is_some() {
            self.write_word(vsm);
        } else {
            vsm.charge.store(word.0);
        }
    }
}
