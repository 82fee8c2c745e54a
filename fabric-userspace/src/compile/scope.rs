//! Which segments a new document can have changed; the others need not be compiled again. Rather too many than too few.

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;
use std::sync::Arc;

use crate::list::List;
use crate::model::{Document, MacLimit, Name, Segment, Shared, Tenant, between};
use crate::validate::{Valid, ValidSegment, ValidTenant};

/// Which segments a change can have touched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Any.
    All,
    /// These: new, changed or gone. Nodes, links and datacenters are as before.
    Segments(BTreeSet<Name>),
    /// The same, and those that are not gone are of the tenants at these positions of the new document.
    Of(BTreeSet<Name>, Range<usize>),
}

impl Scope {
    /// What lies between two documents with all numbers filled in.
    pub fn between(old: &Document, new: &Document) -> Self {
        if old.links != new.links || old.nodes != new.nodes || old.datacenters != new.datacenters {
            return Self::All;
        }
        let elsewhere = storage(old, new);
        let mut touched = BTreeSet::new();
        // Most often the documents differ in one place only, and share the rest.
        let (first, before, after) = between(&old.tenants, &new.tenants);
        let tenants = first..first + after.len();
        let (before, after) = (segments(before), segments(after));
        let mut lost: HashMap<&Name, &Owned<'_>> =
            before.iter().map(|owned| (&owned.2.name, owned)).collect();
        for owned in &after {
            let was = lost.remove(&owned.2.name);
            if was != Some(owned) {
                touched.insert(owned.2.name.clone());
            }
        }
        touched.extend(lost.into_keys().cloned());
        touched.extend(elsewhere.iter().cloned());
        let stretched = gateways(old, new, &touched);
        if elsewhere.is_empty() && stretched.is_empty() {
            return Self::Of(touched, tenants);
        }
        touched.extend(stretched);
        Self::Segments(touched)
    }

    /// The segments that may be touched; `None` if any may.
    pub(super) fn names(&self) -> Option<&BTreeSet<Name>> {
        match self {
            Self::All => None,
            Self::Segments(names) | Self::Of(names, _) => Some(names),
        }
    }

    /// Those of all tenants that may have a segment that is touched.
    pub(super) fn tenants<'v>(
        &self,
        all: &'v List<Arc<ValidTenant>>,
    ) -> impl Iterator<Item = &'v Arc<ValidTenant>> + use<'v> {
        let range = match self {
            Self::Of(_, tenants) if tenants.end <= all.len() => tenants.clone(),
            Self::All | Self::Segments(_) | Self::Of(..) => 0..all.len(),
        };
        all.range(range)
    }

    /// Segments of a new document that may be touched.
    pub fn segments<'v>(&'v self, valid: &'v Valid) -> impl Iterator<Item = &'v ValidSegment> {
        let tenants = self.tenants(valid.tenants());
        let segments = tenants.flat_map(|tenant| &tenant.segments);
        segments
            .map(AsRef::as_ref)
            .filter(|segment| self.contains(&segment.name))
    }

    /// True if the segment may be touched.
    pub fn contains(&self, segment: &Name) -> bool {
        self.names().is_none_or(|names| names.contains(segment))
    }
}

/// Segments that a storage machine which changes is seen in.
fn storage(old: &Document, new: &Document) -> BTreeSet<Name> {
    if old.storage == new.storage {
        return BTreeSet::new();
    }
    let changed = |from: &Document, to: &Document| -> Vec<Name> {
        let vsms = from.storage.iter().filter(|vsm| !to.storage.contains(vsm));
        vsms.flat_map(|vsm| &vsm.segments)
            .map(|place| place.segment.clone())
            .collect()
    };
    changed(old, new).into_iter().chain(changed(new, old)).collect()
}

/// Segments of a gateway that changes itself, or of which another segment changes: each of them is where any of them is.
fn gateways(old: &Document, new: &Document, touched: &BTreeSet<Name>) -> BTreeSet<Name> {
    let mut found = BTreeSet::new();
    let are_same = old.gateways == new.gateways;
    for (from, to) in [(old, new), (new, old)] {
        for gateway in &from.gateways {
            let mut own = gateway.segments.iter().map(|place| &place.segment);
            let is_same = are_same || to.gateways.contains(gateway);
            if own.clone().any(|name| touched.contains(name)) || !is_same {
                found.extend(own.by_ref().cloned());
            }
        }
    }
    found
}

/// A segment, its tenant's name, and the limits that it has from him: one without a limit of his own has that of his largest segment.
type Owned<'a> = (&'a Name, [Option<MacLimit>; 2], &'a Segment);

fn segments(tenants: &[Shared<Tenant>]) -> Vec<Owned<'_>> {
    let owned = |tenant: &'_ Shared<Tenant>| -> [Option<MacLimit>; 2] {
        let largest = tenant.segments.iter().filter_map(|segment| segment.mac_limit);
        [tenant.mac_limit, largest.max()]
    };
    tenants
        .iter()
        .flat_map(|tenant| {
            let limits = owned(tenant);
            tenant
                .segments
                .iter()
                .map(move |segment| (&tenant.name, limits, segment))
        })
        .collect()
}
