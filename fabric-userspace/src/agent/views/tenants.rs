//! Tenants with their segments and attachments; state and traffic are told of attachments of this node alone.

use std::collections::HashMap;
use std::sync::Arc;

use crate::agent::core::{Core, failed};
use crate::agent::meter::{Both, Place, Reading};
use crate::api;
use crate::datapath::FdbEntry;
use crate::error::Refusal;
use crate::validate::{ValidAttachment, ValidLabel, ValidSegment};

pub(super) fn segment_id(core: &Core, name: &crate::model::Name) -> Option<u32> {
    core.image.segments.get(name).map(|part| part.ids.segment)
}

/// All tenants with their segments.
///
/// # Errors
/// When a map cannot be read.
pub(crate) fn tenants(core: &mut Core) -> Result<Vec<api::Tenant>, Refusal> {
    core.count_events();
    let reading = super::reading(core)?;
    let macs = macs_by_segment(core)?;
    let segment = |one: &Arc<ValidSegment>| segment_view(core, one, &reading);
    Ok(core
        .valid
        .tenants()
        .iter()
        .map(|tenant| {
            let both = reading.tenant(&tenant.name);
            let segments: Vec<api::Segment> = tenant.segments.iter().map(segment).collect();
            api::Tenant {
                name: tenant.name.to_string(),
                macs: segments.iter().filter_map(|one| macs.get(&one.id?)).sum(),
                mac_limit: segments.iter().map(|one| one.mac_limit).sum(),
                received: both.forwarded.into(),
                transmitted: both.sent.into(),
                segments,
            }
        })
        .collect())
}

fn macs_by_segment(core: &mut Core) -> Result<HashMap<u32, u64>, Refusal> {
    let mut macs = HashMap::new();
    let count = |entry: FdbEntry| *macs.entry(entry.segment).or_default() += 1;
    core.plane.for_each_station(count).map_err(failed)?;
    Ok(macs)
}

fn segment_view(core: &Core, segment: &ValidSegment, reading: &Reading) -> api::Segment {
    let id = segment_id(core, &segment.name);
    let learned = id.and_then(|id| core.plane.segment_events(id));
    let totals = id.map(|id| core.events.of(id)).unwrap_or_default();
    let part = core.image.segments.get(&segment.name);
    let attachment = |end: &ValidAttachment| attachment_view(core, end, id, reading);
    api::Segment {
        name: segment.name.to_string(),
        tenant: segment.tenant.to_string(),
        datacenter: Some(core.valid.datacenter(segment.datacenter).name.to_string()),
        s_vid: Some(segment.s_vid.get()),
        base_c_vid: Some(segment.base_c_vid.get()),
        vni: segment.vni.map(|vni| vni.get()),
        i_sid: segment.i_sid.map(|i_sid| i_sid.get()),
        global_vid: segment.global_vid.map(|vid| vid.get()),
        labels: segment
            .labels
            .iter()
            .map(|label| label_view(core, label))
            .collect(),
        id,
        flood_ports: part.map_or(0, |part| part.records.flood_members() as u64),
        learned_macs: learned.map_or(0, |events| u64::from(events.learned)),
        mac_limit: u64::from(segment.mac_limit),
        moves: totals.moves,
        damped_moves: totals.damped,
        refused_macs: totals.refused,
        attachments: segment.attachments.iter().map(attachment).collect(),
        remotes: segment
            .remotes
            .iter()
            .map(|end| core.valid.link(end.link).name.to_string())
            .collect(),
    }
}

fn label_view(core: &Core, pair: &ValidLabel) -> api::SegmentLabel {
    api::SegmentLabel {
        to: core.valid.datacenter(pair.to).name.to_string(),
        from: core.valid.datacenter(pair.from).name.to_string(),
        label: pair.label.get(),
    }
}

fn attachment_view(
    core: &Core,
    end: &ValidAttachment,
    segment: Option<u32>,
    reading: &Reading,
) -> api::Attachment {
    let here = core.here() == Some(end.node);
    let slot = core
        .image
        .ports()
        .find(|(name, _)| here && **name == end.port)
        .map(|(_, plan)| plan.slot);
    let both = match (slot, segment) {
        (Some(slot), Some(segment)) => reading.place(Place { slot, segment }),
        _ => Both::default(),
    };
    api::Attachment {
        node: core.valid.node(end.node).name.to_string(),
        port: end.port.to_string(),
        vlan: end.vlan.to_string(),
        c_vid: Some(end.c_vid.get()),
        state: if here {
            super::ports::state(core, &end.port).to_owned()
        } else {
            "elsewhere".to_owned()
        },
        received: both.forwarded.into(),
        transmitted: both.sent.into(),
    }
}
