//! Addresses with a prefix length, as gateways have. The length fits the family; the bits behind the prefix stay as written.

use std::borrow::Cow;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Error, Visitor};
use serde::ser::{Serialize, Serializer};

use super::Illegal;

const RULE: &str = "an address with its prefix length is written as in 10.10.10.1/24 or 2001:db8::1/64";

/// An IP address with the length of its prefix in bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct IpPrefix {
    address: IpAddr,
    length: u8,
}

impl IpPrefix {
    /// `length` is at most 32 or 128, by the family of the address.
    pub(crate) const fn new(address: IpAddr, length: u8) -> Self {
        Self { address, length }
    }

    /// The address, as it was written.
    pub const fn address(self) -> IpAddr {
        self.address
    }

    /// Bits of the prefix: at most 32 or 128.
    pub const fn length(self) -> u8 {
        self.length
    }

    /// The prefix alone: the address with zeros behind it.
    #[must_use]
    pub fn network(self) -> Self {
        let address = match self.address {
            IpAddr::V4(address) => IpAddr::from((address.to_bits() & mask_v4(self.length)).to_be_bytes()),
            IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & mask_v6(self.length))),
        };
        Self { address, ..self }
    }

    /// True if the address is of the prefix.
    pub fn contains(self, address: IpAddr) -> bool {
        let other = Self { address, ..self };
        self.address.is_ipv4() == address.is_ipv4() && self.network() == other.network()
    }

    /// True if some address is of both prefixes.
    pub fn overlaps(self, other: Self) -> bool {
        self.contains(other.address) && self.length <= other.length
            || other.contains(self.address) && other.length <= self.length
    }

    /// True if the address can be a host's: not the prefix itself, and in IPv4 not its last address, which is everybody's.
    pub fn is_host(self) -> bool {
        match self.address {
            IpAddr::V4(address) => {
                let rest = address.to_bits() & !mask_v4(self.length);
                // RFC 3021: with 31 bits both are hosts'.
                self.length >= 31 || rest != 0 && rest != !mask_v4(self.length)
            }
            IpAddr::V6(_) => self.length >= 127 || self.network() != self,
        }
    }
}

fn mask_v4(length: u8) -> u32 {
    u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0)
}

fn mask_v6(length: u8) -> u128 {
    u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0)
}

impl fmt::Display for IpPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}/{}", self.address, self.length))
    }
}

impl FromStr for IpPrefix {
    type Err = Illegal;

    fn from_str(text: &str) -> Result<Self, Illegal> {
        parse(text).ok_or_else(|| Illegal::new(format!("{text:?}"), RULE))
    }
}

fn parse(text: &str) -> Option<IpPrefix> {
    let (address, length) = text.split_once('/')?;
    let address: IpAddr = address.parse().ok()?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    // `parse` alone would take a sign.
    let digits = length.bytes().all(|byte| byte.is_ascii_digit());
    let length: u8 = length.parse().ok()?;
    (digits && length <= most).then_some(IpPrefix { address, length })
}

impl Serialize for IpPrefix {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for IpPrefix {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(IpPrefixVisitor)
    }
}

struct IpPrefixVisitor;

impl Visitor<'_> for IpPrefixVisitor {
    type Value = IpPrefix;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(RULE)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<IpPrefix, E> {
        text.parse().map_err(|bad: Illegal| E::custom(bad.sentence()))
    }
}

impl JsonSchema for IpPrefix {
    fn schema_name() -> Cow<'static, str> {
        "IpPrefix".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^[0-9A-Fa-f:.]+/[0-9]{1,3}$", "description": RULE })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefix(text: &str) -> IpPrefix {
        text.parse().expect("legal")
    }

    #[test]
    fn a_prefix_knows_its_addresses() {
        assert_eq!(prefix("10.10.10.1/24").network(), prefix("10.10.10.0/24"));
        assert_eq!(
            prefix("2001:db8:0:5::1/64").network(),
            prefix("2001:db8:0:5::/64")
        );
        assert_eq!(prefix("10.1.2.3/0").network(), prefix("0.0.0.0/0"));
        let contains = |text: &str, address: &str| prefix(text).contains(address.parse().expect("legal"));
        assert!(contains("10.10.10.1/24", "10.10.10.255") && !contains("10.10.10.1/24", "10.10.11.1"));
        assert!(contains("::/0", "2001:db8::1") && !contains("::/0", "10.0.0.1"));
        assert!(prefix("10.0.0.0/8").overlaps(prefix("10.10.0.0/16")));
        assert!(prefix("10.10.0.0/16").overlaps(prefix("10.0.0.0/8")));
        assert!(!prefix("10.10.0.0/16").overlaps(prefix("10.11.0.0/16")));
    }

    #[test]
    fn the_first_and_the_last_address_are_no_hosts() {
        for (text, is_host) in [
            ("10.10.10.0/24", false),
            ("10.10.10.255/24", false),
            ("10.10.10.254/24", true),
            ("10.10.10.0/31", true),
            ("2001:db8::/64", false),
            ("2001:db8::1/64", true),
        ] {
            assert_eq!(prefix(text).is_host(), is_host, "{text}");
        }
    }

    #[test]
    fn what_is_no_address_with_a_length_is_refused() {
        for bad in [
            "10.0.0.1",
            "10.0.0.1/33",
            "10.0.0.1/+8",
            "2001:db8::1/129",
            "10.0.0/8",
            "/8",
            "10.0.0.1/",
        ] {
            assert!(bad.parse::<IpPrefix>().is_err(), "{bad}");
        }
    }
}
