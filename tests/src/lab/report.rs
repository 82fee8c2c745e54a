//! The findings as tables.

use std::time::Duration;

use super::churn::ChurnResult;
use super::console::{Console, milliseconds, rate, seconds};
use super::counts::EdgeCounts;
use super::findings::Findings;
use super::flows::FlowResult;
use super::isolation::{Matrix, Tenant};
use super::mesh::{Cut, Move, Trace};
use super::storage::tell;

/// Columns of a flow: route, stack, bytes, ping, TCP.
const ROUTE: usize = 13;
const STACK: usize = 40;

/// Prints what there is, part by part.
pub(super) fn say(console: Console, findings: &Findings) {
    let mut lines = Vec::new();
    for trace in &findings.traces {
        lines.extend(way(console, trace));
        lines.push(String::new());
    }
    if !findings.flows.is_empty() {
        lines.push(flow_head(console, findings.tcp_bytes));
        lines.extend(findings.flows.iter().map(|flow| flow_row(console, flow)));
        lines.push(String::new());
    }
    if let Some(matrix) = &findings.isolation {
        lines.extend(isolation(console, matrix, &findings.tenants));
        lines.push(String::new());
    }
    for cut in &findings.cuts {
        lines.extend(outage(cut));
        lines.push(String::new());
    }
    for moved in &findings.moves {
        lines.extend(relocated(moved));
        lines.push(String::new());
    }
    for part in [
        tell::failovers(console, &findings.failovers),
        tell::roles(console, findings.roles.as_ref()),
        super::cluster::tell::run(console, findings.cluster.as_ref()),
    ] {
        if !part.is_empty() {
            lines.extend(part);
            lines.push(String::new());
        }
    }
    if let Some(churn) = &findings.churn {
        lines.extend(attach(console, churn));
        lines.push(String::new());
    }
    for counts in &findings.counts {
        lines.extend(edge(console, counts, &findings.provoked));
    }
    if !findings.counts.is_empty() {
        lines.push(String::new());
    }
    if findings.judged > 0 {
        let judged = findings.judged;
        lines.push(format!(
            " tshark finds none of {judged} captured frames malformed"
        ));
        lines.push(String::new());
    }
    lines.iter().for_each(|line| console.say(line));
}

/// The last line of a lab that found everything well.
pub(super) fn say_ok(console: Console, findings: &Findings, elapsed: Duration, end: &str) {
    console.say(&format!(
        "lab: {}   {}   {} after the build, {end}",
        console.good("OK"),
        tell::sum(findings).unwrap_or_else(|| frames(findings)),
        seconds(elapsed)
    ));
}

fn frames(findings: &Findings) -> String {
    if let Some(run) = &findings.cluster {
        let (sent, lost) = (run.traffic.sent, run.traffic.lost());
        return format!(
            "{} changes at 4 nodes, {lost} of {sent} frames lost",
            run.changes.len()
        );
    }
    let (zero, cells) = findings.isolation.as_ref().map_or((0, 0), Matrix::foreign_zero);
    format!(
        "{} flows, {zero} of {cells} foreign cells zero, {} frames lost",
        findings.flows.len(),
        findings.lost()
    )
}

fn way(console: Console, trace: &Trace) -> Vec<String> {
    let head = format!(" {:<40} captured on the wire, outside -> inside", trace.title);
    let mut lines = vec![console.bold(&head)];
    lines.extend(trace.hops.iter().map(|hop| {
        let route = format!("{} -> {}", hop.from, hop.to);
        let (wire, length) = (hop.wire, hop.bytes.len());
        format!(
            "   {route:<10} {wire:<7} {:<59} ttl {:>3} {length:>4} B",
            hop.stack, hop.ttl
        )
    }));
    lines
}

fn outage(cut: &Cut) -> Vec<String> {
    let Cut {
        wire,
        probe,
        tcp,
        after,
    } = cut;
    vec![
        format!(
            " line {wire} cut {} into a transfer of {} MiB: outage {}, {} of {} frames lost (1000 a second)",
            milliseconds(*after),
            tcp.bytes >> 20,
            milliseconds(probe.longest_gap),
            probe.lost(),
            probe.sent
        ),
        format!(
            "   the transfer went on and ended after {}, {}, sha256 ok",
            seconds(tcp.elapsed),
            rate(tcp.bits_per_second())
        ),
    ]
}

fn relocated(moved: &Move) -> Vec<String> {
    let Move {
        way: [from, to],
        applied,
        probe,
        talk,
        others,
    } = moved;
    vec![
        format!(
            " 110D moved from {from} to {to} within {}: outage {}, {} of {} frames lost (1000 a second)",
            milliseconds(*applied),
            milliseconds(probe.longest_gap),
            probe.lost(),
            probe.sent
        ),
        format!(
            "   202 kept its connection, {} questions all answered, longest silence {}; others lost 0 of {others} frames",
            talk.questions,
            milliseconds(talk.silence)
        ),
    ]
}

fn flow_head(console: Console, tcp_bytes: u64) -> String {
    let (stack, tcp) = ("captured on the wire, outside -> inside", tcp_bytes >> 20);
    console.bold(&format!(
        " {:<ROUTE$} {stack:<STACK$} {:>15}  ping  TCP {tcp} MiB",
        "flow", "bytes"
    ))
}

fn flow_row(console: Console, flow: &FlowResult) -> String {
    let added = flow.on_wire.saturating_sub(flow.delivered);
    let mut stack = format!("{:<30}{:>10}", flow.stack, flow.note);
    if stack.len() > STACK {
        // Behind a label there is always another Ethernet header.
        stack = flow.stack.replace(" | Ethernet", "");
    }
    let bytes = format!("{:>4} + {added:>2} = {:>4}", flow.delivered, flow.on_wire);
    let ping = format!("{}/{}", flow.ping.answered, flow.ping.sent);
    let sum = if flow.tcp.intact() {
        console.good("sha256 ok")
    } else {
        console.bad("sha256 differs")
    };
    let route = console.tenant(flow.tenant, &format!("{:<ROUTE$}", flow.route));
    format!(
        " {route} {stack:<STACK$} {bytes:>15}  {ping:>4}  {:>11}  {sum}",
        rate(flow.tcp.bits_per_second())
    )
}

fn isolation(console: Console, matrix: &Matrix, tenants: &[Tenant]) -> Vec<String> {
    let (zero, cells) = matrix.foreign_zero();
    let mut lines = vec![console.bold(
        " isolation: every tenant port captured from first to last frame, each tenant's payload marked",
    )];
    let heads: String = tenants.iter().map(|at| format!("{:>10}", at.name())).collect();
    lines.push(format!("   {:<11}{heads}", "frames of"));
    for of in tenants {
        let row: String = tenants.iter().map(|at| cell(console, matrix, *of, *at)).collect();
        lines.push(format!(
            "   {}{row}",
            console.tenant(*of, &format!("{:<11}", of.name()))
        ));
    }
    if let Some(last) = lines.last_mut() {
        let text = format!("{zero} of {cells} foreign cells are zero");
        let verdict = if zero == cells {
            console.good(&text)
        } else {
            console.bad(&text)
        };
        *last = format!("{last}     {verdict}");
    }
    lines
}

fn cell(console: Console, matrix: &Matrix, of: Tenant, at: Tenant) -> String {
    let frames = matrix.cell(of, at);
    let text = format!("{frames:>10}");
    match (of == at, frames) {
        (true, 1..) => text,
        (false, 0) => console.dim(&text),
        _ => console.bad(&text),
    }
}

fn attach(console: Console, churn: &ChurnResult) -> Vec<String> {
    let time = |percent| {
        churn
            .attach
            .percentile(percent)
            .map_or_else(|| "-".to_owned(), milliseconds)
    };
    let guest = console.tenant(churn.guest, churn.guest.name());
    let lost = |(tenant, report): &(Tenant, crate::traffic::ProbeReport)| {
        format!("{} {} of {}", tenant.name(), report.lost(), report.sent)
    };
    let others: Vec<String> = churn.others.iter().map(lost).collect();
    vec![
        format!(
            " tenant {guest} attached and detached {} times under load: attach p50 {}, p99 {} ({})",
            churn.rounds,
            time(50),
            time(99),
            churn.attach.count()
        ),
        format!(
            "   lost meanwhile: {}; arrived while attached: {} of {}",
            others.join(", "),
            churn.guest_frames,
            churn.guest_frames
        ),
    ]
}

fn edge(console: Console, counts: &EdgeCounts, provoked: &[(&'static str, u64)]) -> Vec<String> {
    let mut lines = vec![format!(
        " {}: in {} = redirected {} + passed {} + dropped {}; kernel agrees at {} ports",
        counts.edge, counts.received, counts.redirected, counts.passed, counts.dropped, counts.agreeing_ports
    )];
    if counts.reasons.is_empty() {
        return lines;
    }
    let (wanted, other): (Vec<_>, Vec<_>) = counts.reasons.iter().partition(|(reason, frames)| {
        provoked
            .iter()
            .any(|(name, times)| name == reason && times == frames)
    });
    let list = |reasons: &[&(String, u64)]| {
        let words = reasons
            .iter()
            .map(|(reason, frames)| format!("{reason} {frames}"));
        words.collect::<Vec<_>>().join(", ")
    };
    if !wanted.is_empty() {
        lines.push(format!(
            "   {:<64}{}",
            list(&wanted),
            console.dim("(sent on purpose)")
        ));
    }
    if !other.is_empty() {
        lines.push(format!("   {}", list(&other)));
    }
    lines
}
