//! Storage machines: one address in a tenant's LAN with several machines behind it (US 10,560,283 claims 6, 7, 21, 22).

use std::net::IpAddr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{IfName, Mac, Name};

/// A storage machine (VSM): a service address with an ordered list of members.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a storage object")]
pub struct Vsm {
    /// Unique in the fabric.
    pub name: Name,
    /// The service's address, which every member has on its interface.
    pub mac: Mac,
    /// The tenants' segments that it serves.
    pub segments: Vec<VsmSegment>,
    /// TCP port of the storage protocol: 3260 iSCSI, 2049 NFS, 445 SMB, 10809 NBD. With it a member is alive if it accepts
    /// connections; without it, if it answers ARP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tcp_port: Option<u16>,
    /// Machines that can serve, the preferred one first.
    pub members: Vec<Member>,
    /// When a member is dead, and when it may come back.
    #[serde(default, skip_serializing_if = "Health::is_default")]
    pub health: Health,
    /// How the data come from the member in charge to the others; absent if they share it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replication: Option<ReplicationPolicy>,
}

/// A segment in which a storage machine is seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a segment of a storage machine")]
pub struct VsmSegment {
    /// Segment of any tenant.
    pub segment: Name,
    /// The storage machine's IP address there.
    pub address: IpAddr,
    /// A free IPv4 address of the same subnet, from which the agent tries `tcp_port`. Without one it asks by ARP alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probe_address: Option<IpAddr>,
}

/// A machine that can serve.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a member object")]
pub struct Member {
    /// Unique in the storage machine.
    pub name: Name,
    /// Number of the member where members are at several nodes, 1 to 8: by it the nodes mean the same one. Chosen if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<u8>,
    /// Node of its port.
    pub node: Name,
    /// Access port, attached to each of the storage machine's segments.
    pub port: IfName,
    /// QMP socket, on the node, of the software that copies this member's data to the others (`qemu-storage-daemon`). The
    /// job that copies to a member has that member's name as its id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub monitor: Option<String>,
}

/// When the copies are made (US 10,560,283 column 22).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ReplicationPolicy {
    /// Together with each write.
    Sync,
    /// At set times.
    Interval,
    /// After enough changes.
    Batch,
}

impl std::fmt::Display for ReplicationPolicy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Sync => "sync",
            Self::Interval => "interval",
            Self::Batch => "batch",
        })
    }
}

/// What a node does with a storage machine of several nodes while it cannot ask who is in charge.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Isolated {
    /// Traffic stays where it was.
    #[default]
    Keep,
    /// Nobody is served after three seconds.
    Stop,
}

/// When a member is dead, and when it may come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, expecting = "a health object")]
pub struct Health {
    /// Milliseconds between two probes of a member.
    pub interval_ms: u32,
    /// A member is dead that has not answered for so many intervals.
    pub multiplier: u32,
    /// Milliseconds without an answer to a client's frame that are death when nobody probes, as with the agent gone. More than
    /// a delayed acknowledgement (RFC 1122 section 4.2.3.2: 500 ms). With `replication` nobody takes over then.
    pub silence_ms: u32,
    /// Seconds that a member stays out of use after it died, however soon it answers again.
    pub hold_down_s: u32,
    /// Seconds that a preferred member must be well before it takes the service back (G.8031 clause 11.13).
    pub wait_to_restore_s: u32,
    /// Whether it takes the service back by itself at all.
    pub revertive: bool,
    /// Whether the first frame past the limit takes the standby's way by itself, without the agent.
    pub in_path: bool,
    /// Whether clients are made to notice a switch at once, see `docs/storage.md`.
    pub nudge: bool,
    /// With members at several nodes: what a node does that cannot reach the store.
    #[serde(skip_serializing_if = "Isolated::is_keep")]
    pub isolated: Isolated,
}

impl Default for Health {
    fn default() -> Self {
        Self {
            interval_ms: 5,
            multiplier: 4,
            silence_ms: 600,
            hold_down_s: 10,
            wait_to_restore_s: 300,
            revertive: true,
            in_path: true,
            nudge: true,
            isolated: Isolated::Keep,
        }
    }
}

impl Isolated {
    fn is_keep(&self) -> bool {
        *self == Self::Keep
    }
}

impl Health {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}
