//! What the tests of operation have in common: interfaces as they were, what an agent has pinned, others that talk.

#[path = "support/dice.rs"]
mod dice;
#[path = "support/hidden.rs"]
pub(crate) mod hidden;
#[path = "support/lane.rs"]
mod lane;
#[path = "support/owned.rs"]
mod owned;
#[path = "support/settings.rs"]
mod settings;
#[path = "support/start.rs"]
mod start;
#[path = "support/tables.rs"]
mod tables;
#[path = "support/talk.rs"]
mod talk;
#[path = "support/told.rs"]
mod told;

use std::collections::BTreeSet;
use std::fs;

use fabric_tests::fabric::Agent;
use fabric_tests::fixtures::Rig;
use fabric_tests::frame::eth;
use fabric_tests::traffic::{Probe, RunningProbe};

pub(crate) use dice::Dice;
pub(crate) use lane::{Lane, cable};
pub(crate) use owned::{open_files, owned};
pub(crate) use settings::{Settings, has_program, program};
pub(crate) use start::Start;
pub(crate) use tables::Tables;
pub(crate) use talk::Talk;
pub(crate) use told::{one_sentence, readable};

pub(crate) const ALICE: &str = "56:00:00:00:00:01";
pub(crate) const BOB: &str = "56:00:00:00:00:02";
pub(crate) const EVERYBODY: &str = "ff:ff:ff:ff:ff:ff";

/// A numbered probe in VLAN 10 from what is plugged into one port to what is plugged into another.
pub(crate) fn probe(rig: &Rig, from: &str, to: &str) -> RunningProbe {
    let header = eth(BOB, ALICE).vlan(10);
    let (from, to) = (rig.plug(from).unwrap(), rig.plug(to).unwrap());
    Probe::between(from.end(), to.end(), header)
        .patient()
        .start()
        .unwrap()
}

/// Every frame of a probe came once, in order and unaltered, and no frame of another probe came with them.
pub(crate) fn unharmed(probe: RunningProbe) {
    let report = probe.stop().unwrap();
    assert!(report.sent > 0, "the probe sent nothing");
    assert!(
        report.perfect(),
        "of {} frames {} lost, {} twice, {} late, {} altered, {} of others; longest gap {:?}",
        report.sent,
        report.lost(),
        report.duplicates,
        report.reordered,
        report.altered,
        report.foreign,
        report.longest_gap
    );
}

/// Everything below the directory of pins, by its path from there.
pub(crate) fn pins(agent: &Agent) -> BTreeSet<String> {
    fn collect(folder: &std::path::Path, prefix: &str, into: &mut BTreeSet<String>) {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
            if entry.file_type().unwrap().is_dir() {
                collect(&entry.path(), &format!("{name}/"), into);
            }
            into.insert(name);
        }
    }
    let mut all = BTreeSet::new();
    collect(&agent.state_dir().join("bpf"), "", &mut all);
    all
}

/// Index numbers of the interfaces for which a link is pinned.
pub(crate) fn linked(agent: &Agent) -> BTreeSet<u32> {
    let links = pins(agent);
    let numbers = links
        .iter()
        .filter_map(|pin| pin.strip_prefix("links/")?.parse().ok());
    numbers.collect()
}
