//! Routes and neighbours against the running kernel.

use super::*;
use crate::netlink::testing::{Lab, eventually, in_time, inside, sh};
use crate::netlink::{Route, Watch};

struct Site {
    agent: String,
    remote: String,
}

/// eth1 with 192.0.2.1/24 and 2001:db8::1/64, the remote's c0 with .2 and ::2 and MAC 02:..:02.
fn site(lab: &mut Lab) -> Site {
    let (agent, remote) = lab.pair("eth1", "c0");
    sh(&format!("ip -n {remote} link set c0 address 02:00:00:00:00:02"));
    for (namespace, device, host) in [(&agent, "eth1", 1), (&remote, "c0", 2)] {
        sh(&format!(
            "ip -n {namespace} addr add 192.0.2.{host}/24 dev {device}"
        ));
        sh(&format!(
            "ip -n {namespace} addr add 2001:db8::{host}/64 dev {device} nodad"
        ));
    }
    Site { agent, remote }
}

fn kept_by(hops: &NextHops, hop: &NextHop) -> Option<KeptBy> {
    let key = NeighbourKey {
        ifindex: hop.oif,
        address: hop.via,
    };
    hops.kept.get(&key).copied()
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

async fn port(netlink: &Netlink) -> u32 {
    netlink.link("eth1").await.unwrap().ifindex
}

/// Feeds events until the next hop has this MAC address.
async fn until_mac(hops: &mut NextHops, watch: &mut Watch, mac: Option<[u8; 6]>) {
    in_time("the MAC address", async {
        loop {
            let event = watch.next().await.unwrap();
            if hops.on_event(&event).await.iter().any(|hop| hop.mac == mac) {
                return;
            }
        }
    })
    .await;
}

#[test]
fn routes_are_on_link_through_a_gateway_or_missing() {
    let Some(mut lab) = Lab::new() else { return };
    let Site { agent, .. } = site(&mut lab);
    sh(&format!("ip -n {agent} route add 198.51.100.0/24 via 192.0.2.2"));
    sh(&format!(
        "ip -n {agent} route add 203.0.113.0/24 via inet6 2001:db8::2"
    ));
    sh(&format!("ip -n {agent} route add blackhole 198.18.0.0/15"));
    sh(&format!(
        "ip -n {agent} link add eth2 type veth peer name eth3 && ip -n {agent} link set eth2 up"
    ));
    inside(&agent, async || {
        let netlink = Netlink::connect().unwrap();
        let oif = port(&netlink).await;
        let eth2 = netlink.link("eth2").await.unwrap().ifindex;
        let route = |gateway: Option<&str>, source: &str| Route {
            oif,
            gateway: gateway.map(ip),
            source: Some(ip(source)),
        };
        let v4 = "192.0.2.1";
        assert_eq!(
            netlink.route(ip("192.0.2.2"), oif).await.unwrap(),
            route(None, v4)
        );
        assert_eq!(
            netlink.route(ip("198.51.100.7"), oif).await.unwrap(),
            route(Some("192.0.2.2"), v4)
        );
        assert_eq!(
            netlink.route(ip("203.0.113.7"), oif).await.unwrap(),
            route(Some("2001:db8::2"), v4)
        );
        assert_eq!(
            netlink.route(ip("2001:db8::2"), oif).await.unwrap(),
            route(None, "2001:db8::1")
        );
        for (remote, through) in [
            ("8.8.8.8", oif),
            ("192.0.2.2", eth2),
            ("192.0.2.1", oif),
            ("198.18.0.1", oif),
            ("2001:db8:1::1", oif),
        ] {
            let answer = netlink.route(ip(remote), through).await;
            assert!(
                matches!(answer, Err(NetlinkError::NoRoute { .. })),
                "{remote}: {answer:?}"
            );
        }
    });
}

#[test]
fn a_remote_is_resolved_without_traffic_and_followed_when_its_mac_changes() {
    for remote_address in ["192.0.2.2", "2001:db8::2"] {
        let Some(mut lab) = Lab::new() else { return };
        let Site { agent, remote } = site(&mut lab);
        inside(&agent, async || {
            let netlink = Netlink::connect().unwrap();
            let oif = port(&netlink).await;
            let mut watch = Watch::open().unwrap();
            let mut hops = NextHops::new(netlink.clone());
            let hop = hops.resolve(ip(remote_address), oif).await.unwrap();
            assert_eq!(kept_by(&hops, &hop), Some(KeptBy::Managed));
            if hop.mac.is_none() {
                until_mac(&mut hops, &mut watch, Some([2, 0, 0, 0, 0, 2])).await;
            }
            sh(&format!("ip -n {remote} link set c0 address 02:00:00:00:00:77"));
            // The old address fails to answer; flushing shortens the kernel's patience to nothing.
            sh(&format!("ip -n {agent} neigh flush dev eth1"));
            sh(&format!(
                "ip -n {agent} neigh del {remote_address} dev eth1 2>/dev/null || true"
            ));
            until_mac(&mut hops, &mut watch, Some([2, 0, 0, 0, 0, 0x77])).await;

            assert!(hops.remove_added().await.is_empty());
            let key = NeighbourKey {
                ifindex: oif,
                address: ip(remote_address),
            };
            assert_eq!(netlink.neighbour(key).await.unwrap(), None);
        });
    }
}

#[test]
fn a_gateway_is_resolved_in_place_of_a_far_remote_and_shared() {
    let Some(mut lab) = Lab::new() else { return };
    let Site { agent, .. } = site(&mut lab);
    sh(&format!("ip -n {agent} route add 198.51.100.0/24 via 192.0.2.2"));
    inside(&agent, async || {
        let netlink = Netlink::connect().unwrap();
        let oif = port(&netlink).await;
        let mut hops = NextHops::new(netlink.clone());
        let (first, second) = (ip("198.51.100.1"), ip("198.51.100.2"));
        assert_eq!(hops.resolve(first, oif).await.unwrap().via, ip("192.0.2.2"));
        hops.resolve(second, oif).await.unwrap();
        let gateway = NeighbourKey {
            ifindex: oif,
            address: ip("192.0.2.2"),
        };
        assert_eq!(hops.added(), [gateway]);
        hops.release(first, oif).await;
        assert_eq!(hops.added(), [gateway]);
        hops.release(second, oif).await;
        assert_eq!(hops.added(), []);
        assert_eq!(netlink.neighbour(gateway).await.unwrap(), None);
    });
}

#[test]
fn an_entry_of_the_operator_is_used_and_left_alone() {
    let Some(mut lab) = Lab::new() else { return };
    let Site { agent, .. } = site(&mut lab);
    sh(&format!(
        "ip -n {agent} neigh add 192.0.2.9 lladdr 02:00:00:00:00:09 dev eth1 nud permanent"
    ));
    inside(&agent, async || {
        let netlink = Netlink::connect().unwrap();
        let oif = port(&netlink).await;
        let mut hops = NextHops::new(netlink.clone());
        let hop = hops.resolve(ip("192.0.2.9"), oif).await.unwrap();
        assert_eq!(
            (hop.mac, kept_by(&hops, &hop)),
            (Some([2, 0, 0, 0, 0, 9]), Some(KeptBy::Other))
        );
        assert_eq!(hops.added(), []);
        assert!(hops.remove_added().await.is_empty());
    });
    assert!(sh(&format!("ip -n {agent} neigh show 192.0.2.9")).contains("PERMANENT"));
}

#[test]
fn entries_of_an_earlier_run_are_taken_over_and_removed() {
    let Some(mut lab) = Lab::new() else { return };
    let Site { agent, .. } = site(&mut lab);
    inside(&agent, async || {
        let netlink = Netlink::connect().unwrap();
        let oif = port(&netlink).await;
        let mut earlier = NextHops::new(netlink.clone());
        earlier.resolve(ip("192.0.2.2"), oif).await.unwrap();
        earlier.resolve(ip("192.0.2.3"), oif).await.unwrap();
        let written = serde_json::to_string(&earlier.added()).unwrap();
        drop(earlier);

        let mut later = NextHops::new(netlink.clone());
        later.adopt(serde_json::from_str::<Vec<NeighbourKey>>(&written).unwrap());
        let hop = later.resolve(ip("192.0.2.2"), oif).await.unwrap();
        assert_eq!(kept_by(&later, &hop), Some(KeptBy::Managed));
        assert_eq!(later.added().len(), 2);
        later.forget_unused().await;
        assert_eq!(
            later.added(),
            [NeighbourKey {
                ifindex: oif,
                address: ip("192.0.2.2")
            }]
        );
        assert!(later.remove_added().await.is_empty());
        eventually("nothing managed is left", async || {
            sh(&format!("ip -n {agent} neigh show")).is_empty().then_some(())
        })
        .await;
    });
}

#[test]
fn a_lost_route_takes_the_mac_away_and_a_new_one_brings_it_back() {
    let Some(mut lab) = Lab::new() else { return };
    let Site { agent, .. } = site(&mut lab);
    inside(&agent, async || {
        let netlink = Netlink::connect().unwrap();
        let oif = port(&netlink).await;
        let mut watch = Watch::open().unwrap();
        let mut hops = NextHops::new(netlink);
        let mac = Some([2, 0, 0, 0, 0, 2]);
        if hops.resolve(ip("192.0.2.2"), oif).await.unwrap().mac.is_none() {
            until_mac(&mut hops, &mut watch, mac).await;
        }
        sh(&format!("ip -n {agent} addr del 192.0.2.1/24 dev eth1"));
        until_mac(&mut hops, &mut watch, None).await;
        sh(&format!("ip -n {agent} addr add 192.0.2.1/24 dev eth1"));
        until_mac(&mut hops, &mut watch, mac).await;
        sh(&format!("ip -n {agent} link set eth1 down"));
        until_mac(&mut hops, &mut watch, None).await;
        sh(&format!("ip -n {agent} link set eth1 up"));
        until_mac(&mut hops, &mut watch, mac).await;
        assert!(hops.remove_added().await.is_empty());
    });
}

#[test]
fn probing_resolves_where_the_kernel_would_not_manage() {
    let Some(mut lab) = Lab::new() else { return };
    let Site { agent, .. } = site(&mut lab);
    inside(&agent, async || {
        let netlink = Netlink::connect().unwrap();
        let key = NeighbourKey {
            ifindex: port(&netlink).await,
            address: ip("192.0.2.2"),
        };
        netlink.probe_neighbour(key).await.unwrap();
        let neighbour = eventually("an answer to the probe", async || {
            netlink
                .neighbour(key)
                .await
                .unwrap()
                .filter(|neighbour| neighbour.mac.is_some())
        })
        .await;
        assert!(!neighbour.managed);
        assert_eq!(neighbour.mac, Some([2, 0, 0, 0, 0, 2]));
    });
}

#[test]
fn a_remote_without_a_route_is_told_when_one_comes() {
    let Some(mut lab) = Lab::new() else { return };
    let Site { agent, .. } = site(&mut lab);
    inside(&agent, async || {
        let netlink = Netlink::connect().unwrap();
        let oif = port(&netlink).await;
        let mut watch = Watch::open().unwrap();
        let mut hops = NextHops::new(netlink);
        let far = ip("198.51.100.1");
        let error = hops.resolve(far, oif).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "there is no route to 198.51.100.1 through eth1"
        );
        assert_eq!(hops.added(), []);
        sh(&format!("ip -n {agent} route add 198.51.100.0/24 via 192.0.2.2"));
        until_mac(&mut hops, &mut watch, Some([2, 0, 0, 0, 0, 2])).await;
        hops.release(far, oif).await;
        assert_eq!(hops.added(), []);
    });
}
