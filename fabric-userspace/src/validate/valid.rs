//! A checked document as the rest of the program reads it: names resolved to positions, lists in the document's order.

mod gateway;
mod link;
mod storage;
mod tenant;

use std::collections::BTreeMap;
use std::ops;
use std::sync::Arc;

use super::plant::Plant;
use super::table::Table;
use super::taken::Taken;
use super::{DatacenterIx, LinkIx, NodeIx, SegmentIx};
use crate::error::{Problem, codes};
use crate::list::List;
use crate::model::{Document, ISid, IfName, Label, Name, PortOptions, Range, ServiceVid, Vni};
use crate::topology::{Routes, Tree};

pub use gateway::{ValidGateway, ValidGatewaySegment, ValidRoute};
pub use link::{Carries, LineEnd, TrunkEnd, UnderlayEnd, ValidLink, VxlanEnds};
pub(super) use storage::prober;
pub use storage::{ValidMember, ValidVsm, ValidVsmSegment};
pub use tenant::{ValidAttachment, ValidLabel, ValidRemote, ValidSegment, ValidStation, ValidTenant};

/// A document that keeps every rule. Only `validate` and `revalidate` make one.
#[derive(Debug, Clone)]
pub struct Valid {
    pub(super) document: Document,
    pub(super) plant: Arc<Plant>,
    pub(super) nodes: Arc<Table<ValidNode>>,
    pub(super) tenants: List<Arc<ValidTenant>>,
    pub(super) segments: List<Arc<ValidSegment>>,
    pub(super) storage: Arc<Vec<ValidVsm>>,
    pub(super) gateways: Arc<Vec<ValidGateway>>,
    pub(super) taken: Taken,
    /// No segment lacks a number that it would be given if one were free.
    pub(super) is_complete: bool,
}

impl Valid {
    /// What is wrong with it where nodes share no store: storage machines with members at several nodes have nobody to ask who
    /// is in charge.
    pub fn needs_shared_store(&self) -> Vec<Problem> {
        let shared = self.storage.iter().enumerate().filter(|(_, vsm)| vsm.is_shared());
        shared
            .map(|(at, vsm)| {
                let mut nodes = vsm.members.iter().map(|member| &self.node(member.node).name);
                let first = nodes.next();
                let other = nodes.find(|node| Some(*node) != first);
                let name = |node: Option<&Name>| node.map_or_else(String::new, Name::to_string);
                let sentence = format!(
                    "stand at nodes {} and {}, which share no store: nodes that decide apart could let two members speak",
                    name(first),
                    name(other)
                );
                Problem::new(
                    codes::BAD_STORAGE,
                    format!("storage[{at}].members"),
                    sentence,
                    "start the agents with --store etcd://..., or attach all members to ports of one node",
                )
            })
            .collect()
    }

    /// The document with all numbers filled in; this is what is stored.
    pub fn document(&self) -> &Document {
        &self.document
    }

    /// True if no segment lacks a number that it would be given if one were free.
    pub(crate) fn is_complete(&self) -> bool {
        self.is_complete
    }

    /// In the order of the document.
    pub fn datacenters(&self) -> &[ValidDatacenter] {
        self.plant.datacenters.items()
    }

    /// In the order of the document.
    pub fn nodes(&self) -> &[ValidNode] {
        self.nodes.items()
    }

    /// In the order of the document.
    pub fn links(&self) -> &[ValidLink] {
        self.plant.links.items()
    }

    /// In the order of the document.
    pub fn tenants(&self) -> &List<Arc<ValidTenant>> {
        &self.tenants
    }

    /// All tenants' segments, in the order of the document.
    pub fn segments(&self) -> &List<Arc<ValidSegment>> {
        &self.segments
    }

    /// Positions of the segments that tenants at these positions have.
    pub(super) fn segments_of(&self, tenants: ops::Range<usize>) -> ops::Range<usize> {
        let count = |tenants| -> usize { self.tenants.range(tenants).map(|own| own.segments.len()).sum() };
        // What is new comes at the end most often, and there are fewer to look at from there.
        let end = self.segments.len() - count(tenants.end..self.tenants.len());
        end - count(tenants)..end
    }

    /// Storage machines, in the order of the document.
    pub fn storage(&self) -> &[ValidVsm] {
        &self.storage
    }

    /// Gateways, in the order of the document.
    pub fn gateways(&self) -> &[ValidGateway] {
        &self.gateways
    }

    /// The ways between nodes.
    pub fn tree(&self) -> &Tree {
        &self.plant.tree
    }

    /// The ways between datacenters.
    pub fn routes(&self) -> &Routes {
        &self.plant.routes
    }

    /// The datacenter at a position of this document.
    pub fn datacenter(&self, at: DatacenterIx) -> &ValidDatacenter {
        &self.datacenters()[at.index()]
    }

    /// The node at a position of this document.
    pub fn node(&self, at: NodeIx) -> &ValidNode {
        &self.nodes()[at.index()]
    }

    /// The link at a position of this document.
    pub fn link(&self, at: LinkIx) -> &ValidLink {
        &self.links()[at.index()]
    }

    /// The segment at a position of this document.
    pub fn segment(&self, at: SegmentIx) -> &ValidSegment {
        &self.segments[at.index()]
    }

    /// Position of the node with this name, the one lookup by name that a compiler needs.
    pub fn find_node(&self, name: &str) -> Option<NodeIx> {
        self.nodes.find(name).map(NodeIx::new)
    }

    /// Links with an end at `node`, with their positions.
    pub fn links_at(&self, node: NodeIx) -> impl Iterator<Item = (LinkIx, &ValidLink)> {
        let numbered = self
            .links()
            .iter()
            .enumerate()
            .map(|(at, link)| (LinkIx::new(at), link));
        numbered.filter(move |(_, link)| link.port_at(node).is_some())
    }
}

/// A datacenter and its numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValidDatacenter {
    /// Unique in the fabric.
    pub name: Name,
    /// Unique in the fabric.
    pub id: u16,
    /// Outer tags.
    pub s_vids: Range<ServiceVid>,
    /// Inner tags.
    pub c_vids: Range<ServiceVid>,
    /// VXLAN identifiers.
    pub vnis: Option<Range<Vni>>,
    /// Pseudowire labels.
    pub labels: Option<Range<Label>>,
    /// Segment IDs.
    pub i_sids: Option<Range<ISid>>,
}

/// A node and its ports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValidNode {
    /// Unique in the fabric.
    pub name: Name,
    /// Where it stands.
    pub datacenter: DatacenterIx,
    /// Every port that is used or has options.
    pub ports: BTreeMap<IfName, ValidPort>,
}

impl ValidNode {
    /// Notes that something uses a port.
    pub(super) fn use_port(&mut self, name: IfName, role: PortRole) {
        let port = self.ports.entry(name.clone()).or_insert_with(|| ValidPort {
            role: None,
            options: PortOptions::of(name),
        });
        port.role = Some(role);
    }
}

/// What a port of a node is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValidPort {
    /// `None` for a port that has options only.
    pub role: Option<PortRole>,
    /// As the document says, or the defaults.
    pub options: PortOptions,
}

/// A port has one role on its node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PortRole {
    /// Tenants' frames.
    Access,
    /// S-tag and C-tag.
    Trunk,
    /// Datacenter tags, and whatever else a line can carry: an outer VLAN, I-TAGs, global VLANs.
    Pseudowire,
    /// VXLAN or MPLS in UDP, and the host's own traffic.
    Underlay,
}

impl std::fmt::Display for PortRole {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Access => "access",
            Self::Trunk => "trunk",
            Self::Pseudowire => "pseudowire",
            Self::Underlay => "underlay",
        })
    }
}
