//! Events against the running kernel.

use super::*;
use crate::netlink::Netlink;
use crate::netlink::testing::{Lab, in_time, inside, sh};

/// Reads events until one is wanted.
async fn wait_for(watch: &mut Watch, what: &str, wanted: impl Fn(&Event) -> bool) -> Event {
    in_time(what, async {
        loop {
            let event = watch.next().await.unwrap();
            if wanted(&event) {
                return event;
            }
        }
    })
    .await
}

#[test]
fn a_tenant_who_turns_an_offload_on_is_heard_from_his_own_namespace() {
    let Some(mut lab) = Lab::new() else { return };
    let (agent, tenant) = lab.pair("eth1", "c0");
    inside(&agent, async || {
        let port = Netlink::connect().unwrap().link("eth1").await.unwrap();
        sh(&format!("ip netns exec {tenant} ethtool -K c0 txvlan off"));
        let mut watch = Watch::open().unwrap();
        sh(&format!("ip netns exec {tenant} ethtool -K c0 txvlan on"));
        let event = wait_for(&mut watch, "feature change", |event| {
            matches!(event, Event::Link { features: true, .. })
        })
        .await;
        assert!(event.concerns(&port), "{event:?}");
        let Event::Link { nsid, link, .. } = event else {
            unreachable!()
        };
        assert_eq!((nsid, link.name.as_str()), (port.link_netnsid, "c0"));
    });
}

/// A tenant can give his interface so many names that no message about it fits into the buffer.
#[test]
fn an_interface_with_too_many_names_is_an_event_of_its_own() {
    let Some(mut lab) = Lab::new() else { return };
    let (agent, tenant) = lab.pair("eth1", "c0");
    inside(&agent, async || {
        let port = Netlink::connect().unwrap().link("eth1").await.unwrap();
        let name = "n".repeat(124);
        sh(&format!(
            "for number in $(seq 100 600); do echo link property add dev c0 altname {name}$number; done \
             | ip -n {tenant} -force -batch - 2>/dev/null; true"
        ));
        let mut watch = Watch::open().unwrap();
        sh(&format!("ip -n {tenant} link set c0 alias other"));
        let event = wait_for(&mut watch, "the peer", |event| {
            assert_ne!(*event, Event::Missed);
            event.concerns(&port)
        })
        .await;
        assert!(
            matches!(event, Event::LinkGone { nsid: Some(_), .. }),
            "{event:?}"
        );
    });
}

#[test]
fn a_stranger_with_the_same_ifindex_in_another_namespace_does_not_concern_a_port() {
    let Some(mut lab) = Lab::new() else { return };
    let (agent, tenant) = lab.pair("eth1", "c0");
    let other = lab.namespace("other");
    inside(&agent, async || {
        let port = Netlink::connect().unwrap().link("eth1").await.unwrap();
        let taken = port.ifindex;
        sh(&format!(
            "ip -n {other} link add x0 index {taken} type veth peer name x1 netns {tenant}"
        ));
        // A veth between `agent` and `other` makes the namespace `other` known to ours.
        sh(&format!(
            "ip -n {agent} link add y0 type veth peer name y1 netns {other}"
        ));
        let mut watch = Watch::open().unwrap();
        sh(&format!("ip -n {other} link set x0 mtu 1400"));
        let event = wait_for(
            &mut watch,
            "change of x0",
            |event| matches!(event, Event::Link { link, .. } if link.name == "x0"),
        )
        .await;
        let Event::Link { nsid, link, .. } = &event else {
            unreachable!()
        };
        assert!(nsid.is_some() && link.ifindex == port.ifindex);
        assert!(!event.concerns(&port));
    });
}

#[test]
fn a_port_that_leaves_a_bridge_is_not_taken_for_gone() {
    let Some(mut lab) = Lab::new() else { return };
    let (agent, _tenant) = lab.pair("eth1", "c0");
    sh(&format!(
        "ip -n {agent} link add br0 type bridge && ip -n {agent} link set eth1 master br0"
    ));
    inside(&agent, async || {
        let mut watch = Watch::open().unwrap();
        sh(&format!(
            "ip -n {agent} link set eth1 nomaster && ip -n {agent} link del br0"
        ));
        let gone = wait_for(&mut watch, "an interface gone", |event| {
            matches!(event, Event::LinkGone { .. })
        })
        .await;
        let Event::LinkGone { name, .. } = gone else {
            unreachable!()
        };
        assert_eq!(name, "br0");
    });
}

#[test]
fn a_namespace_that_dies_takes_its_port_along() {
    let Some(mut lab) = Lab::new() else { return };
    let (agent, tenant) = lab.pair("eth1", "c0");
    inside(&agent, async || {
        let port = Netlink::connect().unwrap().link("eth1").await.unwrap();
        let mut watch = Watch::open().unwrap();
        sh(&format!("ip netns del {tenant}"));
        wait_for(&mut watch, "eth1 gone", |event| {
            matches!(event, Event::LinkGone { nsid: None, name, .. } if name == "eth1")
                && event.concerns(&port)
        })
        .await;
    });
}

#[test]
fn neighbours_and_routes_are_heard() {
    let Some(mut lab) = Lab::new() else { return };
    let (agent, _tenant) = lab.pair("eth1", "c0");
    inside(&agent, async || {
        let mut watch = Watch::open().unwrap();
        sh(&format!("ip -n {agent} addr add 192.0.2.1/24 dev eth1"));
        wait_for(&mut watch, "routes", |event| *event == Event::Routes).await;
        sh(&format!(
            "ip -n {agent} neigh add 192.0.2.9 lladdr 02:00:00:00:00:09 dev eth1"
        ));
        let event = wait_for(&mut watch, "neighbour", |event| {
            matches!(event, Event::Neighbour(_))
        })
        .await;
        let Event::Neighbour(neighbour) = event else {
            unreachable!()
        };
        assert_eq!(neighbour.mac, Some([2, 0, 0, 0, 0, 9]));
        assert!(neighbour.fixed && !neighbour.managed);
        sh(&format!("ip -n {agent} neigh del 192.0.2.9 dev eth1"));
        wait_for(&mut watch, "gone", |event| {
            *event == Event::NeighbourGone(neighbour.key)
        })
        .await;
    });
}

#[test]
fn several_route_changes_that_nobody_has_heard_of_are_told_once() {
    let mut queue = VecDeque::new();
    for event in [
        Event::Routes,
        Event::Routes,
        Event::Missed,
        Event::Missed,
        Event::Routes,
    ] {
        event.join(&mut queue);
    }
    assert_eq!(queue, [Event::Routes, Event::Missed]);
}

#[test]
fn bytes_that_are_not_understood_count_as_missed() {
    let mut queue = VecDeque::<Event>::new();
    parse(&[0xff; 20], None, &mut queue);
    parse(&[1, 2, 3], None, &mut queue);
    assert_eq!(queue, [Event::Missed]);
}
