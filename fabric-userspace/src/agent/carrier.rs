//! Ports that cannot send: told to the data path at once, and their traffic put on the backups that there are.

use std::collections::{BTreeSet, HashMap};

use fabric_common::maps::NextHop;

use super::core::{Core, failed};
use crate::compile::{Image, PortPlan};
use crate::datapath::OldWay;
use crate::error::Refusal;
use crate::model::IfName;
use crate::netlink::Event;

impl Core {
    /// Follows the carrier of a port. What has to be written depends on who leads over it, never on how many tenants there
    /// are beside; nothing is compiled.
    ///
    /// # Errors
    /// When a map cannot be written.
    pub(super) fn on_carrier(&mut self, event: &Event) -> Result<(), Refusal> {
        let (index, silent) = match event {
            Event::Link { nsid: None, link, .. } => (link.ifindex, !link.running),
            Event::LinkGone {
                nsid: None, ifindex, ..
            } => (*ifindex, true),
            Event::Link { .. }
            | Event::LinkGone { .. }
            | Event::Neighbour(_)
            | Event::NeighbourGone(_)
            | Event::Routes
            | Event::Missed => return Ok(()),
        };
        let port = self.image.ports().find_map(|(name, plan)| {
            let is_it = plan.facts.ifindex == index && index != 0;
            is_it.then(|| (name.clone(), plan.slot))
        });
        port.map_or(Ok(()), |(name, slot)| self.set_silent(&name, slot, silent))
    }

    /// Tells the data path which ports of an image cannot send, before frames are sent there. Those that can send again are for
    /// [`Self::note_returned`].
    ///
    /// # Errors
    /// When a map cannot be written.
    pub(super) fn note_silent(&mut self, image: &Image, silent: &BTreeSet<IfName>) -> Result<(), Refusal> {
        let mut ports = image.ports().filter(|(name, _)| silent.contains(*name));
        ports.try_for_each(|(name, plan)| self.set_silent(name, plan.slot, true))
    }

    /// Gives ports that can send again their traffic back: once maps and flood lists lead to the interfaces that they now have. One
    /// whose way the kernel has taken away waits for [`Core::put_back_lost_ways`].
    ///
    /// # Errors
    /// When a map cannot be written.
    pub(super) fn note_returned(&mut self, silent: &BTreeSet<IfName>) -> Result<(), Refusal> {
        let returned = |(name, plan): &(&IfName, &PortPlan)| {
            self.silent.contains(&plan.slot)
                && !silent.contains(*name)
                && !self.plane.has_lost_way(plan.slot, plan.facts.ifindex)
        };
        let ports = self.image.ports().filter(returned);
        let ports: Vec<_> = ports.map(|(name, plan)| (name.clone(), plan.slot)).collect();
        ports
            .into_iter()
            .try_for_each(|(name, slot)| self.set_silent(&name, slot, false))
    }

    fn set_silent(&mut self, name: &IfName, slot: u16, silent: bool) -> Result<(), Refusal> {
        if self.silent.contains(&slot) == silent {
            return Ok(());
        }
        // First the port: whoever still comes by the old way is counted.
        self.plane.set_silent(slot, silent).map_err(failed)?;
        if silent {
            self.silent.insert(slot);
        } else {
            self.silent.remove(&slot);
        }
        let old_way = if silent { OldWay::Dead } else { OldWay::Works };
        let moved = self.switch(slot, old_way)?;
        *self.path_switches.entry(name.clone()).or_default() += moved as u64;
        if silent {
            tracing::warn!(port = %name, next_hops = moved, "port cannot send, what has a backup takes it");
        } else {
            tracing::info!(port = %name, next_hops = moved, "port can send again");
        }
        Ok(())
    }

    /// Takes the backups of what leads over ports that could not send already when the programs were loaded.
    ///
    /// # Errors
    /// When a map cannot be written.
    pub(super) fn take_backups(&mut self) -> Result<(), Refusal> {
        let slots: Vec<u16> = self.silent.iter().copied().collect();
        slots
            .into_iter()
            .try_for_each(|slot| self.switch(slot, OldWay::Dead).map(drop))
    }

    /// Writes the next hops that lead over a port; how many that are.
    fn switch(&mut self, slot: u16, old_way: OldWay) -> Result<usize, Refusal> {
        let Self {
            silent,
            protection,
            plane,
            ..
        } = self;
        let next_hops: Vec<_> = protection.over(slot, |slot| silent.contains(&slot)).collect();
        plane.switch(&next_hops, old_way).map_err(failed)?;
        Ok(next_hops.len())
    }

    /// Ports can send for all that is known once this slot has been given up.
    ///
    /// # Errors
    /// When a map cannot be written.
    pub(super) fn forget_silence(&mut self, slot: u16) -> Result<(), crate::datapath::LoadError> {
        match self.silent.remove(&slot) {
            true => self.plane.set_silent(slot, false),
            false => Ok(()),
        }
    }

    /// A next hop of the document as the carriers now have it.
    pub(super) fn by_carrier(&self, id: u32, compiled: &NextHop) -> NextHop {
        let is_silent = |slot| self.silent.contains(&slot);
        self.protection.in_use(id, compiled, is_silent)
    }

    /// Next hops with another way because of a port that cannot send, as they are now; nothing while all ports can.
    pub(super) fn switched(&self) -> HashMap<u32, NextHop> {
        let is_silent = |slot| self.silent.contains(&slot);
        let over = |slot: &u16| self.protection.over(*slot, is_silent);
        self.silent.iter().flat_map(over).collect()
    }
}
