//! MAC addresses: their text, whether one station can have them, and the one all nodes compute for a line's end without one.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Error, Visitor};
use serde::ser::{Serialize, Serializer};

use super::{IfName, Illegal, Name};

const RULE: &str = "a MAC address is six pairs of hex digits, as in 02:00:00:00:00:01";

/// MAC address in the order of the wire. Whether it names one station is a separate question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Mac([u8; 6]);

impl Mac {
    /// Any six octets are an address.
    pub const fn new(octets: [u8; 6]) -> Self {
        Self(octets)
    }

    /// The octets in the order of the wire.
    pub const fn octets(self) -> [u8; 6] {
        self.0
    }

    /// Bit 0 of the first octet: more than one receiver (802-2014 §8.2).
    pub const fn is_group(self) -> bool {
        self.0[0] & 1 == 1
    }

    /// The address of a link's end on its line that was given none: `02`, which is locally administered (802-2014
    /// §8.4), and the low five octets of the 64-bit FNV-1a hash of "NODE/PORT". Every node computes the same.
    pub fn of_line_end(node: &Name, port: &IfName) -> Self {
        let text = format!("{node}/{port}");
        let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        let [_, _, _, a, b, c, d, e] = hash.to_be_bytes();
        Self([0x02, a, b, c, d, e])
    }

    /// Whether the address can belong to one station.
    pub fn is_unicast(self) -> bool {
        !self.is_group() && self.0 != [0; 6]
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        f.pad(&format!("{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}"))
    }
}

impl FromStr for Mac {
    type Err = Illegal;

    fn from_str(text: &str) -> Result<Self, Illegal> {
        parse(text)
            .map(Self)
            .ok_or_else(|| Illegal::new(format!("{text:?}"), RULE))
    }
}

fn parse(text: &str) -> Option<[u8; 6]> {
    let mut octets = [0; 6];
    let mut pairs = text.split(':');
    for octet in &mut octets {
        // `from_str_radix` alone would take a sign.
        let pair = pairs
            .next()
            .filter(|p| p.len() == 2 && p.bytes().all(|b| b.is_ascii_hexdigit()))?;
        *octet = u8::from_str_radix(pair, 16).ok()?;
    }
    pairs.next().is_none().then_some(octets)
}

impl Serialize for Mac {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Mac {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(MacVisitor)
    }
}

struct MacVisitor;

impl Visitor<'_> for MacVisitor {
    type Value = Mac;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(RULE)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Mac, E> {
        text.parse().map_err(|bad: Illegal| E::custom(bad.sentence()))
    }
}

impl JsonSchema for Mac {
    fn schema_name() -> Cow<'static, str> {
        "Mac".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5}$", "description": RULE })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mac_is_read_in_either_case_and_written_in_lower_case() {
        let mac: Mac = "56:89:6F:88:9d:C7".parse().expect("legal");
        assert_eq!(mac.octets(), [0x56, 0x89, 0x6f, 0x88, 0x9d, 0xc7]);
        assert_eq!(mac.to_string(), "56:89:6f:88:9d:c7");
    }

    #[test]
    fn what_is_not_six_pairs_is_refused() {
        for bad in [
            "",
            "09:19:20:07:05",
            "1:2:3:4:5:6",
            "02:00:00:00:00:01:02",
            "02-00-00-00-00-01",
            "+2:00:00:00:00:01",
        ] {
            assert!(bad.parse::<Mac>().is_err(), "{bad}");
        }
    }

    // `python3`: `for b in b"edge1/t0": h = (h ^ b) * 0x100000001b3 % 2**64`, from 0xcbf29ce484222325.
    #[test]
    fn a_line_end_without_an_address_gets_the_hash_of_its_name() {
        let end = |node: &str, port: &str| {
            Mac::of_line_end(&node.parse().expect("legal"), &port.parse().expect("legal")).to_string()
        };
        assert_eq!(end("edge1", "t0"), "02:39:73:c8:36:ac");
        assert_eq!(end("edge2", "t0"), "02:41:ac:d3:47:13");
    }

    #[test]
    fn group_and_zero_addresses_are_not_unicast() {
        let unicast = |text: &str| text.parse::<Mac>().expect("legal").is_unicast();
        assert!(unicast("56:89:6f:88:9d:c7"));
        assert!(
            !unicast("57:89:6f:88:9d:c7") && !unicast("ff:ff:ff:ff:ff:ff") && !unicast("00:00:00:00:00:00")
        );
    }
}
