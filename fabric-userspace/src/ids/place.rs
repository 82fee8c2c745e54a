//! What a next hop or binding is known by from one document to the next. Its text is the key in the numbers that are saved.

use std::fmt;
use std::str::FromStr;

use fabric_common::wire::VID_RESERVED;
use serde::de::{Deserialize, Deserializer, Error};
use serde::ser::{Serialize, Serializer};

use crate::model::{IfName, Name, Vlan};

/// Where frames of a segment enter and leave a node.
///
/// Written `eth1/10`, `eth1/untagged`, `trunk-a:200`, `@dc2:200`, `#line-a:dc2:200`, `&dc2:0`, `%line-a:dc2`: neither kind of
/// name can have the signs between, and no name of ours the ones in front.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// An attachment.
    Local(IfName, Vlan),
    /// The far end of a link that this C-VID names there; 0 on links without C-tags.
    Remote(Name, u16),
    /// The end that this C-VID names in another datacenter.
    Far(Name, u16),
    /// What comes by a label link from another datacenter for this C-VID.
    Labelled(Name, Name, u16),
    /// The way on to a datacenter, or to a node of our own, of frames that only pass; true for those that have left their
    /// shortest way.
    Via(Name, bool),
    /// What comes by a label link on its way to a datacenter, or to a node of our own.
    Onward(Name, Name),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local(port, Vlan::Tagged(vid)) => write!(f, "{port}/{vid}"),
            Self::Local(port, vlan @ (Vlan::Untagged | Vlan::Any)) => write!(f, "{port}/{vlan}"),
            Self::Remote(link, c_vid) => write!(f, "{link}:{c_vid}"),
            Self::Far(datacenter, c_vid) => write!(f, "@{datacenter}:{c_vid}"),
            Self::Labelled(link, datacenter, c_vid) => write!(f, "#{link}:{datacenter}:{c_vid}"),
            Self::Via(to, aside) => write!(f, "&{to}:{}", u8::from(*aside)),
            Self::Onward(link, to) => write!(f, "%{link}:{to}"),
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
    let vid = |text: &str| text.parse().ok().filter(|number| *number < VID_RESERVED);
    let (name, rest) = text.split_once(':')?;
    if let Some(datacenter) = name.strip_prefix('@') {
        return Some(Place::Far(datacenter.parse().ok()?, vid(rest)?));
    }
    if let Some(link) = name.strip_prefix('#') {
        let (datacenter, c_vid) = rest.split_once(':')?;
        return Some(Place::Labelled(
            link.parse().ok()?,
            datacenter.parse().ok()?,
            vid(c_vid)?,
        ));
    }
    if let Some(to) = name.strip_prefix('&') {
        let aside = ["0", "1"].iter().position(|text| *text == rest)?;
        return Some(Place::Via(to.parse().ok()?, aside == 1));
    }
    if let Some(link) = name.strip_prefix('%') {
        return Some(Place::Onward(link.parse().ok()?, rest.parse().ok()?));
    }
    Some(Place::Remote(name.parse().ok()?, vid(rest)?))
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
