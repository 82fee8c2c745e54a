//! `fabric port list` and `fabric port show`.

use super::numbers::or_unknown;
use super::{Line, Table, Tone, status};
use crate::api::{Port, PortCounters};
use crate::model::natural;

/// One line a port; counters are totals. Wide with what the kernel knows and all counters.
pub fn list(ports: &[Port], wide: bool) -> Vec<Line> {
    let mut titles = vec![
        "PORT",
        "ROLE",
        "STATE",
        "DRIVER",
        ">MTU",
        ">IN-FRAMES",
        ">OUT-FRAMES",
        ">DROPPED",
    ];
    if wide {
        titles.extend([
            ">IFINDEX",
            "MAC",
            ">IN-BYTES",
            ">OUT-BYTES",
            ">PASSED",
            ">DROPPED-COPIES",
        ]);
    }
    titles.push("CARRIES");
    let mut table = Table::titled(&titles);
    for port in sorted(ports) {
        let mut cells = usual_cells(port);
        if wide {
            cells.extend(wide_cells(port));
        }
        cells.push(carries(port).into());
        table.row(cells);
    }
    table.lines()
}

fn usual_cells(port: &Port) -> Vec<Line> {
    vec![
        Line::toned(Tone::Name, &port.name),
        port.role.as_str().into(),
        status::state(&port.state),
        or_unknown(port.driver.as_deref()).into(),
        or_unknown(port.mtu).into(),
        port.counters.received.frames.to_string().into(),
        port.counters.transmitted.frames.to_string().into(),
        port.counters.dropped_frames.to_string().into(),
    ]
}

fn wide_cells(port: &Port) -> [Line; 6] {
    [
        or_unknown(port.ifindex).into(),
        or_unknown(port.mac.as_deref()).into(),
        port.counters.received.bytes.to_string().into(),
        port.counters.transmitted.bytes.to_string().into(),
        port.counters.passed_frames.to_string().into(),
        port.counters.dropped_copies.to_string().into(),
    ]
}

fn carries(port: &Port) -> String {
    if port.carries.is_empty() {
        "nothing".to_owned()
    } else {
        port.carries.join(", ")
    }
}

/// Each port with its options, what was changed on it, and where its frames went.
pub fn show(ports: &[Port]) -> Vec<Line> {
    let mut lines = Vec::new();
    for port in sorted(ports) {
        if !lines.is_empty() {
            lines.push(Line::new());
        }
        lines.push(headline(port));
        lines.extend(facts(port));
    }
    lines
}

fn headline(port: &Port) -> Line {
    let mut line = Line::toned(Tone::Name, &port.name).and(format!("  {}  ", port.role));
    line.append(status::state(&port.state));
    line.and(format!(
        "  driver {}, MTU {}, MAC {}, ifindex {}",
        or_unknown(port.driver.as_deref()),
        or_unknown(port.mtu),
        or_unknown(port.mac.as_deref()),
        or_unknown(port.ifindex)
    ))
}

fn facts(port: &Port) -> Vec<Line> {
    let mut table = Table::bare(&["", ""]);
    let mut fact = |label: &str, value: String| table.row([Line::toned(Tone::Dim, label), value.into()]);
    fact("  options", options(port));
    for (at, change) in port.changes.iter().enumerate() {
        fact(if at == 0 { "  changed" } else { "" }, change.clone());
    }
    fact("  carries", carries(port));
    fact("  received", received(&port.counters));
    fact("  sent", sent(&port.counters));
    for (at, reason) in port.counters.reasons.iter().enumerate() {
        let copies = if reason.direction == "out" {
            " (copies, on the way out)"
        } else {
            ""
        };
        let text = format!("{} {}{copies}", reason.reason, reason.frames);
        fact(if at == 0 { "  dropped" } else { "" }, text);
    }
    table.lines()
}

fn options(port: &Port) -> String {
    let word = |on| if on { "on" } else { "off" };
    format!(
        "drop-group-source {}, tunnel-lldp {}, S-tag PCP rule {}",
        word(port.drop_group_source),
        word(port.tunnel_lldp),
        port.s_tag_pcp
    )
}

fn received(counters: &PortCounters) -> String {
    format!(
        "{} = redirected {} + passed {} + dropped {}; {} bytes",
        frames(counters.received.frames),
        counters.redirected_frames,
        counters.passed_frames,
        counters.dropped_frames,
        counters.received.bytes
    )
}

fn sent(counters: &PortCounters) -> String {
    let told = match counters.told_frames {
        0 => String::new(),
        told => format!("; {told} senders told that their packets are too big"),
    };
    let lost = match counters.lost_frames {
        None | Some(0) => String::new(),
        Some(lost) => format!("; {} lost by its driver", frames(lost)),
    };
    format!(
        "{}, {} bytes; {} copies dropped{told}{lost}",
        frames(counters.transmitted.frames),
        counters.transmitted.bytes,
        counters.dropped_copies
    )
}

fn frames(number: u64) -> String {
    if number == 1 {
        "1 frame".to_owned()
    } else {
        format!("{number} frames")
    }
}

fn sorted(ports: &[Port]) -> Vec<&Port> {
    let mut sorted: Vec<_> = ports.iter().collect();
    sorted.sort_by(|a, b| natural(&a.name, &b.name));
    sorted
}
