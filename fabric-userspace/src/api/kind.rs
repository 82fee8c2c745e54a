//! Values of [`super::Envelope::kind`].

/// Item [`super::Status`].
pub const STATUS: &str = "status";
/// Item [`crate::model::Document`].
pub const DOCUMENT: &str = "document";
/// Item [`super::Plan`].
pub const PLAN: &str = "plan";
/// Item [`super::Applied`].
pub const APPLIED: &str = "applied";
/// Item [`super::Confirmed`].
pub const CONFIRMED: &str = "confirmed";
/// Items [`super::Revision`].
pub const REVISION_LIST: &str = "revision-list";
/// Items [`super::Node`].
pub const NODE_LIST: &str = "node-list";
/// Items [`super::Tenant`].
pub const TENANT_LIST: &str = "tenant-list";
/// Items [`super::Segment`]; the command line makes it from [`TENANT_LIST`].
pub const SEGMENT_LIST: &str = "segment-list";
/// Items [`super::Port`].
pub const PORT_LIST: &str = "port-list";
/// Items [`super::Gateway`].
pub const GATEWAY_LIST: &str = "gateway-list";
/// Items [`super::Datacenter`].
pub const DATACENTER_LIST: &str = "datacenter-list";
/// Items [`super::NodeDetail`].
pub const NODE_DETAIL_LIST: &str = "node-detail-list";
/// Items [`super::Link`].
pub const LINK_LIST: &str = "link-list";
/// Items [`super::Vsm`].
pub const STORAGE_LIST: &str = "storage-list";
/// Item [`super::Acted`].
pub const ACTED: &str = "acted";
/// Items [`super::FdbEntry`].
pub const FDB_LIST: &str = "fdb-list";
/// Item [`super::Flushed`].
pub const FLUSHED: &str = "flushed";
/// Item [`super::Counters`].
pub const COUNTERS: &str = "counters";
/// Items [`super::PortChecks`].
pub const PORT_CHECKS_LIST: &str = "port-checks-list";
/// No item: the agent ends, see [`super::path::STOP`].
pub const STOPPING: &str = "stopping";
