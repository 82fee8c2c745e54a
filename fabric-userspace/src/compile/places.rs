//! Next hops and bindings of places: those that were there keep their numbers.

use fabric_common::maps::{NextHop, Path, horizon};

use super::path::fingerprint;
use crate::error::Refusal;
use crate::ids::{NextHopIds, PathIds, Place, Pools, SegmentIds};
use crate::records::Records;

/// The places of a segment, or those of frames that only pass, as they are put together.
pub(super) struct Places<'a> {
    old: &'a SegmentIds,
    pools: &'a mut Pools,
    pub(super) ids: SegmentIds,
    pub(super) records: Records,
}

/// How to get to a place.
pub(super) struct Ways {
    path: Path,
    usable: bool,
    backup: Option<(Path, bool)>,
    protected: bool,
}

impl Ways {
    /// One way, whatever its state.
    pub(super) fn only(path: Path) -> Self {
        Self {
            path,
            usable: true,
            backup: None,
            protected: false,
        }
    }

    /// The first way that can be used; frames are dropped when none can. Whether its port can send is another matter, see
    /// [`super::Protection`].
    pub(super) fn first_of((path, usable): (Path, bool), backup: Option<(Path, bool)>) -> Self {
        Self {
            path,
            usable,
            backup,
            protected: true,
        }
    }
}

impl<'a> Places<'a> {
    /// Nothing yet, of the segment with this number.
    pub(super) fn new(segment: u32, old: &'a SegmentIds, pools: &'a mut Pools) -> Self {
        Self {
            old,
            pools,
            ids: SegmentIds {
                segment,
                ..SegmentIds::default()
            },
            records: Records::default(),
        }
    }

    pub(super) fn old(&self) -> &'a SegmentIds {
        self.old
    }

    pub(super) fn pools(&mut self) -> &mut Pools {
        self.pools
    }

    /// Makes a next hop, which only frames of `segment` may follow. Two ends may be one place to this node: the first counts.
    pub(super) fn next_hop(
        &mut self,
        place: Place,
        ways: &Ways,
        (segment, horizon): (u32, u8),
    ) -> Result<(), Refusal> {
        if self.ids.next_hops.contains_key(&place) {
            return Ok(());
        }
        let old = self.old.next_hops.get(&place);
        let id = match old {
            Some(old) => old.id,
            None => self.pools.next_hop()?,
        };
        let path = self.path(&ways.path, old.map(|old| old.path))?;
        let backup = match &ways.backup {
            Some((backup, _)) => Some(self.path(backup, old.and_then(|old| old.backup))?),
            None => None,
        };
        let spare = || {
            let usable = ways.backup.as_ref().is_some_and(|(_, usable)| *usable);
            backup.filter(|_| usable).map_or(0, |backup| backup.id)
        };
        // Other nodes of the fabric; a foreign VTEP is a tenant's like any port.
        let is_inside = !matches!(place, Place::Local(..)) && horizon != horizon::FOREIGN;
        let inside = if is_inside { NextHop::INSIDE } else { 0 };
        let next_hop = NextHop {
            path: if ways.usable { path.id } else { spare() },
            segment,
            horizon,
            flags: if ways.protected { NextHop::PROTECTED } else { 0 } | inside,
            ..NextHop::default()
        };
        self.records.next_hops.insert(id, next_hop);
        self.ids.next_hops.insert(place, NextHopIds { id, path, backup });
        Ok(())
    }

    /// A path that holds other bytes than before gets another number: it is never changed in place.
    fn path(&mut self, path: &Path, old: Option<PathIds>) -> Result<PathIds, Refusal> {
        let content = fingerprint(path);
        let ids = match old.filter(|old| old.content == content) {
            Some(old) => old,
            None => PathIds {
                id: self.pools.path()?,
                content,
            },
        };
        self.records.paths.insert(ids.id, *path);
        Ok(ids)
    }

    /// The number of a place's binding.
    pub(super) fn binding(&mut self, place: &Place) -> Result<u32, Refusal> {
        let known = self
            .ids
            .bindings
            .get(place)
            .or_else(|| self.old.bindings.get(place));
        let id = match known {
            Some(id) => *id,
            None => self.pools.binding()?,
        };
        self.ids.bindings.insert(place.clone(), id);
        Ok(id)
    }

    /// 0, which forwards nothing, for a place that has no next hop.
    pub(super) fn id_of(&self, place: &Place) -> u32 {
        self.ids.next_hops.get(place).map_or(0, |hop| hop.id)
    }
}
