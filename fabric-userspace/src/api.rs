//! What agent and command line say to each other: HTTP and JSON over the agent's unix socket.
//!
//! `--json` prints these objects as they are. Keys are only added within a schema number; an absent value is
//! `null`, a list is always a list, units are in the keys, times are RFC 3339 in UTC.

mod counters;
mod document;
mod edit;
mod envelope;
mod fdb;
mod gateway;
pub mod kind;
mod link;
pub mod path;
mod plant;
mod port;
mod status;
mod storage;
mod tenant;

pub use counters::{Count, Counters, NamedPortCounters, PortCounters, Reason, ReasonTotal, TenantCounters};
pub use document::{Applied, Confirm, Confirmed, Pending, Plan, Revision, Rollback};
pub use edit::Edit;
pub use envelope::{Envelope, Exported, Item, Items};
pub use fdb::{FdbEntry, Flushed, WhichStations};
pub use gateway::{Gateway, GatewayNeighbour, GatewayRoute, GatewaySegment};
pub use link::{BudgetLine, Link};
pub use plant::{Datacenter, Node, NodeDetail, NodePort, NodePortDetail, Refused};
pub use port::{Check, Port, PortChecks};
pub use status::{Problem, Status, Stop, Traffic};
pub use storage::{Act, Acted, StorageAct, Vsm, VsmMember, VsmSegment, VsmSwitch};
pub use tenant::{Attachment, Segment, SegmentLabel, Tenant};
