//! Carrying a prepared change out, and taking it back when a step fails.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use fabric_common::maps::NextHop;

use super::Prepared;
use crate::agent::attach_refusal;
use crate::agent::core::{Core, failed};
use crate::agent::host::Missing;
use crate::agent::ports::Port;
use crate::compile::{Image, PortPlan, unshared};
use crate::datapath::{LoadError, OldWay, Step, steps};
use crate::diff::{Changes, Entry, Key, Op, diff_images};
use crate::error::{Refusal, codes};
use crate::model::{IfName, Name, between};
use crate::safety::{Restored, Role};
use crate::store::{Store as _, Stored, Terms};
use crate::validate::{PortRole, Valid};

/// Ports that a change has taken, with what they were before if they had another role.
pub(super) type Taken = BTreeMap<IfName, Option<Port>>;

/// Why maps are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason<'a> {
    /// A new document, the command it came from, and the terms that it is put in force on.
    Document(&'a str, Terms),
    /// A new document that was decided elsewhere and is in force already, and what becomes of ports that are not there.
    Followed(&'a Stored, Missing),
    /// The host has changed under the document in force.
    Host,
    /// The document in force, after a start.
    Start,
}

impl Reason<'_> {
    /// What was in force is carried out as far as the host allows, also where it comes back; what is new must be right.
    pub(super) const fn tolerance(self) -> Missing {
        match self {
            Self::Document(_, Terms::Back) => Missing::Tolerate,
            Self::Document(..) => Missing::Refuse,
            Self::Followed(_, missing) => missing,
            Self::Host | Self::Start => Missing::Tolerate,
        }
    }
}

impl Core {
    /// Carries out what needs no decision of a shared store.
    pub(super) async fn carry_out(&mut self, prepared: Prepared, reason: Reason<'_>) -> Result<(), Refusal> {
        let taken = self.take(&prepared, reason).await?;
        self.complete(prepared, taken, reason, None).await.map(drop)
    }

    /// The first part: ports that are new are made safe.
    pub(super) async fn take(&mut self, prepared: &Prepared, reason: Reason<'_>) -> Result<Taken, Refusal> {
        self.take_ports(&prepared.image, &prepared.new_ports, reason.tolerance())
            .await
    }

    /// The change will not be made: its ports are as they were before [`Self::take`].
    pub(super) async fn abandon(&mut self, taken: Taken) {
        self.let_go(taken).await;
        self.release_neighbours().await;
    }

    /// The second part: maps, programs, and the document. `decided` is what a shared store has put in force. Returns when
    /// frames began to go the new ways.
    pub(super) async fn complete(
        &mut self,
        prepared: Prepared,
        taken: Taken,
        reason: Reason<'_>,
        decided: Option<&Stored>,
    ) -> Result<Instant, Refusal> {
        let Prepared {
            valid,
            image,
            changes,
            silent,
            new_ports,
            old_ports,
        } = prepared;
        let tolerance = reason.tolerance();
        self.hold_storage(&valid, &image);
        let done = self
            .note_silent(&image, &silent)
            .and_then(|()| self.write(&image, &changes, reason))
            .and_then(|()| self.attach(&image, &new_ports, tolerance));
        let live = Instant::now();
        let done = match (done, decided, reason) {
            (Ok(()), Some(stored), _) | (Ok(()), None, Reason::Followed(stored, _)) => self.remember(stored),
            (Ok(()), None, Reason::Document(cause, terms)) => self.commit(&valid, cause, terms).await,
            (done, _, _) => done,
        };
        if let Err(refusal) = done {
            // At a start nothing is known of what was before: what forwards goes on.
            if reason != Reason::Start {
                self.undo(&image, taken).await;
                self.release_storage();
                self.release_neighbours().await;
            }
            return Err(match decided {
                Some(stored) => self.take_back(stored, refusal).await,
                None => refusal,
            });
        }
        if let Reason::Document(_, terms) = reason {
            self.begin_trial(terms);
        }
        let changed_slots = egress_changes(&changes);
        if matches!(reason, Reason::Document(..) | Reason::Followed(..)) {
            self.skipped = 0;
        }
        self.after(valid, image, &changes);
        self.follow_storage();
        self.follow_evpn();
        self.refresh_flood_lists(&changed_slots);
        if let Err(refusal) = self.note_returned(&silent) {
            tracing::error!(problem = %refusal.sentence, "a port that can send again does not have its traffic back");
        }
        if let Err(error) = self.plane.spare_copies() {
            tracing::error!(%error, "ways that no flood list names any more keep the program for copies");
        }
        for name in old_ports {
            self.give_back(&name).await;
        }
        self.release_neighbours().await;
        if (reason == Reason::Start || !new_ports.is_empty())
            && let Err(error) = self.note_own_programs()
        {
            tracing::error!(%error, "the kernel does not tell the numbers of our programs");
        }
        Ok(live)
    }

    /// The interface behind a name is another one than before, or none: what was pinned for the old one goes, and its
    /// program with it, should it live on under another name or in another namespace.
    fn forget_interface(&mut self, name: &IfName, ifindex: u32) {
        let old = self.ports.get(name).map_or(0, |port| port.ifindex);
        if old != 0
            && old != ifindex
            && let Err(error) = self.plane.detach(old)
        {
            tracing::error!(%error, port = %name, "the old interface could not be forgotten");
        }
    }

    pub(in crate::agent) fn note_own_programs(&mut self) -> Result<(), Refusal> {
        let own = self.plane.program_ids().map_err(failed)?;
        self.ports.set_own_programs(&own);
        Ok(())
    }

    async fn take_ports(
        &mut self,
        image: &Image,
        new_ports: &BTreeMap<IfName, Role>,
        tolerance: Missing,
    ) -> Result<Taken, Refusal> {
        if new_ports.is_empty() {
            return Ok(Taken::new());
        }
        for role in new_ports.values() {
            self.plane.load_role(*role).map_err(failed)?;
        }
        self.note_own_programs()?;
        if tolerance == Missing::Refuse && new_ports.len() > 1 {
            // One that would be refused is found before the others are touched.
            self.try_out(image, new_ports).await?;
        }
        let mut taken = Taken::new();
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
            let former = self.ports.set_aside(name, ifindex);
            let result = self.ports.take(&self.store, name, *role, ifindex).await;
            taken.insert(name.clone(), former);
            match result {
                Ok(()) => {}
                Err(refusal) if tolerance == Missing::Tolerate => {
                    tracing::error!(port = %name, problem = %refusal.sentence, "port is not safe, its frames are dropped");
                    self.ports.take_unsafe(name, *role, ifindex).await;
                }
                Err(refusal) => {
                    self.let_go(taken).await;
                    return Err(refusal);
                }
            }
        }
        Ok(taken)
    }

    /// Whether new ports could be taken; one whose interface is gone waits for it.
    pub(super) async fn try_out(
        &mut self,
        image: &Image,
        new_ports: &BTreeMap<IfName, Role>,
    ) -> Result<(), Refusal> {
        for (name, role) in new_ports {
            let is_gone = |plan: &PortPlan| plan.facts.ifindex == 0;
            if !image.ports().any(|(port, plan)| port == name && is_gone(plan)) {
                self.ports.try_out(name, *role).await?;
            }
        }
        Ok(())
    }

    /// Leaves ports as they were before [`Self::take_ports`]: those that had another role have it again.
    async fn let_go(&mut self, taken: Taken) {
        for (name, former) in taken {
            let Some(former) = former else {
                self.give_back(&name).await;
                continue;
            };
            if let Err(error) = self.plane.attach(former.ifindex, former.role) {
                tracing::error!(%error, port = %name, "the port's former program could not be attached again");
            }
            self.ports.put_back(name, former);
        }
    }

    fn write(&mut self, image: &Image, changes: &Changes, reason: Reason<'_>) -> Result<(), Refusal> {
        self.protection.follow(&self.image, image);
        // Written before the maps: whoever finds the maps half written knows what the numbers in them mean.
        match self.numbers.save(&self.store, &self.image, image) {
            // Frames go to a neighbour that is not there any more until the maps are written. What the files say is held until then.
            Err(refusal) if reason == Reason::Host => self.numbers.write_later(&refusal),
            saved => saved?,
        }
        self.write_ops(&changes.ops)
    }

    fn write_ops(&mut self, ops: &[Op]) -> Result<(), Refusal> {
        steps(ops)
            .try_for_each(|step| self.write_step(step))
            .map_err(failed)
    }

    /// The document knows nothing of carriers: a next hop is written with the path that can be taken now.
    fn write_step(&mut self, step: Step<'_>) -> Result<(), LoadError> {
        match step {
            Step::One(op) => self.write_op(op),
            Step::Switch(next_hops) => {
                let now = |(id, compiled): &(u32, NextHop)| (*id, self.by_carrier(*id, compiled));
                let next_hops: Vec<_> = next_hops.iter().map(now).collect();
                self.plane.switch(&next_hops, OldWay::Works)
            }
            Step::SetFloods(floods) => self.plane.set_floods(&floods),
            Step::ClearFloods(segments) => self.plane.clear_floods(&segments),
            Step::Stations(stations) => self.plane.set_stations(&stations),
        }
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
            return self.plane.set_port(*ifindex, &record);
        }
        if let Op::Clear(Key::Segment(segment)) = op {
            self.events.forget(*segment);
        }
        self.plane.apply(op)
    }

    fn attach(
        &mut self,
        image: &Image,
        new_ports: &BTreeMap<IfName, Role>,
        tolerance: Missing,
    ) -> Result<(), Refusal> {
        let plans: BTreeMap<_, _> = image.ports().collect();
        for (name, role) in new_ports {
            let Some(plan) = plans.get(name).filter(|plan| plan.facts.ifindex != 0) else {
                continue;
            };
            if let Err(refusal) = self.attach_one(name, plan.facts.ifindex, *role) {
                if tolerance == Missing::Refuse {
                    return Err(refusal);
                }
                if refusal.code == codes::NO_SUCH_PORT {
                    // Its end is an event of its own, and on its way.
                    tracing::warn!(port = %name, problem = %refusal.sentence, "a port went away");
                } else {
                    tracing::error!(port = %name, problem = %refusal.sentence, "no program could be attached");
                }
            }
            self.ports.expect_program(name);
        }
        Ok(())
    }

    pub(in crate::agent) fn attach_one(
        &mut self,
        name: &IfName,
        ifindex: u32,
        role: Role,
    ) -> Result<(), Refusal> {
        self.plane.attach(ifindex, role).map_err(|error| {
            attach_refusal(
                name,
                self.ports.driver(name).as_deref().unwrap_or("unknown"),
                &error,
            )
        })
    }

    async fn commit(&mut self, valid: &Valid, cause: &str, terms: Terms) -> Result<(), Refusal> {
        let stored = self.next_revision(valid, cause);
        self.store.put_in_force(self.revision, &stored, terms).await?;
        self.revision = stored.revision;
        self.applied_at = Some(stored.applied_at);
        Ok(())
    }

    /// Takes a change back that could not be completed.
    async fn undo(&mut self, image: &Image, taken: Taken) {
        let back = diff_images(image, &self.image);
        self.protection.follow(image, &self.image);
        // As far as it goes: an entry that cannot be written back is repaired at the next start.
        for step in steps(&back.ops) {
            if let Err(error) = self.write_step(step) {
                tracing::error!(%error, "a change could not be taken back");
            }
        }
        self.let_go(taken).await;
        let touched = image.only_here(&self.image);
        self.image.hold(&touched);
        self.waiting.push_back(touched);
        if let Err(refusal) = self.numbers.save(&self.store, image, &self.image) {
            self.numbers.write_later(&refusal);
        }
    }

    fn after(&mut self, valid: Valid, mut image: Image, changes: &Changes) {
        let gone = &changes.vanished_next_hops;
        if !gone.is_empty() {
            self.plane.flush(|_, _, next_hop| gone.contains(&next_hop));
        }
        if !Arc::ptr_eq(&self.image.node, &image.node) {
            self.meter.learn_node(&image.node.records);
        }
        let access = image.ports().filter(|(_, plan)| plan.role == PortRole::Access);
        let access = access.map(|(_, plan)| plan.slot).collect();
        for (_, _, part) in unshared(&self.image, &image) {
            part.iter()
                .for_each(|part| self.meter.learn_segment(part, &access));
        }
        let freed = std::mem::take(&mut image.freed);
        if !freed.is_empty() {
            self.waiting.push_back(freed);
        }
        self.meter.forget_tenants(&leaving(&self.valid, &valid));
        self.valid = valid;
        self.image = image;
    }

    /// A port whose interface was made anew has another index, which the flood lists that name the port must
    /// learn.
    pub(in crate::agent) fn refresh_flood_lists(&mut self, slots: &[u16]) {
        if slots.is_empty() {
            return;
        }
        let parts = self.image.segments.values();
        let floods: Vec<(u32, &[u16])> = parts
            .flat_map(|part| &part.records.flood)
            .filter(|(_, members)| members.iter().any(|slot| slots.contains(slot)))
            .map(|(segment, members)| (*segment, members.as_slice()))
            .collect();
        if let Err(error) = self.plane.set_floods(&floods) {
            tracing::error!(%error, "flood lists could not be written");
        }
    }

    /// Takes the program off a port and puts its interface back. Returns what could not be put back.
    pub(in crate::agent) async fn give_back(&mut self, name: &IfName) -> Vec<Restored> {
        // Under another name it may be a port of ours again.
        let is_shared = |ifindex| {
            let mut ports = self.ports.iter();
            ports.any(|(other, port)| other != name && port.ifindex == ifindex)
        };
        if let Some(port) = self.ports.get(name)
            && port.ifindex != 0
            && !is_shared(port.ifindex)
            && let Err(error) = self.plane.detach(port.ifindex)
        {
            tracing::error!(%error, port = %name, "a port could not be detached");
        }
        let failed = self
            .ports
            .give_back(&self.store, name)
            .await
            .unwrap_or_else(|error| {
                tracing::error!(%error, port = %name, "what was changed could not be written down");
                Vec::new()
            });
        for one in &failed {
            tracing::error!(port = %name, "{one}");
        }
        failed
    }
}

/// Tenants that are not in the new document any more.
fn leaving(old: &Valid, new: &Valid) -> BTreeSet<Name> {
    let (_, before, after) = between(&old.document().tenants, &new.document().tenants);
    let stay: BTreeSet<&Name> = after.iter().map(|tenant| &tenant.name).collect();
    let before = before.iter().map(|tenant| &tenant.name);
    before.filter(|name| !stay.contains(name)).cloned().collect()
}

fn egress_changes(changes: &Changes) -> Vec<u16> {
    let slot = |op: &Op| match op {
        Op::Set(Entry::Egress(slot, _)) => Some(*slot),
        Op::Set(_) | Op::Clear(_) | Op::Grace => None,
    };
    changes.ops.iter().filter_map(slot).collect()
}
