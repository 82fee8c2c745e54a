//! What the links out of a port must carry.

use super::{changed, found};
use crate::safety::LineLimit;
use crate::safety::Verdict::Fail;
use crate::safety::facts::{EgressFacts, EgressLink};
use crate::safety::rules::judge;
use crate::safety::testing::{egress, need, peer, troubles};

#[test]
fn the_byte_budget_tells_its_arithmetic() {
    let check = troubles(&changed(|facts| facts.egresses = vec![egress(1500)])).remove(0);
    assert_eq!(
        check.sentence.unwrap(),
        "trunk0 cannot carry acme's frames: 1518 + S 4 + C 4 = 1526 bytes, trunk0 sends at most 1518 (MTU 1500 + 18)"
    );
    assert_eq!(
        check.cure.unwrap(),
        "ip link set trunk0 mtu 1508        (tenants up to MTU 1492 would fit)"
    );
    assert_eq!(
        (check.code, check.detail.as_str()),
        (
            Some("mtu-too-small"),
            "trunk0: 8 bytes missing, 1518 + S 4 + C 4 = 1526 bytes"
        )
    );
}

#[test]
fn the_tightest_egress_speaks_when_all_have_room() {
    let facts = changed(|facts| facts.egresses = vec![egress(1600), egress(1508), egress(9000)]);
    let check = judge(&facts)
        .into_iter()
        .find(|check| check.id == "mtu-budget")
        .unwrap();
    assert_eq!(
        (check.name.as_str(), check.detail.as_str()),
        ("MTU 1500, spare on every egress", "least: trunk0, 0 bytes")
    );
}

#[test]
fn budgets_of_golden_section_9() {
    let vxlan = [("VXLAN", 8), ("UDP", 8), ("IPv4", 20), ("Ethernet", 14)];
    let tagged = [
        ("VXLAN", 8),
        ("UDP", 8),
        ("IPv4", 20),
        ("Ethernet", 14),
        ("VLAN 100", 4),
    ];
    let pseudowire = [
        ("S", 4),
        ("C", 4),
        ("control word", 4),
        ("label", 4),
        ("Ethernet", 14),
    ];
    // (what, total bytes, largest MTU that is too small)
    let table = [
        ("delivery", need("eth5", &[], true), 1518, 1499),
        ("S + C", need("trunk0", &[("S", 4), ("C", 4)], true), 1526, 1507),
        ("datacenter tag", need("trunk0", &pseudowire, false), 1548, 1533),
        ("VXLAN", need("eth2", &vxlan, false), 1568, 1553),
        ("VXLAN in a VLAN", need("eth2", &tagged, true), 1572, 1553),
    ];
    for (what, need, total, short) in table {
        assert_eq!(need.total_bytes(), total, "{what}");
        let at = |mtu| EgressFacts {
            need: need.clone(),
            link: Some(EgressLink { mtu, peer: None }),
        };
        let verdict = |mtu| found(&changed(|facts| facts.egresses = vec![at(mtu)]));
        assert_eq!(verdict(short), [("mtu-budget", Fail, "mtu-too-small")], "{what}");
        assert_eq!(verdict(short + 1), [], "{what}");
    }
}

#[test]
fn a_veth_egress_is_as_narrow_as_its_peer() {
    let mut narrow = egress(1508);
    narrow.link.as_mut().unwrap().peer = Some(peer());
    let check = troubles(&changed(|facts| facts.egresses = vec![narrow])).remove(0);
    assert!(
        check
            .sentence
            .unwrap()
            .ends_with("its peer c0 in namespace tenant-a takes at most 1518 (MTU 1500 + 18)")
    );
    assert_eq!(
        check.cure.unwrap(),
        "ip netns exec tenant-a ip link set c0 mtu 1508        (tenants up to MTU 1492 would fit)"
    );
}

#[test]
fn a_line_may_take_less_than_its_port() {
    let mut narrow = egress(9000);
    narrow.need.line = Some(LineLimit {
        link: "west".to_owned(),
        mtu: 1500,
    });
    let check = troubles(&changed(|facts| facts.egresses = vec![narrow.clone()])).remove(0);
    assert_eq!(
        check.sentence.unwrap(),
        "trunk0 cannot carry acme's frames: 1518 + S 4 + C 4 = 1526 bytes, link west takes at most 1518 (MTU 1500 + 18)"
    );
    assert_eq!(
        check.cure.unwrap(),
        "use a line that takes packets of 1508 bytes, and write that as \"mtu\" of west        (tenants up to MTU 1492 would fit)"
    );
    narrow.need.line.as_mut().unwrap().mtu = 1508;
    assert_eq!(found(&changed(|facts| facts.egresses = vec![narrow])), []);
}

#[test]
fn an_egress_that_does_not_exist_fails() {
    let gone = EgressFacts {
        link: None,
        ..egress(1508)
    };
    assert_eq!(
        found(&changed(|facts| facts.egresses = vec![egress(1508), gone])),
        [("mtu-budget", Fail, "no-such-port")]
    );
    assert_eq!(found(&changed(|facts| facts.egresses.clear())), []);
}
