//! Carrying out what [`crate::diff`] has found.

use fabric_common::maps::NextHop;

use super::{Datapath, LoadError, OldWay};
use crate::diff::{Entry, Key, Op};

/// What is written at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step<'a> {
    /// One operation by itself.
    One(&'a Op),
    /// Next hops, new ones or with another path.
    Switch(Vec<(u32, NextHop)>),
    /// New flood lists: segment and port slots.
    SetFloods(Vec<(u32, &'a [u16])>),
    /// Segments whose flood lists go.
    ClearFloods(Vec<u32>),
    /// Static stations: segment, address as [`fabric_common::wire::mac_word`], next hop.
    Stations(Vec<(u32, u64, u32)>),
}

/// `ops` in their order; what the kernel takes in batches is together.
pub fn steps(ops: &[Op]) -> impl Iterator<Item = Step<'_>> {
    let together = ops.chunk_by(|one, next| {
        set_flood(one).is_some() && set_flood(next).is_some()
            || set_next_hop(one).is_some() && set_next_hop(next).is_some()
            || cleared_flood(one).is_some() && cleared_flood(next).is_some()
            || station(one).is_some() && station(next).is_some()
    });
    together.filter_map(|ops| {
        let first = ops.first()?;
        Some(if set_flood(first).is_some() {
            Step::SetFloods(ops.iter().filter_map(set_flood).collect())
        } else if set_next_hop(first).is_some() {
            Step::Switch(ops.iter().filter_map(set_next_hop).collect())
        } else if cleared_flood(first).is_some() {
            Step::ClearFloods(ops.iter().filter_map(cleared_flood).collect())
        } else if station(first).is_some() {
            Step::Stations(ops.iter().filter_map(station).collect())
        } else {
            Step::One(first)
        })
    })
}

fn set_flood(op: &Op) -> Option<(u32, &[u16])> {
    match op {
        Op::Set(Entry::Flood(segment, slots)) => Some((*segment, slots)),
        Op::Set(_) | Op::Clear(_) | Op::Grace => None,
    }
}

fn set_next_hop(op: &Op) -> Option<(u32, NextHop)> {
    match op {
        Op::Set(Entry::NextHop(id, next_hop)) => Some((*id, *next_hop)),
        Op::Set(_) | Op::Clear(_) | Op::Grace => None,
    }
}

fn cleared_flood(op: &Op) -> Option<u32> {
    match op {
        Op::Clear(Key::Flood(segment)) => Some(*segment),
        Op::Set(_) | Op::Clear(_) | Op::Grace => None,
    }
}

fn station(op: &Op) -> Option<(u32, u64, u32)> {
    match op {
        Op::Set(Entry::Station((segment, mac), next_hop)) => Some((*segment, *mac, *next_hop)),
        Op::Set(_) | Op::Clear(_) | Op::Grace => None,
    }
}

impl Datapath {
    /// Does one operation.
    ///
    /// # Errors
    /// The kernel's refusal, or a full table.
    pub fn apply(&mut self, op: &Op) -> Result<(), LoadError> {
        match op {
            Op::Set(entry) => self.set(entry),
            Op::Clear(key) => self.clear(key),
            Op::Grace => self.grace(),
        }
    }

    fn set(&mut self, entry: &Entry) -> Result<(), LoadError> {
        match entry {
            Entry::Egress(slot, ifindex) => self.set_egress(*slot, Some(*ifindex)),
            Entry::Port(ifindex, port) => self.set_port(*ifindex, Some(port)),
            Entry::Path(id, path) => self.set_path(*id, Some(path)),
            Entry::NextHop(id, next_hop) => self.switch(&[(*id, *next_hop)], OldWay::Works),
            Entry::Vsm(id, limits) => self.set_vsm(*id, Some(*limits)),
            Entry::VsmPlace(id, place) => self.set_vsm_place(*id, Some(place)),
            Entry::Irb(id, irb) => self.set_irb(*id, Some(irb)),
            Entry::Prefix(prefix, route) => self.set_prefix(prefix, Some(route)),
            Entry::Segment(id, limits) => self.set_segment(*id, Some(*limits)),
            Entry::Pair(segment, members) => self.set_pair(*segment, Some(*members)),
            Entry::FloodNextHop(key, copy) => self.set_flood_next_hop(key, Some(*copy)),
            Entry::Flood(segment, slots) => self.set_floods(&[(*segment, slots)]),
            Entry::Binding(id, binding) => self.set_binding(*id, Some(binding)),
            Entry::Tunnel(id, tunnel) => self.set_tunnel(*id, Some(tunnel)),
            Entry::Station((segment, mac), next_hop) => self.set_fixed(*segment, *mac, Some(*next_hop)),
            Entry::Line(id, line) => self.set_line(*id, Some(line)),
            Entry::Route(index, binding) => self.set_route(*index, Some(binding)),
            Entry::LabelSites(index, sites) => self.set_label_sites(*index, Some(sites)),
            Entry::Tag(key, value) | Entry::LineKey(key, value) => self.set_tag(*key, Some(*value)),
            Entry::TunnelKey(key, tunnel) => self.set_tunnel_key(*key, Some(*tunnel)),
            Entry::Access(index, binding) => self.set_access(*index, Some(binding)),
            Entry::Vtep(address) => self.set_vtep(address, true),
        }
    }

    fn clear(&mut self, key: &Key) -> Result<(), LoadError> {
        match key {
            Key::Egress(slot) => self.set_egress(*slot, None),
            Key::Port(ifindex) => self.set_port(*ifindex, None),
            Key::Path(id) => self.set_path(*id, None),
            Key::NextHop(id) => self.set_next_hop(*id, None),
            Key::Vsm(id) => self.set_vsm(*id, None),
            Key::VsmPlace(id) => self.set_vsm_place(*id, None),
            Key::Irb(id) => self.set_irb(*id, None),
            Key::Prefix(prefix) => self.set_prefix(prefix, None),
            Key::Segment(id) => self.set_segment(*id, None),
            Key::Pair(segment) => self.set_pair(*segment, None),
            Key::FloodNextHop(key) => self.set_flood_next_hop(key, None),
            Key::Flood(segment) => self.clear_floods(&[*segment]),
            Key::Binding(id) => self.set_binding(*id, None),
            Key::Tunnel(id) => self.set_tunnel(*id, None),
            Key::Station((segment, mac)) => self.set_fixed(*segment, *mac, None),
            Key::Line(id) => self.set_line(*id, None),
            Key::Route(index) => self.set_route(*index, None),
            Key::LabelSites(index) => self.set_label_sites(*index, None),
            Key::Tag(key) | Key::LineKey(key) => self.set_tag(*key, None),
            Key::TunnelKey(key) => self.set_tunnel_key(*key, None),
            Key::Access(index) => self.set_access(*index, None),
            Key::Vtep(address) => self.set_vtep(address, false),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flood_lists_next_to_each_other_are_one_step() {
        let set = |segment| Op::Set(Entry::Flood(segment, vec![1, 2]));
        let clear = |segment| Op::Clear(Key::Flood(segment));
        let ops = [set(1), set(2), Op::Grace, Op::Grace, set(3), clear(1), clear(4)];
        let all: Vec<Step<'_>> = steps(&ops).collect();
        let slots: &[u16] = &[1, 2];
        assert_eq!(
            all,
            [
                Step::SetFloods(vec![(1, slots), (2, slots)]),
                Step::One(&Op::Grace),
                Step::One(&Op::Grace),
                Step::SetFloods(vec![(3, slots)]),
                Step::ClearFloods(vec![1, 4]),
            ]
        );
        assert_eq!(steps(&[]).count(), 0);
    }
}
