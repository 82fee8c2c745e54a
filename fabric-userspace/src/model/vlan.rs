//! What an attachment takes of its port: a VLAN, untagged frames or all. It names no stack of tags: inner ones just pass.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, SeqAccess, Visitor};
use serde::ser::{Serialize, Serializer};

use super::{Illegal, ServiceVid};

/// Which frames of an access port an attachment takes, told by the tenant's own outermost tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Vlan {
    /// Frames without a tag, and priority-tagged ones (VID 0).
    Untagged,
    /// Every frame of the port, tagged or not; the port has no other attachment.
    Any,
    /// Frames whose outermost tag has this VLAN.
    Tagged(ServiceVid),
}

impl fmt::Display for Vlan {
    /// As people read it after a port's name: `vlan 10`, `untagged`, `any`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Untagged => f.write_str("untagged"),
            Self::Any => f.write_str("any"),
            Self::Tagged(vid) => write!(f, "vlan {vid}"),
        }
    }
}

impl Vlan {
    /// The flags that name this VLAN on the command line.
    pub fn flags(self) -> String {
        match self {
            Self::Untagged => "--untagged".to_owned(),
            Self::Any => "--vlan any".to_owned(),
            Self::Tagged(vid) => format!("--vlan {vid}"),
        }
    }
}

impl FromStr for Vlan {
    type Err = Illegal;

    fn from_str(text: &str) -> Result<Self, Illegal> {
        match text {
            "untagged" => Ok(Self::Untagged),
            "any" => Ok(Self::Any),
            number => number.parse().map(Self::Tagged),
        }
    }
}

impl Serialize for Vlan {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Untagged => serializer.serialize_str("untagged"),
            Self::Any => serializer.serialize_str("any"),
            Self::Tagged(vid) => vid.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Vlan {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(VlanVisitor)
    }
}

struct VlanVisitor;

impl<'de> Visitor<'de> for VlanVisitor {
    type Value = Vlan;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(ServiceVid::RULE)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Vlan, E> {
        ServiceVid::from_u64(number)
            .map(Vlan::Tagged)
            .map_err(|bad| E::custom(bad.sentence()))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Vlan, E> {
        Err(E::custom(
            Illegal::new(number.to_string(), ServiceVid::RULE).sentence(),
        ))
    }

    /// Behind the outermost tag nothing is looked at, so a document has no way to ask for it.
    fn visit_seq<A: SeqAccess<'de>>(self, mut stack: A) -> Result<Vlan, A::Error> {
        let mut vlans = 0;
        while stack.next_element::<IgnoredAny>()?.is_some() {
            vlans += 1;
        }
        Err(A::Error::custom(format!(
            "is a stack of {vlans}, and only the tenant's outermost VLAN can be chosen by; his further tags pass as they are"
        )))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Vlan, E> {
        match text {
            "untagged" => Ok(Vlan::Untagged),
            "any" => Ok(Vlan::Any),
            other => Err(E::custom(
                Illegal::new(format!("the text {other:?}"), ServiceVid::RULE).sentence(),
            )),
        }
    }
}

impl JsonSchema for Vlan {
    fn schema_name() -> Cow<'static, str> {
        "Vlan".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "oneOf": [
                { "type": "integer", "minimum": 1, "maximum": 4094 },
                { "enum": ["untagged", "any"] },
            ],
            "description": "the tenant's own VLAN, \"untagged\", or \"any\" for every frame of the port",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vlan_is_a_number_or_one_of_two_words() {
        for text in ["10", "4094", "\"untagged\"", "\"any\""] {
            let vlan: Vlan = serde_json::from_str(text).expect("legal");
            assert_eq!(serde_json::to_string(&vlan).expect("plain"), text);
        }
        for text in [
            "0", "4095", "-3", "\"10\"", "\"all\"", "null", "1.5", "[]", "[10]", "[10, 20]",
        ] {
            assert!(serde_json::from_str::<Vlan>(text).is_err(), "{text}");
        }
    }
}
