//! `fabric fdb show`.

use super::{Line, Table, Tone, numbers};
use crate::api::FdbEntry;
use crate::model::natural;

/// One line an address, by segment and address; wide with the tenant.
pub fn list(entries: &[FdbEntry], wide: bool) -> Vec<Line> {
    let mut titles = vec!["SEGMENT", "MAC", "VIA", "KIND", ">AGE", ">MOVES"];
    if wide {
        titles.push("TENANT");
    }
    let mut table = Table::titled(&titles);
    let mut sorted: Vec<_> = entries.iter().collect();
    sorted.sort_by(|a, b| natural(&a.segment, &b.segment).then_with(|| a.mac.cmp(&b.mac)));
    for entry in sorted {
        let age = entry
            .age_seconds
            .map_or_else(|| numbers::UNKNOWN.to_owned(), numbers::age);
        let mut cells = vec![
            Line::toned(Tone::Name, &entry.segment),
            entry.mac.as_str().into(),
            entry.via.as_str().into(),
            entry.kind.as_str().into(),
            age.into(),
            entry.moves.to_string().into(),
        ];
        if wide {
            cells.push(entry.tenant.as_str().into());
        }
        table.row(cells);
    }
    table.lines()
}
