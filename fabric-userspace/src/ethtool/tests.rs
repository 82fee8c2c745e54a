//! Features against the running kernel and the ethtool program.

use super::*;
use crate::netlink::testing::{Lab, inside, sh};

/// The rows of `ethtool -k` that name a single feature, as (name, on).
fn rows(namespace: &str, port: &str) -> Vec<(String, bool)> {
    let text = sh(&format!("ip netns exec {namespace} ethtool -k {port}"));
    let rows = text.lines().filter_map(|line| line.trim().split_once(": "));
    rows.filter(|(_, value)| value.starts_with("on") || value.starts_with("off"))
        .map(|(name, value)| (name.to_owned(), value.starts_with("on")))
        .collect()
}

#[test]
fn features_agree_with_the_ethtool_program() {
    let Some(mut lab) = Lab::new() else { return };
    let (agent, _tenant) = lab.pair("eth1", "c0");
    let features = inside(&agent, async || {
        Ethtool::open().unwrap().features("eth1").unwrap()
    });
    let mut compared = 0;
    for (name, on) in rows(&agent, "eth1") {
        if features.get(&name).is_some() {
            assert_eq!(features.is_active(&name), on, "{name}");
            compared += 1;
        }
    }
    assert!(compared > 30, "only {compared} features compared");
    assert!(features.is_changeable("tx-vlan-hw-insert") && !features.is_changeable("rx-lro"));
    assert_eq!(
        features.names().count(),
        features.names().collect::<std::collections::BTreeSet<_>>().len()
    );
}

#[test]
fn a_feature_is_set_in_the_namespace_of_the_target() {
    let Some(mut lab) = Lab::new() else { return };
    let (_agent, tenant) = lab.pair("eth1", "c0");
    let before = rows(&tenant, "c0");
    let ifindex = sh(&format!("ip netns exec {tenant} cat /sys/class/net/c0/ifindex"))
        .trim()
        .parse()
        .unwrap();
    let target = Target {
        place: Some(NetnsPlace::Named(tenant.clone())),
        interface: "c0".to_owned(),
        ifindex,
    };
    let set = |on: bool| {
        target.with(|ethtool| ethtool.set_features("c0", &[("tx-vlan-stag-hw-insert".to_owned(), on)]))
    };
    set(false).unwrap();
    let after = rows(&tenant, "c0");
    let differing: Vec<_> = before
        .iter()
        .zip(&after)
        .filter(|(old, new)| old != new)
        .collect();
    assert_eq!(differing.len(), 1, "{differing:?}");
    assert_eq!(*differing[0].1, ("tx-vlan-stag-hw-insert".to_owned(), false));
    set(true).unwrap();
    assert_eq!(rows(&tenant, "c0"), before);

    let stranger = Target {
        ifindex: ifindex + 1,
        ..target
    };
    assert!(
        stranger
            .with(|ethtool| ethtool.features("c0"))
            .unwrap_err()
            .is_vanished()
    );
}

#[test]
fn private_flags_are_named_by_their_bits_and_a_driver_may_have_none() {
    let mut request = ioctl::PrivateFlags::new();
    request.words()[1] = 0b101;
    let names = ["rx_cqe_moder", "tx_cqe_moder", "rx_striding_rq"].map(str::to_owned);
    assert_eq!(request.decode(names.into()), ["rx_cqe_moder", "rx_striding_rq"]);

    let Some(mut lab) = Lab::new() else { return };
    let (agent, _tenant) = lab.pair("eth1", "c0");
    inside(&agent, async || {
        let told = Ethtool::open().unwrap().private_flags("eth1");
        assert!(told.is_err() || told.unwrap().is_empty());
    });
}

#[test]
fn errors_name_the_port_and_what_was_asked() {
    let Some(mut lab) = Lab::new() else { return };
    let (agent, _tenant) = lab.pair("eth1", "c0");
    inside(&agent, async || {
        let ethtool = Ethtool::open().unwrap();
        assert_eq!(ethtool.driver("eth1").unwrap().driver, "veth");
        let error = ethtool.features("nosuch0").unwrap_err();
        assert!(
            error.is_vanished() && error.to_string().contains("nosuch0"),
            "{error}"
        );
        assert!(
            ethtool
                .features("a-name-longer-than-the-kernel-allows")
                .unwrap_err()
                .is_vanished()
        );
        let error = ethtool
            .set_features("eth1", &[("no-such-feature".to_owned(), true)])
            .unwrap_err();
        assert!(matches!(error, EthtoolError::UnknownFeature { .. }), "{error}");
    });
}
