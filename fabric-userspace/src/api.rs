//! What agent and command line say to each other: HTTP and JSON over the agent's unix socket.
//!
//! `--json` prints these objects as they are. Keys are only added within a schema number; an absent value is
//! `null`, a list is always a list, units are in the keys, times are RFC 3339 in UTC.

use serde::{Deserialize, Serialize};

use crate::model::{
    Datacenter as DatacenterSpec, Document, IfName, Link as LinkSpec, Mac, Name, Node as NodeSpec,
    StationName, Vlan,
};

/// Paths of the API.
pub mod path {
    /// GET [`super::Status`].
    pub const STATUS: &str = "/v1/status";
    /// GET the document; PUT a new one, answered by [`super::Applied`]. Query: `?dry_run=true` answers
    /// [`super::Plan`]; `?if_revision=43` is refused (`stale-revision`) if another revision is in force;
    /// `?cause=apply%20site.json` stands in the history.
    pub const DOCUMENT: &str = "/v1/document";
    /// POST [`super::Edit`], answered by [`super::Applied`]. Query: `dry_run` and `if_revision` as for [`DOCUMENT`].
    pub const EDIT: &str = "/v1/edit";
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
    /// GET a list of [`super::Datacenter`].
    pub const DATACENTERS: &str = "/v1/datacenters";
    /// GET a list of [`super::NodeDetail`].
    pub const NODE_DETAILS: &str = "/v1/nodes/details";
    /// GET a list of [`super::Link`].
    pub const LINKS: &str = "/v1/links";
    /// GET a list of [`super::FdbEntry`]. Query: `?segment=NAME`.
    pub const FDB: &str = "/v1/fdb";
    /// POST [`super::Flush`], answered by [`super::Flushed`].
    pub const FDB_FLUSH: &str = "/v1/fdb/flush";
    /// GET [`super::Counters`].
    pub const COUNTERS: &str = "/v1/counters";
    /// GET a list of [`super::PortChecks`]. Query: `?port=NAME`.
    pub const DOCTOR: &str = "/v1/doctor";
    /// POST [`super::Stop`], answered at once by `{"schema": …, "kind": "stopping", "detach": …}`; then the agent ends.
    pub const STOP: &str = "/v1/stop";
    /// GET Prometheus text.
    pub const METRICS: &str = "/metrics";
}

/// Values of [`Envelope::kind`].
pub mod kind {
    /// Item [`super::Status`].
    pub const STATUS: &str = "status";
    /// Item [`crate::model::Document`].
    pub const DOCUMENT: &str = "document";
    /// Item [`super::Plan`].
    pub const PLAN: &str = "plan";
    /// Item [`super::Applied`].
    pub const APPLIED: &str = "applied";
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
    /// Items [`super::Datacenter`].
    pub const DATACENTER_LIST: &str = "datacenter-list";
    /// Items [`super::NodeDetail`].
    pub const NODE_DETAIL_LIST: &str = "node-detail-list";
    /// Items [`super::Link`].
    pub const LINK_LIST: &str = "link-list";
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
}

/// The form of every answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Envelope<T> {
    /// "fabric/1".
    pub schema: String,
    /// What `items` or `item` holds, as in `tenant-list`.
    pub kind: String,
    /// Revision of the document that the answer belongs to.
    pub revision: u64,
    /// The answer of a list.
    #[serde(flatten)]
    pub body: T,
}

/// A list inside of an [`Envelope`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Items<T> {
    /// In natural order of names.
    pub items: Vec<T>,
}

/// A single object inside of an [`Envelope`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Item<T> {
    /// The object.
    pub item: T,
}

/// Answer to `fabric status`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Status {
    /// This node.
    pub node: String,
    /// Where it stands.
    pub datacenter: Option<String>,
    /// Version of the agent.
    pub version: String,
    /// Process of the agent.
    pub pid: u32,
    /// Since the agent started.
    pub uptime_seconds: u64,
    /// `ok`, `degraded` or `down`.
    pub state: String,
    /// What is wrong, one sentence each; empty when `state` is `ok`.
    pub problems: Vec<Problem>,
    /// When the present revision was applied; `null` before the first one.
    pub applied_at: Option<String>,
    /// Where the document is decided: `file` or `etcd`.
    pub store: String,
    /// Members and prefix of an etcd; `null` for a file.
    #[serde(default)]
    pub store_address: Option<String>,
    /// The newest revision that the store holds; the envelope's is the one in the maps.
    #[serde(default)]
    pub desired_revision: u64,
    /// Layout version of the maps.
    pub layout: u32,
    /// Ports in use.
    pub ports: u64,
    /// Totals since the maps were made.
    pub traffic: Traffic,
    /// Learned and static entries.
    pub fdb_entries: u64,
    /// Slots of the FDB.
    pub fdb_capacity: u64,
}

/// Something a person must look at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// One sentence.
    pub status: String,
    /// What to do.
    pub action: String,
}

/// Frame totals of a node. `received` = `redirected` + `passed` + `dropped`, exactly.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Traffic {
    /// Frames that came in.
    pub received_frames: u64,
    /// Of these, sent on: to one port, or flooded.
    pub redirected_frames: u64,
    /// Of these, handed to the host's own stack.
    pub passed_frames: u64,
    /// Of these, dropped.
    pub dropped_frames: u64,
    /// Frames that went out; a flooded frame once per copy.
    pub transmitted_frames: u64,
    /// Flooded copies that were dropped on their way out.
    pub dropped_copies: u64,
}

/// A change of the document by a command.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Edit {
    /// `fabric tenant attach`.
    Attach {
        /// Tenant; made if it is not there.
        tenant: Name,
        /// The agent's own node if absent.
        #[serde(default)]
        node: Option<Name>,
        /// Access port.
        port: IfName,
        /// Which frames of the port.
        vlan: Vlan,
        /// Segment; named after tenant and VLAN if absent.
        #[serde(default)]
        segment: Option<Name>,
        /// S-VID of a new segment; allocated if absent.
        #[serde(default)]
        s_vid: Option<u16>,
        /// Base C-VID of a new segment; allocated if absent.
        #[serde(default)]
        c_vid: Option<u16>,
        /// VNI of a new segment; allocated if absent and needed.
        #[serde(default)]
        vni: Option<u32>,
        /// Limit of learned addresses of a new segment.
        #[serde(default)]
        mac_limit: Option<u32>,
        /// Stations with a fixed place here.
        #[serde(default)]
        stations: Vec<Mac>,
    },
    /// `fabric tenant detach`.
    Detach {
        /// Tenant.
        tenant: Name,
        /// The agent's own node if absent.
        #[serde(default)]
        node: Option<Name>,
        /// Access port.
        port: IfName,
        /// Which frames of the port.
        vlan: Vlan,
    },
    /// `fabric tenant remove`.
    RemoveTenant {
        /// Tenant.
        tenant: Name,
    },
    /// `fabric segment add`.
    AddSegment {
        /// Tenant; made if it is not there.
        tenant: Name,
        /// Name of the new segment.
        segment: Name,
        /// Whose ranges its numbers come from; needed where there are several.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        datacenter: Option<Name>,
        /// S-VID; allocated if absent.
        #[serde(default)]
        s_vid: Option<u16>,
        /// Base C-VID; allocated if absent.
        #[serde(default)]
        c_vid: Option<u16>,
        /// VNI; allocated if absent and needed.
        #[serde(default)]
        vni: Option<u32>,
        /// Limit of learned addresses.
        #[serde(default)]
        mac_limit: Option<u32>,
    },
    /// `fabric segment remove`.
    RemoveSegment {
        /// The segment.
        segment: Name,
    },
    /// `fabric port set`.
    SetPort {
        /// The agent's own node if absent.
        #[serde(default)]
        node: Option<Name>,
        /// Port.
        port: IfName,
        /// Drop frames from group addresses.
        #[serde(default)]
        drop_group_source: Option<bool>,
        /// Carry LLDP of the tenant.
        #[serde(default)]
        tunnel_lldp: Option<bool>,
    },
    /// `fabric fdb add`: a station with a fixed place.
    AddStation {
        /// Segment.
        segment: Name,
        /// Address.
        mac: Mac,
        /// The agent's own node if absent.
        #[serde(default)]
        node: Option<Name>,
        /// Access port where it is; or
        #[serde(default)]
        port: Option<IfName>,
        /// the link to the foreign VTEP where it is.
        #[serde(default)]
        link: Option<Name>,
        /// For people.
        #[serde(default)]
        name: Option<StationName>,
        /// C-VID of its own.
        #[serde(default)]
        c_vid: Option<u16>,
    },
    /// `fabric fdb remove`.
    RemoveStation {
        /// Segment.
        segment: Name,
        /// Address.
        mac: Mac,
    },
    /// `fabric datacenter add`.
    AddDatacenter {
        /// As a document has it.
        datacenter: Box<DatacenterSpec>,
    },
    /// `fabric datacenter remove`.
    RemoveDatacenter {
        /// The datacenter.
        datacenter: Name,
    },
    /// `fabric node add`.
    AddNode {
        /// As a document has it.
        node: Box<NodeSpec>,
    },
    /// `fabric node remove`.
    RemoveNode {
        /// The node.
        node: Name,
    },
    /// `fabric link add`.
    AddLink {
        /// As a document has it.
        link: Box<LinkSpec>,
    },
    /// `fabric link remove`.
    RemoveLink {
        /// The link.
        link: Name,
    },
    /// `fabric link down` and `fabric link up`.
    SetLink {
        /// The link.
        link: Name,
        /// True to take it out of service.
        down: bool,
    },
}

/// What a document or edit would do.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Plan {
    /// This node.
    pub node: String,
    /// Revision now.
    pub from_revision: u64,
    /// Revision after; the same if nothing changes.
    pub to_revision: u64,
    /// The changes of the document, as `fabric plan` prints them.
    pub changes: Vec<serde_json::Value>,
    /// The same, ready to print: one line each, with `+`, `~` or `-` in front.
    pub lines: Vec<String>,
    /// Objects added.
    pub added: u64,
    /// Objects changed.
    pub changed: u64,
    /// Objects removed.
    pub removed: u64,
    /// Map writes that make.
    pub writes_make: u64,
    /// Map writes that switch.
    pub writes_change: u64,
    /// Map writes that break.
    pub writes_break: u64,
    /// Attachments with recent traffic that would stop: "tenant NAME eth4 untagged".
    pub stops: Vec<String>,
}

/// A document that is in force.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Applied {
    /// What it changed.
    pub plan: Plan,
    /// Sentences about what was done, as `attached acme: eth1 vlan 10 -> segment acme-v10, S-VID 101, base C-VID 1101
    /// (allocated)`.
    pub notes: Vec<String>,
    /// What was changed on interfaces, one sentence each.
    pub interface_changes: Vec<String>,
    /// Time from the request to the last map write.
    pub elapsed_seconds: f64,
    /// The command that takes it back; `null` if nothing changed.
    pub undo: Option<String>,
}

/// One kept revision.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Revision {
    /// Its number.
    pub revision: u64,
    /// When it was applied.
    pub applied_at: String,
    /// What it was made by, as `tenant attach acme --port eth1 --vlan 10`.
    pub cause: String,
    /// The node that wrote it; `null` where there is only one.
    #[serde(default)]
    pub by: Option<String>,
    /// True for the one in force.
    pub current: bool,
}

/// A node of the fabric.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Node {
    /// Its name.
    pub name: String,
    /// Where it stands; `null` if the document does not have it.
    pub datacenter: Option<String>,
    /// `live`; `behind` the newest revision; `refused` it; or `away`: no word from its agent for ten seconds. What is
    /// said of an agent that is away says nothing of its forwarding.
    pub state: String,
    /// Revision in its maps; `null` if it is away.
    pub revision: Option<u64>,
    /// The newest revision, if it does not carry it out.
    pub refused: Option<Refused>,
    /// Its ports in use.
    pub ports: Vec<NodePort>,
    /// Version of its agent.
    pub version: Option<String>,
    /// Layout version of its maps.
    pub layout: Option<u32>,
    /// Since when its agent runs.
    pub started_at: Option<String>,
}

/// A revision that a node does not carry out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// Its number.
    pub revision: u64,
    /// As of any refusal.
    pub code: String,
    /// One sentence.
    pub reason: String,
}

/// A port as its node reports it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodePort {
    /// Interface.
    pub name: String,
    /// `up`, `down`, `unsafe` or `gone`.
    pub state: String,
}

/// Request for [`path::ROLLBACK`].
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rollback {
    /// A revision of [`path::HISTORY`].
    pub revision: u64,
}

/// A tenant and its traffic on this node.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Tenant {
    /// Its name.
    pub name: String,
    /// Its segments.
    pub segments: Vec<Segment>,
    /// Learned and static addresses on this node.
    pub macs: u64,
    /// Most addresses that may be learned.
    pub mac_limit: u64,
    /// From the tenant's ports on this node.
    pub received: Count,
    /// To the tenant's ports on this node.
    pub transmitted: Count,
}

/// One LAN of a tenant.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Segment {
    /// Its name.
    pub name: String,
    /// Its tenant.
    pub tenant: String,
    /// Whose ranges its numbers come from.
    pub datacenter: Option<String>,
    /// Outer tag.
    pub s_vid: Option<u16>,
    /// Inner tag of frames for everybody.
    pub base_c_vid: Option<u16>,
    /// Identifier on VXLAN links.
    pub vni: Option<u32>,
    /// Segment ID on I-TAG links.
    #[serde(default)]
    pub i_sid: Option<u32>,
    /// VLAN on `global-vlan` links.
    #[serde(default)]
    pub global_vid: Option<u16>,
    /// Datacenter tags, one for each way from one datacenter to another.
    #[serde(default)]
    pub labels: Vec<SegmentLabel>,
    /// Number in the maps of this node; `null` if the segment is not here.
    pub id: Option<u32>,
    /// Ports that a flooded frame leaves by, the ingress included.
    pub flood_ports: u64,
    /// Learned addresses on this node.
    pub learned_macs: u64,
    /// Most addresses that may be learned.
    pub mac_limit: u64,
    /// Stations that moved.
    pub moves: u64,
    /// Moves that were damped.
    pub damped_moves: u64,
    /// Addresses not learned, limit reached.
    pub refused_macs: u64,
    /// Its ends, on all nodes.
    pub attachments: Vec<Attachment>,
    /// Links to foreign VTEPs.
    pub remotes: Vec<String>,
}

/// The datacenter tag of a segment's frames on one way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentLabel {
    /// Datacenter that it leads to.
    pub to: String,
    /// Datacenter that the frames come from.
    pub from: String,
    /// Pseudowire label.
    pub label: u32,
}

/// One end of a segment.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Attachment {
    /// Node.
    pub node: String,
    /// Access port.
    pub port: String,
    /// `untagged`, `any`, or a number as text.
    pub vlan: String,
    /// Inner tag of frames for this end.
    pub c_vid: Option<u16>,
    /// `up`, `down`, `unsafe`, or `elsewhere` for another node's.
    pub state: String,
    /// From the tenant; zero for another node's.
    pub received: Count,
    /// To the tenant; zero for another node's.
    pub transmitted: Count,
}

/// Frames and bytes without frame check sequence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    /// Frames.
    pub frames: u64,
    /// Bytes.
    pub bytes: u64,
}

/// A port of this node.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Port {
    /// Interface.
    pub name: String,
    /// Interface index; `null` while the interface is gone.
    pub ifindex: Option<u32>,
    /// `access`, `trunk`, `pseudowire` or `underlay`.
    pub role: String,
    /// Driver.
    pub driver: Option<String>,
    /// `up`, `down`, `unsafe` or `gone`.
    pub state: String,
    /// In bytes.
    pub mtu: Option<u32>,
    /// Address.
    pub mac: Option<String>,
    /// Whether frames from group addresses are dropped.
    pub drop_group_source: bool,
    /// Whether the tenant's LLDP is carried.
    pub tunnel_lldp: bool,
    /// PCP rule of pushed S-tags.
    pub s_tag_pcp: u8,
    /// Attachments, as `acme vlan 10`, or links.
    pub carries: Vec<String>,
    /// What the agent changed on the interface and will put back.
    pub changes: Vec<String>,
    /// Its counters.
    pub counters: PortCounters,
}

/// Frames of one port. `received` = `redirected` + `passed` + sum of `dropped`, exactly.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortCounters {
    /// Everything that came in; bytes of dropped frames are not known and not in it.
    pub received: Count,
    /// Sent on to one port, or flooded.
    pub redirected_frames: u64,
    /// Handed to the host's own stack.
    pub passed_frames: u64,
    /// Dropped, all reasons.
    pub dropped_frames: u64,
    /// Sent through this port; a flooded frame once per copy.
    pub transmitted: Count,
    /// Flooded copies dropped on their way out, all reasons.
    pub dropped_copies: u64,
    /// Messages to senders whose packets came in here and were too big for their way.
    #[serde(default)]
    pub told_frames: u64,
    /// By reason, those that moved only.
    pub reasons: Vec<Reason>,
}

/// How often one reason ended a frame at one port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// [`fabric_common::DropReason::name`], or `reason-57` for one of a newer program.
    pub reason: String,
    /// `in`, or `out` for flooded copies.
    pub direction: String,
    /// Frames.
    pub frames: u64,
}

/// All counters of a node at one moment.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Counters {
    /// When they were read.
    pub at: String,
    /// Sum over all ports.
    pub total: Traffic,
    /// By port.
    pub ports: Vec<NamedPortCounters>,
    /// By tenant.
    pub tenants: Vec<TenantCounters>,
    /// By reason, every reason, with zeros.
    pub reasons: Vec<ReasonTotal>,
}

/// Counters of one port.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NamedPortCounters {
    /// Port.
    pub port: String,
    /// Its counters.
    #[serde(flatten)]
    pub counters: PortCounters,
}

/// Counters of one tenant.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TenantCounters {
    /// Tenant.
    pub tenant: String,
    /// From its ports.
    pub received: Count,
    /// To its ports.
    pub transmitted: Count,
}

/// One reason over all ports.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ReasonTotal {
    /// Its name.
    pub reason: String,
    /// What it means.
    pub help: String,
    /// What to do.
    pub cure: String,
    /// Frames and copies.
    pub frames: u64,
    /// The port with most of them; `null` if there are none.
    pub most_at: Option<String>,
}

/// A datacenter and its numbers.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Datacenter {
    /// Its name.
    pub name: String,
    /// Its id.
    pub id: u16,
    /// True for that of this node.
    pub here: bool,
    /// Outer tags, as in `100-1999`.
    pub s_vids: String,
    /// Inner tags.
    pub c_vids: String,
    /// VXLAN identifiers.
    pub vnis: Option<String>,
    /// Pseudowire labels.
    pub labels: Option<String>,
    /// Segment IDs.
    pub i_sids: Option<String>,
    /// Nodes that stand in it.
    pub nodes: Vec<String>,
    /// Segments whose numbers are of its ranges.
    pub segments: Vec<String>,
}

/// A node and what is at it, as the document has it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NodeDetail {
    /// Its name.
    pub name: String,
    /// Where it stands.
    pub datacenter: String,
    /// True for the agent's own.
    pub here: bool,
    /// Ports in use, with their roles.
    pub ports: Vec<NodePortDetail>,
    /// Links that end at it.
    pub links: Vec<String>,
    /// Segments with an end at it.
    pub segments: Vec<String>,
}

/// A port of a node, as the document has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodePortDetail {
    /// Interface.
    pub name: String,
    /// `access`, `trunk`, `pseudowire` or `underlay`; `null` if it has options only.
    pub role: Option<String>,
}

/// A link of the fabric.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Link {
    /// Its name.
    pub name: String,
    /// `trunk`, `pseudowire`, `mpls-udp`, `vxlan`, `i-tag` or `global-vlan`.
    pub kind: String,
    /// Port at this node; `null` for a link of other nodes.
    pub port: Option<String>,
    /// Both ends, as `edge1:t0`; the address alone for a foreign VTEP.
    #[serde(default)]
    pub ends: Vec<String>,
    /// Node at the other end; `null` for a foreign VTEP and for a link of other nodes.
    pub to: Option<String>,
    /// Our address in the underlay.
    pub local: Option<String>,
    /// The other end's address in the underlay.
    pub remote: Option<String>,
    /// The VLAN that the link rides in.
    pub vlan: Option<u16>,
    /// The label outside of the datacenter's.
    #[serde(default)]
    pub transport_label: Option<u32>,
    /// VLAN of the backbone of an `i-tag` link.
    #[serde(default)]
    pub b_vid: Option<u16>,
    /// `up`, `down`, `backup` (works, and others carry the traffic), `unresolved`, or `elsewhere` for a link of other
    /// nodes.
    pub state: String,
    /// Taken out of service with `fabric link down`.
    #[serde(default)]
    pub taken_down: bool,
    /// Segments that it carries.
    pub segments: Vec<String>,
    /// The byte budget, line by line: what, bytes, sum so far.
    pub budget: Vec<BudgetLine>,
    /// MTU of the port.
    #[serde(default)]
    pub mtu: Option<u32>,
    /// Largest frame that the port sends on this link.
    #[serde(default)]
    pub sends_bytes: Option<u32>,
    /// Bytes left; negative if the port has become too small. `null` for a link of other nodes.
    pub spare_bytes: Option<i64>,
    /// The largest MTU that tenants can have over this link.
    #[serde(default)]
    pub tenant_mtu: Option<u32>,
}

/// One line of a link's byte budget.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BudgetLine {
    /// As `+ VXLAN 8, UDP 8, IPv4 20`.
    pub what: String,
    /// Bytes of this line.
    pub bytes: u32,
    /// Sum up to this line.
    pub total_bytes: u32,
    /// What the sum is, as `on the wire`.
    #[serde(default)]
    pub sum: Option<String>,
}

/// Where a station is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FdbEntry {
    /// Segment.
    pub segment: String,
    /// Tenant.
    pub tenant: String,
    /// Address.
    pub mac: String,
    /// Where: `eth1`, or `trunk0 S 101 | C 201`, or `pathway vni 10001`.
    pub via: String,
    /// `static` or `learned`.
    pub kind: String,
    /// Since it was last heard; `null` for static entries.
    pub age_seconds: Option<f64>,
    /// Moves since it was last quiet.
    pub moves: u32,
}

/// Request for [`path::FDB_FLUSH`]; all given conditions must hold.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Flush {
    /// Only of this segment.
    #[serde(default)]
    pub segment: Option<Name>,
    /// Only of this tenant.
    #[serde(default)]
    pub tenant: Option<Name>,
    /// Only this address.
    #[serde(default)]
    pub mac: Option<Mac>,
}

/// Answer to [`Flush`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Flushed {
    /// Learned entries removed; static ones stay.
    pub entries: u64,
}

/// The checks of one port.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PortChecks {
    /// Port.
    pub port: String,
    /// `access`, `trunk`, `pseudowire`, `underlay`, or `null` for an interface that is not in use.
    pub role: Option<String>,
    /// Driver and peer, for people.
    pub about: String,
    /// The checks, see [`crate::safety::Check`].
    pub checks: Vec<Check>,
}

/// One check of a port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// Stable name.
    pub id: String,
    /// What is checked.
    pub name: String,
    /// `ok`, `warn` or `fail`.
    pub verdict: String,
    /// What was found.
    pub detail: String,
    /// What would happen.
    pub why: Option<String>,
    /// A command to paste.
    pub cure: Option<String>,
}

/// Request for [`path::STOP`].
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stop {
    /// Take the data path down and put the interfaces back; otherwise forwarding goes on.
    #[serde(default)]
    pub detach: bool,
}

/// The document with its revision, as `fabric export --json` gives it.
pub type Exported = Envelope<Item<Document>>;
