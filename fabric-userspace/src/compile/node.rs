//! The node itself: its ports with their slots, its links with their bytes, and the entries of no segment.

mod relay;
mod way;

use std::collections::BTreeMap;
use std::sync::Arc;

use fabric_common::maps::{Binding, Port, capacity, line_key, mpls_key, tunnel_key};
use fabric_common::wire::mac_word;

use super::codec::{Outside, Wire};
use super::storage::Steered;
use super::{PortFacts, PortPlan, Request};
use crate::error::{Refusal, codes};
use crate::ids::{NodeIds, Pools};
use crate::model::{IfName, Label, LineMtu, Name, Range};
use crate::records::Records;
use crate::validate::{LinkIx, NodeIx, PortRole, ValidLink, ValidPort};

pub(super) use way::{Added, Ethernet, Numbers, Underlay, Way};

/// What segments need to know about the node that they are compiled for.
#[derive(Clone, Debug, Default)]
pub(super) struct NodeView {
    pub(super) ports: BTreeMap<IfName, PortPlan>,
    ways: BTreeMap<Name, Arc<Way>>,
    /// The same by position in the document, which is no property of the node.
    by_link: Vec<Option<Arc<Way>>>,
    /// Storage machines that this node steers.
    pub(super) steered: BTreeMap<Name, Steered>,
    /// Entries of frames that only pass, but for those of [`Self::sites`].
    relays: Records,
    /// Labels that lead to other datacenters, and the number of each. Thousands of entries come of it, which only an image that
    /// differs from the one before needs.
    sites: Vec<(Range<Label>, u32)>,
    pub(super) ids: NodeIds,
}

impl Way {
    /// Largest frame on this link, in bytes without frame check sequence.
    pub(super) fn max_frame(&self) -> u32 {
        self.mtu().saturating_add(self.stack.slack)
    }

    /// Largest packet that the port and the rest of the line take, in bytes.
    pub(super) fn mtu(&self) -> u32 {
        self.line_mtu
            .map_or(self.facts.mtu, |line| line.min(self.facts.mtu))
    }
}

impl NodeView {
    pub(super) fn of(
        request: &Request<'_>,
        here: NodeIx,
        (old, before): (&NodeIds, Option<&Self>),
        pools: &mut Pools,
    ) -> Result<Self, Refusal> {
        let mut view = Self::default();
        view.add_ports(request, here, old, pools)?;
        view.by_link.resize(request.valid.links().len(), None);
        for (at, link) in request.valid.links_at(here) {
            let before = before.and_then(|before| before.ways.get(&link.name));
            view.add_way(request, (here, at, link), (old, before), pools)?;
        }
        view.mark_ports();
        if let Some(problem) = request.valid.twin(here) {
            return Err(problem.into());
        }
        view.add_storage(request.valid, here, old, pools)?;
        view.add_gateways(request.valid, old, pools)?;
        view.add_relays(request.valid, here, old, pools)?;
        Ok(view)
    }

    /// True if what was there before has not changed. What is new or gone concerns its own users only.
    pub(super) fn keeps(&self, new: &Self) -> bool {
        let port = |(name, plan)| new.ports.get(name).is_none_or(|now| now == plan);
        let way = |(name, way)| new.ways.get(name).is_none_or(|now| now == way);
        let vsm =
            |(name, vsm): (&Name, &Steered)| new.steered.get(name).is_none_or(|now| now.same_numbers(vsm));
        self.ports.iter().all(port) && self.ways.iter().all(way) && self.steered.iter().all(vsm)
    }

    /// True if nothing at all has changed.
    pub(super) fn same(&self, new: &Self) -> bool {
        self.ports == new.ports
            && self.ways == new.ways
            && self.relays == new.relays
            && self.sites == new.sites
            && self.steered == new.steered
            && self.ids == new.ids
    }

    /// Also for a link that is none of the node's.
    pub(super) fn is_resolved(&self, link: &Name) -> bool {
        self.ways.get(link).is_none_or(|way| way.resolved)
    }

    pub(super) fn way(&self, link: LinkIx) -> Result<&Arc<Way>, Refusal> {
        let way = self.by_link.get(link.index()).and_then(Option::as_ref);
        way.ok_or_else(|| {
            Refusal::new(
                codes::BUG,
                "a segment leaves this node by a link that does not end here",
            )
        })
    }

    /// Those of the links that end here.
    pub(super) fn links_among<T: Clone>(&self, links: &BTreeMap<Name, T>) -> BTreeMap<Name, T> {
        let here = links.iter().filter(|(name, _)| self.ways.contains_key(*name));
        here.map(|(name, value)| (name.clone(), value.clone())).collect()
    }

    pub(super) fn port(&self, name: &IfName) -> Result<&PortPlan, Refusal> {
        let missing = || Refusal::new(codes::BUG, format!("port {name} has an attachment and no role"));
        self.ports.get(name).ok_or_else(missing)
    }

    fn add_ports(
        &mut self,
        request: &Request<'_>,
        here: NodeIx,
        old: &NodeIds,
        pools: &mut Pools,
    ) -> Result<(), Refusal> {
        let ports = &request.valid.node(here).ports;
        let mut used: Vec<_> = ports
            .iter()
            .filter_map(|(name, port)| Some((port.role?, name, port)))
            .collect();
        // Underlay ports first: only low slots fit the key of a tunnel.
        used.sort_by_key(|(role, name, _)| (*role != PortRole::Underlay, *name));
        for (role, name, port) in used {
            let facts = facts(request, name)?;
            let slot = match old.slots.get(name) {
                Some(slot) => *slot,
                None => pools.slot()?,
            };
            if role == PortRole::Underlay && slot >= capacity::TUNNEL_SLOTS {
                return Err(too_many_ports(name));
            }
            self.ids.slots.insert(name.clone(), slot);
            let record = record((role, port), slot, &facts);
            let plan = PortPlan {
                role,
                slot,
                facts,
                record,
            };
            self.ports.insert(name.clone(), plan);
        }
        Ok(())
    }

    fn add_way(
        &mut self,
        request: &Request<'_>,
        (here, at, link): (NodeIx, LinkIx, &ValidLink),
        (old, before): (&NodeIds, Option<&Arc<Way>>),
        pools: &mut Pools,
    ) -> Result<(), Refusal> {
        let Some(port) = link.port_at(here) else {
            return Ok(());
        };
        let numbers = self.numbers(link, old, pools)?;
        let plan = self.port(port)?;
        let line_mtu = link.mtu.map(LineMtu::get);
        let was_said = before.is_some_and(|before| before.port == *port && before.line_mtu == line_mtu);
        // One that is gone is judged when it is there, and what is in force was judged when it was new.
        let is_judged = plan.facts.ifindex != 0 && !request.in_force && !was_said;
        if let Some(said) = link.mtu.filter(|said| is_judged && said.get() > plan.facts.mtu) {
            return Err(less_than_said(link, port, plan.facts.mtu, said));
        }
        let wire = Wire::of(link, here, request.host, numbers)?;
        let way = Arc::new(Way {
            name: link.name.clone(),
            port: port.clone(),
            slot: plan.slot,
            facts: plan.facts,
            resolved: wire.is_resolved(),
            line_mtu,
            wire,
            stack: Added::by(&link.carries),
        });
        self.by_link[at.index()] = Some(Arc::clone(&way));
        self.ways.insert(link.name.clone(), way);
        Ok(())
    }

    /// Links keep the numbers that they have.
    fn numbers(&mut self, link: &ValidLink, old: &NodeIds, pools: &mut Pools) -> Result<Numbers, Refusal> {
        let mut numbers = Numbers::default();
        if !link.carries.directions().is_empty() {
            numbers.marker = match old.tunnels.get(&link.name) {
                Some(id) => *id,
                None => pools.tunnel()?,
            };
            self.ids.tunnels.insert(link.name.clone(), numbers.marker);
        }
        if link.is_label_link() {
            numbers.line = match old.lines.get(&link.name) {
                Some(id) => *id,
                None => pools.line()?,
            };
            self.ids.lines.insert(link.name.clone(), numbers.line);
        }
        Ok(numbers)
    }

    fn underlays(&self) -> impl Iterator<Item = (&Way, &Underlay)> {
        let ways = self.ways.values();
        ways.filter_map(|way| Some((way.as_ref(), way.wire.underlay()?)))
    }

    pub(super) fn records(&self) -> Records {
        let mut records = self.relays.clone();
        for (labels, site) in &self.sites {
            relay::enter(&mut records, *labels, *site);
        }
        for port in self.ports.values() {
            records.ports.insert(port.facts.ifindex, port.record);
            records.egress.insert(port.slot, port.facts.ifindex);
        }
        for (way, underlay) in self.underlays() {
            let remote = underlay.remote_word();
            let mut tunnel = underlay.tunnel(way.slot, Binding::default());
            let key = match way.wire.labels() {
                Some(labels) => {
                    tunnel.line = labels.line;
                    mpls_key(way.slot, remote)
                }
                None => tunnel_key(way.slot, remote, 0),
            };
            records.tunnel_keys.insert(key, underlay.marker);
            records.tunnels.insert(underlay.marker, tunnel);
            records.vteps.insert(underlay.address(way.slot));
        }
        for vsm in self.steered.values() {
            records.vsms.insert(vsm.ids.id, vsm.limits);
        }
        for way in self.ways.values() {
            let Some(labels) = way.wire.labels() else { continue };
            records.lines.insert(labels.line, labels.record(way.slot));
            if let Outside::Line(ethernet) = labels.outside
                && ethernet.vlan != 0
            {
                records
                    .line_keys
                    .insert(line_key(way.slot, ethernet.vlan), labels.line);
            }
        }
        records
    }
}

impl NodeView {
    /// What the links of each port ask of it, its line without a VLAN, and the address of its end of its lines.
    fn mark_ports(&mut self) {
        for way in self.ways.values() {
            let Some(plan) = self.ports.get_mut(&way.port) else {
                continue;
            };
            way.wire.mark(&mut plan.record);
            let Some(ethernet) = way.wire.ethernet() else {
                continue;
            };
            plan.record.line_mac = mac_word(ethernet.from);
            if let Some(labels) = way.wire.labels().filter(|_| ethernet.vlan == 0) {
                plan.record.line = u16::try_from(labels.line).unwrap_or(0);
            }
        }
    }
}

fn facts(request: &Request<'_>, name: &IfName) -> Result<PortFacts, Refusal> {
    let facts = request.host.ports.get(name).ok_or_else(|| {
        Refusal::new(
            codes::UNKNOWN_PORT,
            format!("node {} has no port {name}", request.node),
        )
        .with_cure("ip -brief link shows the interfaces that there are")
    })?;
    if facts.ifindex >= capacity::IFINDEX {
        let sentence = format!("port {name} has interface index {}, above 65535", facts.ifindex);
        return Err(Refusal::new(codes::TOO_MANY, sentence)
            .with_cure("restart the machine or the namespace: interface indexes then begin at 1 again"));
    }
    Ok(*facts)
}

fn too_many_ports(name: &IfName) -> Refusal {
    let sentence = format!("port {name} cannot carry VXLAN: all of the first 255 port slots are taken");
    Refusal::new(codes::TOO_MANY, sentence)
        .with_cure("detach a port that is not needed, or restart the agent: it numbers underlay ports first")
}

fn record((role, port): (PortRole, &ValidPort), slot: u16, facts: &PortFacts) -> Port {
    let option = |set: bool, flag: u16| if set { flag } else { 0 };
    // What crosses a trunk was let in by the port that the tenant is at.
    let drop_group_source =
        port.options.drop_group_source && !matches!(role, PortRole::Trunk | PortRole::Pseudowire);
    Port {
        slot,
        flags: option(drop_group_source, Port::DROP_GROUP_SOURCE)
            | option(port.options.tunnel_lldp, Port::TUNNEL_LLDP),
        mac: mac_word(facts.mac),
        ..Port::default()
    }
}

/// Other nodes go by what the document says, and would send what this end drops.
fn less_than_said(link: &ValidLink, port: &IfName, mtu: u32, said: LineMtu) -> Refusal {
    let sentence = format!(
        "link {} is said to take packets of {said} bytes, and its port {port} has MTU {mtu}",
        link.name
    );
    Refusal::new(codes::MTU_TOO_SMALL, sentence)
        .with_cure(format!(
            "ip link set {port} mtu {said}, or write \"mtu\": {mtu} into the link"
        ))
        .unchanged()
}
