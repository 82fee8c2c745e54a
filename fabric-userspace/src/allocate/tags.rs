//! A segment's missing S-VID and C-VIDs: an S-VID of its own while there is one, then the emptiest with room for it.

use super::space::{Outer, Space, explicit_c_vids};
use crate::model::{Datacenter, Range, Segment, ServiceVid};

/// Distance between an S-VID and the base C-VID that is chosen with it, so that captures are easy to read.
const BASE_OFFSET: u16 = 1000;

/// Whether an S-VID or a C-VID is absent.
pub(super) fn lacks(segment: &Segment) -> bool {
    let attached = segment.attachments.iter().map(|end| end.c_vid);
    let remote = segment.remotes.iter().map(|end| end.c_vid);
    let mut all = [segment.s_vid, segment.c_vid]
        .into_iter()
        .chain(attached)
        .chain(remote);
    all.any(|number| number.is_none())
}

/// Fills in S-VID and C-VIDs. True if the segment got an S-VID or a base C-VID.
pub(super) fn fill(segment: &mut Segment, datacenter: &Datacenter, space: &mut Space) -> bool {
    let before = (segment.s_vid, segment.c_vid);
    if segment.s_vid.is_none() {
        segment.s_vid = choose_s_vid(segment, datacenter, space);
        segment
            .s_vid
            .iter()
            .for_each(|s_vid| space.enter(*s_vid, segment));
    }
    let Some(s_vid) = segment.s_vid else { return false };
    if segment.c_vid.is_none() {
        let wanted = ServiceVid::new(s_vid.get() + BASE_OFFSET).ok();
        segment.c_vid = space.take(s_vid, datacenter.c_vids, wanted);
    }
    let attached = segment.attachments.iter_mut().map(|end| &mut end.c_vid);
    let remote = segment.remotes.iter_mut().map(|end| &mut end.c_vid);
    for c_vid in attached.chain(remote).filter(|c_vid| c_vid.is_none()) {
        *c_vid = space.take(s_vid, datacenter.c_vids, None);
    }
    before != (segment.s_vid, segment.c_vid)
}

/// An unused S-VID; when there is none, one that is shared with other segments: stacked tags tell more than 4094
/// clients apart (patent col. 10).
fn choose_s_vid(segment: &Segment, datacenter: &Datacenter, space: &mut Space) -> Option<ServiceVid> {
    space.unused(datacenter.s_vids).or_else(|| {
        let wants = Wants::of(segment, datacenter.c_vids);
        space.emptiest(datacenter.s_vids, |outer| wants.fit(outer))
    })
}

struct Wants {
    given: Vec<ServiceVid>,
    missing: usize,
    range: Range<ServiceVid>,
}

impl Wants {
    fn of(segment: &Segment, range: Range<ServiceVid>) -> Self {
        let ends = segment
            .attachments
            .iter()
            .map(|end| end.c_vid)
            .chain(segment.remotes.iter().map(|end| end.c_vid));
        let missing = ends.chain([segment.c_vid]).filter(Option::is_none).count();
        Self {
            given: explicit_c_vids(segment).collect(),
            missing,
            range,
        }
    }

    fn fit(&self, outer: &Outer) -> bool {
        let taken_by_given = self
            .given
            .iter()
            .filter(|c_vid| self.range.contains(**c_vid))
            .count();
        self.given.iter().all(|c_vid| !outer.contains(*c_vid))
            && outer.has_free(self.range, self.missing + taken_by_given)
    }
}
