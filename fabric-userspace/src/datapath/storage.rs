//! The tables of storage machines: what the document sets, and the live words that frames, probes and switches change.

use std::sync::Arc;

use fabric_common::maps::storage::{ClientFlow, FLOWS, FlowRecord, Vsm, VsmPlace, flow_index};
use fabric_common::maps::{NextHop, Path, name};

use super::mapped::Mapped;
use super::{Datapath, LoadError};
use crate::records::VsmLimits;

impl Datapath {
    /// `VSMS`: the limits; who is in charge stays. Cleared, nobody is.
    ///
    /// # Errors
    /// For a number outside of the table.
    pub fn set_vsm(&mut self, id: u32, limits: Option<VsmLimits>) -> Result<(), LoadError> {
        let Some(vsm) = self.vsms.shared(id) else {
            return Err(LoadError::map(name::VSMS)(format!("no place {id}").into()));
        };
        // The watcher may have written in between: whoever gets the place begins with nothing of what was there.
        if limits.is_none() || vsm.probe_limit.load() == 0 {
            for word in [
                &vsm.charge,
                &vsm.probed_at,
                &vsm.served_until,
                &vsm.withheld_at,
                &vsm.trusted_until,
            ] {
                word.store(0);
            }
            vsm.unanswered.iter().for_each(|since| since.store(0));
        }
        let limits = limits.unwrap_or_default();
        vsm.silence_limit.store(limits.silence);
        vsm.tcp_port.store(u64::from(limits.tcp_port));
        vsm.prober.store(limits.prober);
        vsm.probe_limit.store(limits.probe);
        Ok(())
    }

    /// `VSM_PLACES`. Flows that were noted there are forgotten with it.
    ///
    /// # Errors
    /// For an index outside of the table.
    pub fn set_vsm_place(&mut self, id: u32, place: Option<&VsmPlace>) -> Result<(), LoadError> {
        let Some(place) = place else {
            self.vsm_places.withdraw(id);
            (0..FLOWS)
                .filter_map(|flow| self.flows.shared(flow_index(id, flow)))
                .for_each(FlowRecord::clear);
            return Ok(());
        };
        if self.vsm_places.publish(id, place) {
            return Ok(());
        }
        Err(LoadError::map(name::VSM_PLACES)(format!("no place {id}").into()))
    }

    /// A storage machine's live words.
    pub fn vsm(&self, id: u32) -> Option<&Vsm> {
        self.vsms.shared(id)
    }

    /// The flows that were noted at a place, with their position.
    pub fn flows(&self, place: u32) -> impl Iterator<Item = (u32, ClientFlow)> {
        (0..FLOWS).filter_map(move |flow| {
            let record = self.flows.shared(flow_index(place, flow))?;
            Some((flow, record.read()?))
        })
    }

    pub(super) fn observe_vsms(&self) -> Vec<(u32, VsmLimits)> {
        let vsms = (1..self.vsms.len()).filter_map(|id| Some((id, self.vsms.shared(id)?)));
        vsms.filter_map(|(id, vsm)| {
            let limits = VsmLimits {
                probe: vsm.probe_limit.load(),
                silence: vsm.silence_limit.load(),
                tcp_port: u16::try_from(vsm.tcp_port.load()).unwrap_or(0),
                prober: vsm.prober.load(),
            };
            (limits.probe != 0).then_some((id, limits))
        })
        .collect()
    }

    /// The live tables, for whoever watches over storage machines beside the agent.
    pub(crate) fn storage_tables(&self) -> StorageTables {
        StorageTables {
            vsms: Arc::clone(&self.vsms),
            flows: Arc::clone(&self.flows),
            next_hops: Arc::clone(&self.next_hops),
            paths: Arc::clone(&self.paths),
        }
    }
}

/// What a watcher reads and writes without system calls.
#[derive(Clone)]
pub(crate) struct StorageTables {
    vsms: Arc<Mapped<Vsm>>,
    flows: Arc<Mapped<FlowRecord>>,
    next_hops: Arc<Mapped<NextHop>>,
    paths: Arc<Mapped<Path>>,
}

impl StorageTables {
    /// Of a node that steers none.
    pub(crate) fn none() -> Self {
        Self {
            vsms: Arc::new(Mapped::nothing()),
            flows: Arc::new(Mapped::nothing()),
            next_hops: Arc::new(Mapped::nothing()),
            paths: Arc::new(Mapped::nothing()),
        }
    }

    /// For tests: storage machines with numbers below 4 of which nothing is known, and next hops that lead nowhere.
    #[cfg(test)]
    pub(crate) fn new() -> Self {
        Self {
            vsms: Arc::new(Mapped::zeros(4)),
            flows: Arc::new(Mapped::nothing()),
            next_hops: Arc::new(Mapped::zeros(4)),
            paths: Arc::new(Mapped::zeros(4)),
        }
    }

    /// For tests: a next hop of `segment` leads out of the port with the number `slot`.
    #[cfg(test)]
    pub(crate) fn lead(&self, next_hop: u32, segment: u32, slot: u16) {
        let path = Path {
            slot,
            max_len: 1514,
            ..Path::default()
        };
        let hop = NextHop {
            path: next_hop,
            segment,
            ..NextHop::default()
        };
        assert!(self.paths.publish(next_hop, &path) && self.next_hops.publish(next_hop, &hop));
    }

    /// A storage machine's live words.
    pub(crate) fn vsm(&self, id: u32) -> Option<&Vsm> {
        self.vsms.shared(id)
    }

    /// The flows that were noted at a place.
    pub(crate) fn flows(&self, place: u32) -> impl Iterator<Item = &FlowRecord> {
        (0..FLOWS).filter_map(move |flow| self.flows.shared(flow_index(place, flow)))
    }

    /// The path in use to a next hop of `segment`.
    pub(crate) fn path(&self, next_hop: u32, segment: u32) -> Option<Path> {
        let (path, of) = self.path_and_segment(next_hop)?;
        (of == segment).then_some(path)
    }

    /// The path in use to a next hop, and the next hop's segment.
    pub(crate) fn path_and_segment(&self, next_hop: u32) -> Option<(Path, u32)> {
        let next_hop = self.next_hops.get(next_hop).filter(|hop| !hop.decides())?;
        let path = self.paths.get(next_hop.path).filter(|path| path.slot != 0)?;
        Some((path, next_hop.segment))
    }
}
