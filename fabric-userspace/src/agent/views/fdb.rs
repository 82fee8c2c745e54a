use std::collections::BTreeMap;

use fabric_common::maps::Path;
use fabric_common::wire::mac_octets;

use crate::agent::core::{Core, failed};
use crate::api;
use crate::error::{Refusal, codes};
use crate::model::{IfName, Mac, natural};

/// Stations, those of one segment or all.
///
/// # Errors
/// For a segment that is not there, or when a map cannot be read.
pub(crate) fn fdb(core: &mut Core, segment: Option<&str>) -> Result<Vec<api::FdbEntry>, Refusal> {
    let entries = core.datapath.fdb().map_err(failed)?;
    let names: BTreeMap<u32, (&str, &str)> = core
        .valid
        .segments()
        .iter()
        .filter_map(|one| {
            let id = core.image.segments.get(&one.name)?.ids.segment;
            Some((
                id,
                (one.name.as_str(), core.valid.tenant(one.tenant).name.as_str()),
            ))
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
                kind: if entry.is_static { "static" } else { "learned" }.to_owned(),
                age_seconds: (!entry.is_static).then_some(entry.age.as_secs_f64()),
                moves: entry.moves,
            })
        })
        .filter(|view| segment.is_none_or(|wanted| view.segment == wanted))
        .collect();
    views.sort_by(|a, b| natural(&a.segment, &b.segment).then_with(|| a.mac.cmp(&b.mac)));
    Ok(views)
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
        let path = records
            .and_then(|records| records.paths.get(&records.next_hops.get(&next_hop)?.path))
            .copied()
            .unwrap_or_default();
        let port = self.ports.get(&path.slot).map_or("-", |name| name.as_str());
        let _ = self.core;
        match (path.post_len, path.ip_at) {
            (8, 0) => format!("{port} {}", tags(&path)),
            (_, 0) => port.to_owned(),
            _ => format!("{port} {}", tunnel(&path)),
        }
    }
}

fn tags(path: &Path) -> String {
    let [_, _, s0, s1, _, _, c0, c1] = path.post;
    let vid = |high: u8, low: u8| u16::from_be_bytes([high, low]) & 0x0fff;
    format!("S {} | C {}", vid(s0, s1), vid(c0, c1))
}

/// VNI and remote address out of the outer headers.
fn tunnel(path: &Path) -> String {
    let bytes: Vec<u8> = path.template.iter().flat_map(|word| word.to_le_bytes()).collect();
    let ip = usize::from(path.ip_at);
    let remote = bytes.get(ip + 16..ip + 20).map_or_else(String::new, |octets| {
        octets
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(".")
    });
    let vni = bytes.get(ip + 32..ip + 35).map_or(0, |octets| {
        octets
            .iter()
            .fold(0u32, |number, octet| number << 8 | u32::from(*octet))
    });
    format!("vni {vni} {remote}")
}
