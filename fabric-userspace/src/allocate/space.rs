//! Segments and used C-VIDs under each S-VID, kept right as segments come and go, even where a pair is used twice.

use std::collections::{BTreeSet, HashMap};

use super::counted::Counted;
use crate::model::{Range, Segment, ServiceVid};

const VIDS: usize = 4096;
/// Ranges whose S-VIDs are kept by use. There are as many datacenters, or documents have changed them.
const RANGES: usize = 64;

/// S-VIDs, each behind the number of its C-VIDs in use.
type ByUse = BTreeSet<(usize, ServiceVid)>;

/// The used pairs of S-VID and C-VID, of the whole fabric: an S-VID belongs to one datacenter.
#[derive(Debug)]
pub(super) struct Space {
    outer: Vec<Outer>,
    /// Pairs that more than one end has, in documents that are still to be checked.
    repeated: Counted<(ServiceVid, ServiceVid)>,
    /// Where to look on for an S-VID without a segment in a range that begins there. None before is without.
    next: HashMap<ServiceVid, u16>,
    /// The S-VIDs of each range that was asked for, by C-VIDs in use: 10,000 segments do not each look at all of them.
    by_use: Vec<(Range<ServiceVid>, ByUse)>,
}

/// What is used under one S-VID.
#[derive(Clone, Debug, Default)]
pub(super) struct Outer {
    segments: u32,
    inner: Inner,
}

/// A set of C-VIDs. Most S-VIDs of a fabric are unused and need no bits.
#[derive(Clone, Debug, Default)]
struct Inner {
    bits: Option<Box<[u64; VIDS / 64]>>,
    used: usize,
}

impl Default for Space {
    /// Nothing is used.
    fn default() -> Self {
        Self {
            outer: vec![Outer::default(); VIDS],
            repeated: Counted::default(),
            next: HashMap::new(),
            by_use: Vec::new(),
        }
    }
}

impl Space {
    #[cfg(test)]
    pub(super) fn has_same(&self, other: &Self) -> bool {
        let used = |outer: &Outer| (outer.segments, outer.inner.used, outer.inner.bits.clone());
        self.repeated == other.repeated && self.outer.iter().map(used).eq(other.outer.iter().map(used))
    }

    /// The lowest S-VID of `range` without a segment.
    pub(super) fn unused(&mut self, range: Range<ServiceVid>) -> Option<ServiceVid> {
        let next = self.next.entry(range.first()).or_insert(range.first().get());
        let is_used = |s_vid: u16| self.outer[usize::from(s_vid)].segments > 0;
        let found = (*next..=range.last().get()).find(|s_vid| !is_used(*s_vid));
        *next = found.unwrap_or(range.last().get() + 1);
        found.and_then(|s_vid| ServiceVid::new(s_vid).ok())
    }

    /// The S-VID of `range` that `fits` and has the fewest C-VIDs in use.
    pub(super) fn emptiest(
        &mut self,
        range: Range<ServiceVid>,
        fits: impl Fn(&Outer) -> bool,
    ) -> Option<ServiceVid> {
        let outer = |s_vid: ServiceVid| &self.outer[usize::from(s_vid.get())];
        if self.by_use.iter().all(|(known, _)| *known != range) {
            let all = range.iter().map(|s_vid| (outer(s_vid).inner.used, s_vid));
            if self.by_use.len() >= RANGES {
                self.by_use.clear();
            }
            self.by_use.push((range, all.collect()));
        }
        let (_, by_use) = self.by_use.iter().find(|(known, _)| *known == range)?;
        let mut s_vids = by_use.iter().map(|(_, s_vid)| *s_vid);
        s_vids.find(|s_vid| fits(outer(*s_vid)))
    }

    fn outer_mut(&mut self, s_vid: ServiceVid) -> &mut Outer {
        &mut self.outer[usize::from(s_vid.get())]
    }

    fn insert(&mut self, s_vid: ServiceVid, c_vid: ServiceVid) {
        let inner = &mut self.outer_mut(s_vid).inner;
        let before = inner.used;
        if inner.insert(c_vid) {
            self.uses_changed(s_vid, before);
        } else {
            self.repeated.enter((s_vid, c_vid));
        }
    }

    fn remove(&mut self, s_vid: ServiceVid, c_vid: ServiceVid) {
        if self.repeated.contains(&(s_vid, c_vid)) {
            self.repeated.leave(&(s_vid, c_vid));
            return;
        }
        let inner = &mut self.outer_mut(s_vid).inner;
        let before = inner.used;
        inner.remove(c_vid);
        self.uses_changed(s_vid, before);
    }

    /// So many C-VIDs of the S-VID were in use.
    fn uses_changed(&mut self, s_vid: ServiceVid, before: usize) {
        let now = self.outer_mut(s_vid).inner.used;
        for (range, by_use) in &mut self.by_use {
            if range.contains(s_vid) {
                by_use.remove(&(before, s_vid));
                by_use.insert((now, s_vid));
            }
        }
    }

    /// Counts one more segment under `s_vid`, with the C-VIDs that it already has.
    pub(super) fn enter(&mut self, s_vid: ServiceVid, segment: &Segment) {
        self.outer_mut(s_vid).segments += 1;
        explicit_c_vids(segment).for_each(|c_vid| self.insert(s_vid, c_vid));
    }

    /// Counts one less, which has its C-VIDs no more.
    pub(super) fn leave(&mut self, s_vid: ServiceVid, segment: &Segment) {
        explicit_c_vids(segment).for_each(|c_vid| self.remove(s_vid, c_vid));
        let segments = &mut self.outer_mut(s_vid).segments;
        *segments = segments.saturating_sub(1);
        if *segments == 0 {
            let ranges = self.next.iter_mut().filter(|(first, _)| **first <= s_vid);
            ranges.for_each(|(_, next)| *next = (*next).min(s_vid.get()));
        }
    }

    /// `wanted` if it is free, otherwise the lowest free C-VID of `range`; used from now on.
    pub(super) fn take(
        &mut self,
        s_vid: ServiceVid,
        range: Range<ServiceVid>,
        wanted: Option<ServiceVid>,
    ) -> Option<ServiceVid> {
        let inner = &self.outer_mut(s_vid).inner;
        let wanted = wanted.filter(|c_vid| range.contains(*c_vid) && !inner.contains(*c_vid));
        let c_vid = wanted.or_else(|| inner.first_free(range))?;
        self.insert(s_vid, c_vid);
        Some(c_vid)
    }
}

impl Outer {
    pub(super) fn contains(&self, c_vid: ServiceVid) -> bool {
        self.inner.contains(c_vid)
    }

    /// Whether `count` C-VIDs of `range` are certainly free; used ones outside of it are counted as well.
    pub(super) fn has_free(&self, range: Range<ServiceVid>, count: usize) -> bool {
        let size = usize::from(range.last().get() - range.first().get()) + 1;
        self.inner.used + count <= size
    }
}

impl Inner {
    fn contains(&self, c_vid: ServiceVid) -> bool {
        let (word, bit) = place(c_vid);
        self.bits.as_ref().is_some_and(|words| words[word] & bit != 0)
    }

    /// False if it is in use already.
    fn insert(&mut self, c_vid: ServiceVid) -> bool {
        let (word, bit) = place(c_vid);
        let word = &mut self.bits.get_or_insert_with(|| Box::new([0; VIDS / 64]))[word];
        let is_new = *word & bit == 0;
        self.used += usize::from(is_new);
        *word |= bit;
        is_new
    }

    fn remove(&mut self, c_vid: ServiceVid) {
        let (word, bit) = place(c_vid);
        if let Some(words) = self.bits.as_mut().filter(|words| words[word] & bit != 0) {
            words[word] &= !bit;
            self.used -= 1;
        }
        if self.used == 0 {
            self.bits = None;
        }
    }

    fn first_free(&self, range: Range<ServiceVid>) -> Option<ServiceVid> {
        range.iter().find(|c_vid| !self.contains(*c_vid))
    }
}

fn place(c_vid: ServiceVid) -> (usize, u64) {
    let number = usize::from(c_vid.get());
    (number / 64, 1 << (number % 64))
}

/// Every C-VID that the document gives the segment, in any of its ends.
pub(crate) fn explicit_c_vids(segment: &Segment) -> impl Iterator<Item = ServiceVid> {
    let attached = segment.attachments.iter().map(|end| (end.c_vid, &end.stations));
    let remote = segment.remotes.iter().map(|end| (end.c_vid, &end.stations));
    let ends = attached
        .chain(remote)
        .flat_map(|(own, stations)| stations.iter().filter_map(|station| station.c_vid).chain(own));
    segment.c_vid.into_iter().chain(ends)
}
