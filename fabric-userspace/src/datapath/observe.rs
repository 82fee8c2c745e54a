//! Reading back what the maps hold, to repair what a killed agent left half done.

use fabric_common::maps::{FdbValue, FloodTerms, Port, capacity, is_line_key, name};
use fabric_common::wire::Macs;

use super::{Datapath, LoadError};
use crate::records::{Records, SegmentLimits};

impl Datapath {
    /// What the pinned maps hold at present.
    ///
    /// # Errors
    /// When a map cannot be read.
    pub fn observe(&self) -> Result<Records, LoadError> {
        let mut records = Records::default();
        records.ports.extend((0..self.ports.len()).filter_map(|index| {
            self.ports
                .get(index)
                .filter(|port| port.slot != 0)
                .map(|port| (index, without_silence(port)))
        }));
        self.observe_arrays(&mut records);
        self.observe_keys(&mut records);
        self.observe_kernel_maps(&mut records)?;
        Ok(records)
    }

    fn observe_arrays(&self, records: &mut Records) {
        macro_rules! table {
            ($table:ident, $live:expr) => {
                records.$table.extend(
                    (0..self.$table.len())
                        .filter_map(|id| self.$table.get(id).filter($live).map(|record| (id, record))),
                );
            };
        }
        // All of it: a port that is gone has no record that would tell its slot, and its entries wait for its return.
        table!(access, |binding| binding.segment() != 0);
        table!(bindings, |binding| binding.segment() != 0);
        table!(tunnels, |tunnel| tunnel.slot != 0);
        table!(next_hops, |next_hop| next_hop.segment != 0);
        table!(lines, |line| line.slot != 0);
        table!(label_sites, |sites| *sites != 0);
        table!(routes, |binding| binding.segment() != 0);
        table!(paths, |path| path.slot != 0);
        table!(vsm_places, |place| place.vsm != 0);
        table!(irbs, |irb| irb.vrf != 0);
        records.vsms.extend(self.observe_vsms());
        records.segments.extend((1..self.segments.len()).filter_map(|id| {
            let segment = self.segments.shared(id)?;
            let terms = FloodTerms(segment.flood_terms.load());
            let limits = SegmentLimits {
                stations: segment.mac_limit.load(),
                flooded_len: terms.max_len(),
                irb: terms.irb(),
                turns: terms.turns() != 0,
            };
            (limits.stations != 0).then_some((id, limits))
        }));
    }

    fn observe_keys(&self, records: &mut Records) {
        let binding = |value: u64| u32::try_from(value).ok().filter(|value| *value != 0);
        let tags = self
            .tags
            .iter()
            .filter_map(|slot| Some((slot.key.load(), binding(slot.value.load())?)));
        let (line_keys, tags) = tags.partition(|(key, _)| is_line_key(*key));
        (records.line_keys, records.tags) = (line_keys, tags);
        records.tunnel_keys.extend(
            self.tunnel_keys
                .iter()
                .filter_map(|slot| Some((slot.key.load(), binding(slot.value.load())?))),
        );
        records.stations.extend(self.fdb.iter().filter_map(|slot| {
            let (key, value) = (slot.key.load(), FdbValue(slot.value.load()));
            let segment = u32::try_from(key >> 48).ok()? | value.segment_high() << 16;
            value
                .is_static()
                .then_some(((segment, key & Macs::MASK), value.next_hop()))
        }));
    }

    fn observe_kernel_maps(&self, records: &mut Records) -> Result<(), LoadError> {
        let wrong = LoadError::map(name::VTEPS);
        for address in self.vteps.keys() {
            records
                .vteps
                .insert(address.map_err(|error| wrong(error.into()))?);
        }
        records.pairs.extend((1..self.segments.len()).filter_map(|id| {
            let segment = self.segments.shared(id)?;
            let mut members = segment.members();
            // In which word a member is only tells who was there before the other.
            members.sort_unstable_by_key(|member| member.slot());
            segment.has_pair().then_some((id, members))
        }));
        let wrong = LoadError::map(name::FLOOD_NEXT_HOPS);
        for entry in self.flood_next_hops.iter() {
            let (key, copy) = entry.map_err(|error| wrong(error.into()))?;
            records.flood_next_hops.insert(key, copy);
        }
        for slot in 1..u16::try_from(capacity::PORTS).unwrap_or(u16::MAX) {
            if let Some(ifindex) = self.egress_ifindex(slot) {
                records.egress.insert(slot, ifindex);
            }
        }
        records.prefixes = self.observe_prefixes()?;
        // The members of a list are not read back: lists name the program of the agent that wrote them, so
        // every agent writes them anew.
        records.flood.extend(
            self.flood
                .segments()
                .into_iter()
                .map(|segment| (segment, Vec::new())),
        );
        Ok(())
    }
}

/// The record as it is compiled: whether some port cannot send is no part of that.
const fn without_silence(port: Port) -> Port {
    Port {
        flags: port.flags & !Port::SILENCE,
        ..port
    }
}
