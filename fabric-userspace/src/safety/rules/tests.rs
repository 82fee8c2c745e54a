//! Every rule on literal facts.

mod attach;
mod budget;
mod filter;

use super::judge;
use crate::ethtool::{Feature, Features};
use crate::netlink::{HostUse, Peer, XdpMode};
use crate::safety::Verdict::{Fail, Ok, Warn};
use crate::safety::cure::wishes;
use crate::safety::facts::{KernelRelease, PeerFacts, PortFacts};
use crate::safety::testing::{features, peer, safe_port, troubles, with_peer_features, with_program};
use crate::safety::{Role, Verdict};

const ALL_PEER: [&str; 5] = [
    "tx-vlan-hw-insert",
    "tx-vlan-stag-hw-insert",
    "tx-checksum-ip-generic",
    "tx-checksum-sctp",
    "rx-gro",
];

/// (id, verdict, code) of every check that is not ok.
fn found(facts: &PortFacts) -> Vec<(&'static str, Verdict, &'static str)> {
    troubles(facts)
        .into_iter()
        .map(|check| (check.id, check.verdict, check.code.unwrap()))
        .inspect(|(.., code)| {
            assert!(crate::error::codes::explain(code).is_some(), "fabric help {code}");
        })
        .collect()
}

fn changed(change: impl FnOnce(&mut PortFacts)) -> PortFacts {
    let mut facts = safe_port();
    change(&mut facts);
    facts
}

fn with_peer(change: impl FnOnce(&mut Peer), on: &[&str]) -> PortFacts {
    let mut peer = peer();
    change(&mut peer);
    PortFacts {
        peer: PeerFacts::Known {
            peer,
            features: features(on),
        },
        ..safe_port()
    }
}

fn host_of(default_route: Option<&str>) -> HostUse {
    HostUse {
        addresses: vec![([192, 0, 2, 1].into(), "br0".to_owned())],
        default_route: default_route.map(str::to_owned),
        has_other_way: false,
    }
}

fn refuse_redirects(facts: &mut PortFacts) {
    if let Some(xdp) = &mut facts.xdp_features {
        xdp.receives_redirects = false;
    }
}

#[test]
fn a_port_without_a_peer_that_is_up_may_refuse_redirects() {
    let mut facts = with_peer(|peer| peer.link.up = false, &["rx-gro"]);
    refuse_redirects(&mut facts);
    assert_eq!(found(&facts).iter().filter(|one| one.1 == Fail).count(), 0);
}

#[test]
fn a_veth_with_too_few_queues_is_not_told_to_turn_gro_off_and_on() {
    let facts = changed(|facts| facts.xdp_features = Some(0.into()));
    assert_eq!(found(&facts), [("native-xdp", Warn, "no-native-xdp")]);
    assert_eq!(wishes(&facts), []);
}

#[test]
fn a_safe_port_passes_every_check() {
    let checks = judge(&safe_port());
    let ids: Vec<_> = checks.iter().map(|check| check.id).collect();
    assert_eq!(
        ids,
        [
            "native-xdp",
            "no-other-program",
            "vlan-tags-visible",
            "takes-every-frame",
            "peer-receives-redirects",
            "tcp-checksums",
            "mtu-budget",
            "ifindex",
            "link-up"
        ]
    );
    for check in checks {
        assert_eq!(
            (check.verdict, check.why, check.cure, check.code, check.sentence),
            (Ok, None, None, None, None)
        );
    }
}

#[test]
fn each_trouble_is_found_alone() {
    let gro = &["rx-gro"];
    let table = [
        (
            "peer hides C-tags",
            with_peer_features(&["rx-gro", "tx-vlan-hw-insert"]),
            vec![("vlan-tags-visible", Fail, "vlan-tags-hidden")],
        ),
        (
            "peer hides S-tags",
            with_peer_features(&["rx-gro", "tx-vlan-stag-hw-insert"]),
            vec![("vlan-tags-visible", Fail, "vlan-tags-hidden")],
        ),
        (
            "port hides tags",
            changed(|facts| facts.features = features(&["rx-vlan-hw-parse"])),
            vec![("vlan-tags-visible", Fail, "vlan-tags-hidden")],
        ),
        (
            "peer cannot receive",
            with_peer_features(&[]),
            vec![("peer-receives-redirects", Fail, "peer-cannot-receive")],
        ),
        (
            "port has not noticed its peer's GRO",
            changed(refuse_redirects),
            vec![("peer-receives-redirects", Fail, "peer-cannot-receive")],
        ),
        (
            "peer leaves TCP checksums",
            with_peer_features(&["rx-gro", "tx-checksum-ip-generic"]),
            vec![("tcp-checksums", Warn, "checksum-offload")],
        ),
        (
            "peer leaves SCTP checksums",
            with_peer_features(&["rx-gro", "tx-checksum-sctp"]),
            vec![("tcp-checksums", Warn, "checksum-offload")],
        ),
        (
            "lro",
            changed(|facts| facts.features = features(&["rx-lro"])),
            vec![("receive-aggregation", Fail, "receive-aggregation")],
        ),
        (
            "gro_hw",
            changed(|facts| facts.features = features(&["rx-gro-hw"])),
            vec![("receive-aggregation", Fail, "receive-aggregation")],
        ),
        (
            "not promiscuous",
            changed(|facts| facts.link.promiscuous = false),
            vec![("takes-every-frame", Fail, "frames-filtered")],
        ),
        (
            "C-VLAN filter",
            changed(|facts| facts.features = features(&["rx-vlan-filter"])),
            vec![("takes-every-frame", Fail, "frames-filtered")],
        ),
        (
            "S-VLAN filter",
            changed(|facts| facts.features = features(&["rx-vlan-stag-filter"])),
            vec![("takes-every-frame", Fail, "frames-filtered")],
        ),
        (
            "foreign program",
            with_program(XdpMode::Native, 18),
            vec![("no-other-program", Fail, "xdp-program-present")],
        ),
        (
            "another agent's",
            changed(|facts| {
                facts.link.xdp = with_program(XdpMode::Native, 18).link.xdp;
                facts.foreign_program = Some("fabric_pseudowi".to_owned());
            }),
            vec![("no-other-program", Fail, "xdp-program-present")],
        ),
        (
            "ours, but generic",
            with_program(XdpMode::Generic, 17),
            vec![("no-other-program", Fail, "xdp-program-present")],
        ),
        ("ours", with_program(XdpMode::Native, 17), vec![]),
        (
            "ours is gone",
            changed(|facts| (facts.attached, facts.link.xdp) = (true, None)),
            vec![("no-other-program", Fail, "program-missing")],
        ),
        (
            "ifindex",
            changed(|facts| facts.link.ifindex = 65_536),
            vec![("ifindex", Fail, "ifindex-too-large")],
        ),
        (
            "largest ifindex",
            changed(|facts| facts.link.ifindex = 65_535),
            vec![],
        ),
        (
            "down",
            changed(|facts| (facts.link.up, facts.link.running) = (false, false)),
            vec![("link-up", Warn, "port-down")],
        ),
        (
            "no carrier",
            changed(|facts| facts.link.running = false),
            vec![("link-up", Warn, "port-down")],
        ),
        ("peer down", with_peer(|peer| peer.link.up = false, gro), vec![]),
        (
            "member",
            changed(|facts| facts.master = Some("br0".to_owned())),
            vec![("no-master", Warn, "port-has-master")],
        ),
        (
            "the host's address",
            changed(|facts| facts.host = host_of(None)),
            vec![("host-does-without", Warn, "port-of-host")],
        ),
        (
            "the host's way out",
            changed(|facts| facts.host = host_of(Some("br0"))),
            vec![("host-does-without", Fail, "port-of-host")],
        ),
        (
            "the host's way out, in use",
            changed(|facts| (facts.host, facts.in_use) = (host_of(Some("br0")), true)),
            vec![("host-does-without", Warn, "port-of-host")],
        ),
        (
            "the host's way out, by which it reaches its VTEPs",
            changed(|facts| (facts.host, facts.role) = (host_of(Some("eth1")), Role::Underlay)),
            vec![],
        ),
    ];
    for (what, facts, expected) in table {
        assert_eq!(found(&facts), expected, "{what}");
    }
}

#[test]
fn hidden_tags_are_told_with_the_command_for_the_peers_namespace() {
    let check = troubles(&with_peer_features(&ALL_PEER))
        .into_iter()
        .find(|check| check.verdict == Fail)
        .unwrap();
    assert_eq!(
        check.detail,
        "peer c0 hides them: txvlan on, tx-vlan-stag-hw-insert on"
    );
    assert_eq!(
        check.why.unwrap(),
        "a hidden outer tag is lost on redirect, the frame would leave untagged"
    );
    assert_eq!(
        check.cure.unwrap(),
        "ip netns exec tenant-a ethtool -K c0 txvlan off tx-vlan-stag-hw-insert off"
    );
    let warning = troubles(&with_peer_features(&ALL_PEER))
        .into_iter()
        .find(|check| check.verdict == Warn)
        .unwrap();
    assert_eq!(warning.detail, "peer c0: tx on; ping works, TCP will not");
    assert_eq!(
        warning.cure.unwrap(),
        "ip netns exec tenant-a ethtool -K c0 tx off"
    );
}

#[test]
fn both_ends_that_hide_tags_are_cured_in_one_line() {
    let facts = PortFacts {
        features: features(&["rx-vlan-hw-parse"]),
        ..with_peer_features(&["rx-gro", "tx-vlan-hw-insert"])
    };
    let cure = troubles(&facts).remove(0).cure.unwrap();
    assert_eq!(
        cure,
        "ethtool -K eth1 rxvlan off && ip netns exec tenant-a ethtool -K c0 txvlan off"
    );
}

#[test]
fn a_fixed_offload_is_told_as_fixed() {
    let fixed = Feature {
        changeable: false,
        wanted: false,
        active: true,
    };
    let facts = changed(|facts| facts.features = Features::new(vec![("rx-vlan-hw-parse".to_owned(), fixed)]));
    assert_eq!(
        troubles(&facts).remove(0).detail,
        "eth1 hides them: rxvlan on [fixed]"
    );
}

#[test]
fn a_wanted_offload_that_sleeps_counts_as_on() {
    let sleeping = Feature {
        changeable: true,
        wanted: true,
        active: false,
    };
    let facts =
        changed(|facts| facts.features = Features::new(vec![("rx-vlan-hw-parse".to_owned(), sleeping)]));
    assert_eq!(found(&facts), [("vlan-tags-visible", Fail, "vlan-tags-hidden")]);
}

#[test]
fn checksums_matter_where_hosts_are_at_the_other_end() {
    let facts = |role| PortFacts {
        role,
        ..with_peer_features(&["rx-gro", "tx-checksum-ip-generic"])
    };
    assert_eq!(
        found(&facts(Role::Access)),
        [("tcp-checksums", Warn, "checksum-offload")]
    );
    assert_eq!(
        found(&facts(Role::Underlay)),
        [("tcp-checksums", Warn, "checksum-offload")]
    );
    assert_eq!(found(&facts(Role::Trunk)), []);
}

#[test]
fn a_native_program_at_the_peer_serves_in_place_of_gro() {
    let program = |mode| {
        with_peer(
            |peer| peer.link.xdp = Some(crate::netlink::XdpProgram { mode, id: 5 }),
            &[],
        )
    };
    assert_eq!(found(&program(XdpMode::Native)), []);
    assert_eq!(
        found(&program(XdpMode::Generic)),
        [("peer-receives-redirects", Fail, "peer-cannot-receive")]
    );
}

#[test]
fn a_peer_that_cannot_be_read_fails_closed_with_the_command() {
    let hidden = Peer {
        place: None,
        ..peer()
    };
    let reason = "no name under /run/netns and no process leads there".to_owned();
    let facts = changed(|facts| facts.peer = PeerFacts::Unreadable { peer: hidden, reason });
    let check = troubles(&facts).remove(0);
    assert_eq!(
        (check.id, check.verdict, check.code),
        ("vlan-tags-visible", Fail, Some("peer-unreadable"))
    );
    assert!(
        check
            .cure
            .unwrap()
            .starts_with("ethtool -K c0 txvlan off tx-vlan-stag-hw-insert off tx off gro on ")
    );
    assert!(
        check
            .sentence
            .unwrap()
            .starts_with("eth1 cannot be made safe, peer c0 in the unnamed namespace with nsid 0")
    );
}

#[test]
fn kernel_releases_are_read_and_compared() {
    let release = |text| KernelRelease::parse(text);
    assert_eq!(
        release("6.18.44-fc-v669"),
        Some(KernelRelease { major: 6, minor: 18 })
    );
    assert_eq!(
        release("6.1.0-9-amd64"),
        Some(KernelRelease { major: 6, minor: 1 })
    );
    assert_eq!(release("7.2-rc1"), Some(KernelRelease { major: 7, minor: 2 }));
    assert_eq!(release("unknown"), None);
    assert!(release("6.1.176") < Some(KernelRelease::REDIRECTS_FRAGS));
    assert!(release("7.0.1") > Some(KernelRelease::REDIRECTS_FRAGS));
}

#[test]
fn a_tenants_interface_name_is_one_word_of_a_command() {
    let facts = with_peer(
        |peer| peer.link.name = "x;id>&2;'$(id)".to_owned(),
        &["tx-vlan-hw-insert"],
    );
    let cures: Vec<_> = judge(&facts).into_iter().filter_map(|check| check.cure).collect();
    assert!(!cures.is_empty());
    for cure in cures {
        assert!(cure.contains(r"ethtool -K 'x;id>&2;'\''$(id)' "), "{cure}");
    }
}
