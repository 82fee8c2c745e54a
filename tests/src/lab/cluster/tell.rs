//! Changes for the eye: a row each, a column a node.

use std::time::Duration;

use super::{ClusterRun, NODES};
use crate::lab::console::{Console, milliseconds, seconds};

/// The width of what was done.
const WHAT: usize = 48;

/// The table, and the line about the traffic.
pub(in crate::lab) fn run(console: Console, run: Option<&ClusterRun>) -> Vec<String> {
    let Some(run) = run else {
        return Vec::new();
    };
    let heads: String = NODES.iter().map(|node| format!("{node:>10}")).collect();
    let head = format!(
        " {:<WHAT$} rev{heads}",
        "time from the request to each node's maps"
    );
    let mut lines = vec![console.bold(&head)];
    for change in &run.changes {
        let cells: String = change
            .after
            .iter()
            .map(|after| format!("{:>10}", time(*after)))
            .collect();
        lines.push(format!(" {:<WHAT$} {:>3}{cells}", change.what, change.revision));
    }
    let traffic = &run.traffic;
    let text = format!(
        " acme, edge1 to edge4, all the time: {} frames sent, {} lost",
        traffic.sent,
        traffic.lost()
    );
    lines.push(if traffic.perfect() {
        console.good(&text)
    } else {
        console.bad(&text)
    });
    lines
}

fn time(after: Duration) -> String {
    if after < Duration::from_secs(1) {
        milliseconds(after)
    } else {
        seconds(after)
    }
}
