//! Frames and bytes.

use serde::{Deserialize, Serialize};

use super::Traffic;

/// Frames and bytes without frame check sequence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    /// Frames.
    pub frames: u64,
    /// Bytes.
    pub bytes: u64,
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
    /// Thrown away by the interface's driver instead of being sent (`tx_dropped`), the host's own frames among them. The kernel
    /// counts them since the interface was made; `transmitted` has those of the fabric too. `None` if it does not tell.
    #[serde(default)]
    pub lost_frames: Option<u64>,
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
