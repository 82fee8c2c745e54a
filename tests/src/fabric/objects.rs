//! BPF programs, maps and links: which ones a process holds, and whether they are gone afterwards.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::netns::run_tool;
use crate::wait;

/// The BPF objects that one process has open, by their ids.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Objects {
    /// Programs.
    pub programs: BTreeSet<u32>,
    /// Maps.
    pub maps: BTreeSet<u32>,
    /// Links.
    pub links: BTreeSet<u32>,
}

impl Objects {
    /// What process `pid` has open now.
    ///
    /// # Errors
    /// When the process is gone.
    pub fn of(pid: u32) -> Result<Self> {
        let folder = format!("/proc/{pid}/fdinfo");
        let mut objects = Self::default();
        for entry in std::fs::read_dir(&folder)
            .with_context(|| format!("cannot read {folder}"))?
            .flatten()
        {
            // A descriptor may be closed between listing and reading.
            let Ok(text) = std::fs::read_to_string(entry.path()) else {
                continue;
            };
            let id = |key: &str| {
                text.lines()
                    .find_map(|line| line.strip_prefix(key)?.trim().parse().ok())
            };
            match (id("link_id:"), id("prog_id:"), id("map_id:")) {
                // A link's description also names the program that it attaches.
                (Some(link), _, _) => drop(objects.links.insert(link)),
                (None, Some(program), _) => drop(objects.programs.insert(program)),
                (None, None, Some(map)) => drop(objects.maps.insert(map)),
                (None, None, None) => {}
            }
        }
        Ok(objects)
    }

    /// Numbers of programs, maps and links.
    #[must_use]
    pub fn counts(&self) -> [usize; 3] {
        [self.programs.len(), self.maps.len(), self.links.len()]
    }

    /// Waits until the kernel has none of them any more.
    ///
    /// # Errors
    /// When some are still there after `within`: names them.
    pub fn wait_gone(&self, within: Duration) -> Result<()> {
        let mut left = Self::default();
        let mut names: Vec<String> = Vec::new();
        let gone = wait::until_true(within, "BPF objects to go", || {
            let all = Inventory::take()?;
            left = all.keep(self);
            let maps = left.maps.iter().filter_map(|id| all.maps.get(id));
            names = maps.cloned().collect();
            Ok(left.counts() == [0; 3])
        });
        gone.with_context(|| format!("left behind: {left:?}, maps {names:?}"))
    }
}

/// All BPF objects of the machine: id → name (links: id → 0-terminated nothing).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inventory {
    /// Programs with their names.
    pub programs: BTreeMap<u32, String>,
    /// Maps with their names.
    pub maps: BTreeMap<u32, String>,
    /// Links with their types.
    pub links: BTreeMap<u32, String>,
}

impl Inventory {
    /// What is there now, also of others.
    ///
    /// # Errors
    /// When `bpftool` is missing or fails.
    pub fn take() -> Result<Self> {
        Ok(Self {
            programs: list("prog", "name")?,
            maps: list("map", "name")?,
            links: list("link", "type")?,
        })
    }

    /// How many programs, maps and links of any process have a name (links: a type) for which `wanted` says so.
    #[must_use]
    pub fn count(&self, wanted: impl Fn(&str) -> bool) -> [usize; 3] {
        [&self.programs, &self.maps, &self.links]
            .map(|kind| kind.values().filter(|name| wanted(name)).count())
    }

    fn keep(&self, objects: &Objects) -> Objects {
        let both = |all: &BTreeMap<u32, String>, some: &BTreeSet<u32>| {
            some.iter().filter(|id| all.contains_key(id)).copied().collect()
        };
        Objects {
            programs: both(&self.programs, &objects.programs),
            maps: both(&self.maps, &objects.maps),
            links: both(&self.links, &objects.links),
        }
    }
}

fn list(kind: &str, label: &str) -> Result<BTreeMap<u32, String>> {
    // An object that dies between listing and asking is an error to bpftool and none to us: once more.
    let printed = wait::until(wait::PATIENCE, "bpftool to list", || {
        Ok(run_tool(Command::new("bpftool").args(["-j", kind, "show"]))
            .ok()
            .filter(|text| serde_json::from_str::<Value>(text).is_ok()))
    });
    let printed = printed.context("bpftool fails: apt-get install bpftool")?;
    let parsed: Value = serde_json::from_str(&printed)?;
    let entries = parsed.as_array().map(Vec::as_slice).unwrap_or_default();
    let pairs = entries.iter().filter_map(|entry| {
        let id = u32::try_from(entry.get("id")?.as_u64()?).ok()?;
        Some((
            id,
            entry
                .get(label)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned(),
        ))
    });
    let listed: BTreeMap<u32, String> = pairs.collect();
    ensure!(listed.len() == entries.len(), "bpftool lists a {kind} without id");
    Ok(listed)
}
