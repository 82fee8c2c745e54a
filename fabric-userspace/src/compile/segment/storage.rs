//! A segment's storage machines.

use fabric_common::maps::NextHop;
use fabric_common::maps::storage::{MEMBERS, VsmPlace, probe};

use super::{Builder, place_of, sources};
use crate::compile::storage::{Spot, VsmInput};
use crate::error::Refusal;
use crate::ids::{Place, VsmPlaceIds};
use crate::model::Name;

impl Builder<'_> {
    pub(super) fn storage(&mut self) -> Result<(), Refusal> {
        let input = self.input;
        for vsm in &input.vsms {
            match vsm {
                VsmInput::Here {
                    name,
                    mac,
                    vsm,
                    members,
                    probers,
                } => {
                    let askers = probers
                        .iter()
                        .fold(0, |askers, (prober, _)| askers | probe::asker(*prober));
                    let next_hop = self.steered((name, *vsm), members, askers)?;
                    for (prober, place) in probers {
                        self.station(*prober, &self.source(place));
                    }
                    self.places
                        .records
                        .stations
                        .insert((self.segment, *mac), next_hop);
                }
                VsmInput::There { mac, place } => self.station(*mac, place),
            }
        }
        Ok(())
    }

    /// The next hop that names the storage machine; that to a member at this node is the member's own.
    fn steered(
        &mut self,
        (name, vsm): (&Name, u32),
        members: &[(u8, Spot)],
        askers: u32,
    ) -> Result<u32, Refusal> {
        let ids = match self.places.old().vsms.get(name) {
            Some(ids) => *ids,
            None => VsmPlaceIds {
                next_hop: self.places.pools().next_hop()?,
                place: self.places.pools().vsm_place()?,
            },
        };
        self.places.ids.vsms.insert(name.clone(), ids);
        let mut place = VsmPlace {
            vsm,
            askers,
            ..VsmPlace::default()
        };
        for (at, spot) in members {
            let (to, from) = match spot {
                Spot::Port(port) => {
                    let local = self.input.locals.iter().find(|local| local.port == *port);
                    let own = local.map_or(0, |local| self.id_of(&place_of(local)));
                    (own, own)
                }
                Spot::Away(away) => (self.id_of(away), self.id_of(&self.source(away))),
            };
            let at = usize::from(*at) & (MEMBERS - 1);
            (place.next_hops[at], place.sources[at]) = (to, from);
        }
        let next_hop = NextHop {
            path: ids.place,
            segment: self.segment,
            flags: NextHop::VSM,
            ..NextHop::default()
        };
        self.places.records.vsm_places.insert(ids.place, place);
        self.places.records.next_hops.insert(ids.next_hop, next_hop);
        Ok(ids.next_hop)
    }

    /// The way back to whoever sends from a place that leads to everybody at another node.
    fn source(&self, place: &Place) -> Place {
        let base = self.input.base_c_vid;
        match place {
            Place::Remote(link, _) => {
                let leg = self.input.legs.iter().find(|leg| leg.way.name == *link);
                leg.map_or_else(|| place.clone(), |leg| sources(leg, base))
            }
            Place::Far(face, _) => {
                let mut islands = self.input.far.iter().flat_map(|far| &far.islands);
                let only = islands
                    .find(|island| island.face == *face)
                    .and_then(|island| island.only_end());
                only.map_or_else(|| place.clone(), |(name, c_vid)| Place::Far(name.clone(), c_vid))
            }
            Place::Local(..) | Place::Labelled(..) | Place::Via(..) | Place::Onward(..) => place.clone(),
        }
    }
}
