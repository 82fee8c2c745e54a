//! Numbers that were given up become free again, and their counters are cleared for the next owners.

use std::collections::HashSet;

use crate::agent::core::{Core, failed, side_file};
use crate::datapath::LoadError;
use crate::error::Refusal;
use crate::ids::Freed;

impl Core {
    /// Gives numbers free again that nothing can hold any more.
    ///
    /// # Errors
    /// When the kernel's grace period cannot be awaited.
    pub(in crate::agent) fn reclaim(&mut self) -> Result<(), Refusal> {
        if !self.numbers.settle(&self.store, &self.image) || self.waiting.is_empty() {
            return Ok(());
        }
        self.plane.grace().map_err(failed)?;
        for freed in &self.waiting {
            self.meter
                .retire(&self.plane, &freed.bindings, &freed.paths)
                .map_err(failed)?;
            // A segment's number is given up with its last binding, so in this order each has been counted for its owner.
            freed
                .segments
                .iter()
                .for_each(|id| self.meter.forget_segment(*id));
            freed.slots.iter().for_each(|slot| self.meter.forget_slot(*slot));
        }
        // Before the counters are cleared: an agent that is killed in between has counted nothing twice, see `clear_strays`.
        self.save_counts()?;
        while let Some(freed) = self.waiting.pop_front() {
            if let Err(error) = self.clear(&freed) {
                self.waiting.push_front(freed);
                return Err(failed(error));
            }
            self.image.release(&freed);
        }
        Ok(())
    }

    fn clear(&mut self, freed: &Freed) -> Result<(), LoadError> {
        // Learned once more by a program that still ran when the entries were flushed.
        if !freed.next_hops.is_empty() {
            self.plane
                .flush(|_, _, next_hop| freed.next_hops.contains(&next_hop));
        }
        for id in &freed.bindings {
            self.plane.clear_forwarded(*id)?;
        }
        for id in &freed.paths {
            self.plane.clear_sent(*id)?;
        }
        for slot in &freed.slots {
            self.forget_silence(*slot)?;
            self.plane.clear_drops(*slot)?;
        }
        Ok(())
    }

    /// After a start: numbers that the earlier agent had given up and not cleared are free again, or were given out anew by the
    /// start itself, and their owners are to begin at 0. `restored` are those that go on.
    ///
    /// # Errors
    /// When what is kept cannot be saved.
    pub(in crate::agent) fn clear_strays(&mut self, restored: &Freed) -> Result<(), Refusal> {
        let mut slots: HashSet<u16> = self.slots().into_keys().collect();
        slots.retain(|slot| restored.slots.contains(slot));
        let segments = self.image.segments.values().map(|part| part.ids.segment);
        let mut segments: HashSet<u32> = segments.collect();
        let known: HashSet<u32> = restored.segments.iter().copied().collect();
        segments.retain(|segment| known.contains(segment));
        self.meter.keep_slots(&slots);
        self.meter.keep_segments(&segments);
        let bindings: HashSet<u32> = restored.bindings.iter().copied().collect();
        let paths: HashSet<u32> = restored.paths.iter().copied().collect();
        let meter = &self.meter;
        self.plane.clear_strays(
            |id| bindings.contains(&id) && meter.owns_binding(id),
            |id| paths.contains(&id) && meter.owns_path(id),
            |slot| slots.contains(&slot),
        );
        self.save_counts()
    }

    fn save_counts(&mut self) -> Result<(), Refusal> {
        let tenants = self.valid.tenants().iter().map(|tenant| &tenant.name);
        self.meter.keep_tenants(&tenants.collect());
        if self.meter.is_saved() {
            return Ok(());
        }
        self.store
            .set_side_file(side_file::COUNTS, &self.meter.retired())?;
        self.meter.saved();
        Ok(())
    }
}
