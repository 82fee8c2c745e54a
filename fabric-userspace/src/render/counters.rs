//! `fabric counters`: totals, or rates between two readings.

mod reasons;
mod tables;

use std::time::Duration;

use super::numbers::{frame_rate, rate};
use super::status::totals;
use super::{Line, time};
use crate::api::Counters;

/// By what counters are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum By {
    /// Ports of this node.
    Port,
    /// Tenants.
    Tenant,
    /// Reasons why frames were dropped.
    Reason,
}

/// An earlier reading.
#[derive(Debug, Clone, Copy)]
pub struct Since<'a> {
    /// What was read.
    pub counters: &'a Counters,
    /// How long ago.
    pub elapsed: Duration,
}

/// What is shown.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    /// The newest reading.
    pub now: &'a Counters,
    /// The one before, for rates.
    pub before: Option<Since<'a>>,
    /// One a minute ago, if there is one that old.
    pub minute: Option<Since<'a>>,
    /// Lines of zeros too.
    pub all: bool,
}

/// The picture; ports and reasons if `by` is absent.
pub fn lines(view: &View<'_>, by: Option<By>) -> Vec<Line> {
    let mut lines = vec![headline(view)];
    let mut part = |table: Vec<Line>| {
        if !table.is_empty() {
            lines.push(Line::new());
            lines.extend(table);
        }
    };
    match by {
        Some(By::Port) => part(tables::ports(view)),
        Some(By::Tenant) => part(tables::tenants(view)),
        Some(By::Reason) => part(reasons::lines(view)),
        None => {
            part(tables::ports(view));
            part(reasons::lines(view));
        }
    }
    lines
}

fn headline(view: &View<'_>) -> Line {
    let Some(before) = view.before else {
        return totals(&view.now.total).into();
    };
    let (old, new) = (&before.counters.total, &view.now.total);
    let shown = |old: u64, new: u64| frame_rate(rate(old, new, before.elapsed));
    format!(
        "in {} = redirected {} + passed {} + dropped {}   at {}",
        shown(old.received_frames, new.received_frames),
        shown(old.redirected_frames, new.redirected_frames),
        shown(old.passed_frames, new.passed_frames),
        shown(old.dropped_frames, new.dropped_frames),
        time::clock_of(&view.now.at)
    )
    .into()
}

/// Says how many lines were left out.
fn left_out(number: usize, singular: &str, plural: &str) -> Option<Line> {
    match number {
        0 => None,
        1 => Some(format!("1 {singular}").into()),
        more => Some(format!("{more} {plural}").into()),
    }
}
