//! BPF programs, maps and links: which ones a process holds, and whether they are gone afterwards.

use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::netns::run_tool;
use crate::{bpf, wait};

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

    /// All of the machine, also those of others.
    ///
    /// The ids alone: who opens an array of programs twice while the kernel is about to empty it makes it stay for ever
    /// (`prog_array_map_clear`, Linux 6.18), and `bpftool prog show` does, for each program that jumps through it.
    ///
    /// # Errors
    /// When the kernel does not tell.
    pub fn all() -> Result<Self> {
        Ok(Self {
            programs: bpf::ids(bpf::Object::Program)?,
            maps: bpf::ids(bpf::Object::Map)?,
            links: bpf::ids(bpf::Object::Link)?,
        })
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
        let gone = wait::until_true(within, "BPF objects to go", || {
            left = self.both(&Self::all()?);
            Ok(left.counts() == [0; 3])
        });
        gone.with_context(|| format!("left behind: {left:?}, maps {:?}", left.map_names()))
    }

    fn both(&self, other: &Self) -> Self {
        Self {
            programs: &self.programs & &other.programs,
            maps: &self.maps & &other.maps,
            links: &self.links & &other.links,
        }
    }

    /// As far as `bpftool` tells.
    fn map_names(&self) -> Vec<String> {
        let name = |id: &u32| {
            let mut show = Command::new("bpftool");
            let text = run_tool(show.args(["-j", "map", "show", "id", &id.to_string()])).ok()?;
            let map: Value = serde_json::from_str(&text).ok()?;
            Some(map["name"].as_str()?.to_owned())
        };
        self.maps.iter().filter_map(name).collect()
    }
}
