//! Flooding: each copy of a frame gets the stack of its own destination on the way out.

use crate::maps::{FloodKey, NextHop, capacity, horizon};
use crate::rewrite::{Inner, rewrite};
use crate::wire::Macs;
use crate::{DropReason, Frame, Short, Tables};

/// What the ingress program tells the copies, in the 28 bytes of metadata in front of each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Metadata {
    /// [`Metadata::MAGIC`]: metadata of others is not taken for ours.
    pub magic: u32,
    /// The segment in the low 24 bits, the ingress's split horizon group above.
    pub segment_horizon: u32,
    /// Number of the flooded frame on this CPU.
    pub sequence: u32,
    /// [`Tables::switches`] when the frame came in.
    pub switches: u32,
    /// Slot of the port that the frame came by; 0 if every member gets it.
    pub ingress: u32,
    /// How the frame began, before [`SEAL`] was put there.
    pub start: [u8; 8],
}

/// Stands in place of a frame's destination as long as it needs its metadata: the address of PAUSE, which is on no complete
/// frame, because what is sent to it is dropped at the port of entry, whatever it comes in (`reserved-mac`, IEEE 802.1Q table 8-2).
///
/// Metadata gets lost where the kernel runs the programs outside of the driver (`bpf_prog_run_generic_xdp`), as a tap
/// does for blocking writes and for frames over a page. A copy would then look complete, and leave without tags.
pub const SEAL: [u8; 6] = [0x01, 0x80, 0xc2, 0, 0, 0x01];

/// Puts [`SEAL`] on a frame; its first bytes, for the metadata.
#[inline(always)]
pub fn seal<F: Frame>(frame: &mut F) -> Result<[u8; 8], Short> {
    let start = frame.read(0)?;
    frame.write(0, SEAL)?;
    Ok(start)
}

/// Whether the frame is a copy that is not finished.
#[inline(always)]
pub fn is_sealed<F: Frame>(frame: &F) -> bool {
    matches!(frame.read(0), Ok(start) if SEAL == start)
}

impl Metadata {
    /// "flud" in memory order.
    pub const MAGIC: u32 = u32::from_le_bytes(*b"flud");

    /// Metadata of a frame that floods `segment` and comes from a split horizon group, 0 for none, by the port slot `ingress`.
    #[inline(always)]
    pub const fn new(
        (segment, horizon): (u32, u32),
        ingress: u16,
        (sequence, switches): (u32, u32),
        start: [u8; 8],
    ) -> Self {
        Self {
            magic: Self::MAGIC,
            segment_horizon: segment | horizon << 24,
            sequence,
            switches,
            ingress: ingress as u32,
            start,
        }
    }

    /// The segment.
    #[inline(always)]
    pub const fn segment(&self) -> u32 {
        self.segment_horizon & 0xff_ffff
    }

    /// The ingress's split horizon group, 0 for none.
    #[inline(always)]
    pub const fn horizon(&self) -> u32 {
        self.segment_horizon >> 24
    }
}

/// A copy that is ready to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Copy {
    /// Index in `COUNT_OUT`.
    pub path: u32,
    /// Length in bytes.
    pub len: usize,
}

/// Gives the `copy`-th copy through the port `slot` its stack.
#[inline(always)]
pub fn copy<F: Frame, T: Tables>(
    frame: &mut F,
    metadata: &Metadata,
    slot: u16,
    copy: u16,
    tables: &T,
) -> Result<Copy, DropReason> {
    let key = FloodKey {
        segment: metadata.segment(),
        slot,
        copy,
    };
    let next_hop = next_hop(tables, &key)?;
    if next_hop.horizon != 0 && u32::from(next_hop.horizon) == metadata.horizon() {
        return Err(DropReason::SplitHorizon);
    }
    if (metadata.ingress ^ u32::from(slot)) | horizon::crosses(metadata.horizon(), next_hop.horizon) == 0 {
        return Err(DropReason::SamePort);
    }
    let path_id = next_hop.path_of_copies(metadata.switches);
    let path = tables.path(path_id).ok_or(DropReason::NoFloodPath)?;
    if path.slot != slot {
        return Err(not_here(next_hop, path_id));
    }
    frame.write(0, metadata.start)?;
    let macs = Macs::from_wire(frame.peek(0)?);
    let len = rewrite(frame, Inner::PLAIN, macs, path)?;
    Ok(Copy { path: path_id, len })
}

/// The walk along the ports that cannot send, to count the copies of one flooded frame that they leave out.
///
/// The kernel makes no copy for an interface that is down, and one for an interface without carrier, which the driver
/// loses. So both are counted where the frame comes in, and what arrives at such a port is thrown away without counting.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Unsent {
    segment: u32,
    now: u32,
    /// Ports that have not been met yet.
    left: u64,
    ingress: u16,
}

impl Unsent {
    /// Port slots to look at, from 1 on.
    pub const SLOTS: u32 = capacity::PORTS - 1;

    /// Of a frame that floods `segment` and came in at the slot `ingress`. `None` if every port can send.
    #[inline(always)]
    pub fn of<T: Tables>(tables: &T, segment: u32, ingress: u16) -> Option<Self> {
        let left = tables.silent_ports();
        (left != 0).then(|| Self {
            segment,
            now: tables.now(),
            left,
            ingress,
        })
    }

    /// Copies that this port does not send; the port of entry gets none anyway.
    #[inline(always)]
    pub fn at<T: Tables>(&mut self, tables: &T, slot: u16) -> u32 {
        let silence = tables.silence(slot);
        if !silence.is_set() {
            return 0;
        }
        self.left = self.left.wrapping_sub(1);
        if slot == self.ingress || !silence.holds_at(self.now) {
            return 0;
        }
        let first = FloodKey {
            segment: self.segment,
            slot,
            copy: 0,
        };
        tables.flood_copy(&first).map_or(0, |copy| 1 + copy.more())
    }

    /// True behind the last of them.
    #[inline(always)]
    pub const fn is_done(&self) -> bool {
        self.left == 0
    }
}

/// A list has a place for each link of a protected next hop, and only one of them is in use.
#[inline(always)]
const fn not_here(next_hop: &NextHop, path: u32) -> DropReason {
    match (next_hop.is_protected(), path) {
        (false, _) => DropReason::NoFloodPath,
        (true, 0) => DropReason::LinkDown,
        (true, _) => DropReason::StandbyPath,
    }
}

#[inline(always)]
fn next_hop<'t, T: Tables>(tables: &'t T, key: &FloodKey) -> Result<&'t NextHop, DropReason> {
    let copy = tables.flood_copy(key).ok_or(DropReason::NoFloodPath)?;
    tables
        .next_hop(copy.next_hop())
        .filter(|next_hop| next_hop.segment == key.segment)
        .ok_or(DropReason::NoFloodPath)
}
