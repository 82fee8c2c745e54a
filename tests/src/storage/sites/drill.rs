//! The working member at one site dies or is cut off, and its client, at a third one, goes on with the one at the second.

use anyhow::{Context, Result, bail};

use super::{LONG, NODES, Sites};
use crate::storage::drill::{SOME, told};
use crate::storage::rig::MEMBERS;
use crate::storage::{Event, Load, Outcome, Protocol, Target, VOLUME, monotonic_us};
use crate::wait;

/// Starts servers and a copy on sites where nothing runs, lets it happen to the first tenant's preferred member, and ends them.
/// `run` tells its blocks from those of other drills. The node with the other member decides, as it does when all have been up
/// for a while.
///
/// # Errors
/// When the fabric does not switch to the other member, or something cannot be started; for an event that is for one node alone.
pub fn drill_across(sites: &Sites, event: Event, run: u64) -> Result<Outcome> {
    let mut members = sites.serve(0, VOLUME)?;
    sites.wait_all_members_up(0)?;
    let _mirror = sites.copy(0, &members)?;
    wait::until_true(LONG, "the node with the other member to decide", || {
        Ok(sites.steward(0)? == NODES[1])
    })?;
    let target = Target::tcp(sites.service(Protocol::Nbd.port())?);
    // The first frames of a new client may wait longer for ARP than one attempt to connect lasts.
    let load = wait::until(LONG, "the client to open its disk", || {
        Ok(Load::write(&sites.tenants[0].client, &target, run).ok())
    })?;
    load.wait_answers(SOME, LONG)?;
    let event_us = monotonic_us();
    match event {
        Event::Kill => members.first_mut().context("no member")?.kill_hard()?,
        Event::Cut => sites.cut_member(0, 0, true)?,
        Event::CutUnanswered => bail!("drills across sites have no readers"),
    }
    sites.wait_working(0, MEMBERS[1])?;
    let recovered = load.wait_answers(SOME, LONG).is_ok();
    let record = load.stop()?;
    // Of the node that decided it: with the member in charge at its own ports it leaves the office soon.
    let told = told(&sites.shown_at(NODES[1], 0)?["last_switch"])?;
    let verdict = record.verify(members.get(1).context("one member only")?.volume())?;
    Ok(Outcome {
        event,
        event_us,
        record,
        told,
        recovered,
        acknowledged: verdict.acknowledged,
        lost: u64::try_from(verdict.lost.len())?,
    })
}

impl Sites {
    /// Nothing runs, all cables are in, and the first tenant's preferred member is in charge again.
    ///
    /// # Errors
    /// When the fabric refuses, or a folder cannot be cleared.
    pub fn begin_again(&self) -> Result<()> {
        let tenancy = self.tenant(0)?;
        for (number, member) in tenancy.members.iter().enumerate() {
            self.cut_member(0, number, false)?;
            // What it asked while it was fenced is no state of a machine that has just started.
            member.output(&["ip", "neigh", "flush", "dev", "eth0"])?;
            let folder = self.folder(&tenancy.label(MEMBERS[number]))?;
            std::fs::remove_dir_all(&folder).with_context(|| format!("cannot clear {}", folder.display()))?;
        }
        // Offices change hands after a switch.
        self.wait_asked(&["storage", "restore", tenancy.vsm])?;
        if self.shown_at(NODES[1], 0)?["last_switch"]["to"] != MEMBERS[0] {
            self.wait_asked(&["storage", "switch", tenancy.vsm, "--to", MEMBERS[0], "--force"])?;
            self.wait_asked(&["storage", "restore", tenancy.vsm])?;
        }
        Ok(())
    }

    fn wait_asked(&self, words: &[&str]) -> Result<()> {
        wait::until_true(LONG, "a node that decides, and does it", || {
            let steward = self.agent(&self.steward(0)?)?;
            Ok(steward.ok(words).is_ok())
        })
    }
}
