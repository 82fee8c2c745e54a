//! Links of this node by which frames of a segment pass, whether the segment is known here or not.

use std::collections::{BTreeMap, BTreeSet};

use crate::validate::{DatacenterIx, LinkIx, NodeIx, Valid, ValidSegment};

/// From where a datacenter tag comes, the datacenter that it names, and where it ends.
type Journey = (NodeIx, DatacenterIx, NodeIx);

/// Ways that have been found; most segments go the same few.
#[derive(Default)]
pub(super) struct Passing {
    here: BTreeMap<Journey, BTreeSet<LinkIx>>,
}

impl Passing {
    /// Links by which a frame of the segment with a datacenter tag may leave `here`, whichever lines are down.
    pub(super) fn links(&mut self, valid: &Valid, here: NodeIx, segment: &ValidSegment) -> BTreeSet<LinkIx> {
        let mut links = BTreeSet::new();
        let Some(first) = segment.members.first() else {
            return links;
        };
        // Most segments are in one island, and none of their frames has such a tag.
        if segment
            .members
            .iter()
            .all(|member| valid.tree().joins(*first, *member))
        {
            return links;
        }
        let routes = valid.routes();
        let landings = routes.landings(valid.nodes(), segment);
        for (island, own) in &landings {
            let others = landings.iter().filter(|(other, _)| *other != island);
            let goals: Vec<(DatacenterIx, NodeIx)> = others
                .flat_map(|(_, other)| other.datacenters.iter().map(|to| (*to, other.anchor)))
                .collect();
            for from in routes.ends_of(*island, own) {
                for (to, anchor) in &goals {
                    links.extend(self.leave(valid, here, (from, *to, *anchor)));
                }
            }
        }
        links
    }

    fn leave(&mut self, valid: &Valid, here: NodeIx, journey: Journey) -> &BTreeSet<LinkIx> {
        self.here.entry(journey).or_insert_with(|| {
            let (from, to, anchor) = journey;
            let passed = valid.routes().passed(valid.links(), from, (to, anchor));
            let leaving = passed.into_iter().filter(|(node, _)| *node == here);
            leaving.map(|(_, link)| link).collect()
        })
    }
}
