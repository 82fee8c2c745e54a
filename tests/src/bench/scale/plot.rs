//! The cost of a frame against a number, as a picture.

use std::path::Path;

use anyhow::{Result, anyhow};
use plotters::prelude::*;

use super::Growth;

/// What a picture is of.
pub(super) struct Picture<'a> {
    pub points: &'a [Growth],
    pub title: &'a str,
    /// What is counted.
    pub number: &'a str,
    /// Name of our line.
    pub fabric: &'a str,
    /// Name of the kernel's.
    pub linux: &'a str,
}

/// Numbers and nanoseconds.
type Line = Vec<(u32, f64)>;

type Drawn<T> = std::result::Result<T, Box<dyn std::error::Error>>;

impl Picture<'_> {
    /// Draws an SVG.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(super) fn draw(&self, path: &Path) -> Result<()> {
        self.picture(path)
            .map_err(|error| anyhow!("cannot draw {}: {error}", path.display()))
    }

    fn picture(&self, path: &Path) -> Drawn<()> {
        let root = SVGBackend::new(path, (800, 480)).into_drawing_area();
        root.fill(&WHITE)?;
        let last = self.points.last().map_or(1, |point| point.number.max(10));
        let highest = self
            .points
            .iter()
            .filter_map(|point| point.linux)
            .fold(0.0, f64::max)
            .max(500.0);
        let mut chart = ChartBuilder::on(&root)
            .caption(self.title, ("sans-serif", 18))
            .margin(12)
            .x_label_area_size(40)
            .y_label_area_size(56)
            .build_cartesian_2d((1u32..last).log_scale(), (50.0..highest * 1.2).log_scale())?;
        chart
            .configure_mesh()
            .x_desc(self.number)
            .y_desc("ns a frame")
            .draw()?;
        let series: [(&str, RGBColor, Line); 3] = [
            (
                "bare redirect",
                RGBColor(120, 120, 120),
                self.line(|point| Some(point.limit)),
            ),
            (
                self.fabric,
                RGBColor(0, 90, 180),
                self.line(|point| Some(point.fabric)),
            ),
            (self.linux, RGBColor(190, 60, 30), self.line(|point| point.linux)),
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

    fn line(&self, of: impl Fn(&Growth) -> Option<f64>) -> Line {
        self.points
            .iter()
            .filter_map(|point| Some((point.number, of(point)?)))
            .collect()
    }
}
