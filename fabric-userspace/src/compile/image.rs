//! What was compiled for a node: entries and numbers, one part for the node and one a segment. Unchanged parts are shared.

use std::collections::BTreeMap;
use std::sync::Arc;

use fabric_common::maps::{Port, Tunnel};

use super::PortFacts;
use super::input::SegmentInput;
use super::node::NodeView;
use crate::by_name::{ByName, differences};
use crate::error::Refusal;
use crate::ids::{Freed, Ids, NodeIds, Pools, SegmentIds, Sizes};
use crate::model::{IfName, Name};
use crate::records::Records;
use crate::validate::PortRole;

/// What the maps of a node shall hold, in parts that successive images share.
#[derive(Clone, Debug)]
pub struct Image {
    /// What belongs to no segment.
    pub node: Arc<NodePart>,
    /// Segments that this node takes part in.
    pub segments: ByName<Arc<SegmentPart>>,
    /// Numbers that the image before had and this one has not. Hand them to [`Image::release`] when no running
    /// program can hold them.
    pub freed: Freed,
    /// By link, the largest frame in bytes that passes by its label alone.
    pub(super) passing: BTreeMap<Name, u32>,
    pub(super) pools: Pools,
}

/// Ports, links and the entries of no segment.
#[derive(Clone, Debug, Default)]
pub struct NodePart {
    /// Its entries.
    pub records: Records,
    pub(super) ids: NodeIds,
    pub(super) view: Option<NodeView>,
}

/// One segment on this node.
#[derive(Clone, Debug)]
pub struct SegmentPart {
    /// Its entries.
    pub records: Records,
    /// Its numbers.
    pub ids: SegmentIds,
    /// `None` in a restored image.
    pub(super) input: Option<SegmentInput>,
}

/// One port that the fabric uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortPlan {
    /// Which program runs on it.
    pub role: PortRole,
    /// Its number in the tables.
    pub slot: u16,
    /// The interface.
    pub facts: PortFacts,
    /// Its entry in `PORTS`.
    pub record: Port,
}

impl NodePart {
    /// False for a link over IP whose next router has not answered.
    pub fn is_resolved(&self, link: &Name) -> bool {
        self.view.as_ref().is_none_or(|view| view.is_resolved(link))
    }
}

impl SegmentPart {
    /// Whose it is; `None` in an image that was restored from a file of an agent that did not note it.
    pub fn tenant(&self) -> Option<&Name> {
        self.ids.tenant.as_ref()
    }

    /// VXLAN identifier, if it has one.
    pub fn vni(&self) -> Option<u32> {
        self.input.as_ref().map(|input| input.vni).filter(|vni| *vni != 0)
    }

    /// Links by which its frames leave the node, also those that stand by; some more than once.
    pub fn links(&self) -> impl Iterator<Item = &Name> {
        self.input
            .iter()
            .flat_map(SegmentInput::ways)
            .map(|way| &way.name)
    }

    /// The tunnels to foreign VTEPs.
    pub fn foreign_tunnels(&self) -> impl Iterator<Item = &Tunnel> {
        // Only they form a split horizon group.
        self.records
            .tunnels
            .values()
            .filter(|tunnel| tunnel.binding.horizon() != 0)
    }
}

impl Image {
    /// Nothing, in tables of these sizes.
    pub fn empty(sizes: &Sizes) -> Self {
        Self {
            node: Arc::default(),
            segments: ByName::default(),
            freed: Freed::default(),
            passing: BTreeMap::new(),
            pools: Pools::new(sizes),
        }
    }

    /// Only the numbers of an image that was saved. The next image keeps them; it is compiled whole, because
    /// there are no entries to take over.
    ///
    /// What was given up shortly before counts as free: FDB entries that name no next hop of `ids` must be
    /// removed before the next image is applied.
    ///
    /// # Errors
    /// The numbers contradict each other or the sizes.
    pub fn restore(sizes: &Sizes, ids: Ids) -> Result<Self, Refusal> {
        let pools = Pools::restore(sizes, &ids)?;
        let part = |ids| {
            Arc::new(SegmentPart {
                records: Records::default(),
                ids,
                input: None,
            })
        };
        Ok(Self {
            node: Arc::new(NodePart {
                ids: ids.node,
                ..NodePart::default()
            }),
            segments: ids
                .segments
                .into_iter()
                .map(|(name, ids)| (name, part(ids)))
                .collect(),
            freed: Freed::default(),
            passing: BTreeMap::new(),
            pools,
        })
    }

    /// The numbers, to be saved.
    pub fn ids(&self) -> Ids {
        Ids {
            node: self.node.ids.clone(),
            segments: self
                .segments
                .iter()
                .map(|(name, part)| (name.clone(), part.ids.clone()))
                .collect(),
        }
    }

    /// The numbers that belong to no segment.
    pub(crate) fn node_ids(&self) -> &NodeIds {
        &self.node.ids
    }

    /// All entries together.
    pub fn records(&self) -> Records {
        let mut records = self.node.records.clone();
        self.segments
            .values()
            .for_each(|part| records.merge(&part.records));
        records
    }

    /// Ports that the fabric uses; none in a restored image.
    pub fn ports(&self) -> impl Iterator<Item = (&IfName, &PortPlan)> {
        self.node.view.iter().flat_map(|view| &view.ports)
    }

    /// Numbers of a storage machine that the node steers.
    pub(crate) fn steered(&self, name: &Name) -> Option<&crate::ids::VsmIds> {
        self.node.ids.vsms.get(name)
    }

    /// Makes numbers usable again that an earlier image gave up.
    pub fn release(&mut self, freed: &Freed) {
        self.pools.release(freed);
    }

    /// All its numbers.
    pub fn numbers(&self) -> Freed {
        let mut all = Freed::default();
        all.add_node(&self.node.ids, &NodeIds::default());
        let none = SegmentIds::default();
        for part in self.segments.values() {
            all.add_segment(&part.ids, &none);
        }
        all
    }

    /// Marks numbers as used that a change which failed has touched, until they are released.
    pub fn hold(&mut self, touched: &Freed) {
        self.pools.hold(touched);
    }

    /// Numbers of this image that `other` has not: what an apply of this image has touched when `other` is put
    /// back after a failure.
    pub fn only_here(&self, other: &Self) -> Freed {
        let mut freed = Freed::default();
        freed.add_node(&self.node.ids, &other.node.ids);
        let none = SegmentIds::default();
        for (_, was, is) in unshared(self, other) {
            if let Some(was) = was {
                freed.add_segment(&was.ids, is.map_or(&none, |is| &is.ids));
            }
        }
        freed
    }
}

/// The parts in which two images differ; parts that they share cost a comparison of pointers, or none.
pub(crate) fn unshared<'a>(
    old: &'a Image,
    new: &'a Image,
) -> impl Iterator<Item = (&'a Name, Option<&'a SegmentPart>, Option<&'a SegmentPart>)> {
    let found = differences(&old.segments, &new.segments, Arc::ptr_eq);
    found.map(|(name, was, is)| (name, was.map(Arc::as_ref), is.map(Arc::as_ref)))
}
