use std::collections::BTreeMap;
use std::net::IpAddr;

use fabric_common::label::{CONTROL_WORD, ENTRY, Entry};
use fabric_common::maps::{NextHop, Path};
use fabric_common::wire::mac_octets;

use crate::agent::core::{Core, failed};
use crate::agent::evpn::Evpn;
use crate::api;
use crate::datapath::FdbEntry;
use crate::error::{Refusal, codes};
use crate::model::{IfName, Mac, natural};

/// Stations, those of one segment or all.
///
/// # Errors
/// For a segment that is not there, or when a map cannot be read.
pub(crate) fn fdb(core: &mut Core, segment: Option<&str>) -> Result<Vec<api::FdbEntry>, Refusal> {
    let entries = core.plane.fdb().map_err(failed)?;
    let names: BTreeMap<u32, (&str, &str)> = core
        .valid
        .segments()
        .iter()
        .filter_map(|one| {
            let id = core.image.segments.get(&one.name)?.ids.segment;
            Some((id, (one.name.as_str(), one.tenant.as_str())))
        })
        .collect();
    if let Some(wanted) = segment
        && !names.values().any(|(name, _)| *name == wanted)
    {
        let sentence = format!("node {} has no segment {}", core.node, wanted.escape_debug());
        return Err(Refusal::new(codes::UNKNOWN_SEGMENT, sentence).with_cure("fabric segment list"));
    }
    let places = Places::of(core);
    let mut views: Vec<api::FdbEntry> = entries
        .iter()
        .filter_map(|entry| {
            let (name, tenant) = names.get(&entry.segment)?;
            Some(api::FdbEntry {
                segment: (*name).to_owned(),
                tenant: (*tenant).to_owned(),
                mac: Mac::new(mac_octets(entry.mac)).to_string(),
                via: places.describe(entry.segment, entry.next_hop),
                kind: kind(core, entry).to_owned(),
                age_seconds: (kind(core, entry) == LEARNED).then_some(entry.age.as_secs_f64()),
                moves: entry.moves,
            })
        })
        .filter(|view| segment.is_none_or(|wanted| view.segment == wanted))
        .collect();
    views.sort_by(|a, b| natural(&a.segment, &b.segment).then_with(|| a.mac.cmp(&b.mac)));
    Ok(views)
}

const LEARNED: &str = "learned";

/// Who put the entry there.
fn kind(core: &Core, entry: &FdbEntry) -> &'static str {
    let by_bgp = |evpn: &Evpn| evpn.holds(entry.segment, entry.mac, entry.next_hop);
    if core.evpn.as_ref().is_some_and(by_bgp) {
        "evpn"
    } else if entry.is_static {
        "static"
    } else {
        LEARNED
    }
}

/// Next hops in words.
struct Places<'a> {
    core: &'a Core,
    ports: BTreeMap<u16, IfName>,
    segments: BTreeMap<u32, &'a crate::compile::SegmentPart>,
}

impl<'a> Places<'a> {
    fn of(core: &'a Core) -> Self {
        let segments = core
            .image
            .segments
            .values()
            .map(|part| (part.ids.segment, part.as_ref()));
        Self {
            core,
            ports: core.slots(),
            segments: segments.collect(),
        }
    }

    /// As `eth1`, `trunk0 S 101 | C 201` or `eth2 vni 10001 192.0.2.2`.
    fn describe(&self, segment: u32, next_hop: u32) -> String {
        let records = self.segments.get(&segment).map(|part| &part.records);
        let known = records.and_then(|records| records.next_hops.get(&next_hop));
        if known.is_some_and(NextHop::is_gateway) {
            return "gateway".to_owned();
        }
        let path = records
            .and_then(|records| records.paths.get(&records.next_hops.get(&next_hop)?.path))
            .copied()
            .unwrap_or_default();
        let port = self.ports.get(&path.slot).map_or("-", |name| name.as_str());
        let _ = self.core;
        match (path.post_len, path.pre) {
            (0, 0) => port.to_owned(),
            (_, 0) => format!("{port} {}", tags(&path)),
            (0, _) => format!("{port} {}", tunnel(&path)),
            _ => format!("{port} {} | {}", label(&path), tags(&path)),
        }
    }
}

fn tags(path: &Path) -> String {
    let [_, _, s0, s1, _, _, c0, c1, _, _, e0, e1, ..] = path.post;
    let vid = |high: u8, low: u8| u16::from_be_bytes([high, low]) & 0x0fff;
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
