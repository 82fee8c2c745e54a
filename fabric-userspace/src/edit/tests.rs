mod others;
mod properties;

use super::*;
use crate::error::{Code, codes};
use crate::model::generate::name;
use crate::model::{Document, Vlan, from_json};

const FIGURE_1: &str = include_str!("../../../docs/examples/figure-1.json");

fn figure_1() -> Document {
    from_json(FIGURE_1).expect("the example is a document")
}

fn request(tenant: &str, port: &str, vlan: &str) -> Attach {
    Attach::new(
        name(tenant),
        name("edge1"),
        port.parse().expect("legal"),
        vlan.parse().expect("legal"),
    )
}

fn release(tenant: &str, port: &str, vlan: &str) -> Detach {
    let Attach {
        tenant,
        node,
        port,
        vlan,
        ..
    } = request(tenant, port, vlan);
    Detach {
        tenant,
        node,
        port,
        vlan,
    }
}

fn refused<T: std::fmt::Debug>(outcome: Outcome<T>, code: Code, text: &str) {
    let refusal = outcome.expect_err("must be refused");
    assert_eq!(refusal.sentence, format!("{text}; nothing was changed"));
    assert_eq!(refusal.code, code);
    assert!(refusal.cure.is_some());
}

#[test]
fn a_first_attachment_makes_tenant_and_segment_with_numbers() {
    let edited = attach(&figure_1(), &request("umbrella", "eth4", "20")).expect("attached");
    let (valid, answer) = edited.check().expect("valid");
    assert!(answer.changed && answer.allocated && answer.new_tenant && answer.new_segment);
    assert_eq!(answer.segment.as_str(), "umbrella-v20");
    assert_eq!(
        (answer.s_vid.get(), answer.base_c_vid.get(), answer.c_vid.get()),
        (102, 1102, 200)
    );
    assert_eq!(
        answer.undo,
        "fabric tenant detach umbrella --node edge1 --port eth4 --vlan 20"
    );
    assert_eq!(valid.tenants().len(), 4);
}

#[test]
fn segments_are_named_after_tenant_and_vlan() {
    for (vlan, segment) in [
        ("10", "umbrella-v10"),
        ("untagged", "umbrella"),
        ("any", "umbrella-any"),
    ] {
        let answer = attach(&figure_1(), &request("umbrella", "eth4", vlan))
            .expect("attached")
            .answer;
        assert_eq!(answer.segment.as_str(), segment);
    }
}

#[test]
fn a_second_attachment_joins_the_tenants_segment() {
    let answer = attach(&figure_1(), &request("acme", "eth5", "10"))
        .expect("attached")
        .answer;
    assert!(!answer.new_tenant && !answer.new_segment && !answer.allocated);
    assert_eq!((answer.s_vid.get(), answer.c_vid.get()), (101, 200));
}

#[test]
fn where_there_is_one_node_the_undo_does_not_name_it() {
    let document = Document::starter(name("edge1"));
    let answer = attach(&document, &request("acme", "eth1", "10"))
        .expect("attached")
        .answer;
    assert_eq!(answer.undo, "fabric tenant detach acme --port eth1 --vlan 10");
    let refusal = attach(
        &attach(&document, &request("globex", "eth2", "10"))
            .expect("attached")
            .document,
        &request("acme", "eth2", "10"),
    )
    .expect_err("taken");
    let text = "error: eth2 vlan 10 belongs to tenant globex (segment globex-v10); nothing was changed
  cure: choose another VLAN, or: fabric tenant detach globex --port eth2 --vlan 10
  code: attachment-taken";
    assert_eq!(refusal.to_string(), text);
}

#[test]
fn attaching_the_same_again_changes_nothing() {
    let document = figure_1();
    let edited = attach(&document, &request("acme", "eth1", "10")).expect("nothing to do");
    assert!(!edited.answer.changed);
    assert_eq!(edited.document, document);
    let mut with_numbers = request("acme", "eth1", "10");
    with_numbers.s_vid = "101".parse().ok();
    with_numbers.segment = Some(name("acme-v10"));
    assert!(
        !attach(&document, &with_numbers)
            .expect("nothing to do")
            .answer
            .changed
    );
    with_numbers.s_vid = "102".parse().ok();
    assert_eq!(
        attach(&document, &with_numbers).expect_err("other").code,
        codes::ATTACHMENT_TAKEN
    );
}

#[test]
fn what_belongs_to_another_tenant_is_refused_with_its_owner() {
    refused(
        attach(&figure_1(), &request("acme", "eth2", "10")),
        codes::ATTACHMENT_TAKEN,
        "eth2 vlan 10 belongs to tenant globex (segment globex-v10)",
    );
    let mut elsewhere = request("acme", "eth9", "10");
    elsewhere.segment = Some(name("globex-v10"));
    refused(
        attach(&figure_1(), &elsewhere),
        codes::SEGMENT_TAKEN,
        "segment globex-v10 belongs to tenant globex",
    );
}

#[test]
fn any_stands_alone_on_a_port() {
    refused(
        attach(&figure_1(), &request("acme", "eth3", "any")),
        codes::ATTACHMENT_EXCLUDED,
        "eth3 any cannot be attached beside eth3 untagged of tenant initech (segment initech)",
    );
    let document = attach(&figure_1(), &request("acme", "eth9", "any"))
        .expect("attached")
        .document;
    refused(
        attach(&document, &request("globex", "eth9", "7")),
        codes::ATTACHMENT_EXCLUDED,
        "eth9 vlan 7 cannot be attached beside eth9 any of tenant acme (segment acme-any)",
    );
}

#[test]
fn a_port_of_a_link_takes_no_tenant() {
    refused(
        attach(&figure_1(), &request("acme", "t0", "10")),
        codes::PORT_ROLE,
        "t0 carries the trunk link trunk0, so no tenant can be attached to it",
    );
}

#[test]
fn a_segment_keeps_its_vlan_and_its_numbers() {
    let mut mixed = request("acme", "eth9", "20");
    mixed.segment = Some(name("acme-v10"));
    refused(
        attach(&figure_1(), &mixed),
        codes::VLAN_MISMATCH,
        "segment acme-v10 is for vlan 10, and eth9 vlan 20 is not",
    );
    let mut renumbered = request("acme", "eth9", "10");
    renumbered.s_vid = "500".parse().ok();
    refused(
        attach(&figure_1(), &renumbered),
        codes::NUMBER_FIXED,
        "segment acme-v10 has S-VID 101 already",
    );
    let mut limited = request("acme", "eth9", "10");
    limited.mac_limit = "10".parse().ok();
    refused(
        attach(&figure_1(), &limited),
        codes::NUMBER_FIXED,
        "segment acme-v10 has the MAC limit of its tenant already",
    );
}

#[test]
fn an_unknown_node_or_datacenter_is_refused() {
    let mut elsewhere = request("acme", "eth9", "10");
    elsewhere.node = name("edge9");
    refused(
        attach(&figure_1(), &elsewhere),
        codes::UNKNOWN_NODE,
        "the fabric has no node edge9",
    );
    let mut elsewhere = request("acme", "eth9", "10");
    elsewhere.datacenter = Some(name("dc9"));
    refused(
        attach(&figure_1(), &elsewhere),
        codes::UNKNOWN_DATACENTER,
        "the fabric has no datacenter dc9",
    );
}

#[test]
fn a_segment_name_that_would_be_too_long_must_be_given() {
    let long = "a".repeat(60);
    let refusal = attach(&figure_1(), &request(&long, "eth9", "4094")).expect_err("too long");
    assert_eq!(refusal.code, codes::NAME_TOO_LONG);
    let mut named = request(&long, "eth9", "4094");
    named.segment = Some(name("short"));
    assert!(attach(&figure_1(), &named).is_ok());
}

#[test]
fn given_numbers_and_stations_are_taken() {
    let mut given = request("umbrella", "eth9", "10");
    given.s_vid = "500".parse().ok();
    given.base_c_vid = "600".parse().ok();
    given.c_vid = "700".parse().ok();
    given.vni = "20500".parse().ok();
    given.mac_limit = "12".parse().ok();
    given.stations = from_json(r#"[{"name":"PC","mac":"02:00:00:00:00:01"}]"#).expect("stations");
    let (valid, answer) = attach(&figure_1(), &given)
        .expect("attached")
        .check()
        .expect("valid");
    assert!(!answer.allocated);
    let segment = valid.segments().last().expect("the new one");
    assert_eq!((segment.s_vid.get(), segment.base_c_vid.get()), (500, 600));
    assert_eq!((segment.vni, segment.mac_limit), ("20500".parse().ok(), 12));
    assert_eq!(segment.attachments[0].stations[0].c_vid.get(), 700);
}

#[test]
fn a_number_outside_of_the_range_is_refused_by_the_check() {
    let mut given = request("umbrella", "eth9", "10");
    given.s_vid = "4000".parse().ok();
    let refusal = attach(&figure_1(), &given)
        .expect("a document")
        .check()
        .expect_err("out of range");
    assert_eq!(refusal.code, codes::OUTSIDE_RANGE);
    assert!(
        refusal
            .sentence
            .ends_with("the range of datacenter dc1; nothing was changed"),
        "{refusal}"
    );
}

#[test]
fn used_up_numbers_are_told() {
    let mut document = figure_1();
    document.datacenters[0].c_vids = "1100-1120".parse().expect("legal");
    document.datacenters[0].s_vids = "100".parse().expect("legal");
    for at in 0..30 {
        match attach(&document, &request("umbrella", &format!("p{at}"), "10")) {
            Ok(edited) => document = edited.document,
            Err(refusal) => {
                assert_eq!(refusal.code, codes::NO_FREE_NUMBER);
                return;
            }
        }
    }
    panic!("21 C-VIDs were enough for 30 ends");
}

#[test]
fn detaching_takes_empty_segments_and_tenants_away() {
    let document = attach(&figure_1(), &request("umbrella", "eth4", "20"))
        .expect("attached")
        .document;
    let edited = detach(&document, &release("umbrella", "eth4", "20")).expect("detached");
    assert!(edited.answer.removed_segment && edited.answer.removed_tenant);
    assert_eq!(edited.document, figure_1());
    let edited = detach(&figure_1(), &release("acme", "eth1", "10")).expect("detached");
    assert!(!edited.answer.removed_segment && !edited.answer.removed_tenant);
    assert_eq!(
        (edited.answer.segment.as_str(), edited.answer.stations),
        ("acme-v10", 1)
    );
}

#[test]
fn detaching_what_is_not_attached_is_refused() {
    refused(
        detach(&figure_1(), &release("acme", "eth1", "77")),
        codes::NOT_ATTACHED,
        "eth1 vlan 77 is not attached to tenant acme (it has untagged, vlan 10 on eth1 of edge1)",
    );
    refused(
        detach(&figure_1(), &release("acme", "eth2", "10")),
        codes::NOT_ATTACHED,
        "eth2 vlan 10 is not attached to tenant acme (it has nothing on eth2 of edge1)",
    );
    refused(
        detach(&figure_1(), &release("hooli", "eth2", "10")),
        codes::UNKNOWN_TENANT,
        "there is no tenant hooli",
    );
}

#[test]
fn a_request_is_read_from_json_with_the_same_care() {
    let request: Attach =
        from_json(r#"{"tenant":"acme","node":"edge1","port":"eth1","vlan":10}"#).expect("a request");
    assert_eq!(
        (request.vlan, request.segment),
        ("10".parse::<Vlan>().expect("legal"), None)
    );
    let problem =
        from_json::<Attach>(r#"{"tenant":"acme","node":"edge1","port":"eth1","vlna":10}"#).expect_err("typo");
    assert_eq!(
        problem.to_string(),
        "vlna is not a known field; did you mean \"vlan\"?"
    );
}
