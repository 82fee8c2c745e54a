//! Frames that only pass a node: its lines carry what tenants of others may send, and where a frame comes in the narrowest line of
//! all ways is known.

use fabric_common::DropReason;
use serde_json::{Value, json};

use super::datacenters::figure2;
use super::support::{Station, compile_at, compile_from, golden, host, valid};
use crate::compile::twin::Outcome;
use crate::compile::{Image, Request, Scope, compile};
use crate::ids::Sizes;
use crate::model::Name;
use crate::validate::Valid;

/// What 1514 and 1518 bytes need behind S, C, control word, label and an Ethernet header.
const ENOUGH: u32 = 1530;
const ENOUGH_TAGGED: u32 = 1534;

fn with_mtu(mut document: Value, mtus: &[(&str, u32)]) -> Value {
    for link in document["links"].as_array_mut().expect("links") {
        if let Some((_, mtu)) = mtus.iter().find(|(name, _)| link["name"] == *name) {
            link["mtu"] = json!(mtu);
        }
    }
    document
}

fn refused(valid: &Valid, node: &str, mtu: u32) -> String {
    let refusal = compile_at(valid, node, &host(valid, node, mtu)).expect_err("a refusal");
    format!("{refusal}")
}

#[test]
fn a_node_that_knows_no_segment_refuses_lines_too_small_for_what_passes() {
    let valid = valid(&figure2(true));
    let refusal = refused(&valid, "n220", ENOUGH_TAGGED - 1);
    assert!(
        refusal.contains(
            "l226 cannot carry c's frames: 1518 + S 4 + C 4 + control word 4 + label 4 + outer Ethernet 14 = 1548 bytes, \
             l226 sends at most 1547 (MTU 1533 + 14)"
        ),
        "{refusal}"
    );
    assert!(refusal.contains("ip link set l226 mtu 1534"), "{refusal}");
    compile_at(&valid, "n220", &host(&valid, "n220", ENOUGH_TAGGED)).expect("it fits");
}

/// While line 224 is up nothing passes 220, but it is the way round.
#[test]
fn a_way_that_only_stands_by_counts_too() {
    let round = valid(&figure2(false));
    assert!(refused(&round, "n220", ENOUGH_TAGGED - 1).contains("mtu-too-small"));
    let mut document = figure2(false);
    document["links"][4]["down"] = json!(true);
    let apart = valid(&document);
    compile_at(&apart, "n220", &host(&apart, "n220", ENOUGH_TAGGED - 1)).expect("nothing passes");
}

/// A line that has become too small is no reason to refuse another tenant's change, and a frame larger than before is one.
#[test]
fn where_frames_pass_already_one_more_segment_changes_nothing() {
    let mut document = figure2(true);
    let tagged = document["tenants"][0]["segments"]
        .as_array_mut()
        .and_then(|segments| segments.pop())
        .expect("c-v30");
    let before = valid(&document);
    let (node, small) = (
        "n220".parse::<Name>().expect("a name"),
        host(&before, "n220", ENOUGH - 1),
    );
    let request = Request {
        in_force: true,
        valid: &before,
        node: &node,
        host: &small,
    };
    let image = compile(&request, &Image::empty(&Sizes::default()), &Scope::All).expect("it is in force");

    let mut more = document.clone();
    let mut second = more["tenants"][0]["segments"][0].clone();
    second["name"] = json!("c2");
    (second["s_vid"], second["c_vid"]) = (json!(122), json!(1122));
    second["labels"] = json!([]);
    for end in [0, 1] {
        let attachment = &mut second["attachments"][end];
        attachment["port"] = json!("x0");
        attachment["c_vid"] = json!(230 + end);
    }
    more["tenants"][0]["segments"]
        .as_array_mut()
        .expect("segments")
        .push(second);
    compile_from(&valid(&more), "n220", &small, &image).expect("no frame is larger than before");

    document["tenants"][0]["segments"]
        .as_array_mut()
        .expect("segments")
        .push(tagged);
    let refusal = compile_from(&valid(&document), "n220", &small, &image).expect_err("four bytes more");
    assert!(refusal.to_string().contains("1518 + S 4"), "{refusal}");
}

/// RFC 3032 section 3.4 lets a node that knows no tenant tell nobody. So the first node goes by the narrowest line, wherever it
/// is, and that of a way which only stands by.
#[test]
fn the_node_where_a_frame_comes_in_goes_by_the_narrowest_line_of_all_ways() {
    const LARGE: u32 = 9000;
    // Behind its Ethernet header a packet of 1590 bytes becomes one of 1620 on the line.
    for (direct_is_down, narrow) in [
        (true, "line228"),
        (true, "line226"),
        (false, "line226"),
        (true, "inner100"),
    ] {
        let document = with_mtu(figure2(direct_is_down), &[(narrow, 1620), ("line224", 8000)]);
        let valid = valid(&document);
        let mut first =
            Station::of(compile_at(&valid, "n212", &host(&valid, "n212", LARGE)).expect("it fits"));
        let mut frame = golden("uni-800");
        frame.resize(14 + 1590, 0);
        let (_, sent) = first.forward("c0", &frame);
        assert_eq!(sent.len(), 1620 + 14, "{narrow}");
        frame.push(0);
        assert_eq!(
            first.receive("c0", &frame),
            Outcome::Dropped(DropReason::TooBig),
            "{narrow}"
        );
    }
}

#[test]
fn a_line_is_as_large_as_the_document_says() {
    let document = with_mtu(figure2(true), &[("line228", 1600)]);
    let wide = valid(&document);
    let refusal = refused(&wide, "n220", 1599);
    assert!(
        refusal
            .contains("link line228 is said to take packets of 1600 bytes, and its port l228 has MTU 1599"),
        "{refusal}"
    );
    compile_at(&wide, "n220", &host(&wide, "n220", 1600)).expect("it fits");
    let mut without = host(&wide, "n220", 1600);
    let gone = without.ports.get_mut("l228").expect("a port of the node");
    (gone.ifindex, gone.mtu) = (0, 1500);
    compile_at(&wide, "n220", &without)
        .expect("an interface that is gone keeps no other change from being made");

    let narrow = valid(&with_mtu(figure2(true), &[("line228", ENOUGH_TAGGED - 1)]));
    let refusal = refused(&narrow, "n222", 9000);
    assert!(
        refusal.contains("l228 cannot carry c's frames")
            && refusal.contains("link line228 takes at most 1547 (its \"mtu\" 1533 + 14)")
            && refusal.contains("use a line that takes packets of 1534 bytes"),
        "{refusal}"
    );
}

/// Behind the next node a link is out of service: that node knows no tags of who is behind it, so nobody sends it any.
#[test]
fn who_is_behind_a_link_out_of_service_is_sent_nothing_by_his_own_tags() {
    for kind in ["trunk", "pseudowire", "vxlan"] {
        for down in [false, true] {
            let document = valid(&three_in_a_row(kind, down));
            let station = |node| {
                let mut host = host(&document, node, 1600);
                host.neighbours
                    .insert("bc".parse().expect("a name"), Some([2, 0, 0, 0, 0, 9]));
                Station::of(compile_at(&document, node, &host).expect("it fits"))
            };
            for destination in [[2, 0, 0, 0, 0, 0x0c], [0xff; 6]] {
                let frame = [&destination[..], &[2, 0, 0, 0, 0, 0x0a, 8, 0], &[0x5a; 46]].concat();
                let outcome = station("a").receive("eth1", &frame);
                let [sent] = outcome.sent()[..] else {
                    // Where nothing else is behind the trunk, nothing is sent into it.
                    assert_eq!(outcome, Outcome::Dropped(DropReason::NoReceiver), "{kind}");
                    assert!(down, "{kind}");
                    continue;
                };
                let outcome = station("b").receive("t0", &sent.bytes);
                match down {
                    true => assert_eq!(outcome, Outcome::Dropped(DropReason::NoReceiver), "{kind}"),
                    false => assert_eq!(outcome.sent().len(), 1, "{kind}: {outcome:?}"),
                }
            }
        }
    }
}

/// A trunk from a to b, and from b to c a link of some kind, behind which a station is.
fn three_in_a_row(kind: &str, down: bool) -> Value {
    let end = |node: &str, port: &str| json!({"node": node, "port": port});
    let is_foreign = kind == "vxlan";
    let stations = json!([{"mac": "02:00:00:00:00:0c"}]);
    let near = json!({"node": "a", "port": "eth1", "vlan": "untagged"});
    let mut segment = json!({"name": "lan", "attachments": [near]});
    let mut nodes = vec![
        json!({"name": "a", "datacenter": "dc1"}),
        json!({"name": "b", "datacenter": "dc1"}),
    ];
    let ends = match is_foreign {
        true => {
            segment["remotes"] = json!([{"link": "bc", "stations": stations}]);
            json!([{"node": "b", "port": "u0", "address": "192.0.2.1"}, {"address": "192.0.2.2"}])
        }
        false => {
            nodes.push(json!({"name": "c", "datacenter": if kind == "trunk" { "dc1" } else { "dc2" }}));
            let far = json!({"node": "c", "port": "eth1", "vlan": "untagged", "stations": stations});
            segment["attachments"] = json!([near, far]);
            json!([end("b", "t1"), end("c", "t0")])
        }
    };
    let datacenter = |id: u32| {
        let of = |first: u32| format!("{first}-{}", first + 99);
        json!({"name": format!("dc{id}"), "id": id, "s_vids": of(id * 100), "c_vids": of(1000 * id), "vnis": of(10_000 * id),
            "labels": of(1000 * id)})
    };
    json!({
        "schema": "fabric/1",
        "datacenters": [datacenter(1), datacenter(2)],
        "nodes": nodes,
        "links": [
            {"name": "ab", "kind": "trunk", "ends": [end("a", "t0"), end("b", "t0")]},
            {"name": "bc", "kind": kind, "ends": ends, "down": down}],
        "tenants": [{"name": "acme", "segments": [segment]}],
    })
}

/// What a line is said to take was checked when it was new. That it takes less by now keeps nobody from another change.
#[test]
fn a_line_in_force_that_has_become_too_small_refuses_no_other_change() {
    let document = with_mtu(figure2(true), &[("line228", 1600)]);
    let wide = valid(&document);
    let image = compile_at(&wide, "n220", &host(&wide, "n220", 1600)).expect("it fits");
    let small = host(&wide, "n220", 1590);
    compile_from(&wide, "n220", &small, &image).expect("nothing is new");
    let raised = valid(&with_mtu(document, &[("line228", 1610)]));
    let refusal = compile_from(&raised, "n220", &small, &image).expect_err("more than before");
    assert!(
        refusal.to_string().contains("said to take packets of 1610 bytes"),
        "{refusal}"
    );
}
