//! One change of the document from beginning to end: all of it, or nothing.
//!
//! Ports are made safe first, then the maps are written make before break, then programs are attached, then the
//! document is committed; only then are interfaces given back. A crash in between leaves the old document in
//! force, and the next start repairs the maps to it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use super::core::{Core, failed, now, role_of, side_file};
use super::host::{self, Missing, Tunnel};
use super::store::{Store as _, Stored};
use crate::api;
use crate::compile::{Image, Request, Scope, compile};
use crate::datapath::LoadError;
use crate::diff::{Changes, Entry, Op, diff, diff_images};
use crate::error::{Refusal, codes};
use crate::model::{Document, IfName, Name, document_diff};
use crate::safety::Role;
use crate::validate::{Carries, Valid, VxlanEnds, validate};

/// A station that was heard this recently is in use.
const IN_USE: std::time::Duration = std::time::Duration::from_secs(10);

/// A change that could be made.
struct Prepared {
    valid: Valid,
    image: Image,
    changes: Changes,
    /// Ports that are not in use yet.
    new_ports: BTreeMap<IfName, Role>,
    /// Ports that will not be in use any more.
    old_ports: Vec<IfName>,
}

impl Core {
    /// What a document would change.
    ///
    /// # Errors
    /// Whatever [`Core::apply`] would refuse it for, as far as that can be known without doing it.
    pub(super) async fn plan(&mut self, document: Document) -> Result<api::Plan, Refusal> {
        let prepared = self
            .prepare(document, Missing::Refuse)
            .await
            .map_err(Refusal::unchanged)?;
        self.note_own_programs()?;
        for (name, role) in &prepared.new_ports {
            self.ports
                .try_out(name, *role)
                .await
                .map_err(Refusal::unchanged)?;
        }
        let plan = self.describe(&prepared);
        self.release_neighbours().await;
        Ok(plan)
    }

    /// Puts a document in force.
    ///
    /// # Errors
    /// When it is refused; nothing has changed then.
    pub(super) async fn apply(&mut self, document: Document, cause: &str) -> Result<api::Applied, Refusal> {
        let begun = Instant::now();
        let prepared = self
            .prepare(document, Missing::Refuse)
            .await
            .map_err(Refusal::unchanged)?;
        let plan = self.describe(&prepared);
        if prepared.valid.document() == self.document() && self.revision > 0 {
            return Ok(api::Applied {
                plan,
                notes: Vec::new(),
                interface_changes: Vec::new(),
                elapsed_seconds: begun.elapsed().as_secs_f64(),
                undo: None,
            });
        }
        let before = self.revision;
        let taken: Vec<IfName> = prepared.new_ports.keys().cloned().collect();
        let notes = self
            .carry_out(prepared, Some(cause))
            .await
            .map_err(Refusal::unchanged)?;
        let interface_changes = taken.iter().flat_map(|name| self.ports.changes(name)).collect();
        Ok(api::Applied {
            plan,
            notes,
            interface_changes,
            elapsed_seconds: begun.elapsed().as_secs_f64(),
            undo: (before > 0).then(|| format!("fabric rollback {before}")),
        })
    }

    /// What putting an earlier revision in force again would change.
    ///
    /// # Errors
    /// Whatever [`Core::rollback`] would refuse it for.
    pub(super) async fn plan_rollback(&mut self, revision: u64) -> Result<api::Plan, Refusal> {
        let stored = self.kept(revision)?;
        self.plan(stored.document).await
    }

    /// Puts an earlier revision in force again, as a new revision.
    ///
    /// # Errors
    /// When it is not kept, or refused.
    pub(super) async fn rollback(&mut self, revision: u64) -> Result<api::Applied, Refusal> {
        let stored = self.kept(revision)?;
        self.apply(stored.document, &format!("rollback {revision}")).await
    }

    fn kept(&self, revision: u64) -> Result<Stored, Refusal> {
        let kept = self
            .store
            .history()?
            .into_iter()
            .find(|stored| stored.revision == revision);
        kept.ok_or_else(|| {
            Refusal::new(
                codes::UNKNOWN_REVISION,
                format!("revision {revision} is not kept"),
            )
            .with_cure("fabric history")
            .unchanged()
        })
    }

    /// Carries the stored document out after a start: repairs what a killed agent left half done, and puts new
    /// programs in place of the old ones.
    pub(super) async fn resume(&mut self, adopted: bool) -> Result<(), Refusal> {
        let document = self.document().clone();
        let mut prepared = self.prepare(document, Missing::Tolerate).await?;
        if adopted {
            let observed = self.datapath.observe().map_err(failed)?;
            prepared.changes = diff(&observed, &prepared.image.records());
        }
        self.carry_out(prepared, None).await?;
        // Numbers that the earlier agent had given up are free again: no station may still be behind them.
        let known: BTreeSet<u32> = self
            .image
            .segments
            .values()
            .flat_map(|part| part.records.next_hops.keys().copied())
            .collect();
        self.datapath.flush(|_, _, next_hop| !known.contains(&next_hop));
        for name in self.ports.leftovers() {
            self.give_back(&name).await;
        }
        Ok(())
    }

    /// Compiles the document in force again, because the host has changed.
    ///
    /// # Errors
    /// When the host cannot carry it any more; what is in the maps stays.
    pub(super) async fn reconcile(&mut self) -> Result<(), Refusal> {
        let document = self.document().clone();
        let prepared = self.prepare(document, Missing::Tolerate).await?;
        self.carry_out(prepared, None).await?;
        Ok(())
    }

    async fn prepare(&mut self, document: Document, missing: Missing) -> Result<Prepared, Refusal> {
        if self.ended {
            return Err(Refusal::new(codes::AGENT_AWAY, "the agent is ending").with_cure("start it again"));
        }
        let valid = validate(document).map_err(Refusal::from_problems)?;
        let here = valid.find_node(self.node.as_str()).ok_or_else(|| {
            Refusal::new(
                codes::UNKNOWN_NODE,
                format!("the document has no node {}", self.node),
            )
            .with_cure("add it under nodes, or start the agent with --node NAME")
        })?;
        let ports = &valid.node(here).ports;
        let wanted: BTreeMap<IfName, Role> = ports
            .iter()
            .filter_map(|(name, port)| Some((name.clone(), role_of(port.role?))))
            .collect();
        let facts = host::ports(&self.netlink, self.node.as_str(), &wanted, missing).await?;
        let neighbours = host::neighbours(&mut self.hops, &facts, &tunnels(&valid, here)).await;
        let host = host::facts(facts, neighbours);
        let request = Request {
            valid: &valid,
            node: &self.node,
            host: &host,
            in_force: missing == Missing::Tolerate,
        };
        let scope = Scope::between(self.document(), valid.document());
        let image = compile(&request, &self.image, &scope)?;
        let changes = diff_images(&self.image, &image);
        let in_use = |name: &IfName, role: &Role| {
            let ifindex = host.ports.get(name).map_or(0, |facts| facts.ifindex);
            self.ports
                .get(name)
                .is_some_and(|port| port.role == *role && port.ifindex == ifindex)
        };
        let new_ports = wanted
            .iter()
            .filter(|(name, role)| !in_use(name, role))
            .map(|(name, role)| (name.clone(), *role));
        let old_ports = self.ports.iter().filter(|(name, _)| !wanted.contains_key(*name));
        Ok(Prepared {
            new_ports: new_ports.collect(),
            old_ports: old_ports.map(|(name, _)| name.clone()).collect(),
            image,
            changes,
            valid,
        })
    }

    /// `cause` is the reason for a new revision; without one the document in force stays as it is.
    async fn carry_out(&mut self, prepared: Prepared, cause: Option<&str>) -> Result<Vec<String>, Refusal> {
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
        Ok(Vec::new())
    }

    /// The interface behind a name is another one than before: what was pinned for the old one goes.
    fn forget_interface(&mut self, name: &IfName, ifindex: u32) {
        let old = self.ports.get(name).map_or(0, |port| port.ifindex);
        if old != 0
            && old != ifindex
            && let Err(error) = self.datapath.detach(old)
        {
            tracing::error!(%error, port = %name, "the old interface could not be forgotten");
        }
    }

    fn note_own_programs(&mut self) -> Result<(), Refusal> {
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
            if ifindex == 0 {
                self.ports.take_gone(name, *role);
                continue;
            }
            self.forget_interface(name, ifindex);
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
                super::attach_refusal(
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

    pub(super) async fn give_back(&mut self, name: &IfName) {
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

    /// Keeps those neighbours resolved that the document in force needs, and no others.
    async fn release_neighbours(&mut self) {
        let needed: Vec<_> = self
            .here()
            .map(|here| tunnels(&self.valid, here))
            .unwrap_or_default()
            .into_iter()
            .filter_map(|tunnel| Some((tunnel.remote, self.ports.get(&tunnel.port)?.ifindex)))
            .collect();
        for (remote, oif) in self.hops.resolved() {
            if !needed.contains(&(remote, oif)) {
                self.hops.release(remote, oif).await;
            }
        }
        self.save_neighbours();
    }

    fn save_neighbours(&self) {
        let added: Vec<_> = self
            .hops
            .added()
            .into_iter()
            .map(|key| (key.ifindex, key.address))
            .collect();
        if let Err(error) = self.store.set_side_file(side_file::NEIGHBOURS, &added) {
            tracing::error!(%error, "the neighbour entries could not be saved");
        }
    }

    /// Gives numbers free again that nothing can hold any more.
    ///
    /// # Errors
    /// When the kernel's grace period cannot be awaited.
    pub(super) fn reclaim(&mut self) -> Result<(), Refusal> {
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

    fn describe(&mut self, prepared: &Prepared) -> api::Plan {
        let changes = document_diff(self.document(), prepared.valid.document());
        let count = |sign| changes.iter().filter(|change| change.sign == sign).count() as u64;
        let same = prepared.valid.document() == self.document() && self.revision > 0;
        let summary = &prepared.changes.summary;
        api::Plan {
            node: self.node.to_string(),
            from_revision: self.revision,
            to_revision: if same { self.revision } else { self.revision + 1 },
            lines: changes
                .iter()
                .flat_map(|change| split_lines(&change.to_string()))
                .collect(),
            added: count(crate::model::Sign::Add),
            changed: count(crate::model::Sign::Change),
            removed: count(crate::model::Sign::Remove),
            writes_make: summary.make as u64,
            writes_change: summary.change as u64,
            writes_break: summary.break_ as u64,
            stops: self.stops(&prepared.valid),
            changes: changes
                .iter()
                .filter_map(|change| serde_json::to_value(change).ok())
                .collect(),
        }
    }

    /// Attachments of this node that the new document has not, and behind which a station was heard lately.
    fn stops(&mut self, new: &Valid) -> Vec<String> {
        let recent: BTreeSet<u32> = self
            .datapath
            .fdb()
            .unwrap_or_default()
            .into_iter()
            .filter(|entry| !entry.is_static && entry.age < IN_USE)
            .map(|entry| entry.next_hop)
            .collect();
        let (old, new) = (self.ends(&self.valid), self.ends(new));
        let gone = old.into_iter().filter(|end| !new.contains(end));
        gone.filter(|(_, _, segment)| self.has_next_hop(segment, &recent))
            .map(|(tenant, end, _)| format!("{tenant} {end}"))
            .collect()
    }

    /// Tenant, port with VLAN, and segment of each attachment at this node.
    fn ends(&self, valid: &Valid) -> BTreeSet<(Name, String, Name)> {
        let here = valid.find_node(self.node.as_str());
        let segments = valid.segments().iter();
        segments
            .flat_map(|segment| segment.attachments.iter().map(move |end| (segment, end)))
            .filter(|(_, end)| Some(end.node) == here)
            .map(|(segment, end)| {
                let tenant = valid.tenant(segment.tenant).name.clone();
                let words = format!("{} {}", end.port, super::edits::vlan_words(end.vlan));
                (tenant, words, segment.name.clone())
            })
            .collect()
    }

    fn has_next_hop(&self, segment: &Name, wanted: &BTreeSet<u32>) -> bool {
        let part = self.image.segments.get(segment);
        part.is_some_and(|part| part.records.next_hops.keys().any(|id| wanted.contains(id)))
    }
}

fn split_lines(text: &str) -> Vec<String> {
    text.lines().map(str::to_owned).collect()
}

fn egress_changes(changes: &Changes) -> Vec<u16> {
    let slot = |op: &Op| match op {
        Op::Set(Entry::Egress(slot, _)) => Some(*slot),
        Op::Set(_) | Op::Clear(_) => None,
    };
    changes.ops.iter().filter_map(slot).collect()
}

/// VXLAN links that end at this node.
fn tunnels(valid: &Valid, here: crate::validate::NodeIx) -> Vec<Tunnel> {
    let tunnel = |link: &crate::validate::ValidLink| {
        let Carries::Vxlan { ends, .. } = &link.carries else {
            return None;
        };
        let remote = match ends {
            VxlanEnds::Fabric([a, b]) if a.node == here => b.address,
            VxlanEnds::Fabric([a, _]) => a.address,
            VxlanEnds::Foreign { remote, .. } => *remote,
        };
        Some(Tunnel {
            link: link.name.clone(),
            port: link.port_at(here)?.clone(),
            remote,
        })
    };
    valid
        .links_at(here)
        .filter_map(|(_, link)| tunnel(link))
        .collect()
}
