//! Gateways of tenants.

use serde::{Deserialize, Serialize};

/// A gateway, and what this node knows of its neighbours.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Gateway {
    /// Its name.
    pub name: String,
    /// Whose segments it joins.
    pub tenant: String,
    /// Its address in each of them.
    pub mac: String,
    /// True if it is at this node.
    pub here: bool,
    /// The segments.
    pub segments: Vec<GatewaySegment>,
    /// Prefixes behind other routers.
    pub routes: Vec<GatewayRoute>,
}

/// A segment of a gateway.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct GatewaySegment {
    /// The segment.
    pub segment: String,
    /// The gateway's addresses there, as in `10.10.10.1/24`.
    pub addresses: Vec<String>,
    /// Stations that this node has heard of there; `null` if the gateway is not here.
    pub neighbours: Option<Vec<GatewayNeighbour>>,
}

/// A station that a gateway sends to.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct GatewayNeighbour {
    /// Its IP address.
    pub address: String,
    /// Its MAC address; `null` while it is asked for.
    pub mac: Option<String>,
}

/// A prefix behind another router.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct GatewayRoute {
    /// The prefix.
    pub prefix: String,
    /// The router's address.
    pub via: String,
}
