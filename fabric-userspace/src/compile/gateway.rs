//! What a gateway is to one segment: its addresses there, and the routes whose next router is there.

use std::net::IpAddr;

use fabric_common::address::Address;
use fabric_common::maps::gateway::{Prefix, PrefixKey, PrefixRoute};
use fabric_common::wire::mac_word;

use super::node::NodeView;
use crate::error::Refusal;
use crate::ids::{NodeIds, Pools};
use crate::model::IpPrefix;
use crate::validate::{Valid, ValidSegment};

/// A gateway's interface in a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct GatewayInput {
    /// Number of the gateway.
    pub(super) vrf: u32,
    pub(super) mac: u64,
    /// Zeros for none.
    pub(super) v4: [u8; 4],
    /// Zeros for none.
    pub(super) v6: Address,
    /// Prefix, kind and next router of each route that leaves by it.
    pub(super) routes: Vec<(Prefix, u32, Address)>,
}

impl GatewayInput {
    /// `None` for a segment without a gateway.
    pub(super) fn of(valid: &Valid, view: &NodeView, segment: &ValidSegment) -> Option<Self> {
        let (at, number) = segment.gateway?;
        let gateway = valid.gateways().get(at)?;
        let place = gateway.segments.get(number)?;
        let vrf = *view.ids.vrfs.get(&gateway.name)?;
        let mut routes = Vec::new();
        let v4 = place.v4.map(|(address, length)| (IpAddr::V4(address), length));
        let v6 = place.v6.map(|(address, length)| (IpAddr::V6(address), length));
        for (address, length) in [v4, v6].into_iter().flatten() {
            let most = if address.is_ipv4() { 32 } else { 128 };
            let none = Address::default();
            routes.push((prefix(vrf, address, length), PrefixRoute::CONNECTED, none));
            routes.push((prefix(vrf, address, most), PrefixRoute::LOCAL, none));
        }
        for route in gateway.routes.iter().filter(|route| route.at == number) {
            let key = prefix(vrf, route.prefix.address(), route.prefix.length());
            routes.push((key, PrefixRoute::VIA, Address::from(route.via)));
        }
        Some(Self {
            vrf,
            mac: mac_word(gateway.mac.octets()),
            v4: place.v4.map_or([0; 4], |(address, _)| address.octets()),
            v6: place
                .v6
                .map_or(Address::default(), |(address, _)| Address::v6(address.octets())),
            routes,
        })
    }
}

fn prefix(vrf: u32, ip: IpAddr, length: u8) -> Prefix {
    let key = match IpPrefix::new(ip, length).network().address() {
        IpAddr::V4(ip) => PrefixKey::v4(vrf, ip.octets()),
        IpAddr::V6(ip) => PrefixKey::v6(vrf, Address::v6(ip.octets())),
    };
    Prefix {
        length: PrefixKey::TABLE_BITS + u32::from(length),
        key,
    }
}

impl NodeView {
    /// A number costs nothing, so every gateway has one at every node. One whose name has passed to another tenant has another: else
    /// the entries of both would be in one routing table while they change.
    pub(super) fn add_gateways(
        &mut self,
        valid: &Valid,
        old: &NodeIds,
        pools: &mut Pools,
    ) -> Result<(), Refusal> {
        for gateway in valid.gateways() {
            let (name, tenant) = (&gateway.name, &gateway.tenant);
            let is_same = old.vrf_tenants.get(name).is_none_or(|was| was == tenant);
            let id = match old.vrfs.get(name).filter(|_| is_same) {
                Some(id) => *id,
                None => pools.vrf()?,
            };
            self.ids.vrfs.insert(name.clone(), id);
            self.ids.vrf_tenants.insert(name.clone(), tenant.clone());
        }
        Ok(())
    }
}
