//! A door that passes from one segment to another: a port and VLAN, a pair of tags or a VNI that get another owner.
//!
//! Whoever stands behind it must not receive the old owner's frames when he can already speak to the new one. So the
//! segments that lose a door are first brought to what they shall be, with the door shut; programs that still run with what
//! they read before are waited for; then the door is opened to its new owner.

use std::collections::BTreeSet;

use fabric_common::maps::Binding;
use fabric_common::maps::gateway::Irb;

use crate::records::Records;

/// The state between the two; `None` if no door passes.
pub(super) fn between(old: &Records, new: &Records) -> Option<Records> {
    let doors = Doors::passing(old, new);
    let losing = &doors.losing;
    if losing.is_empty() {
        return None;
    }
    let mut between = Records::default();
    between.merge(&of_segments(old, |segment| !losing.contains(&segment)));
    between.merge(&of_segments(new, |segment| losing.contains(&segment)));
    between.access.retain(|key, _| !doors.access.contains(key));
    between.tags.retain(|key, _| !doors.tags.contains(key));
    between
        .tunnel_keys
        .retain(|key, _| !doors.tunnel_keys.contains(key));
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

/// Doors with another segment behind them than before, and the segments that they led into.
#[derive(Default)]
struct Doors {
    access: BTreeSet<u32>,
    tags: BTreeSet<u64>,
    tunnel_keys: BTreeSet<u64>,
    losing: BTreeSet<u32>,
}

impl Doors {
    fn passing(old: &Records, new: &Records) -> Self {
        let mut doors = Self::default();
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
