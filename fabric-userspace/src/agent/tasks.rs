//! What the agent does unasked: ageing, following the host's changes, checking its ports.

use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};

use super::core::Core;
use super::host::facts_of;
use super::ports::Rechecked;
use super::server::Shared;
use crate::compile::PortFacts;
use crate::diff::{Entry, Op};
use crate::error::{Refusal, codes};
use crate::model::IfName;
use crate::netlink::{Event, Watch};

/// How often all ports are checked anew, besides when the kernel tells of a change.
const RECHECK: Duration = Duration::from_millis(500);
/// How often numbers that were given up are given free.
const RECLAIM: Duration = Duration::from_millis(200);
/// How often room is made in the FDB for addresses that found none.
const STASH: Duration = Duration::from_millis(200);
/// How often neighbours are asked for that the kernel does not keep by itself.
const PROBE: Duration = Duration::from_secs(5);
/// How often gateways' neighbours are looked at.
const NEIGHBOURS: Duration = Duration::from_secs(5);
/// How often log records of the programs are fetched, when they write any.
const LOGS: Duration = Duration::from_millis(100);

/// Starts everything.
pub(super) async fn spawn(shared: &Shared, ageing: Duration, watch: Option<Watch>) -> Vec<JoinHandle<()>> {
    let mut tasks = vec![
        tokio::spawn(every(
            shared.clone(),
            Needs::Core,
            sweep_period(ageing),
            move |core| Box::pin(async move { core.sweep(ageing) }),
        )),
        tokio::spawn(every(shared.clone(), Needs::Changes, RECLAIM, |core| {
            Box::pin(async move { core.reclaim() })
        })),
        tokio::spawn(every(shared.clone(), Needs::Core, STASH, |core| {
            Box::pin(async move {
                core.plane.empty_stash();
                Ok(())
            })
        })),
        tokio::spawn(every(shared.clone(), Needs::Core, NEIGHBOURS, |core| {
            Box::pin(async move { core.look_after_neighbours() })
        })),
        tokio::spawn(look_after(shared.clone())),
        tokio::spawn(every(shared.clone(), Needs::Core, PROBE, |core| {
            Box::pin(async move {
                core.host.probe().await;
                Ok(())
            })
        })),
    ];
    tasks.extend(watch.map(|watch| tokio::spawn(follow(shared.clone(), watch))));
    forward_logs(&mut *shared.core.lock().await);
    tasks
}

/// Forwards what the programs log, on a thread that nobody waits for: a tenant can have frames dropped faster than they are written
/// down, and then there is always one more.
fn forward_logs(core: &mut Core) {
    let Some(mut logger) = core.plane.logger() else {
        return;
    };
    let forward = move || {
        loop {
            std::thread::sleep(LOGS);
            logger.flush();
        }
    };
    if let Err(error) = std::thread::Builder::new()
        .name("drops".to_owned())
        .spawn(forward)
    {
        tracing::error!(%error, "what the programs log is not forwarded");
    }
}

/// # Errors
/// When addresses cannot be remembered for so long.
pub(super) fn check_ageing(ageing: Duration, longest: Duration) -> Result<(), Refusal> {
    if ageing <= longest {
        return Ok(());
    }
    let (asked, longest) = (ageing.as_secs(), longest.as_secs());
    let sentence = format!(
        "--ageing {asked} is longer than the data path can tell on this kernel: {longest} seconds at most"
    );
    Err(Refusal::new(codes::BAD_VALUE, sentence)
        .with_cure(format!("fabric agent --ageing {longest}"))
        .unchanged())
}

/// Often enough that an entry lives at most an eighth longer than it should.
fn sweep_period(ageing: Duration) -> Duration {
    (ageing / 8).clamp(Duration::from_millis(200), Duration::from_secs(10))
}

type Work<'a> = std::pin::Pin<Box<dyn Future<Output = Result<(), Refusal>> + Send + 'a>>;

/// What work must have for itself.
enum Needs {
    /// The core: it changes nothing that a change in progress was made from.
    Core,
    /// [`Shared::changes`] as well.
    Changes,
}

async fn every(
    shared: Shared,
    needs: Needs,
    period: Duration,
    work: impl for<'a> Fn(&'a mut Core) -> Work<'a> + Send,
) {
    let mut ticks = interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut problem = Problem::default();
    loop {
        ticks.tick().await;
        let changes = match needs {
            Needs::Changes => Some(shared.changes.lock().await),
            Needs::Core => None,
        };
        let result = work(&mut *shared.core.lock().await).await;
        drop(changes);
        problem.tell(result);
    }
}

/// What background work fails with.
#[derive(Default)]
struct Problem(String);

impl Problem {
    /// Said once, not every period.
    fn tell(&mut self, result: Result<(), Refusal>) {
        let now = result.err().map(|refusal| refusal.sentence).unwrap_or_default();
        if now != self.0 && !now.is_empty() {
            tracing::warn!(problem = %now, "background work failed");
        }
        self.0 = now;
    }
}

async fn look_after(shared: Shared) {
    let mut ticks = interval(RECHECK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut problem = Problem::default();
    loop {
        ticks.tick().await;
        problem.tell(round(&shared).await);
    }
}

/// Does what has not succeeded yet, and checks a few ports. Each for itself: the kernel takes a millisecond to tell all about one,
/// and who wants to change something need not wait for the others.
///
/// # Errors
/// The first one; what comes after it is done all the same.
async fn round(shared: &Shared) -> Result<(), Refusal> {
    let (mut done, ports) = {
        let _changes = shared.changes.lock().await;
        let mut core = shared.core.lock().await;
        (core.catch_up_with_host().await, core.ports.round())
    };
    for port in ports {
        let _changes = shared.changes.lock().await;
        let mut core = shared.core.lock().await;
        if let Some(rechecked) = core.ports.recheck(&port).await {
            done = done.and(core.follow_check(rechecked).await);
        }
    }
    done.and(shared.core.lock().await.save_storage_again())
}

async fn follow(shared: Shared, mut watch: Watch) {
    loop {
        let event = match watch.next().await {
            Ok(event) => event,
            Err(error) => {
                tracing::warn!(%error, "the kernel's news are lost, everything is read anew");
                Event::Missed
            }
        };
        let _changes = shared.changes.lock().await;
        let mut core = shared.core.lock().await;
        if let Err(refusal) = core.on_event(&event).await {
            tracing::warn!(problem = %refusal.sentence, "a change of the host could not be followed");
        }
    }
}

impl Core {
    fn sweep(&mut self, ageing: Duration) -> Result<(), Refusal> {
        let evpn = self.evpn.as_ref();
        let held = |segment, mac, next_hop| evpn.is_some_and(|evpn| evpn.holds(segment, mac, next_hop));
        let sweep = self.plane.sweep(ageing, held).map_err(super::failed)?;
        self.fdb_entries = sweep.learned + sweep.fixed;
        self.count_events();
        Ok(())
    }

    /// Follows a change of the host.
    ///
    /// # Errors
    /// The first one; what comes after it is done all the same.
    async fn on_event(&mut self, event: &Event) -> Result<(), Refusal> {
        let mut done = self.on_carrier(event);
        if let Event::LinkGone {
            nsid: None, ifindex, ..
        } = event
        {
            self.evpn_lost(Some(*ifindex));
        }
        if *event == Event::Missed {
            self.evpn_lost(None);
        }
        let moved = self.host.has_moved(event).await;
        let changed = match event {
            Event::Link { nsid: None, link, .. } => self.concerns_port(link),
            Event::LinkGone {
                nsid: None, ifindex, ..
            } => self.ports.iter().any(|(_, port)| port.ifindex == *ifindex),
            Event::Missed => true,
            Event::Link { .. }
            | Event::LinkGone { .. }
            | Event::Neighbour(_)
            | Event::NeighbourGone(_)
            | Event::Routes => false,
        };
        if moved || changed {
            done = done.and(self.follow_host().await);
        }
        for rechecked in self.ports.recheck_after(event).await {
            done = done.and(self.follow_check(rechecked).await);
        }
        done
    }

    /// An interface that has left is here again under its number, as after a visit in another namespace: nothing differs, but the kernel
    /// has taken it out of all device maps (`NETDEV_UNREGISTER`).
    fn put_back_lost_ways(&mut self) -> Result<(), Refusal> {
        let ports = self
            .image
            .ports()
            .map(|(_, plan)| (plan.slot, plan.facts.ifindex));
        let lost: Vec<_> = ports
            .filter(|(slot, ifindex)| *ifindex != 0 && self.plane.has_lost_way(*slot, *ifindex))
            .collect();
        for (slot, ifindex) in &lost {
            self.plane
                .apply(&Op::Set(Entry::Egress(*slot, *ifindex)))
                .map_err(super::failed)?;
        }
        let slots: Vec<u16> = lost.into_iter().map(|(slot, _)| slot).collect();
        self.refresh_flood_lists(&slots);
        Ok(())
    }

    /// Carries the document out on the host as it now is; what fails is tried again in the next round.
    async fn follow_host(&mut self) -> Result<(), Refusal> {
        self.behind = true;
        let silent = self.reconcile().await?;
        self.put_back_lost_ways()?;
        self.note_returned(&silent)?;
        self.behind = false;
        Ok(())
    }

    /// Does what has not succeeded yet.
    async fn catch_up_with_host(&mut self) -> Result<(), Refusal> {
        self.plane.renew_silence().map_err(super::failed)?;
        self.plane.settle().map_err(super::failed)?;
        if self.behind {
            self.follow_host().await?;
        }
        Ok(())
    }

    /// True if an interface of ours is not as the maps say, or has another name.
    fn concerns_port(&self, link: &crate::netlink::Link) -> bool {
        let now = facts_of(link);
        self.image.ports().any(|(port, plan)| {
            if port.as_str() != link.name {
                return plan.facts.ifindex == link.ifindex;
            }
            plan.facts
                != PortFacts {
                    mac: link.mac.map_or(plan.facts.mac, |_| now.mac),
                    ..now
                }
        })
    }

    /// A port that became unsafe drops everything at once; then its cure is tried, and tried again in every round until it
    /// helps.
    async fn follow_check(&mut self, Rechecked { name, turned }: Rechecked) -> Result<(), Refusal> {
        if turned {
            self.mark(&name)?;
            self.tell(&name);
        }
        let is_unsafe = self.ports.get(&name).is_some_and(|port| !port.is_safe());
        if is_unsafe && self.cure(&name).await.is_ok() {
            self.mark(&name)?;
            tracing::warn!(port = %name, "port was made safe again");
        }
        Ok(())
    }

    /// Makes a port safe again: its settings, and our program on it, which somebody may have taken off.
    async fn cure(&mut self, name: &IfName) -> Result<(), Refusal> {
        self.ports.make_safe(&self.store, name).await?;
        let Some((ifindex, role)) = self.ports.get(name).map(|port| (port.ifindex, port.role)) else {
            return Ok(());
        };
        self.attach_one(name, ifindex, role)?;
        self.note_own_programs()?;
        self.ports.expect_program(name);
        self.ports.verify(name).await
    }

    /// Logs that a port became safe or unsafe.
    fn tell(&self, name: &IfName) {
        let Some(port) = self.ports.get(name) else {
            return;
        };
        if port.is_safe() {
            tracing::info!(port = %name, "port is safe again");
            return;
        }
        let check = port
            .checks
            .iter()
            .find(|check| check.verdict == crate::safety::Verdict::Fail);
        let (id, cure) = check.map_or(("-", None), |check| (check.id, check.cure.clone()));
        tracing::error!(port = %name, check = id, cure, "port is not safe, its frames are dropped");
    }

    /// Tells the data path whether a port is safe.
    pub(super) fn mark(&mut self, name: &IfName) -> Result<(), Refusal> {
        let Some(port) = self.ports.get(name) else {
            return Ok(());
        };
        let safe = port.is_safe();
        let Some((_, plan)) = self.image.ports().find(|(port, _)| *port == name) else {
            return Ok(());
        };
        let mut record = plan.record;
        if !safe {
            record.flags |= fabric_common::maps::Port::UNSAFE;
        }
        let ifindex = plan.facts.ifindex;
        self.plane.set_port(ifindex, &record).map_err(super::failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_that_cannot_be_told_is_refused_with_the_longest() {
        let longest = Duration::from_millis(66_780_160);
        assert!(check_ageing(longest, longest).is_ok());
        assert!(check_ageing(Duration::from_secs(300), longest).is_ok());
        let refusal = check_ageing(Duration::from_secs(66_781), longest).unwrap_err();
        assert_eq!(refusal.code, codes::BAD_VALUE);
        assert!(refusal.sentence.contains("66780 seconds"), "{}", refusal.sentence);
    }
}
