//! How cost grows: with addresses in the FDB, with segments, and with tenants that are attached.

mod addresses;
mod learning;
mod memory;
mod plot;
mod segments;
mod start;
mod tenants;

pub(super) use tenants::at;

use std::io::{Write as _, stdout};

use anyhow::{Context, Result};
use serde_json::{Map, Value, json};

use super::cpu::CpuClock;
use super::options::Scale;
use super::reference::{Ends, Object};
use plot::Picture;

/// The device runs wholly on this one.
const CPU: usize = 0;
const ROUNDS: u32 = 21;

/// What was measured with so many addresses or segments; nanoseconds a frame.
#[derive(Clone, Copy, Debug)]
struct Growth {
    number: u32,
    limit: f64,
    fabric: f64,
    linux: Option<f64>,
    /// One load from a random line of as many as the FDB's entries are in.
    load: Option<f64>,
}

impl Growth {
    /// A line of the table that all of `points` make.
    fn row(&self, points: &[Self]) -> String {
        let thousand = points.iter().find(|point| point.number == 1000);
        let growth = thousand.map_or(String::new(), |base| format!("{:.2}x", self.fabric / base.fabric));
        let linux = self.linux.map_or("-".to_owned(), |cost| format!("{cost:.1}"));
        let load = self.load.map_or(String::new(), |cost| format!(" {cost:>16.1}"));
        format!(
            "{:>9} {:>16.1} {:>22.1} {growth:>13} {linux:>20}{load}\n",
            self.number, self.limit, self.fabric
        )
    }

    fn json(&self, what: &str) -> Value {
        json!({what: self.number, "bare_redirect_ns": self.limit, "fabric_ns": self.fabric, "linux_ns": self.linux, "random_load_ns": self.load})
    }
}

fn rows(points: &[Growth], what: &str) -> Value {
    points.iter().map(|point| point.json(what)).collect()
}

/// Measures and says everything that `options` want.
///
/// # Errors
/// When something cannot be built, or frames were lost.
pub(super) fn run(options: &Scale) -> Result<bool> {
    let object = Object::read()?;
    let wants = |part: &str| {
        options
            .only
            .as_ref()
            .is_none_or(|text| part.contains(text.as_str()))
    };
    let mut all = Map::new();
    all.insert("schema".to_owned(), json!("fabric-bench-scale/3"));
    // First: the others keep their thread on one CPU, and what it starts too.
    if wants("tenants") {
        all.insert("tenants".to_owned(), tenants::measure(options.most.min(10_000))?);
    }
    if wants("learning") {
        all.insert("learning".to_owned(), learning::measure(&object)?);
    }
    let mut ends = Ends::load(&object)?;
    if wants("start") {
        all.insert("start".to_owned(), start::measure(&mut ends, options.most)?);
    }
    let clock = CpuClock::pin(CPU)?;
    if wants("addresses") {
        let (points, table) = addresses::measure(&object, &mut ends, &clock, options.most)?;
        all.insert("addresses".to_owned(), rows(&points, "addresses"));
        all.insert("table".to_owned(), table);
        if let Some(path) = &options.plot {
            let picture = Picture {
                points: &points,
                title: "CPU time of a frame, 64 bytes, random destinations",
                number: "addresses in the FDB",
                fabric: "fabric, QinQ push",
                linux: "Linux bridge and VXLAN",
            };
            picture.draw(path)?;
        }
    }
    if wants("segments") {
        let points = segments::measure(&object, &mut ends, &clock, options.most)?;
        all.insert("segments".to_owned(), rows(&points, "segments"));
        if let Some(path) = &options.plot_segments {
            let picture = Picture {
                points: &points,
                title: "CPU time of a frame, 64 bytes, random segments",
                number: "segments",
                fabric: "fabric, VXLAN to QinQ",
                linux: "Linux, VXLAN to a port",
            };
            picture.draw(path)?;
        }
    }
    if let Some(path) = &options.json {
        std::fs::write(path, serde_json::to_vec_pretty(&all)?)
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(true)
}

pub(super) fn say(text: &str) {
    let _ = stdout().write_all(text.as_bytes());
    let _ = stdout().flush();
}
