//! What the host itself does with an interface: its own addresses there, and its way out.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use futures_util::{Stream, StreamExt};
use netlink_packet_route::address::{AddressAttribute, AddressMessage};
use netlink_packet_route::route::{RouteAttribute, RouteHeader, RouteMessage, RouteType};
use rtnetlink::RouteMessageBuilder;
use tokio::time::timeout;

use super::{ANSWER, Link, Netlink, NetlinkError};

/// What the host would lose with an interface.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HostUse {
    /// Its addresses, each with the name of the interface that has it; without those that every interface has (`fe80::/10`).
    pub addresses: Vec<(IpAddr, String)>,
    /// Name of the interface by which a default route of the main table leaves.
    pub default_route: Option<String>,
    /// Whether another one leaves by another interface: nobody is cut off then.
    pub has_other_way: bool,
}

impl Netlink {
    /// What the host does with `link` and with all that sits on it: VLAN devices, the bridge that it is a member of, and so on.
    ///
    /// # Errors
    /// As the kernel says.
    pub async fn host_use(&self, link: &Link) -> Result<HostUse, NetlinkError> {
        let links = self.links().await?;
        let above = with_uppers(&links, link.ifindex);
        let name = |ifindex: u32| {
            let link = links.iter().find(|link| link.ifindex == ifindex)?;
            above.contains(&ifindex).then(|| link.name.clone())
        };
        let addresses = self.handle.address().get().execute();
        let addresses = collect("listing the addresses", addresses, |message| {
            Some((own_address(message)?, name(message.header.index)?))
        });
        let mut found = HostUse {
            addresses: addresses.await?,
            ..HostUse::default()
        };
        let families = [
            RouteMessageBuilder::<Ipv4Addr>::new().build(),
            RouteMessageBuilder::<Ipv6Addr>::new().build(),
        ];
        for family in families {
            let routes = self.handle.route().get(family).execute();
            let ways = collect("listing the routes", routes, |message| Some(ways_out(message)));
            let ways: BTreeSet<u32> = ways.await?.into_iter().flatten().collect();
            found.has_other_way |= ways.iter().any(|ifindex| !above.contains(ifindex));
            found.default_route = found.default_route.or(ways.into_iter().find_map(name));
        }
        Ok(found)
    }
}

/// Keeps what `wanted` makes of each answer: there may be very many.
async fn collect<M, T>(
    what: &str,
    answers: impl Stream<Item = Result<M, rtnetlink::Error>>,
    wanted: impl Fn(&M) -> Option<T>,
) -> Result<Vec<T>, NetlinkError> {
    let mut answers = std::pin::pin!(answers);
    let mut found = Vec::new();
    let late = |_| NetlinkError::Kernel {
        what: what.to_owned(),
        source: std::io::ErrorKind::TimedOut.into(),
    };
    while let Some(answer) = timeout(ANSWER, answers.next()).await.map_err(late)? {
        let message = answer.map_err(|error| NetlinkError::of(what, &error))?;
        found.extend(wanted(&message));
    }
    Ok(found)
}

/// The interface and all that receive by it, in our namespace.
fn with_uppers(links: &[Link], ifindex: u32) -> BTreeSet<u32> {
    let mut found = BTreeSet::from([ifindex]);
    loop {
        let is_in = |ifindex: Option<u32>| ifindex.is_some_and(|ifindex| found.contains(&ifindex));
        let masters = links.iter().filter(|link| found.contains(&link.ifindex));
        let masters = masters.filter_map(|link| link.master);
        let sits =
            |link: &&Link| link.veth_peer().is_none() && link.link_netnsid.is_none() && is_in(link.lower);
        let uppers = links.iter().filter(sits).map(|link| link.ifindex);
        let more: BTreeSet<u32> = masters.chain(uppers).collect();
        if more.is_subset(&found) {
            return found;
        }
        found.extend(more);
    }
}

fn own_address(message: &AddressMessage) -> Option<IpAddr> {
    let local = message.attributes.iter().find_map(|attribute| match attribute {
        AddressAttribute::Local(address) => Some(*address),
        _ => None,
    });
    let other = message.attributes.iter().find_map(|attribute| match attribute {
        AddressAttribute::Address(address) => Some(*address),
        _ => None,
    });
    let is_link_local = |address: &IpAddr| match address {
        IpAddr::V6(address) => address.is_unicast_link_local(),
        IpAddr::V4(_) => false,
    };
    // The far end's, where the two differ, is not ours.
    local.or(other).filter(|address| !is_link_local(address))
}

/// The interfaces by which a default route of the main table leaves; none for another route.
fn ways_out(message: &RouteMessage) -> Vec<u32> {
    let header = &message.header;
    let is_default = header.destination_prefix_length == 0
        && header.kind == RouteType::Unicast
        && header.table == RouteHeader::RT_TABLE_MAIN;
    let hops = |attribute: &RouteAttribute| match attribute {
        RouteAttribute::Oif(ifindex) => vec![*ifindex],
        RouteAttribute::MultiPath(hops) => hops.iter().map(|hop| hop.interface_index).collect(),
        _ => Vec::new(),
    };
    let hops = message.attributes.iter().flat_map(hops);
    hops.filter(|_| is_default).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::netlink::testing::{Lab, inside, sh};

    fn using(agent: &str) -> HostUse {
        inside(agent, async || {
            let netlink = Netlink::connect().unwrap();
            let link = netlink.link("eth1").await.unwrap();
            netlink.host_use(&link).await.unwrap()
        })
    }

    fn address(text: &str, on: &str) -> (IpAddr, String) {
        (text.parse().unwrap(), on.to_owned())
    }

    #[test]
    fn an_interface_that_the_host_leaves_alone_has_no_use() {
        let Some(mut lab) = Lab::new() else { return };
        let (agent, _tenant) = lab.pair("eth1", "c0");
        sh(&format!(
            "ip -n {agent} link add eth2 type veth peer name far2 && ip -n {agent} link set eth2 up \
             && ip -n {agent} link set far2 up && ip -n {agent} addr add 192.0.2.1/24 dev eth2 \
             && ip -n {agent} route add default via 192.0.2.2"
        ));
        let elsewhere = HostUse {
            has_other_way: true,
            ..HostUse::default()
        };
        assert_eq!(using(&agent), elsewhere);
    }

    #[test]
    fn what_sits_on_it_counts_as_its_own() {
        let Some(mut lab) = Lab::new() else { return };
        let (agent, _tenant) = lab.pair("eth1", "c0");
        let ip = format!("ip -n {agent}");
        sh(&format!(
            "{ip} addr add 2001:db8::1/64 dev eth1 nodad && {ip} addr add 192.0.2.1/24 dev eth1"
        ));
        let own = [address("192.0.2.1", "eth1"), address("2001:db8::1", "eth1")];
        assert_eq!(using(&agent).addresses, own);
        sh(&format!("{ip} route add 203.0.113.0/24 via 192.0.2.2"));
        assert_eq!(using(&agent).default_route, None);
        sh(&format!("{ip} route add default via 2001:db8::2"));
        assert_eq!(using(&agent).default_route.as_deref(), Some("eth1"));

        sh(&format!(
            "{ip} addr flush dev eth1 && {ip} link add br0 type bridge && {ip} link set eth1 master br0 \
             && {ip} link set br0 up && {ip} addr add 198.51.100.1/24 dev br0 \
             && {ip} route add default nexthop via 198.51.100.2 nexthop via 198.51.100.3"
        ));
        let over = HostUse {
            addresses: vec![address("198.51.100.1", "br0")],
            default_route: Some("br0".to_owned()),
            has_other_way: false,
        };
        assert_eq!(using(&agent), over);
    }
}
