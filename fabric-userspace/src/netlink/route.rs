//! Route look-up for one remote address through a given interface.

use std::net::IpAddr;

use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteFlags, RouteMessage, RouteType, RouteVia,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};

use super::{Netlink, NetlinkError};

/// How the host would reach a remote address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    pub oif: u32,
    /// `None` when the remote is on the link itself. May be IPv6 for an IPv4 remote (RFC 5549 next hops).
    pub gateway: Option<IpAddr>,
    /// The source address the host would take.
    pub source: Option<IpAddr>,
}

impl Netlink {
    /// The route to `remote` that leaves through `oif`.
    ///
    /// A route through another interface, a local or a blackhole address are no route.
    pub async fn route(&self, remote: IpAddr, oif: u32) -> Result<Route, NetlinkError> {
        // With an interface given and no route, IPv4 assumes that every address is on the link: only the look-up
        // of the table entry itself (RTM_F_FIB_MATCH) says that there is none.
        self.look_up(remote, oif, RouteFlags::FibMatch).await?;
        let answer = self.look_up(remote, oif, RouteFlags::empty()).await?;
        let route = Route {
            oif: find_oif(&answer).unwrap_or(0),
            gateway: answer.attributes.iter().find_map(gateway),
            source: answer.attributes.iter().find_map(source),
        };
        if route.oif != oif || answer.header.kind != RouteType::Unicast {
            return Err(self.no_route(remote, oif).await);
        }
        Ok(route)
    }

    async fn look_up(
        &self,
        remote: IpAddr,
        oif: u32,
        flags: RouteFlags,
    ) -> Result<RouteMessage, NetlinkError> {
        let request = RouteNetlinkMessage::GetRoute(question(remote, oif, flags));
        let answers = match self
            .ask(&format!("looking for a route to {remote}"), request, 0)
            .await
        {
            Ok(answers) => answers,
            Err(error) => match error.errno() {
                Some(libc::ENETUNREACH | libc::EHOSTUNREACH | libc::EACCES | libc::EINVAL | libc::ENODEV) => {
                    return Err(self.no_route(remote, oif).await);
                }
                _ => return Err(error),
            },
        };
        let found = answers.into_iter().find_map(|answer| match answer {
            RouteNetlinkMessage::NewRoute(message) => Some(message),
            _ => None,
        });
        match found {
            Some(message) if message.header.kind == RouteType::Unicast => Ok(message),
            _ => Err(self.no_route(remote, oif).await),
        }
    }

    async fn no_route(&self, remote: IpAddr, oif: u32) -> NetlinkError {
        let through = match self.link_by_index(oif).await {
            Ok(link) => link.name,
            Err(_) => format!("ifindex {oif}"),
        };
        NetlinkError::NoRoute { remote, through }
    }
}

fn question(remote: IpAddr, oif: u32, flags: RouteFlags) -> RouteMessage {
    let mut message = RouteMessage::default();
    let (family, bits) = match remote {
        IpAddr::V4(_) => (AddressFamily::Inet, 32),
        IpAddr::V6(_) => (AddressFamily::Inet6, 128),
    };
    message.header.address_family = family;
    message.header.destination_prefix_length = bits;
    message.header.flags = flags;
    message
        .attributes
        .push(RouteAttribute::Destination(remote.into()));
    message.attributes.push(RouteAttribute::Oif(oif));
    message
}

fn find_oif(message: &RouteMessage) -> Option<u32> {
    message.attributes.iter().find_map(|attribute| match attribute {
        RouteAttribute::Oif(oif) => Some(*oif),
        _ => None,
    })
}

fn gateway(attribute: &RouteAttribute) -> Option<IpAddr> {
    match attribute {
        RouteAttribute::Gateway(address) => ip(address),
        RouteAttribute::Via(RouteVia::Inet(address)) => Some(IpAddr::V4(*address)),
        RouteAttribute::Via(RouteVia::Inet6(address)) => Some(IpAddr::V6(*address)),
        _ => None,
    }
}

fn source(attribute: &RouteAttribute) -> Option<IpAddr> {
    match attribute {
        RouteAttribute::PrefSource(address) => ip(address),
        _ => None,
    }
}

fn ip(address: &RouteAddress) -> Option<IpAddr> {
    match address {
        RouteAddress::Inet(address) => Some(IpAddr::V4(*address)),
        RouteAddress::Inet6(address) => Some(IpAddr::V6(*address)),
        _ => None,
    }
}
