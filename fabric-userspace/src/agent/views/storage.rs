//! Storage machines.

use fabric_common::DropReason;

use super::counters::{port_counters, reading};
use crate::agent::core::{Core, failed};
use crate::api;
use crate::error::Refusal;
use crate::model::natural;
use crate::validate::{ValidMember, ValidVsm, ValidVsmSegment};

/// All storage machines of the fabric.
///
/// # Errors
/// When a map cannot be read.
pub(crate) fn storage(core: &mut Core) -> Result<Vec<api::Vsm>, Refusal> {
    if core.valid.storage().is_empty() {
        return Ok(Vec::new());
    }
    let tick = core.plane.now().map_err(failed)?;
    let core: &Core = core;
    let reading = reading(core)?;
    let slots = core.slots();
    let fenced = |port: &str| {
        let slot = slots.iter().find(|(_, name)| name.as_str() == port);
        let reasons = slot.map(|(slot, _)| port_counters(&reading, *slot, None).reasons);
        let rows = reasons.into_iter().flatten();
        rows.filter(|row| row.reason == DropReason::Fenced.name())
            .map(|row| row.frames)
            .sum()
    };
    let mut views: Vec<api::Vsm> = core.valid.storage().iter().map(|vsm| of(core, vsm)).collect();
    core.storage.watcher.with(|board| {
        for (vsm, view) in core.valid.storage().iter().zip(&mut views) {
            board.describe(&vsm.name, view, fenced, tick);
        }
    });
    views.sort_by(|a, b| natural(&a.name, &b.name));
    Ok(views)
}

fn of(core: &Core, vsm: &ValidVsm) -> api::Vsm {
    let node = |at| core.valid.node(at).name.to_string();
    let segment = |place: &ValidVsmSegment| {
        let segment = core.valid.segment(place.segment);
        api::VsmSegment {
            segment: segment.name.to_string(),
            tenant: segment.tenant.to_string(),
            s_vid: segment.s_vid.get(),
            vni: segment.vni.map(|vni| vni.get()),
            address: place.address.to_string(),
        }
    };
    let member = |member: &ValidMember| api::VsmMember {
        name: member.name.to_string(),
        node: node(member.node),
        port: member.port.to_string(),
        role: "-".to_owned(),
        health: "unknown".to_owned(),
        heard_seconds: None,
        copy: None,
        lag_bytes: None,
        stale_seconds: None,
        fenced_frames: 0,
    };
    let health = vsm.health;
    api::Vsm {
        name: vsm.name.to_string(),
        mac: vsm.mac.to_string(),
        segments: vsm.segments.iter().map(segment).collect(),
        tcp_port: vsm.tcp_port,
        node: vsm.node().map_or_else(String::new, node),
        here: vsm.node() == core.here(),
        unreadable: None,
        epoch: None,
        state: "elsewhere".to_owned(),
        manual: false,
        replication: vsm.replication.map(|policy| policy.to_string()),
        interval_ms: health.interval_ms,
        multiplier: health.multiplier,
        hold_down_s: health.hold_down_s,
        wait_to_restore_s: health.revertive.then_some(health.wait_to_restore_s),
        members: vsm.members.iter().map(member).collect(),
        flows: None,
        switches: std::collections::BTreeMap::new(),
        nudges: 0,
        last_switch: None,
    }
}
