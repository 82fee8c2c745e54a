//! `fabric segment list` and `fabric segment show`.

use super::numbers::{UNKNOWN, count, or_unknown};
use super::{Line, Table, Tone, status};
use crate::api::{Attachment, Segment};
use crate::model::natural;

/// One line a segment; wide with ids and everything that is counted.
pub fn list(segments: &[Segment], wide: bool) -> Vec<Line> {
    let mut titles = vec![
        "SEGMENT", "TENANT", ">S-VID", ">C-VID", ">VNI", ">ENDS", ">FLOOD", ">MACS", ">MOVES",
    ];
    if wide {
        titles.extend([
            ">ID",
            "DATACENTER",
            ">MAC-LIMIT",
            ">DAMPED",
            ">REFUSED",
            "REMOTES",
        ]);
    }
    let mut table = Table::titled(&titles);
    for segment in sorted(segments) {
        let mut cells = vec![
            Line::toned(Tone::Name, &segment.name),
            segment.tenant.as_str().into(),
            or_unknown(segment.s_vid).into(),
            or_unknown(segment.base_c_vid).into(),
            or_unknown(segment.vni).into(),
            (segment.attachments.len() + segment.remotes.len())
                .to_string()
                .into(),
            segment.flood_ports.to_string().into(),
            segment.learned_macs.to_string().into(),
            segment.moves.to_string().into(),
        ];
        if wide {
            cells.extend(wide_cells(segment));
        }
        table.row(cells);
    }
    table.lines()
}

fn wide_cells(segment: &Segment) -> [Line; 6] {
    let remotes = if segment.remotes.is_empty() {
        UNKNOWN.to_owned()
    } else {
        segment.remotes.join(",")
    };
    [
        or_unknown(segment.id).into(),
        or_unknown(segment.datacenter.as_deref()).into(),
        segment.mac_limit.to_string().into(),
        segment.damped_moves.to_string().into(),
        segment.refused_macs.to_string().into(),
        remotes.into(),
    ]
}

/// Each segment with its tags, its addresses and its ends.
pub fn show(segments: &[Segment]) -> Vec<Line> {
    let mut lines = Vec::new();
    for segment in sorted(segments) {
        if !lines.is_empty() {
            lines.push(Line::new());
        }
        lines.extend(one(segment));
    }
    lines
}

fn one(segment: &Segment) -> Vec<Line> {
    let place = segment
        .datacenter
        .as_ref()
        .map_or(String::new(), |name| format!(", datacenter {name}"));
    let mut lines =
        vec![Line::toned(Tone::Name, &segment.name).and(format!("  tenant {}{place}", segment.tenant))];
    let mut facts = Table::bare(&["", ""]);
    let mut fact = |label: &str, value: String| facts.row([Line::toned(Tone::Dim, label), value.into()]);
    fact(
        "  tags",
        tags(segment)
            .into_iter()
            .chain(further(segment))
            .collect::<Vec<_>>()
            .join(", "),
    );
    if !segment.labels.is_empty() {
        fact("  labels", labels(segment));
    }
    fact("  flood", flood(segment));
    fact(
        "  macs",
        format!("{} of {} learned", segment.learned_macs, segment.mac_limit),
    );
    fact(
        "  moves",
        format!(
            "{}, {} frames damped, {} frames refused",
            segment.moves, segment.damped_moves, segment.refused_macs
        ),
    );
    lines.extend(facts.lines());
    let mut table = Table::bare(&["", "", "", "", ""]);
    ends(segment, "  ").into_iter().for_each(|row| table.row(row));
    lines.extend(table.lines());
    lines
}

/// A segment as a row of its tenant.
pub(super) fn headline(segment: &Segment) -> Vec<Line> {
    let name = Line::from("  segment ").with(Tone::Name, &segment.name);
    let [s_vid, c_vid, vni] = tags(segment).map(Line::from);
    let mut more = vec![format!("flood {}", flood(segment))];
    more.extend(further(segment));
    if !segment.labels.is_empty() {
        more.push(format!("labels {}", labels(segment)));
    }
    let flood = more.join(", ").into();
    vec![name, s_vid, c_vid, vni, flood]
}

/// The ends of a segment as rows of five cells.
pub(super) fn ends(segment: &Segment, indent: &str) -> Vec<Vec<Line>> {
    let mut attachments: Vec<_> = segment.attachments.iter().collect();
    attachments.sort_by(|a, b| {
        natural(&a.node, &b.node)
            .then_with(|| natural(&a.port, &b.port))
            .then_with(|| natural(&a.vlan, &b.vlan))
    });
    let mut rows: Vec<_> = attachments.iter().map(|end| attachment(end, indent)).collect();
    let remote = |link: &String| {
        vec![
            Line::from(format!("{indent}remote {link}")),
            "foreign VTEP".into(),
        ]
    };
    rows.extend(segment.remotes.iter().map(remote));
    rows
}

fn attachment(end: &Attachment, indent: &str) -> Vec<Line> {
    let traffic = if end.state == "elsewhere" {
        Line::toned(Tone::Dim, "counted there")
    } else {
        format!(
            "in {}  out {} frames",
            end.received.frames, end.transmitted.frames
        )
        .into()
    };
    vec![
        format!("{indent}{} {}", end.port, vlan_words(&end.vlan)).into(),
        end.node.as_str().into(),
        format!("C-VID {}", or_unknown(end.c_vid)).into(),
        status::state(&end.state),
        traffic,
    ]
}

/// A VLAN of the API as it is read after a port's name: `vlan 10`, `untagged`.
pub(super) fn vlan_words(vlan: &str) -> String {
    if vlan.bytes().all(|byte| byte.is_ascii_digit()) {
        format!("vlan {vlan}")
    } else {
        vlan.to_owned()
    }
}

fn tags(segment: &Segment) -> [String; 3] {
    [
        format!("S-VID {}", or_unknown(segment.s_vid)),
        format!("base C-VID {}", or_unknown(segment.base_c_vid)),
        format!("vni {}", or_unknown(segment.vni)),
    ]
}

/// Numbers that few segments have.
fn further(segment: &Segment) -> impl Iterator<Item = String> {
    let i_sid = segment.i_sid.map(|i_sid| format!("I-SID {i_sid}"));
    let global_vid = segment.global_vid.map(|vid| format!("global VID {vid}"));
    i_sid.into_iter().chain(global_vid)
}

fn labels(segment: &Segment) -> String {
    let labels: Vec<String> = segment
        .labels
        .iter()
        .map(|pair| format!("{} -> {} {}", pair.from, pair.to, pair.label))
        .collect();
    labels.join(", ")
}

fn flood(segment: &Segment) -> String {
    let ports = usize::try_from(segment.flood_ports).unwrap_or(usize::MAX);
    count(ports, "port", "ports")
}

fn sorted(segments: &[Segment]) -> Vec<&Segment> {
    let mut sorted: Vec<_> = segments.iter().collect();
    sorted.sort_by(|a, b| natural(&a.name, &b.name));
    sorted
}
