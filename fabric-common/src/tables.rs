//! How the packet core sees the maps.

use crate::buckets::Bucket;
use crate::maps::gateway::{Irb, NeighbourBucket, PrefixKey, PrefixRoute};
use crate::maps::storage::{FlowRecord, Vsm, VsmPlace};
use crate::maps::{
    Binding, FloodCopy, FloodKey, Line, NextHop, Path, Port, Segment, Silence, Tunnel, VtepAddress,
};

/// The tables made of buckets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Table {
    /// Where stations are.
    Fdb,
    /// Tags and labels of links between nodes.
    Tags,
    /// Remote VTEPs and VNIs.
    Tunnels,
}

/// Look-ups, and nothing else. Index 0 never answers.
pub trait Tables {
    /// Secret of the bucket hash, [`crate::maps::Settings::seed`].
    fn seed(&self) -> [u64; 2];
    /// Buckets of a table minus one.
    fn mask(&self, table: Table) -> u32;
    /// [`crate::maps::Settings::damping_ticks`].
    fn damping_ticks(&self) -> u32;
    /// The present [`crate::maps::tick`].
    fn now(&self) -> u32;
    /// A bucket of one of the hash tables.
    fn bucket(&self, table: Table, index: u32) -> Option<&Bucket>;
    /// The port of an interface.
    fn port(&self, ifindex: u32) -> Option<&Port>;
    /// By [`crate::maps::access_index`].
    fn access(&self, index: u32) -> Option<&Binding>;
    /// A binding by its id.
    fn binding(&self, id: u32) -> Option<&Binding>;
    /// A tunnel by its id.
    fn tunnel(&self, id: u32) -> Option<&Tunnel>;
    /// True if the address is one of this node's VTEPs.
    fn is_vtep(&self, address: &VtepAddress) -> bool;
    /// A line by its number.
    fn line(&self, id: u32) -> Option<&Line>;
    /// The other datacenter that a label below [`crate::label::COUNT`] names; 0 for none.
    fn label_site(&self, label: u32) -> u8;
    /// By [`crate::maps::route_index`].
    fn route(&self, index: u32) -> Option<&Binding>;
    /// A segment by its id.
    fn segment(&self, id: u32) -> Option<&Segment>;
    /// A next hop by its id.
    fn next_hop(&self, id: u32) -> Option<&NextHop>;
    /// A path by its id.
    fn path(&self, id: u32) -> Option<&Path>;
    /// A storage machine by its number.
    fn vsm(&self, id: u32) -> Option<&Vsm>;
    /// A storage machine in one segment.
    fn vsm_place(&self, id: u32) -> Option<&VsmPlace>;
    /// By [`crate::maps::storage::flow_index`].
    fn flow(&self, index: u32) -> Option<&FlowRecord>;
    /// An interface of a gateway.
    fn irb(&self, id: u32) -> Option<&Irb>;
    /// The longest prefix that the first `bits` of the key begin with.
    fn prefix(&self, bits: u32, key: &PrefixKey) -> Option<&PrefixRoute>;
    /// By [`crate::maps::gateway::neighbour_index`].
    fn neighbours(&self, index: u32) -> Option<&NeighbourBucket>;
    /// `CLOCK_MONOTONIC`.
    fn nanoseconds(&self) -> u64;
    /// Whether one more sender behind a binding may be told something now, see [`crate::maps::TellLimit`].
    fn may_tell(&self, binding: u32) -> bool;
    /// The next hop of one flooded copy.
    fn flood_copy(&self, key: &FloodKey) -> Option<FloodCopy>;
    /// Whether the port with this slot can send.
    fn silence(&self, slot: u16) -> Silence;
    /// The number of ports that cannot.
    fn silent_ports(&self) -> u64;
    /// How often next hops with a choice of paths were switched, see [`NextHop::path_of_copies`].
    fn switches(&self) -> u32;

    /// True for a port that cannot send now. The clock is read for those alone.
    #[inline(always)]
    fn is_silent(&self, slot: u16) -> bool {
        let silence = self.silence(slot);
        silence.is_set() && silence.holds_at(self.now())
    }
}
