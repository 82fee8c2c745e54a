use serde_json::json;

use super::*;
use crate::error::codes;

#[test]
fn numbers_lie_in_the_ranges_of_the_segments_datacenter() {
    for (pointer, value, text) in [
        (
            "s_vid",
            2000,
            "s_vid is 2000, outside of 100-1099, the range of datacenter dc1",
        ),
        (
            "c_vid",
            199,
            "c_vid is 199, outside of 200-3999, the range of datacenter dc1",
        ),
        (
            "vni",
            9999,
            "vni is 9999, outside of 10000-29999, the range of datacenter dc1",
        ),
        (
            "attachments/0/c_vid",
            4000,
            "attachments[0].c_vid is 4000, outside of 200-3999, the range of datacenter dc1",
        ),
        (
            "remotes/0/c_vid",
            1,
            "remotes[0].c_vid is 1, outside of 200-3999, the range of datacenter dc1",
        ),
        (
            "attachments/0/stations/0/c_vid",
            1,
            "attachments[0].stations[0].c_vid is 1, outside of 200-3999, the range of datacenter dc1",
        ),
    ] {
        only_problem(
            &format!("/tenants/2/segments/0/{pointer}"),
            value.into(),
            codes::OUTSIDE_RANGE,
            &format!("tenants[2].segments[0].{text}"),
        );
    }
}

#[test]
fn a_pair_of_s_vid_and_c_vid_belongs_to_one_end() {
    only_problem(
        "/tenants/1/segments/0/attachments/0/c_vid",
        1110.into(),
        codes::NUMBER_TAKEN,
        "tenants[1].segments[0].attachments[0].c_vid is 1110, and S-VID 110 with C-VID 1110 belongs to \
         tenants[1].segments[0] already",
    );
    only_problem(
        "/tenants/1/segments/0/attachments/0/stations/0/c_vid",
        210.into(),
        codes::NUMBER_TAKEN,
        "tenants[1].segments[0].attachments[1].c_vid is 210, and S-VID 110 with C-VID 210 belongs to \
         tenants[1].segments[0].attachments[0] already",
    );
}

#[test]
fn stations_of_one_end_may_share_a_c_vid() {
    let mut document = figure_1();
    let stations = &mut document.tenants[1].segments[0].attachments[1].stations;
    stations[0].c_vid = stations[1].c_vid;
    assert_eq!(validate(document).err(), None);
}

#[test]
fn segments_that_share_an_s_vid_have_different_c_vids() {
    let mut document = figure_1();
    document.tenants[2].segments[0].s_vid = document.tenants[1].segments[0].s_vid;
    assert_eq!(validate(document.clone()).err(), None);
    document.tenants[2].segments[0].c_vid = document.tenants[1].segments[0].c_vid;
    let problems = validate(document).expect_err("the pair is taken");
    assert_eq!(problems.len(), 1);
    assert_eq!(
        problems[0].to_string(),
        "tenants[2].segments[0].c_vid is 1110, and S-VID 110 with C-VID 1110 belongs to tenants[1].segments[0] already"
    );
}

#[test]
fn a_vni_belongs_to_one_segment() {
    only_problem(
        "/tenants/0/segments/1/vni",
        20001.into(),
        codes::NUMBER_TAKEN,
        "tenants[2].segments[0].vni is 20001, the VNI of tenants[0].segments[1] already",
    );
}

#[test]
fn a_given_vni_needs_a_range() {
    let problems = broken(|json| {
        json["datacenters"][0]
            .as_object_mut()
            .expect("an object")
            .remove("vnis");
    });
    let text = "tenants[2].segments[0].vni is 20001, but datacenter dc1 has no range of VNIs";
    assert_eq!(
        problems.iter().map(ToString::to_string).collect::<Vec<_>>(),
        [text]
    );
    assert_eq!(problems[0].code, codes::NO_RANGE);
}

#[test]
fn a_vni_that_is_needed_and_cannot_be_chosen_is_missed() {
    let problems = broken(|json| {
        json["datacenters"][0]
            .as_object_mut()
            .expect("an object")
            .remove("vnis");
        json["tenants"][2]["segments"][0]
            .as_object_mut()
            .expect("an object")
            .remove("vni");
    });
    let text = "tenants[2].segments[0].vni is not given and none is free, but link pathway needs one";
    assert_eq!(
        problems.iter().map(ToString::to_string).collect::<Vec<_>>(),
        [text]
    );
    assert_eq!(problems[0].code, codes::NO_FREE_NUMBER);
}

#[test]
fn a_range_that_is_used_up_is_told_with_its_place() {
    let end = |at| json!({"node": "n", "port": format!("p{at}"), "vlan": 7});
    let tenant = |name: &str, ports: std::ops::Range<u32>| json!({"name": name, "segments": [{"name": name, "attachments": ports.map(end).collect::<Vec<_>>()}]});
    let refused = |tenants: Value| {
        let document = json!({
            "schema": "fabric/1",
            "datacenters": [{"name": "d", "id": 1, "s_vids": "5", "c_vids": "10-13"}],
            "nodes": [{"name": "n", "datacenter": "d"}],
            "tenants": tenants,
        });
        let document = crate::model::from_json(&document.to_string()).expect("a document");
        let problems = validate(document).expect_err("must be refused");
        assert!(
            problems
                .iter()
                .all(|problem| problem.code == codes::NO_FREE_NUMBER),
            "{problems:?}"
        );
        problems.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(
        refused(json!([tenant("a", 0..5)])),
        [
            "tenants[0].segments[0].attachments[3].c_vid is not given, and no number of 10-13 of datacenter d is free",
            "tenants[0].segments[0].attachments[4].c_vid is not given, and no number of 10-13 of datacenter d is free"
        ]
    );
    assert_eq!(
        refused(json!([tenant("a", 0..2), tenant("b", 2..3)])),
        ["tenants[1].segments[0].s_vid is not given, and no number of 5 of datacenter d is free"]
    );
}

#[test]
fn numbers_that_are_left_out_are_chosen() {
    let mut document = figure_1();
    for segment in document
        .tenants
        .iter_mut()
        .flat_map(|tenant| &mut tenant.segments)
    {
        (segment.s_vid, segment.c_vid, segment.vni, segment.datacenter) = (None, None, None, None);
        segment.attachments.iter_mut().for_each(|end| end.c_vid = None);
        segment.remotes.iter_mut().for_each(|end| end.c_vid = None);
    }
    let valid = validate(document).expect("valid");
    let tags: Vec<_> = valid
        .segments()
        .iter()
        .map(|s| (s.s_vid.get(), s.base_c_vid.get(), s.vni))
        .collect();
    let vni = crate::model::Vni::new(10000).ok();
    assert_eq!(
        tags,
        [
            (100, 1100, None),
            (101, 1101, None),
            (102, 1102, None),
            (103, 1103, None),
            (104, 1104, vni)
        ]
    );
}
