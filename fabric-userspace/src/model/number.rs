//! Numbers that mean something, each with its legal range.

use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Error, Visitor};
use serde::ser::{Serialize, Serializer};

use super::Illegal;

macro_rules! number {
    ($(#[$doc:meta])* $name:ident($inner:ty), $min:literal to $max:literal, $rule:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name($inner);

        impl $name {
            /// Smallest legal value.
            pub const MIN: Self = Self($min);
            /// Greatest legal value.
            pub const MAX: Self = Self($max);
            /// What is legal, in words.
            pub const RULE: &'static str = $rule;

            /// The checked value.
            ///
            /// # Errors
            /// `value` is not in the legal range.
            pub fn new(value: $inner) -> Result<Self, Illegal> {
                Self::from_u64(u64::from(value))
            }

            /// The number, in host byte order.
            pub const fn get(self) -> $inner {
                self.0
            }

            pub(super) fn from_u64(value: u64) -> Result<Self, Illegal> {
                match <$inner>::try_from(value) {
                    Ok(number @ $min..=$max) => Ok(Self(number)),
                    Ok(_) | Err(_) => Err(Illegal::new(value.to_string(), $rule)),
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = Illegal;

            fn from_str(text: &str) -> Result<Self, Illegal> {
                let number = text.parse().map_err(|_| Illegal::new(format!("{text:?}"), $rule))?;
                Self::from_u64(number)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                self.0.serialize(serializer)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_u64(NumberVisitor($rule))
                    .and_then(|number| Self::from_u64(number).map_err(|bad| D::Error::custom(bad.sentence())))
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "integer", "minimum": $min, "maximum": $max, "description": $rule })
            }
        }
    };
}

number! {
    /// VLAN identifier that names a service: 802.1Q §9.6 keeps 0 for priority tags and 4095 for itself.
    ServiceVid(u16), 1 to 4094, "a VLAN is 1 to 4094"
}
number! {
    /// VXLAN network identifier, 24 bits (RFC 7348 §5).
    Vni(u32), 1 to 0x00ff_ffff, "a VNI is 1 to 16777215"
}
number! {
    /// Backbone service instance identifier, 24 bits (802.1Q-2014 §9.7); 0 and 0xffffff are reserved.
    ISid(u32), 1 to 0x00ff_fffe, "an I-SID is 1 to 16777214"
}
number! {
    /// MPLS label, 20 bits; 0 to 15 are reserved (RFC 3032 §2.1).
    Label(u32), 16 to 0x000f_ffff, "a label is 16 to 1048575"
}
number! {
    /// UDP port that can be sent to.
    UdpPort(u16), 1 to 65535, "a UDP port is 1 to 65535"
}
number! {
    /// Largest packet of a line, in bytes without Ethernet header; 1280 is what IPv6 asks of every link (RFC 8200 §5).
    LineMtu(u32), 1280 to 65535, "the MTU of a line is 1280 to 65535"
}
number! {
    /// How many MAC addresses a tenant or segment may have; the table of a node holds 1048576.
    MacLimit(u32), 1 to 1_048_576, "a MAC limit is 1 to 1048576"
}

impl UdpPort {
    /// The port IANA gave to VXLAN (RFC 7348 §8).
    pub const VXLAN: Self = Self(4789);
    /// The port IANA gave to MPLS in UDP (RFC 7510 §7).
    pub const MPLS: Self = Self(6635);
}

struct NumberVisitor(&'static str);

impl Visitor<'_> for NumberVisitor {
    type Value = u64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<u64, E> {
        Ok(value)
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<u64, E> {
        u64::try_from(value).map_err(|_| E::custom(Illegal::new(value.to_string(), self.0).sentence()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<u64, E> {
        Err(E::custom(Illegal::new(value.to_string(), self.0).sentence()))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<u64, E> {
        Err(E::custom(
            Illegal::new(format!("the text {value:?}"), self.0).sentence(),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ends_of_each_range_are_legal_and_their_neighbours_are_not() {
        assert!(ServiceVid::new(0).is_err() && ServiceVid::new(1).is_ok());
        assert!(ServiceVid::new(4094).is_ok() && ServiceVid::new(4095).is_err());
        assert!(Vni::new(0).is_err() && Vni::new(0xff_ffff).is_ok() && Vni::new(0x100_0000).is_err());
        assert!(Label::new(15).is_err() && Label::new(16).is_ok());
        assert!(Label::new(0xf_ffff).is_ok() && Label::new(0x10_0000).is_err());
        assert!(ISid::new(0).is_err() && ISid::new(0xff_fffe).is_ok() && ISid::new(0xff_ffff).is_err());
        assert!(UdpPort::new(0).is_err() && MacLimit::new(0).is_err());
    }

    #[test]
    fn json_cannot_build_an_illegal_number() {
        for text in [
            "0",
            "4095",
            "5000",
            "65537",
            "4294967301",
            "-1",
            "1.5",
            "\"10\"",
            "null",
            "true",
            "[]",
        ] {
            assert!(serde_json::from_str::<ServiceVid>(text).is_err(), "{text}");
        }
        assert_eq!(serde_json::from_str::<ServiceVid>("10").expect("legal").get(), 10);
    }

    #[test]
    fn a_refused_number_is_shown_with_the_rule() {
        let error = serde_json::from_str::<ServiceVid>("5000").expect_err("too great");
        assert!(
            error.to_string().starts_with("is 5000, a VLAN is 1 to 4094"),
            "{error}"
        );
        assert_eq!(
            "x".parse::<Vni>().expect_err("text").sentence(),
            "is \"x\", a VNI is 1 to 16777215"
        );
    }
}
