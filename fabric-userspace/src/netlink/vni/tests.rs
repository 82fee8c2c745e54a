//! The interfaces of a VNI against the running kernel.

use super::*;
use crate::netlink::testing::{Lab, inside, sh};
use crate::netlink::{On, StationEvent, StationWatch};

const DEVICES: VniDevices = VniDevices {
    vni: 16_777_215,
    local: IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1)),
    udp_port: 4789,
};
const MAC: [u8; 6] = [2, 0, 0, 0, 0, 9];

/// Packets that left by the VXLAN device. What the pair says ends at its other end.
fn sent(namespace: &str) -> String {
    let [vxlan, ..] = DEVICES.names();
    let file = format!("/sys/class/net/{vxlan}/statistics/tx_packets");
    sh(&format!("ip netns exec {namespace} cat {file}"))
}

#[test]
fn interfaces_are_found_again_and_say_nothing_of_their_own_accord() {
    let Some(mut lab) = Lab::new() else { return };
    // With IPv6, which solicits routers and reports groups wherever it may.
    let namespace = lab.namespace("agent");
    inside(&namespace, async || {
        let netlink = Netlink::connect().unwrap();
        let ports = netlink.add_vni(&DEVICES).await.unwrap();
        let links = netlink.links().await.unwrap();
        assert_eq!(DEVICES.find(&links), Some(ports));
        // What the bridge itself sends, to nobody in particular, is not flooded.
        let bridge = &DEVICES.names()[1];
        sh(&format!(
            "ip netns exec {namespace} ip addr add 198.51.100.1/24 dev {bridge}; \
             ip netns exec {namespace} ping -c 1 -W 0.2 198.51.100.2 > /dev/null; true"
        ));
        assert_eq!(sent(&namespace), "0\n");
        netlink.remove_vni(&DEVICES).await.unwrap();
        assert_eq!(DEVICES.find(&netlink.links().await.unwrap()), None);
        let left: Vec<_> = netlink.links().await.unwrap();
        assert!(left.iter().all(|link| link.name == "lo"), "{left:?}");
        netlink.remove_vni(&DEVICES).await.unwrap();
    });
}

#[test]
fn an_interface_of_somebody_else_with_such_a_name_stays_and_nothing_else_does() {
    let Some(mut lab) = Lab::new() else { return };
    let namespace = lab.namespace("agent");
    let [_, _, stations, _] = DEVICES.names();
    sh(&format!(
        "ip -n {namespace} link add {stations} type veth peer name other"
    ));
    inside(&namespace, async || {
        let netlink = Netlink::connect().unwrap();
        let error = netlink.add_vni(&DEVICES).await.unwrap_err();
        assert_eq!(error.errno(), Some(libc::EEXIST));
        let mut left: Vec<_> = netlink.links().await.unwrap();
        left.retain(|link| link.name != "lo");
        let names: Vec<&str> = left.iter().map(|link| link.name.as_str()).collect();
        assert_eq!(names, ["other", stations.as_str()]);
    });
}

#[test]
fn a_station_is_offered_told_of_and_withdrawn() {
    let Some(mut lab) = Lab::new() else { return };
    let namespace = lab.namespace("agent");
    inside(&namespace, async || {
        let netlink = Netlink::connect().unwrap();
        let ports = netlink.add_vni(&DEVICES).await.unwrap();
        let mut watch = StationWatch::open().unwrap();
        for sticky in [false, true] {
            netlink.offer_station(ports.stations, MAC, sticky).await.unwrap();
            let entries = netlink.bridge_entries().await.unwrap();
            let ours: Vec<_> = entries.iter().filter(|entry| entry.mac == MAC).collect();
            assert_eq!(ours.len(), 1, "{entries:?}");
            assert_eq!(
                (ours[0].ifindex, ours[0].on, ours[0].sticky),
                (ports.stations, On::Port, sticky)
            );
            let told = watch.next().await.unwrap();
            assert!(told.contains(&StationEvent::There(*ours[0])), "{told:?}");
        }
        netlink.withdraw_station(ports.stations, MAC).await.unwrap();
        let told = watch.next().await.unwrap();
        let gone = |event: &StationEvent| matches!(event, StationEvent::Gone(entry) if entry.mac == MAC);
        assert!(told.iter().any(gone), "{told:?}");
        netlink.withdraw_station(ports.stations, MAC).await.unwrap();

        // As a routing daemon writes it.
        let [vxlan, ..] = DEVICES.names();
        sh(&format!(
            "ip netns exec {namespace} bridge fdb add 02:00:00:00:00:09 dev {vxlan} dst 192.0.2.2 self extern_learn; \
             ip netns exec {namespace} bridge fdb add 02:00:00:00:00:09 dev {vxlan} master dynamic extern_learn"
        ));
        let entries = netlink.bridge_entries().await.unwrap();
        let theirs: Vec<On> = entries
            .iter()
            .filter(|entry| entry.mac == MAC && entry.ifindex == ports.vxlan)
            .map(|entry| entry.on)
            .collect();
        let vtep = On::Vtep(Some([192, 0, 2, 2].into()));
        assert!(theirs.contains(&On::Port) && theirs.contains(&vtep), "{theirs:?}");
    });
}
