//! Curing and restoring real veth pairs.

mod native;

use std::time::Instant;

use super::testing::need;
use super::*;
use crate::netlink::Watch;
use crate::netlink::testing::{Lab, eventually, in_time, inside, sh};

fn spec(role: Role) -> PortSpec {
    PortSpec {
        port: "eth1".to_owned(),
        role,
        needs: Vec::new(),
        own_programs: Vec::new(),
        attached: false,
        in_use: false,
    }
}

fn guard(role: Role) -> Guard {
    Guard::new(Netlink::connect().unwrap(), spec(role))
}

/// All that `ethtool -k` says, dragged features and `[requested on]` included.
fn offloads(namespace: &str, port: &str) -> String {
    sh(&format!("ip netns exec {namespace} ethtool -k {port}"))
}

fn is_promiscuous(namespace: &str, port: &str) -> bool {
    sh(&format!("ip -n {namespace} link show {port}")).contains("PROMISC")
}

fn failures(checks: &[Check]) -> Vec<&'static str> {
    checks
        .iter()
        .filter(|check| check.verdict == Verdict::Fail)
        .map(|check| check.id)
        .collect()
}

fn warnings(checks: &[Check]) -> Vec<&'static str> {
    checks
        .iter()
        .filter(|check| check.verdict == Verdict::Warn)
        .map(|check| check.id)
        .collect()
}

#[test]
fn a_fresh_veth_is_unsafe_is_cured_and_is_put_back_exactly() {
    for role in [Role::Access, Role::Trunk, Role::Pseudowire, Role::Underlay] {
        let Some(mut lab) = Lab::new() else { return };
        let (agent, tenant) = lab.pair("eth1", "c0");
        let before = (offloads(&agent, "eth1"), offloads(&tenant, "c0"));
        inside(&agent, async || {
            let mut guard = guard(role);
            let promiscuous = !matches!(role, Role::Underlay);
            let expected = [
                "vlan-tags-visible",
                "takes-every-frame",
                "peer-receives-redirects",
            ];
            let expected = expected
                .into_iter()
                .filter(|check| promiscuous || *check != "takes-every-frame");
            assert_eq!(failures(&guard.recheck().await), expected.collect::<Vec<_>>());
            let changes = guard.make_safe().await.unwrap();
            let checks = guard.recheck().await;
            assert_eq!(
                (failures(&checks), warnings(&checks)),
                (vec![], vec![]),
                "{checks:?}"
            );
            assert_ne!(offloads(&tenant, "c0"), before.1);
            assert_eq!(is_promiscuous(&agent, "eth1"), promiscuous);
            assert_eq!(guard.make_safe().await.unwrap(), [], "nothing is left to change");

            let written = serde_json::to_string(&changes).unwrap();
            let read: Vec<Change> = serde_json::from_str(&written).unwrap();
            assert_eq!(read, changes);
            let outcome = restore(&Netlink::connect().unwrap(), &read).await;
            assert!(
                outcome.iter().all(|one| one.outcome == Outcome::Restored),
                "{outcome:?}"
            );
        });
        assert_eq!(
            (offloads(&agent, "eth1"), offloads(&tenant, "c0")),
            before,
            "{role:?}"
        );
        assert!(!is_promiscuous(&agent, "eth1"), "{role:?}");
    }
}

#[test]
fn what_the_kernel_drags_along_is_recorded_and_put_back() {
    let Some(mut lab) = Lab::new() else { return };
    let (agent, tenant) = lab.pair("eth1", "c0");
    // The tenant has some of his own settings; they are the ones to come back.
    sh(&format!(
        "ip netns exec {tenant} ethtool -K c0 tx-tcp-mangleid-segmentation off tx-vlan-stag-hw-insert off"
    ));
    let before = offloads(&tenant, "c0");
    inside(&agent, async || {
        let changes = guard(Role::Access).make_safe().await.unwrap();
        let names = |asked: bool| -> Vec<&str> {
            let peer = changes
                .iter()
                .filter(|change| change.side == Side::Peer && change.asked == asked);
            peer.map(|change| change.feature.as_str()).collect()
        };
        assert_eq!(
            names(true),
            [
                "tx-checksum-ip-generic",
                "tx-vlan-hw-insert",
                "rx-gro",
                "tx-checksum-sctp"
            ]
        );
        assert!(
            names(false).contains(&"tx-tcp-segmentation"),
            "{:?}",
            names(false)
        );
        assert!(!names(false).contains(&"tx-tcp-mangleid-segmentation"));
        restore(&Netlink::connect().unwrap(), &changes).await;
    });
    assert_eq!(offloads(&tenant, "c0"), before);
}

#[test]
fn a_plan_that_was_written_but_never_carried_out_restores_to_the_same() {
    let Some(mut lab) = Lab::new() else { return };
    let (agent, tenant) = lab.pair("eth1", "c0");
    let before = (offloads(&agent, "eth1"), offloads(&tenant, "c0"));
    inside(&agent, async || {
        let planned = guard(Role::Access).plan().await.unwrap();
        assert_eq!((offloads(&agent, "eth1"), offloads(&tenant, "c0")), before);
        restore(&Netlink::connect().unwrap(), &planned).await;
        assert_eq!((offloads(&agent, "eth1"), offloads(&tenant, "c0")), before);
        // Killed half-way through: the plan alone must suffice.
        guard(Role::Access).make_safe().await.unwrap();
        assert!(is_promiscuous(&agent, "eth1"));
        restore(&Netlink::connect().unwrap(), &planned).await;
    });
    assert_eq!((offloads(&agent, "eth1"), offloads(&tenant, "c0")), before);
    assert!(!is_promiscuous(&agent, "eth1"));
}

#[test]
fn promiscuous_mode_that_was_there_before_stays_and_one_that_is_taken_away_comes_back() {
    let Some(mut lab) = Lab::new() else { return };
    let (agent, _tenant) = lab.pair("eth1", "c0");
    let set = |word| sh(&format!("ip -n {agent} link set eth1 promisc {word}"));
    let is_about = |change: &Change| change.feature == "promisc";
    inside(&agent, async || {
        let netlink = Netlink::connect().unwrap();
        set("on");
        let changes = guard(Role::Trunk).make_safe().await.unwrap();
        assert!(!changes.iter().any(is_about), "{changes:?}");
        restore(&netlink, &changes).await;
        assert!(is_promiscuous(&agent, "eth1"), "it is somebody else's");

        set("off");
        let mut guard = guard(Role::Trunk);
        let mut kept = guard.make_safe().await.unwrap();
        let mut watch = Watch::open().unwrap();
        set("off");
        in_time("a port that filters", async {
            loop {
                let event = watch.next().await.unwrap();
                if guard.is_concerned_by(&event) && failures(&guard.recheck().await) == ["takes-every-frame"]
                {
                    return;
                }
            }
        })
        .await;
        let more = guard.make_safe().await.unwrap();
        assert_eq!(
            more.iter().map(Change::to_string).collect::<Vec<_>>(),
            ["eth1: promisc off -> on"]
        );
        merge(&mut kept, more);
        assert_eq!(kept.iter().filter(|change| is_about(change)).count(), 1);
        assert!(is_promiscuous(&agent, "eth1"));
        restore(&netlink, &kept).await;
    });
    assert!(!is_promiscuous(&agent, "eth1"));
}

#[test]
fn a_tenant_who_hides_tags_again_is_noticed_by_event_and_cured_again() {
    let Some(mut lab) = Lab::new() else { return };
    let (agent, tenant) = lab.pair("eth1", "c0");
    let before = offloads(&tenant, "c0");
    inside(&agent, async || {
        let mut guard = guard(Role::Access);
        let mut changes = guard.make_safe().await.unwrap();
        let mut watch = Watch::open().unwrap();
        sh(&format!("ip netns exec {tenant} ethtool -K c0 txvlan on"));
        in_time("an unsafe port", async {
            loop {
                let event = watch.next().await.unwrap();
                if guard.is_concerned_by(&event) && failures(&guard.recheck().await) == ["vlan-tags-visible"]
                {
                    return;
                }
            }
        })
        .await;
        let more = guard.make_safe().await.unwrap();
        assert_eq!(more.len(), 1);
        assert_eq!(failures(&guard.recheck().await), [""; 0]);
        let recorded = changes.len();
        merge(&mut changes, more);
        assert_eq!(changes.len(), recorded, "the oldest value is the one that counts");
        restore(&Netlink::connect().unwrap(), &changes).await;
    });
    assert_eq!(offloads(&tenant, "c0"), before);
}

#[test]
fn a_refused_port_is_left_as_it_was() {
    let Some(mut lab) = Lab::new() else { return };
    let (agent, tenant) = lab.pair("eth1", "c0");
    sh(&format!("ip -n {agent} link add trunk0 type veth peer name far0"));
    let before = (offloads(&agent, "eth1"), offloads(&tenant, "c0"));
    inside(&agent, async || {
        let mut guard = guard(Role::Access);
        guard.spec_mut().needs = vec![need("trunk0", &[("S", 4), ("C", 4)], true)];
        let refusal = guard.make_safe().await.unwrap_err();
        assert_eq!(
            (refusal.code, refusal.cure.as_str()),
            (
                "mtu-too-small",
                "ip link set trunk0 mtu 1508 && ip link set far0 mtu 1508        (tenants up to MTU 1492 would fit)"
            )
        );
        assert_eq!((offloads(&agent, "eth1"), offloads(&tenant, "c0")), before);
        sh(&format!(
            "ip -n {agent} link set trunk0 mtu 1508 && ip -n {agent} link set far0 mtu 1508"
        ));
        guard.make_safe().await.unwrap();
    });
}

#[test]
fn a_bridge_is_refused_with_its_members_and_a_missing_port_by_name() {
    let Some(mut lab) = Lab::new() else { return };
    let (agent, _tenant) = lab.pair("eth1", "c0");
    sh(&format!(
        "ip -n {agent} link add br0 type bridge && ip -n {agent} link set eth1 master br0"
    ));
    inside(&agent, async || {
        let mut guard = guard(Role::Access);
        assert!(warnings(&guard.recheck().await).contains(&"no-master"));
        guard.spec_mut().port = "br0".to_owned();
        let refusal = guard.make_safe().await.unwrap_err();
        assert_eq!(
            (refusal.code, refusal.cure.as_str()),
            ("no-native-xdp", "attach a member of br0 instead: eth1")
        );
        guard.spec_mut().port = "nosuch0".to_owned();
        let refusal = guard.make_safe().await.unwrap_err();
        assert_eq!(
            (refusal.code, refusal.sentence.as_str()),
            ("no-such-port", "there is no interface nosuch0")
        );
    });
}

#[test]
fn the_hosts_way_out_is_refused_as_a_port_unless_it_is_one_already() {
    let Some(mut lab) = Lab::new() else { return };
    let (agent, _tenant) = lab.pair("eth1", "c0");
    let ip = format!("ip -n {agent}");
    sh(&format!("{ip} addr add 192.0.2.1/24 dev eth1"));
    inside(&agent, async || {
        let mut guard = guard(Role::Access);
        assert!(warnings(&guard.recheck().await).contains(&"host-does-without"));
        guard.plan().await.unwrap();
        sh(&format!("{ip} route add default via 192.0.2.2"));
        let refusal = guard.make_safe().await.unwrap_err();
        assert_eq!(
            (refusal.code, refusal.sentence.as_str()),
            (
                "port-of-host",
                "eth1 is the host's way out, its default route leaves by eth1"
            )
        );
        assert!(!is_promiscuous(&agent, "eth1"));
        guard.spec_mut().in_use = true;
        guard.make_safe().await.unwrap();
        let report = guard.report().await;
        assert!(report.safe && warnings(&report.checks) == ["host-does-without"]);
    });
}

#[test]
fn a_peer_in_a_hidden_namespace_fails_closed() {
    let Some(mut lab) = Lab::new() else { return };
    let (agent, tenant) = lab.pair("eth1", "c0");
    let held = std::fs::File::open(format!("/run/netns/{tenant}")).unwrap();
    sh(&format!("ip netns del {tenant}"));
    let before = offloads(&agent, "eth1");
    inside(&agent, async || {
        let refusal = guard(Role::Access).make_safe().await.unwrap_err();
        assert_eq!(refusal.code, "peer-unreadable");
        assert!(
            refusal.cure.contains("ethtool -K c0 txvlan off"),
            "{}",
            refusal.cure
        );
    });
    assert_eq!(offloads(&agent, "eth1"), before);
    drop(held);
}

#[test]
fn a_port_that_vanished_is_told_by_recheck_and_by_restore() {
    let Some(mut lab) = Lab::new() else { return };
    let (agent, tenant) = lab.pair("eth1", "c0");
    inside(&agent, async || {
        let mut guard = guard(Role::Access);
        let changes = guard.make_safe().await.unwrap();
        sh(&format!("ip netns del {tenant}"));
        let checks = eventually("the port is gone", async || {
            let checks = guard.recheck().await;
            (failures(&checks) == ["port-readable"]).then_some(checks)
        })
        .await;
        assert_eq!(checks[0].code, Some("no-such-port"));
        // A new interface with the old name is another interface.
        sh(&format!("ip -n {agent} link add eth1 type veth peer name c0"));
        let fresh = offloads(&agent, "eth1");
        let outcome = restore(&Netlink::connect().unwrap(), &changes).await;
        assert!(
            outcome.iter().all(|one| one.outcome == Outcome::Vanished),
            "{outcome:?}"
        );
        assert_eq!(offloads(&agent, "eth1"), fresh);
    });
}

#[test]
fn a_peer_that_moved_and_a_port_that_was_renamed_are_still_put_back() {
    let Some(mut lab) = Lab::new() else { return };
    let (agent, tenant) = lab.pair("eth1", "c0");
    let elsewhere = lab.namespace("elsewhere");
    let before = (offloads(&agent, "eth1"), offloads(&tenant, "c0"));
    inside(&agent, async || {
        let changes = guard(Role::Access).make_safe().await.unwrap();
        sh(&format!(
            "ip -n {tenant} link set c0 netns {elsewhere} && ip -n {elsewhere} link set c0 up"
        ));
        sh(&format!(
            "ip -n {agent} link set eth1 down && ip -n {agent} link set eth1 name uplink1"
        ));
        let outcome = restore(&Netlink::connect().unwrap(), &changes).await;
        assert!(
            outcome.iter().all(|one| one.outcome == Outcome::Restored),
            "{outcome:?}"
        );
    });
    let renamed = |text: String| text.replace("uplink1", "eth1");
    assert_eq!(
        (renamed(offloads(&agent, "uplink1")), offloads(&elsewhere, "c0")),
        before
    );
}

#[test]
fn a_check_is_cheap_enough_for_every_event() {
    let Some(mut lab) = Lab::new() else { return };
    let (agent, _tenant) = lab.pair("eth1", "c0");
    inside(&agent, async || {
        let mut guard = guard(Role::Access);
        guard.make_safe().await.unwrap();
        let mut best = std::time::Duration::MAX;
        for _ in 0..50 {
            let start = Instant::now();
            guard.recheck().await;
            best = best.min(start.elapsed());
        }
        eprintln!("recheck: {best:?}");
        assert!(best < std::time::Duration::from_millis(20), "{best:?}");
    });
}

#[test]
fn changes_are_told_in_the_words_of_ethtool() {
    let Some(mut lab) = Lab::new() else { return };
    let (agent, tenant) = lab.pair("eth1", "c0");
    let told: Vec<String> = inside(&agent, async || {
        let changes = guard(Role::Trunk).make_safe().await.unwrap();
        changes
            .iter()
            .filter(|change| change.asked)
            .map(Change::to_string)
            .collect()
    });
    assert_eq!(told[..2], ["eth1: promisc off -> on", "eth1: rxvlan on -> off"]);
    assert!(
        told.contains(&format!("c0 in namespace {tenant}: txvlan on -> off")),
        "{told:?}"
    );
    assert!(
        told.contains(&format!("c0 in namespace {tenant}: gro off -> on")),
        "{told:?}"
    );
}

#[test]
fn a_report_names_driver_peer_and_namespace() {
    let Some(mut lab) = Lab::new() else { return };
    let (agent, tenant) = lab.pair("eth1", "c0");
    let (report, missing) = inside(&agent, async || {
        let mut guard = guard(Role::Access);
        let report = guard.report().await;
        guard.spec_mut().port = "nosuch0".to_owned();
        (report, guard.report().await)
    });
    assert_eq!(
        (report.driver.as_deref(), report.peer.as_deref()),
        (Some("veth"), Some("c0"))
    );
    assert_eq!((report.peer_namespace, report.safe), (Some(tenant), false));
    assert_eq!((missing.driver, missing.peer, missing.safe), (None, None, false));
    assert_eq!(failures(&missing.checks), ["port-readable"]);
}

#[test]
fn a_check_serialises_with_every_key() {
    let check = Check::ok("link-up", "link up", "up");
    let json = serde_json::to_value(&check).unwrap();
    let expected = serde_json::json!({
        "id": "link-up", "name": "link up", "verdict": "ok", "detail": "up",
        "why": null, "cure": null, "code": null, "sentence": null
    });
    assert_eq!(json, expected);
}
