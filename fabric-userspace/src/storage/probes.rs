//! Probes of members.

use std::sync::Arc;

use fabric_common::maps::storage::Vsm;

use super::frames::{Ends, Segment, Tcp, is_at, who_has};
use super::spec::{MemberSpec, Spec};
use super::tools::Tools;
use super::watched::Watched;

/// First source port of probes; a probe in flight keeps its port for itself.
const PROBE_PORTS: std::ops::Range<u16> = 32_768..36_864;
/// A member that keeps its ARP entry of the prober needs to hear of it this often.
const ASK_AGAIN: u64 = 1_000_000_000;

impl Watched {
    /// Asks every member. What is unanswered counts from the first probe on.
    pub(super) fn probe(&mut self, vsm: &Vsm, tools: &Tools<'_>, now: u64) {
        let spec = Arc::clone(&self.spec);
        let ask = spec.tcp_port.is_none() || spec.probed.source.is_none() || now >= self.asked + ASK_AGAIN;
        if ask {
            self.asked = now;
        }
        self.probes = self.probes.wrapping_add(1);
        for member in &mut self.members {
            let Some(target) = spec.members.iter().find(|one| one.name == member.name) else {
                continue;
            };
            let unanswered = &vsm.unanswered[usize::from(member.place) & 7];
            // A station may have told the member another place of the prober: who does not answer is told again with each probe.
            let ask = ask || unanswered.load() != 0;
            member.ask(unanswered, now);
            let ends = Ends {
                to: spec.mac.octets(),
                from: target.prober,
                vid: spec.probed.vid,
            };
            if ask {
                let frame = who_has(ends, spec.probed.address, spec.probed.source);
                tools.send_by(target.way, &frame);
                let known = spec
                    .probed
                    .source
                    .and_then(|source| is_at(ends, source, spec.probed.address));
                if let Some(frame) = known {
                    tools.send_by(target.way, &frame);
                }
            }
            connect(&spec, target, ends, self.probes, tools);
        }
        vsm.probed_at.store(now);
    }
}

/// Tries a connection, and takes the try before back, so that no server keeps it.
fn connect(spec: &Spec, target: &MemberSpec, ends: Ends, number: u32, tools: &Tools<'_>) {
    let (Some(port), Some(source)) = (spec.tcp_port, spec.probed.source) else {
        return;
    };
    let tcp = |number: u32| {
        let ports = u32::from(PROBE_PORTS.end - PROBE_PORTS.start);
        let from_port = PROBE_PORTS.start + u16::try_from(number % ports).unwrap_or(0);
        Tcp {
            from: source.into(),
            to: spec.probed.address,
            from_port,
            to_port: port,
            sequence: number.wrapping_mul(0x9e37_79b1),
        }
    };
    let before = tcp(number.wrapping_sub(1));
    let before = Tcp {
        sequence: before.sequence.wrapping_add(1),
        ..before
    };
    for (tcp, segment) in [(before, Segment::Abandon), (tcp(number), Segment::Open)] {
        if let Some(frame) = tcp.frame(ends, segment) {
            tools.send_by(target.way, &frame);
        }
    }
}
