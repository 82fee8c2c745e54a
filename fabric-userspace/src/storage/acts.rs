//! What an operator may ask of a storage machine.

use super::judge::CopyState;
use super::watched::Watched;
use crate::error::{Refusal, codes};
use crate::model::Name;

impl Watched {
    pub(super) fn may_switch_to(&self, to: &Name, force: bool) -> Result<(), Refusal> {
        let vsm = &self.spec.name;
        let member = self.member(to)?;
        if self.in_charge().is_some_and(|working| working.name == *to) {
            let sentence = format!("{to} is in charge of {vsm} already");
            return Err(Refusal::new(codes::BAD_STORAGE, sentence)
                .with_cure("none needed")
                .unchanged());
        }
        if member.drained {
            let sentence =
                format!("{to} of {vsm} is out of use, and would give the service up again at once");
            return Err(Refusal::new(codes::BAD_STORAGE, sentence)
                .with_cure(format!("fabric storage restore {vsm} --member {to}"))
                .unchanged());
        }
        if force {
            return Ok(());
        }
        if let CopyState::Stale { lag, .. } = member.copy {
            let by = lag.map_or(String::new(), |lag| {
                format!(" by {}", crate::render::numbers::bytes(lag))
            });
            let sentence = format!("{to}'s copy is stale{by}: switching would lose acknowledged writes");
            let cure = format!(
                "wait until fabric storage show {vsm} says lag 0 B        (to lose the writes: --force)"
            );
            return Err(Refusal::new(codes::STALE_MEMBER, sentence)
                .with_cure(cure)
                .unchanged());
        }
        if !member.is_up() {
            let sentence = format!("{to} does not answer: {vsm} would stop");
            let cure = format!("fabric storage show {vsm}        (to switch all the same: --force)");
            return Err(Refusal::new(codes::MEMBER_DOWN, sentence)
                .with_cure(cure)
                .unchanged());
        }
        Ok(())
    }

    /// Who takes over from a member that is taken out of use; `None` if it is not in charge.
    ///
    /// # Errors
    /// It is unknown, or in charge and nobody could take over.
    pub(super) fn may_drain(&self, member: &Name, now: u64) -> Result<Option<Name>, Refusal> {
        self.member(member)?;
        if self.in_charge().is_none_or(|working| working.name != *member) {
            return Ok(None);
        }
        let next = self.judged(now).standby;
        let next = self.members.iter().find(|one| Some(one.place) == next);
        let next = next.ok_or_else(|| {
            let name = &self.spec.name;
            let sentence =
                format!("{member} is in charge of {name}, and no other member could take over now");
            Refusal::new(codes::MEMBER_DOWN, sentence)
                .with_cure(format!("fabric storage show {name}"))
                .unchanged()
        })?;
        Ok(Some(next.name.clone()))
    }

    /// Takes a member out of use. Where the service was told to stay it stays, unless that is the member that `is_working`.
    ///
    /// # Errors
    /// It is unknown.
    pub(super) fn drain(&mut self, member: &Name, is_working: bool) -> Result<(), Refusal> {
        self.member_mut(member)?.drained = true;
        self.manual &= !is_working;
        Ok(())
    }

    /// Takes a member back into use, or all.
    ///
    /// # Errors
    /// It is unknown.
    pub(super) fn restore(&mut self, member: Option<&Name>) -> Result<(), Refusal> {
        if let Some(member) = member {
            self.member(member)?;
        }
        for one in &mut self.members {
            if member.is_none_or(|member| one.name == *member) {
                one.drained = false;
                one.held_until = 0;
            }
        }
        self.manual = false;
        Ok(())
    }
}
