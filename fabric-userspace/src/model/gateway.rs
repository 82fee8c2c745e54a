//! Gateways: routers of a tenant between his own segments (US 10,560,283 claims 9, 24 and 42).

use std::net::IpAddr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{IpPrefix, Mac, Name};

/// A gateway of a tenant, with a table of prefixes of its own. It is at every node that has its segments, with the same addresses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a gateway object")]
pub struct Gateway {
    /// Unique in the fabric.
    pub name: Name,
    /// Whose segments it joins.
    pub tenant: Name,
    /// Its address in each of them.
    pub mac: Mac,
    /// The segments.
    pub segments: Vec<GatewaySegment>,
    /// Where packets go that are for none of the segments.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub routes: Vec<GatewayRoute>,
}

/// A segment of a gateway.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a segment of a gateway")]
pub struct GatewaySegment {
    /// Segment of the gateway's tenant.
    pub segment: Name,
    /// The gateway's addresses there with the length of their prefix, as in `10.10.10.1/24`; at most one of each family.
    pub addresses: Vec<IpPrefix>,
}

/// A prefix behind another router.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a route object")]
pub struct GatewayRoute {
    /// What is behind it; `0.0.0.0/0` for everything else.
    pub prefix: IpPrefix,
    /// Address of the router, in one of the segments.
    pub via: IpAddr,
}
