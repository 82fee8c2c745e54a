//! Naming every counter that moved.
//!
//! A test that names only the counters it thinks of misses double counting, stray floods and silent drops. So *any* other
//! movement is an error, and the error prints the whole state.
//!
//! ```
//! use fabric_tests::counters::{Counters, counters_moved};
//! use serde_json::json;
//!
//! let before = Counters::from_json(&json!({"items": [{"port": "eth1", "in": 0, "out": 0}]}));
//! let after = Counters::from_json(&json!({"items": [{"port": "eth1", "in": 1, "out": 0}]}));
//! counters_moved(&before, &after, &[("eth1.in", 1)]).unwrap();
//! assert!(counters_moved(&before, &after, &[]).is_err());
//! ```

use std::collections::BTreeMap;
use std::fmt::Write;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

/// Counters by their flat name, `eth1.in`, `eth1.dropped.unmapped-vlan`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters(BTreeMap<String, u64>);

/// Keys that name an element of a list, the more telling first.
const NAMES: [&str; 6] = ["name", "port", "tenant", "segment", "reason", "link"];
/// Keys at the top that say what the document is and not how often something happened.
const ENVELOPE: [&str; 3] = ["schema", "kind", "revision"];

impl Counters {
    /// Flat names and values.
    #[must_use]
    pub fn new(values: BTreeMap<String, u64>) -> Self {
        Self(values)
    }

    /// From any JSON: each number is named by the path to it; elements of a list by their `name`, `port`, …
    /// (their position, if they have none); bytes are left out, because a test names frames.
    #[must_use]
    pub fn from_json(document: &Value) -> Self {
        let mut values = BTreeMap::new();
        let Some(fields) = document.as_object() else {
            flatten("", document, &mut values);
            return Self(values);
        };
        for (key, value) in fields.iter().filter(|(key, _)| !ENVELOPE.contains(&key.as_str())) {
            flatten(if key == "items" { "" } else { key }, value, &mut values);
        }
        Self(values)
    }

    /// The ports' part of `fabric counters --json`: `eth1.in`, `eth1.passed`, `eth1.dropped.REASON`, `eth1.out` and, for flooded
    /// copies that were dropped on their way out, `eth1.lost.REASON`. Sums are checked and left out.
    ///
    /// # Errors
    /// When a port's sums do not hold, or a field is missing.
    pub fn of_ports(document: &Value) -> Result<Self> {
        let mut values = BTreeMap::new();
        for port in list(document, "ports")? {
            let name = port["port"].as_str().context("a port without name")?;
            let mut dropped = 0;
            for row in port["reasons"]
                .as_array()
                .with_context(|| format!("{name} without reasons"))?
            {
                let reason = row["reason"].as_str().context("a reason without name")?;
                let inward = row["direction"] == "in";
                let frames = number(row, "/frames")?;
                dropped += if inward { frames } else { 0 };
                values.insert(
                    format!("{name}.{}.{reason}", if inward { "dropped" } else { "lost" }),
                    frames,
                );
            }
            let (received, passed) = (number(port, "/received/frames")?, number(port, "/passed_frames")?);
            let accounted = number(port, "/redirected_frames")? + passed + dropped;
            ensure!(
                received == accounted,
                "{name}: {received} frames in, {accounted} accounted for: {port}"
            );
            values.insert(format!("{name}.in"), received);
            values.insert(format!("{name}.passed"), passed);
            values.insert(format!("{name}.out"), number(port, "/transmitted/frames")?);
        }
        Ok(Self(values))
    }

    /// The value of one counter; 0 when it is not there.
    #[must_use]
    pub fn get(&self, name: &str) -> u64 {
        self.0.get(name).copied().unwrap_or(0)
    }

    /// All flat names and values.
    #[must_use]
    pub fn values(&self) -> &BTreeMap<String, u64> {
        &self.0
    }

    /// What differs from `before`, by how much. A counter that is new or gone counts from or to 0.
    #[must_use]
    pub fn since(&self, before: &Self) -> BTreeMap<String, i128> {
        let names = self.0.keys().chain(before.0.keys());
        let moves = names.map(|name| {
            (
                name.clone(),
                i128::from(self.get(name)) - i128::from(before.get(name)),
            )
        });
        moves.filter(|(_, by)| *by != 0).collect()
    }
}

/// Each counter in `expected` moved by exactly so much, and no other moved.
///
/// # Errors
/// When not: names each counter that is wrong and prints every counter that is not 0.
pub fn counters_moved(before: &Counters, after: &Counters, expected: &[(&str, u64)]) -> Result<()> {
    let moved = after.since(before);
    let expected: BTreeMap<String, i128> = expected
        .iter()
        .filter(|(_, by)| *by != 0)
        .map(|&(name, by)| (name.to_owned(), i128::from(by)))
        .collect();
    if moved == expected {
        return Ok(());
    }
    bail!("{}{}", wrong(&moved, &expected), state(before, after));
}

fn wrong(moved: &BTreeMap<String, i128>, expected: &BTreeMap<String, i128>) -> String {
    let mut text = "counters moved otherwise than named:\n".to_owned();
    let names: std::collections::BTreeSet<&String> = moved.keys().chain(expected.keys()).collect();
    for name in names {
        let (is, should) = (moved.get(name).unwrap_or(&0), expected.get(name).unwrap_or(&0));
        if is != should {
            // Writing into a string cannot fail.
            let _ = writeln!(text, "  {name}: {is:+}, expected {should:+}");
        }
    }
    text
}

fn state(before: &Counters, after: &Counters) -> String {
    let mut text = "state:\n".to_owned();
    for (name, value) in after.0.iter().filter(|(_, value)| **value != 0) {
        let _ = writeln!(text, "  {name} {} -> {value}", before.get(name));
    }
    text
}

fn list<'d>(document: &'d Value, key: &str) -> Result<&'d Vec<Value>> {
    document["item"][key]
        .as_array()
        .with_context(|| format!("no {key} in {document}"))
}

fn number(of: &Value, pointer: &str) -> Result<u64> {
    of.pointer(pointer)
        .and_then(Value::as_u64)
        .with_context(|| format!("no {pointer} in {of}"))
}

fn flatten(path: &str, value: &Value, into: &mut BTreeMap<String, u64>) {
    match value {
        Value::Number(number) => {
            if let Some(count) = number.as_u64().filter(|_| !path.ends_with("bytes")) {
                into.insert(path.to_owned(), count);
            }
        }
        Value::Object(fields) => {
            for (key, value) in fields {
                flatten(&joined(path, key), value, into);
            }
        }
        Value::Array(elements) => {
            for (position, element) in elements.iter().enumerate() {
                let name = NAMES.iter().find_map(|name| element.get(name)?.as_str());
                let name = name.map_or_else(|| position.to_string(), str::to_owned);
                flatten(&joined(path, &name), element, into);
            }
        }
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}

fn joined(path: &str, key: &str) -> String {
    if path.is_empty() {
        key.to_owned()
    } else {
        format!("{path}.{key}")
    }
}
