//! What the maps hold, as plain data: the language between compile, diff and the data path.

use std::collections::{BTreeMap, BTreeSet};

use fabric_common::maps::gateway::{Irb, Prefix, PrefixRoute};
use fabric_common::maps::storage::VsmPlace;
use fabric_common::maps::{
    Binding, FloodCopy, FloodKey, Line, NextHop, PairMember, Path, Port, Tunnel, VtepAddress,
};

/// A set of map entries: a whole node's, or one segment's share of them. Keys are the keys of
/// [`fabric_common::maps`]; two sets that are merged never share a key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Records {
    /// `PORTS` by interface index.
    pub ports: BTreeMap<u32, Port>,
    /// `EGRESS`: port slot → interface index.
    pub egress: BTreeMap<u16, u32>,
    /// `ACCESS` by [`fabric_common::maps::access_index`].
    pub access: BTreeMap<u32, Binding>,
    /// `TAGS` by [`fabric_common::maps::tag_key`] or [`fabric_common::maps::label_key`] → binding id.
    pub tags: BTreeMap<u64, u32>,
    /// `TAGS` by [`fabric_common::maps::line_key`] → line.
    pub line_keys: BTreeMap<u64, u32>,
    /// `LINES`.
    pub lines: BTreeMap<u32, Line>,
    /// `LABEL_SITES`: label / 8 → the sites of eight labels.
    pub label_sites: BTreeMap<u32, u64>,
    /// `ROUTES` by [`fabric_common::maps::route_index`].
    pub routes: BTreeMap<u32, Binding>,
    /// `BINDINGS` by id.
    pub bindings: BTreeMap<u32, Binding>,
    /// `TUNNEL_KEYS` by [`fabric_common::maps::tunnel_key`] → tunnel id.
    pub tunnel_keys: BTreeMap<u64, u32>,
    /// `TUNNELS` by id.
    pub tunnels: BTreeMap<u32, Tunnel>,
    /// `VTEPS`.
    pub vteps: BTreeSet<VtepAddress>,
    /// `SEGMENTS` by id.
    pub segments: BTreeMap<u32, SegmentLimits>,
    /// Static entries of `FDB`: (segment, address as [`fabric_common::wire::mac_word`]) → next hop id.
    pub stations: BTreeMap<(u32, u64), u32>,
    /// `NEXT_HOPS` by id.
    pub next_hops: BTreeMap<u32, NextHop>,
    /// `PATHS` by id.
    pub paths: BTreeMap<u32, Path>,
    /// `VSMS` by number.
    pub vsms: BTreeMap<u32, VsmLimits>,
    /// `VSM_PLACES` by id.
    pub vsm_places: BTreeMap<u32, VsmPlace>,
    /// Both members of a segment without a flood list, in `SEGMENTS`.
    pub pairs: BTreeMap<u32, [PairMember; 2]>,
    /// `IRBS` by id.
    pub irbs: BTreeMap<u32, Irb>,
    /// `PREFIXES`.
    pub prefixes: BTreeMap<Prefix, PrefixRoute>,
    /// `FLOOD`: segment id → port slot of each member; a port occurs as often as it has copies to send.
    pub flood: BTreeMap<u32, Vec<u16>>,
    /// `FLOOD_NEXT_HOPS`.
    pub flood_next_hops: BTreeMap<FloodKey, FloodCopy>,
}

/// What the agent sets of a [`fabric_common::maps::Segment`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SegmentLimits {
    /// Addresses that may be learned.
    pub stations: u32,
    /// Longest frame in bytes that is flooded.
    pub flooded_len: u32,
    /// The gateway's interface, index in `IRBS`; 0 for none.
    pub irb: u32,
    /// [`fabric_common::maps::FloodTerms::turns`].
    pub turns: bool,
}

/// What the agent sets of a [`fabric_common::maps::storage::Vsm`] when the document changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VsmLimits {
    /// Silence that is death while probes run, in nanoseconds; not 0.
    pub probe: u64,
    /// The same without probes, in nanoseconds; the largest number is never.
    pub silence: u64,
    /// Port of the service, if members are tried by connecting to it; else 0.
    pub tcp_port: u16,
    /// Address of probes that cross the fabric, see [`fabric_common::maps::storage::probe`]; 0 for none.
    pub prober: u64,
}

impl Records {
    /// Copies of a frame to everybody, the ingress's included.
    pub fn flood_members(&self) -> usize {
        let listed: usize = self.flood.values().map(Vec::len).sum();
        listed + self.pairs.values().flatten().count()
    }

    /// Adds all entries of `other`.
    pub fn merge(&mut self, other: &Self) {
        self.ports.extend(&other.ports);
        self.egress.extend(&other.egress);
        self.access.extend(&other.access);
        self.tags.extend(&other.tags);
        self.line_keys.extend(&other.line_keys);
        self.lines.extend(&other.lines);
        self.label_sites.extend(&other.label_sites);
        self.routes.extend(&other.routes);
        self.bindings.extend(&other.bindings);
        self.tunnel_keys.extend(&other.tunnel_keys);
        self.tunnels.extend(&other.tunnels);
        self.vteps.extend(&other.vteps);
        self.segments.extend(&other.segments);
        self.stations.extend(&other.stations);
        self.next_hops.extend(&other.next_hops);
        self.paths.extend(&other.paths);
        self.vsms.extend(&other.vsms);
        self.vsm_places.extend(&other.vsm_places);
        self.pairs.extend(&other.pairs);
        self.irbs.extend(&other.irbs);
        self.prefixes.extend(&other.prefixes);
        self.flood.extend(
            other
                .flood
                .iter()
                .map(|(segment, slots)| (*segment, slots.clone())),
        );
        self.flood_next_hops.extend(&other.flood_next_hops);
    }
}
