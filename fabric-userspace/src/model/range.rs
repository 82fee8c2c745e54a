//! Ranges of S-VIDs and C-VIDs, VNIs, labels and I-SIDs. Invariant: none is empty, and every number in one is legal.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Error, Visitor};
use serde::ser::{Serialize, Serializer};

use super::{ISid, Illegal, Label, ServiceVid, Vni};

const RULE: &str = "a range is written \"100-1999\", the smaller number first";

/// A number that datacenters have ranges of.
pub trait RangeNumber: Copy + Ord + fmt::Display + FromStr<Err = Illegal> {
    /// The checked number, or `None` outside of the type's own limits.
    fn from_number(number: u32) -> Option<Self>;
    /// The number, in host byte order.
    fn number(self) -> u32;
}

macro_rules! range_number {
    ($($name:ident),+) => {$(
        impl RangeNumber for $name {
            fn from_number(number: u32) -> Option<Self> {
                Self::from_u64(u64::from(number)).ok()
            }

            fn number(self) -> u32 {
                self.get().into()
            }
        }
    )+};
}
range_number!(ServiceVid, Vni, Label, ISid);

/// Numbers from `first` to `last`, both included and in this order; written `"100-1999"`, or `"100"` for one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Range<T> {
    first: T,
    last: T,
}

impl<T: RangeNumber> Range<T> {
    /// The range of both numbers and all between.
    ///
    /// # Errors
    /// `first` is greater than `last`.
    pub fn new(first: T, last: T) -> Result<Self, Illegal> {
        if first <= last {
            Ok(Self { first, last })
        } else {
            Err(Illegal::new(format!("\"{first}-{last}\""), RULE))
        }
    }

    /// Smallest number.
    pub fn first(self) -> T {
        self.first
    }

    /// Greatest number.
    pub fn last(self) -> T {
        self.last
    }

    /// Whether `number` lies in the range.
    pub fn contains(self, number: T) -> bool {
        (self.first..=self.last).contains(&number)
    }

    /// Whether some number lies in both.
    pub fn overlaps(self, other: Self) -> bool {
        self.first <= other.last && other.first <= self.last
    }

    /// All numbers, ascending.
    pub fn iter(self) -> impl Iterator<Item = T> {
        (self.first.number()..=self.last.number()).filter_map(T::from_number)
    }
}

impl<T: RangeNumber> fmt::Display for Range<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first == self.last {
            self.first.fmt(f)
        } else {
            write!(f, "{}-{}", self.first, self.last)
        }
    }
}

impl<T: RangeNumber> FromStr for Range<T> {
    type Err = Illegal;

    fn from_str(text: &str) -> Result<Self, Illegal> {
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        if ![first, last]
            .iter()
            .all(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
        {
            return Err(Illegal::new(format!("{text:?}"), RULE));
        }
        let in_range = |bad: Illegal| Illegal::new(format!("{text:?}"), bad.rule);
        Self::new(first.parse().map_err(in_range)?, last.parse().map_err(in_range)?)
    }
}

impl<T: RangeNumber> Serialize for Range<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de, T: RangeNumber> Deserialize<'de> for Range<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(RangeVisitor(std::marker::PhantomData))
    }
}

struct RangeVisitor<T>(std::marker::PhantomData<T>);

impl<T: RangeNumber> Visitor<'_> for RangeVisitor<T> {
    type Value = Range<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(RULE)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Range<T>, E> {
        text.parse().map_err(|bad: Illegal| E::custom(bad.sentence()))
    }
}

impl<T> JsonSchema for Range<T> {
    fn schema_name() -> Cow<'static, str> {
        "Range".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^[0-9]+(-[0-9]+)?$", "description": RULE })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(text: &str) -> Result<Range<ServiceVid>, Illegal> {
        text.parse()
    }

    #[test]
    fn a_range_is_read_back_as_it_was_written() {
        for text in ["100-1999", "1-4094", "7"] {
            assert_eq!(range(text).expect("legal").to_string(), text);
        }
        assert_eq!(range("7-7").expect("legal"), range("7").expect("legal"));
    }

    #[test]
    fn a_range_cannot_be_empty_reversed_or_outside_of_its_type() {
        for text in [
            "", "-", "5-", "-5", "9-3", "0-10", "1-4095", "1-2-3", "a-b", "1 - 2", "+1-2",
        ] {
            assert!(range(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn ranges_that_touch_in_one_number_overlap() {
        let [low, high, next] = ["1-10", "10-20", "11-20"].map(|text| range(text).expect("legal"));
        assert!(low.overlaps(high) && high.overlaps(low) && !low.overlaps(next) && !next.overlaps(low));
        assert_eq!(low.iter().count(), 10);
    }
}
