use serde_json::json;

use super::*;
use crate::error::codes;
use crate::topology::Islands;

fn island_names(valid: &Valid) -> Vec<Vec<&str>> {
    let islands = Islands::of(valid.tree(), valid.nodes(), valid.links());
    let mut by_island = std::collections::BTreeMap::<usize, Vec<&str>>::new();
    for (at, node) in valid.nodes().iter().enumerate() {
        by_island
            .entry(islands.island(NodeIx::new(at)))
            .or_default()
            .push(node.name.as_str());
    }
    by_island.into_values().collect()
}

fn trunk(name: &str, a: &str, b: &str) -> Value {
    json!({"name": name, "kind": "trunk", "ends": [{"node": a, "port": format!("t-{name}")}, {"node": b, "port": format!("t-{name}")}]})
}

#[test]
fn lines_inside_a_datacenter_make_its_island_and_those_between_do_not() {
    for figure in [FIGURE_2, FIGURE_3] {
        let valid = valid_in(figure, |_| ());
        let islands = island_names(&valid);
        assert_eq!(islands.len(), 3, "{islands:?}");
        assert!(islands.iter().all(|island| island.len() <= 2), "{islands:?}");
        let kinds: Vec<_> = valid
            .links()
            .iter()
            .map(|link| (link.is_tree_link(valid.nodes()), link.is_label_link()))
            .collect();
        assert_eq!(
            kinds,
            [
                (true, true),
                (true, true),
                (false, true),
                (false, true),
                (false, true)
            ]
        );
    }
}

/// A trunk joins the datacenters of 124 and 222, each of which has a line to the third.
fn one_island(json: &mut Value) {
    json["tenants"][2] = json!({"name": "none"});
    set(json, "/links/2", trunk("224", "124", "222"));
}

fn without_line(name: &str, json: &mut Value) {
    let links = json["links"].as_array_mut().expect("links");
    links.retain(|link| link["name"] != name);
}

#[test]
fn a_trunk_between_datacenters_makes_one_island_of_them_and_needs_no_labels() {
    let valid = valid_in(FIGURE_2, |json| {
        one_island(json);
        without_line("228", json);
    });
    assert_eq!(
        island_names(&valid),
        [vec!["116", "124", "212", "222"], vec!["220"]]
    );
    let pairs: Vec<_> = valid.segments()[0]
        .labels
        .iter()
        .map(|pair| (pair.to.index(), pair.from.index()))
        .collect();
    assert_eq!(pairs, [(0, 2), (1, 2), (2, 0), (2, 1)]);
}

/// A trunk says nothing of where a frame for everybody came from, so where it comes in it must be able to leave again.
#[test]
fn frames_from_other_datacenters_come_in_where_labels_lead_to_one_node() {
    let only_first = |json: &mut Value| {
        one_island(json);
        json["tenants"].as_array_mut().expect("tenants").truncate(1);
    };
    let refused = |edit: &dyn Fn(&mut Value)| {
        only_problem_in(
            FIGURE_2,
            |json| {
                only_first(json);
                edit(json);
            },
            codes::SPLIT_BORDER,
            "tenants[0].segments[0] may enter datacenter mtdc-200 at 222, from where no label link leads to 124: what is \
             for everybody would be sent back from there",
        );
    };
    refused(&|_| ());
    // A second link between them that carries labels.
    let join = |json: &mut Value| {
        let ends = json!([{"node": "124", "port": "u0", "address": "192.0.2.1"}, {"node": "222", "port": "u0", "address": "192.0.2.2"}]);
        set(
            json,
            "/links/-",
            json!({"name": "join", "kind": "mpls-udp", "ends": ends}),
        );
    };
    valid_in(FIGURE_2, |json| {
        only_first(json);
        join(json);
    });
    refused(&|json| {
        join(json);
        set(json, "/links/5/down", true.into());
    });
    // Nothing comes in by a line that is out of service.
    valid_in(FIGURE_2, |json| {
        only_first(json);
        set(json, "/links/4/down", true.into());
    });
}

#[test]
fn the_golden_labels_are_chosen_where_none_are_given() {
    let valid = valid_in(FIGURE_2, |json| {
        for segment in [0, 1] {
            json["tenants"][2]["segments"][segment]
                .as_object_mut()
                .expect("a segment")
                .remove("labels");
        }
    });
    let [one, two] = [0, 1].map(DatacenterIx::new);
    let golden = |name: &str| {
        let segment = valid
            .segments()
            .iter()
            .find(|segment| segment.name.as_str() == name)
            .expect("there");
        let label = |to, from| segment.label(to, from).map(crate::model::Label::get);
        (label(one, two), label(two, one), label(one, one))
    };
    assert_eq!(golden("initech"), (Some(1020), Some(2020), None));
    assert_eq!(golden("initech-v30"), (Some(1021), Some(2021), None));
}

#[test]
fn a_datacenter_that_no_label_leads_to_is_refused() {
    only_problem_in(
        FIGURE_2,
        |json| {
            json["tenants"].as_array_mut().expect("tenants").remove(1);
            json["links"].as_array_mut().expect("links").truncate(3);
        },
        codes::UNREACHABLE,
        "tenants[0].segments[0] spans 116 and 220, and no chain of links joins them",
    );
}

#[test]
fn a_datacenter_tag_does_not_cross_links_that_carry_no_labels() {
    // 222 - 212 by trunk: what comes by 224 for 250 would have to leave by another node.
    let change = |json: &mut Value| {
        json["tenants"].as_array_mut().expect("tenants").truncate(1);
        set(json, "/tenants/0/segments/0/attachments/1/node", "116".into());
        set(json, "/tenants/0/segments/0/attachments/1/port", "eth9".into());
        set(json, "/links/4/ends/0/node", "212".into());
        json["links"].as_array_mut().expect("links").remove(3);
    };
    valid_in(FIGURE_2, change);
    only_problem_in(
        FIGURE_2,
        |json| {
            change(json);
            set(json, "/links/1", trunk("lan-200", "212", "222"));
        },
        codes::UNREACHABLE,
        "tenants[0].segments[0] spans 116 and 220, and no chain of links joins them",
    );
}

#[test]
fn nodes_of_one_datacenter_need_links_that_carry_frames_by_segment() {
    only_problem_in(
        FIGURE_3,
        |json| {
            json["tenants"].as_array_mut().expect("tenants").truncate(1);
            json["links"].as_array_mut().expect("links").remove(0);
            set(
                json,
                "/tenants/0/segments/0/attachments/-",
                json!({"node": "300", "port": "eth1", "vlan": 10}),
            );
            let ends = json!([{"node": "116", "port": "u0", "address": "192.0.2.1"}, {"node": "300", "port": "u0", "address": "192.0.2.2"}]);
            set(
                json,
                "/links/-",
                json!({"name": "udp-100", "kind": "mpls-udp", "ends": ends}),
            );
        },
        codes::SPLIT_DATACENTER,
        "tenants[0].segments[0] spans 116 and 300, both of datacenter mtdc-100, and only datacenter tags lead from \
         one to the other",
    );
}

#[test]
fn a_link_that_is_down_still_counts_as_a_way() {
    let valid = valid_in(FIGURE_2, |json| {
        for link in 0..5 {
            set(json, &format!("/links/{link}/down"), true.into());
        }
    });
    assert!(valid.links().iter().all(|link| link.down));
    assert_eq!(island_names(&valid), island_names(&valid_in(FIGURE_2, |_| ())));
}

#[test]
fn global_vids_are_nobody_elses() {
    let range = |value: &'static str| move |json: &mut Value| json["global_vids"] = value.into();
    only_problem_in(
        FIGURE_2,
        range("3999-4094"),
        codes::RANGE_OVERLAP,
        "global_vids is 3999-4094, which overlaps 3000-3999, the C-VIDs of datacenter mtdc-250",
    );
    only_problem_in(
        FIGURE_2,
        range("99-100"),
        codes::RANGE_OVERLAP,
        "global_vids is 99-100, which overlaps 100-1099, the S-VIDs of datacenter mtdc-100",
    );
    valid_in(FIGURE_2, range("4000-4094"));
}

#[test]
fn figure_3_resolves_both_families_and_the_transport_labels() {
    let valid = valid_in(FIGURE_3, |_| ());
    let of = |name: &str| {
        valid
            .links()
            .iter()
            .find(|link| link.name.as_str() == name)
            .expect("there")
    };
    let router = valid.find_node("302").expect("there");
    let addresses = |name: &str| {
        of(name)
            .addresses_at(router)
            .map(|(own, far)| format!("{own} -> {far}"))
    };
    assert_eq!(addresses("306").as_deref(), Some("198.51.100.2 -> 198.51.100.1"));
    assert_eq!(
        addresses("308").as_deref(),
        Some("2001:db8:308::2 -> 2001:db8:308::1")
    );
    assert_eq!(addresses("lan-200"), None);
    let Carries::MplsUdp {
        udp_port,
        transport_label,
        vlan,
        ..
    } = &of("306").carries
    else {
        panic!("not mpls-udp")
    };
    assert_eq!(
        (
            udp_port.get(),
            transport_label.map(crate::model::Label::get),
            *vlan
        ),
        (6635, Some(30600), None)
    );
    let roles: Vec<_> = valid.node(router).ports.values().map(|port| port.role).collect();
    assert_eq!(
        roles,
        [
            Some(PortRole::Underlay),
            Some(PortRole::Underlay),
            Some(PortRole::Pseudowire)
        ]
    );
}
