//! What a round works with, and how frames leave.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use fabric_common::maps::Path;
use fabric_common::rewrite::{Inner, rewrite};
use fabric_common::wire::Macs;
use tokio::sync::mpsc::UnboundedSender;

use super::board::{Event, Switch};
use super::socket::{PacketSockets, is_cut_off};
use super::spec::Way;
use super::wishes::{Ask, Wish};
use crate::compile::twin::HostFrame;
use crate::datapath::StorageTables;
use crate::model::Name;

/// Interface and frame.
pub(super) type Outbound = (u32, Vec<u8>);

/// What a round works with.
pub(super) struct Tools<'a> {
    pub(super) tables: &'a StorageTables,
    pub(super) sockets: &'a PacketSockets,
    /// Interface behind each port slot.
    pub(super) egress: &'a BTreeMap<u16, u32>,
    pub(super) events: &'a UnboundedSender<Event>,
    pub(super) asks: &'a UnboundedSender<Ask>,
    pub(super) unsent: &'a AtomicU64,
}

impl Tools<'_> {
    /// Whether silence says something of whoever the frame is for: it is on its way, or his port is gone or down.
    pub(super) fn send(&self, ifindex: u32, frame: &[u8]) -> bool {
        let Err(error) = self.sockets.send(ifindex, frame) else {
            return true;
        };
        self.unsent.fetch_add(1, Ordering::Relaxed);
        is_cut_off(&error)
    }

    /// Tells the agent what it must know.
    pub(super) fn tell(&self, vsm: &Name, switch: Option<Switch>) {
        // Nobody listens when the agent ends.
        let _ = self.events.send(Event {
            vsm: vsm.clone(),
            switch,
        });
    }

    /// Has the store asked for a decision.
    pub(super) fn wish(&self, wish: Wish) {
        self.ask(Ask::Decision(Box::new(wish)));
    }

    /// Has the store asked for something.
    pub(super) fn ask(&self, ask: Ask) {
        // Nobody listens when the agent ends.
        let _ = self.asks.send(ask);
    }

    /// Sends a tenant's frame on its way, if there is one. As [`Self::send`].
    pub(super) fn send_by(&self, way: Way, frame: &[u8]) -> bool {
        match way {
            Way::Port(ifindex) => self.send(ifindex, frame),
            Way::NextHop { id, segment } => {
                let path = self.tables.path(id, segment);
                match path.and_then(|path| self.through(&path, frame)) {
                    Some((ifindex, frame)) => self.send(ifindex, &frame),
                    None => {
                        self.unsent.fetch_add(1, Ordering::Relaxed);
                        true
                    }
                }
            }
        }
    }

    /// A tenant's frame as it leaves by a path, as XDP would send it.
    pub(super) fn through(&self, path: &Path, frame: &[u8]) -> Option<Outbound> {
        let ifindex = *self.egress.get(&path.slot)?;
        let macs = Macs::from_wire(frame.first_chunk()?);
        let mut frame = HostFrame::new(frame);
        rewrite(&mut frame, Inner::PLAIN, macs, path).ok()?;
        Some((ifindex, frame.bytes().to_vec()))
    }
}
