//! Checked gateways: their segments by position, and for each route the segment in which its next hop is.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::super::SegmentIx;
use crate::model::{IpPrefix, Mac, Name};

/// A gateway with everything resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValidGateway {
    /// Unique in the fabric.
    pub name: Name,
    /// Whose segments it joins.
    pub tenant: Name,
    /// Its address in each of them.
    pub mac: Mac,
    /// The segments; at least one, and each of no other gateway.
    pub segments: Vec<ValidGatewaySegment>,
    /// Routes that lead through another router of one of the segments.
    pub routes: Vec<ValidRoute>,
}

/// A segment of a gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValidGatewaySegment {
    /// The segment.
    pub segment: SegmentIx,
    /// The IPv4 address there, with the length of its prefix.
    pub v4: Option<(Ipv4Addr, u8)>,
    /// The IPv6 address there.
    pub v6: Option<(Ipv6Addr, u8)>,
}

/// A prefix behind another router.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ValidRoute {
    /// Zeros behind its bits.
    pub prefix: IpPrefix,
    /// Of the same family, and of a prefix of the segment.
    pub via: IpAddr,
    /// Where it is, as a position in [`ValidGateway::segments`].
    pub at: usize,
}
