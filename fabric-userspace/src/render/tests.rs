//! Golden text of every view, made from `tests/data`, which is also what the fake agent of `tests/cli/` says.

mod counters;
mod shapes;
mod views;

use serde::de::DeserializeOwned;

use super::Line;
use crate::api::{Envelope, Item, Items};

macro_rules! data {
    ($name:literal) => {
        include_str!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/data/",
            $name,
            ".json"
        ))
    };
}
use data;

fn list<T: DeserializeOwned>(json: &str) -> Vec<T> {
    let answer: Envelope<Items<T>> = serde_json::from_str(json).expect("the shape of the API");
    answer.body.items
}

fn item<T: DeserializeOwned>(json: &str) -> T {
    let answer: Envelope<Item<T>> = serde_json::from_str(json).expect("the shape of the API");
    answer.body.item
}

/// Compares line by line, so that a difference is seen at once.
fn assert_text(lines: &[Line], expected: &str) {
    let text: String = lines.iter().map(|line| line.text() + "\n").collect();
    assert_eq!(
        text, expected,
        "\n--- got ---\n{text}--- expected ---\n{expected}"
    );
}
