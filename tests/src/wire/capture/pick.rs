//! Holding what came against what was expected.

use std::time::Duration;

use super::Captured;
use crate::frame::{Expected, diff, stack};

/// Positions of frames that fit, each used once, and what found none.
pub(super) fn pick<'e, E: Expected>(got: &[Captured], expected: &'e [E]) -> (Vec<usize>, Vec<&'e E>) {
    let (mut taken, mut missing) = (Vec::new(), Vec::new());
    for wanted in expected {
        let fits = |&(position, frame): &(usize, &Captured)| {
            !taken.contains(&position) && wanted.matches(&frame.bytes)
        };
        match got.iter().enumerate().find(fits) {
            Some((position, _)) => taken.push(position),
            None => missing.push(wanted),
        }
    }
    (taken, missing)
}

pub(super) fn remove(frames: &mut Vec<Captured>, taken: &[usize]) {
    let mut position = 0;
    frames.retain(|_| {
        position += 1;
        !taken.contains(&(position - 1))
    });
}

pub(super) fn report_missing<E: Expected>(got: &[Captured], missing: &[&E], within: Duration) -> String {
    let Some(first) = missing.first().map(|wanted| wanted.sample()) else {
        return "nothing is missing".to_owned();
    };
    let head = format!("{} frames missing after {within:?}, the first: ", missing.len());
    let common = |frame: &&Captured| {
        frame
            .bytes
            .iter()
            .zip(&first)
            .take_while(|(one, other)| one == other)
            .count()
    };
    let closest = got
        .iter()
        .max_by_key(common)
        .and_then(|frame| diff(&first, &frame.bytes));
    match closest {
        Some(difference) => format!("{head}closest of {} frames {difference}", got.len()),
        None => format!("{head}{}\n(no other frame came)", show(&first)),
    }
}

pub(super) fn show(bytes: &[u8]) -> String {
    format!(
        "{}, {} bytes\n{}",
        stack(bytes),
        bytes.len(),
        crate::frame::hex_dump(bytes)
    )
}
