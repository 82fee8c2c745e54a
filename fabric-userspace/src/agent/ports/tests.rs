use std::collections::BTreeSet;

use super::*;
use crate::netlink::testing::{Lab, inside, sh};

/// Interfaces that records are about.
fn written(store: &FileStore, name: &IfName) -> BTreeSet<u32> {
    let changes: Changes = store.side_file(CHANGES_FILE).unwrap().unwrap();
    changes.0[name].iter().map(|change| change.ifindex).collect()
}

async fn take(ports: &mut Ports, store: &FileStore, netlink: &Netlink, name: &IfName) -> u32 {
    let link = netlink.link(name.as_str()).await.unwrap();
    let taken = ports.take(store, name, Role::Access, link.ifindex).await;
    taken.unwrap_or_else(|refusal| panic!("{refusal}"));
    link.ifindex
}

fn make(agent: &str, tenant: &str, peer: &str) {
    sh(&format!(
        "ip -n {agent} link add eth1 type veth peer name {peer} netns {tenant} && \
         ip -n {agent} link set eth1 up && ip -n {tenant} link set {peer} up"
    ));
}

#[test]
fn an_interface_that_is_gone_is_forgotten_when_its_successor_is_taken_and_a_renamed_one_is_not() {
    let Some(mut lab) = Lab::new() else { return };
    let (agent, tenant) = lab.pair("eth1", "c0");
    let folder = tempfile::tempdir().unwrap();
    let store = FileStore::open(folder.path()).unwrap();
    let name: IfName = "eth1".parse().unwrap();
    inside(&agent, async || {
        let netlink = Netlink::connect().unwrap();
        let mut ports = Ports::resume(Some(netlink.clone()), &store).unwrap();
        let first = take(&mut ports, &store, &netlink, &name).await;
        assert_eq!(written(&store, &name), [first].into());
        for _ in 0..3 {
            sh(&format!("ip -n {agent} link del eth1"));
            make(&agent, &tenant, "c0");
            let next = take(&mut ports, &store, &netlink, &name).await;
            assert_ne!(next, first);
            assert_eq!(written(&store, &name), [next].into());
        }
        sh(&format!(
            "ip -n {agent} link set eth1 down && ip -n {agent} link set eth1 name old1"
        ));
        let renamed = netlink.link("old1").await.unwrap().ifindex;
        make(&agent, &tenant, "c1");
        let next = take(&mut ports, &store, &netlink, &name).await;
        assert_eq!(written(&store, &name), [renamed, next].into());
        assert_eq!(ports.give_back(&store, &name).await.unwrap(), []);
    });
}
