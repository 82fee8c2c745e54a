mod datacenters;
mod gateways;
mod kinds;
mod labels;
mod links;
mod numbers;
mod properties;
mod segments;
mod storage;
mod structure;

use serde_json::Value;

use super::*;
use crate::error::Code;

/// FIG 1 with the numbers of the golden frames.
const FIGURE_1: &str = include_str!("../../../docs/examples/figure-1.json");

fn figure_1() -> Document {
    crate::model::from_json(FIGURE_1).expect("the example is a document")
}

/// FIG 2 and FIG 3: three datacenters, joined by lines, and by lines and two providers.
const FIGURE_2: &str = include_str!("../../../docs/examples/figure-2.json");
const FIGURE_3: &str = include_str!("../../../docs/examples/figure-3.json");

/// FIG 1 after `change`, which is refused: its problems.
fn broken(change: impl FnOnce(&mut Value)) -> Vec<Problem> {
    broken_in(FIGURE_1, change)
}

/// `figure` after `change`, which is refused: its problems.
fn broken_in(figure: &str, change: impl FnOnce(&mut Value)) -> Vec<Problem> {
    let mut json: Value = serde_json::from_str(figure).expect("JSON");
    change(&mut json);
    validate(crate::model::from_json(&json.to_string()).expect("a document")).expect_err("must be refused")
}

/// `figure` after `change` is right.
fn valid_in(figure: &str, change: impl FnOnce(&mut Value)) -> Valid {
    let mut json: Value = serde_json::from_str(figure).expect("JSON");
    change(&mut json);
    validate(crate::model::from_json(&json.to_string()).expect("a document")).expect("valid")
}

/// FIG 1 with the value at `pointer` replaced has this one problem.
fn only_problem(pointer: &str, value: Value, code: Code, text: &str) {
    only_problem_in(FIGURE_1, |json| set(json, pointer, value), code, text);
}

/// `figure` after `change` has this one problem.
fn only_problem_in(figure: &str, change: impl FnOnce(&mut Value), code: Code, text: &str) {
    let problems = broken_in(figure, change);
    let shown: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert_eq!(shown, [text]);
    assert_eq!(problems[0].code, code);
    assert!(!problems[0].cure.is_empty());
}

/// Sets a value; the last part of `pointer` may be a new field, or `-` for the end of a list.
fn set(json: &mut Value, pointer: &str, value: Value) {
    let (parent, key) = pointer.rsplit_once('/').expect("a pointer");
    match json.pointer_mut(parent).expect("a place") {
        Value::Array(list) if key == "-" => list.push(value),
        Value::Array(list) => list[key.parse::<usize>().expect("an index")] = value,
        Value::Object(fields) => {
            fields.insert(key.to_owned(), value);
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            panic!("nothing has a {key} here")
        }
    }
}

#[test]
fn figure_1_is_valid_with_exactly_its_own_numbers() {
    let document = figure_1();
    let valid = validate(document.clone()).expect("valid");
    assert_eq!(valid.document(), &document);
    let tags: Vec<_> = valid
        .segments()
        .iter()
        .map(|segment| {
            (
                segment.name.as_str(),
                segment.s_vid.get(),
                segment.base_c_vid.get(),
            )
        })
        .collect();
    assert_eq!(
        tags,
        [
            ("acme", 100, 1100),
            ("acme-v10", 101, 1101),
            ("globex", 110, 1110),
            ("globex-v10", 111, 1111),
            ("initech", 120, 1120)
        ]
    );
}

#[test]
fn stations_of_figure_1_carry_the_golden_c_vids() {
    let valid = validate(figure_1()).expect("valid");
    let mut found = Vec::new();
    for segment in valid.segments() {
        let attached = segment.attachments.iter().flat_map(|end| &end.stations);
        let remote = segment.remotes.iter().flat_map(|end| &end.stations);
        for station in attached.chain(remote) {
            let name = station.name.as_ref().expect("named");
            found.push(format!("{} {name} {}", segment.name, station.c_vid));
        }
    }
    for golden in [
        "acme 110A 200",
        "acme 102A 300",
        "acme-v10 110A 201",
        "globex 110B 210",
        "globex 110C 211",
        "globex-v10 110B 212",
        "initech 110D 220",
    ] {
        assert!(
            found.iter().any(|line| line == golden),
            "{golden} is not among {found:?}"
        );
    }
}

#[test]
fn a_valid_document_answers_what_a_compiler_asks() {
    let valid = validate(figure_1()).expect("valid");
    let edge1 = valid.find_node("edge1").expect("edge1");
    let edge2 = valid.find_node("edge2").expect("edge2");
    let links: Vec<_> = valid
        .links_at(edge1)
        .map(|(_, link)| link.name.as_str())
        .collect();
    assert_eq!(links, ["trunk0", "pathway"]);
    let roles: Vec<_> = valid
        .node(edge1)
        .ports
        .iter()
        .map(|(name, port)| (name.as_str(), port.role))
        .collect();
    let access = Some(PortRole::Access);
    assert_eq!(
        roles,
        [
            ("eth1", access),
            ("eth2", access),
            ("eth3", access),
            ("t0", Some(PortRole::Trunk)),
            ("u0", Some(PortRole::Underlay))
        ]
    );
    let initech = valid.segments().last().expect("initech");
    assert_eq!(initech.members.iter().copied().collect::<Vec<_>>(), [edge1]);
    assert_eq!(
        (initech.mac_limit, valid.tenants()[1].mac_limit),
        (1024, DEFAULT_MAC_LIMIT)
    );
    assert_eq!(valid.link(initech.remotes[0].link).gateway(), Some(edge1));
    assert_eq!(initech.stable_id(), 120 << 12 | 1120);
    let trunk = &valid.links()[0];
    assert_eq!(
        (trunk.far_node(edge1), trunk.far_node(edge2)),
        (Some(edge2), Some(edge1))
    );
    assert_eq!(
        valid.datacenter(valid.node(edge1).datacenter).name.as_str(),
        "dc1"
    );
}

#[test]
fn all_problems_are_told_at_once_in_the_order_of_the_document() {
    let problems = broken(|json| {
        set(json, "/nodes/1/name", "edge1".into());
        set(json, "/links/0/udp_port", 5.into());
        set(json, "/tenants/2/name", "acme".into());
    });
    let paths: Vec<_> = problems.iter().map(|problem| problem.path.as_str()).collect();
    assert_eq!(
        paths[..3],
        ["nodes[1].name", "links[0].udp_port", "links[0].ends[1].node"]
    );
    assert!(paths.contains(&"tenants[2].name"), "{paths:?}");
}
