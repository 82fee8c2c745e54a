//! Frames that only pass: every label of another datacenter leads on to it, whoever it belongs to.

use std::collections::BTreeMap;

use fabric_common::maps::{Binding, route_index};

use super::{NodeView, Way};
use crate::compile::codec::onward;
use crate::compile::places::{Places, Ways};
use crate::error::Refusal;
use crate::ids::{NodeIds, Place, Pools};
use crate::model::{Label, Name, Range};
use crate::records::Records;
use crate::topology::Route;
use crate::validate::{DatacenterIx, NodeIx, Valid};

impl NodeView {
    /// Adds the entries of frames that pass, and gives numbers to the datacenters that they go to.
    pub(super) fn add_relays(
        &mut self,
        valid: &Valid,
        here: NodeIx,
        old: &NodeIds,
        pools: &mut Pools,
    ) -> Result<(), Refusal> {
        let mut sites = BTreeMap::new();
        for (datacenter, at) in others(valid, here) {
            let site = match old.sites.get(datacenter) {
                Some(site) => *site,
                None => pools.site()?,
            };
            sites.insert(datacenter.clone(), (site, at));
        }
        let mut places = Places::new(0, &old.relays, pools);
        for (datacenter, (site, at)) in &sites {
            let Some(route) = valid.routes().route_to(here, *at) else {
                continue;
            };
            self.relay(&mut places, (datacenter, *site), route)?;
            let labels = valid.datacenter(*at).labels;
            self.sites.extend(labels.map(|labels| (labels, *site)));
        }
        self.ids.sites = sites.into_iter().map(|(name, (site, _))| (name, site)).collect();
        (self.ids.relays, self.relays) = (places.ids, places.records);
        Ok(())
    }

    fn relay(&self, places: &mut Places<'_>, (to, site): (&Name, u32), route: Route) -> Result<(), Refusal> {
        let way = self.way(route.link)?;
        let backup = route.backup.map(|link| self.way(link)).transpose()?;
        let path = |way: &Way, aside| {
            way.wire
                .labels()
                .map(|labels| (onward(way, labels, aside), way.resolved))
        };
        let Some(straight) = path(way, false) else {
            return Ok(());
        };
        let aside = backup.and_then(|way| path(way, true));
        let owner = (Binding::RELAY, 0);
        let [whole, marked] = [false, true].map(|aside| Place::Via(to.clone(), aside));
        places.next_hop(whole.clone(), &Ways::first_of(straight, aside), owner)?;
        places.next_hop(marked.clone(), &Ways::first_of(straight, None), owner)?;
        for (link, line) in self.lines() {
            let id = places.binding(&Place::Onward(link.name.clone(), to.clone()))?;
            let horizon = u8::try_from(line).unwrap_or(0);
            let [straight, aside] = [&whole, &marked].map(|place| places.id_of(place));
            let binding = Binding::new(Binding::RELAY, horizon, aside, straight, id, 0);
            let site = u8::try_from(site).unwrap_or(0);
            places.records.routes.insert(route_index(line, site), binding);
        }
        Ok(())
    }

    /// Links with labels, and the number of each.
    pub(in crate::compile) fn lines(&self) -> impl Iterator<Item = (&Way, u32)> {
        self.ways
            .values()
            .filter_map(|way| Some((way.as_ref(), way.wire.labels()?.line)))
    }
}

/// Datacenters with labels that are not on this node's own island.
fn others(valid: &Valid, here: NodeIx) -> impl Iterator<Item = (&Name, DatacenterIx)> {
    let datacenters = valid.datacenters().iter().enumerate();
    datacenters
        .map(|(at, datacenter)| (datacenter, DatacenterIx::new(at)))
        .filter(move |(datacenter, at)| {
            datacenter.labels.is_some() && valid.routes().route_to(here, *at).is_some()
        })
        .map(|(datacenter, at)| (&datacenter.name, at))
}

/// Every label of a datacenter's range names its site.
pub(super) fn enter(records: &mut Records, labels: Range<Label>, site: u32) {
    for label in labels.iter() {
        let label = label.get();
        let sites = records.label_sites.entry(label >> 3).or_default();
        *sites |= u64::from(site) << ((label & 7) * 8);
    }
}
