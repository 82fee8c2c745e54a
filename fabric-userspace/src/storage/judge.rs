//! Who should be in charge, from what is known of each member. Pure: no clock, no tables.

use std::fmt;

use fabric_common::shared::SharedU64;

use crate::model::Name;

/// Why a switch was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Cause {
    /// The member in charge did not answer.
    Silent,
    /// Somebody asked for it.
    Manual,
    /// The member in charge was taken out of use.
    Drained,
    /// A preferred member was well long enough.
    Restored,
    /// Nobody was in charge, or one who is not in the document any more.
    Removed,
}

impl Cause {
    /// Every cause.
    pub(crate) const ALL: [Self; 5] = [
        Self::Silent,
        Self::Manual,
        Self::Drained,
        Self::Restored,
        Self::Removed,
    ];
}

impl Cause {
    /// From its name.
    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|cause| cause.to_string() == name)
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Silent => "silent",
            Self::Manual => "manual",
            Self::Drained => "drained",
            Self::Restored => "restored",
            Self::Removed => "removed",
        })
    }
}

/// Whether a member has all that clients were told is safe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CopyState {
    /// It has, or shares the data.
    Current,
    /// It lacks something since then, in nanoseconds of the monotonic clock; how many bytes, if that is known.
    Stale {
        /// Since when.
        since: u64,
        /// Bytes.
        lag: Option<u64>,
    },
}

/// Whether a member answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answers {
    /// Nobody has asked it yet.
    Unknown,
    /// It does, since then.
    Up(u64),
    /// It does not, since then.
    Down(u64),
}

/// A member as it is known.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) name: Name,
    /// Its place in [`fabric_common::maps::storage::VsmPlace`].
    pub(super) place: u8,
    pub(super) answers: Answers,
    /// A sign of life was seen in the round that began then.
    pub(super) heard: Option<u64>,
    /// Out of use until then, because it died in charge.
    pub(super) held_until: u64,
    pub(super) drained: bool,
    pub(super) copy: CopyState,
    /// Another machine had its name: what that one was, this one is not, and its data are not the service's until a copy is
    /// complete.
    pub(super) is_new: bool,
    /// It has been asked at least once.
    pub(super) probed: bool,
    /// Its silence says nothing before that time, if it was not heard since it is asked.
    pub(super) patient_until: u64,
}

impl Member {
    pub(super) fn new(name: Name, place: u8) -> Self {
        Self {
            name,
            place,
            answers: Answers::Unknown,
            heard: None,
            held_until: 0,
            drained: false,
            copy: CopyState::Current,
            is_new: false,
            probed: false,
            patient_until: 0,
        }
    }

    /// Begins to ask it anew; it is given until then to answer the first time.
    pub(super) fn ask_anew(&mut self, patient_until: u64) {
        self.answers = Answers::Unknown;
        self.heard = None;
        self.probed = false;
        self.patient_until = patient_until;
    }

    /// A question is on its way to it. What it owed to others before it was first asked is forgotten: they may have asked what nobody
    /// answers, long ago, and it is given the whole limit to answer us.
    pub(super) fn ask(&mut self, unanswered: &SharedU64, now: u64) {
        if self.probed {
            unanswered.compare_exchange(0, now);
        } else {
            unanswered.store(now);
        }
        self.probed = true;
    }

    /// The question of [`Self::ask`] did not leave: silence says nothing of a member that owes no other answer.
    pub(super) fn unask(&mut self, unanswered: &SharedU64, now: u64, was_probed: bool) {
        unanswered.compare_exchange(now, 0);
        self.probed = was_probed;
    }

    /// Takes in what the data path knows: since when frames to the member are unanswered, 0 if none is.
    pub(super) fn listen(&mut self, unanswered: u64, now: u64, limit: u64) {
        if !self.probed {
            return;
        }
        if unanswered == 0 {
            self.heard = Some(now);
            if !matches!(self.answers, Answers::Up(_)) {
                self.answers = Answers::Up(now);
            }
            return;
        }
        let is_patient = self.heard.is_none() && now < self.patient_until;
        let is_silent = now.saturating_sub(unanswered) > limit && !is_patient;
        if is_silent && !matches!(self.answers, Answers::Down(_)) {
            self.answers = Answers::Down(now);
        }
    }

    pub(super) fn is_up(&self) -> bool {
        matches!(self.answers, Answers::Up(_))
    }

    fn may_serve(&self, now: u64) -> bool {
        self.could_serve() && now >= self.held_until
    }

    /// It may have died not long ago.
    fn could_serve(&self) -> bool {
        self.is_up() && !self.drained && self.copy == CopyState::Current
    }
}

/// What to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Verdict {
    /// Put this place in charge.
    pub(super) switch: Option<(u8, Cause)>,
    /// Who takes over when the one in charge falls silent; of no meaning with a switch.
    pub(super) standby: Option<u8>,
}

/// The rules of coming back.
#[derive(Clone, Copy, Debug)]
pub(super) struct Restoring {
    /// A preferred member takes the service back by itself.
    pub(super) revertive: bool,
    /// When it has been well for so long, in nanoseconds.
    pub(super) wait: u64,
}

/// `members` in the order of preference. Nobody in charge is worse than a member that nobody has asked yet.
pub(super) fn judge(members: &[Member], in_charge: Option<u8>, restoring: Restoring, now: u64) -> Verdict {
    let found = |place: u8| members.iter().position(|member| member.place == place);
    let Some(at) = in_charge.and_then(found) else {
        let best = members
            .iter()
            .find(|member| member.may_serve(now))
            .or_else(|| members.iter().find(|member| member.could_serve()))
            .or_else(|| members.iter().find(|member| !member.drained && !member.is_new))
            .or_else(|| members.iter().find(|member| !member.drained))
            .or(members.first());
        return Verdict {
            switch: best.map(|member| (member.place, Cause::Removed)),
            standby: None,
        };
    };
    let working = &members[at];
    let others = members
        .iter()
        .enumerate()
        .filter(|(other, member)| *other != at && member.may_serve(now));
    let best = others.clone().map(|(_, member)| member.place).next();
    let switch = match working.answers {
        Answers::Down(_) => {
            // One that has died not long ago is better than one that is dead.
            let mut held = members.iter().filter(|member| member.could_serve());
            let best = best.or_else(|| held.next().map(|member| member.place));
            best.map(|place| (place, Cause::Silent))
        }
        _ if working.drained => best.map(|place| (place, Cause::Drained)),
        Answers::Up(_) | Answers::Unknown => {
            let is_well = |member: &Member| matches!(member.answers, Answers::Up(since) if now.saturating_sub(since) >= restoring.wait);
            let mut preferred = others.filter(|(other, member)| *other < at && is_well(member));
            let back = preferred.next().filter(|_| restoring.revertive);
            back.map(|(_, member)| (member.place, Cause::Restored))
        }
    };
    Verdict {
        switch,
        standby: best,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;
    const LIMIT: u64 = 20_000_000;
    const RESTORING: Restoring = Restoring {
        revertive: true,
        wait: 300 * SECOND,
    };

    fn members() -> Vec<Member> {
        let name = |name: &str| Name::new(name).expect("legal");
        let mut members = vec![
            Member::new(name("a"), 0),
            Member::new(name("b"), 1),
            Member::new(name("c"), 2),
        ];
        for member in &mut members {
            member.probed = true;
            member.listen(0, SECOND, LIMIT);
        }
        members
    }

    fn kill(member: &mut Member, now: u64) {
        member.listen(now - LIMIT - 1, now, LIMIT);
    }

    #[test]
    fn a_healthy_member_stays_and_the_next_one_stands_by() {
        let verdict = judge(&members(), Some(0), RESTORING, 2 * SECOND);
        assert_eq!((verdict.switch, verdict.standby), (None, Some(1)));
    }

    #[test]
    fn the_first_member_that_may_serve_takes_over_from_a_dead_one() {
        let mut members = members();
        kill(&mut members[0], 2 * SECOND);
        let verdict = judge(&members, Some(0), RESTORING, 2 * SECOND);
        assert_eq!(verdict.switch, Some((1, Cause::Silent)));
        members[1].copy = CopyState::Stale { since: 0, lag: None };
        let verdict = judge(&members, Some(0), RESTORING, 2 * SECOND);
        assert_eq!(verdict.switch, Some((2, Cause::Silent)));
        kill(&mut members[2], 2 * SECOND);
        assert_eq!(
            judge(&members, Some(0), RESTORING, 2 * SECOND),
            Verdict::default()
        );
    }

    #[test]
    fn an_unanswered_probe_is_no_death_before_the_limit() {
        let mut members = members();
        members[0].listen(SECOND, SECOND + LIMIT, LIMIT);
        assert!(members[0].is_up());
    }

    #[test]
    fn what_was_unanswered_before_the_first_question_is_no_death() {
        let mut member = Member::new(Name::new("a").expect("legal"), 0);
        let unanswered = SharedU64::default();
        unanswered.store(SECOND);
        let now = 60 * SECOND;
        member.ask(&unanswered, now);
        member.listen(unanswered.load(), now + LIMIT / 2, LIMIT);
        assert_eq!(member.answers, Answers::Unknown);
        member.ask(&unanswered, now + LIMIT / 2);
        member.listen(unanswered.load(), now + LIMIT + 1, LIMIT);
        assert_eq!(
            member.answers,
            Answers::Down(now + LIMIT + 1),
            "from the first question on"
        );
    }

    #[test]
    fn a_member_that_nobody_has_asked_neither_dies_nor_takes_over() {
        let mut members = members();
        members[1] = Member::new(Name::new("b").expect("legal"), 1);
        members[1].listen(0, SECOND, LIMIT);
        let verdict = judge(&members, Some(0), RESTORING, 2 * SECOND);
        assert_eq!(verdict.standby, Some(2));
        assert_eq!(judge(&members, Some(1), RESTORING, 2 * SECOND).switch, None);
    }

    #[test]
    fn a_preferred_member_comes_back_when_it_has_been_well_for_long_enough() {
        let mut members = members();
        kill(&mut members[0], 2 * SECOND);
        members[0].held_until = 12 * SECOND;
        members[0].listen(0, 3 * SECOND, LIMIT);
        let at = |now| judge(&members, Some(1), RESTORING, now);
        assert_eq!(at(5 * SECOND).standby, Some(2), "held down");
        assert_eq!(
            at(13 * SECOND),
            Verdict {
                switch: None,
                standby: Some(0)
            }
        );
        assert_eq!(at(302 * SECOND).switch, None);
        assert_eq!(at(303 * SECOND).switch, Some((0, Cause::Restored)));
        let never = Restoring {
            revertive: false,
            ..RESTORING
        };
        assert_eq!(judge(&members, Some(1), never, 400 * SECOND).switch, None);
    }

    #[test]
    fn one_that_is_held_down_serves_when_nobody_else_could() {
        let mut members = members();
        members[0].held_until = 12 * SECOND;
        kill(&mut members[1], 3 * SECOND);
        let of = |members: &[Member]| judge(members, Some(1), RESTORING, 3 * SECOND).switch;
        assert_eq!(of(&members), Some((2, Cause::Silent)));
        kill(&mut members[2], 3 * SECOND);
        assert_eq!(of(&members), Some((0, Cause::Silent)));
        members[0].copy = CopyState::Stale { since: 0, lag: None };
        assert_eq!(of(&members), None);
    }

    #[test]
    fn one_that_is_held_down_serves_before_a_dead_one_when_nobody_is_in_charge() {
        let mut members = members();
        members.truncate(2);
        kill(&mut members[0], 3 * SECOND);
        members[1].held_until = 12 * SECOND;
        for in_charge in [None, Some(7)] {
            let switch = judge(&members, in_charge, RESTORING, 3 * SECOND).switch;
            assert_eq!(switch, Some((1, Cause::Removed)));
        }
        members[1].copy = CopyState::Stale { since: 0, lag: None };
        let switch = judge(&members, None, RESTORING, 3 * SECOND).switch;
        assert_eq!(
            switch,
            Some((0, Cause::Removed)),
            "the preferred one of two that are no good"
        );
    }

    #[test]
    fn a_drained_member_gives_the_service_up() {
        let mut members = members();
        members[0].drained = true;
        let verdict = judge(&members, Some(0), RESTORING, 2 * SECOND);
        assert_eq!(verdict.switch, Some((1, Cause::Drained)));
        assert_eq!(judge(&members, Some(1), RESTORING, 900 * SECOND).switch, None);
    }

    #[test]
    fn a_machine_that_came_in_anothers_place_is_the_last_resort() {
        let name = |name: &str| Name::new(name).expect("legal");
        let mut members = vec![Member::new(name("a"), 0), Member::new(name("b"), 1)];
        (members[0].is_new, members[0].copy) = (true, CopyState::Stale { since: 0, lag: None });
        members[1].copy = CopyState::Stale { since: 0, lag: None };
        let of = |members: &[Member]| judge(members, None, RESTORING, SECOND).switch;
        assert_eq!(of(&members), Some((1, Cause::Removed)));
        assert_eq!(of(&members[..1]), Some((0, Cause::Removed)));
    }

    #[test]
    fn somebody_is_always_put_in_charge() {
        let none: Vec<Member> = members()
            .into_iter()
            .map(|member| Member::new(member.name, member.place))
            .collect();
        let verdict = judge(&none, None, RESTORING, SECOND);
        assert_eq!(verdict.switch, Some((0, Cause::Removed)));
        assert_eq!(
            judge(&members(), Some(7), RESTORING, SECOND).switch,
            Some((0, Cause::Removed))
        );
    }
}
