//! The document that describes the whole fabric, and the checked values it is made of.
//!
//! Everything here is plain data. Illegal values cannot be built, not from JSON either; what only makes sense
//! together (references, ranges, roles) is checked by [`crate::validate`].

mod changes;
mod document;
mod gateway;
mod ip_prefix;
mod link;
mod mac;
mod natural;
mod number;
mod parse;
mod range;
mod schema;
mod shared;
mod starter;
mod storage;
mod text;
mod vlan;

#[cfg(test)]
pub(crate) mod generate;

pub use changes::{AttachmentKey, Change, Kind, Line, Sign, document_diff, document_diff_marking};
pub use document::{
    Attachment, Datacenter, Document, Node, PortOptions, Remote, SchemaVersion, Segment, SegmentLabel,
    Station, Tenant,
};
pub use gateway::{Gateway, GatewayRoute, GatewaySegment};
pub use ip_prefix::IpPrefix;
pub use link::{Link, LinkEnd, LinkKind, OuterTpid};
pub use mac::Mac;
pub use natural::natural;
pub use number::{ISid, Label, LineMtu, MacLimit, ServiceVid, UdpPort, Vni};
pub(crate) use parse::most_similar;
pub use parse::{from_json, from_json_bytes};
pub use range::{Range, RangeNumber};
pub use schema::schema;
pub use shared::Shared;
pub(crate) use shared::between;
pub use storage::{Health, Member, ReplicationPolicy, Vsm, VsmSegment};
pub(crate) use text::is_harmful;
pub use text::{IfName, Name, StationName};
pub use vlan::Vlan;

use std::fmt;

/// A value that its type does not allow. `Display` gives the rule alone, as `clap` wants it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Illegal {
    value: String,
    rule: &'static str,
}

impl Illegal {
    fn new(value: impl Into<String>, rule: &'static str) -> Self {
        Self {
            value: value.into(),
            rule,
        }
    }

    /// To be read after the name of the field: `is 5000, a VLAN is 1 to 4094`.
    pub fn sentence(&self) -> String {
        format!("is {}, {}", self.value, self.rule)
    }
}

impl fmt::Display for Illegal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.rule)
    }
}

impl std::error::Error for Illegal {}
