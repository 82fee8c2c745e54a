use std::fmt;
use std::str::FromStr;

use fabric_common::wire::VID_RESERVED;
use serde::de::{Deserialize, Deserializer, Error};
use serde::ser::{Serialize, Serializer};

use crate::model::{IfName, Name, Vlan};

/// Where frames of a segment enter and leave a node.
///
/// Written `eth1/10`, `eth1/untagged`, `trunk-a:200`: neither kind of name can have these signs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// An attachment.
    Local(IfName, Vlan),
    /// The far end of a link that this C-VID names there; 0 on links without C-tags.
    Remote(Name, u16),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local(port, Vlan::Tagged(vid)) => write!(f, "{port}/{vid}"),
            Self::Local(port, vlan @ (Vlan::Untagged | Vlan::Any)) => write!(f, "{port}/{vlan}"),
            Self::Remote(link, c_vid) => write!(f, "{link}:{c_vid}"),
        }
    }
}

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        parse(text).ok_or_else(|| format!("{text:?} is no place of a segment"))
    }
}

fn parse(text: &str) -> Option<Place> {
    if let Some((port, vlan)) = text.split_once('/') {
        return Some(Place::Local(port.parse().ok()?, vlan.parse().ok()?));
    }
    let (link, c_vid) = text.split_once(':')?;
    let c_vid = c_vid.parse().ok().filter(|number| *number < VID_RESERVED)?;
    Some(Place::Remote(link.parse().ok()?, c_vid))
}

impl Serialize for Place {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Place {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(D::Error::custom)
    }
}
