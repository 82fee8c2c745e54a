//! What only one tenant can have, so that a changed tenant can be compared with 10,000 others by looking it up.
//!
//! Invariant: it holds the keys of all tenants of a [`super::Valid`], and no key of two of them.

mod layered;

use std::collections::HashSet;

use super::NodeIx;
use super::table::Table;
use super::valid::ValidNode;
use crate::allocate::explicit_c_vids;
use crate::model::{ISid, IfName, Label, Name, Segment, ServiceVid, Shared, Tenant, Vlan, Vni};
use layered::Layered;

/// A port of a node.
pub(super) type Port = (NodeIx, IfName);

/// One thing that only one tenant can have.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    Tenant(Name),
    Segment(Name),
    Attachment(Port, Vlan),
    Tags(ServiceVid, ServiceVid),
    Vni(Vni),
    ISid(ISid),
    GlobalVid(ServiceVid),
    Label(Label),
}

/// What the tenants of one document have.
#[derive(Debug, Clone, Default)]
pub(super) struct Taken {
    keys: Layered<Key, ()>,
    /// Attachments of each port.
    ports: Layered<Port, usize>,
}

impl Taken {
    /// What the tenants of a valid document have.
    pub(super) fn by(tenants: &[Shared<Tenant>], nodes: &Table<ValidNode>) -> Self {
        let mut taken = Self::default();
        for tenant in tenants {
            let (keys, ports) = of(tenant, nodes);
            keys.into_iter().for_each(|key| taken.keys.set(key, Some(())));
            ports.into_iter().for_each(|port| taken.attach(port));
        }
        taken.keys.settle(0);
        taken.ports.settle(0);
        taken
    }

    /// Gives up what a tenant has. Returns its ports.
    pub(super) fn release(&mut self, tenant: &Tenant, nodes: &Table<ValidNode>) -> Vec<Port> {
        let (keys, ports) = of(tenant, nodes);
        keys.into_iter().for_each(|key| self.keys.set(key, None));
        for port in &ports {
            let left = self.attachments(port).saturating_sub(1);
            self.ports.set(port.clone(), (left > 0).then_some(left));
        }
        ports
    }

    /// Takes what a tenant wants, who is right in himself. `None` if another one has some of it. Returns its ports.
    pub(super) fn take(&mut self, tenant: &Tenant, nodes: &Table<ValidNode>) -> Option<Vec<Port>> {
        let (keys, ports) = of(tenant, nodes);
        if keys.iter().any(|key| self.is_taken(key)) {
            return None;
        }
        keys.into_iter().for_each(|key| self.keys.set(key, Some(())));
        ports.iter().cloned().for_each(|port| self.attach(port));
        Some(ports)
    }

    /// How many attachments a port has.
    pub(super) fn attachments(&self, port: &Port) -> usize {
        self.ports.get(port).copied().unwrap_or_default()
    }

    /// Bounds what copies cost.
    pub(super) fn settle(&mut self) {
        self.keys.settle(layered::MOST);
        self.ports.settle(layered::MOST);
    }

    fn attach(&mut self, port: Port) {
        let already = self.attachments(&port);
        self.ports.set(port, Some(already + 1));
    }

    fn is_taken(&self, key: &Key) -> bool {
        let excluded = match key {
            // `any` takes every frame, so it meets each other VLAN of the port.
            Key::Attachment(port, Vlan::Any) => self.attachments(port) > 0,
            Key::Attachment(port, Vlan::Untagged | Vlan::Tagged(_)) => {
                let any = Key::Attachment(port.clone(), Vlan::Any);
                self.keys.get(&any).is_some()
            }
            Key::Tenant(_)
            | Key::Segment(_)
            | Key::Tags(..)
            | Key::Vni(_)
            | Key::ISid(_)
            | Key::GlobalVid(_)
            | Key::Label(_) => false,
        };
        excluded || self.keys.get(key).is_some()
    }

    #[cfg(test)]
    pub(super) fn is_as(&self, other: &Self) -> bool {
        self.keys.all() == other.keys.all() && self.ports.all() == other.ports.all()
    }
}

/// The keys of a tenant, and the port of each attachment.
fn of(tenant: &Tenant, nodes: &Table<ValidNode>) -> (HashSet<Key>, Vec<Port>) {
    let mut keys = HashSet::from([Key::Tenant(tenant.name.clone())]);
    let mut ports = Vec::new();
    for segment in &tenant.segments {
        keys.insert(Key::Segment(segment.name.clone()));
        numbers(segment, &mut keys);
        for end in &segment.attachments {
            let Some(node) = nodes.find(&end.node).map(NodeIx::new) else {
                continue;
            };
            let port = (node, end.port.clone());
            keys.insert(Key::Attachment(port.clone(), end.vlan));
            ports.push(port);
        }
    }
    (keys, ports)
}

fn numbers(segment: &Segment, keys: &mut HashSet<Key>) {
    keys.extend(segment.vni.map(Key::Vni));
    keys.extend(segment.i_sid.map(Key::ISid));
    keys.extend(segment.global_vid.map(Key::GlobalVid));
    keys.extend(segment.labels.iter().map(|pair| Key::Label(pair.label)));
    let Some(s_vid) = segment.s_vid else { return };
    keys.extend(explicit_c_vids(segment).map(|c_vid| Key::Tags(s_vid, c_vid)));
}
