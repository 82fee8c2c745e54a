//! `fabric storage list` and `fabric storage show`.

use super::numbers::{UNKNOWN, age, bytes, count, latency, or_unknown};
use super::time::clock_of;
use super::{Line, Table, Tone, status};
use crate::api::{Vsm, VsmMember, VsmSwitch};
use crate::model::natural;

/// One line a storage machine. Wide with addresses and counts.
pub fn list(vsms: &[Vsm], wide: bool) -> Vec<Line> {
    let mut titles = vec![
        "STORAGE", "ADDRESS", "TENANT", "WORKING", ">MEMBERS", ">EPOCH", "STATE",
    ];
    if wide {
        titles.extend(["MAC", "NODE", ">FLOWS", ">SWITCHES", ">NUDGES"]);
    }
    let mut table = Table::titled(&titles);
    for vsm in sorted(vsms) {
        let mut cells = vec![
            Line::toned(Tone::Name, &vsm.name),
            addresses(vsm).into(),
            tenants(vsm).into(),
            or_unknown(working(vsm).map(|member| member.name.as_str())).into(),
            vsm.members.len().to_string().into(),
            or_unknown(vsm.epoch).into(),
            status::state(&vsm.state),
        ];
        if wide {
            cells.push(vsm.mac.as_str().into());
            cells.push(vsm.node.as_str().into());
            cells.push(or_unknown(vsm.flows).into());
            cells.push(vsm.switches.values().sum::<u64>().to_string().into());
            cells.push(vsm.nudges.to_string().into());
        }
        table.row(cells);
    }
    table.lines()
}

/// Each storage machine with its members, its rules and its last switch.
pub fn show(vsms: &[Vsm]) -> Vec<Line> {
    let mut lines = Vec::new();
    for vsm in sorted(vsms) {
        if !lines.is_empty() {
            lines.push(Line::new());
        }
        lines.extend(one(vsm));
    }
    lines
}

fn one(vsm: &Vsm) -> Vec<Line> {
    let vni = vsm.segments.first().and_then(|place| place.vni);
    let tag = match (vni, vsm.segments.first()) {
        (Some(vni), _) => format!(", vni {vni}"),
        (None, Some(place)) => format!(", S-VID {}", place.s_vid),
        (None, None) => String::new(),
    };
    let epoch = vsm
        .epoch
        .map_or(String::new(), |epoch| format!("   epoch {epoch}"));
    let mut head = Line::toned(Tone::Name, &vsm.name).and(format!(
        "   {}  {}   tenant {}{tag}{epoch}   state ",
        addresses(vsm),
        vsm.mac,
        tenants(vsm)
    ));
    head.append(status::state(&vsm.state));
    let mut lines = vec![head];
    if !vsm.here {
        lines.push(match vsm.node.as_str() {
            "" => Line::from("  no node decides about it now".to_owned()),
            node => format!("  steered by node {node}; its agent knows more").into(),
        });
    }
    lines.extend(trouble(vsm));
    lines.extend(members(vsm));
    lines.push(rules(vsm));
    if let Some(switch) = &vsm.last_switch {
        lines.extend(last(switch));
    }
    lines
}

/// What is wrong with it; `None` if nothing is, or nothing is known here.
pub fn sentence(vsm: &Vsm) -> Option<String> {
    if let Some(problem) = &vsm.unreadable {
        return Some(format!("nobody decides: {problem}"));
    }
    if vsm.state == "down" {
        return Some("the member in charge does not answer, and nobody can take over".to_owned());
    }
    if vsm.state != "degraded" {
        return None;
    }
    let protects = |member: &VsmMember| member.role == "protection" && member.health == "up";
    let ward = if vsm.members.iter().any(protects) {
        ""
    } else {
        ", nothing protects it"
    };
    let serves = working(vsm).map_or(UNKNOWN, |member| member.name.as_str());
    let silent = vsm.last_switch.as_ref().filter(|switch| switch.cause == "silent");
    let why = silent.map(|switch| {
        let from = or_unknown(switch.from.as_deref());
        format!("{from} went silent at {}; ", clock_of(&switch.at))
    });
    Some(format!("{}{serves} serves{ward}", why.unwrap_or_default()))
}

/// What is wrong and what to do about it.
fn trouble(vsm: &Vsm) -> Vec<Line> {
    let row = |title: &str, text: String| Line::toned(Tone::Dim, format!("  {title:<8} ")).and(text);
    let mut lines = Vec::new();
    if let Some(sentence) = sentence(vsm) {
        lines.push(row("status", sentence));
    }
    if vsm.unreadable.is_some() {
        let cure = "upgrade this node, or remove that key: its nodes put the newest owner back";
        lines.push(row("action", cure.into()));
    }
    for member in vsm.members.iter().filter(|member| member.role == "fenced") {
        let copy = vsm.replication.as_ref().map_or("", |_| ", its copy is complete");
        let action = format!(
            "repair {}; it stands by again when it answers{copy} and {} s have passed",
            member.name, vsm.hold_down_s
        );
        lines.push(row("action", action));
    }
    if vsm.manual {
        lines.push(row(
            "status",
            format!(
                "switched by hand; to let it go back: fabric storage restore {}",
                vsm.name
            ),
        ));
    }
    lines
}

fn members(vsm: &Vsm) -> Vec<Line> {
    let mut table = Table::titled(&[
        "  MEMBER",
        "ROLE",
        "HEALTH",
        "LAST FRAME",
        "COPY",
        "REACHED BY",
        "",
    ]);
    for member in &vsm.members {
        let heard = member
            .heard_seconds
            .map_or(UNKNOWN.to_owned(), |seconds| format!("{} ago", since(seconds)));
        let late = match member.fenced_frames {
            0 => String::new(),
            frames => count(
                usize::try_from(frames).unwrap_or(usize::MAX),
                "late frame dropped",
                "late frames dropped",
            ),
        };
        let tone = match member.health.as_str() {
            "up" => Tone::Good,
            "down" => Tone::Bad,
            _ => Tone::Dim,
        };
        table.row([
            format!("  {}", member.name).into(),
            member.role.as_str().into(),
            Line::toned(tone, &member.health),
            heard.into(),
            copy(vsm, member).into(),
            format!("{}:{}", member.node, member.port).into(),
            late.into(),
        ]);
    }
    table.lines()
}

fn since(seconds: f64) -> String {
    if seconds < 1.0 {
        latency(seconds)
    } else {
        age(seconds)
    }
}

fn copy(vsm: &Vsm, member: &VsmMember) -> String {
    let (Some(policy), Some(state)) = (&vsm.replication, &member.copy) else {
        return UNKNOWN.to_owned();
    };
    let lag = member
        .lag_bytes
        .map_or(String::new(), |lag| format!(", lag {}", bytes(lag)));
    if state == "current" {
        format!("{policy}{lag}")
    } else {
        format!("{state}{lag}")
    }
}

fn rules(vsm: &Vsm) -> Line {
    let restore = vsm.wait_to_restore_s.map_or("non-revertive".to_owned(), |wait| {
        format!("wait-to-restore {wait} s")
    });
    let flows = vsm
        .flows
        .map_or(String::new(), |flows| format!("      flows {flows}"));
    let text = format!(
        "probe {} ms x {}, hold-down {} s, {restore}{flows}",
        vsm.interval_ms, vsm.multiplier, vsm.hold_down_s
    );
    Line::toned(Tone::Dim, "  health   ").and(text)
}

fn last(switch: &VsmSwitch) -> Vec<Line> {
    let mut lines = vec![Line::toned(Tone::Dim, "  switch   ").and(format!(
        "epoch {}, {} -> {}, by {}, cause {}, {}",
        switch.epoch,
        or_unknown(switch.from.as_deref()),
        switch.to,
        switch.by,
        switch.cause,
        clock_of(&switch.at)
    ))];
    if switch.cause != "silent" {
        return lines;
    }
    let row = |at: f64, what: String| Line::from(format!("  {:>9} ms  {what}", format!("+{at:.1}")));
    let from = or_unknown(switch.from.as_deref());
    lines.push(row(0.0, format!("last sign of life of {from}")));
    lines.push(row(switch.found_ms, "found silent".into()));
    lines.push(row(switch.switched_ms, "switched".into()));
    if let Some(nudged) = switch.nudged_ms {
        lines.push(row(nudged, format!("nudged             {} flows", switch.nudges)));
    }
    lines
}

fn working(vsm: &Vsm) -> Option<&VsmMember> {
    vsm.members.iter().find(|member| member.role == "working")
}

fn addresses(vsm: &Vsm) -> String {
    joined(vsm.segments.iter().map(|place| place.address.as_str()))
}

fn tenants(vsm: &Vsm) -> String {
    joined(vsm.segments.iter().map(|place| place.tenant.as_str()))
}

fn joined<'a>(words: impl Iterator<Item = &'a str>) -> String {
    let mut words: Vec<&str> = words.collect();
    words.dedup();
    if words.is_empty() {
        UNKNOWN.to_owned()
    } else {
        words.join(", ")
    }
}

fn sorted(list: &[Vsm]) -> Vec<&Vsm> {
    let mut sorted: Vec<&Vsm> = list.iter().collect();
    sorted.sort_by(|a, b| natural(&a.name, &b.name));
    sorted
}
