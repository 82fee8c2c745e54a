//! What runs beside the agent's other work: one task hears the kernel, one looks at the data path.

use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};

use super::vni::View;
use super::{Evpn, RETRY};
use crate::agent::core::{Core, failed};
use crate::agent::server::Shared;
use crate::error::{Refusal, codes};
use crate::netlink::{StationEvent, StationWatch};

/// How often it is asked whether the data path has moved or learned a station. Two reads of memory a VNI.
const ROUND: Duration = Duration::from_millis(20);

/// Starts what listens to the kernel's bridges and what looks at the data path, if the agent was told to.
///
/// # Errors
/// When the kernel cannot be listened to.
pub(in crate::agent) async fn spawn(shared: &Shared) -> Result<Vec<JoinHandle<()>>, Refusal> {
    if shared.core.lock().await.evpn.is_none() {
        return Ok(Vec::new());
    }
    let watch = StationWatch::open().map_err(|error| {
        Refusal::new(codes::FAILED, error.to_string()).with_cure("ulimit -n; ls /proc/self/fd")
    })?;
    Ok(vec![
        tokio::spawn(listen(shared.clone(), watch)),
        tokio::spawn(rounds(shared.clone())),
    ])
}

async fn listen(shared: Shared, mut watch: StationWatch) {
    loop {
        let events: Vec<StationEvent> = match watch.next().await {
            Ok(events) => events.into(),
            Err(error) => {
                tracing::warn!(%error, "the kernel's news of stations are lost, all are read anew");
                tokio::time::sleep(RETRY).await;
                vec![StationEvent::Missed]
            }
        };
        let mut core = shared.core.lock().await;
        let taken = core.with_evpn(|evpn, view| evpn.take(&events, view));
        if let Err(refusal) = taken {
            tracing::warn!(problem = %refusal.sentence, "news of stations could not be followed");
        }
    }
}

async fn rounds(shared: Shared) {
    let mut ticks = interval(ROUND);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let mut core = shared.core.lock().await;
        if let Err(refusal) = core.evpn_round().await {
            tracing::warn!(problem = %refusal.sentence, "a round of EVPN failed");
        }
    }
}

impl Core {
    fn with_evpn(&mut self, work: impl FnOnce(&mut Evpn, View<'_>)) -> Result<(), Refusal> {
        let now = self.plane.now().map_err(failed)?;
        if let (Some(evpn), Some(datapath)) = (&mut self.evpn, self.plane.kernel()) {
            work(evpn, View::of(datapath, now));
        }
        Ok(())
    }

    async fn evpn_round(&mut self) -> Result<(), Refusal> {
        let Some(evpn) = self.evpn.as_mut().filter(|_| !self.ended) else {
            return Ok(());
        };
        if !self
            .plane
            .kernel()
            .is_some_and(|datapath| evpn.has_work(datapath))
        {
            return Ok(());
        }
        let now = self.plane.now().map_err(failed)?;
        let Some(view) = self.plane.kernel().map(|datapath| View::of(datapath, now)) else {
            return Ok(());
        };
        if evpn.is_behind() {
            evpn.catch_up(&self.store, view).await;
        }
        evpn.tell(view).await;
        Ok(())
    }

    /// Follows the document in force.
    pub(in crate::agent) fn follow_evpn(&mut self) {
        if self.evpn.is_none() {
            return;
        }
        let followed = self.plane.now().map(|now| {
            let view = self.plane.kernel().map(|datapath| View::of(datapath, now));
            let evpn = self.evpn.as_mut().zip(view);
            evpn.map(|(evpn, view)| evpn.follow(&self.image, view))
        });
        if let Err(error) = followed {
            tracing::error!(%error, "EVPN does not follow the document");
        }
    }

    /// Takes note that an interface of this host is gone; `None` if it is not known which.
    pub(in crate::agent) fn evpn_lost(&mut self, ifindex: Option<u32>) {
        match (&mut self.evpn, ifindex) {
            (Some(evpn), Some(ifindex)) => evpn.lost(ifindex),
            (Some(evpn), None) => evpn.read_anew(),
            (None, _) => {}
        }
    }

    /// Removes what was made for the daemon.
    pub(in crate::agent) async fn leave_evpn(&mut self) {
        if let Some(evpn) = &mut self.evpn {
            evpn.remove_all(&self.store).await;
        }
    }
}
