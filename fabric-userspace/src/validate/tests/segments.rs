use serde_json::json;

use super::*;
use crate::error::codes;

#[test]
fn a_port_and_vlan_belong_to_one_segment() {
    only_problem(
        "/tenants/1/segments/1/attachments/0/port",
        "eth1".into(),
        codes::ATTACHMENT_TAKEN,
        "tenants[1].segments[1].attachments[0] claims eth1 vlan 10, which belongs to tenant acme (segment acme-v10) already",
    );
}

#[test]
fn the_same_port_and_vlan_of_another_node_are_free() {
    let mut document = figure_1();
    document.tenants[2].segments[0].attachments[0].port = "t1".parse().expect("legal");
    document.tenants[2].segments[0].attachments[0].vlan =
        crate::model::Vlan::Tagged("10".parse().expect("legal"));
    assert_eq!(validate(document).err(), None);
}

#[test]
fn any_excludes_every_other_attachment_of_the_port() {
    only_problem(
        "/tenants/2/segments/0/attachments/0",
        json!({"node": "edge1", "port": "eth2", "vlan": "any"}),
        codes::ATTACHMENT_EXCLUDED,
        "tenants[2].segments[0].attachments[0] claims eth2 any, but eth2 untagged belongs to tenant globex (segment globex)",
    );
    let problems = broken(|json| {
        set(json, "/tenants/2/segments/0/attachments/0/vlan", "any".into());
        let end = json!({"node": "edge1", "port": "eth3", "vlan": 30});
        set(
            json,
            "/tenants/2/segments/-",
            json!({"name": "initech-v30", "attachments": [end]}),
        );
    });
    assert_eq!(
        problems.iter().map(ToString::to_string).collect::<Vec<_>>(),
        [
            "tenants[2].segments[1].attachments[0] claims eth3 vlan 30, but eth3 any belongs to tenant initech (segment initech)"
        ]
    );
}

#[test]
fn all_attachments_of_a_segment_have_one_own_vlan() {
    only_problem(
        "/tenants/0/segments/1/attachments/1/vlan",
        20.into(),
        codes::VLAN_MISMATCH,
        "tenants[0].segments[1].attachments[1].vlan is 20, but the segment's first attachment has 10",
    );
    only_problem(
        "/tenants/2/segments/0/attachments/-",
        json!({"node": "edge2", "port": "eth3", "vlan": "any"}),
        codes::VLAN_MISMATCH,
        "tenants[2].segments[0].attachments[1].vlan is \"any\", but the segment's first attachment has \"untagged\"",
    );
}

#[test]
fn a_station_has_an_individual_address() {
    for (mac, what) in [
        ("57:89:6f:88:9d:c7", "a group address"),
        ("ff:ff:ff:ff:ff:ff", "a group address"),
        ("00:00:00:00:00:00", "no address"),
    ] {
        only_problem(
            "/tenants/0/segments/0/attachments/0/stations/0/mac",
            mac.into(),
            codes::BAD_MAC,
            &format!(
                "tenants[0].segments[0].attachments[0].stations[0].mac is {mac}, {what}; a station has an individual one"
            ),
        );
    }
}

#[test]
fn a_station_stands_at_one_place_of_its_segment() {
    only_problem(
        "/tenants/0/segments/0/attachments/1/stations/0/mac",
        "56:89:6f:88:9d:c7".into(),
        codes::DUPLICATE_STATION,
        "tenants[0].segments[0].attachments[1].stations[0].mac is 56:89:6f:88:9d:c7, which stands at \
         tenants[0].segments[0].attachments[0].stations[0] already",
    );
    only_problem(
        "/tenants/2/segments/0/remotes/0/stations/0/mac",
        "f2:98:19:ab:55:b4".into(),
        codes::DUPLICATE_STATION,
        "tenants[2].segments[0].remotes[0].stations[0].mac is f2:98:19:ab:55:b4, which stands at \
         tenants[2].segments[0].attachments[0].stations[0] already",
    );
}

#[test]
fn stations_at_foreign_vteps_are_checked_like_others() {
    only_problem(
        "/tenants/2/segments/0/remotes/0/stations/0/mac",
        "09:19:20:07:05:0d".into(),
        codes::BAD_MAC,
        "tenants[2].segments[0].remotes[0].stations[0].mac is 09:19:20:07:05:0d, a group address; a station has an \
         individual one",
    );
}

#[test]
fn a_remote_leads_out_of_the_fabric() {
    only_problem(
        "/tenants/2/segments/0/remotes/0/link",
        "trunk0".into(),
        codes::BAD_REMOTE,
        "tenants[2].segments[0].remotes[0].link is trunk0, which leads to another node and not to a foreign VTEP",
    );
}

#[test]
fn a_remote_is_named_once_a_segment() {
    only_problem(
        "/tenants/2/segments/0/remotes/-",
        json!({"link": "pathway"}),
        codes::DUPLICATE_NAME,
        "tenants[2].segments[0].remotes[1].link is pathway, which is the name of an earlier remote of \
         tenants[2].segments[0] already",
    );
}

#[test]
fn a_segment_leaves_the_fabric_at_one_node() {
    let problems = broken(|json| {
        let ends = json!([{"node": "edge2", "port": "u0", "address": "192.0.2.5"}, {"address": "192.0.2.6"}]);
        set(
            json,
            "/links/-",
            json!({"name": "other", "kind": "vxlan", "ends": ends}),
        );
        set(json, "/tenants/2/segments/0/remotes/-", json!({"link": "other"}));
    });
    assert_eq!(
        problems.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["tenants[2].segments[0].remotes leave the fabric at more than one node, which would make a loop"]
    );
    assert_eq!(problems[0].code, codes::TWO_GATEWAYS);
}

#[test]
fn members_that_no_links_join_are_refused_as_unreachable() {
    let problems = broken(|json| {
        json["links"].as_array_mut().expect("a list").remove(0);
    });
    let lost: Vec<_> = problems.iter().map(|problem| problem.path.as_str()).collect();
    assert_eq!(
        lost,
        [
            "tenants[0].segments[0]",
            "tenants[0].segments[1]",
            "tenants[1].segments[0]",
            "tenants[1].segments[1]"
        ]
    );
    assert_eq!(
        problems[0].to_string(),
        "tenants[0].segments[0] spans edge1 and edge2, and no chain of links joins them"
    );
    assert_eq!(problems[0].code, codes::UNREACHABLE);
}

#[test]
fn a_remote_makes_its_node_a_member_that_must_be_reached() {
    let problems = broken(|json| {
        set(json, "/tenants/2/segments/0/attachments/0/node", "edge2".into());
        json["links"].as_array_mut().expect("a list").remove(0);
    });
    assert!(
        problems
            .iter()
            .any(|problem| problem.path == "tenants[2].segments[0]"),
        "{problems:?}"
    );
}

#[test]
fn a_segments_limit_is_not_above_its_tenants() {
    only_problem(
        "/tenants/0/segments/0/mac_limit",
        4097.into(),
        codes::BAD_LIMIT,
        "tenants[0].segments[0].mac_limit is 4097, more than the 4096 of tenant acme",
    );
}

#[test]
fn a_tenant_without_a_limit_has_room_for_its_largest_segment() {
    let mut document = figure_1();
    document.tenants[2].segments[0].mac_limit = "9000".parse().ok();
    let valid = validate(document).expect("valid");
    assert_eq!(valid.tenants()[2].mac_limit, 9000);
    assert_eq!(valid.tenants()[1].mac_limit, DEFAULT_MAC_LIMIT);
    assert_eq!(valid.segments()[2].mac_limit, DEFAULT_MAC_LIMIT);
}

/// The nodes on both sides would take such a document, and the one in the middle none from then on. Who has it already goes on.
#[test]
fn what_another_node_could_not_build_is_found_where_it_is_new() {
    let end =
        |node: &str, last: u8| json!({"node": node, "port": "eth2", "address": format!("192.0.2.{last}")});
    let at = |node: &str| json!({"node": node, "port": "eth0", "vlan": 10});
    let document = |far: &str, port: &str, down: bool| {
        let mut document = json!({
            "schema": "fabric/1",
            "datacenters": [{"name": "dc1", "id": 1, "s_vids": "100-199", "c_vids": "200-1999", "vnis": "10000-19999"}],
            "nodes": [{"name": "a", "datacenter": "dc1"}, {"name": "b", "datacenter": "dc1"},
                {"name": "c", "datacenter": "dc1"}],
            "links": [
                {"name": "ab", "kind": "vxlan", "ends": [end("a", 1), end("b", 2)]},
                {"name": "bc", "kind": "vxlan", "down": down, "ends": [end("b", 2), end("c", 3)]}],
            "tenants": [{"name": "t", "segments": [{"name": "t", "attachments": [at("a"), at(far)]}]}],
        });
        document["links"][1]["ends"][0]["port"] = port.into();
        validate(serde_json::from_value(document).expect("a document")).expect("valid")
    };
    let faults = |old: &Valid, new: &Valid| -> Vec<String> {
        let changed = new.segments().iter().map(AsRef::as_ref);
        let problems = unbuildable(old, new, changed);
        problems.iter().map(ToString::to_string).collect()
    };
    // Between b and its neighbours alone nothing turns, nor by a port for each link, nor by one out of service.
    let near = document("b", "eth2", false);
    let turning = document("c", "eth2", false);
    assert_eq!(
        faults(&near, &turning),
        ["segment t would have to turn round at b: links ab and bc share port eth2"]
    );
    for well in [near, document("c", "eth3", false), document("c", "eth2", true)] {
        assert_eq!(faults(&turning, &well), [""; 0]);
    }
    assert_eq!(faults(&turning, &turning), [""; 0]);
}

#[test]
fn a_far_end_is_reached_by_one_link_of_a_port_and_of_a_segment() {
    let figure = |change: &dyn Fn(&mut Value)| {
        let mut document: Value = serde_json::from_str(FIGURE_1).expect("JSON");
        change(&mut document);
        validate(serde_json::from_value(document).expect("a document")).expect("valid")
    };
    let second = |document: &mut Value, port: &str| {
        let mut second = document["links"][1].clone();
        second["name"] = "again".into();
        second["vlan"] = 77.into();
        second["ends"][0]["port"] = port.into();
        set(document, "/links/-", second);
    };
    let old = figure(&|_| {});
    let faults = |new: &Valid| -> Vec<String> {
        let changed = new.segments().iter().map(AsRef::as_ref);
        let problems = unbuildable(&old, new, changed);
        problems.iter().map(ToString::to_string).collect()
    };
    let apart = figure(&|document| second(document, "u1"));
    assert_eq!(faults(&apart), [""; 0]);
    let port = old.document().links[1].ends[0]
        .port
        .as_ref()
        .expect("a port")
        .to_string();
    let twin = faults(&figure(&|document| second(document, &port)));
    assert!(
        twin.len() == 1 && twin[0].contains("which the tables cannot tell apart"),
        "{twin:?}"
    );
    let doubled = faults(&figure(&|document| {
        second(document, "u1");
        set(
            document,
            "/tenants/2/segments/0/remotes/-",
            json!({"link": "again"}),
        );
    }));
    assert!(
        doubled.len() == 1 && doubled[0].contains("twice, by links pathway and again"),
        "{doubled:?}"
    );
}
