//! Documents: planned, applied, kept.

use serde::{Deserialize, Serialize};

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
    /// Until when it must be confirmed; `null` if it is in force for good.
    #[serde(default)]
    pub pending: Option<Pending>,
}

/// A revision that is in force until it is confirmed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    /// Its number.
    pub revision: u64,
    /// The revision that comes back unless it is confirmed.
    pub before: u64,
    /// How long it was given.
    pub window_seconds: u64,
    /// How much of that is left, rounded up; 0 when it is over and going back is tried.
    pub left_seconds: u64,
    /// The node that took it; `null` where there is only one.
    pub by: Option<String>,
}

/// Request for [`path::CONFIRM`].
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Confirm {
    /// The revision that is meant; `None` for whichever waits.
    #[serde(default)]
    pub revision: Option<u64>,
}

/// Answer to [`Confirm`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confirmed {
    /// It is in force for good.
    pub revision: u64,
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
    /// True if it is in force until it is confirmed.
    #[serde(default)]
    pub pending: bool,
}

/// Request for [`path::ROLLBACK`].
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rollback {
    /// A revision of [`path::HISTORY`].
    pub revision: u64,
}
