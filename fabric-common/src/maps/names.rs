//! Names of maps and programs, and capacities that are part of the layout.

/// Names of the maps in the object and of their pins.
pub mod name {
    /// Array, interface index → [`crate::maps::Port`].
    pub const PORTS: &str = "PORTS";
    /// Array, access slot × 4096 + VID → [`crate::maps::Binding`].
    pub const ACCESS: &str = "ACCESS";
    /// Array of [`crate::maps::Bucket`]: [`crate::maps::tag_key`], [`crate::maps::label_key`], [`crate::maps::i_sid_key`] or
    /// [`crate::maps::global_vlan_key`] → binding id, [`crate::maps::line_key`] → line.
    pub const TAGS: &str = "TAGS";
    /// Array of [`crate::maps::Bucket`]: [`crate::maps::tunnel_key`] → tunnel id.
    pub const TUNNEL_KEYS: &str = "TUNNEL_KEYS";
    /// Array, binding id → [`crate::maps::Binding`] of tags.
    pub const BINDINGS: &str = "BINDINGS";
    /// Array, tunnel id → [`crate::maps::Tunnel`].
    pub const TUNNELS: &str = "TUNNELS";
    /// Hash, [`crate::maps::VtepAddress`] → 1: the VTEP addresses of this node.
    pub const VTEPS: &str = "VTEPS";
    /// Array, line → [`crate::maps::Line`].
    pub const LINES: &str = "LINES";
    /// Array, label / 8 → the sites of eight labels, one a byte, the first in the lowest: which other datacenter it names.
    pub const LABEL_SITES: &str = "LABEL_SITES";
    /// Array, [`crate::maps::route_index`] → [`crate::maps::Binding`] of frames that only pass.
    pub const ROUTES: &str = "ROUTES";
    /// Array, segment id → [`crate::maps::Segment`].
    pub const SEGMENTS: &str = "SEGMENTS";
    /// Array of [`crate::maps::Bucket`]: [`crate::maps::fdb_key`] → [`crate::maps::FdbValue`]. Behind the table lies its
    /// [`crate::buckets::STASH`].
    pub const FDB: &str = "FDB";
    /// Array, next hop id → [`crate::maps::NextHop`].
    pub const NEXT_HOPS: &str = "NEXT_HOPS";
    /// Array, path id → [`crate::maps::Path`].
    pub const PATHS: &str = "PATHS";
    /// Array, number of a storage machine → [`crate::maps::storage::Vsm`].
    pub const VSMS: &str = "VSMS";
    /// Array, place id → [`crate::maps::storage::VsmPlace`].
    pub const VSM_PLACES: &str = "VSM_PLACES";
    /// Array, [`crate::maps::storage::flow_index`] → [`crate::maps::storage::FlowRecord`].
    pub const FLOWS: &str = "FLOWS";
    /// Array, interface of a gateway → [`crate::maps::gateway::Irb`].
    pub const IRBS: &str = "IRBS";
    /// Trie of longest matches, [`crate::maps::gateway::PrefixKey`] → [`crate::maps::gateway::PrefixRoute`].
    pub const PREFIXES: &str = "PREFIXES";
    /// Array, [`crate::maps::gateway::neighbour_index`] → [`crate::maps::gateway::NeighbourBucket`].
    pub const NEIGHBOURS: &str = "NEIGHBOURS";
    /// Hash of maps, segment id → device map of its flood list.
    pub const FLOOD: &str = "FLOOD";
    /// Hash, [`crate::maps::FloodKey`] → [`crate::maps::FloodCopy`].
    pub const FLOOD_NEXT_HOPS: &str = "FLOOD_NEXT_HOPS";
    /// Array, port slot → [`crate::maps::Silence`]; place 0 holds the number of ports that have one.
    pub const SILENT: &str = "SILENT";
    /// Array of one: how often next hops with a choice of paths were switched.
    pub const SWITCHES: &str = "SWITCHES";
    /// Device map, port slot → interface.
    pub const EGRESS: &str = "EGRESS";
    /// Array, CPU and binding id by [`crate::maps::count_index`] → [`crate::maps::Count`] of frames forwarded.
    pub const COUNT_IN: &str = "COUNT_IN";
    /// Array, CPU and path id by [`crate::maps::count_index`] → [`crate::maps::Count`] of frames sent.
    pub const COUNT_OUT: &str = "COUNT_OUT";
    /// Array, CPU and [`crate::maps::drop_index`] by [`crate::maps::count_index`] → frames dropped, or passed to the host.
    pub const COUNT_DROPS: &str = "COUNT_DROPS";
    /// Per-CPU array of one: sequence number of the last flooded frame.
    pub const FLOOD_SEQUENCE: &str = "FLOOD_SEQUENCE";
    /// Per-CPU array, port slot → [`crate::maps::FloodProgress`].
    pub const FLOOD_PROGRESS: &str = "FLOOD_PROGRESS";
    /// Per-CPU array of one: [`crate::maps::TooBig`], what [`crate::maps::program::TELL`] is to tell of.
    pub const TOO_BIG: &str = "TOO_BIG";
    /// Per-CPU array, binding id / [`crate::maps::TellLimit::BLOCK`] → so many [`crate::maps::TellLimit`].
    pub const TELL_LIMITS: &str = "TELL_LIMITS";
    /// Per-CPU array of one: [`crate::maps::gateway::Routed`], what the programs of gateways are to do.
    pub const ROUTED: &str = "ROUTED";
    /// Program array by [`crate::maps::after`].
    pub const AFTER: &str = "AFTER";
    /// Array of one: the kernel's tick counter when [`crate::maps::program::CLOCK`] last ran.
    pub const CLOCK: &str = "CLOCK";
    /// Array of one: [`crate::maps::Layout`], written by the agent that made the maps.
    pub const LAYOUT: &str = "LAYOUT";
    /// Constants that the loader writes before the programs are loaded.
    pub const SETTINGS: &str = "SETTINGS";
}

/// Names of the programs in the object and of their pins.
pub mod program {
    /// Entry of tenant-facing ports.
    pub const ACCESS: &str = "fabric_access";
    /// Entry of S+C tagged links.
    pub const TRUNK: &str = "fabric_trunk";
    /// Entry of dedicated lines with labels.
    pub const PSEUDOWIRE: &str = "fabric_pseudowire";
    /// Entry of VXLAN underlay ports.
    pub const UNDERLAY: &str = "fabric_underlay";
    /// Builds the tags of one flooded copy on its way out.
    pub const FLOOD: &str = "fabric_flood";
    /// Never attached; the entry programs go on with it to tell a sender that his packet was too big.
    pub const TELL: &str = "fabric_tell";
    /// Never attached; the entry programs go on with it when a frame is for a gateway, or perhaps. Routes IPv4.
    pub const ROUTE: &str = "fabric_route";
    /// Never attached; the program before goes on with it to route IPv6.
    pub const ROUTE_V6: &str = "fabric_route_v6";
    /// Never attached; the same for ARP, and for what is for everybody.
    pub const RESOLVE: &str = "fabric_resolve";
    /// Never attached; the same for neighbour discovery.
    pub const DISCOVER: &str = "fabric_discover";
    /// Never attached; the programs before go on with it to send a message of the gateway's own.
    pub const ANSWER: &str = "fabric_answer";
    /// Never attached; run by the agent to ask for a gateway's neighbour.
    pub const ASK: &str = "fabric_ask";
    /// Never attached; run by the agent to read the kernel's tick counter.
    pub const CLOCK: &str = "fabric_clock";
}

/// Places in `AFTER` of the programs that others go on with.
pub mod after {
    /// [`super::program::TELL`].
    pub const TELL: u32 = 0;
    /// [`super::program::ROUTE`].
    pub const ROUTE: u32 = 1;
    /// [`super::program::ROUTE_V6`].
    pub const ROUTE_V6: u32 = 2;
    /// [`super::program::RESOLVE`].
    pub const RESOLVE: u32 = 3;
    /// [`super::program::DISCOVER`].
    pub const DISCOVER: u32 = 4;
    /// [`super::program::ANSWER`].
    pub const ANSWER: u32 = 5;
    /// How many there are.
    pub const COUNT: u32 = 6;
}

/// Capacities that are part of the layout.
pub mod capacity {
    /// Interface indexes below this can be ports.
    pub const IFINDEX: u32 = 65_536;
    /// Port slots, slot 0 included.
    pub const PORTS: u32 = 512;
    /// Bits of [`crate::maps::drop_index`]: how many counters each CPU has in `COUNT_DROPS`.
    pub const DROP_BITS: u8 = 16;
    /// Entries of one port in `ACCESS`.
    pub const VLANS: u32 = 4096;
    /// Members of one flood list.
    pub const FLOOD_MEMBERS: u32 = 512;
    /// Next hop ids below this fit an FDB entry.
    pub const NEXT_HOP_IDS: u32 = 1 << 23;
    /// Segment ids below this fit an FDB entry.
    pub const SEGMENT_IDS: u32 = 1 << 24;
    /// Binding ids below this fit a [`crate::maps::Binding`].
    pub const BINDING_IDS: u32 = 1 << 20;
    /// Lines of a node, line 0 included.
    pub const LINES: u32 = 256;
    /// Datacenters that a node sends labels to, site 0 included.
    pub const SITES: u32 = 256;
    /// Gateways of the fabric, gateway 0 included.
    pub const VRFS: u32 = 1 << 20;
    /// Interfaces of gateways on one node, interface 0 included.
    pub const IRBS: u32 = 1024;
    /// Prefixes of all gateways on one node.
    pub const PREFIXES: u32 = 16_384;
    /// Slots of ports with a [`crate::maps::Tunnel`] are below this.
    pub const TUNNEL_SLOTS: u16 = 128;
}
