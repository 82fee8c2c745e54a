//! `fabric node list`.

use super::numbers::or_unknown;
use super::{Line, Table, Tone};
use crate::api::Node;

/// One line a node. Wide with the version of its agent and the reason of a refusal in full.
pub fn list(nodes: &[Node], wide: bool) -> Vec<Line> {
    let mut titles = vec!["NODE", "DATACENTER", "STATE", ">REVISION", ">PORTS"];
    if wide {
        titles.extend(["VERSION", ">LAYOUT", "STARTED-AT"]);
    }
    titles.push("");
    let mut table = Table::titled(&titles);
    for node in nodes {
        let mut cells = vec![
            Line::toned(Tone::Name, &node.name),
            or_unknown(node.datacenter.as_deref()).into(),
            state(&node.state),
            or_unknown(node.revision).into(),
            ports(node).into(),
        ];
        if wide {
            cells.push(or_unknown(node.version.as_deref()).into());
            cells.push(or_unknown(node.layout).into());
            cells.push(or_unknown(node.started_at.as_deref()).into());
        }
        cells.push(match &node.refused {
            Some(refused) => format!("refused {}: {}", refused.revision, refused.reason).into(),
            None => Line::new(),
        });
        table.row(cells);
    }
    table.lines()
}

fn state(word: &str) -> Line {
    let tone = match word {
        "live" => Tone::Good,
        "behind" => Tone::Warn,
        "refused" => Tone::Bad,
        _ => Tone::Dim,
    };
    Line::toned(tone, word)
}

/// `3`, or `2 of 3` if not all are up.
fn ports(node: &Node) -> String {
    let up = node.ports.iter().filter(|port| port.state == "up").count();
    match node.ports.len() {
        all if node.state == "away" => or_unknown((all > 0).then_some(all)),
        all if all == up => all.to_string(),
        all => format!("{up} of {all}"),
    }
}
