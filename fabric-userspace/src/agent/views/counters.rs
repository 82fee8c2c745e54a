//! Counters: frames by port and by tenant, and drops by reason with the port that has most of them.

use std::collections::BTreeMap;

use fabric_common::DropReason;

use crate::agent::core::{Core, failed};
use crate::agent::meter::Reading;
use crate::api;
use crate::error::Refusal;
use crate::model::IfName;

/// Reads all counters once.
pub(in crate::agent) fn reading(core: &Core) -> Result<Reading, Refusal> {
    let slots: Vec<u16> = core.slots().into_keys().collect();
    core.meter.read(&core.plane, &slots).map_err(failed)
}

/// The name that people see.
fn reason_name(number: u8) -> String {
    DropReason::from_number(usize::from(number)).map_or_else(
        || format!("reason-{number} (newer program?)"),
        |reason| reason.name().to_owned(),
    )
}

/// Counters of one port, whose driver has lost so many frames if the kernel has told.
pub(super) fn port_counters(reading: &Reading, slot: u16, lost: Option<u64>) -> api::PortCounters {
    let both = reading.port(slot);
    let reasons = |out: bool, direction: &str| {
        let row = |(number, frames)| api::Reason {
            reason: reason_name(number),
            direction: direction.to_owned(),
            frames,
        };
        reading.reasons(slot, out).map(row).collect::<Vec<_>>()
    };
    let (dropped, copies) = (reasons(false, "in"), reasons(true, "out"));
    let sum = |reasons: &[api::Reason]| reasons.iter().map(|reason| reason.frames).sum::<u64>();
    let passed = reading.passed(slot);
    api::PortCounters {
        received: api::Count {
            frames: both.forwarded.frames + passed + sum(&dropped),
            bytes: both.forwarded.bytes,
        },
        redirected_frames: both.forwarded.frames,
        passed_frames: passed,
        dropped_frames: sum(&dropped),
        transmitted: both.sent.into(),
        dropped_copies: sum(&copies),
        told_frames: reading.told(slot),
        lost_frames: lost,
        reasons: dropped.into_iter().chain(copies).collect(),
    }
}

/// The totals of all ports.
pub(in crate::agent) fn traffic(core: &Core, reading: &Reading) -> api::Traffic {
    let mut total = api::Traffic::default();
    // Slot 0: frames on interfaces that no table names.
    for slot in core.slots().into_keys().chain([0]) {
        let port = port_counters(reading, slot, None);
        total.received_frames += port.received.frames;
        total.redirected_frames += port.redirected_frames;
        total.passed_frames += port.passed_frames;
        total.dropped_frames += port.dropped_frames;
        total.transmitted_frames += port.transmitted.frames;
        total.dropped_copies += port.dropped_copies;
    }
    total
}

/// All counters at one moment.
///
/// # Errors
/// When a map cannot be read.
pub(crate) async fn counters(core: &mut Core) -> Result<api::Counters, Refusal> {
    let reading = reading(core)?;
    let slots = core.slots();
    let links = core.host.links(slots.values()).await;
    let ports: Vec<api::NamedPortCounters> = slots
        .iter()
        .zip(links)
        .map(|((slot, name), link)| api::NamedPortCounters {
            port: name.to_string(),
            counters: port_counters(&reading, *slot, link.map(|link| link.lost)),
        })
        .collect();
    let tenants = core.valid.tenants().iter();
    Ok(api::Counters {
        at: crate::wall::stamp(),
        total: traffic(core, &reading),
        ports,
        tenants: tenants
            .map(|tenant| {
                let both = reading.tenant(&tenant.name);
                api::TenantCounters {
                    tenant: tenant.name.to_string(),
                    received: both.forwarded.into(),
                    transmitted: both.sent.into(),
                }
            })
            .collect(),
        reasons: reasons(&reading, &slots),
    })
}

fn reasons(reading: &Reading, slots: &BTreeMap<u16, IfName>) -> Vec<api::ReasonTotal> {
    DropReason::ALL
        .iter()
        .map(|reason| {
            let number = *reason as u8;
            let mut by_slot = BTreeMap::<u16, u64>::new();
            for ((slot, _, _), frames) in reading.drops.iter().filter(|((_, _, is), _)| *is == number) {
                *by_slot.entry(*slot).or_default() += frames;
            }
            let most = by_slot
                .iter()
                .max_by_key(|(_, frames)| **frames)
                .map(|(slot, _)| slot);
            api::ReasonTotal {
                reason: reason.name().to_owned(),
                help: reason.help().to_owned(),
                cure: reason.cure().to_owned(),
                frames: by_slot.values().sum(),
                most_at: most.and_then(|slot| slots.get(slot)).map(ToString::to_string),
            }
        })
        .collect()
}
