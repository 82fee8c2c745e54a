//! What a network card may keep to itself.

use super::{changed, found};
use crate::ethtool::{Feature, Features};
use crate::safety::Role;
use crate::safety::Verdict::{Fail, Ok};
use crate::safety::facts::PortFacts;
use crate::safety::rules::judge;
use crate::safety::testing::{features, troubles};

fn detail(facts: &PortFacts) -> Option<String> {
    let mut checks = judge(facts).into_iter();
    let check = checks.find(|check| check.id == "takes-every-frame")?;
    assert_eq!(check.verdict, Ok);
    Some(check.detail)
}

fn with_filter(filter: Feature) -> PortFacts {
    changed(|facts| facts.features = Features::new(vec![("rx-vlan-filter".to_owned(), filter)]))
}

#[test]
fn both_filters_are_told_with_one_command() {
    let facts = changed(|facts| {
        facts.link.promiscuous = false;
        facts.features = features(&["rx-vlan-filter", "rx-vlan-stag-filter"]);
    });
    let check = troubles(&facts).remove(0);
    assert_eq!(
        check.sentence.unwrap(),
        "eth1 may drop frames before the fabric sees them, promisc off, rx-vlan-filter on, rx-vlan-stag-filter on"
    );
    assert_eq!(
        check.cure.unwrap(),
        "ip link set eth1 promisc on && ethtool -K eth1 rx-vlan-filter off rx-vlan-stag-filter off"
    );
}

#[test]
fn a_filter_that_cannot_be_turned_off_lets_all_in_on_a_promiscuous_port() {
    let fixed = with_filter(Feature {
        changeable: false,
        wanted: true,
        active: true,
    });
    assert_eq!(
        detail(&fixed).unwrap(),
        "promisc on; rx-vlan-filter on [fixed], which leaves it alone"
    );
    let kept = with_filter(Feature {
        changeable: true,
        wanted: false,
        active: true,
    });
    assert_eq!(
        detail(&kept).unwrap(),
        "promisc on; rx-vlan-filter on, which leaves it alone"
    );
}

#[test]
fn an_underlay_port_is_addressed_by_its_own_mac_but_in_a_vlan() {
    let underlay = |on: &[&str]| {
        let mut facts = changed(|facts| facts.features = features(on));
        (facts.role, facts.link.promiscuous) = (Role::Underlay, false);
        facts
    };
    assert_eq!(detail(&underlay(&[])), None);
    assert_eq!(found(&underlay(&[])), []);
    assert_eq!(
        found(&underlay(&["rx-vlan-filter"])),
        [("takes-every-frame", Fail, "frames-filtered")]
    );
}
