//! Numbers of links between datacenters: chosen, missed, taken.

use super::*;

#[test]
fn numbers_of_i_tag_and_global_vlan_links_are_chosen_where_they_are_crossed() {
    let valid = valid_in(FIGURE_1, |json| {
        json["datacenters"][0]["i_sids"] = "1000100-1001099".into();
        json["global_vids"] = "4000-4094".into();
        set(
            json,
            "/links/0",
            json!({"name": "trunk0", "kind": "i-tag", "b_vid": 500, "ends": ends(at("edge1", "t0"), at("edge2", "t0"))}),
        );
    });
    let numbers: Vec<_> = valid
        .segments()
        .iter()
        .map(|segment| (segment.i_sid.map(crate::model::ISid::get), segment.global_vid))
        .collect();
    let expected = [
        Some(1_000_100),
        Some(1_000_101),
        Some(1_000_102),
        Some(1_000_103),
        None,
    ];
    assert_eq!(numbers, expected.map(|i_sid| (i_sid, None)));
}

#[test]
fn numbers_that_a_link_needs_and_nobody_has_are_missed() {
    for (kind, options, field) in [
        ("i-tag", json!({"b_vid": 500}), "i_sid"),
        ("global-vlan", json!({}), "global_vid"),
    ] {
        let problems = broken_in(FIGURE_1, |json| {
            json["links"].as_array_mut().expect("links").remove(0);
            with(kind, options, ends(at("edge1", "t0"), at("edge2", "t0")))(json);
        });
        assert_eq!(problems.len(), 4);
        let text =
            format!("tenants[0].segments[0].{field} is not given and none is free, but link x0 needs one");
        assert_eq!(problems[0].to_string(), text);
        assert_eq!(problems[0].code, codes::NO_FREE_NUMBER);
    }
}

/// The node where labels end has no member: the link behind it is crossed all the same.
#[test]
fn numbers_of_links_behind_a_gateway_without_a_member_are_missed_too() {
    let between = |vnis: Option<&str>| {
        let mut document = json!({
            "schema": "fabric/1",
            "datacenters": [
                {"name": "dc1", "id": 1, "s_vids": "100-199", "c_vids": "200-1199", "labels": "1000-1999"},
                {"name": "dc2", "id": 2, "s_vids": "1200-1299", "c_vids": "1300-1999", "labels": "2000-2999"}],
            "nodes": [{"name": "a", "datacenter": "dc2"}, {"name": "b", "datacenter": "dc1"},
                {"name": "gateway", "datacenter": "dc1"}],
            "links": [
                {"name": "long", "kind": "pseudowire", "ends": ends(at("a", "p0"), at("gateway", "p0"))},
                {"name": "near", "kind": "vxlan", "ends": [
                    {"node": "gateway", "port": "u0", "address": "192.0.2.1"},
                    {"node": "b", "port": "u0", "address": "192.0.2.2"}]}],
            "tenants": [{"name": "t", "segments": [{"name": "t", "datacenter": "dc1", "attachments": [
                {"node": "a", "port": "eth1", "vlan": 10}, {"node": "b", "port": "eth1", "vlan": 10}]}]}],
        });
        if let Some(vnis) = vnis {
            document["datacenters"][0]["vnis"] = vnis.into();
        }
        validate(serde_json::from_value(document).expect("a document"))
    };
    let problems = between(None).expect_err("no VNI");
    assert_eq!(
        problems.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["tenants[0].segments[0].vni is not given and none is free, but link near needs one"]
    );
    assert!(between(Some("10000-10099")).is_ok());
}

#[test]
fn i_sids_and_global_vids_are_in_range_and_nobody_elses() {
    let given = |field: &'static str, numbers: [u32; 2]| {
        move |json: &mut Value| {
            json["datacenters"][0]["i_sids"] = "1000100-1001099".into();
            json["global_vids"] = "4000-4094".into();
            for (at, number) in numbers.into_iter().enumerate() {
                json["tenants"][0]["segments"][at][field] = number.into();
            }
        }
    };
    valid_in(FIGURE_1, given("i_sid", [1_000_100, 1_001_099]));
    refused(
        given("i_sid", [1_000_100, 1_000_100]),
        codes::NUMBER_TAKEN,
        "tenants[0].segments[1].i_sid is 1000100, the I-SID of tenants[0].segments[0] already",
    );
    refused(
        given("i_sid", [1_000_100, 1_001_100]),
        codes::OUTSIDE_RANGE,
        "tenants[0].segments[1].i_sid is 1001100, outside of 1000100-1001099, the range of datacenter dc1",
    );
    refused(
        given("global_vid", [4001, 4001]),
        codes::NUMBER_TAKEN,
        "tenants[0].segments[1].global_vid is 4001, the global VID of tenants[0].segments[0] already",
    );
    refused(
        given("global_vid", [4001, 99]),
        codes::OUTSIDE_RANGE,
        "tenants[0].segments[1].global_vid is 99, outside of 4000-4094, the fabric's global_vids",
    );
    refused(
        |json| json["tenants"][0]["segments"][0]["global_vid"] = 4001.into(),
        codes::NO_RANGE,
        "tenants[0].segments[0].global_vid is 4001, but the fabric has no range of global VLANs",
    );
    refused(
        |json| json["tenants"][0]["segments"][0]["i_sid"] = 4001.into(),
        codes::NO_RANGE,
        "tenants[0].segments[0].i_sid is 4001, but datacenter dc1 has no range of I-SIDs",
    );
}
