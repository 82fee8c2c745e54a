//! `fabric datacenter list|show` and `fabric node show`.

use super::numbers::or_unknown;
use super::{Line, Table, Tone};
use crate::api::{Datacenter, NodeDetail};
use crate::model::natural;

/// One line a datacenter. Wide with the rarer ranges.
pub fn datacenters(list: &[Datacenter], wide: bool) -> Vec<Line> {
    let mut titles = vec![
        "DATACENTER",
        ">ID",
        "S-VIDS",
        "C-VIDS",
        "LABELS",
        ">NODES",
        ">SEGMENTS",
        "HERE",
    ];
    if wide {
        titles.extend(["VNIS", "I-SIDS"]);
    }
    let mut table = Table::titled(&titles);
    for datacenter in sorted(list, |datacenter| &datacenter.name) {
        let mut cells = vec![
            Line::toned(Tone::Name, &datacenter.name),
            datacenter.id.to_string().into(),
            datacenter.s_vids.as_str().into(),
            datacenter.c_vids.as_str().into(),
            or_unknown(datacenter.labels.as_deref()).into(),
            datacenter.nodes.len().to_string().into(),
            datacenter.segments.len().to_string().into(),
            here(datacenter.here),
        ];
        if wide {
            cells.push(or_unknown(datacenter.vnis.as_deref()).into());
            cells.push(or_unknown(datacenter.i_sids.as_deref()).into());
        }
        table.row(cells);
    }
    table.lines()
}

/// Each datacenter with all its ranges, its nodes and the segments that have its numbers.
pub fn show_datacenters(list: &[Datacenter]) -> Vec<Line> {
    apart(sorted(list, |datacenter| &datacenter.name), |datacenter| {
        let about = format!(
            "  id {}{}",
            datacenter.id,
            if datacenter.here { ", here" } else { "" }
        );
        let ranges = [
            ("S-VIDs", Some(datacenter.s_vids.as_str())),
            ("C-VIDs", Some(datacenter.c_vids.as_str())),
            ("VNIs", datacenter.vnis.as_deref()),
            ("labels", datacenter.labels.as_deref()),
            ("I-SIDs", datacenter.i_sids.as_deref()),
        ];
        let ranges = ranges.into_iter().map(|(what, range)| (what, or_unknown(range)));
        let lists = [("nodes", &datacenter.nodes), ("segments", &datacenter.segments)];
        facts(
            (&datacenter.name, about),
            ranges.chain(lists.map(|(what, names)| (what, joined(names)))),
        )
    })
}

/// Each node with its ports, its links and the segments that have an end at it.
pub fn show_nodes(list: &[NodeDetail]) -> Vec<Line> {
    apart(sorted(list, |node| &node.name), |node| {
        let about = format!(
            "  datacenter {}{}",
            node.datacenter,
            if node.here { ", this node" } else { "" }
        );
        let ports: Vec<String> = node
            .ports
            .iter()
            .map(|port| {
                port.role
                    .as_ref()
                    .map_or(port.name.clone(), |role| format!("{} {role}", port.name))
            })
            .collect();
        let lists = [
            ("ports", &ports),
            ("links", &node.links),
            ("segments", &node.segments),
        ];
        facts(
            (&node.name, about),
            lists.map(|(what, names)| (what, joined(names))),
        )
    })
}

fn here(here: bool) -> Line {
    if here {
        Line::toned(Tone::Good, "yes")
    } else {
        "-".into()
    }
}

fn joined(names: &[String]) -> String {
    or_unknown(Some(names.join(", ")).filter(|text| !text.is_empty()))
}

fn facts<'a>((name, about): (&str, String), rows: impl IntoIterator<Item = (&'a str, String)>) -> Vec<Line> {
    let mut table = Table::bare(&["", ""]);
    for (what, value) in rows {
        table.row([Line::toned(Tone::Dim, format!("  {what}")), value.into()]);
    }
    let mut lines = vec![Line::toned(Tone::Name, name).and(about)];
    lines.extend(table.lines());
    lines
}

fn apart<T>(list: Vec<&T>, one: impl Fn(&T) -> Vec<Line>) -> Vec<Line> {
    let mut lines = Vec::new();
    for item in list {
        if !lines.is_empty() {
            lines.push(Line::new());
        }
        lines.extend(one(item));
    }
    lines
}

fn sorted<T>(list: &[T], name: impl Fn(&T) -> &String) -> Vec<&T> {
    let mut sorted: Vec<&T> = list.iter().collect();
    sorted.sort_by(|a, b| natural(name(a), name(b)));
    sorted
}
