use std::collections::BTreeSet;

use super::*;
use crate::model::{Document, from_json};

fn document(tenants: &str) -> Document {
    from_json(&format!(
        r#"{{"schema":"fabric/1",
            "datacenters":[{{"name":"dc1","id":1,"s_vids":"100-1099","c_vids":"200-3999"}}],
            "nodes":[{{"name":"edge1","datacenter":"dc1"}}],"tenants":[{tenants}]}}"#
    ))
    .expect("a document")
}

const INITECH: &str = r#"{"name":"initech","segments":[{"name":"initech","s_vid":120,"c_vid":1120,
    "attachments":[{"node":"edge1","port":"eth4","vlan":"untagged","c_vid":200}]}]}"#;
const UMBRELLA: &str = r#"{"name":"umbrella","segments":[{"name":"umbrella-v20","s_vid":130,"c_vid":1130,
    "attachments":[{"node":"edge1","port":"eth3","vlan":20,"c_vid":200}]}]}"#;

fn acme(limit: u32) -> String {
    format!(r#"{{"name":"acme","mac_limit":{limit}}}"#)
}

fn printed(changes: &[Change]) -> String {
    changes
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn a_plan_reads_as_the_manual_shows() {
    let old = document(&[acme(1024), INITECH.to_owned()].join(","));
    let new = document(&[UMBRELLA.to_owned(), acme(4096)].join(","));
    let allocated = BTreeSet::from([Name::new("umbrella-v20").expect("legal")]);
    let changes = document_diff_marking(&old, &new, &allocated);
    let expected = "  \
  ~ tenant acme
  ~   mac-limit                   1024 -> 4096
  - tenant initech                1 segment
  -   eth4 untagged               segment initech, node edge1, C-VID 200
  + tenant umbrella               segment umbrella-v20, S-VID 130, base C-VID 1130 (allocated)
  +   eth3 vlan 20                segment umbrella-v20, node edge1, C-VID 200";
    assert_eq!(printed(&changes), expected);
    let removed = &changes[1].lines[0].attachment;
    assert_eq!(
        removed.as_ref().map(|key| (key.port.as_str(), key.vlan)),
        Some(("eth4", Vlan::Untagged))
    );
}

#[test]
fn equal_documents_and_another_order_are_no_change() {
    let one = document(&[INITECH, UMBRELLA].join(","));
    let other = document(&[UMBRELLA, INITECH].join(","));
    assert_eq!(document_diff(&one, &one), []);
    assert_eq!(document_diff(&one, &other), []);
}

#[test]
fn parts_of_a_living_tenant_are_told_apart() {
    let old = document(UMBRELLA);
    let mut new = old.clone();
    let segment = &mut new.tenants[0].segments[0];
    segment.mac_limit = "7".parse().ok();
    let mut second = segment.attachments[0].clone();
    second.port = "eth10".parse().expect("legal");
    second.stations = from_json(r#"[{"mac":"02:00:00:00:00:01"}]"#).expect("legal");
    segment.attachments.push(second);
    let mut third = segment.attachments[0].clone();
    third.port = "eth9".parse().expect("legal");
    segment.attachments.push(third);
    let expected = "  \
  ~ tenant umbrella
  ~   segment umbrella-v20 mac-limit  - -> 7
  +   eth9 vlan 20                segment umbrella-v20, node edge1, C-VID 200
  +   eth10 vlan 20               segment umbrella-v20, node edge1, C-VID 200
  +   station 02:00:00:00:00:01   at eth10 vlan 20";
    assert_eq!(printed(&document_diff(&old, &new)), expected);
}

#[test]
fn nodes_links_and_datacenters_are_compared_too() {
    let old = document("");
    let mut new = old.clone();
    new.datacenters[0].s_vids = "100-2000".parse().expect("legal");
    new.nodes[0].ports = from_json(r#"[{"name":"eth1","drop_group_source":false}]"#).expect("legal");
    new.links = from_json(
        r#"[{"name":"pathway","kind":"vxlan","vlan":100,"ends":[{"node":"edge1","port":"u0","address":"192.0.2.1"},{"address":"192.0.2.2"}]}]"#,
    )
    .expect("legal");
    let expected = "  \
  ~ datacenter dc1
  ~   S-VIDs                      100-1099 -> 100-2000
  ~ node edge1
  +   port eth1                   drop-group-source off, tunnel-lldp off
  + link pathway                  kind vxlan, vlan 100, ends 192.0.2.2 = edge1 u0 192.0.2.1";
    assert_eq!(printed(&document_diff(&old, &new)), expected);
}

#[test]
fn labels_links_and_global_vlans_are_told() {
    let base = include_str!("../../../../docs/examples/figure-2.json");
    let old: Document = from_json(base).expect("a document");
    let mut new = old.clone();
    new.global_vids = "4000-4094".parse().ok();
    new.links[2].down = Some(true);
    new.tenants[2].segments[0].labels[0].label = "1500".parse().expect("legal");
    new.tenants[2].segments[1].labels.clear();
    let expected = "  \
  + range global-vids             VIDs 4000-4094
  ~ link 224
  ~   down                        - -> yes
  ~ tenant initech
  ~   label from mtdc-200 to mtdc-100 label  1020 -> 1500
  -   label from mtdc-200 to mtdc-100  segment initech-v30, label 1021
  -   label from mtdc-100 to mtdc-200  segment initech-v30, label 2021";
    assert_eq!(printed(&document_diff(&old, &new)), expected);
}

/// A field that is not told is a change that nobody sees before it is made.
#[test]
fn every_field_of_a_storage_machine_is_told() {
    let vsm = |health: &str, id: &str| {
        let member = format!(r#"{{"name":"array-1"{id},"node":"edge1","port":"eth1"}}"#);
        let storage = format!(
            r#","storage":[{{"name":"disks","mac":"02:00:00:00:00:09","health":{health},"segments":[],"members":[{member}]}}]"#
        );
        let text = serde_json::to_string(&document("")).expect("JSON");
        from_json::<Document>(&format!("{}{storage}}}", &text[..text.len() - 1])).expect("a document")
    };
    let before = vsm("{}", "");
    let isolated = printed(&document_diff(&before, &vsm(r#"{"isolated":"stop"}"#, "")));
    assert!(
        isolated.contains("isolated") && isolated.contains("stop"),
        "{isolated}"
    );
    let numbered = printed(&document_diff(&before, &vsm("{}", r#","id":3"#)));
    assert!(
        numbered.contains("number") && numbered.contains('3'),
        "{numbered}"
    );
}
