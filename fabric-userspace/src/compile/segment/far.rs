//! A segment's frames from and to other datacenters.

use fabric_common::maps::{Binding, horizon, label_key};

use super::Builder;
use crate::compile::codec::{labelled, onward};
use crate::compile::far::{Datacenter, Island, Line};
use crate::compile::node::Way;
use crate::compile::path::limited;
use crate::compile::places::Ways;
use crate::error::Refusal;
use crate::ids::Place;

impl Builder<'_> {
    /// Entries of a node where labels end.
    pub(super) fn far(&mut self) -> Result<(), Refusal> {
        let input = self.input;
        let Some(far) = &input.far else { return Ok(()) };
        for (island, line) in far
            .islands
            .iter()
            .flat_map(|island| far.lines.iter().map(move |line| (island, line)))
        {
            self.arriving(island, line)?;
        }
        for island in &far.islands {
            for datacenter in &island.datacenters {
                for (mac, c_vid) in datacenter.ends.iter().flat_map(|end| &end.stations) {
                    self.station(*mac, &Place::Far(datacenter.name.clone(), *c_vid));
                }
            }
        }
        Ok(())
    }

    /// The ways to every end in other datacenters, and to everybody in each other island.
    pub(super) fn far_next_hops(&mut self) -> Result<(), Refusal> {
        let input = self.input;
        let islands = input.far.iter().flat_map(|far| &far.islands);
        for (island, datacenter) in
            islands.flat_map(|island| island.datacenters.iter().map(move |one| (island, one)))
        {
            let mut c_vids: Vec<u16> = datacenter.ends.iter().flat_map(|end| end.c_vids()).collect();
            if datacenter.name == island.face {
                c_vids.push(input.base_c_vid);
            }
            for c_vid in c_vids {
                let ways = self.ways(datacenter, c_vid);
                let place = Place::Far(datacenter.name.clone(), c_vid);
                self.places
                    .next_hop(place, &ways, (self.segment, horizon::MESH))?;
            }
        }
        Ok(())
    }

    fn ways(&self, to: &Datacenter, c_vid: u16) -> Ways {
        let pair = (self.input.s_vid, c_vid);
        let path = |way: &Way, aside| {
            let labels = way.wire.labels()?;
            let path = labelled(way, labels, (to.label, pair), aside, self.segment);
            // Nodes that pass frames on by their label know nobody to tell: the sender hears of the narrowest line here.
            let room = to.room.map(|room| room.saturating_add(way.stack.added));
            Some((limited(path, room), way.resolved))
        };
        let backup = to.backup.as_ref().and_then(|way| path(way, true));
        match path(&to.way, false) {
            Some(straight) => Ways::first_of(straight, backup),
            None => Ways::first_of((fabric_common::maps::Path::default(), false), backup),
        }
    }

    /// What comes by `line` from `island`: to everybody, or to one end here.
    fn arriving(&mut self, island: &Island, line: &Line) -> Result<(), Refusal> {
        let base = self.input.base_c_vid;
        let source = match island.only_end() {
            Some((datacenter, c_vid)) => Place::Far(datacenter.clone(), c_vid),
            None => Place::Far(island.face.clone(), base),
        };
        let learn = self.id_of(&source);
        let mut ends = vec![(base, 0)];
        ends.extend(self.ends_besides(None));
        for (c_vid, direct) in ends {
            let place = Place::Labelled(line.link.clone(), island.face.clone(), c_vid);
            let binding = self.binding(&place, horizon::MESH, learn, direct)?;
            let records = &mut self.places.records;
            records.bindings.insert(binding.id(), binding);
            for label in &island.labels_in {
                let key = |s_vid, c_vid| label_key(line.number, *label, s_vid, c_vid);
                records.tags.insert(key(self.input.s_vid, c_vid), binding.id());
                if c_vid == base {
                    records.tags.insert(key(0, 0), binding.id());
                }
            }
        }
        Ok(())
    }

    /// C-VIDs of ends in other datacenters, and the next hop of each.
    pub(super) fn far_ends(&self) -> impl Iterator<Item = (u16, u32)> {
        let islands = self.input.far.iter().flat_map(|far| &far.islands);
        let datacenters = islands.flat_map(|island| &island.datacenters);
        datacenters.flat_map(|datacenter| {
            let c_vids = datacenter.ends.iter().flat_map(|end| end.c_vids());
            c_vids.map(|c_vid| (c_vid, self.id_of(&Place::Far(datacenter.name.clone(), c_vid))))
        })
    }

    /// Port and next hop of the copies for other islands, one for each port that leads there.
    pub(super) fn far_members(&self) -> Vec<(u16, u32)> {
        let floods = self.input.far.iter().filter(|far| far.floods);
        let faces = floods.flat_map(|far| far.islands.iter().filter_map(Island::facing));
        let members = faces.flat_map(|datacenter| {
            let place = Place::Far(datacenter.name.clone(), self.input.base_c_vid);
            let next_hop = self.id_of(&place);
            datacenter.slots().into_iter().map(move |slot| (slot, next_hop))
        });
        members.collect()
    }

    /// Labels that only pass, to the node of this island where they end.
    pub(super) fn inward(&mut self) -> Result<(), Refusal> {
        let Some(inward) = &self.input.inward else {
            return Ok(());
        };
        let Some(labels) = inward.way.wire.labels() else {
            return Ok(());
        };
        let path = onward(&inward.way, labels, false);
        let place = Place::Via(inward.anchor.clone(), false);
        let ways = Ways::first_of((path, inward.way.resolved), None);
        self.places.next_hop(place.clone(), &ways, (Binding::RELAY, 0))?;
        let next_hop = self.id_of(&place);
        for line in &inward.lines {
            let id = self
                .places
                .binding(&Place::Onward(line.link.clone(), inward.anchor.clone()))?;
            let horizon = u8::try_from(line.number).unwrap_or(0);
            let binding = Binding::new(Binding::RELAY, horizon, next_hop, next_hop, id, 0);
            let records = &mut self.places.records;
            records.bindings.insert(id, binding);
            for label in &inward.labels {
                records.tags.insert(label_key(line.number, *label, 0, 0), id);
            }
        }
        Ok(())
    }
}
