use std::collections::{HashMap, HashSet};

use crate::model::{Datacenter, Name, Segment, Vni};

/// The used VNIs of the fabric.
pub(super) struct Vnis {
    used: HashSet<Vni>,
    /// Where to look on, so that 10,000 segments do not each begin at the range's start.
    next: HashMap<Name, u32>,
}

impl Vnis {
    pub(super) fn used_by<'d>(segments: impl Iterator<Item = &'d Segment>) -> Self {
        Self {
            used: segments.filter_map(|segment| segment.vni).collect(),
            next: HashMap::new(),
        }
    }

    /// The lowest free VNI of the datacenter, used from now on.
    pub(super) fn take(&mut self, datacenter: &Datacenter) -> Option<Vni> {
        let range = datacenter.vnis?;
        let next = self
            .next
            .entry(datacenter.name.clone())
            .or_insert(range.first().get());
        let mut candidates = (*next..=range.last().get()).filter_map(|number| Vni::new(number).ok());
        let vni = candidates.find(|vni| self.used.insert(*vni));
        *next = vni.map_or(range.last().get() + 1, |vni| vni.get() + 1);
        vni
    }
}
