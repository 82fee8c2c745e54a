//! Storage machines.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::Name;

/// A storage machine, as `fabric storage show` tells of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Vsm {
    /// Unique in the fabric.
    pub name: String,
    /// The service's MAC address.
    pub mac: String,
    /// Where it is seen.
    pub segments: Vec<VsmSegment>,
    /// TCP port of its protocol.
    pub tcp_port: Option<u16>,
    /// The node that steers it.
    pub node: String,
    /// Whether that is this node; if not, what only that node knows is absent.
    pub here: bool,
    /// Why the owner in the store cannot be read, if its members are at several nodes. Then nobody decides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unreadable: Option<String>,
    /// Number of switches so far, the first decision included.
    pub epoch: Option<u32>,
    /// `ok`; `degraded` if nothing protects the member in charge or it is not the preferred one; `down` if it does not answer;
    /// `elsewhere` if another node knows.
    pub state: String,
    /// It was put where it is by hand and stays there.
    pub manual: bool,
    /// How the copies are made: `sync`, `interval`, `batch`, or absent.
    pub replication: Option<String>,
    /// Milliseconds between probes.
    pub interval_ms: u32,
    /// Intervals until a silent member is dead.
    pub multiplier: u32,
    /// Seconds that a member which died stays out of use.
    pub hold_down_s: u32,
    /// Seconds that a preferred member must be well before it takes the service back; absent if it never does.
    pub wait_to_restore_s: Option<u32>,
    /// In the order of preference.
    pub members: Vec<VsmMember>,
    /// TCP connections of clients that are known.
    pub flows: Option<u64>,
    /// By cause: `silent`, `manual`, `drained`, `restored`, `removed`.
    pub switches: BTreeMap<String, u64>,
    /// Nudges sent to clients.
    pub nudges: u64,
    /// The last switch since the agent began.
    pub last_switch: Option<VsmSwitch>,
}

/// A segment in which a storage machine is seen.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct VsmSegment {
    /// The segment.
    pub segment: String,
    /// Its tenant.
    pub tenant: String,
    /// Its S-VID.
    pub s_vid: u16,
    /// Its VNI.
    pub vni: Option<u32>,
    /// The storage machine's address there.
    pub address: String,
}

/// A machine that can serve.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct VsmMember {
    /// Unique in the storage machine.
    pub name: String,
    /// Node of its port.
    pub node: String,
    /// Its port.
    pub port: String,
    /// `working`, `protection`, `fenced` (it died in charge, or lacks writes), `drained`, or `-` if another node knows.
    pub role: String,
    /// `up`, `down`, or `unknown`.
    pub health: String,
    /// Seconds since its last sign of life.
    pub heard_seconds: Option<f64>,
    /// `current` or `stale`; absent without replication.
    pub copy: Option<String>,
    /// Bytes that its copy lacks, if that is known.
    pub lag_bytes: Option<u64>,
    /// Seconds since its copy has lacked something.
    pub stale_seconds: Option<f64>,
    /// Frames of its port that were dropped because it is not in charge.
    pub fenced_frames: u64,
}

/// What happened at a switch; times in milliseconds after the last sign of life of the member before.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct VsmSwitch {
    /// Number of the switch.
    pub epoch: u32,
    /// RFC 3339, UTC.
    pub at: String,
    /// Member before.
    pub from: Option<String>,
    /// Member after.
    pub to: String,
    /// `silent`, `manual`, `drained`, `restored`, `removed`.
    pub cause: String,
    /// `in-path` or `agent`.
    pub by: String,
    /// When the agent knew.
    pub found_ms: f64,
    /// When it was done; of one in the path, when the agent saw it.
    pub switched_ms: f64,
    /// When the last client was nudged.
    pub nudged_ms: Option<f64>,
    /// Clients' connections that were nudged.
    pub nudges: u64,
}

/// What to do with a storage machine now; no part of the document.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StorageAct {
    /// The storage machine.
    pub storage: Name,
    /// What to do.
    pub act: Act,
}

/// An action on a storage machine.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Act {
    /// Put a member in charge.
    Switch {
        /// The member.
        to: Name,
        /// Also if it is down or stale.
        #[serde(default)]
        force: bool,
    },
    /// Take a member out of use.
    Drain {
        /// The member.
        member: Name,
    },
    /// Make every known client look at its connection.
    Nudge,
    /// Take a member back into use, or all, and let the preferred one come back.
    Restore {
        /// The member; all if absent.
        #[serde(default)]
        member: Option<Name>,
    },
}

/// Answer to [`StorageAct`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Acted {
    /// One sentence.
    pub note: String,
    /// The storage machine after it.
    pub storage: Vsm,
}
