//! The JSON of the API is a promise: keys are only added, and an absent value is `null`.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::data;
use crate::api::{
    Applied, Counters, Datacenter, Edit, Envelope, FdbEntry, Flushed, Item, Items, Link, Node, NodeDetail,
    Plan, Port, PortChecks, Revision, Segment, Status, Tenant, kind,
};
use crate::model::Document;

fn assert_shape<T: Serialize + DeserializeOwned>(json: &str, kind: &str) {
    let answer: Envelope<T> = serde_json::from_str(json).expect("the shape of the API");
    assert_eq!(answer.kind, kind);
    let again = serde_json::to_string_pretty(&answer).expect("plain data") + "\n";
    assert_eq!(again, json);
}

#[test]
fn every_answer_keeps_its_shape() {
    assert_shape::<Item<Status>>(data!("status"), kind::STATUS);
    assert_shape::<Items<Tenant>>(data!("tenants"), kind::TENANT_LIST);
    assert_shape::<Items<Port>>(data!("ports"), kind::PORT_LIST);
    assert_shape::<Items<Link>>(data!("links"), kind::LINK_LIST);
    assert_shape::<Items<Datacenter>>(data!("datacenters"), kind::DATACENTER_LIST);
    assert_shape::<Items<NodeDetail>>(data!("node-details"), kind::NODE_DETAIL_LIST);
    assert_shape::<Items<FdbEntry>>(data!("fdb"), kind::FDB_LIST);
    assert_shape::<Item<Counters>>(data!("counters"), kind::COUNTERS);
    assert_shape::<Items<PortChecks>>(data!("doctor"), kind::PORT_CHECKS_LIST);
    assert_shape::<Items<Node>>(data!("nodes"), kind::NODE_LIST);
    assert_shape::<Items<Revision>>(data!("history"), kind::REVISION_LIST);
    assert_shape::<Item<Document>>(data!("document"), kind::DOCUMENT);
    assert_shape::<Item<Plan>>(data!("plan"), kind::PLAN);
    assert_shape::<Item<Applied>>(data!("applied-document"), kind::APPLIED);
    assert_shape::<Item<Applied>>(data!("applied-edit"), kind::APPLIED);
    assert_shape::<Item<Applied>>(data!("applied-same"), kind::APPLIED);
    assert_shape::<Item<Flushed>>(data!("flushed"), kind::FLUSHED);
}

#[test]
fn a_segment_keeps_its_shape_outside_of_its_tenant() {
    let tenants: Vec<Tenant> = super::list(data!("tenants"));
    let segments: Vec<Segment> = tenants.into_iter().flat_map(|tenant| tenant.segments).collect();
    let keys: Vec<String> = serde_json::to_value(&segments[0])
        .expect("plain data")
        .as_object()
        .expect("an object")
        .keys()
        .cloned()
        .collect();
    assert_eq!(keys[..4], ["name", "tenant", "datacenter", "s_vid"]);
}

#[test]
fn a_request_names_its_operation_and_needs_no_optional_field() {
    let short = r#"{"op":"attach","tenant":"acme","port":"eth1","vlan":10}"#;
    let edit: Edit = serde_json::from_str(short).expect("defaults");
    let expected = concat!(
        r#"{"op":"attach","tenant":"acme","node":null,"port":"eth1","vlan":10,"segment":null,"#,
        r#""s_vid":null,"c_vid":null,"vni":null,"mac_limit":null,"stations":[]}"#
    );
    assert_eq!(serde_json::to_string(&edit).expect("plain data"), expected);
    assert!(serde_json::from_str::<Edit>(r#"{"op":"remove-tenant","tenant":"acme","x":1}"#).is_err());
}
