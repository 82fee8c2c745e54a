//! A line that fails under traffic.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};

use super::build::route_again;
use super::{ACME, Figure, GLOBEX, Mesh, VLAN};
use crate::frame::{eth, ether_type};
use crate::interrupt;
use crate::topology::ip;
use crate::traffic::{Probe, ProbeReport, TcpReport, ping, tcp_marked};
use crate::wait;
use crate::wire::Capture;

/// Frames a second.
const PACE: u32 = 1000;
/// The line is whole for so long, and broken for so long.
const WHOLE: Duration = Duration::from_millis(300);
/// Long enough for a connection to stall and to go on.
const TCP_BYTES: u64 = 512 << 20;
/// Answers in a row that show a line to be whole.
const PINGS: u32 = 3;
/// All machines of a datacenter have this address, with their own last octet.
const SERVER: Ipv4Addr = Ipv4Addr::new(192, 168, 0, 100);

/// What a cut did.
#[derive(Clone, Debug)]
pub struct Cut {
    /// The line.
    pub wire: &'static str,
    /// globex's frames over it, a thousand a second.
    pub probe: ProbeReport,
    /// acme's transfer over it.
    pub tcp: TcpReport,
    /// When it was cut, from the start of the transfer.
    pub after: Duration,
}

impl<F: Figure> Mesh<F> {
    /// Takes the carrier of the line away while acme transfers and globex probes between datacenters 200 and 100.
    ///
    /// # Errors
    /// When the transfer breaks or was over before the cut, or frames come twice or altered.
    pub(super) fn cut(&self) -> Result<Cut> {
        let [acme, globex] = &self.machines;
        let (from, to) = ("02:00:00:0a:00:c8", "02:00:00:0a:00:64");
        let header = eth(to, from)
            .vlan(VLAN)
            .ethertype(ether_type::TEST)
            .raw(GLOBEX.mark());
        let probe = Probe::between((&globex[1], "eth0"), (&globex[0], "eth0"), header)
            .rate(PACE)
            .start()?;
        let server = SocketAddr::from((SERVER, ACME.tcp_port()));
        let (tcp, after) = std::thread::scope(|scope| -> Result<_> {
            let begin = Instant::now();
            let transfer = scope.spawn(|| tcp_marked(&acme[1], &acme[0], server, TCP_BYTES, &ACME.mark()));
            std::thread::sleep(WHOLE);
            let after = begin.elapsed();
            self.carrier("down")?;
            let tcp = transfer.join().map_err(|_| anyhow!("the transfer panicked"))?;
            Ok((tcp.context("the transfer over the cut")?, after))
        })?;
        let probe = probe.stop()?;
        ensure!(
            tcp.intact(),
            "TCP: the bytes that arrived are not the ones that were sent"
        );
        ensure!(
            tcp.elapsed > after,
            "the transfer was over before the line was cut"
        );
        let whole = probe.duplicates + probe.altered + probe.foreign == 0;
        ensure!(
            whole,
            "{} frames came twice, {} altered",
            probe.duplicates,
            probe.altered
        );
        Ok(Cut {
            wire: F::CUT,
            probe,
            tcp,
            after,
        })
    }

    /// Both ends see the change, as they see it of a cable.
    pub(super) fn carrier(&self, state: &str) -> Result<()> {
        let middle = self.middle(F::CUT).context("the figure has no such wire")?;
        ip(middle, &["link", "set", "one", state])?;
        ip(middle, &["link", "set", "other", state])?;
        Ok(())
    }

    /// Brings the line back and waits until frames of both tenants come by the shortest way again.
    ///
    /// # Errors
    /// When they do not.
    pub(super) fn mend(&self) -> Result<()> {
        self.carrier("up")?;
        let mended = self.wires().find(|(wire, _)| wire.name == F::CUT);
        let (wire, middle) = mended.context("the figure has no such wire")?;
        route_again(middle, wire)?;
        let [acme, globex] = &self.machines;
        for machines in [acme, globex] {
            let seen = Capture::start(middle, "one")?;
            wait::until_true(wait::PATIENCE, "answers by the line that is back", || {
                interrupt::check()?;
                let before = seen.drain()?.len();
                let answered = ping(&machines[1], &SERVER.to_string(), PINGS)?.all_answered();
                Ok(answered && before + seen.drain()?.len() > 0)
            })?;
        }
        Ok(())
    }
}
