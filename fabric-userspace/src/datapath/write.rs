//! Writing records into the maps. The order of writes is the caller's, see [`crate::diff`].

use std::collections::BTreeSet;

use aya::maps::{DevMap, MapData};
use fabric_common::maps::{
    Binding, FloodCopy, FloodKey, FloodMembers, FloodTerms, Line, NextHop, PairMember, Path, Port, Segment,
    Tunnel, VtepAddress, capacity, fdb_key, name,
};

use super::buckets::Full;
use super::flood::gone;
use super::mapped::Mapped;
use super::{Datapath, LoadError, Table};
use crate::records::SegmentLimits;

fn full(map: &'static str) -> impl Fn(Full) -> LoadError {
    move |Full| LoadError::map(map)("no room for the entry".into())
}

pub(super) fn publish<T: aya::Pod>(
    table: &Mapped<T>,
    index: u32,
    record: &T,
    map: &'static str,
) -> Result<(), LoadError> {
    if table.publish(index, record) {
        return Ok(());
    }
    Err(LoadError::map(map)(
        format!("no place {index}, there are {}", table.len()).into(),
    ))
}

type Done = Result<(), LoadError>;

/// One setter a table. `None` clears the record.
///
/// # Errors
/// Each refuses an index outside of its table, and a key for which a hash table has no room.
#[expect(clippy::missing_errors_doc, reason = "said once, above")]
impl Datapath {
    /// `PORTS`.
    pub fn set_port(&mut self, ifindex: u32, port: Option<&Port>) -> Done {
        match port {
            Some(_) => self.port_indices.insert(ifindex),
            None => self.port_indices.remove(&ifindex),
        };
        let port = port.map(|port| self.with_silence(port));
        set(&self.ports, ifindex, port.as_ref(), name::PORTS)
    }

    /// `EGRESS`. An interface that is gone leaves the place empty.
    pub fn set_egress(&mut self, slot: u16, ifindex: Option<u32>) -> Done {
        self.set_way(slot, ifindex, self.flood.may_name(slot))
    }

    /// A way out with or without the program for copies.
    fn set_way(&mut self, slot: u16, ifindex: Option<u32>, with_program: bool) -> Done {
        let wrong = LoadError::map(name::EGRESS);
        let place = u32::from(slot);
        let program = with_program.then(|| self.flood.program());
        let is_set = |egress: &mut DevMap<MapData>, ifindex| egress.set(place, ifindex, program, 0).is_ok();
        if ifindex.is_some_and(|ifindex| is_set(&mut self.egress, ifindex)) {
            return Ok(());
        }
        // Interface 0 clears the place, and then there must be no program (`__dev_map_alloc_node`, `__dev_map_update_elem`).
        self.egress
            .set(place, 0, None, 0)
            .map_err(|error| wrong(error.into()))
    }

    /// Puts this agent's program in the place of the last one's, which that one's lists still need.
    pub(super) fn adopt_egress(&mut self) -> Done {
        for slot in 1..u16::try_from(capacity::PORTS).unwrap_or(u16::MAX) {
            let Ok(way) = self.egress.get(u32::from(slot), 0) else {
                continue;
            };
            if way.prog_id.is_some() {
                self.set_way(slot, Some(way.if_index), true)?;
                self.flood.is_idle(slot);
            }
        }
        Ok(())
    }

    /// Takes the program for copies from the ways to ports that no list names any more: it costs each frame a call.
    pub fn spare_copies(&mut self) -> Done {
        let idle = self.flood.idle();
        if idle.is_empty() {
            return Ok(());
        }
        // Copies of a list that is gone may still be in a port's queue.
        self.flood.grace()?;
        for slot in idle {
            self.set_way(slot, self.egress_ifindex(slot), false)?;
            self.flood.is_spared(slot);
        }
        Ok(())
    }

    /// Gives the ways to these ports the program for copies, before the first copy comes.
    fn expect_copies(&mut self, slots: &BTreeSet<u16>) -> Done {
        let mut queues_changed = false;
        for slot in slots {
            let way = self.egress.get(u32::from(*slot), 0);
            if let Some(way) = way.ok().filter(|way| way.prog_id.is_none()) {
                self.set_way(*slot, Some(way.if_index), true)?;
                queues_changed = true;
            }
        }
        // A queue that was begun without the program has none for a copy behind (`bq_enqueue`): it would leave as it came.
        if queues_changed {
            self.flood.grace()
        } else {
            Ok(())
        }
    }

    /// `ACCESS`.
    pub fn set_access(&mut self, index: u32, binding: Option<&Binding>) -> Done {
        set(&self.access, index, binding, name::ACCESS)
    }

    /// `BINDINGS`.
    pub fn set_binding(&mut self, id: u32, binding: Option<&Binding>) -> Done {
        set(&self.bindings, id, binding, name::BINDINGS)
    }

    /// `TUNNELS`.
    pub fn set_tunnel(&mut self, id: u32, tunnel: Option<&Tunnel>) -> Done {
        set(&self.tunnels, id, tunnel, name::TUNNELS)
    }

    /// `LINES`.
    pub fn set_line(&mut self, id: u32, line: Option<&Line>) -> Done {
        set(&self.lines, id, line, name::LINES)
    }

    /// `ROUTES`.
    pub fn set_route(&mut self, index: u32, binding: Option<&Binding>) -> Done {
        set(&self.routes, index, binding, name::ROUTES)
    }

    /// `LABEL_SITES`.
    pub fn set_label_sites(&mut self, index: u32, sites: Option<&u64>) -> Done {
        set(&self.label_sites, index, sites, name::LABEL_SITES)
    }

    /// `NEXT_HOPS`.
    pub fn set_next_hop(&mut self, id: u32, next_hop: Option<&NextHop>) -> Done {
        set(&self.next_hops, id, next_hop, name::NEXT_HOPS)
    }

    /// `PATHS`.
    pub fn set_path(&mut self, id: u32, path: Option<&Path>) -> Done {
        set(&self.paths, id, path, name::PATHS)
    }

    /// `TAGS`: a binding, or a line.
    pub fn set_tag(&mut self, key: u64, value: Option<u32>) -> Done {
        set_key(&self.tags, key, value).map_err(full(name::TAGS))
    }

    /// `TUNNEL_KEYS`.
    pub fn set_tunnel_key(&mut self, key: u64, tunnel: Option<u32>) -> Done {
        set_key(&self.tunnel_keys, key, tunnel).map_err(full(name::TUNNEL_KEYS))
    }

    /// `VTEPS`.
    pub fn set_vtep(&mut self, address: &VtepAddress, present: bool) -> Done {
        let wrong = LoadError::map(name::VTEPS);
        if present {
            self.vteps.insert(address, 1, 0)
        } else {
            gone(self.vteps.remove(address))
        }
        .map_err(|error| wrong(error.into()))
    }

    /// `SEGMENTS`: the limits; the counters stay, and are cleared with the record.
    pub fn set_segment(&mut self, id: u32, limits: Option<SegmentLimits>) -> Done {
        let Some(segment) = self.segments.shared(id) else {
            return Err(LoadError::map(name::SEGMENTS)(format!("no place {id}").into()));
        };
        let SegmentLimits {
            stations,
            flooded_len,
            irb,
            turns,
        } = limits.unwrap_or_default();
        segment.mac_limit.store(stations);
        segment
            .flood_terms
            .store(FloodTerms::new(flooded_len, irb, turns).0);
        if limits.is_none() {
            let counters = [
                &segment.learned,
                &segment.moves,
                &segment.damped,
                &segment.refused,
                &segment.unplaced,
            ];
            counters.into_iter().for_each(|counter| counter.store(0));
        }
        Ok(())
    }

    /// Both members of a segment. One that stays keeps its word: whoever reads while the words change finds it, and behind
    /// it either the other member that was or the one that is.
    pub fn set_pair(&mut self, segment: u32, members: Option<[PairMember; 2]>) -> Done {
        let record = self.flooded(segment)?;
        let [one, other] = record.members();
        let mut members = members.unwrap_or_default();
        if members[0].slot() == other.slot() || members[1].slot() == one.slot() {
            members.reverse();
        }
        for (word, member) in record.pair.iter().zip(members) {
            word.store(member.0);
        }
        Ok(())
    }

    /// Static entries of `FDB`. A learned entry of the same address is replaced.
    pub fn set_fixed(&mut self, segment: u32, mac: u64, next_hop: Option<u32>) -> Done {
        match next_hop {
            Some(next_hop) => {
                if self.set_station(segment, mac, next_hop).is_ok() {
                    return Ok(());
                }
                // What was removed since the last sweep still has its slots.
                self.give_free()?;
                self.set_station(segment, mac, next_hop).map_err(full(name::FDB))
            }
            None => {
                self.clear_station(segment, mac);
                Ok(())
            }
        }
    }

    /// Many static entries of `FDB`: segment, address, next hop.
    pub fn set_stations(&mut self, stations: &[(u32, u64, u32)]) -> Done {
        /// As many as a processor can wait for at once, about.
        const AHEAD: usize = 32;
        for stations in stations.chunks(AHEAD) {
            for (segment, mac, _) in stations {
                self.fdb.fetch(fdb_key(*segment, *mac));
            }
            for (segment, mac, next_hop) in stations {
                self.set_fixed(*segment, *mac, Some(*next_hop))?;
            }
        }
        Ok(())
    }

    /// `FLOOD_NEXT_HOPS`.
    pub fn set_flood_next_hop(&mut self, key: &FloodKey, copy: Option<FloodCopy>) -> Done {
        let wrong = LoadError::map(name::FLOOD_NEXT_HOPS);
        match copy {
            Some(copy) => self.flood_next_hops.insert(key, copy, 0),
            None => gone(self.flood_next_hops.remove(key)),
        }
        .map_err(|error| wrong(error.into()))
    }

    /// `FLOOD`: the port of each copy. A port whose interface is gone gets no copies.
    ///
    /// As many segments as there are for the price of one: the kernel waits at the end of each batch.
    ///
    /// The number of members is never smaller than the list that is in force: what may be copied depends on it. And it is 0 as
    /// long as there is no list: till then a pair's frames go from one to the other.
    pub fn set_floods(&mut self, floods: &[(u32, &[u16])]) -> Done {
        let ports: BTreeSet<u16> = floods.iter().flat_map(|(_, slots)| *slots).copied().collect();
        self.expect_copies(&ports)?;
        let mut lists = Vec::with_capacity(floods.len());
        let mut counts = Vec::with_capacity(floods.len());
        let mut pairs_give_way = false;
        for (segment, slots) in floods {
            self.flood.will_name(*segment, slots);
            let interfaces = slots
                .iter()
                .filter_map(|slot| Some((*slot, self.egress_ifindex(*slot)?)));
            let (there, list): (Vec<u16>, Vec<u32>) = interfaces.unzip();
            let members = FloodMembers::of(&there);
            let record = self.flooded(*segment)?;
            match FloodMembers(record.flood_members.load()).count() {
                0 => pairs_give_way |= record.has_pair(),
                before if before < members.count() => record.flood_members.store(members.0),
                _ => {}
            }
            lists.push((*segment, list));
            counts.push(members);
        }
        self.flood.set(&lists)?;
        for ((segment, slots), members) in floods.iter().zip(counts) {
            self.flooded(*segment)?.flood_members.store(members.0);
            self.flood.names_only(*segment, slots);
        }
        // Whoever has found no list has yet to read the pair, which may go now.
        if pairs_give_way {
            self.flood.grace()?;
        }
        Ok(())
    }

    /// `FLOOD`: no copies in these segments; of those that have one the pair counts again.
    pub fn clear_floods(&mut self, segments: &[u32]) -> Done {
        let mut pairs_take_over = false;
        for segment in segments {
            let record = self.flooded(*segment)?;
            record.flood_members.store(0);
            pairs_take_over |= record.has_pair();
        }
        // Whoever has read how many there are has yet to look the list up.
        if pairs_take_over {
            self.flood.grace()?;
        }
        self.flood.remove(segments)?;
        for segment in segments {
            self.flood.names_only(*segment, &[]);
        }
        Ok(())
    }

    fn flooded(&self, segment: u32) -> Result<&Segment, LoadError> {
        let missing = || LoadError::map(name::SEGMENTS)(format!("no place {segment}").into());
        self.segments.shared(segment).ok_or_else(missing)
    }

    /// Returns when no program that may have seen a cleared record runs any more.
    pub fn grace(&mut self) -> Done {
        self.flood.grace()
    }

    /// The interface behind a slot.
    pub fn egress_ifindex(&self, slot: u16) -> Option<u32> {
        self.egress
            .get(u32::from(slot), 0)
            .ok()
            .map(|value| value.if_index)
    }
}

fn set<T: aya::Pod>(table: &Mapped<T>, index: u32, record: Option<&T>, map: &'static str) -> Done {
    match record {
        Some(record) => publish(table, index, record, map),
        None => {
            table.withdraw(index);
            Ok(())
        }
    }
}

fn set_key(table: &Table, key: u64, value: Option<u32>) -> Result<(), Full> {
    match value {
        Some(value) => table.set(key, u64::from(value)),
        None => {
            table.find(key).for_each(Table::clear);
            Ok(())
        }
    }
}
