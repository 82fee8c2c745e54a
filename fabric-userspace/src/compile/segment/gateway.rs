//! A segment's gateway.

use fabric_common::maps::gateway::{Irb, PrefixRoute};
use fabric_common::maps::{Binding, NextHop};

use super::Builder;
use crate::error::Refusal;
use crate::ids::IrbIds;

impl Builder<'_> {
    /// Its interface in the segment, what is routed by that, and the address that leads to it; the interface's number, 0 for none.
    pub(super) fn gateway(&mut self) -> Result<u32, Refusal> {
        let Some(gateway) = &self.input.gateway else {
            return Ok(0);
        };
        // Routes of the gateway that the segment had before lead to its interface until they are gone: another one's has another
        // number.
        let ids = match self.places.old().gateway.filter(|ids| ids.vrf == gateway.vrf) {
            Some(ids) => ids,
            None => IrbIds {
                vrf: gateway.vrf,
                next_hop: self.places.pools().next_hop()?,
                irb: self.places.pools().irb()?,
            },
        };
        self.places.ids.gateway = Some(ids);
        let irb = Irb {
            vrf: gateway.vrf,
            v4: gateway.v4,
            mac: gateway.mac,
            v6: gateway.v6,
            leaving: Binding::new(self.segment, 0, 0, 0, 0, self.input.own),
            reserved: [0; 2],
        };
        let next_hop = NextHop {
            path: ids.irb,
            segment: self.segment,
            flags: NextHop::GATEWAY,
            ..NextHop::default()
        };
        let routes = gateway.routes.iter().map(|(prefix, kind, via)| {
            let route = PrefixRoute {
                irb: ids.irb,
                kind: *kind,
                via: *via,
            };
            (*prefix, route)
        });
        let records = &mut self.places.records;
        records.irbs.insert(ids.irb, irb);
        records.prefixes.extend(routes);
        records.next_hops.insert(ids.next_hop, next_hop);
        records.stations.insert((self.segment, gateway.mac), ids.next_hop);
        Ok(ids.irb)
    }
}
