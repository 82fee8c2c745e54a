//! A document most of which is known to be right: what has changed is checked in itself, and against what the others have.
//!
//! Where that is not enough to be sure, and wherever there is a problem, the document is checked as a whole: who reads of
//! problems reads of all of them. So all that this must never do is to accept what the whole check refuses.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use super::place::Place;
use super::ports::Ports;
use super::table::Table;
use super::taken::{Port, Taken};
use super::tenants::{Checked, Parts};
use super::valid::{PortRole, ValidNode, ValidSegment, ValidTenant};
use super::{MAX_PORTS, MAX_SEGMENTS, SegmentIx, Valid, numbers, reach, tenants};
use crate::allocate::{are_filled, fill};
use crate::list::List;
use crate::model::{Document, Name, Shared, Tenant, between};

/// What a changed document comes to.
pub(super) struct Edited {
    nodes: Arc<Table<ValidNode>>,
    tenants: List<Arc<ValidTenant>>,
    segments: List<Arc<ValidSegment>>,
    taken: Taken,
    is_complete: bool,
}

impl Edited {
    /// With all that has not changed.
    pub(super) fn with(self, document: Document, before: &Valid) -> Valid {
        Valid {
            document,
            plant: Arc::clone(&before.plant),
            nodes: self.nodes,
            tenants: self.tenants,
            segments: self.segments,
            storage: Arc::clone(&before.storage),
            gateways: Arc::clone(&before.gateways),
            taken: self.taken,
            is_complete: self.is_complete,
        }
    }
}

/// Fills in what the changed tenants leave out, and checks them. `None` if the document must be checked as a whole.
pub(super) fn check(document: &mut Document, before: &Valid) -> Option<Edited> {
    if !before.is_complete || !document.is_same_but_tenants(before.document()) {
        return None;
    }
    let mut is_complete = true;
    let new = Difference::between(before, document).new;
    if !are_filled(document, &new) {
        is_complete = fill(document).is_complete;
    }
    let difference = Difference::between(before, document);
    let list: Vec<Shared<Tenant>> = difference.new.iter().copied().cloned().collect();
    let checked = in_themselves(&list, before)?;
    let (taken, ports) = among_others(&difference, before)?;
    let nodes = with_ports(ports, &taken, document, before)?;
    let named = |(tenant, (mac_limit, segments)): (&Shared<Tenant>, Checked)| ValidTenant {
        name: tenant.name.clone(),
        mac_limit,
        segments: segments.into_iter().map(Arc::new).collect(),
    };
    let checked: Vec<ValidTenant> = list.iter().zip(checked).map(named).collect();
    let (tenants, segments) = difference.merged(before, checked);
    (segments.len() <= MAX_SEGMENTS && shared_stay(&difference, before, &segments)).then_some(Edited {
        nodes,
        tenants,
        segments,
        taken,
        is_complete,
    })
}

/// Tenants that two documents do not share.
struct Difference<'a> {
    /// They begin alike.
    first: usize,
    /// Between there and where they end alike: for each tenant of the new document the position of the same one in the old
    /// one, or `None` if it is new or changed.
    kept: Vec<Option<usize>>,
    /// Those of the old document that are not kept.
    gone: Vec<&'a Shared<Tenant>>,
    /// Those of the new document that are not.
    new: Vec<&'a Shared<Tenant>>,
    /// Where they end alike, in the old document.
    tail: usize,
}

impl<'a> Difference<'a> {
    fn between(before: &'a Valid, document: &'a Document) -> Self {
        let (first, old, list) = between(&before.document().tenants, &document.tenants);
        let mut left: HashMap<&Name, usize> = old
            .iter()
            .enumerate()
            .map(|(at, tenant)| (&tenant.name, at))
            .collect();
        let (mut kept, mut new) = (Vec::new(), Vec::new());
        for tenant in list {
            let same = left.get(&tenant.name).copied().filter(|at| old[*at] == *tenant);
            match same {
                Some(_) => drop(left.remove(&tenant.name)),
                None => new.push(tenant),
            }
            kept.push(same.map(|at| first + at));
        }
        let mut gone: Vec<usize> = left.into_values().collect();
        gone.sort_unstable();
        Self {
            first,
            kept,
            gone: gone.into_iter().map(|at| &old[at]).collect(),
            new,
            tail: first + old.len(),
        }
    }

    /// The tenants of the new document, those that were there and these, and their segments.
    fn merged(
        &self,
        before: &Valid,
        new: Vec<ValidTenant>,
    ) -> (List<Arc<ValidTenant>>, List<Arc<ValidSegment>>) {
        let (mut tenants, mut segments) = (before.tenants.clone(), before.segments.clone());
        let mut new = new.into_iter().map(Arc::new);
        let middle = self.kept.iter().filter_map(|kept| match kept {
            Some(at) => before.tenants.get(*at).cloned(),
            None => new.next(),
        });
        let middle: Vec<Arc<ValidTenant>> = middle.collect();
        let own = middle.iter().flat_map(|tenant| tenant.segments.iter().cloned());
        segments.splice(before.segments_of(self.first..self.tail), own.collect());
        tenants.splice(self.first..self.tail, middle);
        (tenants, segments)
    }
}

/// What the tenants come to; `None` if there is a problem, as if there were no others.
fn in_themselves(list: &[Shared<Tenant>], before: &Valid) -> Option<Vec<Checked>> {
    let (plant, mut problems) = (&before.plant, Vec::new());
    let parts = Parts {
        datacenters: &plant.datacenters,
        nodes: &before.nodes,
        links: &plant.links,
    };
    let mut ports = Ports::default();
    let checked = tenants::check(list, &parts, &mut ports, &mut problems);
    numbers::check(list, before.document().global_vids, &parts, &mut problems);
    if !problems.is_empty() || ports.used().any(|port| plant.ports.contains(port)) {
        return None;
    }
    let segments = checked.iter().flat_map(|(_, own)| own);
    // Nobody reads the problems, and so nobody their places.
    let place = Place {
        tenant: 0,
        segment: 0,
    };
    let segments = segments.map(|segment| (place, segment));
    reach::check(plant, before.nodes(), segments, &mut problems);
    problems.is_empty().then_some(checked)
}

/// What everybody has afterwards, and the ports of those who change; `None` if two want the same.
fn among_others(difference: &Difference<'_>, before: &Valid) -> Option<(Taken, HashSet<Port>)> {
    let (mut taken, mut ports) = (before.taken.clone(), HashSet::new());
    for tenant in &difference.gone {
        ports.extend(taken.release(tenant, &before.nodes));
    }
    for tenant in &difference.new {
        ports.extend(taken.take(tenant, &before.nodes)?);
    }
    taken.settle();
    Some((taken, ports))
}

/// The nodes with those ports that are in use now; `None` if a node would have too many.
fn with_ports(
    ports: HashSet<Port>,
    taken: &Taken,
    document: &Document,
    before: &Valid,
) -> Option<Arc<Table<ValidNode>>> {
    let mut nodes = Arc::clone(&before.nodes);
    for port in ports {
        let (node, name) = &port;
        let known = before.node(*node).ports.get(name);
        let (was_used, is_used) = (
            known.is_some_and(|port| port.role.is_some()),
            taken.attachments(&port) > 0,
        );
        if was_used == is_used {
            continue;
        }
        let changed = Arc::make_mut(&mut nodes).items_mut().get_mut(node.index())?;
        if is_used {
            changed.use_port(name.clone(), PortRole::Access);
        } else {
            let listed = &document.nodes.get(node.index())?.ports;
            let has_options = listed.iter().any(|options| options.name == *name);
            match changed.ports.get_mut(name).filter(|_| has_options) {
                Some(port) => port.role = None,
                None => drop(changed.ports.remove(name)),
            }
        }
        if changed.ports.len() > MAX_PORTS {
            return None;
        }
    }
    Some(nodes)
}

/// Whether storage machines and gateways are in the same segments as before, none of which has changed.
fn shared_stay(difference: &Difference<'_>, before: &Valid, segments: &List<Arc<ValidSegment>>) -> bool {
    let storage = before.storage().iter().flat_map(|vsm| &vsm.segments);
    let gateways = before.gateways().iter().flat_map(|gateway| &gateway.segments);
    let hosts = storage
        .map(|place| place.segment)
        .chain(gateways.map(|place| place.segment));
    let hosts: BTreeSet<usize> = hosts.map(SegmentIx::index).collect();
    if hosts.is_empty() {
        return true;
    }
    let changed = difference.gone.iter().chain(&difference.new);
    let changed: HashSet<&Name> = changed
        .flat_map(|tenant| &tenant.segments)
        .map(|segment| &segment.name)
        .collect();
    hosts.into_iter().all(|at| {
        let was = before.segments().get(at).map(|segment| &segment.name);
        was.is_some_and(|was| !changed.contains(was)) && segments.get(at).map(|segment| &segment.name) == was
    })
}

#[cfg(test)]
mod tests;
