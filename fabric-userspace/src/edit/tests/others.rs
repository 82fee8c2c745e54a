use super::*;
use crate::model::{Link, Node, StationName};

fn segment(tenant: &str, segment: &str) -> SegmentAdd {
    SegmentAdd {
        tenant: name(tenant),
        name: name(segment),
        datacenter: None,
        s_vid: None,
        c_vid: None,
        vni: None,
        mac_limit: None,
    }
}

fn names(document: &Document) -> Vec<&str> {
    let segments = document.tenants.iter().flat_map(|tenant| &tenant.segments);
    segments.map(|segment| segment.name.as_str()).collect()
}

#[test]
fn a_segment_can_be_added_before_its_ends() {
    let edited = segment_add(&figure_1(), &segment("umbrella", "lab")).expect("added");
    assert!(edited.answer.changed && edited.answer.allocated && edited.answer.new_tenant);
    assert_eq!(
        (edited.answer.s_vid.get(), edited.answer.base_c_vid.get()),
        (102, 1102)
    );
    assert!(edited.clone().check().is_ok());
    let again = segment_add(&edited.document, &segment("umbrella", "lab")).expect("nothing to do");
    assert!(!again.answer.changed);
    assert_eq!(again.document, edited.document);
}

#[test]
fn a_segment_with_other_settings_or_another_owner_is_refused() {
    let mut other = segment("acme", "acme-v10");
    other.s_vid = "500".parse().ok();
    refused(
        segment_add(&figure_1(), &other),
        codes::SEGMENT_EXISTS,
        "tenant acme has a segment acme-v10 with other settings",
    );
    refused(
        segment_add(&figure_1(), &segment("globex", "acme-v10")),
        codes::SEGMENT_TAKEN,
        "segment acme-v10 belongs to tenant acme",
    );
}

#[test]
fn among_several_datacenters_a_new_segment_names_its_own() {
    let mut document = figure_1();
    document.datacenters.push(
        from_json(r#"{"name":"dc2","id":2,"s_vids":"2000-2999","c_vids":"4000-4094"}"#)
            .expect("a datacenter"),
    );
    refused(
        segment_add(&document, &segment("umbrella", "lab")),
        codes::NO_DATACENTER,
        "segment lab needs a datacenter, whose numbers it uses",
    );
    let mut placed = segment("umbrella", "lab");
    placed.datacenter = Some(name("dc2"));
    assert_eq!(
        segment_add(&document, &placed).expect("added").answer.s_vid.get(),
        2000
    );
}

#[test]
fn removing_a_segment_or_a_tenant_tells_what_went() {
    let removed = segment_remove(
        &figure_1(),
        &SegmentRemove {
            name: name("initech"),
        },
    )
    .expect("removed");
    let Removed {
        tenant,
        attachments,
        remotes,
        removed_tenant,
        ..
    } = removed.answer;
    assert_eq!(
        (tenant.as_str(), attachments, remotes, removed_tenant),
        ("initech", 1, 1, true)
    );
    assert_eq!(
        names(&removed.document),
        ["acme", "acme-v10", "globex", "globex-v10"]
    );
    let removed = tenant_remove(&figure_1(), &TenantRemove { name: name("acme") }).expect("removed");
    assert_eq!(
        (removed.answer.segments.len(), removed.answer.attachments),
        (2, 4)
    );
    assert_eq!(names(&removed.document), ["globex", "globex-v10", "initech"]);
    refused(
        tenant_remove(&figure_1(), &TenantRemove { name: name("hooli") }),
        codes::UNKNOWN_TENANT,
        "there is no tenant hooli",
    );
    refused(
        segment_remove(&figure_1(), &SegmentRemove { name: name("x") }),
        codes::UNKNOWN_SEGMENT,
        "there is no segment x",
    );
}

fn remote(segment: &str, link: &str) -> RemoteAdd {
    RemoteAdd {
        segment: name(segment),
        link: name(link),
        c_vid: None,
        vni: None,
    }
}

#[test]
fn a_remote_is_added_with_a_vni_and_removed_again() {
    let added = remote_add(&figure_1(), &remote("acme", "pathway")).expect("added");
    assert_eq!(
        (added.answer.vni, added.answer.c_vid),
        ("10000".parse().ok(), "201".parse().ok())
    );
    let again = remote_add(&added.document, &remote("acme", "pathway")).expect("nothing to do");
    assert!(!again.answer.changed && again.document == added.document);
    assert!(added.clone().check().is_ok());
    let release = RemoteRemove {
        segment: name("acme"),
        link: name("pathway"),
    };
    let removed = remote_remove(&added.document, &release).expect("removed");
    assert!(!removed.answer.removed_segment);
    refused(
        remote_remove(&removed.document, &release),
        codes::NOT_ATTACHED,
        "segment acme has no remote by link pathway",
    );
}

#[test]
fn a_remote_keeps_the_segments_vni() {
    let mut other = remote("initech", "pathway");
    other.vni = "20002".parse().ok();
    let refusal = remote_add(&figure_1(), &other).expect_err("fixed");
    assert_eq!(refusal.code, codes::NUMBER_FIXED);
    refused(
        remote_add(&figure_1(), &remote("acme", "nowhere")),
        codes::UNKNOWN_LINK,
        "the fabric has no link nowhere",
    );
}

fn station(segment: &str, port: &str, mac: &str) -> StationAdd {
    let place = StationPlace::Port {
        node: name("edge1"),
        port: port.parse().expect("legal"),
    };
    let mac = mac.parse().expect("legal");
    StationAdd {
        segment: name(segment),
        place,
        mac,
        name: StationName::new("PC").ok(),
        c_vid: None,
    }
}

#[test]
fn a_station_is_added_once_and_removed_again() {
    let added = station_add(&figure_1(), &station("acme", "eth1", "02:00:00:00:00:01")).expect("added");
    assert!(added.answer.changed && added.clone().check().is_ok());
    let again =
        station_add(&added.document, &station("acme", "eth1", "02:00:00:00:00:01")).expect("nothing to do");
    assert!(!again.answer.changed && again.document == added.document);
    let release = StationRemove {
        segment: name("acme"),
        mac: "02:00:00:00:00:01".parse().expect("legal"),
    };
    let removed = station_remove(&added.document, &release).expect("removed");
    assert_eq!(removed.document, figure_1());
    assert_eq!(removed.answer.place.to_string(), "eth1 of edge1");
    refused(
        station_remove(&removed.document, &release),
        codes::UNKNOWN_STATION,
        "segment acme has no static station 02:00:00:00:00:01",
    );
}

#[test]
fn a_station_can_stand_behind_a_foreign_vtep() {
    let mut far = station("initech", "eth3", "02:00:00:00:00:01");
    far.place = StationPlace::Link(name("pathway"));
    let added = station_add(&figure_1(), &far).expect("added");
    assert_eq!(added.document.tenants[2].segments[0].remotes[0].stations.len(), 2);
    assert!(added.check().is_ok());
}

#[test]
fn a_station_that_stands_elsewhere_or_nowhere_is_refused() {
    refused(
        station_add(&figure_1(), &station("acme", "eth1", "28:08:80:52:17:20")),
        codes::STATION_TAKEN,
        "28:08:80:52:17:20 stands at eth1 of edge2 in segment acme already",
    );
    refused(
        station_add(&figure_1(), &station("acme", "eth9", "02:00:00:00:00:01")),
        codes::NOT_ATTACHED,
        "segment acme has no end at eth9 of edge1",
    );
    refused(
        station_add(&figure_1(), &station("acme", "eth1", "01:00:5e:00:00:01")),
        codes::BAD_MAC,
        "01:00:5e:00:00:01 is not the address of one station",
    );
}

#[test]
fn port_options_are_set_one_by_one() {
    let set = |drop_group_source, tunnel_lldp| PortSet {
        node: name("edge1"),
        port: "eth1".parse().expect("legal"),
        drop_group_source,
        tunnel_lldp,
    };
    let first = port_set(&figure_1(), &set(Some(false), None)).expect("set");
    assert!(
        first.answer.changed && first.answer.old.drop_group_source && !first.answer.new.drop_group_source
    );
    let second = port_set(&first.document, &set(None, Some(true))).expect("set");
    assert_eq!(
        (second.answer.new.drop_group_source, second.answer.new.tunnel_lldp),
        (false, true)
    );
    assert_eq!(second.document.nodes[0].ports.len(), 1);
    assert!(
        !port_set(&second.document, &set(Some(false), Some(true)))
            .expect("nothing to do")
            .answer
            .changed
    );
    let nothing = port_set(&figure_1(), &set(Some(true), None)).expect("nothing to do");
    assert_eq!((nothing.answer.changed, nothing.document), (false, figure_1()));
}

#[test]
fn what_is_in_use_is_not_removed() {
    refused(
        datacenter_remove(&figure_1(), &name("dc1")),
        codes::STILL_USED,
        "datacenter dc1 is in use: node edge1 stands in it, node edge2 stands in it, segment acme has its numbers, \
         segment acme-v10 has its numbers, segment globex has its numbers, segment globex-v10 has its numbers, \
         segment initech has its numbers",
    );
    refused(
        node_remove(&figure_1(), &name("edge1")),
        codes::STILL_USED,
        "node edge1 is in use: link trunk0 ends at it, link pathway ends at it, segment acme is attached to it, \
         segment acme-v10 is attached to it, segment globex is attached to it, segment globex-v10 is attached to it, \
         segment initech is attached to it",
    );
    refused(
        link_remove(&figure_1(), &name("pathway")),
        codes::STILL_USED,
        "link pathway is in use: segment initech has a remote by it",
    );
    refused(
        link_remove(&figure_1(), &name("x")),
        codes::UNKNOWN_LINK,
        "the fabric has no link x",
    );
    refused(
        node_remove(&figure_1(), &name("edeg1")),
        codes::UNKNOWN_NODE,
        "the fabric has no node edeg1; did you mean edge1?",
    );
}

#[test]
fn many_users_are_counted() {
    let mut document = figure_1();
    for number in 0..9 {
        let node = Node {
            name: name(&format!("spare{number}")),
            datacenter: name("dc1"),
            ports: Vec::new(),
        };
        document = node_add(&document, &node).expect("added").document;
    }
    let refusal = datacenter_remove(&document, &name("dc1")).expect_err("in use");
    assert!(
        refusal.sentence.contains("node spare5 stands in it, and 8 more"),
        "{refusal}"
    );
}

#[test]
fn a_link_is_taken_out_of_service_and_put_back() {
    let name = name("trunk0");
    let down = link_set(&figure_1(), &name, true).expect("taken down");
    assert_eq!(
        (down.answer.changed, down.document.links[0].down),
        (true, Some(true))
    );
    assert!(
        !link_set(&down.document, &name, true)
            .expect("so already")
            .answer
            .changed
    );
    let up = link_set(&down.document, &name, false).expect("put back");
    assert_eq!((up.answer.changed, up.document), (true, figure_1()));
    refused(
        link_set(&figure_1(), &self::name("trunk1"), true),
        codes::UNKNOWN_LINK,
        "the fabric has no link trunk1; did you mean trunk0?",
    );
}

#[test]
fn a_datacenter_goes_with_the_labels_that_lead_to_it_or_from_it() {
    let text = include_str!("../../../../docs/examples/figure-2.json");
    let mut document: Document = crate::model::from_json(text).expect("a document");
    crate::allocate::allocate(&mut document);
    let gone = name("mtdc-250");
    document.nodes.retain(|node| node.datacenter != gone);
    document.links.retain(|link| {
        link.ends
            .iter()
            .all(|end| end.node.as_ref().is_none_or(|node| node.as_str() != "220"))
    });
    for segment in document
        .tenants
        .iter_mut()
        .flat_map(|tenant| &mut tenant.segments)
    {
        segment.attachments.retain(|end| end.node.as_str() != "220");
    }
    let edited = datacenter_remove(&document, &gone).expect("unused");
    let labels = |document: &Document| {
        document
            .tenants
            .iter()
            .flat_map(|tenant| &tenant.segments)
            .map(|segment| segment.labels.len())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        (labels(&document), labels(&edited.document)),
        (vec![6, 6, 2, 2], vec![2, 2, 2, 2])
    );
    edited.check().expect("valid without it");
}

#[test]
fn a_link_that_segments_need_is_kept_by_the_check() {
    let removed = link_remove(&figure_1(), &name("trunk0")).expect("a document");
    let refusal = removed.check().expect_err("members lost");
    assert_eq!((refusal.code, refusal.also.len()), (codes::UNREACHABLE, 3));
}

#[test]
fn the_plant_grows_and_shrinks() {
    let node = from_json(r#"{"name":"edge3","datacenter":"dc1"}"#).expect("a node");
    let document = node_add(&figure_1(), &node).expect("added").document;
    let link: Link = from_json(
        r#"{"name":"trunk1","kind":"trunk","ends":[{"node":"edge2","port":"t1"},{"node":"edge3","port":"t0"}]}"#,
    )
    .expect("a link");
    let grown = link_add(&document, &link).expect("added");
    assert!(grown.clone().check().is_ok());
    assert!(
        !link_add(&grown.document, &link)
            .expect("nothing to do")
            .answer
            .changed
    );
    let mut other = link.clone();
    other.ends.swap(0, 1);
    refused(
        link_add(&grown.document, &other),
        codes::DUPLICATE_NAME,
        "there is a link trunk1 with other settings",
    );
    let document = link_remove(&grown.document, &name("trunk1"))
        .expect("removed")
        .document;
    assert_eq!(
        node_remove(&document, &name("edge3")).expect("removed").document,
        figure_1()
    );
}
