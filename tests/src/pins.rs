//! What the pinned maps of an agent say, read from the kernel without the agent, in words that do not depend on which numbers
//! it happened to give: slots are interfaces, segments are what leads to them, next hops and paths are what they hold.
//!
//! Two nodes' worth of maps with the same words forward alike, whatever came before. Learned stations and counters are left out.

mod tables;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, Result};
use fabric_common::maps::{
    self, Binding, FdbValue, FloodCopy, NextHop, PairMember, Port, is_tag_key, name, tag_slot,
};
use fabric_common::wire::{Macs, mac_octets};

use tables::{Table, flood_lists, pairs};

/// The live entries of the maps in `folder`, one line each, sorted.
///
/// # Errors
/// When a map cannot be read, or an entry names what is not there.
pub fn words(folder: &Path) -> Result<Vec<String>> {
    Maps::read(folder)?.words()
}

/// The FDB's entries, learned and static, as key and value, sorted.
///
/// # Errors
/// When the map cannot be read.
pub fn stations(folder: &Path) -> Result<Vec<(u64, u64)>> {
    let mut entries = Table::open(&folder.join(name::FDB))?.slots();
    entries.retain(|(_, value)| *value != 0);
    entries.sort_unstable();
    Ok(entries)
}

/// Bytes of kernel memory of the maps in `folder`, as the kernel counts them. Flood lists are not among them.
///
/// # Errors
/// When one cannot be opened.
pub fn bytes(folder: &Path) -> Result<u64> {
    let mut sum = 0;
    for entry in std::fs::read_dir(folder)? {
        let pin = entry?.path();
        // The kernel puts iterators of its own into each BPF file system.
        if pin.is_file() && pin.extension().is_none_or(|end| end != "debug") {
            sum += tables::memory(&pin)?;
        }
    }
    Ok(sum)
}

/// What the agent sets of a segment.
struct Segment {
    stations: u32,
    longest_flooded: u32,
    pair: [PairMember; 2],
}

/// What the words are made from.
struct Maps {
    /// Interface index of each slot.
    slots: BTreeMap<u16, u32>,
    ports: BTreeMap<u32, Port>,
    /// Interface of each slot, and whether the way has the program for copies.
    egress: BTreeMap<u32, (u32, bool)>,
    access: BTreeMap<u32, Binding>,
    tags: BTreeMap<u64, u32>,
    bindings: BTreeMap<u32, Binding>,
    segments: BTreeMap<u32, Segment>,
    stations: Vec<(u64, FdbValue)>,
    next_hops: BTreeMap<u32, NextHop>,
    paths: BTreeMap<u32, maps::Path>,
    flood: BTreeMap<u32, Vec<u32>>,
    copies: BTreeMap<(u32, u16, u16), FloodCopy>,
}

impl Maps {
    fn read(folder: &Path) -> Result<Self> {
        let table = |map: &str| Table::open(&folder.join(map));
        let ports = table(name::PORTS)?.records(|port: &Port| port.slot != 0);
        let segments = table(name::SEGMENTS)?.raw(|words| {
            // The limit, the longest frame that is flooded, and the pair; the others are counts.
            let [limit, _, _, _, _, _, _, longest, low, high, other_low, other_high] =
                *words.first_chunk()?;
            let member = |low: u32, high: u32| PairMember(u64::from(high) << 32 | u64::from(low));
            (limit != 0).then(|| Segment {
                stations: limit,
                longest_flooded: longest,
                pair: [member(low, high), member(other_low, other_high)],
            })
        });
        let slots_of = |map: &str| Ok::<_, anyhow::Error>(table(map)?.slots());
        let tags = slots_of(name::TAGS)?.into_iter();
        let fdb = slots_of(name::FDB)?.into_iter();
        let egress = pairs(&folder.join(name::EGRESS))?;
        let copies = pairs(&folder.join(name::FLOOD_NEXT_HOPS))?;
        Ok(Self {
            slots: ports
                .iter()
                .map(|(ifindex, port)| (port.slot, *ifindex))
                .collect(),
            ports,
            egress: egress
                .iter()
                .map(|(key, value)| {
                    let program = value.get(4..).context("no program")?;
                    Ok((word(key)?, (word(value)?, word(program)? != 0)))
                })
                .collect::<Result<_>>()?,
            access: table(name::ACCESS)?.records(|binding: &Binding| binding.segment() != 0),
            tags: tags
                .filter(|(_, value)| *value != 0)
                .map(|(key, value)| Ok((key, u32::try_from(value)?)))
                .collect::<Result<_>>()?,
            bindings: table(name::BINDINGS)?.records(|binding: &Binding| binding.segment() != 0),
            segments,
            stations: fdb
                .map(|(key, value)| (key, FdbValue(value)))
                .filter(|(_, value)| value.is_static())
                .collect(),
            next_hops: table(name::NEXT_HOPS)?.records(|hop: &NextHop| hop.segment != 0),
            paths: table(name::PATHS)?.records(|path: &maps::Path| path.slot != 0),
            flood: flood_lists(&folder.join(name::FLOOD))?,
            copies: copies
                .iter()
                .map(|(key, value)| {
                    let half = |at: usize| key.get(at..at + 2).and_then(|two| two.try_into().ok());
                    let (slot, copy) = half(4).zip(half(6)).context("a short key")?;
                    let key = (word(key)?, u16::from_ne_bytes(slot), u16::from_ne_bytes(copy));
                    Ok((key, FloodCopy(word(value)?)))
                })
                .collect::<Result<_>>()?,
        })
    }

    fn words(&self) -> Result<Vec<String>> {
        let names = self.segment_names()?;
        let segment = |id: u32| {
            names
                .get(&id)
                .with_context(|| format!("nothing leads to segment {id}"))
        };
        let port = |slot: u16| self.port(slot);
        let mut lines = Vec::new();
        for (ifindex, record) in &self.ports {
            let record = Port { slot: 0, ..*record };
            lines.push(format!("port if{ifindex} {record:?}"));
        }
        for (slot, (ifindex, for_copies)) in &self.egress {
            let slot = u16::try_from(*slot)?;
            let named = self.flood.values().flatten().any(|member| member == ifindex);
            anyhow::ensure!(
                named == *for_copies,
                "way to if{ifindex}: a list names it: {named}, it has the program for copies: {for_copies}"
            );
            lines.push(format!("egress {} if{ifindex}", port(slot)?));
        }
        for (index, binding) in &self.access {
            let at = self.access_name(*index)?;
            lines.push(format!("{at} -> {}", self.binding(binding, &names)?));
        }
        for (key, id) in &self.tags {
            let binding = self
                .bindings
                .get(id)
                .with_context(|| format!("no binding {id}"))?;
            lines.push(format!(
                "{} -> {}",
                self.tags_name(*key)?,
                self.binding(binding, &names)?
            ));
        }
        // Whatever nothing leads to would be a leak: they are counted as well.
        lines.push(format!("{} bindings", self.bindings.len()));
        for (id, record) in &self.segments {
            let (limit, longest) = (record.stations, record.longest_flooded);
            lines.push(format!("segment {} limit {limit} flood {longest}", segment(*id)?));
            for member in record
                .pair
                .iter()
                .filter(|member| **member != PairMember::default())
            {
                let (at, hop) = (port(member.slot())?, self.next_hop(member.next_hop(), &names)?);
                lines.push(format!("pair {} {at} -> {hop}", segment(*id)?));
            }
        }
        for (key, value) in &self.stations {
            let id = u32::try_from(key >> 48)? | value.segment_high() << 16;
            let mac = mac_octets(key & Macs::MASK);
            let hop = self.next_hop(value.next_hop(), &names)?;
            lines.push(format!("station {} {mac:02x?} -> {hop}", segment(id)?));
        }
        for id in self.next_hops.keys() {
            lines.push(self.next_hop(*id, &names)?);
        }
        lines.push(format!("{} paths", self.paths.len()));
        for (id, members) in &self.flood {
            let members: Vec<String> = members.iter().map(|ifindex| format!("if{ifindex}")).collect();
            lines.push(format!("flood {} {}", segment(*id)?, members.join(" ")));
        }
        for ((id, slot, copy), value) in &self.copies {
            let hop = self.next_hop(value.next_hop(), &names)?;
            let more = value.more();
            lines.push(format!(
                "copy {} {} {copy} -> {hop} and {more}",
                segment(*id)?,
                port(*slot)?
            ));
        }
        lines.sort();
        Ok(lines)
    }

    /// A segment is called by the first of the tags and VLANs that lead to it: no two share one.
    fn segment_names(&self) -> Result<BTreeMap<u32, String>> {
        let mut all: BTreeMap<u32, BTreeSet<String>> = BTreeMap::new();
        for (index, binding) in &self.access {
            all.entry(binding.segment())
                .or_default()
                .insert(self.access_name(*index)?);
        }
        for (key, id) in &self.tags {
            let binding = self
                .bindings
                .get(id)
                .with_context(|| format!("no binding {id}"))?;
            all.entry(binding.segment())
                .or_default()
                .insert(self.tags_name(*key)?);
        }
        let first =
            |(id, names): (u32, BTreeSet<String>)| Some((id, format!("[{}]", names.into_iter().next()?)));
        Ok(all.into_iter().filter_map(first).collect())
    }

    fn port(&self, slot: u16) -> Result<String> {
        let ifindex = self
            .slots
            .get(&slot)
            .with_context(|| format!("no port has slot {slot}"))?;
        Ok(format!("if{ifindex}"))
    }

    fn access_name(&self, index: u32) -> Result<String> {
        Ok(format!(
            "access {} vlan {}",
            self.port(u16::try_from(index >> 12)?)?,
            index & 0xfff
        ))
    }

    fn tags_name(&self, key: u64) -> Result<String> {
        anyhow::ensure!(is_tag_key(key), "the tags of a trunk are expected, not {key:#x}");
        let (outer, inner) = (key >> 12 & 0xfff, key & 0xfff);
        Ok(format!(
            "tags {} {} {outer} {inner}",
            self.port(tag_slot(key))?,
            key >> 24 & 0xfff
        ))
    }

    fn binding(&self, binding: &Binding, names: &BTreeMap<u32, String>) -> Result<String> {
        let hop = |id| match id {
            0 => Ok("-".to_owned()),
            id => self.next_hop(id, names),
        };
        let name = names.get(&binding.segment()).context("no such segment")?;
        let (horizon, own) = (binding.horizon(), binding.own());
        let (learn, direct) = (hop(binding.learn())?, hop(binding.direct())?);
        Ok(format!(
            "{name} horizon {horizon} own {own} learn {learn} direct {direct}"
        ))
    }

    fn next_hop(&self, id: u32, names: &BTreeMap<u32, String>) -> Result<String> {
        let hop = self
            .next_hops
            .get(&id)
            .with_context(|| format!("no next hop {id}"))?;
        let path = self
            .paths
            .get(&hop.path)
            .with_context(|| format!("no path {}", hop.path))?;
        anyhow::ensure!(
            path.segment == hop.segment,
            "path {} is another segment's than next hop {id}",
            hop.path
        );
        let name = names.get(&hop.segment).context("no such segment")?;
        let out = self.port(path.slot)?;
        let content = maps::Path {
            slot: 0,
            segment: 0,
            ..*path
        };
        Ok(format!(
            "hop {name} horizon {} flags {} by {out} {content:?}",
            hop.horizon, hop.flags
        ))
    }
}

fn word(bytes: &[u8]) -> Result<u32> {
    let first = bytes.first_chunk().context("less than four bytes")?;
    Ok(u32::from_ne_bytes(*first))
}
