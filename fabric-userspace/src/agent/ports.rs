//! The interfaces that the agent has taken: made safe, watched, and put back as they were.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::error::{Code, Refusal, codes};
use crate::model::IfName;
use crate::netlink::{Event, Netlink};
use crate::safety::{
    self, Change, Check, FrameNeed, Guard, Outcome, PortSpec, Report, Restored, Role, SafetyRefusal, Verdict,
};
use crate::store::FileStore;

/// Name of the file that survives the agent: what must be put back.
pub(super) const CHANGES_FILE: &str = "interfaces.json";
/// Ports checked in one round; each costs about a millisecond in which no request is served.
const ROUND: usize = 8;

/// One interface in use.
pub(super) struct Port {
    /// What it does.
    pub role: Role,
    /// 0 while the interface is gone.
    pub ifindex: u32,
    /// Results of the last checks.
    pub checks: Vec<Check>,
    driver: Option<String>,
    /// `None` for an interface that is not there: nothing to make safe.
    guard: Option<Guard>,
}

impl Port {
    /// False if a check fails: its frames must be dropped.
    pub(super) fn is_safe(&self) -> bool {
        self.checks.iter().all(|check| check.verdict != Verdict::Fail)
    }
}

/// A port that somebody has to look after.
pub(super) struct Rechecked {
    pub name: IfName,
    /// It became safe or unsafe just now.
    pub turned: bool,
}

/// All interfaces in use.
pub(super) struct Ports {
    /// `None` for interfaces that are in memory alone.
    netlink: Option<Netlink>,
    ports: BTreeMap<IfName, Port>,
    changes: Changes,
    /// Kernel ids of the fabric's programs: they are no strangers on a port.
    own_programs: Vec<u32>,
    /// Where the next round of checks begins.
    next: usize,
}

/// What was changed on interfaces, by the port for whose sake.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Changes(BTreeMap<IfName, Vec<Change>>);

impl From<SafetyRefusal> for Refusal {
    fn from(refusal: SafetyRefusal) -> Self {
        Self::new(Code::from_static(refusal.code), refusal.sentence).with_cure(refusal.cure)
    }
}

impl Ports {
    /// No port in use, and the changes that an earlier agent has made.
    ///
    /// # Errors
    /// When the file of changes is damaged.
    pub(super) fn resume(netlink: Option<Netlink>, store: &FileStore) -> Result<Self, Refusal> {
        let changes = store.side_file(CHANGES_FILE)?.unwrap_or_default();
        Ok(Self {
            netlink,
            ports: BTreeMap::new(),
            changes,
            own_programs: Vec::new(),
            next: 0,
        })
    }

    /// The ports in use.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&IfName, &Port)> {
        self.ports.iter()
    }

    /// One port in use.
    pub(super) fn get(&self, name: &IfName) -> Option<&Port> {
        self.ports.get(name)
    }

    /// The driver of a port, for messages.
    pub(super) fn driver(&self, name: &IfName) -> Option<String> {
        self.ports.get(name)?.driver.clone()
    }

    /// Sentences about what was changed for a port.
    pub(super) fn changes(&self, name: &IfName) -> Vec<String> {
        self.changes
            .0
            .get(name)
            .into_iter()
            .flatten()
            .map(ToString::to_string)
            .collect()
    }

    /// Checks whether a port could be made safe, without touching it.
    ///
    /// # Errors
    /// The first check that cannot be cured.
    pub(super) async fn try_out(&self, name: &IfName, role: Role) -> Result<(), Refusal> {
        if let Some(mut guard) = self.guard(name, role) {
            guard.plan().await?;
        }
        Ok(())
    }

    fn guard(&self, name: &IfName, role: Role) -> Option<Guard> {
        let spec = PortSpec {
            port: name.as_str().to_owned(),
            role,
            // The compiler keeps the byte budget of a new document. Of one in force, a frame that is too big is
            // dropped and counted; the port stays safe for all others.
            needs: Vec::new(),
            own_programs: self.own_programs.clone(),
            attached: false,
            in_use: self.ports.contains_key(name),
        };
        Some(Guard::new(self.netlink.clone()?, spec))
    }

    /// Makes a port safe and takes it into use. What is about to be changed is written down first, so that it
    /// is put back also if the agent is killed in between.
    ///
    /// # Errors
    /// When a check cannot be cured; the interface is as it was then.
    pub(super) async fn take(
        &mut self,
        store: &FileStore,
        name: &IfName,
        role: Role,
        ifindex: u32,
    ) -> Result<(), Refusal> {
        let mut guard = self.guard(name, role);
        if let Some(guard) = &mut guard {
            Self::turn(&mut self.changes, store, name, guard).await?;
        }
        self.insert(name, role, ifindex, guard).await;
        Ok(())
    }

    /// Takes a port out of use whose interface stays the same, to give it another role. Its settings stay.
    pub(super) fn set_aside(&mut self, name: &IfName, ifindex: u32) -> Option<Port> {
        match self.ports.get(name) {
            Some(port) if port.ifindex == ifindex => self.ports.remove(name),
            _ => None,
        }
    }

    /// Takes a port that was set aside into use again, as it was.
    pub(super) fn put_back(&mut self, name: IfName, port: Port) {
        self.ports.insert(name, port);
    }

    fn guard_of(&mut self, name: &IfName) -> Option<&mut Guard> {
        self.ports.get_mut(name)?.guard.as_mut()
    }

    /// From now on the port is safe only with one of our programs on it.
    pub(super) fn expect_program(&mut self, name: &IfName) {
        if let Some(guard) = self.guard_of(name) {
            guard.spec_mut().attached = true;
        }
    }

    /// Takes a port into use although it is not safe: it was in use before, and its frames will be dropped until
    /// it is safe again.
    pub(super) async fn take_unsafe(&mut self, name: &IfName, role: Role, ifindex: u32) {
        let guard = self.guard(name, role);
        self.insert(name, role, ifindex, guard).await;
    }

    async fn insert(&mut self, name: &IfName, role: Role, ifindex: u32, mut guard: Option<Guard>) {
        let (checks, driver) = match &mut guard {
            Some(guard) => {
                guard.spec_mut().in_use = true;
                let report = guard.first_report().await;
                (report.checks, report.driver)
            }
            None => (Vec::new(), None),
        };
        let port = Port {
            role,
            ifindex,
            checks,
            driver,
            guard,
        };
        self.ports.insert(name.clone(), port);
    }

    /// Takes note of a port whose interface is not there: nothing to make safe.
    pub(super) fn take_gone(&mut self, name: &IfName, role: Role) {
        self.ports.insert(
            name.clone(),
            Port {
                role,
                ifindex: 0,
                checks: Vec::new(),
                driver: None,
                guard: None,
            },
        );
    }

    /// Puts back what was changed for a port and forgets it. Returns what could not be put back, which stays written down.
    ///
    /// # Errors
    /// When the file of changes cannot be written.
    pub(super) async fn give_back(
        &mut self,
        store: &FileStore,
        name: &IfName,
    ) -> Result<Vec<Restored>, Refusal> {
        self.ports.remove(name);
        let Some(netlink) = &self.netlink else {
            return Ok(Vec::new());
        };
        let Some(mut changes) = self.changes.0.remove(name) else {
            return Ok(Vec::new());
        };
        // The interface has another name by now, and is in use under it: there it needs what was changed.
        for (now, port) in &self.ports {
            let is_its = |change: &mut Change| change.ifindex == port.ifindex;
            let moved: Vec<Change> = changes.extract_if(.., is_its).collect();
            if !moved.is_empty() {
                self.changes.0.entry(now.clone()).or_default().extend(moved);
            }
        }
        let mut failed = safety::restore(netlink, &changes).await;
        failed.retain(|one| matches!(one.outcome, Outcome::Failed { .. }));
        let is_left = |change: &Change| failed.iter().any(|one| one.interface == change.interface);
        let left: Vec<Change> = changes.into_iter().filter(is_left).collect();
        if !left.is_empty() {
            self.changes.0.insert(name.clone(), left);
        }
        store.set_side_file(CHANGES_FILE, &self.changes)?;
        Ok(failed)
    }

    /// Ports whose interfaces were changed by an earlier agent and that nobody uses any more.
    pub(super) fn leftovers(&self) -> Vec<IfName> {
        self.changes
            .0
            .keys()
            .filter(|name| !self.ports.contains_key(*name))
            .cloned()
            .collect()
    }

    /// Tells the guards which programs are ours, after new ones were attached.
    pub(super) fn set_own_programs(&mut self, ids: &[u32]) {
        self.own_programs = ids.to_vec();
        for guard in self.ports.values_mut().filter_map(|port| port.guard.as_mut()) {
            guard.spec_mut().own_programs = ids.to_vec();
        }
    }

    /// Checks the ports that an event may concern. Returns those that became safe or unsafe.
    pub(super) async fn recheck_after(&mut self, event: &Event) -> Vec<Rechecked> {
        let mut found = Vec::new();
        for (name, port) in &mut self.ports {
            let was = port.is_safe();
            let Some(guard) = port.guard.as_mut().filter(|guard| guard.is_concerned_by(event)) else {
                continue;
            };
            port.checks = guard.recheck().await;
            // One that still is unsafe is left to the rounds: the attempt to cure it makes events itself.
            if port.is_safe() != was {
                let name = name.clone();
                found.push(Rechecked { name, turned: true });
            }
        }
        found
    }

    /// The ports to be checked next, a few in turn: the kernel tells of every change, so the rounds only catch what it lost.
    pub(super) fn round(&mut self) -> Vec<IfName> {
        if self.ports.is_empty() {
            return Vec::new();
        }
        let names = self.ports.keys().cycle().skip(self.next % self.ports.len());
        let round: Vec<IfName> = names.take(ROUND.min(self.ports.len())).cloned().collect();
        self.next = (self.next + round.len()) % self.ports.len();
        round
    }

    /// Checks one of a round. Returned if it became safe or unsafe, and if it still is unsafe: whatever kept it from being cured
    /// may be over.
    pub(super) async fn recheck(&mut self, name: &IfName) -> Option<Rechecked> {
        let port = self.ports.get_mut(name)?;
        let was = port.is_safe();
        port.checks = port.guard.as_mut()?.recheck().await;
        let turned = port.is_safe() != was;
        let name = name.clone();
        (turned || !port.is_safe()).then_some(Rechecked { name, turned })
    }

    /// Tries to make the settings of an unsafe port safe again. What is about to be changed is written down first.
    ///
    /// # Errors
    /// When a check cannot be cured; the interface is as it was then.
    pub(super) async fn make_safe(&mut self, store: &FileStore, name: &IfName) -> Result<(), Refusal> {
        let guard = self.ports.get_mut(name).and_then(|port| port.guard.as_mut());
        let Some(guard) = guard else {
            return Ok(());
        };
        // The program is put back when nothing else is wrong.
        guard.spec_mut().attached = false;
        let made = Self::turn(&mut self.changes, store, name, guard).await;
        guard.spec_mut().attached = true;
        made
    }

    async fn turn(
        changes: &mut Changes,
        store: &FileStore,
        name: &IfName,
        guard: &mut Guard,
    ) -> Result<(), Refusal> {
        let planned = guard.plan().await?;
        if planned.is_empty() {
            return Ok(());
        }
        let kept = changes.0.entry(name.clone()).or_default();
        guard.forget_gone(kept, &planned).await;
        safety::merge(kept, planned);
        store.set_side_file(CHANGES_FILE, changes)?;
        let made = guard.make_safe().await?;
        safety::merge(changes.0.entry(name.clone()).or_default(), made);
        store.set_side_file(CHANGES_FILE, changes)
    }

    /// Checks a port anew.
    ///
    /// # Errors
    /// The first check that fails.
    pub(super) async fn verify(&mut self, name: &IfName) -> Result<(), Refusal> {
        let Some(port) = self.ports.get_mut(name) else {
            return Ok(());
        };
        if let Some(guard) = &mut port.guard {
            port.checks = guard.recheck().await;
        }
        match port.checks.iter().find_map(SafetyRefusal::from_check) {
            Some(refusal) => Err(refusal.into()),
            None => Ok(()),
        }
    }

    /// Checks of any interface of this host, in use or not.
    pub(super) async fn examine(&self, name: &IfName, needs: Vec<FrameNeed>) -> Report {
        let role = self.ports.get(name).map_or(Role::Access, |port| port.role);
        let Some(mut guard) = self.guard(name, role) else {
            return Report::nothing(name.as_str(), role);
        };
        guard.spec_mut().needs = needs;
        guard.report().await
    }
}

/// The refusal for an interface that does not exist.
pub(super) fn no_such_port(name: &IfName, node: &str) -> Refusal {
    Refusal::new(codes::UNKNOWN_PORT, format!("{name} does not exist on {node}"))
        .with_cure("choose one of: ip -brief link")
}

#[cfg(test)]
mod tests;
