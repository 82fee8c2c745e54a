//! `fabric link list` and `fabric link show`.

use super::numbers::{count, or_unknown};
use super::{Line, Table, Tone, status};
use crate::api::Link;
use crate::model::natural;

/// One line a link; `SPARE` in bytes. Wide with addresses.
pub fn list(links: &[Link], wide: bool) -> Vec<Line> {
    let mut titles = vec!["LINK", "KIND", "PORT", "TO", "STATE", ">SPARE", ">SEGMENTS"];
    if wide {
        titles.extend([">VLAN", "LOCAL", "REMOTE"]);
    }
    let mut table = Table::titled(&titles);
    for link in sorted(links) {
        let mut cells = vec![
            Line::toned(Tone::Name, &link.name),
            link.kind.as_str().into(),
            link.port.as_str().into(),
            or_unknown(link.to.as_deref().or(link.remote.as_deref())).into(),
            status::state(&link.state),
            link.spare_bytes.to_string().into(),
            link.segments.len().to_string().into(),
        ];
        if wide {
            cells.push(or_unknown(link.vlan).into());
            cells.push(or_unknown(link.local.as_deref()).into());
            cells.push(or_unknown(link.remote.as_deref()).into());
        }
        table.row(cells);
    }
    table.lines()
}

/// Each link with its ends, its byte budget and what it carries.
pub fn show(links: &[Link]) -> Vec<Line> {
    let mut lines = Vec::new();
    for link in sorted(links) {
        if !lines.is_empty() {
            lines.push(Line::new());
        }
        lines.push(headline(link));
        lines.extend(budget(link));
        if !link.segments.is_empty() {
            lines.push(Line::toned(Tone::Dim, "  carries").and(format!("  {}", link.segments.join(", "))));
        }
    }
    lines
}

fn headline(link: &Link) -> Line {
    let vlan = link.vlan.map_or(String::new(), |vlan| format!(" in VLAN {vlan}"));
    let to = or_unknown(link.to.as_deref().or(link.remote.as_deref()));
    let ends = match (&link.local, &link.remote) {
        (Some(local), Some(remote)) => format!("{} {local} -> {remote}", link.port),
        _ => format!("{} -> {to}", link.port),
    };
    let mut line = Line::toned(Tone::Name, &link.name).and(format!("  {}{vlan}  {ends}  ", link.kind));
    line.append(status::state(&link.state));
    line.and(format!(
        ", carries {}",
        count(link.segments.len(), "segment", "segments")
    ))
}

fn budget(link: &Link) -> Vec<Line> {
    let mut table = Table::bare(&["", ">", ">"]);
    for line in &link.budget {
        table.row([
            format!("  {}", line.what).into(),
            line.bytes.to_string().into(),
            line.total_bytes.to_string().into(),
        ]);
    }
    let spare = Line::from(link.spare_bytes.to_string());
    table.row([Line::from("  spare"), Line::new(), spare]);
    table.lines()
}

fn sorted(links: &[Link]) -> Vec<&Link> {
    let mut sorted: Vec<_> = links.iter().collect();
    sorted.sort_by(|a, b| natural(&a.name, &b.name));
    sorted
}
