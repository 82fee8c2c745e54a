//! A segment's storage machines.

use fabric_common::maps::NextHop;
use fabric_common::maps::storage::{MEMBERS, VsmPlace};

use super::{Builder, place_of};
use crate::compile::storage::VsmInput;
use crate::error::Refusal;
use crate::ids::VsmPlaceIds;
use crate::model::{IfName, Name};

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
                } => {
                    let next_hop = self.steered((name, *vsm), members)?;
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

    /// The next hop that names the storage machine; that to a member is the member's own.
    fn steered(&mut self, (name, vsm): (&Name, u32), members: &[(u8, IfName)]) -> Result<u32, Refusal> {
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
            ..VsmPlace::default()
        };
        for (at, port) in members {
            let local = self.input.locals.iter().find(|local| local.port == *port);
            let next_hop = local.map_or(0, |local| self.id_of(&place_of(local)));
            place.next_hops[usize::from(*at) & (MEMBERS - 1)] = next_hop;
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
}
