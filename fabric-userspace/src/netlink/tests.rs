//! Interfaces and namespaces against the running kernel.

use std::fs::File;
use std::process::{Child, Command, Stdio};

use super::testing::{Lab, eventually, inside, sh};
use super::*;

/// A process that is alone in a namespace without a name; ends with the test.
struct Hermit(Child);

impl Hermit {
    fn start() -> Self {
        let child = Command::new("unshare")
            .args(["--net", "sleep", "60"])
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let hermit = Self(child);
        let ours = std::fs::read_link("/proc/self/ns/net").unwrap();
        let end = std::time::Instant::now() + std::time::Duration::from_secs(10);
        while std::fs::read_link(format!("/proc/{}/ns/net", hermit.0.id())).is_ok_and(|theirs| theirs == ours)
        {
            assert!(
                std::time::Instant::now() < end,
                "unshare did not get its namespace"
            );
            std::thread::yield_now();
        }
        hermit
    }
}

impl Drop for Hermit {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn links_tell_their_kind_master_and_state() {
    let Some(mut lab) = Lab::new() else { return };
    let (agent, _tenant) = lab.pair("eth1", "c0");
    sh(&format!(
        "ip -n {agent} link add br0 type bridge && ip -n {agent} link set eth1 master br0 mtu 1400"
    ));
    let links = inside(&agent, async || {
        Netlink::connect().unwrap().links().await.unwrap()
    });

    let names: Vec<_> = links.iter().map(|link| link.name.as_str()).collect();
    assert!(
        names.contains(&"lo") && names.contains(&"eth1") && names.contains(&"br0"),
        "{names:?}"
    );
    let by_name = |name: &str| links.iter().find(|link| link.name == name).unwrap();
    let (eth1, br0) = (by_name("eth1"), by_name("br0"));
    assert_eq!(br0.kind.as_deref(), Some("bridge"));
    assert_eq!(br0.veth_peer(), None);
    assert_eq!(eth1.kind.as_deref(), Some("veth"));
    assert_eq!(eth1.master, Some(br0.ifindex));
    assert_eq!(eth1.mtu, 1400);
    assert!(eth1.up && eth1.running && !br0.up);
    assert!(eth1.mac.is_some() && eth1.xdp.is_none());
}

#[test]
fn a_name_that_does_not_exist_is_told_as_such() {
    let Some(mut lab) = Lab::new() else { return };
    let agent = lab.namespace("agent");
    inside(&agent, async || {
        let netlink = Netlink::connect().unwrap();
        for name in ["nosuch0", "", "a-name-longer-than-the-kernel-allows"] {
            let error = netlink.link(name).await.unwrap_err();
            assert!(matches!(error, NetlinkError::NoSuchLink(_)), "{name}: {error}");
        }
        assert!(matches!(
            netlink.link_by_index(99_999).await,
            Err(NetlinkError::NoSuchLink(_))
        ));
    });
}

/// Name and alias of a tenant's interface are his: he can write what is no text, and nobody may wait for ever who asks.
#[test]
fn a_peer_that_cannot_be_read_is_an_error_and_an_event_of_its_own() {
    let Some(mut lab) = Lab::new() else { return };
    let (agent, tenant) = lab.pair("eth1", "c0");
    inside(&agent, async || {
        let netlink = Netlink::connect().unwrap();
        let port = netlink.link("eth1").await.unwrap();
        assert!(netlink.peer_of(&port, None).await.unwrap().is_some());
        let mut watch = Watch::open().unwrap();
        sh(&format!("ip -n {tenant} link set c0 alias $(printf '\\377')"));
        let error = netlink.peer_of(&port, None).await.unwrap_err().to_string();
        assert!(error.contains("cannot be read"), "{error}");
        let of_peer = async {
            loop {
                let event = watch.next().await.unwrap();
                assert_ne!(event, Event::Missed);
                if event.concerns(&port) {
                    return;
                }
            }
        };
        tokio::time::timeout(std::time::Duration::from_secs(10), of_peer)
            .await
            .unwrap();
        sh(&format!("ip -n {tenant} link set c0 alias text"));
        assert!(netlink.peer_of(&port, None).await.unwrap().is_some());
    });
}

#[test]
fn a_peer_is_found_in_a_named_namespace() {
    let Some(mut lab) = Lab::new() else { return };
    let (agent, tenant) = lab.pair("eth1", "c0");
    let peer = inside(&agent, async || {
        let netlink = Netlink::connect().unwrap();
        let port = netlink.link("eth1").await.unwrap();
        let peer = netlink.peer_of(&port, None).await.unwrap().unwrap();
        assert_eq!(peer.link.lower, Some(port.ifindex));
        // A wrong hint is not believed, a right one gives the same answer.
        let wrong = NetnsPlace::Process(1);
        assert_eq!(
            netlink.peer_of(&port, Some(&wrong)).await.unwrap().as_ref(),
            Some(&peer)
        );
        assert_eq!(
            netlink
                .peer_of(&port, peer.place.as_ref())
                .await
                .unwrap()
                .as_ref(),
            Some(&peer)
        );
        peer
    });
    assert_eq!(peer.link.name, "c0");
    assert_eq!(peer.place, Some(NetnsPlace::Named(tenant.clone())));
    assert_eq!(
        peer.place.unwrap().command_prefix(),
        format!("ip netns exec {tenant} ")
    );
}

#[test]
fn a_peer_in_the_same_namespace_needs_no_place() {
    let Some(mut lab) = Lab::new() else { return };
    let agent = lab.namespace("agent");
    sh(&format!("ip -n {agent} link add eth1 type veth peer name c0"));
    inside(&agent, async || {
        let netlink = Netlink::connect().unwrap();
        let port = netlink.link("eth1").await.unwrap();
        let peer = netlink.peer_of(&port, None).await.unwrap().unwrap();
        assert_eq!(
            (peer.link.name.as_str(), peer.nsid, &peer.place),
            ("c0", None, &None)
        );
        assert!(!peer.is_unreachable());
    });
}

#[test]
fn a_peer_is_found_through_a_process_when_its_namespace_has_no_name() {
    let Some(mut lab) = Lab::new() else { return };
    let agent = lab.namespace("agent");
    let hermit = Hermit::start();
    let pid = hermit.0.id();
    sh(&format!(
        "ip -n {agent} link add eth1 type veth peer name c0 && ip -n {agent} link set c0 netns {pid}"
    ));
    inside(&agent, async || {
        let netlink = Netlink::connect().unwrap();
        let port = netlink.link("eth1").await.unwrap();
        let peer = netlink.peer_of(&port, None).await.unwrap().unwrap();
        assert_eq!(peer.place, Some(NetnsPlace::Process(pid)));
        let place = peer.place.unwrap();
        let inside = run_in(&place, || std::fs::read_link("/proc/thread-self/ns/net").unwrap()).unwrap();
        assert_eq!(inside, std::fs::read_link(place.path()).unwrap());
    });
}

#[test]
fn a_peer_in_a_hidden_namespace_is_unreachable_but_known() {
    let Some(mut lab) = Lab::new() else { return };
    let (agent, tenant) = lab.pair("eth1", "c0");
    let held = File::open(format!("/run/netns/{tenant}")).unwrap();
    sh(&format!("ip netns del {tenant}"));
    inside(&agent, async || {
        let netlink = Netlink::connect().unwrap();
        let port = netlink.link("eth1").await.unwrap();
        let peer = netlink.peer_of(&port, None).await.unwrap().unwrap();
        assert!(peer.is_unreachable());
        assert_eq!(peer.link.name, "c0");
    });
    drop(held);
}

#[test]
fn working_in_a_namespace_does_not_keep_it_alive() {
    let Some(mut lab) = Lab::new() else { return };
    let (agent, tenant) = lab.pair("eth1", "c0");
    let place = NetnsPlace::Named(tenant.clone());
    assert!(run_in(&place, || ()).is_ok());
    sh(&format!("ip netns del {tenant}"));
    inside(&agent, async || {
        let netlink = Netlink::connect().unwrap();
        eventually("the port dies with its peer's namespace", async || {
            netlink.link("eth1").await.err()
        })
        .await;
    });
    assert!(run_in(&place, || ()).is_err());
}

#[test]
fn drivers_tell_whether_they_have_native_xdp() {
    let Some(mut lab) = Lab::new() else { return };
    let (agent, tenant) = lab.pair("eth1", "c0");
    sh(&format!("ip -n {agent} link add br0 type bridge"));
    let features = async |name: &str| {
        let netlink = Netlink::connect().unwrap();
        let link = netlink.link(name).await.unwrap();
        netlink.xdp_features(link.ifindex).await
    };
    let (veth, bridge) = inside(&agent, async || (features("eth1").await, features("br0").await));
    let Some(veth) = veth else {
        eprintln!("skipped: this kernel has no netdev family");
        return;
    };
    assert!(veth.native && veth.frags && !veth.receives_redirects, "{veth:?}");
    assert!(!bridge.unwrap().native);
    sh(&format!("ip netns exec {tenant} ethtool -K c0 gro on"));
    assert!(inside(&agent, async || features("eth1")
        .await
        .unwrap()
        .receives_redirects));
}
