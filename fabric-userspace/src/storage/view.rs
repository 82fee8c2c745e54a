//! What the board knows, in the words of the API.

use super::board::{Board, Switch};
use super::judge::{Answers, CopyState, Member};
use super::watched::Watched;
use crate::api;
use crate::model::Name;

impl Board {
    /// Adds to `view` what only a steering node knows; of a storage machine of several nodes the steward alone knows it all. `fenced` gives the frames of a member's port that were dropped, `tick`
    /// is the data path's.
    pub(crate) fn describe(&self, name: &Name, view: &mut api::Vsm, fenced: impl Fn(&str) -> u64, tick: u32) {
        let now = super::nanoseconds();
        let Some(watched) = self.vsms.get(name) else {
            return;
        };
        let is_known = watched.asks(now);
        view.here = is_known;
        if let Some(shared) = &watched.shared {
            view.node = shared.steward.as_ref().map_or_else(String::new, Name::to_string);
            view.unreadable.clone_from(&shared.unreadable);
        }
        view.epoch = Some(watched.charge.epoch());
        view.manual = watched.manual;
        view.nudges = watched.nudges;
        let switches = watched.switches.iter();
        view.switches = switches
            .map(|(cause, count)| (cause.to_string(), *count))
            .collect();
        for cause in super::Cause::ALL {
            view.switches.entry(cause.to_string()).or_default();
        }
        view.last_switch = watched.last.as_ref().map(switch);
        view.flows = Some(self.flows(watched, tick));
        for (at, member) in watched.members.iter().enumerate() {
            if let Some(seen) = view.members.get_mut(at) {
                if is_known {
                    describe_member(watched, member, seen, now);
                } else if watched
                    .in_charge()
                    .is_some_and(|working| working.name == member.name)
                {
                    "working".clone_into(&mut seen.role);
                }
                if watched.is_here(&member.name) {
                    seen.fenced_frames = fenced(&seen.port);
                }
            }
        }
        if is_known {
            watched.state(now).clone_into(&mut view.state);
        }
    }

    /// Connections of clients that were seen within the last minute.
    pub(crate) fn flows_of(&self, name: &Name, tick: u32) -> u64 {
        self.vsms.get(name).map_or(0, |watched| self.flows(watched, tick))
    }
}

impl Watched {
    fn state(&self, now: u64) -> &'static str {
        let Some(working) = self.in_charge() else {
            return "down";
        };
        if matches!(working.answers, Answers::Down(_)) {
            return "down";
        }
        let is_preferred = self
            .members
            .first()
            .is_some_and(|first| first.name == working.name);
        let is_protected = self.members.len() == 1 || self.has_standby(now);
        if is_protected && (is_preferred || self.manual || !self.spec.revertive) && working.is_up() {
            "ok"
        } else {
            "degraded"
        }
    }
}

fn describe_member(watched: &Watched, member: &Member, view: &mut api::VsmMember, now: u64) {
    let seconds = |since: u64| std::time::Duration::from_nanos(now.saturating_sub(since)).as_secs_f64();
    let is_working = watched
        .in_charge()
        .is_some_and(|working| working.name == member.name);
    let is_fit = member.copy == CopyState::Current && now >= member.held_until && member.is_up();
    view.role = match () {
        () if is_working => "working",
        () if member.drained => "drained",
        () if is_fit || member.answers == Answers::Unknown => "protection",
        () => "fenced",
    }
    .to_owned();
    view.health = match member.answers {
        Answers::Unknown => "unknown",
        Answers::Up(_) => "up",
        Answers::Down(_) => "down",
    }
    .to_owned();
    view.heard_seconds = member.heard.map(seconds);
    if watched.spec.replication.is_some() && !is_working {
        match member.copy {
            CopyState::Current => {
                view.copy = Some("current".to_owned());
                view.lag_bytes = Some(0);
            }
            CopyState::Stale { since, lag } => {
                view.copy = Some("stale".to_owned());
                view.lag_bytes = lag;
                view.stale_seconds = Some(seconds(since));
            }
        }
    }
}

fn switch(switch: &Switch) -> api::VsmSwitch {
    let begun = switch.heard.unwrap_or(switch.found);
    let after =
        |time: u64| std::time::Duration::from_nanos(time.saturating_sub(begun)).as_secs_f64() * 1000.0;
    api::VsmSwitch {
        epoch: switch.epoch,
        at: switch.at.clone(),
        from: switch.from.as_ref().map(Name::to_string),
        to: switch.to.to_string(),
        cause: switch.cause.to_string(),
        by: if switch.in_path { "in-path" } else { "agent" }.to_owned(),
        found_ms: after(switch.found),
        switched_ms: after(switch.switched),
        nudged_ms: switch.nudged.map(after),
        nudges: switch.nudges,
    }
}
