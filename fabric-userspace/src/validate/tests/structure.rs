use serde_json::json;

use super::*;
use crate::error::codes;

fn second_datacenter(field: &str, value: &str) -> Value {
    let mut datacenter = json!({
        "name": "dc2", "id": 2, "s_vids": "2000-2999", "c_vids": "4000-4094", "vnis": "30000-39999", "labels": "2000-2999",
        "i_sids": "2000-2999"
    });
    datacenter[field] = value.into();
    datacenter
}

#[test]
fn names_are_unique_by_kind() {
    only_problem(
        "/datacenters/-",
        second_datacenter("name", "dc1"),
        codes::DUPLICATE_NAME,
        "datacenters[1].name is dc1, which is the name of datacenters[0] already",
    );
    only_problem(
        "/nodes/-",
        json!({"name": "edge2", "datacenter": "dc1"}),
        codes::DUPLICATE_NAME,
        "nodes[2].name is edge2, which is the name of nodes[1] already",
    );
    only_problem(
        "/links/-",
        json!({"name": "trunk0", "kind": "trunk", "ends": [{"node": "edge1", "port": "t1"}, {"node": "edge2", "port": "t1"}]}),
        codes::DUPLICATE_NAME,
        "links[2].name is trunk0, which is the name of links[0] already",
    );
}

#[test]
fn tenants_and_segments_have_unique_names_in_the_whole_fabric() {
    only_problem(
        "/tenants/2/name",
        "globex".into(),
        codes::DUPLICATE_NAME,
        "tenants[2].name is globex, which is the name of tenants[1] already",
    );
    only_problem(
        "/tenants/2/segments/0/name",
        "acme-v10".into(),
        codes::DUPLICATE_NAME,
        "tenants[2].segments[0].name is acme-v10, which is the name of tenants[0].segments[1] already",
    );
}

#[test]
fn a_port_is_listed_once_a_node() {
    only_problem(
        "/nodes/0/ports",
        json!([{"name": "eth1"}, {"name": "eth2"}, {"name": "eth1"}]),
        codes::DUPLICATE_NAME,
        "nodes[0].ports[2].name is eth1, which is the name of nodes[0].ports[0] already",
    );
}

#[test]
fn datacenter_ids_are_unique() {
    let mut other = second_datacenter("name", "dc2");
    other["id"] = 1.into();
    only_problem(
        "/datacenters/-",
        other,
        codes::DUPLICATE_NAME,
        "datacenters[1].id is 1, which is the id of datacenters[0] (dc1) already",
    );
}

#[test]
fn ranges_of_two_datacenters_do_not_overlap() {
    for (field, value, theirs) in [
        ("s_vids", "1099-1200", "100-1099"),
        ("c_vids", "3999-4094", "200-3999"),
        ("vnis", "29999-30000", "10000-29999"),
        ("labels", "16-1000", "1000-1999"),
    ] {
        only_problem(
            "/datacenters/-",
            second_datacenter(field, value),
            codes::RANGE_OVERLAP,
            &format!("datacenters[1].{field} is {value}, which overlaps {theirs} of datacenter dc1"),
        );
    }
}

#[test]
fn who_is_referred_to_must_exist() {
    only_problem(
        "/nodes/1/datacenter",
        "dc9".into(),
        codes::UNKNOWN_DATACENTER,
        "nodes[1].datacenter is dc9, and the document defines no datacenter of this name",
    );
    only_problem(
        "/links/0/ends/1/node",
        "edge9".into(),
        codes::UNKNOWN_NODE,
        "links[0].ends[1].node is edge9, and the document defines no node of this name",
    );
    only_problem(
        "/tenants/0/segments/1/attachments/0/node",
        "edge9".into(),
        codes::UNKNOWN_NODE,
        "tenants[0].segments[1].attachments[0].node is edge9, and the document defines no node of this name",
    );
    only_problem(
        "/tenants/2/segments/0/remotes/0/link",
        "path".into(),
        codes::UNKNOWN_LINK,
        "tenants[2].segments[0].remotes[0].link is path, and the document defines no link of this name",
    );
    only_problem(
        "/tenants/2/segments/0/datacenter",
        "dc9".into(),
        codes::UNKNOWN_DATACENTER,
        "tenants[2].segments[0].datacenter is dc9, and the document defines no datacenter of this name",
    );
}

#[test]
fn an_unknown_name_is_answered_with_those_there_are() {
    let problems = broken(|json| set(json, "/links/0/ends/1/node", "edge9".into()));
    assert_eq!(problems[0].cure, "add it to nodes, or use one of: edge1, edge2");
}

#[test]
fn an_empty_segment_among_several_datacenters_must_name_its_own() {
    let problems = broken(|json| {
        set(json, "/datacenters/-", second_datacenter("name", "dc2"));
        set(json, "/tenants/0/segments/-", json!({"name": "later"}));
    });
    assert_eq!(
        problems[0].to_string(),
        "tenants[0].segments[2] names no datacenter, and has no attachment that would tell"
    );
    assert_eq!((problems.len(), &problems[0].code), (1, &codes::NO_DATACENTER));
}

#[test]
fn a_node_has_as_many_ports_as_an_agents_tables_hold() {
    let ports = |count: usize| {
        (0..count)
            .map(|at| json!({"name": format!("p{at}")}))
            .collect::<Value>()
    };
    // edge1 uses five more by attachments and links.
    only_problem(
        "/nodes/0/ports",
        ports(123),
        codes::TOO_MANY,
        "nodes[0] uses 128 ports, and a node can have 127",
    );
    let mut json: Value = serde_json::from_str(FIGURE_1).expect("JSON");
    set(&mut json, "/nodes/0/ports", ports(122));
    assert!(validate(crate::model::from_json(&json.to_string()).expect("a document")).is_ok());
}

#[test]
fn listed_options_reach_the_port_and_others_have_the_defaults() {
    let mut document = figure_1();
    document.nodes[0].ports = crate::model::from_json(
        r#"[{"name":"eth2","drop_group_source":false,"tunnel_lldp":true},{"name":"spare"}]"#,
    )
    .expect("ports");
    let valid = validate(document).expect("valid");
    let ports = &valid.nodes()[0].ports;
    let options = |name: &str| {
        let port = &ports[name];
        (
            port.role,
            port.options.drop_group_source,
            port.options.tunnel_lldp,
        )
    };
    assert_eq!(options("eth1"), (Some(PortRole::Access), true, false));
    assert_eq!(options("eth2"), (Some(PortRole::Access), false, true));
    assert_eq!(options("spare"), (None, true, false));
}

#[test]
fn the_empty_document_is_valid() {
    let valid = validate(Document::default()).expect("valid");
    assert!(valid.nodes().is_empty() && valid.segments().is_empty());
}
