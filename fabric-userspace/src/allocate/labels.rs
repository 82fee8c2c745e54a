//! Missing labels, of the range of the datacenter that they lead to: one at the S-VID's offset if free, others from the top.

use std::collections::HashMap;

use super::counted::Counted;
use crate::model::{Datacenter, Label, Name, Range, RangeNumber, Segment, SegmentLabel};

/// The used labels of the fabric.
#[derive(Debug, Default)]
pub(super) struct Labels {
    used: Counted<Label>,
    /// Where to look on, downwards, in a range that ends there. No label of the range above is free.
    next: HashMap<u32, u32>,
}

/// A label that a segment needs.
pub(super) struct Wanted<'d> {
    to: &'d Datacenter,
    from: &'d Datacenter,
    preferred: Option<Label>,
}

/// What the segment, whose numbers are of `home`, wants for each ordered pair of `apart` that has no label.
///
/// `apart(to, from)` says whether frames cross from one to the other by label. Both are of `datacenters`, in the order of
/// the document.
pub(super) fn missing<'d>(
    segment: &Segment,
    home: &Datacenter,
    datacenters: &[&'d Datacenter],
    apart: impl Fn(&Name, &Name) -> bool,
) -> Vec<Wanted<'d>> {
    let mut wanted = Vec::new();
    for to in datacenters {
        let mut preferred = preferred(segment, home, to);
        for from in datacenters.iter().filter(|from| apart(&to.name, &from.name)) {
            let preferred = preferred.take();
            let known = |pair: &SegmentLabel| (&pair.to, &pair.from) == (&to.name, &from.name);
            if !segment.labels.iter().any(known) {
                wanted.push(Wanted { to, from, preferred });
            }
        }
    }
    wanted
}

impl Labels {
    /// The segment's labels are used.
    pub(super) fn enter(&mut self, segment: &Segment) {
        let labels = segment.labels.iter().map(|pair| pair.label);
        labels.for_each(|label| self.used.enter(label));
    }

    /// The segment has them no more.
    pub(super) fn leave(&mut self, segment: &Segment) {
        for label in segment.labels.iter().map(|pair| pair.label) {
            if self.used.leave(&label) {
                let ranges = self.next.iter_mut().filter(|(last, _)| **last >= label.number());
                ranges.for_each(|(_, next)| *next = (*next).max(label.number()));
            }
        }
    }

    #[cfg(test)]
    pub(super) fn has_same(&self, other: &Self) -> bool {
        self.used == other.used
    }

    /// Gives the segment a label that it wants, if the range has one.
    pub(super) fn fill(&mut self, segment: &mut Segment, wanted: &Wanted<'_>) {
        let Wanted { to, from, preferred } = wanted;
        if let Some(label) = to.labels.and_then(|range| self.take(range, *preferred)) {
            segment.labels.push(SegmentLabel {
                to: to.name.clone(),
                from: from.name.clone(),
                label,
            });
        }
    }

    /// `preferred` if it is of the range and free, otherwise the highest free label; used from now on.
    fn take(&mut self, range: Range<Label>, preferred: Option<Label>) -> Option<Label> {
        if let Some(label) = preferred.filter(|label| range.contains(*label))
            && self.used.enter_new(label)
        {
            return Some(label);
        }
        let (first, last) = (range.first().number(), range.last().number());
        let next = self.next.entry(last).or_insert(last);
        let mut candidates = (first..=*next).rev().filter_map(Label::from_number);
        let label = candidates.find(|label| self.used.enter_new(*label));
        *next = label.map_or(first, Label::number) - 1;
        label
    }
}

/// The label as far into its range as the S-VID is into its own, so that captures are easy to read.
fn preferred(segment: &Segment, home: &Datacenter, to: &Datacenter) -> Option<Label> {
    let offset = segment.s_vid?.get().checked_sub(home.s_vids.first().get())?;
    Label::new(to.labels?.first().get() + u32::from(offset)).ok()
}
