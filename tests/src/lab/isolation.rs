//! Whose frames arrive at whose port: every tenant port is listened to, and each frame is told by the mark in its payload.
//!
//! The tenants have the same addresses and VLANs on purpose, so that nothing in the headers tells them apart. A frame without a
//! mark is either TCP without data, told by its port number, or ARP by a kernel, which nothing can tell apart and which is counted.

mod matrix;
mod owner;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::frame::stack;
use crate::netns::NetNs;
use crate::wait;
use crate::wire::{Capture, Captured};

pub use matrix::{Cell, Matrix};
pub use owner::{Owner, Tenant};

/// Bytes of each frame that are looked at: headers, and a mark wherever data begins.
const LOOKED_AT: usize = 256;
/// Frames that should not be there, kept to be shown.
const EVIDENCE: usize = 100;
/// A frame on its way arrives within this on a busy machine.
const QUIET: Duration = Duration::from_millis(100);

/// A port where frames reach a tenant.
#[derive(Clone, Debug)]
pub struct TenantPort {
    /// Who is behind it.
    pub tenant: Tenant,
    /// For people.
    pub name: String,
    /// Where to listen: the tenant's end of the cable.
    pub end: (NetNs, String),
}

/// Listeners on all tenant ports.
#[derive(Debug)]
pub struct Watches {
    tenants: Vec<Tenant>,
    ports: Vec<Watch>,
}

#[derive(Debug)]
struct Watch {
    port: TenantPort,
    tally: Arc<Mutex<Tally>>,
    capture: Capture,
}

#[derive(Clone, Debug)]
struct Tally {
    /// By tenant number.
    of: Vec<u64>,
    unmarked: u64,
    strange: u64,
    evidence: usize,
}

impl Watches {
    /// Listens until the drop.
    ///
    /// # Errors
    /// When an interface is not there.
    pub fn start(tenants: &[Tenant], ports: &[TenantPort]) -> Result<Self> {
        let ports = ports.iter().map(|port| Watch::start(tenants, port));
        Ok(Self {
            tenants: tenants.to_vec(),
            ports: ports.collect::<Result<_>>()?,
        })
    }

    /// What has arrived so far, after nothing more has come for a moment.
    ///
    /// # Errors
    /// When a capture missed frames: it proves nothing then.
    pub fn matrix(&self) -> Result<Matrix> {
        let mut before = self.read()?;
        let settled = wait::until(wait::PATIENCE, "the captures to become quiet", || {
            std::thread::sleep(QUIET);
            let now = self.read()?;
            let same = now == before;
            before = now;
            Ok(same.then(|| before.clone()))
        })?;
        Ok(settled)
    }

    /// Frames of `tenant` that arrived at `tenant`'s own ports so far.
    ///
    /// # Errors
    /// As [`Watches::matrix`].
    pub fn own(&self, tenant: Tenant) -> Result<u64> {
        Ok(self.read()?.cell(tenant, tenant))
    }

    /// Frames that should not have arrived, with the port where they did.
    ///
    /// # Errors
    /// As [`Watches::matrix`].
    pub fn evidence(&self) -> Result<Vec<(String, Vec<Captured>)>> {
        let frames = |watch: &Watch| Ok((watch.port.name.clone(), watch.capture.frames()?));
        let all: Result<Vec<_>> = self.ports.iter().map(frames).collect();
        Ok(all?
            .into_iter()
            .filter(|(_, frames)| !frames.is_empty())
            .collect())
    }

    fn read(&self) -> Result<Matrix> {
        let mut matrix = Matrix::new(&self.tenants);
        for watch in &self.ports {
            // An error of the capture shows here.
            let strangers = watch.capture.frames()?;
            let tally = watch.tally();
            for (tenant, count) in self.tenants.iter().zip(&tally.of) {
                matrix.add(*tenant, &watch.port, *count);
            }
            matrix.unmarked += tally.unmarked;
            matrix.strange += tally.strange;
            if let Some(first) = strangers.first().filter(|_| tally.strange > 0) {
                matrix.note(&format!("{} at {}", stack(&first.bytes), watch.port.name));
            }
        }
        Ok(matrix)
    }
}

impl Watch {
    fn start(tenants: &[Tenant], port: &TenantPort) -> Result<Self> {
        let tally = Arc::new(Mutex::new(Tally {
            of: vec![0; tenants.len()],
            unmarked: 0,
            strange: 0,
            evidence: 0,
        }));
        let (counted, tenants, own) = (Arc::clone(&tally), tenants.to_vec(), port.tenant);
        let look = move |bytes: &[u8]| {
            let mut tally = counted.lock().unwrap_or_else(PoisonError::into_inner);
            tally.count(owner::of(bytes, &tenants), &tenants, own)
        };
        let (namespace, interface) = &port.end;
        let capture = Capture::watch(namespace, interface, LOOKED_AT, look)
            .with_context(|| format!("cannot listen at {}", port.name))?;
        Ok(Self {
            port: port.clone(),
            tally,
            capture,
        })
    }

    fn tally(&self) -> Tally {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Tally {
    /// Gives whether the frame is evidence.
    fn count(&mut self, owner: Owner, tenants: &[Tenant], own: Tenant) -> bool {
        let foreign = match owner {
            Owner::Of(tenant) => {
                let place = tenants.iter().position(|known| *known == tenant);
                if let Some(count) = place.and_then(|place| self.of.get_mut(place)) {
                    *count += 1;
                }
                tenant != own
            }
            Owner::Nobody => {
                self.unmarked += 1;
                false
            }
            Owner::Stranger => {
                self.strange += 1;
                true
            }
        };
        let kept = foreign && self.evidence < EVIDENCE;
        self.evidence += usize::from(kept);
        kept
    }
}
