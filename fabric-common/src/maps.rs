//! Every map of the data path: name, key and value type, capacity. Kernel and user space share this file.
//!
//! Arrays that the hot path reads are indexed directly; [`crate::buckets`] describes the hash tables.
//! Place 0 of every array is "none", so that memory of zeros denies everything.
//!
//! A record that other records point to is written before them and cleared after them; the identifier of
//! a cleared record is not used again until every program that may have read it has ended.

mod fdb;
mod flood;
pub mod gateway;
mod keys;
mod names;
mod next_hop;
mod segment;
pub mod storage;

use crate::address::Address;
use crate::buckets::Bucket;

pub use fdb::FdbValue;
pub use flood::{FloodCopy, FloodKey, FloodProgress, PairMember};
pub use keys::*;
pub use names::{after, capacity, name, program};
pub use next_hop::NextHop;
pub use segment::{FloodMembers, FloodTerms, Segment};

/// Changes whenever a name, type or meaning in this module changes. Pinned maps of another version are
/// not adopted.
pub const LAYOUT_VERSION: u32 = 12;

/// Largest frame in bytes that the kernel clones for flooding: head room, frame and what the kernel appends must fit into a
/// page, and the frame into one buffer (`xdpf_clone`). Measured on 6.18: 3512 arrive, 3700 do not.
pub const FLOOD_MAX_LEN: usize = 3500;

/// Constants of one loaded data path.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Settings {
    /// Secret of the bucket hash; a tenant who knew it could craft collisions.
    pub seed: [u64; 2],
    /// Buckets of `FDB` minus one; the number of buckets is a power of two.
    pub fdb_mask: u32,
    /// Buckets of `TAGS` minus one.
    pub tags_mask: u32,
    /// Buckets of `TUNNEL_KEYS` minus one.
    pub tunnels_mask: u32,
    /// Station moves are damped for this many ticks of [`tick`].
    pub damping_ticks: u16,
    /// Bits of a binding id: how many counters each CPU has in `COUNT_IN`, see [`count_index`].
    pub binding_bits: u8,
    /// Bits of a path id: the same for `COUNT_OUT`.
    pub path_bits: u8,
}

/// What an agent must know before it adopts maps that another one has made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Layout {
    /// The constants that the maps were filled under.
    pub settings: Settings,
    /// [`LAYOUT_VERSION`] of the agent that made the maps.
    pub version: u32,
    /// Zero.
    pub reserved: u32,
}

/// Station moves that a MAC address may make before it is damped.
pub const MOVES_BEFORE_DAMPING: u32 = 5;

/// The clock of the FDB: 256 kernel ticks, about one second at 250 Hz.
#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "the clock wraps by design")]
pub const fn tick(jiffies: u64) -> u32 {
    (jiffies >> 8) as u32
}

/// What an interface is to the fabric.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Port {
    /// Index of the port in all tables by port; 0 for an interface without a role.
    pub slot: u16,
    /// Bits of [`Port::DROP_GROUP_SOURCE`] and its siblings.
    pub flags: u16,
    /// Outer tag protocol identifier of a trunk, host byte order.
    pub tpid: u16,
    /// UDP port of VXLAN on an underlay port, host byte order; 0 for none.
    pub udp_port: u16,
    /// The interface's own address, see [`crate::wire::Macs`].
    pub mac: u64,
    /// The address of this end of the port's lines.
    pub line_mac: u64,
    /// UDP port of MPLS on an underlay port, host byte order; 0 for none.
    pub mpls_port: u16,
    /// The line without an outer VLAN; 0 for none.
    pub line: u16,
    /// Zero.
    pub reserved: u32,
}

impl Port {
    /// Frames from a group address are dropped.
    pub const DROP_GROUP_SOURCE: u16 = 1;
    /// Frames to 01-80-C2-00-00-0E are data.
    pub const TUNNEL_LLDP: u16 = 2;
    /// A safety check failed: everything is dropped.
    pub const UNSAFE: u16 = 4;
    /// A VLAN in front of everything may name a segment, see [`global_vlan_key`].
    pub const GLOBAL_VLANS: u16 = 8;
    /// Some port cannot send: only then frames from this one look for their egress in `SILENT`.
    pub const SILENCE: u16 = 16;

    /// True if the option is set.
    #[inline(always)]
    pub const fn has(&self, flag: u16) -> bool {
        self.flags & flag != 0
    }
}

/// The VLAN that frames of a segment carry in front of their EtherType.
pub mod own {
    /// Untagged, or a priority tag with VID 0.
    pub const UNTAGGED: u32 = 0;
    /// Anything.
    pub const ANY: u32 = 4095;
}

/// Split horizon groups of a segment (RFC 4762 section 4.4). Who is in none has 0.
pub mod horizon {
    /// Foreign VTEPs: they send to each other themselves.
    pub const FOREIGN: u8 = 1;
    /// Other datacenters: each sends to all others itself. Their frames come by any line of a node, also by one that the segment
    /// sends nothing by.
    pub const MESH: u8 = 2;

    /// Not 0 if what came from one group and goes to another leaves or enters the mesh of datacenters. With or without its label it
    /// is another frame on a line, so it may go back by the port that it came by. A number, because the verifier follows both
    /// sides of each condition.
    #[inline(always)]
    pub const fn crosses(from: u32, to: u8) -> u32 {
        (from ^ to as u32) & MESH as u32
    }
}

/// What classification answers: the segment of a frame and how to treat it there. 16 bytes, four of them a
/// cache line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Binding {
    segment_horizon: u32,
    learn: u32,
    direct: u32,
    id_own: u32,
}

impl Binding {
    /// `segment` < 2^24; `learn` and `direct` are next hop ids or 0; `id` < 2^20; `own` is a VID or one of
    /// [`own`], `horizon` one of [`horizon`] or 0.
    pub const fn new(segment: u32, horizon: u8, learn: u32, direct: u32, id: u32, own: u32) -> Self {
        Self {
            segment_horizon: segment | (horizon as u32) << 24,
            learn,
            direct,
            id_own: (id & 0xf_ffff) | own << 20,
        }
    }

    /// Segment of frames that only pass by their label. Their `direct` is the next hop of those on their shortest way, their
    /// `learn` that of those which have left it, and their horizon the line by which they came.
    pub const RELAY: u32 = 0xff_ffff;

    /// The segment, 0 for no binding.
    #[inline(always)]
    pub const fn segment(&self) -> u32 {
        self.segment_horizon & 0xff_ffff
    }

    /// The split horizon group of the ingress.
    #[inline(always)]
    pub const fn horizon(&self) -> u32 {
        self.segment_horizon >> 24
    }

    /// The next hop toward the source, 0 to learn nothing.
    #[inline(always)]
    pub const fn learn(&self) -> u32 {
        self.learn
    }

    /// The next hop of every frame of this binding, 0 to look the destination up.
    #[inline(always)]
    pub const fn direct(&self) -> u32 {
        self.direct
    }

    /// Index in `COUNT_IN`.
    #[inline(always)]
    pub const fn id(&self) -> u32 {
        self.id_own & 0xf_ffff
    }

    /// The tenant's own VLAN that frames must carry, see [`own`].
    #[inline(always)]
    pub const fn own(&self) -> u32 {
        self.id_own >> 20
    }
}

/// One remote VTEP in one segment, or the other end of an MPLS in UDP link. One cache line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Tunnel {
    /// The segment and its treatment.
    pub binding: Binding,
    /// Our address.
    pub local: Address,
    /// The other end's.
    pub remote: Address,
    /// Underlay VLAN, 0 for untagged.
    pub vlan: u16,
    /// Slot of the underlay port.
    pub slot: u16,
    /// 1 drops headers with reserved bits set.
    pub strict: u32,
    /// The line whose labels come here, for MPLS in UDP.
    pub line: u32,
    /// Zero.
    pub reserved: u32,
}

/// A link that carries labels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Line {
    /// Slot of its port, 0 for no line.
    pub slot: u16,
    /// Zero.
    pub reserved: u16,
    /// The label that each frame has outside of its datacenter's; 0 for none.
    pub transport: u32,
}

/// Key of `VTEPS`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(C)]
pub struct VtepAddress {
    /// Our address.
    pub local: Address,
    /// Underlay VLAN, 0 for untagged.
    pub vlan: u16,
    /// Slot of the underlay port.
    pub slot: u16,
    /// Destination port, host byte order.
    pub udp_port: u16,
    /// Zero.
    pub reserved: u16,
}

/// How to get somewhere: egress port and the bytes that go in front of a frame.
///
/// On the wire: `template[..pre]`, the tenant's two addresses, `post[..post_len]`, the rest of the frame. Of a frame that only
/// passes: `template[..pre]`, its datacenter's label, the rest of the frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C, align(64))]
pub struct Path {
    /// Egress port, 0 for no path.
    pub slot: u16,
    /// Largest frame that the egress link takes, in bytes without frame check sequence.
    pub max_len: u16,
    /// Bytes of `template`, at most [`Path::TEMPLATE`].
    pub pre: u8,
    /// Bytes of `post`: 0, 4, 8 or 12.
    pub post_len: u8,
    /// Offset of the outer IP header, 0 for none.
    pub ip_at: u8,
    /// Bits of [`Path::UNRESOLVED`].
    pub flags: u8,
    /// Ones' complement sum of the outer IPv4 header with length, ECN field and checksum 0, host byte order, folded.
    pub ip_sum: u32,
    /// The segment, for reading the tables; the data path checks [`NextHop::segment`].
    pub segment: u32,
    /// Tags between the addresses and the EtherType, in wire order.
    pub post: [u8; 16],
    /// Outer headers in wire order, zeros after `pre`.
    pub template: [u64; 12],
}

impl Path {
    /// Most bytes in front of the tenant's addresses.
    pub const TEMPLATE: usize = 96;
    /// The outer destination address is not known.
    pub const UNRESOLVED: u8 = 1;
    /// The outer IP header is of IPv6.
    pub const IPV6: u8 = 2;
    /// The outer IP header says that the flow does not know ECN: nobody at the other end would read the mark.
    pub const NO_ECN: u8 = 4;
    /// Frames that only pass leave their shortest way here, see [`crate::label::DEFLECTED`].
    pub const DEFLECT: u8 = 8;

    /// True if the option is set.
    #[inline(always)]
    pub const fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// The line of a path for frames that only pass.
    #[inline(always)]
    pub const fn line(&self) -> u32 {
        self.segment >> 24
    }
}

/// Value of `SILENT`: until when a port is taken for one that cannot send, because it is down, has no carrier or is gone.
/// Zeros for a port that can.
///
/// It ends by itself: without an agent nobody would tell that the port is back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(transparent)]
pub struct Silence(pub u64);

impl Silence {
    /// Before this [`tick`].
    pub const fn until(tick: u32) -> Self {
        Self(1 << 32 | tick as u64)
    }

    /// False for a port that can send as far as anybody knows.
    #[inline(always)]
    pub const fn is_set(self) -> bool {
        self.0 != 0
    }

    /// Whether that is still believed at this [`tick`].
    #[inline(always)]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_possible_wrap,
        reason = "the clock wraps by design"
    )]
    pub const fn holds_at(self, now: u32) -> bool {
        self.is_set() && (self.0 as u32).wrapping_sub(now) as i32 > 0
    }
}

/// A tenant's frame that the egress link of its way does not take, and how to find its sender.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct TooBig {
    /// The segment.
    pub segment: u32,
    /// Next hop toward the sender; 0 if it is not known.
    pub back: u32,
    /// Id of the binding that the frame came by.
    pub binding: u32,
    /// Bytes that the link takes of what follows the fabric's tags.
    pub room: u16,
    /// Slot of the port that the frame came by.
    pub slot: u16,
    /// Offset of the tenant's addresses.
    pub macs: u8,
    /// Offset of what follows the fabric's tags.
    pub body: u8,
    /// 1 if the frame's way does not depend on whom it is for.
    pub is_direct: u16,
}

/// How many senders behind one binding this CPU has told something within a tick.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct TellLimit {
    /// The [`tick`].
    pub tick: u32,
    /// Messages since it began.
    pub told: u32,
}

impl TellLimit {
    /// Messages a tick: a sender needs one for each smaller link on his way (RFC 1812 section 4.3.2.8).
    pub const MOST: u32 = 64;
    /// Limits in one value of `TELL_LIMITS`: the kernel allocates each value of a per-CPU array by itself, and a quarter of a
    /// million of them took an eighth of an agent's start.
    pub const BLOCK: u32 = 64;

    /// Counts one more message, if that may be sent.
    #[inline(always)]
    pub const fn take(&mut self, now: u32) -> bool {
        if self.tick != now {
            self.tick = now;
            self.told = 0;
        }
        self.told += 1;
        self.told <= Self::MOST
    }
}

/// Frames and their bytes, without frame check sequence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Count {
    /// Frames.
    pub frames: u64,
    /// Bytes.
    pub bytes: u64,
}

const _: () = {
    assert!(1 << capacity::DROP_BITS == capacity::PORTS << 7);
    assert!(size_of::<Settings>() == 32);
    assert!(size_of::<Layout>() == 40);
    assert!(size_of::<Port>() == 32);
    assert!(size_of::<Binding>() == 16);
    assert!(size_of::<Tunnel>() == 64);
    assert!(size_of::<Line>() == 8);
    assert!(size_of::<VtepAddress>() == 24);
    assert!(size_of::<Segment>() == 48);
    assert!(size_of::<NextHop>() == 16);
    assert!(size_of::<Path>() == 128);
    assert!(size_of::<FloodKey>() == 8);
    assert!(size_of::<FloodCopy>() == 4 && capacity::FLOOD_MEMBERS as usize <= 1 << 9);
    assert!(size_of::<Silence>() == 8);
    assert!(size_of::<TooBig>() == 20);
    assert!(size_of::<TellLimit>() == 8);
    assert!(size_of::<Count>() == 16);
    assert!(size_of::<Bucket>() == 64);
};

#[cfg(feature = "user")]
mod pod {
    use aya::Pod;

    // SAFETY: all are `repr(C)` structures of integers without padding, as the size assertions show.
    unsafe impl Pod for super::Settings {}
    // SAFETY: as above.
    unsafe impl Pod for super::Layout {}
    // SAFETY: as above.
    unsafe impl Pod for super::Port {}
    // SAFETY: as above.
    unsafe impl Pod for super::Binding {}
    // SAFETY: as above.
    unsafe impl Pod for super::Tunnel {}
    // SAFETY: as above.
    unsafe impl Pod for super::Line {}
    // SAFETY: as above.
    unsafe impl Pod for super::VtepAddress {}
    // SAFETY: as above.
    unsafe impl Pod for super::NextHop {}
    // SAFETY: as above.
    unsafe impl Pod for super::Path {}
    // SAFETY: as above.
    unsafe impl Pod for super::FloodKey {}
    // SAFETY: as above.
    unsafe impl Pod for super::FloodCopy {}
    // SAFETY: as above.
    unsafe impl Pod for super::Silence {}
    // SAFETY: as above.
    unsafe impl Pod for super::TooBig {}
    // SAFETY: as above.
    unsafe impl Pod for super::TellLimit {}
    // SAFETY: as above.
    unsafe impl Pod for super::Count {}
    // SAFETY: as above.
    unsafe impl Pod for super::storage::VsmPlace {}
    // SAFETY: as above.
    unsafe impl Pod for super::gateway::Irb {}
    // SAFETY: as above.
    unsafe impl Pod for super::gateway::PrefixKey {}
    // SAFETY: as above.
    unsafe impl Pod for super::gateway::PrefixRoute {}
    // SAFETY: as above.
    unsafe impl Pod for super::gateway::Routed {}
}

#[cfg(test)]
mod tests {
    use super::Silence;

    #[test]
    fn silence_ends_by_itself_also_over_the_end_of_the_clock() {
        assert!(!Silence::default().is_set() && !Silence::default().holds_at(0));
        for until in [0, 1, 7, u32::MAX] {
            let silence = Silence::until(until);
            assert!(silence.is_set(), "{until}");
            assert!(silence.holds_at(until.wrapping_sub(1)), "{until}");
            assert!(
                !silence.holds_at(until) && !silence.holds_at(until.wrapping_add(9)),
                "{until}"
            );
        }
    }
}
