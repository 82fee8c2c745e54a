use serde_json::json;

use super::*;
use crate::error::codes;

/// FIG 2 with one more label of initech, or another one at its place.
fn label(at: &'static str, to: &'static str, from: &'static str, label: u32) -> impl FnOnce(&mut Value) {
    move |json| {
        let pair = json!({"to": to, "from": from, "label": label});
        set(json, &format!("/tenants/2/segments/0/labels/{at}"), pair);
    }
}

#[test]
fn a_label_lies_in_the_range_of_the_datacenter_that_it_leads_to() {
    only_problem_in(
        FIGURE_2,
        label("0", "mtdc-100", "mtdc-200", 2500),
        codes::OUTSIDE_RANGE,
        "tenants[2].segments[0].labels[0].label is 2500, outside of 1000-1999, the range of datacenter mtdc-100",
    );
}

#[test]
fn a_label_belongs_to_one_way_of_one_segment() {
    only_problem_in(
        FIGURE_2,
        label("0", "mtdc-100", "mtdc-200", 1021),
        codes::NUMBER_TAKEN,
        "tenants[2].segments[1].labels[0].label is 1021, the label of tenants[2].segments[0].labels[0] already",
    );
    only_problem_in(
        FIGURE_2,
        label("-", "mtdc-100", "mtdc-250", 1020),
        codes::NUMBER_TAKEN,
        "tenants[2].segments[0].labels[2].label is 1020, the label of tenants[2].segments[0].labels[0] already",
    );
}

#[test]
fn a_pair_that_is_not_needed_stays() {
    let valid = valid_in(FIGURE_2, label("-", "mtdc-250", "mtdc-100", 3777));
    assert_eq!(valid.document().tenants[2].segments[0].labels.len(), 3);
}

#[test]
fn a_pair_of_datacenters_has_one_label_and_two_datacenters() {
    only_problem_in(
        FIGURE_2,
        label("-", "mtdc-100", "mtdc-200", 1500),
        codes::DUPLICATE_NAME,
        "tenants[2].segments[0].labels[2] is from mtdc-200 to mtdc-100, which is the name of an earlier label of \
         tenants[2].segments[0] already",
    );
    only_problem_in(
        FIGURE_2,
        label("-", "mtdc-100", "mtdc-100", 1500),
        codes::BAD_LABEL,
        "tenants[2].segments[0].labels[2] leads from mtdc-100 to mtdc-100; inside a datacenter frames have no label",
    );
    only_problem_in(
        FIGURE_2,
        label("-", "mtdc-300", "mtdc-100", 1500),
        codes::UNKNOWN_DATACENTER,
        "tenants[2].segments[0].labels[2].to is mtdc-300, and the document defines no datacenter of this name",
    );
    only_problem_in(
        FIGURE_2,
        label("-", "mtdc-100", "mtdc-300", 1500),
        codes::UNKNOWN_DATACENTER,
        "tenants[2].segments[0].labels[2].from is mtdc-300, and the document defines no datacenter of this name",
    );
}

#[test]
fn reserved_labels_cannot_be_written() {
    let mut json: Value = serde_json::from_str(FIGURE_2).expect("JSON");
    label("0", "mtdc-100", "mtdc-200", 15)(&mut json);
    let problem = crate::model::from_json::<Document>(&json.to_string()).expect_err("reserved");
    assert_eq!(
        problem.to_string(),
        "tenants[2].segments[0].labels[0].label is 15, a label is 16 to 1048575"
    );
}

#[test]
fn a_datacenter_without_labels_cannot_be_led_to() {
    let remove = |json: &mut Value| {
        json["datacenters"][2]
            .as_object_mut()
            .expect("a datacenter")
            .remove("labels");
        json["tenants"].as_array_mut().expect("tenants").truncate(1);
    };
    let problems = broken_in(FIGURE_2, remove);
    let shown: Vec<_> = problems.iter().map(ToString::to_string).collect();
    let needs = |from: &str| {
        format!(
            "tenants[0].segments[0].labels needs a label from {from} to mtdc-250, and datacenter mtdc-250 has no \
             range of labels"
        )
    };
    assert_eq!(shown, [needs("mtdc-100"), needs("mtdc-200")]);
    assert!(problems.iter().all(|problem| problem.code == codes::NO_RANGE));
    assert_eq!(
        problems[0].cure,
        "add \"labels\" to datacenter mtdc-250, as in \"1000-1999\""
    );
    only_problem_in(
        FIGURE_2,
        |json| {
            json["datacenters"][2]
                .as_object_mut()
                .expect("a datacenter")
                .remove("labels");
            json["tenants"].as_array_mut().expect("tenants").drain(..2);
            let pair = json!({"to": "mtdc-250", "from": "mtdc-100", "label": 3001});
            set(json, "/tenants/0/segments/0/labels/-", pair);
        },
        codes::NO_RANGE,
        "tenants[0].segments[0].labels[2].label is 3001, but datacenter mtdc-250 has no range of labels",
    );
}

#[test]
fn labels_that_are_used_up_are_told() {
    only_problem_in(
        FIGURE_2,
        |json| {
            json["datacenters"][2]["labels"] = "3000-3002".into();
        },
        codes::NO_FREE_NUMBER,
        "tenants[1].segments[0].labels needs a label from mtdc-200 to mtdc-250, and no label of 3000-3002 of \
         datacenter mtdc-250 is free",
    );
}
