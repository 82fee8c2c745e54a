//! Storage machines that this node steers.

use super::Text;
use crate::agent::core::Core;
use crate::agent::views;
use crate::api::{Vsm, VsmMember};
use crate::error::Refusal;

type OfMember = fn(&Vsm, &VsmMember) -> Option<f64>;
type OfVsm = fn(&Vsm) -> Option<u64>;

pub(super) fn storage(text: &mut Text, core: &mut Core) -> Result<(), Refusal> {
    let vsms = views::storage(core)?;
    let here: Vec<&Vsm> = vsms.iter().filter(|vsm| vsm.here).collect();
    let of_members: [(&str, &str, &str, OfMember); 5] = [
        (
            "fabric_storage_member_up",
            "gauge",
            "1 if the member answers.",
            |_, member| Some(flag(member.health == "up")),
        ),
        (
            "fabric_storage_member_active",
            "gauge",
            "1 for the member in charge.",
            |_, member| Some(flag(member.role == "working")),
        ),
        (
            "fabric_storage_replication_lag_bytes",
            "gauge",
            "Bytes that the member's copy lacks, if that is known.",
            |_, member| Some(member.lag_bytes? as f64),
        ),
        (
            "fabric_storage_replication_lag_seconds",
            "gauge",
            "Time since which the member's copy has lacked something.",
            |vsm, member| {
                vsm.replication.as_ref()?;
                Some(member.stale_seconds.unwrap_or(0.0))
            },
        ),
        (
            "fabric_storage_fenced_frames_total",
            "counter",
            "Frames of the member's port that were dropped because it is not in charge.",
            |_, member| Some(member.fenced_frames as f64),
        ),
    ];
    for (name, kind, help, pick) in of_members {
        text.family(name, kind, help);
        for (vsm, member) in here
            .iter()
            .flat_map(|vsm| vsm.members.iter().map(move |member| (vsm, member)))
        {
            if let Some(value) = pick(vsm, member) {
                text.sample(name, &[("vsm", &vsm.name), ("member", &member.name)], value);
            }
        }
    }
    let of_vsms: [(&str, &str, &str, OfVsm); 2] = [
        (
            "fabric_storage_epoch",
            "gauge",
            "Number of the last switch.",
            |vsm| vsm.epoch.map(u64::from),
        ),
        (
            "fabric_storage_nudges_total",
            "counter",
            "Nudges sent to clients.",
            |vsm| Some(vsm.nudges),
        ),
    ];
    for (name, kind, help, pick) in of_vsms {
        text.family(name, kind, help);
        for vsm in &here {
            if let Some(value) = pick(vsm) {
                text.sample(name, &[("vsm", &vsm.name)], value);
            }
        }
    }
    let name = "fabric_storage_owner_unreadable";
    text.family(
        name,
        "gauge",
        "1 if the store's owner of it cannot be read: nobody decides.",
    );
    for vsm in &vsms {
        text.sample(name, &[("vsm", &vsm.name)], flag(vsm.unreadable.is_some()));
    }
    let name = "fabric_storage_switches_total";
    text.family(name, "counter", "Switches since the agent began, by cause.");
    for vsm in &here {
        for (cause, count) in &vsm.switches {
            text.sample(name, &[("vsm", &vsm.name), ("cause", cause)], count);
        }
    }
    let name = "fabric_storage_switch_duration_seconds";
    text.family(
        name,
        "histogram",
        "Unplanned switches: from the last sign of life until found, from there until written, and until clients were nudged.",
    );
    for (phase, times) in core.storage.switch_times() {
        times.write(text, name, ("phase", phase));
    }
    Ok(())
}

fn flag(set: bool) -> f64 {
    f64::from(u8::from(set))
}
