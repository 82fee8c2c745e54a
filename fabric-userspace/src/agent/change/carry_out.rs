//! Carrying a prepared change out, and taking it back when a step fails.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use super::Prepared;
use crate::agent::attach_refusal;
use crate::agent::core::{Core, failed, now, side_file};
use crate::agent::host::Missing;
use crate::agent::store::{Store as _, Stored};
use crate::compile::Image;
use crate::datapath::LoadError;
use crate::diff::{Changes, Entry, Op, diff_images};
use crate::error::Refusal;
use crate::model::IfName;
use crate::safety::Role;
use crate::validate::Valid;

impl Core {
    /// `cause` is the reason for a new revision; without one the document in force stays as it is. Returns when
    /// frames began to go the new ways.
    pub(super) async fn carry_out(
        &mut self,
        prepared: Prepared,
        cause: Option<&str>,
    ) -> Result<Instant, Refusal> {
        let Prepared {
            valid,
            image,
            changes,
            new_ports,
            old_ports,
        } = prepared;
        // What was in force is carried out as far as the host allows; what is new must be right.
        let tolerance = if cause.is_some() {
            Missing::Refuse
        } else {
            Missing::Tolerate
        };
        let taken = self.take_ports(&image, &new_ports, tolerance).await?;
        let done = self
            .write(&image, &changes)
            .and_then(|()| self.attach(&image, &new_ports));
        let live = Instant::now();
        let done = match (done, cause) {
            (Ok(()), Some(cause)) => self.commit(&valid, cause),
            (done, _) => done,
        };
        if let Err(refusal) = done {
            self.undo(&image, &taken).await;
            self.release_neighbours().await;
            return Err(refusal);
        }
        let changed_slots = egress_changes(&changes);
        self.after(valid, image, &changes);
        self.refresh_flood_lists(&changed_slots);
        for name in old_ports {
            self.give_back(&name).await;
        }
        self.release_neighbours().await;
        self.note_own_programs()?;
        Ok(live)
    }

    /// The interface behind a name is another one than before, or none: what was pinned for the old one goes, and its
    /// program with it, should it live on under another name or in another namespace.
    fn forget_interface(&mut self, name: &IfName, ifindex: u32) {
        let old = self.ports.get(name).map_or(0, |port| port.ifindex);
        if old != 0
            && old != ifindex
            && let Err(error) = self.datapath.detach(old)
        {
            tracing::error!(%error, port = %name, "the old interface could not be forgotten");
        }
    }

    pub(super) fn note_own_programs(&mut self) -> Result<(), Refusal> {
        let own = self.datapath.program_ids().map_err(failed)?;
        self.ports.set_own_programs(&own);
        Ok(())
    }

    async fn take_ports(
        &mut self,
        image: &Image,
        new_ports: &BTreeMap<IfName, Role>,
        tolerance: Missing,
    ) -> Result<Vec<IfName>, Refusal> {
        self.note_own_programs()?;
        let mut taken = Vec::new();
        for (name, role) in new_ports {
            let ifindex = image
                .ports()
                .find(|(port, _)| *port == name)
                .map_or(0, |(_, plan)| plan.facts.ifindex);
            self.forget_interface(name, ifindex);
            if ifindex == 0 {
                self.ports.take_gone(name, *role);
                continue;
            }
            if let Err(refusal) = self.ports.take(&self.store, name, *role, ifindex).await {
                if tolerance == Missing::Tolerate {
                    tracing::error!(port = %name, problem = %refusal.sentence, "port is not safe, its frames are dropped");
                    self.ports.take_unsafe(name, *role, ifindex).await;
                    continue;
                }
                for name in &taken {
                    self.give_back(name).await;
                }
                let _ = self.ports.give_back(&self.store, name).await;
                return Err(refusal);
            }
            taken.push(name.clone());
        }
        Ok(taken)
    }

    fn write(&mut self, image: &Image, changes: &Changes) -> Result<(), Refusal> {
        // Written before the maps: whoever finds the maps half written knows what the numbers in them mean.
        self.store.set_side_file(side_file::IDS, &image.ids())?;
        self.write_ops(&changes.ops)
    }

    fn write_ops(&mut self, ops: &[Op]) -> Result<(), Refusal> {
        ops.iter().try_for_each(|op| self.write_op(op)).map_err(failed)
    }

    /// The document knows nothing of failed checks: a port that is not safe stays closed while it is written.
    fn write_op(&mut self, op: &Op) -> Result<(), LoadError> {
        if let Op::Set(Entry::Port(ifindex, record)) = op
            && self
                .ports
                .iter()
                .any(|(_, port)| port.ifindex == *ifindex && !port.is_safe())
        {
            let mut record = *record;
            record.flags |= fabric_common::maps::Port::UNSAFE;
            return self.datapath.set_port(*ifindex, Some(&record));
        }
        self.datapath.apply(op)
    }

    fn attach(&mut self, image: &Image, new_ports: &BTreeMap<IfName, Role>) -> Result<(), Refusal> {
        let plans: BTreeMap<_, _> = image.ports().collect();
        for (name, role) in new_ports {
            let Some(plan) = plans.get(name).filter(|plan| plan.facts.ifindex != 0) else {
                continue;
            };
            self.datapath.attach(plan.facts.ifindex, *role).map_err(|error| {
                attach_refusal(
                    name,
                    self.ports.driver(name).as_deref().unwrap_or("unknown"),
                    &error,
                )
            })?;
        }
        Ok(())
    }

    fn commit(&mut self, valid: &Valid, cause: &str) -> Result<(), Refusal> {
        let stored = Stored {
            revision: self.revision + 1,
            applied_at: now(),
            cause: cause.to_owned(),
            document: valid.document().clone(),
        };
        self.store.commit(&stored)?;
        self.revision = stored.revision;
        self.applied_at = Some(stored.applied_at);
        Ok(())
    }

    /// Takes a change back that could not be completed.
    async fn undo(&mut self, image: &Image, taken: &[IfName]) {
        let back = diff_images(image, &self.image);
        // As far as it goes: an entry that cannot be written back is repaired at the next start.
        for op in &back.ops {
            if let Err(error) = self.datapath.apply(op) {
                tracing::error!(%error, "a change could not be taken back");
            }
        }
        let plans: BTreeMap<_, _> = image.ports().collect();
        for name in taken {
            if let Some(plan) = plans.get(name)
                && let Err(error) = self.datapath.detach(plan.facts.ifindex)
            {
                tracing::error!(%error, port = %name, "a port could not be detached");
            }
            self.give_back(name).await;
        }
        let touched = image.only_here(&self.image);
        self.image.hold(&touched);
        self.waiting.push(touched);
        if let Err(error) = self.store.set_side_file(side_file::IDS, &self.image.ids()) {
            tracing::error!(%error, "the numbers could not be saved");
        }
    }

    fn after(&mut self, valid: Valid, mut image: Image, changes: &Changes) {
        let gone = &changes.vanished_next_hops;
        if !gone.is_empty() {
            self.datapath.flush(|_, _, next_hop| gone.contains(&next_hop));
        }
        let shared = |name, part| {
            self.image
                .segments
                .get(name)
                .is_some_and(|old| Arc::ptr_eq(old, part))
        };
        for (_, part) in image.segments.iter().filter(|(name, part)| !shared(*name, part)) {
            self.meter.learn(&part.records);
        }
        let freed = std::mem::take(&mut image.freed);
        if !freed.is_empty() {
            self.waiting.push(freed);
        }
        self.valid = valid;
        self.image = image;
    }

    /// A port whose interface was made anew has another index, which the flood lists that name the port must
    /// learn.
    fn refresh_flood_lists(&mut self, slots: &[u16]) {
        if slots.is_empty() {
            return;
        }
        for part in self.image.segments.values() {
            for (segment, members) in &part.records.flood {
                if members.iter().any(|slot| slots.contains(slot))
                    && let Err(error) = self.datapath.set_flood(*segment, Some(members))
                {
                    tracing::error!(%error, "a flood list could not be written");
                }
            }
        }
    }

    pub(in crate::agent) async fn give_back(&mut self, name: &IfName) {
        if let Some(port) = self.ports.get(name)
            && port.ifindex != 0
            && let Err(error) = self.datapath.detach(port.ifindex)
        {
            tracing::error!(%error, port = %name, "a port could not be detached");
        }
        match self.ports.give_back(&self.store, name).await {
            Ok(sentences) => sentences
                .iter()
                .for_each(|sentence| tracing::warn!(port = %name, "{sentence}")),
            Err(error) => tracing::error!(%error, port = %name, "the interface could not be put back"),
        }
    }

    /// Gives numbers free again that nothing can hold any more.
    ///
    /// # Errors
    /// When the kernel's grace period cannot be awaited.
    pub(in crate::agent) fn reclaim(&mut self) -> Result<(), Refusal> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        self.datapath.grace().map_err(failed)?;
        for freed in std::mem::take(&mut self.waiting) {
            // Learned once more by a program that still ran when the entries were flushed.
            if !freed.next_hops.is_empty() {
                self.datapath
                    .flush(|_, _, next_hop| freed.next_hops.contains(&next_hop));
            }
            self.meter
                .retire(&mut self.datapath, &freed.bindings, &freed.paths)
                .map_err(failed)?;
            freed
                .segments
                .iter()
                .for_each(|id| self.meter.forget_segment(*id));
            for slot in &freed.slots {
                self.datapath.clear_drops(*slot).map_err(failed)?;
                self.meter.forget_slot(*slot);
            }
            self.image.release(&freed);
        }
        self.store.set_side_file(side_file::COUNTS, &self.meter.retired())
    }
}

fn egress_changes(changes: &Changes) -> Vec<u16> {
    let slot = |op: &Op| match op {
        Op::Set(Entry::Egress(slot, _)) => Some(*slot),
        Op::Set(_) | Op::Clear(_) => None,
    };
    changes.ops.iter().filter_map(slot).collect()
}
