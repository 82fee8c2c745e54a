//! A door that passes from one segment to another: a port and VLAN, a pair of tags or a VNI that get another owner.
//!
//! Whoever stands behind it must not receive the old owner's frames when he can already speak to the new one. So the
//! segments that lose a door are first brought to what they shall be, with the door shut; programs that still run with what
//! they read before are waited for; then the door is opened to its new owner.

use std::collections::{BTreeMap, BTreeSet};

use fabric_common::maps::gateway::Irb;
use fabric_common::maps::{Binding, tag_way, tunnel_way};

use crate::records::Records;

/// What to begin with where a segment turns: it loses a way to other nodes and gets another one, as when the spanning tree
/// changes. Its lost ways take nothing in any more; `None` if no segment turns.
///
/// A node that takes frames in by an old way while it sends by a new one would close a ring with neighbours of which some
/// still go by the old tree and others by the new one, and what is for everybody would go round in it.
pub(super) fn without_lost_ways(old: &Records, new: &Records) -> Option<Records> {
    let has_ways = |records: &Records| !(records.tags.is_empty() && records.tunnel_keys.is_empty());
    if !has_ways(old) || !has_ways(new) {
        return None;
    }
    let (was, is) = (Ways::of(old), Ways::of(new));
    let gains = |segment: u32| {
        let mut ways = is.of_segment(segment);
        ways.any(|way| !was.0.contains(&(segment, way)))
    };
    let lost: BTreeSet<(u32, Way)> = was
        .0
        .difference(&is.0)
        .filter(|(segment, _)| gains(*segment))
        .copied()
        .collect();
    if lost.is_empty() {
        return None;
    }
    let turning: BTreeSet<u32> = lost.iter().map(|(segment, _)| *segment).collect();
    let is_kept =
        |segment: Option<u32>, way: Way| segment.is_none_or(|segment| !lost.contains(&(segment, way)));
    let mut first = old.clone();
    first
        .tags
        .retain(|key, _| is_kept(by_tags(old, *key), Way::Tagged(tag_way(*key))));
    first
        .tunnel_keys
        .retain(|key, _| is_kept(by_tunnel(old, *key), Way::Tunnelled(tunnel_way(*key))));
    // A list that goes is cleared when all new ways are open: it would lead from them into the old ones.
    let keeps_list = |segment: u32| !turning.contains(&segment) || new.flood.contains_key(&segment);
    first.flood.retain(|segment, _| keeps_list(*segment));
    first.flood_next_hops.retain(|key, _| keeps_list(key.segment));
    Some(first)
}

/// Where frames of a segment come from: a port and what is outside of the segment's own tags there.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Way {
    /// [`tag_way`].
    Tagged(u64),
    /// [`tunnel_way`].
    Tunnelled(u64),
}

/// The ways into each segment from other nodes.
struct Ways(BTreeSet<(u32, Way)>);

impl Ways {
    fn of(records: &Records) -> Self {
        let tagged = records.tags.keys().filter_map(|key| {
            let segment = by_tags(records, *key)?;
            Some((segment, Way::Tagged(tag_way(*key))))
        });
        let tunnelled = records.tunnel_keys.keys().filter_map(|key| {
            let segment = by_tunnel(records, *key)?;
            Some((segment, Way::Tunnelled(tunnel_way(*key))))
        });
        Self(tagged.chain(tunnelled).collect())
    }

    fn of_segment(&self, segment: u32) -> impl Iterator<Item = Way> {
        let all = (segment, Way::Tagged(0))..=(segment, Way::Tunnelled(u64::MAX));
        self.0.range(all).map(|(_, way)| *way)
    }
}

/// Doors with another segment behind them than before, and the segments that they led into.
#[derive(Default)]
pub(super) struct Doors {
    access: BTreeSet<u32>,
    tags: BTreeSet<u64>,
    tunnel_keys: BTreeSet<u64>,
    losing: BTreeSet<u32>,
    /// Segments whose own VLAN changes.
    retagged: BTreeSet<u32>,
}

impl Doors {
    /// Those of both states, whatever is led to in between.
    pub(super) fn passing(old: &Records, new: &Records) -> Self {
        let mut doors = Self {
            retagged: retagged(old, new),
            ..Self::default()
        };
        doors.add_retagged(new);
        for (key, was) in &old.access {
            if let Some(now) = new.access.get(key)
                && now.segment() != was.segment()
            {
                doors.access.insert(*key);
                doors.losing.insert(was.segment());
            }
        }
        for key in old.tags.keys() {
            if let (Some(was), Some(now)) = (by_tags(old, *key), by_tags(new, *key))
                && now != was
            {
                doors.tags.insert(*key);
                doors.losing.insert(was);
            }
        }
        for key in old.tunnel_keys.keys() {
            if let (Some(was), Some(now)) = (by_tunnel(old, *key), by_tunnel(new, *key))
                && now != was
            {
                doors.tunnel_keys.insert(*key);
                doors.losing.insert(was);
            }
        }
        doors
    }

    /// All their new doors are opened last.
    fn add_retagged(&mut self, new: &Records) {
        let is_theirs =
            |segment: Option<u32>| segment.is_some_and(|segment| self.retagged.contains(&segment));
        let access = new.access.iter();
        let access = access.filter(|(_, binding)| is_theirs(Some(binding.segment())));
        self.access.extend(access.map(|(key, _)| *key));
        let tags = new.tags.keys().filter(|key| is_theirs(by_tags(new, **key)));
        self.tags.extend(tags);
        let tunnel_keys = new.tunnel_keys.keys();
        self.tunnel_keys
            .extend(tunnel_keys.filter(|key| is_theirs(by_tunnel(new, **key))));
        self.losing.extend(&self.retagged);
    }

    /// The state between the two; `None` if no door passes.
    pub(super) fn between(&self, old: &Records, new: &Records) -> Option<Records> {
        let losing = &self.losing;
        if losing.is_empty() {
            return None;
        }
        let mut between = Records::default();
        between.merge(&of_segments(old, |segment| !losing.contains(&segment)));
        between.merge(&of_segments(new, |segment| losing.contains(&segment)));
        between.access.retain(|key, _| !self.access.contains(key));
        between.tags.retain(|key, _| !self.tags.contains(key));
        between
            .tunnel_keys
            .retain(|key, _| !self.tunnel_keys.contains(key));
        let leads_to = |irb: u32| new.irbs.get(&irb).map(Irb::segment);
        between
            .prefixes
            .retain(|_, route| leads_to(route.irb).is_none_or(|segment| !self.retagged.contains(&segment)));
        let relays = if losing.contains(&Binding::RELAY) {
            new
        } else {
            old
        };
        between.label_sites.clone_from(&relays.label_sites);
        // What belongs to no segment: all that either of them needs.
        for records in [old, new] {
            between.ports.extend(&records.ports);
            between.egress.extend(&records.egress);
            between.vteps.extend(&records.vteps);
            between.vsms.extend(&records.vsms);
            between.lines.extend(&records.lines);
            between.line_keys.extend(&records.line_keys);
        }
        Some(between)
    }

    /// What is to be first where the own VLAN of a segment changes: none of its doors takes anything in. `None` if that of none does.
    ///
    /// What is compared with it where a frame comes in, and the ports that the frame leaves by, are of one document only when both
    /// are: in between a frame could leave in a VLAN of somebody else.
    pub(super) fn shut(&self, old: &Records) -> Option<Records> {
        if self.retagged.is_empty() {
            return None;
        }
        let is_open = |segment: Option<u32>| segment.is_none_or(|segment| !self.retagged.contains(&segment));
        let mut shut = old.clone();
        shut.access.retain(|_, binding| is_open(Some(binding.segment())));
        shut.tags.retain(|key, _| is_open(by_tags(old, *key)));
        shut.tunnel_keys.retain(|key, _| is_open(by_tunnel(old, *key)));
        // What a gateway brings comes in by another segment's doors.
        shut.prefixes
            .retain(|_, route| is_open(old.irbs.get(&route.irb).map(Irb::segment)));
        Some(shut)
    }
}

/// Segments that frames of another own VLAN enter than before.
fn retagged(old: &Records, new: &Records) -> BTreeSet<u32> {
    let (was, is) = (own_vlans(old), own_vlans(new));
    let differs = |(segment, own): (&u32, &BTreeSet<u32>)| {
        let other = is.get(segment).filter(|other| *other != own);
        other.map(|_| *segment)
    };
    was.iter().filter_map(differs).collect()
}

/// By segment, [`fabric_common::maps::own`] of all its doors.
fn own_vlans(records: &Records) -> BTreeMap<u32, BTreeSet<u32>> {
    let tags = records.tags.values().filter_map(|id| records.bindings.get(id));
    let tunnels = records
        .tunnel_keys
        .values()
        .filter_map(|id| records.tunnels.get(id));
    let bindings = records.access.values().chain(tags);
    let bindings = bindings.chain(tunnels.map(|tunnel| &tunnel.binding));
    let mut all = BTreeMap::<u32, BTreeSet<u32>>::new();
    for binding in bindings.filter(|binding| binding.segment() != Binding::RELAY) {
        all.entry(binding.segment()).or_default().insert(binding.own());
    }
    all
}

fn by_tags(records: &Records, key: u64) -> Option<u32> {
    let binding = records.bindings.get(records.tags.get(&key)?)?;
    Some(binding.segment())
}

fn by_tunnel(records: &Records, key: u64) -> Option<u32> {
    let tunnel = records.tunnels.get(records.tunnel_keys.get(&key)?)?;
    Some(tunnel.binding.segment())
}

/// The entries of some segments.
fn of_segments(records: &Records, wanted: impl Fn(u32) -> bool) -> Records {
    let mut part = records.clone();
    let is_wanted = |segment: Option<u32>| segment.is_some_and(&wanted);
    part.access.retain(|_, binding| wanted(binding.segment()));
    part.tags.retain(|key, _| is_wanted(by_tags(records, *key)));
    part.bindings.retain(|_, binding| wanted(binding.segment()));
    part.tunnel_keys
        .retain(|key, _| is_wanted(by_tunnel(records, *key)));
    part.tunnels.retain(|_, tunnel| wanted(tunnel.binding.segment()));
    part.segments.retain(|segment, _| wanted(*segment));
    part.stations.retain(|(segment, _), _| wanted(*segment));
    part.next_hops.retain(|_, next_hop| wanted(next_hop.segment));
    part.vsm_places.retain(|_, place| {
        let hop = place.next_hops.iter().find_map(|id| records.next_hops.get(id));
        hop.is_some_and(|hop| wanted(hop.segment))
    });
    part.irbs.retain(|_, irb| wanted(irb.segment()));
    part.prefixes
        .retain(|_, route| is_wanted(records.irbs.get(&route.irb).map(Irb::segment)));
    part.paths.retain(|_, path| wanted(path.segment & Binding::RELAY));
    part.routes.retain(|_, binding| wanted(binding.segment()));
    part.pairs.retain(|segment, _| wanted(*segment));
    part.flood.retain(|segment, _| wanted(*segment));
    part.flood_next_hops.retain(|key, _| wanted(key.segment));
    part
}
