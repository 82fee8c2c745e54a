//! A datacenter's label on a line or in UDP, perhaps behind the link's own one (RFC 4448, RFC 7510).

use fabric_common::label::{CONTROL_WORD, DEFLECTED, Entry, TTL};
use fabric_common::maps::{Binding, Line, Path};
use fabric_common::wire::{ETHERTYPE_MPLS, TPID_S};

use super::qinq::both;
use crate::compile::PortFacts;
use crate::compile::node::{Ethernet, Underlay, Way};
use crate::compile::path::on;
use crate::compile::stack::Stack;

/// How frames with a datacenter's label begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::compile) struct Labels {
    /// The line's number in `LINES`.
    pub(in crate::compile) line: u32,
    /// The link's own label; 0 for none.
    pub(in crate::compile) transport: u32,
    /// What is outside of the labels.
    pub(in crate::compile) outside: Outside,
}

/// What is outside of a label stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::compile) enum Outside {
    /// Ethernet from end to end of a line.
    Line(Ethernet),
    /// Ethernet to the next router, IP and UDP.
    Udp(Underlay),
}

impl Labels {
    pub(super) fn underlay(&self) -> Option<&Underlay> {
        match &self.outside {
            Outside::Udp(underlay) => Some(underlay),
            Outside::Line(_) => None,
        }
    }

    pub(super) fn ethernet(&self) -> Option<&Ethernet> {
        match &self.outside {
            Outside::Line(ethernet) => Some(ethernet),
            Outside::Udp(_) => None,
        }
    }

    /// Everything outside of a datacenter's label.
    pub(in crate::compile) fn stack(&self, facts: &PortFacts) -> Stack {
        match &self.outside {
            Outside::Line(ethernet) => ethernet.stack().mpls(),
            Outside::Udp(underlay) => underlay.stack(facts).without_ecn(),
        }
        .transport(self.transport)
    }

    /// [`Path::UNRESOLVED`] as long as the next router has not answered.
    pub(in crate::compile) fn unresolved(&self) -> u8 {
        match &self.outside {
            Outside::Line(_) => 0,
            Outside::Udp(underlay) => underlay.unresolved(),
        }
    }

    pub(in crate::compile) fn record(&self, slot: u16) -> Line {
        Line {
            slot,
            reserved: 0,
            transport: self.transport,
        }
    }
}

/// A datacenter's label, and S-tag and C-tag inside.
pub(in crate::compile) fn labelled(
    way: &Way,
    labels: &Labels,
    (label, pair): (u32, (u16, u16)),
    deflected: bool,
    segment: u32,
) -> Path {
    let mut post = [0; 16];
    post[..8].copy_from_slice(&both(TPID_S, pair));
    let stack = labels.stack(&way.facts).datacenter(label, deflected);
    stack.on(Path {
        post_len: 8,
        post,
        flags: labels.unresolved(),
        ..on(way, segment)
    })
}

/// What carries a frame on that only passes by its label.
pub(in crate::compile) fn onward(way: &Way, labels: &Labels, deflected: bool) -> Path {
    let turned = if deflected { Path::DEFLECT } else { 0 };
    labels.stack(&way.facts).on(Path {
        flags: labels.unresolved() | turned,
        segment: Binding::RELAY | labels.line << 24,
        ..on(way, 0)
    })
}

impl Stack {
    /// EtherType of a label stack on a line.
    pub(in crate::compile) fn mpls(self) -> Self {
        self.add(&ETHERTYPE_MPLS.to_be_bytes())
    }

    /// A label in UDP: nobody reads an ECN mark of the outer header at the other end.
    pub(in crate::compile) fn without_ecn(self) -> Self {
        self.flag(Path::NO_ECN)
    }

    /// The link's own label outside of a datacenter's; 0 for none.
    pub(in crate::compile) fn transport(self, label: u32) -> Self {
        if label == 0 {
            return self;
        }
        self.add(&Entry::new(label, 0, false, TTL).to_wire())
    }

    /// A datacenter's label and the control word of a pseudowire, without sequence numbers (RFC 4385 section 3). The frame
    /// leaves its shortest way or not.
    pub(in crate::compile) fn datacenter(self, label: u32, deflected: bool) -> Self {
        let class = if deflected { DEFLECTED } else { 0 };
        self.add(&Entry::new(label, class, true, TTL).to_wire())
            .add(&[0; CONTROL_WORD])
    }
}
