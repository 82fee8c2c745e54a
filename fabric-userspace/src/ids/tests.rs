use proptest::prelude::*;

use super::*;

fn sizes(n: u32) -> Sizes {
    Sizes {
        ports: n,
        segments: n,
        next_hops: n,
        paths: n,
        bindings: n,
        tunnels: n,
        vsm_places: 64,
    }
}

#[test]
fn places_are_read_back_as_they_were_written() {
    for text in [
        "eth1/10",
        "eth1/untagged",
        "eth1/any",
        "trunk-a:200",
        "pathway:0",
        "@dc2:200",
        "#line-a:dc2:200",
        "&dc2:0",
        "&node-a:1",
        "%line-a:dc2",
    ] {
        assert_eq!(text.parse::<Place>().expect("legal").to_string(), text);
    }
    for bad in [
        "",
        "eth1",
        "eth1/",
        "eth1/4095",
        "/10",
        "trunk-a:",
        "trunk-a:4095",
        ":7",
        "a b:1",
        "@:1",
        "@dc2:4095",
        "#line-a:200",
        "&dc2:2",
        "%:dc2",
    ] {
        assert!(bad.parse::<Place>().is_err(), "{bad:?}");
    }
}

#[test]
fn saved_numbers_come_back_and_are_not_given_out_again() {
    let text = r#"{"node":{"slots":{"eth1":1},"tunnels":{"pathway":2}},"segments":{"acme":{
        "id":1,"hops":{"eth1/10":[1,1,77],"pathway:0":[2,3,18446744073709551615,5,78]},
        "bindings":{"eth1/10":1},"tunnels":{"pathway":1}}}}"#;
    let ids: Ids = serde_json::from_str(text).expect("well-formed");
    assert_eq!(
        ids.segments["acme"].next_hops[&"pathway:0".parse().expect("legal")]
            .path
            .id,
        3
    );
    let again = serde_json::to_string(&ids).expect("plain");
    assert_eq!(serde_json::from_str::<Ids>(&again).expect("own text"), ids);

    let mut pools = Pools::restore(&sizes(8), &ids).expect("no clash");
    assert_eq!(
        (pools.slot(), pools.segment(), pools.next_hop()),
        (Ok(2), Ok(2), Ok(3))
    );
    assert_eq!(
        (pools.path(), pools.path(), pools.binding(), pools.tunnel()),
        (Ok(2), Ok(4), Ok(2), Ok(3)),
        "path 5 is the backup of the other one"
    );
}

#[test]
fn numbers_that_clash_or_lie_outside_are_refused() {
    let mut ids = Ids::default();
    ids.node.slots.insert("eth1".parse().expect("legal"), 3);
    assert!(Pools::restore(&sizes(4), &ids).is_ok());
    assert_eq!(
        Pools::restore(&sizes(3), &ids)
            .expect_err("outside")
            .code
            .as_str(),
        "state-damaged"
    );
    ids.node.slots.insert("eth2".parse().expect("legal"), 3);
    assert!(Pools::restore(&sizes(4), &ids).is_err());
    ids.node.slots.insert("eth2".parse().expect("legal"), 0);
    assert!(Pools::restore(&sizes(4), &ids).is_err());
}

#[test]
fn a_full_table_is_refused_with_its_size() {
    let mut pools = Pools::new(&sizes(3));
    assert_eq!((pools.next_hop(), pools.next_hop()), (Ok(1), Ok(2)));
    let refusal = pools.next_hop().expect_err("full");
    assert_eq!(refusal.code.as_str(), "too-many");
    assert!(
        refusal.sentence.contains("more than 2 next hops"),
        "{}",
        refusal.sentence
    );
    let freed = Freed {
        next_hops: vec![1],
        ..Freed::default()
    };
    pools.release(&freed);
    assert_eq!(pools.next_hop(), Ok(1));
}

proptest! {
    #[test]
    fn a_number_has_one_owner(steps in proptest::collection::vec(any::<Option<u8>>(), 1..400)) {
        let mut pools = Pools::new(&sizes(150));
        let mut held: Vec<u32> = Vec::new();
        for step in steps {
            match step {
                None => match pools.path() {
                    Ok(id) => {
                        prop_assert!(id != 0 && id < 150 && !held.contains(&id));
                        held.push(id);
                    }
                    Err(_) => prop_assert_eq!(held.len(), 149),
                },
                Some(_) if held.is_empty() => {}
                Some(place) => {
                    let id = held.swap_remove(usize::from(place) % held.len());
                    pools.release(&Freed { paths: vec![id], ..Freed::default() });
                }
            }
        }
    }
}

/// A member is a machine at a port: the word that says who is in charge means places, and must not mean another one unawares.
#[test]
fn a_place_is_given_on_when_another_machine_gets_it() {
    let name = |text: &str| Name::new(text).expect("a name");
    let port = |text: &str| IfName::new(text).expect("an interface");
    let here = |members: &[(&str, u8, &str)]| VsmIds {
        id: 3,
        members: members
            .iter()
            .map(|(member, at, _)| (name(member), *at))
            .collect(),
        ports: members
            .iter()
            .map(|(member, _, at)| (name(member), port(at)))
            .collect(),
        nodes: BTreeMap::new(),
    };
    let before = here(&[("a", 0, "eth2"), ("b", 1, "eth3")]);
    let given_on = |next: &VsmIds| before.given_on(next).collect::<Vec<_>>();
    assert!(given_on(&before).is_empty());
    assert_eq!(given_on(&here(&[("a", 1, "eth2"), ("b", 0, "eth3")])), [0, 1]);
    assert_eq!(given_on(&here(&[("a", 0, "eth4"), ("b", 1, "eth3")])), [0]);
    assert_eq!(given_on(&here(&[("a", 0, "eth2"), ("c", 1, "eth3")])), [1]);
    assert_eq!(given_on(&here(&[("b", 1, "eth3")])), [0]);
    // At the same port of another node.
    let mut away = before.clone();
    away.nodes.insert(name("b"), name("edge2"));
    assert_eq!(given_on(&away), [1]);
    // Files from before ports were noted say nothing of them.
    let mut old = before.clone();
    old.ports.clear();
    assert_eq!(old.given_on(&away).count(), 0);
}

#[test]
fn entries_of_a_port_that_is_gone_name_its_slot() {
    let mut records = Records::default();
    let door = fabric_common::maps::access_index(3, 20);
    records.access.insert(door, Binding::new(5, 0, 7, 0, 9, 20));
    assert_eq!(Freed::named_by(&records).slots, [3]);
}
