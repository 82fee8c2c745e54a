mod numbers;

use serde_json::json;

use super::*;
use crate::error::codes;

fn ends(a: Value, b: Value) -> Value {
    json!([a, b])
}

fn at(node: &str, port: &str) -> Value {
    json!({"node": node, "port": port})
}

/// FIG 1 with one more link, of this kind.
fn with(kind: &str, options: Value, ends: Value) -> impl FnOnce(&mut Value) {
    let mut link = json!({"name": "x0", "kind": kind, "ends": ends});
    for (field, value) in options.as_object().expect("options") {
        link[field] = value.clone();
    }
    move |json| set(json, "/links/-", link)
}

fn line(kind: &str, options: Value) -> impl FnOnce(&mut Value) {
    with(kind, options, ends(at("edge1", "p0"), at("edge2", "p0")))
}

fn routed(kind: &str, options: Value) -> impl FnOnce(&mut Value) {
    let end =
        |node: &str, host: u8| json!({"node": node, "port": "u9", "address": format!("203.0.113.{host}")});
    with(kind, options, ends(end("edge1", 1), end("edge2", 2)))
}

fn article(kind: &str) -> String {
    format!("{} {kind}", if kind == "mpls-udp" { "an" } else { "a" })
}

fn refused(change: impl FnOnce(&mut Value), code: Code, text: &str) {
    only_problem_in(FIGURE_1, change, code, text);
}

#[test]
fn every_kind_takes_its_own_options() {
    valid_in(
        FIGURE_1,
        line(
            "pseudowire",
            json!({"vlan": 5, "outer_tpid": "0x88a8", "transport_label": 30600}),
        ),
    );
    valid_in(FIGURE_1, line("i-tag", json!({"b_vid": 500, "vlan": 5})));
    valid_in(FIGURE_1, line("global-vlan", json!({})));
    valid_in(
        FIGURE_1,
        routed(
            "mpls-udp",
            json!({"vlan": 5, "udp_port": 6636, "transport_label": 30600}),
        ),
    );
    valid_in(
        FIGURE_1,
        routed("vxlan", json!({"vlan": 5, "udp_port": 4790, "strict": true})),
    );
}

#[test]
fn and_refuses_those_of_others() {
    for (kind, field, value) in [
        ("pseudowire", "udp_port", json!(6635)),
        ("pseudowire", "strict", json!(true)),
        ("pseudowire", "b_vid", json!(500)),
        ("global-vlan", "vlan", json!(5)),
        ("global-vlan", "outer_tpid", json!("0x88a8")),
        ("global-vlan", "transport_label", json!(99)),
    ] {
        refused(
            line(kind, json!({field: value})),
            codes::BAD_LINK,
            &format!("links[2].{field} does not belong to a {kind} link"),
        );
    }
    refused(
        line("i-tag", json!({"b_vid": 500, "transport_label": 99})),
        codes::BAD_LINK,
        "links[2].transport_label does not belong to an i-tag link",
    );
    for (kind, field, value) in [
        ("mpls-udp", "strict", json!(true)),
        ("mpls-udp", "outer_tpid", json!("0x88a8")),
        ("vxlan", "transport_label", json!(99)),
        ("vxlan", "b_vid", json!(500)),
    ] {
        refused(
            routed(kind, json!({field: value})),
            codes::BAD_LINK,
            &format!("links[2].{field} does not belong to {} link", article(kind)),
        );
    }
}

#[test]
fn an_i_tag_link_needs_the_vlan_of_its_backbone() {
    refused(
        line("i-tag", json!({})),
        codes::MISSING_FIELD,
        "links[2] lacks the field \"b_vid\", which an i-tag link needs",
    );
}

#[test]
fn an_outer_vlan_and_s_tags_of_0x8100_exclude_each_other() {
    for kind in ["trunk", "pseudowire"] {
        refused(
            line(kind, json!({"vlan": 5, "outer_tpid": "0x8100"})),
            codes::BAD_LINK,
            "links[2].vlan is 5, which an S-tag with outer_tpid 0x8100 cannot be told from",
        );
    }
}

#[test]
fn addresses_belong_to_links_that_have_them() {
    let mut addressed = at("edge1", "p0");
    addressed["address"] = "192.0.2.9".into();
    refused(
        with("pseudowire", json!({}), ends(addressed, at("edge2", "p0"))),
        codes::BAD_LINK,
        "links[2].ends[0].address does not belong to a pseudowire link, which has no addresses",
    );
    let mut marked = at("edge1", "p0");
    marked["mac"] = "02:00:00:00:00:01".into();
    refused(
        with("trunk", json!({}), ends(marked, at("edge2", "p0"))),
        codes::BAD_LINK,
        "links[2].ends[0].mac does not belong to a trunk link",
    );
    refused(
        with(
            "mpls-udp",
            json!({}),
            ends(
                at("edge1", "u9"),
                json!({"node": "edge2", "port": "u9", "address": "203.0.113.2"}),
            ),
        ),
        codes::MISSING_FIELD,
        "links[2].ends[0] lacks the field \"address\"",
    );
    refused(
        with(
            "mpls-udp",
            json!({}),
            ends(
                json!({"node": "edge1", "port": "u9", "address": "203.0.113.1"}),
                json!({"port": "u9", "address": "203.0.113.2"}),
            ),
        ),
        codes::MISSING_FIELD,
        "links[2].ends[1] lacks the field \"node\"",
    );
}

#[test]
fn an_ipv6_address_does_not_fit_an_ipv4_link() {
    refused(
        with(
            "mpls-udp",
            json!({}),
            ends(
                json!({"node": "edge1", "port": "u9", "address": "203.0.113.1"}),
                json!({"node": "edge2", "port": "u9", "address": "2001:db8::2"}),
            ),
        ),
        codes::BAD_ADDRESS,
        "links[2].ends joins 203.0.113.1 and 2001:db8::2, an IPv4 and an IPv6 address",
    );
}

#[test]
fn the_ends_of_a_line_have_two_individual_addresses() {
    let marked = |node: &str, mac: &str| json!({"node": node, "port": "p0", "mac": mac});
    let own = "02:00:00:00:00:01";
    for (mac, what) in [
        ("01:00:5e:00:00:01", "a group address"),
        ("00:00:00:00:00:00", "no address"),
    ] {
        refused(
            with(
                "pseudowire",
                json!({}),
                ends(marked("edge1", own), marked("edge2", mac)),
            ),
            codes::BAD_MAC,
            &format!("links[2].ends[1].mac is {mac}, {what}; the end of a line has an individual one"),
        );
    }
    refused(
        with(
            "i-tag",
            json!({"b_vid": 500}),
            ends(marked("edge1", own), marked("edge2", own)),
        ),
        codes::BAD_MAC,
        "links[2].ends has 02:00:00:00:00:01 at both ends",
    );
    let valid = valid_in(
        FIGURE_1,
        with(
            "pseudowire",
            json!({}),
            ends(marked("edge1", own), at("edge2", "p0")),
        ),
    );
    let Carries::Pseudowire { ends, .. } = &valid.links()[2].carries else {
        panic!("not a pseudowire")
    };
    let derived = crate::model::Mac::of_line_end(&valid.nodes()[1].name, &ends[1].port);
    assert_eq!((ends[0].mac.to_string().as_str(), ends[1].mac), (own, derived));
}

/// FIG 1 with two more links on one pair of ports.
fn two(first: Value, second: Value) -> impl FnOnce(&mut Value) {
    move |json| {
        for (name, mut link) in [("x1", first), ("x2", second)] {
            link["name"] = name.into();
            if link.get("ends").is_none() {
                link["ends"] = ends(at("edge1", "p0"), at("edge2", "p0"));
            }
            set(json, "/links/-", link);
        }
    }
}

#[test]
fn links_of_one_line_are_told_apart_by_vlan_and_kind() {
    for (a, b) in [
        (
            json!({"kind": "pseudowire"}),
            json!({"kind": "pseudowire", "vlan": 5}),
        ),
        (
            json!({"kind": "trunk", "vlan": 4}),
            json!({"kind": "trunk", "vlan": 5}),
        ),
        (json!({"kind": "trunk"}), json!({"kind": "pseudowire"})),
        (
            json!({"kind": "i-tag", "b_vid": 500}),
            json!({"kind": "global-vlan"}),
        ),
    ] {
        let valid = valid_in(FIGURE_1, two(a, b));
        let role = valid.nodes()[0]
            .ports
            .iter()
            .find(|(name, _)| name.as_str() == "p0")
            .map(|(_, port)| port.role);
        assert_eq!(role, Some(Some(PortRole::Pseudowire)));
    }
    refused(
        two(
            json!({"kind": "pseudowire", "vlan": 5}),
            json!({"kind": "pseudowire", "vlan": 5}),
        ),
        codes::LINK_CONFLICT,
        "links[3].ends[0].port is p0, the port of pseudowire x1 in vlan 5",
    );
    refused(
        two(json!({"kind": "global-vlan"}), json!({"kind": "global-vlan"})),
        codes::LINK_CONFLICT,
        "links[3].ends[0].port is p0, the port of global-vlan x1",
    );
}

#[test]
fn s_tags_of_one_port_have_one_ethertype() {
    refused(
        two(
            json!({"kind": "trunk", "outer_tpid": "0x8100"}),
            json!({"kind": "pseudowire"}),
        ),
        codes::LINK_CONFLICT,
        "links[3].outer_tpid is 0x88a8, but link x1 on port p0 has 0x8100",
    );
}

#[test]
fn first_tags_of_0x8100_mean_one_thing_on_a_port() {
    refused(
        two(
            json!({"kind": "trunk", "outer_tpid": "0x8100"}),
            json!({"kind": "i-tag", "b_vid": 500, "vlan": 5}),
        ),
        codes::LINK_CONFLICT,
        "links[3] shares p0 with link x1: vlan 5 of x2 cannot be told from the S-tags of x1, which have 0x8100",
    );
    refused(
        two(
            json!({"kind": "global-vlan"}),
            json!({"kind": "trunk", "outer_tpid": "0x8100"}),
        ),
        codes::LINK_CONFLICT,
        "links[3] shares p0 with link x1: a global VLAN of x1 cannot be told from the S-tags of x2, which have 0x8100",
    );
    refused(
        |json| {
            json["global_vids"] = "4000-4094".into();
            two(
                json!({"kind": "trunk", "vlan": 4001}),
                json!({"kind": "global-vlan"}),
            )(json);
        },
        codes::LINK_CONFLICT,
        "links[3] shares p0 with link x1: vlan 4001 of x1 cannot be told from the global VLANs 4000-4094 of x2",
    );
}

/// Frames name the end that they are for, and a port has one address for that.
#[test]
fn the_ends_of_one_port_have_one_address() {
    let at = |last: u8| {
        let end = |node: &str, last: u8| json!({"node": node, "port": "p0", "mac": format!("02:00:00:00:{last:02x}:{}", &node[4..].repeat(2))});
        ends(end("edge1", last), end("edge2", last))
    };
    valid_in(
        FIGURE_1,
        two(
            json!({"kind": "pseudowire", "ends": at(1)}),
            json!({"kind": "i-tag", "b_vid": 500, "ends": at(1)}),
        ),
    );
    refused(
        two(
            json!({"kind": "pseudowire", "ends": at(1)}),
            json!({"kind": "i-tag", "b_vid": 500, "ends": at(2)}),
        ),
        codes::LINK_CONFLICT,
        "links[3].ends[0].mac is 02:00:00:00:02:11, but link x1 on port p0 has 02:00:00:00:01:11",
    );
}

#[test]
fn vxlan_and_mpls_in_udp_share_a_port_and_a_far_end_under_two_udp_ports() {
    let end =
        |node: &str, host: u8| json!({"node": node, "port": "u9", "address": format!("203.0.113.{host}")});
    let both = || ends(end("edge1", 1), end("edge2", 2));
    valid_in(
        FIGURE_1,
        two(
            json!({"kind": "vxlan", "ends": both()}),
            json!({"kind": "mpls-udp", "ends": both()}),
        ),
    );
    let problems = broken_in(
        FIGURE_1,
        two(
            json!({"kind": "vxlan", "ends": both()}),
            json!({"kind": "mpls-udp", "udp_port": 4789, "ends": both()}),
        ),
    );
    assert!(
        problems
            .iter()
            .all(|problem| problem.code == codes::LINK_CONFLICT),
        "{problems:?}"
    );
    assert_eq!(
        problems[0].to_string(),
        "links[3].udp_port is 4789, as that of vxlan link x1 on port u9"
    );
}

#[test]
fn a_line_that_takes_more_than_trunks_is_no_access_port() {
    refused(
        with(
            "pseudowire",
            json!({}),
            ends(at("edge1", "eth3"), at("edge2", "p0")),
        ),
        codes::PORT_ROLE,
        "tenants[2].segments[0].attachments[0] uses port eth3 as access, but links[2] uses it as pseudowire",
    );
}
