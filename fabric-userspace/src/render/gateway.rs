//! `fabric gateway list` and `fabric gateway show`.

use super::numbers::or_unknown;
use super::{Line, Table, Tone};
use crate::api::{Gateway, GatewaySegment};

/// One line a gateway. Wide with its address.
pub fn list(gateways: &[Gateway], wide: bool) -> Vec<Line> {
    let mut titles = vec!["GATEWAY", "TENANT", "ADDRESSES", ">ROUTES", ">NEIGHBOURS", "HERE"];
    if wide {
        titles.push("MAC");
    }
    let mut table = Table::titled(&titles);
    for gateway in gateways {
        let addresses: Vec<&str> = gateway
            .segments
            .iter()
            .flat_map(|place| &place.addresses)
            .map(String::as_str)
            .collect();
        let known = gateway.segments.iter().filter_map(known).sum::<usize>();
        let mut cells = vec![
            Line::toned(Tone::Name, &gateway.name),
            gateway.tenant.as_str().into(),
            addresses.join(" ").into(),
            gateway.routes.len().to_string().into(),
            or_unknown(gateway.here.then_some(known)).into(),
            if gateway.here { "yes" } else { "no" }.into(),
        ];
        if wide {
            cells.push(gateway.mac.as_str().into());
        }
        table.row(cells);
    }
    table.lines()
}

fn known(place: &GatewaySegment) -> Option<usize> {
    let neighbours = place.neighbours.as_ref()?;
    Some(neighbours.iter().filter(|one| one.mac.is_some()).count())
}

/// Each gateway with its segments, the neighbours that this node knows, and its routes.
pub fn show(gateways: &[Gateway]) -> Vec<Line> {
    let mut lines = Vec::new();
    for gateway in gateways {
        if !lines.is_empty() {
            lines.push(Line::new());
        }
        let about = format!("  {}  tenant {}", gateway.mac, gateway.tenant);
        lines.push(Line::toned(Tone::Name, &gateway.name).and(about));
        for place in &gateway.segments {
            lines.push(row(
                "segment",
                format!("{} {}", place.segment, place.addresses.join(" ")),
            ));
            for neighbour in place.neighbours.iter().flatten() {
                let mac = or_unknown(neighbour.mac.as_deref());
                lines.push(row("", format!("  {} at {mac}", neighbour.address)));
            }
        }
        for route in &gateway.routes {
            lines.push(row("route", format!("{} via {}", route.prefix, route.via)));
        }
        if !gateway.here {
            lines.push(row(
                "status",
                "not at this node; neighbours are known where it is".to_owned(),
            ));
        }
    }
    lines
}

fn row(title: &str, text: String) -> Line {
    Line::toned(Tone::Dim, format!("  {title:<8} ")).and(text)
}
