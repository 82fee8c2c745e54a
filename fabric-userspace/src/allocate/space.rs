use crate::model::{Range, Segment, ServiceVid};

const VIDS: usize = 4096;

/// The used pairs of S-VID and C-VID, of the whole fabric: an S-VID belongs to one datacenter.
pub(super) struct Space {
    outer: Vec<Outer>,
}

/// What is used under one S-VID.
#[derive(Clone, Default)]
pub(super) struct Outer {
    segments: u32,
    inner: Inner,
}

/// A set of C-VIDs. Most S-VIDs of a fabric are unused and need no bits.
#[derive(Clone, Default)]
struct Inner {
    bits: Option<Box<[u64; VIDS / 64]>>,
    used: usize,
}

impl Space {
    pub(super) fn used_by<'d>(segments: impl Iterator<Item = &'d Segment>) -> Self {
        let mut space = Self {
            outer: vec![Outer::default(); VIDS],
        };
        for segment in segments {
            if let Some(s_vid) = segment.s_vid {
                let outer = space.outer_mut(s_vid);
                outer.segments += 1;
                explicit_c_vids(segment).for_each(|c_vid| outer.inner.insert(c_vid));
            }
        }
        space
    }

    /// The lowest S-VID of `range` without a segment.
    pub(super) fn unused(&self, range: Range<ServiceVid>) -> Option<ServiceVid> {
        range.iter().find(|s_vid| self.outer(*s_vid).segments == 0)
    }

    /// The S-VID of `range` that `fits` and has the fewest C-VIDs in use.
    pub(super) fn emptiest(
        &self,
        range: Range<ServiceVid>,
        fits: impl Fn(&Outer) -> bool,
    ) -> Option<ServiceVid> {
        let fitting = range.iter().filter(|s_vid| fits(self.outer(*s_vid)));
        fitting.min_by_key(|s_vid| self.outer(*s_vid).inner.used)
    }

    fn outer(&self, s_vid: ServiceVid) -> &Outer {
        &self.outer[usize::from(s_vid.get())]
    }

    fn outer_mut(&mut self, s_vid: ServiceVid) -> &mut Outer {
        &mut self.outer[usize::from(s_vid.get())]
    }

    /// Counts one more segment under `s_vid`, with the C-VIDs that it already has.
    pub(super) fn enter(&mut self, s_vid: ServiceVid, segment: &Segment) {
        let outer = self.outer_mut(s_vid);
        outer.segments += 1;
        explicit_c_vids(segment).for_each(|c_vid| outer.inner.insert(c_vid));
    }

    /// `wanted` if it is free, otherwise the lowest free C-VID of `range`; used from now on.
    pub(super) fn take(
        &mut self,
        s_vid: ServiceVid,
        range: Range<ServiceVid>,
        wanted: Option<ServiceVid>,
    ) -> Option<ServiceVid> {
        let inner = &mut self.outer_mut(s_vid).inner;
        let wanted = wanted.filter(|c_vid| range.contains(*c_vid) && !inner.contains(*c_vid));
        let c_vid = wanted.or_else(|| inner.first_free(range))?;
        inner.insert(c_vid);
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

    fn insert(&mut self, c_vid: ServiceVid) {
        let (word, bit) = place(c_vid);
        let word = &mut self.bits.get_or_insert_with(|| Box::new([0; VIDS / 64]))[word];
        self.used += usize::from(*word & bit == 0);
        *word |= bit;
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
