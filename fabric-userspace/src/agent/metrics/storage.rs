//! Storage machines: what the node that decides about one knows, and what every node that takes part counts by itself.

use super::Text;
use crate::agent::core::Core;
use crate::agent::views;
use crate::api::{Vsm, VsmMember};
use crate::error::Refusal;

type OfMember = fn(&Vsm, &VsmMember) -> Option<f64>;

pub(super) fn storage(text: &mut Text, core: &mut Core) -> Result<(), Refusal> {
    let vsms = views::storage(core)?;
    decided(text, &vsms);
    counted(text, &vsms, core.node.as_str());
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

/// What the node that decides says: elsewhere it would be a guess.
fn decided(text: &mut Text, vsms: &[Vsm]) {
    let here: Vec<&Vsm> = vsms.iter().filter(|vsm| vsm.here).collect();
    let of_members: [(&str, &str, OfMember); 4] = [
        (
            "fabric_storage_member_up",
            "1 if the member answers.",
            |_, member| Some(flag(member.health == "up")),
        ),
        (
            "fabric_storage_member_active",
            "1 for the member in charge.",
            |_, member| Some(flag(member.role == "working")),
        ),
        (
            "fabric_storage_replication_lag_bytes",
            "Bytes that the member's copy lacks, if that is known.",
            |_, member| Some(member.lag_bytes? as f64),
        ),
        (
            "fabric_storage_replication_lag_seconds",
            "Time since which the member's copy has lacked something.",
            |vsm, member| {
                vsm.replication.as_ref()?;
                Some(member.stale_seconds.unwrap_or(0.0))
            },
        ),
    ];
    for (name, help, pick) in of_members {
        text.family(name, "gauge", help);
        for (vsm, member) in here
            .iter()
            .flat_map(|vsm| vsm.members.iter().map(move |member| (vsm, member)))
        {
            if let Some(value) = pick(vsm, member) {
                text.sample(name, &[("vsm", &vsm.name), ("member", &member.name)], value);
            }
        }
    }
    let name = "fabric_storage_epoch";
    text.family(name, "gauge", "Number of the last switch.");
    for vsm in &here {
        if let Some(epoch) = vsm.epoch {
            text.sample(name, &[("vsm", &vsm.name)], epoch);
        }
    }
    let name = "fabric_storage_owner_unreadable";
    text.family(
        name,
        "gauge",
        "1 if the store's owner of it cannot be read: nobody decides.",
    );
    for vsm in vsms {
        text.sample(name, &[("vsm", &vsm.name)], flag(vsm.unreadable.is_some()));
    }
}

/// Whoever decides: a counter that came and went with the office would begin in the middle.
fn counted(text: &mut Text, vsms: &[Vsm], node: &str) {
    // Only who takes part knows an epoch, even if it is 0.
    let known: Vec<&Vsm> = vsms.iter().filter(|vsm| vsm.epoch.is_some()).collect();
    let name = "fabric_storage_fenced_frames_total";
    let help =
        "Frames of the member's port that were dropped because it is not in charge, at the member's node.";
    text.family(name, "counter", help);
    for vsm in &known {
        for member in vsm.members.iter().filter(|member| member.node == node) {
            let labels = [("vsm", vsm.name.as_str()), ("member", &member.name)];
            text.sample(name, &labels, member.fenced_frames);
        }
    }
    let name = "fabric_storage_nudges_total";
    text.family(name, "counter", "Nudges that this node has sent to clients.");
    for vsm in &known {
        text.sample(name, &[("vsm", &vsm.name)], vsm.nudges);
    }
    let name = "fabric_storage_switches_total";
    let help = "Switches since the agent began, by cause; each node of the storage machine counts those that it has seen.";
    text.family(name, "counter", help);
    for vsm in &known {
        for (cause, count) in &vsm.switches {
            text.sample(name, &[("vsm", &vsm.name), ("cause", cause)], count);
        }
    }
}

fn flag(set: bool) -> f64 {
    f64::from(u8::from(set))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn member(name: &str, node: &str, fenced_frames: u64) -> VsmMember {
        VsmMember {
            name: name.to_owned(),
            node: node.to_owned(),
            port: "eth1".to_owned(),
            role: "-".to_owned(),
            health: "unknown".to_owned(),
            heard_seconds: None,
            copy: None,
            lag_bytes: None,
            stale_seconds: None,
            fenced_frames,
        }
    }

    fn vsm(here: bool, epoch: Option<u32>) -> Vsm {
        Vsm {
            name: "v".to_owned(),
            mac: "02:00:00:00:00:01".to_owned(),
            segments: Vec::new(),
            tcp_port: None,
            node: "e2".to_owned(),
            here,
            unreadable: None,
            epoch,
            state: "ok".to_owned(),
            manual: false,
            replication: None,
            interval_ms: 100,
            multiplier: 3,
            hold_down_s: 1,
            wait_to_restore_s: None,
            members: vec![member("a", "e1", 7), member("b", "e2", 0)],
            flows: None,
            switches: BTreeMap::from([("manual".to_owned(), 2)]),
            nudges: 5,
            last_switch: None,
        }
    }

    fn samples(vsm: Vsm) -> String {
        let (mut text, vsms) = (Text(String::new()), [vsm]);
        decided(&mut text, &vsms);
        counted(&mut text, &vsms, "e1");
        let lines = text.0.lines().filter(|line| !line.starts_with('#'));
        lines.map(|line| format!("{line}\n")).collect()
    }

    #[test]
    fn a_node_counts_what_is_here_also_if_another_one_decides() {
        assert_eq!(
            samples(vsm(false, Some(3))),
            "fabric_storage_owner_unreadable{vsm=\"v\"} 0\n\
             fabric_storage_fenced_frames_total{vsm=\"v\",member=\"a\"} 7\n\
             fabric_storage_nudges_total{vsm=\"v\"} 5\n\
             fabric_storage_switches_total{vsm=\"v\",cause=\"manual\"} 2\n"
        );
        let steward = samples(vsm(true, Some(3)));
        assert!(
            steward.contains("fabric_storage_epoch{vsm=\"v\"} 3\n"),
            "{steward}"
        );
        // Its frames are counted where it is, and only there.
        assert!(
            !steward.contains("fenced_frames_total{vsm=\"v\",member=\"b\"}"),
            "{steward}"
        );
    }

    #[test]
    fn of_a_storage_machine_that_is_elsewhere_nothing_is_counted() {
        assert_eq!(
            samples(vsm(false, None)),
            "fabric_storage_owner_unreadable{vsm=\"v\"} 0\n"
        );
    }
}
