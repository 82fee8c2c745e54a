//! A change in words.

use std::collections::BTreeSet;
use std::time::Duration;

use super::Prepared;
use crate::agent::core::Core;
use crate::agent::edits::vlan_words;
use crate::api;
use crate::ids::Place;
use crate::model::{IfName, Name, Shared, Sign, Tenant, Vlan, between, document_diff};
use crate::validate::Valid;

/// A station that was heard this recently is in use.
const IN_USE: Duration = Duration::from_secs(10);

impl Core {
    pub(super) fn describe(&mut self, prepared: &Prepared) -> api::Plan {
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
            added: count(Sign::Add),
            changed: count(Sign::Change),
            removed: count(Sign::Remove),
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
        let (_, old, new) = between(&self.document().tenants, &new.document().tenants);
        let (old, new) = (self.ends(old), self.ends(new));
        let gone: Vec<_> = old.into_iter().filter(|end| !new.contains(end)).collect();
        if gone.is_empty() {
            // Reading the whole FDB takes milliseconds.
            return Vec::new();
        }
        let mut recent = BTreeSet::new();
        // Without the kernel's clock nothing is known to be in use.
        let _ = self.plane.for_each_station(|entry| {
            if !entry.is_static && entry.age < IN_USE {
                recent.insert(entry.next_hop);
            }
        });
        gone.into_iter()
            .filter(|end| self.is_in_use(end, &recent))
            .map(|end| format!("{} {} {}", end.tenant, end.port, vlan_words(end.vlan)))
            .collect()
    }

    /// Attachments at this node.
    fn ends(&self, tenants: &[Shared<Tenant>]) -> BTreeSet<Attached> {
        let segments = tenants
            .iter()
            .flat_map(|tenant| tenant.segments.iter().map(move |segment| (tenant, segment)));
        segments
            .flat_map(|(tenant, segment)| segment.attachments.iter().map(move |end| (tenant, segment, end)))
            .filter(|(_, _, end)| end.node == self.node)
            .map(|(tenant, segment, end)| Attached {
                tenant: tenant.name.clone(),
                port: end.port.clone(),
                vlan: end.vlan,
                segment: segment.name.clone(),
            })
            .collect()
    }

    fn is_in_use(&self, end: &Attached, recent: &BTreeSet<u32>) -> bool {
        let Some(part) = self.image.segments.get(&end.segment) else {
            return false;
        };
        let hop = part.ids.next_hops.get(&Place::Local(end.port.clone(), end.vlan));
        hop.is_some_and(|hop| recent.contains(&hop.id))
    }
}

/// An attachment at this node.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Attached {
    tenant: Name,
    port: IfName,
    vlan: Vlan,
    segment: Name,
}

fn split_lines(text: &str) -> Vec<String> {
    text.lines().map(str::to_owned).collect()
}
