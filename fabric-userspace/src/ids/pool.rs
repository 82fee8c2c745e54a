//! Which numbers of a node's tables are in use. The lowest free one is given out: never 0, nor one that awaits its release.

use fabric_common::maps::capacity;

use super::{Freed, Ids, NextHopIds, NodeIds, SegmentIds};
use crate::error::{Refusal, codes};

/// Entries of the map of flood lists, of which each segment has one.
const FLOOD_LISTS: u32 = 65_536;

/// Places in the tables of a node, place 0 included, which is never given out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// Port slots.
    pub ports: u32,
    /// Segments.
    pub segments: u32,
    /// Next hops.
    pub next_hops: u32,
    /// Paths.
    pub paths: u32,
    /// Bindings.
    pub bindings: u32,
    /// Tunnels.
    pub tunnels: u32,
    /// Storage machines, each in one segment.
    pub vsm_places: u32,
}

impl Sizes {
    /// Port slots of an agent's tables, of which 0 is none.
    pub const PORTS: u32 = 128;
}

impl Default for Sizes {
    /// Room for 10,000 tenants with a dozen ends each.
    fn default() -> Self {
        Self {
            ports: Self::PORTS,
            segments: 1 << 15,
            next_hops: 1 << 18,
            paths: 1 << 18,
            bindings: 1 << 18,
            tunnels: 1 << 16,
            vsm_places: 1 << 10,
        }
    }
}

/// Which numbers are in use. Those given up count as used until they are released.
#[derive(Clone, Debug)]
pub struct Pools {
    slots: Pool,
    segments: Pool,
    next_hops: Pool,
    paths: Pool,
    bindings: Pool,
    tunnels: Pool,
    lines: Pool,
    sites: Pool,
    vsms: Pool,
    vsm_places: Pool,
    vrfs: Pool,
    irbs: Pool,
}

impl Pools {
    /// Nothing in use.
    pub fn new(sizes: &Sizes) -> Self {
        Self {
            slots: Pool::new("ports", sizes.ports, capacity::PORTS),
            segments: Pool::new("segments", sizes.segments, FLOOD_LISTS.min(capacity::SEGMENT_IDS)),
            next_hops: Pool::new("next hops", sizes.next_hops, capacity::NEXT_HOP_IDS),
            paths: Pool::new("paths", sizes.paths, u32::MAX),
            bindings: Pool::new("bindings", sizes.bindings, capacity::BINDING_IDS),
            tunnels: Pool::new("tunnels", sizes.tunnels, u32::MAX),
            lines: Pool::new("links with labels", capacity::LINES, capacity::LINES),
            sites: Pool::new("datacenters", capacity::SITES, capacity::SITES),
            vsms: Pool::new("storage machines", sizes.vsm_places, u32::MAX),
            vsm_places: Pool::new("storage machines in segments", sizes.vsm_places, u32::MAX),
            vrfs: Pool::new("gateways", capacity::VRFS, capacity::VRFS),
            irbs: Pool::new("segments with a gateway", capacity::IRBS, capacity::IRBS),
        }
    }

    /// The numbers of `ids` in use.
    ///
    /// # Errors
    /// A number is used twice or lies outside of the tables: the saved numbers are damaged, or of tables of
    /// another size.
    pub fn restore(sizes: &Sizes, ids: &Ids) -> Result<Self, Refusal> {
        let mut pools = Self::new(sizes);
        let whole = pools.enter_node(&ids.node) && ids.segments.values().all(|ids| pools.enter_segment(ids));
        whole.then_some(pools).ok_or_else(|| {
            Refusal::new(
                codes::STATE_DAMAGED,
                "the saved numbers of the tables name a place twice, or one that the tables do not have",
            )
            .with_cure(
                "take the fabric down and start it again, it then numbers anew: fabric agent stop --detach --state-dir DIR",
            )
        })
    }

    fn enter_node(&mut self, ids: &NodeIds) -> bool {
        ids.slots.values().all(|id| self.slots.enter(u32::from(*id)))
            && ids.tunnels.values().all(|id| self.tunnels.enter(*id))
            && ids.lines.values().all(|id| self.lines.enter(*id))
            && ids.sites.values().all(|id| self.sites.enter(*id))
            && ids.vsms.values().all(|vsm| self.vsms.enter(vsm.id))
            && ids.vrfs.values().all(|id| self.vrfs.enter(*id))
            && self.enter_places(&ids.relays)
    }

    fn enter_segment(&mut self, ids: &SegmentIds) -> bool {
        self.segments.enter(ids.segment) && self.enter_places(ids)
    }

    fn enter_places(&mut self, ids: &SegmentIds) -> bool {
        let paths = |pool: &mut Pool, hop: &NextHopIds| hop.paths().all(|path| pool.enter(path));
        ids.next_hops
            .values()
            .all(|hop| self.next_hops.enter(hop.id) && paths(&mut self.paths, hop))
            && ids.bindings.values().all(|id| self.bindings.enter(*id))
            && ids.tunnels.values().all(|id| self.tunnels.enter(*id))
            && ids
                .vsms
                .values()
                .all(|vsm| self.next_hops.enter(vsm.next_hop) && self.vsm_places.enter(vsm.place))
            && ids
                .gateway
                .is_none_or(|ids| self.next_hops.enter(ids.next_hop) && self.irbs.enter(ids.irb))
    }

    /// Gives numbers back that a change gave up. To be called when no running program can hold them and no FDB
    /// entry names them any more.
    pub fn release(&mut self, freed: &Freed) {
        freed.slots.iter().for_each(|id| self.slots.leave(u32::from(*id)));
        freed.segments.iter().for_each(|id| self.segments.leave(*id));
        freed.next_hops.iter().for_each(|id| self.next_hops.leave(*id));
        freed.paths.iter().for_each(|id| self.paths.leave(*id));
        freed.bindings.iter().for_each(|id| self.bindings.leave(*id));
        freed.tunnels.iter().for_each(|id| self.tunnels.leave(*id));
        freed.lines.iter().for_each(|id| self.lines.leave(*id));
        freed.sites.iter().for_each(|id| self.sites.leave(*id));
        freed.vsms.iter().for_each(|id| self.vsms.leave(*id));
        freed.vsm_places.iter().for_each(|id| self.vsm_places.leave(*id));
        freed.vrfs.iter().for_each(|id| self.vrfs.leave(*id));
        freed.irbs.iter().for_each(|id| self.irbs.leave(*id));
    }

    /// Marks numbers as used, whether they are or not.
    pub fn hold(&mut self, touched: &Freed) {
        touched.slots.iter().for_each(|id| {
            self.slots.enter(u32::from(*id));
        });
        touched.segments.iter().for_each(|id| {
            self.segments.enter(*id);
        });
        touched.next_hops.iter().for_each(|id| {
            self.next_hops.enter(*id);
        });
        touched.paths.iter().for_each(|id| {
            self.paths.enter(*id);
        });
        touched.bindings.iter().for_each(|id| {
            self.bindings.enter(*id);
        });
        touched.tunnels.iter().for_each(|id| {
            self.tunnels.enter(*id);
        });
        touched.lines.iter().for_each(|id| {
            self.lines.enter(*id);
        });
        touched.sites.iter().for_each(|id| {
            self.sites.enter(*id);
        });
        touched.vsms.iter().for_each(|id| {
            self.vsms.enter(*id);
        });
        touched.vsm_places.iter().for_each(|id| {
            self.vsm_places.enter(*id);
        });
        touched.vrfs.iter().for_each(|id| {
            self.vrfs.enter(*id);
        });
        touched.irbs.iter().for_each(|id| {
            self.irbs.enter(*id);
        });
    }

    pub(crate) fn slot(&mut self) -> Result<u16, Refusal> {
        self.slots.take().map(|slot| u16::try_from(slot).unwrap_or(0))
    }

    pub(crate) fn segment(&mut self) -> Result<u32, Refusal> {
        self.segments.take()
    }

    pub(crate) fn next_hop(&mut self) -> Result<u32, Refusal> {
        self.next_hops.take()
    }

    pub(crate) fn path(&mut self) -> Result<u32, Refusal> {
        self.paths.take()
    }

    pub(crate) fn binding(&mut self) -> Result<u32, Refusal> {
        self.bindings.take()
    }

    pub(crate) fn line(&mut self) -> Result<u32, Refusal> {
        self.lines.take()
    }

    pub(crate) fn site(&mut self) -> Result<u32, Refusal> {
        self.sites.take()
    }

    pub(crate) fn vsm(&mut self) -> Result<u32, Refusal> {
        self.vsms.take()
    }

    pub(crate) fn vsm_place(&mut self) -> Result<u32, Refusal> {
        self.vsm_places.take()
    }

    pub(crate) fn vrf(&mut self) -> Result<u32, Refusal> {
        self.vrfs.take()
    }

    pub(crate) fn irb(&mut self) -> Result<u32, Refusal> {
        self.irbs.take()
    }

    pub(crate) fn tunnel(&mut self) -> Result<u32, Refusal> {
        self.tunnels.take()
    }
}

/// One bit a number; the lowest free one is given out, so that tables stay dense in the cache.
#[derive(Clone, Debug)]
struct Pool {
    what: &'static str,
    size: u32,
    used: Vec<u64>,
    /// No word before this one has a free bit.
    first: usize,
}

impl Pool {
    fn new(what: &'static str, size: u32, limit: u32) -> Self {
        Self {
            what,
            size: size.min(limit),
            used: vec![1],
            first: 0,
        }
    }

    fn take(&mut self) -> Result<u32, Refusal> {
        while self.used.get(self.first) == Some(&u64::MAX) {
            self.first += 1;
        }
        let bit = self.used.get(self.first).map_or(0, |word| word.trailing_ones());
        let id = u32::try_from(self.first).unwrap_or(u32::MAX).saturating_mul(64) + bit;
        if self.enter(id) { Ok(id) } else { Err(self.full()) }
    }

    /// False if the number is in use or outside of the table.
    fn enter(&mut self, id: u32) -> bool {
        let (word, bit) = (id as usize / 64, 1 << (id % 64));
        if id >= self.size {
            return false;
        }
        if word >= self.used.len() {
            self.used.resize(word + 1, 0);
        }
        let free = self.used[word] & bit == 0;
        self.used[word] |= bit;
        free
    }

    fn leave(&mut self, id: u32) {
        let word = id as usize / 64;
        if id != 0
            && let Some(bits) = self.used.get_mut(word)
        {
            *bits &= !(1 << (id % 64));
            self.first = self.first.min(word);
        }
    }

    fn full(&self) -> Refusal {
        Refusal::new(
            codes::TOO_MANY,
            format!(
                "this node would need more than {} {}, the most that its tables hold",
                self.size.saturating_sub(1),
                self.what
            ),
        )
        .with_cure("spread the tenants over more nodes")
    }
}
