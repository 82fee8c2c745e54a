//! Which interfaces can have a native program, and what they do with it.

use super::{changed, found};
use crate::netlink::{VlanTpid, XdpFeatures};
use crate::safety::Verdict::{Fail, Warn};
use crate::safety::facts::{KernelRelease, PeerFacts, PortFacts};
use crate::safety::testing::{link, troubles};

fn device(kind: &str, native: bool) -> PortFacts {
    changed(|facts| {
        facts.link = link("dev0", 9, Some(kind));
        facts.driver = kind.to_owned();
        facts.peer = PeerFacts::None;
        facts.xdp_features = Some(XdpFeatures {
            native,
            redirect: native,
            receives_redirects: native,
            frags: native,
        });
    })
}

#[test]
fn devices_without_native_xdp_are_refused_by_driver() {
    for kind in ["bridge", "vlan", "vxlan", "dummy", "ifb", "macvlan", "team"] {
        assert_eq!(
            found(&device(kind, false)),
            [("native-xdp", Fail, "no-native-xdp")],
            "{kind}"
        );
        let unknown = PortFacts {
            xdp_features: None,
            ..device(kind, false)
        };
        assert_eq!(
            found(&unknown),
            [("native-xdp", Fail, "no-native-xdp")],
            "{kind}, old kernel"
        );
    }
    // A driver that says it can is believed, one that says nothing is tried.
    assert_eq!(found(&device("macsec", true)), []);
    assert_eq!(
        found(&device("netdevsim", false)),
        [("native-xdp", Warn, "no-native-xdp")]
    );
    assert_eq!(
        found(&PortFacts {
            xdp_features: None,
            kernel: KernelRelease::TAPS_METADATA,
            ..device("tun", true)
        }),
        []
    );
}

#[test]
fn what_receives_by_other_interfaces_is_refused_whatever_it_announces() {
    let refused = [("native-xdp", Fail, "no-native-xdp")];
    for (kind, native) in [("bond", true), ("bond", false), ("team", true)] {
        let mut facts = device(kind, native);
        facts.members = vec!["eth6".to_owned(), "eth7".to_owned()];
        assert_eq!(found(&facts), refused, "{kind}");
        let check = troubles(&facts).remove(0);
        assert_eq!(check.cure.unwrap(), "attach a member of dev0 instead: eth6, eth7");
    }
    let mut card = device("hv_netvsc", true);
    card.link.kind = None;
    assert_eq!(found(&card), []);
    card.members = vec!["enP1s1".to_owned()];
    assert_eq!(found(&card), refused);
    assert_eq!(
        troubles(&card).remove(0).cure.unwrap(),
        "turn SR-IOV (accelerated networking) off for dev0 on the host"
    );
}

#[test]
fn the_refusal_of_a_bridge_names_its_members() {
    let mut facts = device("bridge", false);
    facts.link.name = "br0".to_owned();
    facts.members = vec!["eth6".to_owned(), "eth7".to_owned()];
    let check = troubles(&facts).remove(0);
    assert_eq!(
        check.sentence.unwrap(),
        "br0 (driver bridge) has no native XDP, and the generic mode would lose tags"
    );
    assert_eq!(check.cure.unwrap(), "attach a member of br0 instead: eth6, eth7");
    let mut vlan = device("vlan", false);
    (vlan.link.vlan, vlan.lower) = (Some(VlanTpid::Dot1Ad), Some("eth0".to_owned()));
    assert_eq!(
        troubles(&vlan).remove(0).cure.unwrap(),
        "attach eth0 instead; the fabric puts the S-tag on itself"
    );
}

#[test]
fn jumbo_needs_a_kernel_and_a_driver_that_keep_frags() {
    let jumbo = |mtu, minor, frags| {
        changed(|facts| {
            facts.link.mtu = mtu;
            facts.kernel = KernelRelease { major: 6, minor };
            facts.xdp_features = Some(XdpFeatures {
                frags,
                ..facts.xdp_features.unwrap()
            });
        })
    };
    let refused = [("native-xdp", Fail, "jumbo-unsupported")];
    assert_eq!(found(&jumbo(9000, 12, true)), []);
    assert_eq!(found(&jumbo(9000, 1, true)), refused);
    assert_eq!(found(&jumbo(9000, 12, false)), refused);
    assert_eq!(found(&jumbo(3499, 1, true)), refused);
    assert_eq!(found(&jumbo(3498, 1, true)), []);
}

#[test]
fn a_striding_receive_queue_of_mlx5_takes_no_jumbo_frames() {
    let card = |driver: &str, mtu, flags: &[&str]| {
        changed(|facts| {
            driver.clone_into(&mut facts.driver);
            facts.link.mtu = mtu;
            facts.private_flags = flags.iter().map(|&flag| flag.to_owned()).collect();
        })
    };
    let striding = ["rx_cqe_moder", "rx_striding_rq"];
    let refused = card("mlx5_core", 3499, &striding);
    assert_eq!(found(&refused), [("native-xdp", Fail, "jumbo-unsupported")]);
    assert_eq!(
        troubles(&refused).remove(0).cure.unwrap(),
        "ethtool --set-priv-flags eth1 rx_striding_rq off"
    );
    for facts in [
        card("mlx5_core", 3498, &striding),
        card("mlx5_core", 9000, &["rx_cqe_moder"]),
        card("ice", 9000, &striding),
    ] {
        assert_eq!(found(&facts), []);
    }
}

#[test]
fn drivers_without_room_for_metadata_are_told() {
    let of = |driver: &str, minor| {
        changed(|facts| {
            driver.clone_into(&mut facts.driver);
            facts.kernel = KernelRelease { major: 6, minor };
        })
    };
    let told = [("metadata", Warn, "no-metadata")];
    assert_eq!(found(&of("tun", 14)), told);
    assert_eq!(found(&of("tun", 15)), []);
    assert_eq!(found(&of("ena", 18)), told);
    assert_eq!(found(&of("mlx5_core", 12)), []);
}
