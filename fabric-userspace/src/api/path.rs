//! Paths of the API. A query option that a path does not take is refused with status 400; so is one that cannot be read.

/// GET [`super::Status`].
pub const STATUS: &str = "/v1/status";
/// GET the document; PUT a new one, answered by [`super::Applied`]. Query: `?dry_run=true` answers
/// [`super::Plan`]; `?if_revision=43` is refused (`stale-revision`) if another revision is in force;
/// `?cause=apply%20site.json` stands in the history; `?confirm_within=60` goes back after so many seconds unless
/// [`CONFIRM`] comes first.
pub const DOCUMENT: &str = "/v1/document";
/// POST [`super::Edit`], answered by [`super::Applied`]. Query: `dry_run` and `if_revision` as for [`DOCUMENT`].
pub const EDIT: &str = "/v1/edit";
/// POST [`super::Confirm`], answered by [`super::Confirmed`].
pub const CONFIRM: &str = "/v1/confirm";
/// GET a list of [`super::Revision`].
pub const HISTORY: &str = "/v1/history";
/// POST [`super::Rollback`], answered by [`super::Applied`]. Query: `if_revision` as for [`DOCUMENT`].
pub const ROLLBACK: &str = "/v1/rollback";
/// POST [`super::Rollback`], answered by [`super::Plan`]. A path of its own, because an agent without it must not
/// roll back instead.
pub const ROLLBACK_PLAN: &str = "/v1/rollback/plan";
/// GET a list of [`super::Node`].
pub const NODES: &str = "/v1/nodes";
/// GET a list of [`super::Tenant`].
pub const TENANTS: &str = "/v1/tenants";
/// GET a list of [`super::Port`].
pub const PORTS: &str = "/v1/ports";
/// GET a list of [`super::Gateway`].
pub const GATEWAYS: &str = "/v1/gateways";
/// GET a list of [`super::Datacenter`].
pub const DATACENTERS: &str = "/v1/datacenters";
/// GET a list of [`super::NodeDetail`].
pub const NODE_DETAILS: &str = "/v1/nodes/details";
/// GET a list of [`super::Link`].
pub const LINKS: &str = "/v1/links";
/// GET a list of [`super::Vsm`]; POST [`super::StorageAct`], answered by [`super::Acted`].
pub const STORAGE: &str = "/v1/storage";
/// GET a list of [`super::FdbEntry`]. Query: the fields of [`super::WhichStations`].
pub const FDB: &str = "/v1/fdb";
/// POST [`super::WhichStations`], answered by [`super::Flushed`].
pub const FDB_FLUSH: &str = "/v1/fdb/flush";
/// GET [`super::Counters`].
pub const COUNTERS: &str = "/v1/counters";
/// GET a list of [`super::PortChecks`]. Query: `?port=NAME`.
pub const DOCTOR: &str = "/v1/doctor";
/// POST [`super::Stop`], answered at once by itself; then the agent ends.
pub const STOP: &str = "/v1/stop";
/// GET Prometheus text.
pub const METRICS: &str = "/metrics";
