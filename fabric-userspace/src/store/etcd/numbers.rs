//! Numbers of the wire that mean a tenant, as the objects of a document have them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::objects::Object;

/// Numbers as they stand on the wire, with the tenant that each belongs to. A number is told by its kind and value, as in
/// `tags-101-301` or `vni-10001`.
pub(super) type Numbers<'a> = BTreeMap<String, &'a str>;

/// A number of the wire that means a tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Number {
    /// S-VID and C-VID.
    Tags(u16, u16),
    /// VXLAN network identifier.
    Vni(u32),
    /// I-SID of an I-TAG.
    ISid(u32),
    /// VLAN of a global VLAN link.
    GlobalVid(u16),
    /// MPLS label between datacenters.
    Label(u32),
}

impl Number {
    /// From the name of its note.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (kind, value) = text.split_once('-')?;
        Some(match kind {
            "tags" => {
                let (outer, inner) = value.split_once('-')?;
                Self::Tags(outer.parse().ok()?, inner.parse().ok()?)
            }
            "vni" => Self::Vni(value.parse().ok()?),
            "i_sid" => Self::ISid(value.parse().ok()?),
            "global_vid" => Self::GlobalVid(value.parse().ok()?),
            "label" => Self::Label(value.parse().ok()?),
            _ => return None,
        })
    }
}

/// Numbers of these objects.
pub(super) fn numbers<'a>(objects: impl Iterator<Item = &'a Object>) -> Numbers<'a> {
    let mut all = Numbers::new();
    for object in objects {
        let Some(tenant) = object.of.as_deref() else {
            continue;
        };
        for number in of_segment(object) {
            all.insert(number, tenant);
        }
    }
    all
}

fn of_segment(object: &Object) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    let value = object.value.parsed();
    let field = |name: &str| value.get(name).filter(|value| !value.is_null());
    for single in ["vni", "i_sid", "global_vid"] {
        if let Some(value) = field(single) {
            all.insert(format!("{single}-{value}"));
        }
    }
    for label in field("labels").and_then(Value::as_array).into_iter().flatten() {
        all.extend(label.get("label").map(|label| format!("label-{label}")));
    }
    if let Some(s_vid) = field("s_vid") {
        let mut inner = BTreeSet::new();
        collect(&value, "c_vid", &mut inner);
        all.extend(inner.into_iter().map(|c_vid| format!("tags-{s_vid}-{c_vid}")));
    }
    all
}

/// All values of a field, at any depth.
fn collect(value: &Value, name: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            for (field, value) in fields {
                if field == name && value.is_number() {
                    found.insert(value.to_string());
                }
                collect(value, name, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, name, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Document, from_json};
    use crate::store::etcd::objects::{Objects, apart};

    #[test]
    fn a_note_is_read_as_it_was_written() {
        let read = [
            "tags-101-301",
            "vni-7",
            "i_sid-8",
            "global_vid-9",
            "label-16",
            "tags-1",
            "x-1",
        ];
        let expected = [
            Some(Number::Tags(101, 301)),
            Some(Number::Vni(7)),
            Some(Number::ISid(8)),
            Some(Number::GlobalVid(9)),
            Some(Number::Label(16)),
            None,
            None,
        ];
        assert_eq!(read.map(Number::parse), expected);
    }

    #[test]
    fn every_number_of_a_segment_is_known() {
        let text = r#"{"schema":"fabric/1","tenants":[{"name":"acme","segments":[
            {"name":"a","s_vid":101,"c_vid":1101,"vni":10001,"attachments":[
                {"node":"e1","port":"eth1","vlan":10,"c_vid":301,"stations":[{"mac":"02:00:00:00:00:01","c_vid":302}]},
                {"node":"e2","port":"eth1","vlan":10,"c_vid":303}]}]}]}"#;
        let document: Document = from_json(text).unwrap();
        let objects = apart(&document, &Objects::new()).unwrap();
        let all = numbers(objects.values());
        let expected = [
            "tags-101-1101",
            "tags-101-301",
            "tags-101-302",
            "tags-101-303",
            "vni-10001",
        ];
        assert_eq!(all.keys().map(String::as_str).collect::<Vec<_>>(), expected);
        assert!(all.values().all(|tenant| *tenant == "acme"));
    }
}
