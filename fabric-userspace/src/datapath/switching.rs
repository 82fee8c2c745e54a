//! Next hops that take another path.
//!
//! A frame to everybody has a copy for each port that a protected next hop may lead over, and the copies look at the next hop one
//! after the other. If it were switched in between, two would send the frame, or none. So a frame carries how many switches there
//! had been when it came in, and a next hop says for a while what it was before.

use fabric_common::maps::{Binding, NextHop, name};

use super::write::publish;
use super::{Datapath, LoadError};

/// The way that a switched next hop has led until now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OldWay {
    /// It can still be taken, so there is time to prepare: no frame is lost.
    Works,
    /// Nothing arrives by it any more, so each moment counts.
    Dead,
}

impl Datapath {
    /// Writes next hops, new ones or such that take another path. With [`OldWay::Works`] it waits for a grace period of the
    /// kernel before, 10 to 30 ms, if there are any of the latter; what they lead to must be there.
    ///
    /// # Errors
    /// For an id that there is not, and if the kernel's grace period cannot be awaited.
    pub fn switch(&mut self, next_hops: &[(u32, NextHop)], old_way: OldWay) -> Result<(), LoadError> {
        let mut moved = Vec::new();
        for (id, next_hop) in next_hops {
            match self.moves_copies(*id, next_hop) {
                Some(before) => moved.push((*id, before, *next_hop)),
                None => self.set_next_hop(*id, Some(next_hop))?,
            }
        }
        if moved.is_empty() {
            return Ok(());
        }
        let switches = self.switches.get(0).unwrap_or_default().wrapping_add(1);
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the low bits are what is compared"
        )]
        let since = switches as u16;
        if old_way == OldWay::Works {
            self.settle()?;
            for (id, before, next_hop) in &moved {
                let (path, before) = (*before, *before);
                self.set_next_hop(
                    *id,
                    Some(&NextHop {
                        path,
                        before,
                        since,
                        ..*next_hop
                    }),
                )?;
            }
            // Nobody takes the new path for the old one: whoever reads it reads also what was before.
            self.flood.grace()?;
        }
        for (id, before, next_hop) in &moved {
            let before = *before;
            self.set_next_hop(
                *id,
                Some(&NextHop {
                    before,
                    since,
                    ..*next_hop
                }),
            )?;
        }
        self.unsettled.extend(moved.iter().map(|(id, ..)| *id));
        publish(&self.switches, 0, &switches, name::SWITCHES)
    }

    /// Lets next hops forget what was before their last switch, once all copies from then have left. To be called now and then:
    /// after 2^15 more switches it would be taken for what is to come.
    ///
    /// # Errors
    /// If the kernel's grace period cannot be awaited.
    pub fn settle(&mut self) -> Result<(), LoadError> {
        if self.unsettled.is_empty() {
            return Ok(());
        }
        self.flood.grace()?;
        for id in std::mem::take(&mut self.unsettled) {
            if let Some(next_hop) = self.next_hops.get(id).filter(|next_hop| next_hop.segment != 0) {
                self.set_next_hop(
                    id,
                    Some(&NextHop {
                        before: 0,
                        since: 0,
                        ..next_hop
                    }),
                )?;
            }
        }
        Ok(())
    }

    /// The present path of a next hop that is about to lead over another port, if copies go there.
    fn moves_copies(&self, id: u32, new: &NextHop) -> Option<u32> {
        let was = self.next_hops.get(id)?;
        let is_flooded = was.segment == new.segment && new.segment != Binding::RELAY && !new.decides();
        let slot = |path| {
            self.paths
                .get(path)
                .map(|path| path.slot)
                .filter(|slot| *slot != 0)
        };
        let (from, to) = (slot(was.path)?, slot(new.path)?);
        (is_flooded && from != to).then_some(was.path)
    }
}
