//! Gateways of the document; neighbours are told only of segments that the gateway has at this node.

use fabric_common::maps::gateway::KnownNeighbour;
use fabric_common::wire::mac_octets;

use crate::agent::core::Core;
use crate::api;
use crate::model::{self, Mac, natural};

/// Gateways as the document has them, and the neighbours that frames here have told of.
pub(crate) fn gateways(core: &Core) -> Vec<api::Gateway> {
    let all = core.valid.document().gateways.iter();
    let mut views: Vec<api::Gateway> = all.map(|gateway| view(core, gateway)).collect();
    views.sort_by(|a, b| natural(&a.name, &b.name));
    views
}

fn view(core: &Core, gateway: &model::Gateway) -> api::Gateway {
    let segments: Vec<api::GatewaySegment> = gateway.segments.iter().map(|place| of(core, place)).collect();
    let routes = gateway.routes.iter().map(|route| api::GatewayRoute {
        prefix: route.prefix.to_string(),
        via: route.via.to_string(),
    });
    api::Gateway {
        name: gateway.name.to_string(),
        tenant: gateway.tenant.to_string(),
        mac: gateway.mac.to_string(),
        here: segments.iter().any(|place| place.neighbours.is_some()),
        segments,
        routes: routes.collect(),
    }
}

fn of(core: &Core, place: &model::GatewaySegment) -> api::GatewaySegment {
    let part = core.image.segments.get(&place.segment);
    let irb = part.and_then(|part| part.ids.gateway).map(|ids| ids.irb);
    api::GatewaySegment {
        segment: place.segment.to_string(),
        addresses: place.addresses.iter().map(ToString::to_string).collect(),
        neighbours: irb.map(|irb| {
            let mut known = core.plane.neighbours(irb);
            known.sort_by_key(|known| known.address.to_ip());
            known.into_iter().map(neighbour).collect()
        }),
    }
}

fn neighbour(known: KnownNeighbour) -> api::GatewayNeighbour {
    let mac = known.value.mac();
    api::GatewayNeighbour {
        address: known.address.to_ip().to_string(),
        mac: (mac != 0).then(|| Mac::new(mac_octets(mac)).to_string()),
    }
}
