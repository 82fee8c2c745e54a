//! One frame of figure 8, captured on every wire that it crosses.

use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::{Figure, Mesh};
use crate::frame::stack;
use crate::golden;
use crate::wire::{Capture, Filter, RawSocket};

const ARRIVES: Duration = Duration::from_secs(5);
/// The word in frame 800.
const WORD: &[u8] = b"Dopey";

/// The way of one frame.
#[derive(Clone, Debug)]
pub struct Trace {
    /// When it was sent.
    pub title: String,
    /// In the order of the wires.
    pub hops: Vec<Hop>,
}

/// The frame on one wire.
#[derive(Clone, Debug)]
pub struct Hop {
    /// The link's name.
    pub wire: &'static str,
    /// The sending node.
    pub from: &'static str,
    /// The node at the other end.
    pub to: &'static str,
    /// Tags, outside to inside.
    pub stack: String,
    /// Time to live in the datacenter's label.
    pub ttl: u8,
    /// The whole frame.
    pub bytes: Vec<u8>,
}

impl<F: Figure> Mesh<F> {
    /// Sends frame 800 from 202 and gives what the wires showed of it. What is inside of the datacenter tag must be the golden
    /// frame on every wire, and what is delivered must be what was sent.
    ///
    /// # Errors
    /// When it does not arrive as it was sent, or a wire shows something else.
    pub(super) fn trace(&self, title: &str) -> Result<Trace> {
        let (sent, inside) = (golden::frame("uni-800")?, golden::frame("nni-800")?);
        let mut listening = Vec::new();
        for (wire, middle) in F::WIRES.iter().zip(&self.middles) {
            let [one, other] = [wire.ends[0].0, wire.ends[1].0];
            for (interface, from, to) in [("one", one, other), ("other", other, one)] {
                let capture = Capture::start_filtered(middle, interface, Filter::Only(has_word))?;
                listening.push((wire.name, from, to, capture));
            }
        }
        let delivery = Capture::start_filtered(&self.resource, "eth0", Filter::Only(has_word))?;
        RawSocket::open(&self.client, "eth0")?.send(&sent)?;
        delivery
            .expect(std::slice::from_ref(&sent), ARRIVES)
            .context("delivery of frame 800")?;
        let mut hops = Vec::new();
        for (wire, from, to, capture) in listening {
            for frame in capture.frames()? {
                let bytes = frame.bytes;
                ensure!(
                    bytes.ends_with(&inside),
                    "{wire} shows something else than frame 800: {}",
                    stack(&bytes)
                );
                let label_end = bytes.len() - inside.len() - 4;
                let ttl = *bytes
                    .get(label_end.wrapping_sub(1))
                    .context("a frame without a label")?;
                hops.push((
                    frame.at,
                    Hop {
                        wire,
                        from,
                        to,
                        stack: stack(&bytes),
                        ttl,
                        bytes,
                    },
                ));
            }
        }
        hops.sort_by_key(|(at, _)| *at);
        Ok(Trace {
            title: title.to_owned(),
            hops: hops.into_iter().map(|(_, hop)| hop).collect(),
        })
    }
}

fn has_word(bytes: &[u8]) -> bool {
    bytes.windows(WORD.len()).any(|part| part == WORD)
}
