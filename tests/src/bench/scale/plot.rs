//! The cost of a frame against the number of addresses, as a picture.

use std::path::Path;

use anyhow::{Result, anyhow};
use plotters::prelude::*;

use super::Point;

/// Draws an SVG.
///
/// # Errors
/// When the file cannot be written.
pub(super) fn draw(path: &Path, points: &[Point]) -> Result<()> {
    picture(path, points).map_err(|error| anyhow!("cannot draw {}: {error}", path.display()))
}

/// Addresses and nanoseconds.
type Line = Vec<(u32, f64)>;

type Drawn<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn picture(path: &Path, points: &[Point]) -> Drawn<()> {
    let root = SVGBackend::new(path, (800, 480)).into_drawing_area();
    root.fill(&WHITE)?;
    let last = points.last().map_or(1, |point| point.addresses.max(10));
    let highest = points
        .iter()
        .filter_map(|point| point.linux)
        .fold(0.0, f64::max)
        .max(500.0);
    let mut chart = ChartBuilder::on(&root)
        .caption(
            "CPU time of a frame, 64 bytes, random destinations",
            ("sans-serif", 18),
        )
        .margin(12)
        .x_label_area_size(40)
        .y_label_area_size(56)
        .build_cartesian_2d((1u32..last).log_scale(), (50.0..highest * 1.2).log_scale())?;
    chart
        .configure_mesh()
        .x_desc("addresses in the FDB")
        .y_desc("ns a frame")
        .draw()?;
    let series: [(&str, RGBColor, Line); 3] = [
        (
            "bare redirect",
            RGBColor(120, 120, 120),
            line(points, |point| Some(point.limit)),
        ),
        (
            "fabric, QinQ push",
            RGBColor(0, 90, 180),
            line(points, |point| Some(point.fabric)),
        ),
        (
            "Linux bridge and VXLAN",
            RGBColor(190, 60, 30),
            line(points, |point| point.linux),
        ),
    ];
    for (name, colour, line) in series {
        chart
            .draw_series(LineSeries::new(line, colour.stroke_width(2)))?
            .label(name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(2)));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .border_style(BLACK)
        .background_style(WHITE)
        .draw()?;
    Ok(root.present()?)
}

fn line(points: &[Point], of: impl Fn(&Point) -> Option<f64>) -> Line {
    points
        .iter()
        .filter_map(|point| Some((point.addresses, of(point)?)))
        .collect()
}
