//! `fabric link list` and `fabric link show`.

use super::numbers::{UNKNOWN, count, or_unknown};
use super::{Line, Table, Tone, status};
use crate::api::Link;
use crate::budget::ETHERNET;
use crate::model::natural;

/// One line a link; `SPARE` in bytes. Wide with ends and addresses.
pub fn list(links: &[Link], wide: bool) -> Vec<Line> {
    let mut titles = vec!["LINK", "KIND", "PORT", "TO", "STATE", ">SPARE", ">SEGMENTS"];
    if wide {
        titles.extend([">VLAN", "LOCAL", "REMOTE", "ENDS"]);
    }
    let mut table = Table::titled(&titles);
    for link in sorted(links) {
        let mut cells = vec![
            Line::toned(Tone::Name, &link.name),
            link.kind.as_str().into(),
            or_unknown(link.port.as_deref()).into(),
            or_unknown(link.to.as_deref().or(link.remote.as_deref())).into(),
            status::state(&link.state),
            or_unknown(link.spare_bytes).into(),
            link.segments.len().to_string().into(),
        ];
        if wide {
            cells.push(or_unknown(link.vlan).into());
            cells.push(or_unknown(link.local.as_deref()).into());
            cells.push(or_unknown(link.remote.as_deref()).into());
            cells.push(ends(link).into());
        }
        table.row(cells);
    }
    table.lines()
}

fn ends(link: &Link) -> String {
    if link.ends.is_empty() {
        UNKNOWN.to_owned()
    } else {
        link.ends.join(" = ")
    }
}

/// Each link with its ends, its byte budget and what it carries.
pub fn show(links: &[Link]) -> Vec<Line> {
    let mut lines = Vec::new();
    for link in sorted(links) {
        if !lines.is_empty() {
            lines.push(Line::new());
        }
        lines.push(headline(link));
        if link.taken_down {
            let cure = format!(
                "  taken out of service; to put it back: fabric link up {}",
                link.name
            );
            lines.push(Line::toned(Tone::Warn, cure));
        }
        lines.extend(budget(link));
        if !link.segments.is_empty() {
            lines.push(Line::toned(Tone::Dim, "  carries").and(format!("  {}", link.segments.join(", "))));
        }
    }
    lines
}

fn headline(link: &Link) -> Line {
    let vlan = link.vlan.map_or(String::new(), |vlan| format!(" in VLAN {vlan}"));
    let label = link
        .transport_label
        .map_or(String::new(), |label| format!(", transport label {label}"));
    let to = or_unknown(link.to.as_deref().or(link.remote.as_deref()));
    let ends = match (&link.port, &link.local, &link.remote) {
        (Some(port), Some(local), Some(remote)) => format!("{port} {local} -> {remote}"),
        (Some(port), ..) => format!("{port} -> {to}"),
        (None, ..) => ends(link),
    };
    let mut line = Line::toned(Tone::Name, &link.name).and(format!("  {}{vlan}{label}  {ends}  ", link.kind));
    line.append(status::state(&link.state));
    if link.port.is_none() {
        return line;
    }
    line.and(format!(
        ", carries {}",
        count(link.segments.len(), "segment", "segments")
    ))
}

fn budget(link: &Link) -> Vec<Line> {
    let Some(spare) = link.spare_bytes else {
        return Vec::new();
    };
    let mut table = Table::bare(&["", ">", ">", ""]);
    for line in &link.budget {
        table.row([
            format!("  {}", line.what).into(),
            line.bytes.to_string().into(),
            line.total_bytes.to_string().into(),
            line.sum.as_deref().unwrap_or_default().into(),
        ]);
    }
    if let (Some(port), Some(mtu), Some(sends)) = (&link.port, link.mtu, link.sends_bytes) {
        let tag = sends.saturating_sub(mtu).saturating_sub(ETHERNET);
        let tag = if tag == 0 {
            String::new()
        } else {
            format!(" + one tag {tag}")
        };
        let what = format!("  {port} sends MTU {mtu} + Ethernet {ETHERNET}{tag}");
        table.row([what.into(), Line::new(), sends.to_string().into(), Line::new()]);
    }
    let tenants = link
        .tenant_mtu
        .map_or(String::new(), |mtu| format!("tenants up to MTU {mtu}"));
    table.row([
        Line::from("  spare"),
        Line::new(),
        spare.to_string().into(),
        tenants.into(),
    ]);
    table.lines()
}

fn sorted(links: &[Link]) -> Vec<&Link> {
    let mut sorted: Vec<_> = links.iter().collect();
    sorted.sort_by(|a, b| natural(&a.name, &b.name));
    sorted
}
