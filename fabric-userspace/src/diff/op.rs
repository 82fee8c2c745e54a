//! The steps of a change: one entry of one map set or cleared, or a wait. Each can be done to [`Records`] as to the maps.

use fabric_common::maps::gateway::{Irb, Prefix, PrefixRoute};
use fabric_common::maps::storage::VsmPlace;
use fabric_common::maps::{
    Binding, FloodCopy, FloodKey, Line, NextHop, PairMember, Path, Port, Tunnel, VtepAddress,
};

use crate::records::{Records, SegmentLimits, VsmLimits};

/// One write to one map.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    /// The entry shall be there with this value.
    Set(Entry),
    /// The entry shall not be there.
    Clear(Key),
    /// Programs that may have read what is there no more shall have ended.
    Grace,
}

macro_rules! tables {
    ($($(#[$doc:meta])+ $table:ident($field:ident: $key:ty => $value:ty);)+) => {
        /// An entry of a map: key and value as in the field of [`Records`] of the same name.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum Entry {
            $($(#[$doc])+ $table($key, $value),)+
            /// `VTEPS`
            Vtep(VtepAddress),
        }

        /// The key of an [`Entry`].
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Key {
            $($(#[$doc])+ $table($key),)+
            /// `VTEPS`
            Vtep(VtepAddress),
        }

        impl Op {
            /// Does to `records` what the operation does to the maps.
            pub fn apply(&self, records: &mut Records) {
                match self {
                    $(Self::Set(Entry::$table(key, value)) => { records.$field.insert(*key, value.clone()); })+
                    Self::Set(Entry::Vtep(address)) => { records.vteps.insert(*address); }
                    $(Self::Clear(Key::$table(key)) => { records.$field.remove(key); })+
                    Self::Clear(Key::Vtep(address)) => { records.vteps.remove(address); }
                    Self::Grace => {}
                }
            }
        }
    };
}

tables! {
    /// `EGRESS`
    Egress(egress: u16 => u32);
    /// `PORTS`
    Port(ports: u32 => Port);
    /// `PATHS`
    Path(paths: u32 => Path);
    /// `NEXT_HOPS`
    NextHop(next_hops: u32 => NextHop);
    /// `VSMS`
    Vsm(vsms: u32 => VsmLimits);
    /// `VSM_PLACES`
    VsmPlace(vsm_places: u32 => VsmPlace);
    /// `IRBS`
    Irb(irbs: u32 => Irb);
    /// `PREFIXES`
    Prefix(prefixes: Prefix => PrefixRoute);
    /// `SEGMENTS`
    Segment(segments: u32 => SegmentLimits);
    /// Members in `SEGMENTS`
    Pair(pairs: u32 => [PairMember; 2]);
    /// `FLOOD_NEXT_HOPS`
    FloodNextHop(flood_next_hops: FloodKey => FloodCopy);
    /// `FLOOD`
    Flood(flood: u32 => Vec<u16>);
    /// `BINDINGS`
    Binding(bindings: u32 => Binding);
    /// `TUNNELS`
    Tunnel(tunnels: u32 => Tunnel);
    /// Static entries of `FDB`
    Station(stations: (u32, u64) => u32);
    /// `LINES`
    Line(lines: u32 => Line);
    /// `ROUTES`
    Route(routes: u32 => Binding);
    /// `LABEL_SITES`
    LabelSites(label_sites: u32 => u64);
    /// `TAGS`
    Tag(tags: u64 => u32);
    /// Lines in `TAGS`
    LineKey(line_keys: u64 => u32);
    /// `TUNNEL_KEYS`
    TunnelKey(tunnel_keys: u64 => u32);
    /// `ACCESS`
    Access(access: u32 => Binding);
}
