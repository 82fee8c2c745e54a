//! `/metrics`: Prometheus text, classic format 0.0.4.
//!
//! Label sets exist from the start with 0, because a counter that first appears at 1 has no rate. Labels are
//! names of the document only, never addresses or free text.

mod evpn;
mod histogram;
mod storage;
mod tenants;

use std::fmt::Write as _;

use fabric_common::DropReason;
use fabric_common::maps::LAYOUT_VERSION;

pub(super) use histogram::Histogram;
pub(super) use tenants::TenantLabels;

use super::core::Core;
use super::views;
use crate::api;
use crate::error::Refusal;

struct Text(String);

impl Text {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl std::fmt::Display) {
        self.0.push_str(name);
        for (place, (label, content)) in labels.iter().enumerate() {
            let _ = write!(
                self.0,
                "{}{label}=\"{}\"",
                if place == 0 { "{" } else { "," },
                escape(content)
            );
        }
        let _ = writeln!(self.0, "{} {value}", if labels.is_empty() { "" } else { "}" });
    }
}

/// As the text format wants it: backslash, quote and line feed.
fn escape(content: &str) -> String {
    content
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

/// All metrics.
///
/// # Errors
/// When a map cannot be read.
pub(super) async fn text(core: &mut Core) -> Result<String, Refusal> {
    let counters = views::counters(core).await?;
    let mut text = Text(String::new());
    build(&mut text, core);
    store(&mut text, core);
    ports(&mut text, &counters.ports);
    lost(&mut text, &counters.ports);
    drops(&mut text, &counters.ports);
    nowhere(&mut text, unknown_ports(&counters));
    safe(&mut text, core);
    path_switches(&mut text, core);
    let adopted = core.adopted;
    tenants::tenants(&mut text, core.tenant_labels.share(&counters.tenants, adopted));
    fdb(&mut text, core);
    evpn::evpn(&mut text, core);
    storage::storage(&mut text, core)?;
    Ok(text.0)
}

fn build(text: &mut Text, core: &Core) {
    text.family(
        "fabric_build_info",
        "gauge",
        "Version of the agent and of the map layout.",
    );
    let layout = LAYOUT_VERSION.to_string();
    text.sample(
        "fabric_build_info",
        &[("version", env!("CARGO_PKG_VERSION")), ("layout", &layout)],
        1,
    );
    text.family(
        "fabric_config_revision",
        "gauge",
        "Revision of the document in force.",
    );
    text.sample("fabric_config_revision", &[], core.revision());
}

fn store(text: &mut Text, core: &Core) {
    let cluster = core.cluster.as_ref();
    let desired = cluster.map_or(core.revision(), |cluster| cluster.desired.max(core.revision()));
    let families: [(&str, &str, &str, u64); 3] = [
        (
            "fabric_config_desired_revision",
            "gauge",
            "Newest revision that the store is known to hold.",
            desired,
        ),
        (
            "fabric_config_refused_total",
            "counter",
            "Revisions that this node did not carry out.",
            cluster.map_or(0, |cluster| cluster.refusals),
        ),
        (
            "fabric_store_reachable",
            "gauge",
            "1 if the store answers and holds this fabric; always 1 for a file.",
            u64::from(cluster.is_none_or(super::cluster::Cluster::is_reachable)),
        ),
    ];
    for (name, kind, help, value) in families {
        text.family(name, kind, help);
        text.sample(name, &[], value);
    }
}

type Pick = fn(&api::PortCounters) -> u64;

fn ports(text: &mut Text, ports: &[api::NamedPortCounters]) {
    let families: [(&str, &str, Pick); 7] = [
        (
            "fabric_port_receive_frames_total",
            "Frames that came in.",
            |one| one.received.frames,
        ),
        (
            "fabric_port_redirected_frames_total",
            "Frames that came in and were sent on.",
            |one| one.redirected_frames,
        ),
        (
            "fabric_port_redirected_bytes_total",
            "Their bytes without frame check sequence.",
            |one| one.received.bytes,
        ),
        (
            "fabric_port_passed_frames_total",
            "Frames handed to the host's own stack.",
            |one| one.passed_frames,
        ),
        (
            "fabric_port_told_frames_total",
            "Messages to senders whose packets came in and were too big for their way.",
            |one| one.told_frames,
        ),
        (
            "fabric_port_transmit_frames_total",
            "Frames sent, flooded copies included.",
            |one| one.transmitted.frames,
        ),
        (
            "fabric_port_transmit_bytes_total",
            "Their bytes without frame check sequence.",
            |one| one.transmitted.bytes,
        ),
    ];
    for (name, help, pick) in families {
        text.family(name, "counter", help);
        for port in ports {
            text.sample(name, &[("port", &port.port)], pick(&port.counters));
        }
    }
}

/// The kernel's counter: where it does not tell there is no sample, for 0 would look like a counter that begins again.
fn lost(text: &mut Text, ports: &[api::NamedPortCounters]) {
    let name = "fabric_port_lost_frames_total";
    let help = "Frames that the interface's driver threw away instead of sending, the host's own among them (tx_dropped).";
    text.family(name, "counter", help);
    for port in ports {
        if let Some(frames) = port.counters.lost_frames {
            text.sample(name, &[("port", &port.port)], frames);
        }
    }
}

fn drops(text: &mut Text, ports: &[api::NamedPortCounters]) {
    let name = "fabric_port_dropped_frames_total";
    let help = "Frames dropped that came in, and flooded copies that did not go out, by reason.";
    text.family(name, "counter", help);
    for port in ports {
        for reason in DropReason::ALL {
            for direction in ["in", "out"] {
                let mut rows = port.counters.reasons.iter();
                let row = rows.find(|row| row.reason == reason.name() && row.direction == direction);
                let labels = [
                    ("port", port.port.as_str()),
                    ("direction", direction),
                    ("reason", reason.name()),
                ];
                text.sample(name, &labels, row.map_or(0, |row| row.frames));
            }
        }
    }
}

fn unknown_ports(counters: &api::Counters) -> u64 {
    let ports = counters.ports.iter().map(|port| port.counters.dropped_frames);
    counters.total.dropped_frames.saturating_sub(ports.sum())
}

/// A program of ours on an interface that no table names has no port to count for.
fn nowhere(text: &mut Text, frames: u64) {
    let name = "fabric_unknown_port_dropped_frames_total";
    let help = "Frames dropped on interfaces without a role in the fabric.";
    text.family(name, "counter", help);
    text.sample(name, &[], frames);
}

fn safe(text: &mut Text, core: &Core) {
    text.family(
        "fabric_port_safe",
        "gauge",
        "1 if no check of fabric doctor fails; otherwise its frames are dropped.",
    );
    for (name, port) in core.ports.iter() {
        text.sample(
            "fabric_port_safe",
            &[("port", name.as_str())],
            u8::from(port.is_safe() && port.ifindex != 0),
        );
    }
    let help = "1 if the port's interface is there, safe and has a carrier.";
    text.family("fabric_port_up", "gauge", help);
    for (name, _) in core.ports.iter() {
        let is_up = super::views::port_state(core, name) == "up";
        text.sample("fabric_port_up", &[("port", name.as_str())], u8::from(is_up));
    }
}

/// Each is one write of one next hop, see [`crate::agent::core::Core::path_switches`].
fn path_switches(text: &mut Text, core: &Core) {
    let name = "fabric_path_switches_total";
    let help = "Next hops that took their backup or went back, by the port that failed or came back.";
    text.family(name, "counter", help);
    for (port, _) in core.image.ports() {
        let switches = core.path_switches.get(port).copied().unwrap_or(0);
        text.sample(name, &[("port", port.as_str())], switches);
    }
}

fn fdb(text: &mut Text, core: &Core) {
    text.family(
        "fabric_fdb_entries",
        "gauge",
        "Stations known, learned and static.",
    );
    text.sample("fabric_fdb_entries", &[], core.fdb_entries);
    text.family("fabric_fdb_capacity_entries", "gauge", "Slots of the FDB.");
    text.sample("fabric_fdb_capacity_entries", &[], core.plane.fdb_capacity());
}
