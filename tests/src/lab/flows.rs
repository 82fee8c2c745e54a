//! One flow of a tenant: ping and TCP, and what the tags on the wire were.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::isolation::Tenant;
use crate::frame::{Layers, layers};
use crate::interrupt;
use crate::netns::NetNs;
use crate::traffic::{PingReport, TcpReport, ping_marked, tcp_marked};
use crate::wire::{Capture, Captured, Filter};

const PINGS: u32 = 5;
const ICMP_ECHO_REQUEST: u8 = 8;
const ARRIVES: Duration = Duration::from_secs(2);

/// Who talks to whom.
#[derive(Clone, Debug)]
pub struct Flow {
    /// Whose.
    pub tenant: Tenant,
    /// The client.
    pub from: NetNs,
    /// The server.
    pub to: NetNs,
    /// The server's address.
    pub address: Ipv4Addr,
    /// Where the frame with its tags is captured.
    pub wire: (NetNs, String),
    /// Where the delivered frame is captured.
    pub delivery: (NetNs, String),
    /// The tags that the document asks for.
    pub expected: &'static str,
    /// The figures' number of this frame.
    pub note: &'static str,
}

/// What became of it; everything measured.
#[derive(Clone, Debug)]
pub struct FlowResult {
    /// Whose.
    pub tenant: Tenant,
    /// `102A -> 110A`.
    pub route: String,
    /// As [`Flow::note`].
    pub note: &'static str,
    /// Tags and network protocol as captured, outside to inside.
    pub stack: String,
    /// Bytes of the delivered frame.
    pub delivered: usize,
    /// Bytes of the same frame on the wire.
    pub on_wire: usize,
    /// Echo requests and answers.
    pub ping: PingReport,
    /// The transfer.
    pub tcp: TcpReport,
}

impl Flow {
    /// `102A -> 110A`.
    #[must_use]
    pub fn route(&self) -> String {
        format!("{:<4} -> {}", self.from.label(), self.to.label())
    }

    /// Pings, transfers `bytes`, and decodes what was captured meanwhile.
    ///
    /// # Errors
    /// When an answer is missing, a byte differs, or the tags are not the document's.
    pub fn measure(&self, bytes: u64) -> Result<FlowResult> {
        self.try_measure(bytes).with_context(|| self.route())
    }

    fn try_measure(&self, bytes: u64) -> Result<FlowResult> {
        let (ping, wire, delivered) = self.ping()?;
        interrupt::check()?;
        let stack = tags(&layers(&wire.bytes));
        ensure!(
            stack.starts_with(self.expected),
            "the wire shows {stack}, expected {}",
            self.expected
        );
        let server = SocketAddr::from((self.address, self.tenant.tcp_port()));
        let tcp = tcp_marked(&self.from, &self.to, server, bytes, &self.tenant.mark())?;
        ensure!(
            tcp.intact(),
            "TCP: the bytes that arrived are not the ones that were sent"
        );
        Ok(FlowResult {
            tenant: self.tenant,
            route: self.route(),
            note: self.note,
            stack,
            delivered: delivered.bytes.len(),
            on_wire: wire.bytes.len(),
            ping,
            tcp,
        })
    }

    /// The first request on the wire and the same one where it was delivered.
    fn ping(&self) -> Result<(PingReport, Captured, Captured)> {
        let listen = |at: &(NetNs, String)| Capture::start_filtered(&at.0, &at.1, Filter::Only(is_request));
        let (wire, delivery) = (listen(&self.wire)?, listen(&self.delivery)?);
        let report = ping_marked(&self.from, &self.address.to_string(), PINGS, &self.tenant.mark())?;
        ensure!(
            report.all_answered(),
            "ping: {} of {} answered, {} twice",
            report.answered,
            report.sent,
            report.duplicates
        );
        let (on_wire, delivered) = (
            wire.wait_for("echo request on the wire", ARRIVES, |_| true)?,
            delivery.wait_for("echo request delivered", ARRIVES, |_| true)?,
        );
        let inner = &delivered.bytes[12..];
        ensure!(
            on_wire.bytes.ends_with(inner),
            "what was delivered is not what the tags were around"
        );
        Ok((report, on_wire, delivered))
    }
}

fn is_request(bytes: &[u8]) -> bool {
    let found = layers(bytes);
    let icmp = found
        .list
        .iter()
        .find(|layer| layer.name.ends_with("ICMP header"));
    icmp.is_some_and(|layer| bytes.get(layer.range.start) == Some(&ICMP_ECHO_REQUEST))
}

/// Up to the network protocol: what lies behind is the tenant's business.
fn tags(found: &Layers) -> String {
    let network = |word: &String| word == "IPv4" || word == "IPv6";
    let end = found
        .words
        .iter()
        .position(network)
        .map_or(found.words.len(), |at| at + 1);
    found.words[..end].join(" | ")
}
