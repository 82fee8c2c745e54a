//! Stations.

use serde::{Deserialize, Serialize};

use crate::model::{Mac, Name};

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
    /// `static` (of the document), `learned` (from frames) or `evpn` (of BGP, as long as that says so).
    pub kind: String,
    /// Since it was last heard; `null` for entries that do not age.
    pub age_seconds: Option<f64>,
    /// Moves since it was last quiet.
    pub moves: u32,
}

/// Which stations to list or to flush; all given conditions must hold.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WhichStations {
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

/// Answer to a request to flush.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Flushed {
    /// Learned entries removed; static ones stay.
    pub entries: u64,
}
