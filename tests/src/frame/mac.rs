//! MAC addresses.

use std::fmt;
use std::str::FromStr;

use anyhow::{Context, Result, ensure};

/// Six octets in wire order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mac([u8; 6]);

/// A literal address, also in constants: `const ALICE: Mac = mac("56:89:6f:88:9d:c7");`
///
/// # Panics
/// On a misspelt literal; in a constant the compiler says so. Text from outside goes through [`Mac::from_str`].
#[must_use]
pub const fn mac(literal: &str) -> Mac {
    let text = literal.as_bytes();
    assert!(text.len() == 17, "a MAC address is written aa:bb:cc:dd:ee:ff");
    let mut octets = [0; 6];
    let mut index = 0;
    while index < 6 {
        let at = index * 3;
        assert!(
            index == 5 || text[at + 2] == b':',
            "a MAC address has a colon between two octets"
        );
        octets[index] = nibble(text[at]) << 4 | nibble(text[at + 1]);
        index += 1;
    }
    Mac(octets)
}

const fn nibble(digit: u8) -> u8 {
    assert!(
        digit.is_ascii_hexdigit(),
        "a MAC address is written in hexadecimal digits"
    );
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => (digit | 0x20) - b'a' + 10,
    }
}

impl Mac {
    /// ff:ff:ff:ff:ff:ff.
    pub const BROADCAST: Self = Self([0xff; 6]);

    /// The octets in wire order.
    #[must_use]
    pub const fn octets(self) -> [u8; 6] {
        self.0
    }

    /// Whether it addresses a group: bit 0 of the first octet.
    #[must_use]
    pub const fn is_group(self) -> bool {
        self.0[0] & 1 == 1
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, f] = self.0;
        write!(formatter, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{f:02x}")
    }
}

impl FromStr for Mac {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let octets: Vec<&str> = text.split(':').collect();
        ensure!(
            octets.len() == 6 && octets.iter().all(|octet| octet.len() == 2),
            "{text} is no MAC address"
        );
        let mut mac = [0; 6];
        for (target, octet) in mac.iter_mut().zip(octets) {
            *target = u8::from_str_radix(octet, 16).with_context(|| format!("{text} is no MAC address"))?;
        }
        Ok(Self(mac))
    }
}

impl From<[u8; 6]> for Mac {
    fn from(octets: [u8; 6]) -> Self {
        Self(octets)
    }
}

/// For literals in tests, as [`mac`].
impl From<&str> for Mac {
    fn from(literal: &str) -> Self {
        mac(literal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_literal_and_a_parsed_text_are_the_same_address() {
        const HERE: Mac = mac("0a:B1:c2:d3:E4:ff");
        assert_eq!(HERE, "0a:b1:c2:d3:e4:FF".parse().unwrap());
        assert_eq!(HERE.to_string(), "0a:b1:c2:d3:e4:ff");
    }

    #[test]
    fn misspelt_text_is_refused() {
        for text in [
            "",
            "0a:b1:c2:d3:e4",
            "0a:b1:c2:d3:e4:fg",
            "0a:b1:c2:d3:e4:ff:00",
            "a:b:c:d:e:f",
        ] {
            assert!(text.parse::<Mac>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_figures_printed_sources_are_group_addresses() {
        assert!(mac("57:89:6f:88:9d:c7").is_group() && !mac("56:89:6f:88:9d:c7").is_group());
    }
}
