//! What one segment is to one node, put together from document and node. As long as it is equal, its entries are kept.

use std::sync::Arc;

use fabric_common::maps::own;
use fabric_common::wire::mac_word;

use super::PortFacts;
use super::far::{Far, Inward, Landings};
use super::gateway::GatewayInput;
use super::node::{NodeView, Way};
use super::storage::VsmInput;
use crate::budget::TENANT_MTU;
use crate::error::Refusal;
use crate::model::{IfName, Name, ServiceVid, Vlan};
use crate::validate::{LinkIx, NodeIx, Valid, ValidSegment, ValidStation};

/// All that a segment is to one node. Two equal inputs give the same entries but for their numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SegmentInput {
    pub(super) tenant: Name,
    pub(super) s_vid: u16,
    pub(super) base_c_vid: u16,
    /// 0 for none.
    pub(super) vni: u32,
    /// 0 for none.
    pub(super) i_sid: u32,
    /// 0 for none.
    pub(super) global_vid: u16,
    pub(super) mac_limit: u32,
    /// See [`own`].
    pub(super) own: u32,
    /// Bytes of the tenant's largest IP packet.
    pub(super) mtu: u32,
    pub(super) locals: Vec<Local>,
    pub(super) legs: Vec<Leg>,
    /// Other datacenters, at a node where their labels end.
    pub(super) far: Option<Far>,
    /// What is passed on to the node of this island where labels end.
    pub(super) inward: Option<Inward>,
    /// Storage machines that are seen in it.
    pub(super) vsms: Vec<VsmInput>,
    /// The gateway's interface in it.
    pub(super) gateway: Option<GatewayInput>,
}

/// An attachment at this node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Local {
    pub(super) port: IfName,
    pub(super) vlan: Vlan,
    pub(super) slot: u16,
    pub(super) facts: PortFacts,
    pub(super) end: End,
}

/// A link of this node that the segment uses, and what is reached through it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Leg {
    pub(super) way: Arc<Way>,
    pub(super) ends: Vec<End>,
}

/// An attachment or a foreign VTEP, here or elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct End {
    pub(super) c_vid: u16,
    /// Address word and C-VID of each machine.
    pub(super) stations: Vec<(u64, u16)>,
}

impl End {
    pub(super) fn new(c_vid: ServiceVid, stations: &[ValidStation]) -> Self {
        let station = |station: &ValidStation| (mac_word(station.mac.octets()), station.c_vid.get());
        Self {
            c_vid: c_vid.get(),
            stations: stations.iter().map(station).collect(),
        }
    }

    /// Every C-VID that leads here, once.
    pub(super) fn c_vids(&self) -> Vec<u16> {
        let mut c_vids = vec![self.c_vid];
        c_vids.extend(self.stations.iter().map(|(_, c_vid)| *c_vid));
        c_vids.sort_unstable();
        c_vids.dedup();
        c_vids
    }
}

impl SegmentInput {
    /// `None` if the segment has no business at this node.
    pub(super) fn of(
        valid: &Valid,
        here: NodeIx,
        view: &NodeView,
        segment: &ValidSegment,
    ) -> Result<Option<Self>, Refusal> {
        let landings = Landings::of(valid, here, segment);
        let members = landings.members();
        let links = valid.tree().member_links(here, &members);
        let inward = landings.inward(view)?;
        if links.is_empty() && !members.contains(&here) && inward.is_none() {
            return Ok(None);
        }
        if let Some(problem) = valid.turn(segment, here) {
            return Err(problem.into());
        }
        Ok(Some(Self {
            tenant: segment.tenant.clone(),
            s_vid: segment.s_vid.get(),
            base_c_vid: segment.base_c_vid.get(),
            vni: segment.vni.map_or(0, |vni| vni.get()),
            i_sid: segment.i_sid.map_or(0, |i_sid| i_sid.get()),
            global_vid: segment.global_vid.map_or(0, ServiceVid::get),
            mac_limit: segment.mac_limit,
            own: own_of(segment),
            mtu: TENANT_MTU,
            locals: locals(here, view, segment)?,
            legs: legs(&landings, view, &links)?,
            far: landings.far(view)?,
            inward,
            vsms: VsmInput::all(&landings, view)?,
            gateway: GatewayInput::of(valid, view, segment),
        }))
    }

    /// Every link by which frames leave, also those that stand by; some more than once.
    pub(super) fn ways(&self) -> impl Iterator<Item = &Way> {
        let legs = self.legs.iter().map(|leg| &*leg.way);
        let inward = self.inward.iter().map(|inward| &*inward.way);
        legs.chain(self.far.iter().flat_map(Far::ways)).chain(inward)
    }

    /// The kernel holds a copy against its egress before the fabric's tags are on it. Bytes without frame check sequence.
    pub(super) fn flooded_len(&self) -> u32 {
        let locals = self.locals.iter().map(|local| local.facts);
        let legs = self.legs.iter().map(|leg| leg.way.facts);
        let far = self.far.iter().flat_map(Far::flooded_ways).map(|way| way.facts);
        // An interface that is gone gets no copies.
        let there = locals.chain(legs).chain(far).filter(|facts| facts.ifindex != 0);
        there.map(|facts| facts.max_frame()).min().unwrap_or(0)
    }

    /// Whether a link of the segment is a line to other datacenters as well: what comes in with a label may have to go back by it
    /// without, to members behind a border, and the other way round.
    pub(super) fn turns(&self) -> bool {
        let lines = self.far.iter().flat_map(|far| &far.lines);
        let mut lines = lines.map(|line| line.slot);
        lines.any(|slot| self.legs.iter().any(|leg| leg.way.slot == slot))
    }
}

/// See [`own`].
pub(super) fn own_of(segment: &ValidSegment) -> u32 {
    match segment.vlan {
        Some(Vlan::Tagged(vid)) => u32::from(vid.get()),
        Some(Vlan::Untagged) => own::UNTAGGED,
        // A gateway's packets have no tag where nobody says which.
        None if segment.gateway.is_some() => own::UNTAGGED,
        // Without attachments no frame of the segment can enter a VLAN of anybody.
        Some(Vlan::Any) | None => own::ANY,
    }
}

fn locals(here: NodeIx, view: &NodeView, segment: &ValidSegment) -> Result<Vec<Local>, Refusal> {
    let here = segment.attachments.iter().filter(|end| end.node == here);
    let mut locals = here
        .map(|end| {
            let port = view.port(&end.port)?;
            Ok(Local {
                port: end.port.clone(),
                vlan: end.vlan,
                slot: port.slot,
                facts: port.facts,
                end: End::new(end.c_vid, &end.stations),
            })
        })
        .collect::<Result<Vec<_>, Refusal>>()?;
    locals.sort_by(|a, b| (&a.port, a.vlan).cmp(&(&b.port, b.vlan)));
    Ok(locals)
}

/// Links between nodes with what is behind them, then foreign VTEPs; each by name. What is in another datacenter is behind the
/// node where its labels end. A link that the operator has taken out of service keeps its place in the tree and carries nothing, and
/// nobody is behind it: the node before it would not know the tags.
fn legs(landings: &Landings<'_>, view: &NodeView, links: &[LinkIx]) -> Result<Vec<Leg>, Refusal> {
    let (here, segment) = (landings.here, landings.segment);
    let is_in_service = |link: LinkIx| !landings.valid.link(link).down;
    let links = links.iter().filter(|link| is_in_service(**link));
    let mut behind: Vec<(LinkIx, Vec<End>)> = links.map(|link| (*link, Vec::new())).collect();
    let mut place = |node: NodeIx, end: End| {
        let gate = landings.gate(node).filter(|gate| landings.leads_on(*gate, node));
        let link = gate.and_then(|gate| way_to(landings.valid, here, gate));
        if let Some((_, ends)) = behind.iter_mut().find(|(known, _)| Some(*known) == link) {
            ends.push(end);
        }
    };
    for end in segment.attachments.iter().filter(|end| end.node != here) {
        place(end.node, End::new(end.c_vid, &end.stations));
    }
    let (own, others): (Vec<_>, Vec<_>) = segment.remotes.iter().partition(|remote| remote.node == here);
    for end in others.into_iter().filter(|end| is_in_service(end.link)) {
        place(end.node, End::new(end.c_vid, &end.stations));
    }
    behind.extend(
        own.iter()
            .filter(|end| is_in_service(end.link))
            .map(|end| (end.link, vec![End::new(end.c_vid, &end.stations)])),
    );
    let mut legs = behind
        .into_iter()
        .map(|(link, mut ends)| {
            ends.sort_by_key(|end| end.c_vid);
            let way = Arc::clone(view.way(link)?);
            Ok(Leg { way, ends })
        })
        .collect::<Result<Vec<_>, Refusal>>()?;
    legs.sort_by(|a, b| a.way.name.cmp(&b.way.name));
    Ok(legs)
}

/// The first link of the way along the tree; `None` if none leads there, or one of them is out of service.
pub(super) fn way_to(valid: &Valid, here: NodeIx, target: NodeIx) -> Option<LinkIx> {
    let first = valid.tree().next_link(here, target)?;
    let (mut at, mut next) = (here, first);
    loop {
        let link = valid.link(next);
        if link.down {
            return None;
        }
        at = link.far_node(at)?;
        if at == target {
            return Some(first);
        }
        next = valid.tree().next_link(at, target)?;
    }
}
