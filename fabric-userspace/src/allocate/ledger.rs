//! What the tenants of a document have, kept from one document to the next: what a new tenant may have is found without looking
//! at 10,000 others.
//!
//! Invariant: it is of the very tenants that it holds, and is brought to another document by what that one does not share with
//! them. So whatever became of an earlier document, refused or replaced, nothing of it is left.

use std::collections::HashMap;

use super::counted::Counted;
use super::{Filled, Free, Places, fill};
use crate::model::{Document, IfName, Name, Segment, Shared, Tenant, Vlan, between};

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    tenants: Vec<Shared<Tenant>>,
    names: Counted<Name>,
    segments: Counted<Name>,
    /// VLANs of each port.
    ends: HashMap<(Name, IfName), Counted<Vlan>>,
    free: Free,
}

impl Ledger {
    /// Goes to the tenants of a document.
    pub(crate) fn follow(&mut self, document: &Document) {
        let (first, gone, new) = between(&self.tenants, &document.tenants);
        let (gone, new) = (gone.to_vec(), new.to_vec());
        gone.iter().for_each(|tenant| self.leave(tenant));
        new.iter().for_each(|tenant| self.enter(tenant));
        self.tenants.splice(first..first + gone.len(), new);
    }

    /// Whether somebody has this name.
    pub(crate) fn has_tenant(&self, name: &Name) -> bool {
        self.names.contains(name)
    }

    /// Whether a segment of somebody has this name.
    pub(crate) fn has_segment(&self, name: &Name) -> bool {
        self.segments.contains(name)
    }

    /// Whether somebody is attached to the port with this VLAN.
    pub(crate) fn has_end(&self, node: &Name, port: &IfName, vlan: Vlan) -> bool {
        self.vlans(node, port).is_some_and(|vlans| vlans.contains(&vlan))
    }

    /// Whether somebody is attached to the port.
    pub(crate) fn is_used(&self, node: &Name, port: &IfName) -> bool {
        self.vlans(node, port).is_some()
    }

    /// [`fill`] of a document in which no other tenant than the one at this position lacks anything.
    pub(crate) fn fill(&mut self, document: &mut Document, tenant: usize) -> Filled {
        let owns = |tenant: &Tenant, name: &Name| tenant.segments.iter().any(|segment| segment.name == *name);
        let changed = document.tenants.get(tenant);
        let mut places = document.gateways.iter().flat_map(|gateway| &gateway.segments);
        // The other segments of a gateway are where this one is, and may lack a number for it.
        if places.any(|place| changed.is_some_and(|tenant| owns(tenant, &place.segment))) {
            return fill(document);
        }
        self.follow(document);
        let mut tenants = std::mem::take(&mut document.tenants);
        let mut filled = Filled::nothing();
        if let (Some(owner), Some(known)) = (tenants.get_mut(tenant), self.tenants.get_mut(tenant)) {
            filled.give(owner, &mut self.free, &Places::of(document));
            // What it was given is entered, as what it had is.
            *known = owner.clone();
        }
        document.tenants = tenants;
        filled
    }

    fn vlans(&self, node: &Name, port: &IfName) -> Option<&Counted<Vlan>> {
        self.ends.get(&(node.clone(), port.clone()))
    }

    fn enter(&mut self, tenant: &Tenant) {
        self.names.enter(tenant.name.clone());
        for segment in &tenant.segments {
            self.segments.enter(segment.name.clone());
            self.free.enter(segment);
            for (port, vlan) in ends(segment) {
                self.ends.entry(port).or_default().enter(vlan);
            }
        }
    }

    fn leave(&mut self, tenant: &Tenant) {
        self.names.leave(&tenant.name);
        for segment in &tenant.segments {
            self.segments.leave(&segment.name);
            self.free.leave(segment);
            for (port, vlan) in ends(segment) {
                let Some(vlans) = self.ends.get_mut(&port) else {
                    continue;
                };
                vlans.leave(&vlan);
                if vlans.is_empty() {
                    self.ends.remove(&port);
                }
            }
        }
    }
}

fn ends(segment: &Segment) -> impl Iterator<Item = ((Name, IfName), Vlan)> {
    let ends = segment.attachments.iter();
    ends.map(|end| ((end.node.clone(), end.port.clone()), end.vlan))
}

#[cfg(test)]
mod tests;
