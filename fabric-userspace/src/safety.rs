//! Whether a port can carry tenants' frames without losing a tag or a frame silently, and what makes it so.
//!
//! Three steps, each in its own room: [`facts`] are read from the kernel, [`rules`] turn them into [`Check`]s without
//! any I/O, and [`apply`] changes what can be changed safely and puts it back exactly. A port with a failing check
//! carries nothing: what cannot be seen to be safe counts as unsafe.

mod apply;
mod attach_error;
mod change;
mod cure;
pub mod facts;
mod gather;
mod mtu;
mod rules;

use serde::{Deserialize, Serialize};

use crate::netlink::{Event, HostUse, Link, Netlink, NetnsPlace};

pub use apply::{Outcome, Restored, restore};
pub use attach_error::explain_attach_error;
pub use change::{Change, merge};
pub use cure::Side;
pub(crate) use cure::quote;
pub use facts::{KernelRelease, PortFacts};
pub use mtu::{FrameNeed, LineLimit, Part};
pub use rules::judge;

/// What a port is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Tenant-facing.
    Access,
    /// Towards another fabric node, with S and C tags.
    Trunk,
    /// Towards another fabric node, with datacenter tags and whatever else a line carries.
    Pseudowire,
    /// Towards VXLAN and MPLS-in-UDP remotes.
    Underlay,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    Ok,
    /// Works, but not for everything.
    Warn,
    /// Frames could be lost or reach a stranger.
    Fail,
}

/// The result of one check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// Stable kebab-case name.
    pub id: &'static str,
    /// What is checked, for people.
    pub name: String,
    pub verdict: Verdict,
    /// What was found, in one line.
    pub detail: String,
    /// What would happen; only for warnings and failures.
    pub why: Option<String>,
    /// A command to paste.
    pub cure: Option<String>,
    /// The code of the refusal that a failure causes.
    pub code: Option<&'static str>,
    /// The refusal in one sentence, naming the port; only for failures.
    pub sentence: Option<String>,
}

/// Why a port cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("{sentence}")]
pub struct SafetyRefusal {
    /// What is wrong, and where; without a full stop.
    pub sentence: String,
    /// A command to paste.
    pub cure: String,
    /// Stable kebab-case code.
    pub code: &'static str,
}

/// A port and what is expected of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortSpec {
    pub port: String,
    pub role: Role,
    /// The largest frame that will be sent to each egress on behalf of this port.
    pub needs: Vec<FrameNeed>,
    /// Kernel ids of our own XDP programs: they are no strangers on the port.
    pub own_programs: Vec<u32>,
    /// One of them must be on the port: without it, frames would go to the host.
    pub attached: bool,
    /// The fabric has the port already: what the host loses by it is lost.
    pub in_use: bool,
}

/// All that `fabric doctor` tells of one port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    pub port: String,
    pub role: Role,
    /// `None` when the port cannot be read.
    pub driver: Option<String>,
    /// Name of the veth peer.
    pub peer: Option<String>,
    /// Where the peer is, as in `ip netns exec`; `None` when it is in our namespace or nowhere to be found.
    pub peer_namespace: Option<String>,
    /// Whether no check fails.
    pub safe: bool,
    pub checks: Vec<Check>,
}

impl Report {
    /// Of a port that nobody can look at.
    pub(crate) fn nothing(port: &str, role: Role) -> Self {
        Self {
            port: port.to_owned(),
            role,
            driver: None,
            peer: None,
            peer_namespace: None,
            safe: true,
            checks: Vec::new(),
        }
    }
}

/// Watches over the safety of one port.
///
/// A check costs some netlink questions and a dozen ioctls, together about a millisecond, so it may run on every event that [`Self::is_concerned_by`] names and every 500 ms besides.
#[derive(Debug)]
pub struct Guard {
    netlink: Netlink,
    spec: PortSpec,
    link: Option<Link>,
    place: Option<NetnsPlace>,
    /// What the host did with the port a moment ago, when it was new: to find out takes all routes, and nothing is done meanwhile.
    host: Option<HostUse>,
}

impl Guard {
    pub fn new(netlink: Netlink, spec: PortSpec) -> Self {
        Self {
            netlink,
            spec,
            link: None,
            place: None,
            host: None,
        }
    }

    pub fn spec(&self) -> &PortSpec {
        &self.spec
    }

    /// For new needs, a new role, or the ids of freshly loaded programs.
    pub fn spec_mut(&mut self) -> &mut PortSpec {
        &mut self.spec
    }

    /// The facts as they are now.
    pub async fn facts(&mut self) -> Result<PortFacts, SafetyRefusal> {
        self.gather(false).await
    }

    /// With `host` also what the host does with a port in use.
    async fn gather(&mut self, host: bool) -> Result<PortFacts, SafetyRefusal> {
        let known = self.host.as_ref().filter(|_| !host);
        let facts = gather::facts(&self.netlink, &self.spec, self.place.as_ref(), (host, known)).await?;
        if !facts.in_use {
            self.host = Some(facts.host.clone());
        }
        self.link = Some(facts.link.clone());
        self.place = facts.peer_place().cloned();
        Ok(facts)
    }

    /// Checks the port anew. A port that is gone, or that cannot be read, gives one failing check.
    pub async fn recheck(&mut self) -> Vec<Check> {
        match self.facts().await {
            Ok(facts) => judge(&facts),
            Err(refusal) => vec![refusal.into_check()],
        }
    }

    /// The same as [`Self::recheck`], with what people want to know besides.
    pub async fn report(&mut self) -> Report {
        self.report_with(true).await
    }

    /// The same for a port that is taken into use.
    pub async fn first_report(&mut self) -> Report {
        self.report_with(false).await
    }

    async fn report_with(&mut self, host: bool) -> Report {
        let (facts, checks) = match self.gather(host).await {
            Ok(facts) => {
                let checks = judge(&facts);
                (Some(facts), checks)
            }
            Err(refusal) => (None, vec![refusal.into_check()]),
        };
        let peer = facts.as_ref().and_then(|facts| facts.peer.peer());
        Report {
            port: self.spec.port.clone(),
            role: self.spec.role,
            driver: facts.as_ref().map(|facts| facts.driver.clone()),
            peer: peer.map(|peer| peer.link.name.clone()),
            peer_namespace: peer.and_then(|peer| peer.place.as_ref()).map(ToString::to_string),
            safe: checks.iter().all(|check| check.verdict != Verdict::Fail),
            checks,
        }
    }

    /// Whether an event may have changed the outcome of [`Self::recheck`].
    pub fn is_concerned_by(&self, event: &Event) -> bool {
        if let Event::Link { nsid: None, link, .. } = event {
            // The port was created anew, or it is one of the egresses.
            let is_egress = self.spec.needs.iter().any(|need| need.egress == link.name);
            if link.name == self.spec.port || is_egress {
                return true;
            }
        }
        self.link.as_ref().is_none_or(|link| event.concerns(link))
    }

    /// What [`Self::make_safe`] would change, without changing it; a refusal if that would not be enough.
    ///
    /// An agent that must survive a kill at any moment writes this down first: [`restore`] undoes a change that was
    /// planned but never made as well as one that was made.
    pub async fn plan(&mut self) -> Result<Vec<Change>, SafetyRefusal> {
        self.host = None;
        let facts = self.facts().await?;
        apply::plan(&facts)
    }

    /// Before `planned` changes of the port are written down beside `kept` ones: forgets those of an interface that had its name
    /// and is gone. One that has only been renamed keeps what is to be put back.
    pub async fn forget_gone(&self, kept: &mut Vec<Change>, planned: &[Change]) {
        apply::forget_gone(&self.netlink, kept, planned).await;
    }

    /// Turns what can be turned until no check fails, and returns the changes with their old values.
    ///
    /// On refusal everything is as it was.
    pub async fn make_safe(&mut self) -> Result<Vec<Change>, SafetyRefusal> {
        self.host = None;
        let before = self.facts().await?;
        let planned = apply::plan(&before)?;
        if planned.is_empty() {
            return Ok(planned);
        }
        let changes = apply::turn(&self.netlink, &before, &planned).await?;
        match self.recheck().await.iter().find_map(SafetyRefusal::from_check) {
            None => Ok(changes),
            Some(refusal) => {
                let outcome = restore(&self.netlink, &changes).await;
                Err(refusal.after_restore(&outcome))
            }
        }
    }
}

impl Check {
    fn ok(id: &'static str, name: impl Into<String>, detail: impl Into<String>) -> Self {
        Self {
            id,
            name: name.into(),
            verdict: Verdict::Ok,
            detail: detail.into(),
            why: None,
            cure: None,
            code: None,
            sentence: None,
        }
    }

    fn warn(mut self, code: &'static str) -> Self {
        self.verdict = Verdict::Warn;
        self.code = Some(code);
        self
    }

    fn fail(mut self, code: &'static str, sentence: impl Into<String>) -> Self {
        self.verdict = Verdict::Fail;
        self.code = Some(code);
        self.sentence = Some(sentence.into());
        self
    }

    fn why(mut self, why: impl Into<String>) -> Self {
        self.why = Some(why.into());
        self
    }

    fn cure(mut self, cure: impl Into<String>) -> Self {
        self.cure = Some(cure.into());
        self
    }
}

impl SafetyRefusal {
    /// The refusal that a failing check stands for.
    pub fn from_check(check: &Check) -> Option<Self> {
        if check.verdict != Verdict::Fail {
            return None;
        }
        Some(Self {
            sentence: check.sentence.clone().unwrap_or_else(|| check.detail.clone()),
            cure: check.cure.clone().unwrap_or_else(|| "fabric doctor".to_owned()),
            code: check.code.unwrap_or("port-unsafe"),
        })
    }

    fn into_check(self) -> Check {
        Check::ok("port-readable", "port can be read", self.sentence.clone())
            .cure(self.cure)
            .fail(self.code, self.sentence)
    }

    /// Tells of what could not be put back, if anything.
    fn after_restore(mut self, outcome: &[Restored]) -> Self {
        if let Some(failed) = outcome
            .iter()
            .find(|one| matches!(one.outcome, Outcome::Failed { .. }))
        {
            self.sentence = format!("{}; moreover, {failed}", self.sentence);
        }
        self
    }
}

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
