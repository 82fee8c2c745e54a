//! Where stations are. A million of them take seconds to put into words, and nothing else is done by the agent while it is locked: so
//! only their entries are taken from it, and the words are made afterwards.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::Arc;

use fabric_common::label::{CONTROL_WORD, ENTRY, Entry};
use fabric_common::maps::{NextHop, Path};
use fabric_common::wire::{mac_octets, mac_word};

use crate::agent::core::{Core, failed};
use crate::agent::evpn::Evpn;
use crate::api;
use crate::compile::SegmentPart;
use crate::datapath::FdbEntry;
use crate::error::{Refusal, codes};
use crate::model::{IfName, Mac, Name, natural};

/// Stations as the data path has them, and what it takes to name their places.
pub(crate) struct Stations {
    /// With whether BGP says so.
    entries: Vec<(FdbEntry, bool)>,
    segments: HashMap<u32, (Name, Arc<SegmentPart>)>,
    ports: BTreeMap<u16, IfName>,
    /// Next hops that do not take the way that they were compiled with.
    switched: HashMap<u32, NextHop>,
}

/// Stations for which all holds that `which` names.
///
/// # Errors
/// For a segment that is not there, or when a map cannot be read.
pub(crate) fn stations(core: &mut Core, which: &api::WhichStations) -> Result<Stations, Refusal> {
    let parts = core.image.segments.iter();
    let numbered = parts.map(|(name, part)| (part.ids.segment, (name.clone(), Arc::clone(part))));
    let mut segments: HashMap<_, _> = numbered.collect();
    if let Some(wanted) = &which.segment {
        segments.retain(|_, (name, _)| name == wanted);
        if segments.is_empty() {
            let sentence = format!("node {} has no segment {}", core.node, wanted);
            return Err(Refusal::new(codes::UNKNOWN_SEGMENT, sentence).with_cure("fabric segment list"));
        }
    }
    if let Some(wanted) = &which.tenant {
        core.tenant_ids(wanted)?;
        segments.retain(|_, (_, part)| part.tenant() == Some(wanted));
    }
    let mac = which.mac.map(|mac| mac_word(mac.octets()));
    let evpn = core.evpn.as_ref();
    let by_bgp = |evpn: &Evpn, entry: &FdbEntry| evpn.holds(entry.segment, entry.mac, entry.next_hop);
    let mut entries = Vec::new();
    let note = |entry: FdbEntry| {
        if mac.is_none_or(|mac| mac == entry.mac) && segments.contains_key(&entry.segment) {
            entries.push((entry, evpn.is_some_and(|evpn| by_bgp(evpn, &entry))));
        }
    };
    core.plane.for_each_station(note).map_err(failed)?;
    Ok(Stations {
        entries,
        segments,
        ports: core.slots(),
        switched: core.switched(),
    })
}

impl Stations {
    /// In words, by segment and address.
    pub(crate) fn views(mut self) -> Vec<api::FdbEntry> {
        let mut names: Vec<(u32, &Name)> = self.segments.iter().map(|(id, (name, _))| (*id, name)).collect();
        names.sort_by(|(_, a), (_, b)| natural(a.as_str(), b.as_str()));
        let places: HashMap<u32, usize> = names
            .iter()
            .zip(0..)
            .map(|((id, _), place)| (*id, place))
            .collect();
        let mut entries = std::mem::take(&mut self.entries);
        entries.sort_by_cached_key(|(entry, _)| (places.get(&entry.segment).copied(), mac_octets(entry.mac)));
        let mut via = HashMap::new();
        let view = |(entry, by_bgp): &(FdbEntry, bool)| {
            let (name, part) = self.segments.get(&entry.segment)?;
            let via = via
                .entry((entry.segment, entry.next_hop))
                .or_insert_with(|| self.describe(part, entry.next_hop));
            let kind = match (by_bgp, entry.is_static) {
                (true, _) => "evpn",
                (_, true) => "static",
                _ => LEARNED,
            };
            Some(api::FdbEntry {
                segment: name.to_string(),
                tenant: part.tenant().map(Name::to_string).unwrap_or_default(),
                mac: Mac::new(mac_octets(entry.mac)).to_string(),
                via: via.clone(),
                kind: kind.to_owned(),
                age_seconds: (kind == LEARNED).then_some(entry.age.as_secs_f64()),
                moves: entry.moves,
            })
        };
        entries.iter().filter_map(view).collect()
    }

    /// As `eth1`, `p0 vlan 4000`, `p0 b-vid 500 | i-sid 1000`, `trunk0 S 101 | C 201` or `eth2 vni 10001 192.0.2.2`.
    fn describe(&self, part: &SegmentPart, next_hop: u32) -> String {
        let records = &part.records;
        let compiled = records.next_hops.get(&next_hop);
        let known = self.switched.get(&next_hop).or(compiled);
        if known.is_some_and(NextHop::is_gateway) {
            return "gateway".to_owned();
        }
        let path = known.and_then(|known| records.paths.get(&known.path));
        let path = path.copied().unwrap_or_default();
        let port = self.ports.get(&path.slot).map_or("-", |name| name.as_str());
        match (path.post_len, path.pre) {
            (0, 0) => port.to_owned(),
            (_, 0) => format!("{port} {}", tags(&path)),
            (0, _) if path.ip_at == 0 => format!("{port} {}", backbone(&path)),
            (0, _) => format!("{port} {}", tunnel(&path)),
            _ => format!("{port} {} | {}", label(&path), tags(&path)),
        }
    }
}

const LEARNED: &str = "learned";

fn tags(path: &Path) -> String {
    let [_, _, s0, s1, _, _, c0, c1, _, _, e0, e1, ..] = path.post;
    let vid = |high: u8, low: u8| u16::from_be_bytes([high, low]) & 0x0fff;
    if path.post_len == 4 {
        return format!("vlan {}", vid(s0, s1));
    }
    if path.post_len == 12 {
        return format!("vlan {} | S {} | C {}", vid(s0, s1), vid(c0, c1), vid(e0, e1));
    }
    format!("S {} | C {}", vid(s0, s1), vid(c0, c1))
}

/// The datacenter's label, in front of the control word at the end of the outer headers.
fn label(path: &Path) -> String {
    let bytes = outer(path);
    let at = bytes.len().saturating_sub(ENTRY + CONTROL_WORD);
    let entry = bytes.get(at..at + ENTRY).and_then(|entry| entry.try_into().ok());
    format!("pw {}", Entry::from_wire(entry.unwrap_or_default()).label())
}

/// VLAN of the backbone and I-SID, at the end of the outer header (IEEE 802.1Q clause 9.7).
fn backbone(path: &Path) -> String {
    let bytes = outer(path);
    let [.., b0, b1, _, _, _, i0, i1, i2] = bytes.as_slice() else {
        return String::new();
    };
    let b_vid = u16::from_be_bytes([*b0, *b1]) & 0x0fff;
    format!("b-vid {b_vid} | i-sid {}", u32::from_be_bytes([0, *i0, *i1, *i2]))
}

fn outer(path: &Path) -> Vec<u8> {
    let bytes = path.template.iter().flat_map(|word| word.to_le_bytes());
    bytes.take(usize::from(path.pre)).collect()
}

/// VNI and remote address out of the outer headers.
fn tunnel(path: &Path) -> String {
    let bytes = outer(path);
    let ip = usize::from(path.ip_at);
    let octets = |at: usize, length: usize| bytes.get(ip + at..ip + at + length).unwrap_or_default();
    let (remote, vni_at) = if path.has(Path::IPV6) {
        let octets: Option<[u8; 16]> = octets(24, 16).try_into().ok();
        (IpAddr::from(octets.unwrap_or_default()), 52)
    } else {
        let octets: Option<[u8; 4]> = octets(16, 4).try_into().ok();
        (IpAddr::from(octets.unwrap_or_default()), 32)
    };
    let vni = octets(vni_at, 3)
        .iter()
        .fold(0u32, |number, octet| number << 8 | u32::from(*octet));
    format!("vni {vni} {remote}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_tag_pair_and_no_tunnel_is_told_as_what_it_is() {
        let mut header = [0u8; 24];
        header[12..22].copy_from_slice(&[0x88, 0xa8, 0x01, 0xf4, 0x88, 0xe7, 0, 0x0f, 0x42, 0x40]);
        let mut path = Path {
            pre: 22,
            ..Path::default()
        };
        for (word, bytes) in path.template.iter_mut().zip(header.chunks_exact(8)) {
            *word = bytes
                .iter()
                .rev()
                .fold(0, |word, byte| word << 8 | u64::from(*byte));
        }
        assert_eq!(backbone(&path), "b-vid 500 | i-sid 1000000");
        let mut path = Path {
            post_len: 4,
            ..Path::default()
        };
        path.post[..4].copy_from_slice(&[0x81, 0, 0x0f, 0xa0]);
        assert_eq!(tags(&path), "vlan 4000");
    }
}
