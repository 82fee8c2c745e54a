//! Names. They come from people and are printed in logs, metrics and terminals, so few characters are legal.

use std::borrow::{Borrow, Cow};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Error, Visitor};
use serde::ser::{Serialize, Serializer};

use super::Illegal;

macro_rules! text {
    ($(#[$doc:meta])* $name:ident, $legal:path, $pattern:literal, $rule:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        // Shared, because a document of 10,000 tenants is cloned for every change of it.
        pub struct $name(Arc<str>);

        impl $name {
            /// The checked text.
            ///
            /// # Errors
            /// `text` has a character or a length that is not allowed.
            pub fn new(text: &str) -> Result<Self, Illegal> {
                if $legal(text) { Ok(Self(text.into())) } else { Err(Illegal::new(format!("{text:?}"), $rule)) }
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = Illegal;

            fn from_str(text: &str) -> Result<Self, Illegal> {
                Self::new(text)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_str(TextVisitor { rule: $rule, build: Self::new })
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "pattern": $pattern, "description": $rule })
            }
        }
    };
}

text! {
    /// Name of a datacenter, node, link, tenant or segment.
    Name, is_name, "^[a-z0-9][a-z0-9._-]{0,62}$",
    "a name is 1 to 63 of a-z 0-9 . _ -, the first one a letter or digit"
}
text! {
    /// Name of a machine in a tenant's network; the tenant chose it, so capitals are legal.
    StationName, is_station_name, "^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$",
    "a station's name is 1 to 63 of A-Z a-z 0-9 . _ -, the first one a letter or digit"
}
text! {
    /// Name of a network interface, as the kernel allows it (`dev_valid_name`), without control characters.
    IfName, is_if_name, "^(?!\\.{1,2}$)[^/:\\s\\u200b-\\u200f\\u202a-\\u202e\\u2060-\\u2069\\ufeff]{1,15}$",
    "an interface name is 1 to 15 bytes without '/', ':', blanks or invisible characters"
}

impl Name {
    /// Stands for the numbers of the whole fabric among the names of its objects.
    pub(super) fn global_vids() -> Self {
        Self("global-vids".into())
    }
}

fn is_name(text: &str) -> bool {
    !text.bytes().any(|byte| byte.is_ascii_uppercase()) && is_station_name(text)
}

fn is_station_name(text: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    (1..=63).contains(&text.len())
        && text.bytes().all(legal)
        && text.starts_with(|first: char| first.is_ascii_alphanumeric())
}

fn is_if_name(text: &str) -> bool {
    // The kernel tests bytes, and its `isspace` counts 0xa0, which also occurs inside UTF-8 sequences.
    let legal = |byte: u8| !matches!(byte, b'/' | b':' | 0xa0);
    (1..=15).contains(&text.len())
        && text.bytes().all(legal)
        && !text.contains(|char: char| char.is_whitespace() || is_harmful(char))
        && !matches!(text, "." | "..")
}

/// Moves the cursor, ends a line, or reorders what stands beside it (Unicode TR 36 §2.10).
pub(crate) fn is_harmful(char: char) -> bool {
    char.is_control()
        || matches!(char, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

struct TextVisitor<T> {
    rule: &'static str,
    build: fn(&str) -> Result<T, Illegal>,
}

impl<T> Visitor<'_> for TextVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.rule)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        (self.build)(text).map_err(|bad| E::custom(bad.sentence()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_carry_markup_or_line_breaks() {
        for bad in [
            "",
            "-a",
            ".a",
            "A",
            "a b",
            "a\n",
            "a\u{1b}[31m",
            "a\"",
            "a{",
            "ä",
            &"a".repeat(64),
        ] {
            assert!(Name::new(bad).is_err(), "{bad:?}");
            assert!(serde_json::from_value::<Name>(bad.into()).is_err(), "{bad:?}");
        }
        for good in ["a", "0", "acme-v10", "dc1.rack_2", &"a".repeat(63)] {
            assert!(Name::new(good).is_ok(), "{good:?}");
        }
        assert!(StationName::new("102A").is_ok() && Name::new("102A").is_err());
    }

    #[test]
    fn an_interface_name_follows_the_kernel() {
        for bad in [
            "",
            ".",
            "..",
            "a/b",
            "a:b",
            "a b",
            "a\t",
            "sixteen-bytes-xx",
            "\u{1b}[2J",
            "a\u{a0}",
            "a\u{202e}b",
        ] {
            assert!(IfName::new(bad).is_err(), "{bad:?}");
        }
        for good in [
            "eth1",
            "fifteen-bytes-x",
            "...",
            "enp3s0f1np1",
            "eth1.10",
            "ETH@1",
        ] {
            assert!(IfName::new(good).is_ok(), "{good:?}");
        }
    }
}
