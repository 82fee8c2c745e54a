//! What the lab does with figure 1.

use std::time::Duration;

use anyhow::{Result, ensure};

use super::{ACME, CLIENT, Figure1, GLOBEX, INITECH, RESOURCE, TENANTS, UMBRELLA, VLAN, VXLAN};
use crate::frame::{Frame, Mac, eth, ether_type};
use crate::interrupt;
use crate::lab::churn::{ChurnResult, Guest};
use crate::lab::counts;
use crate::lab::findings::{Failure, Findings, part};
use crate::lab::isolation::{Tenant, Watches};
use crate::netns::NetNs;
use crate::traffic::{Probe, RunningProbe};
use crate::wait;
use crate::wire::RawSocket;

/// Bytes of each transfer.
const TCP_BYTES: u64 = 64 << 20;
const ROUNDS: usize = 20;
/// Frames a second of each tenant while another comes and goes.
const PACE: u32 = 1000;
/// Marked broadcasts and unknown addresses of each tenant.
const FLOODS: u64 = 10;

/// A frame that must be dropped, and how often it is sent.
struct Forbidden {
    reason: &'static str,
    times: u64,
    frame: Frame,
}

/// Runs everything and fills `findings` as far as it gets.
///
/// # Errors
/// The part that failed.
pub(super) fn show(
    figure: &Figure1,
    findings: &mut Findings,
    progress: &dyn Fn(&str),
) -> Result<(), Failure> {
    let watches = part("isolation", Watches::start(&TENANTS, &figure.tenant_ports()))?;
    let outcome = run(figure, &watches, findings, progress);
    if outcome.is_err() {
        findings.evidence = watches.evidence().unwrap_or_default();
    }
    outcome
}

fn run(
    figure: &Figure1,
    watches: &Watches,
    findings: &mut Findings,
    progress: &dyn Fn(&str),
) -> Result<(), Failure> {
    findings.tenants = TENANTS.to_vec();
    findings.tcp_bytes = TCP_BYTES;
    for flow in figure.flows() {
        progress(&format!("ping and TCP {}", flow.route()));
        findings.flows.push(part("flows", flow.measure(TCP_BYTES))?);
    }
    progress("broadcasts and unknown addresses");
    part("isolation", floods(figure, watches))?;
    progress(&format!("{} comes and goes {ROUNDS} times", UMBRELLA.name()));
    findings.churn = Some(part("attach", churn(figure, watches))?);
    progress("frames that must be dropped");
    findings.provoked = part("drops", provoke(figure))?;
    progress("comparing the captures");
    let matrix = part("isolation", watches.matrix())?;
    let verdict = matrix.check();
    findings.isolation = Some(matrix);
    part("isolation", verdict)?;
    for ((agent, cables), before) in figure
        .agents
        .iter()
        .zip(&figure.cables())
        .zip(&figure.sent_before)
    {
        let edge = agent.node().to_owned();
        findings
            .counts
            .push(part("counters", counts::check(&edge, agent, cables, before))?);
    }
    Ok(())
}

/// Frames with a tenant's mark behind an EtherType for experiments.
fn marked(header: Frame, tenant: Tenant) -> Frame {
    header.ethertype(ether_type::TEST).raw(tenant.mark()).pad(64)
}

fn floods(figure: &Figure1, watches: &Watches) -> Result<()> {
    let hosts = &figure.hosts;
    let senders = [
        (ACME, &hosts.c102a, Some(VLAN)),
        (GLOBEX, &hosts.c102b, Some(VLAN)),
        (INITECH, &hosts.c202, None),
    ];
    for (tenant, host, vlan) in senders {
        interrupt::check()?;
        let header = |to: Mac| {
            let header = eth(to, CLIENT);
            vlan.map_or(header.clone(), |vid| header.vlan(vid))
        };
        let unknown: Mac = "02:00:00:00:00:99".parse()?;
        let arp = header(Mac::BROADCAST)
            .arp_request(CLIENT, super::addresses::CLIENT.octets(), [192, 168, 0, 99])
            .raw(tenant.mark());
        let frames = [
            marked(header(Mac::BROADCAST), tenant),
            marked(header(unknown), tenant),
            arp,
        ];
        let socket = RawSocket::open(host, "eth0")?;
        let earlier = watches.own(tenant)?;
        for _ in 0..FLOODS {
            socket.send_all(&frames)?;
        }
        let wanted = earlier + FLOODS * frames.len() as u64;
        let what = format!("the floods of {}", tenant.name());
        wait::until_true(Duration::from_secs(2), &what, || {
            Ok(watches.own(tenant)? >= wanted)
        })?;
    }
    Ok(())
}

fn churn(figure: &Figure1, watches: &Watches) -> Result<ChurnResult> {
    let hosts = &figure.hosts;
    let guest = Guest {
        tenant: UMBRELLA,
        port: "eth4",
        vlan: VLAN,
        socket: RawSocket::open(&hosts.c102c, "eth0")?,
        frame: marked(eth(RESOURCE, CLIENT).vlan(VLAN), UMBRELLA),
    };
    let tagged = || eth(RESOURCE, CLIENT).vlan(VLAN);
    let probes = [
        (ACME, probe(ACME, (&hosts.c102a, &hosts.r110a, "eth0"), tagged())?),
        (
            GLOBEX,
            probe(GLOBEX, (&hosts.c102b, &hosts.r110b, "eth0"), tagged())?,
        ),
        (
            INITECH,
            probe(INITECH, (&hosts.c202, &hosts.r110d, VXLAN), eth(RESOURCE, CLIENT))?,
        ),
    ];
    let [one, two] = &figure.agents;
    let mut result = guest.come_and_go([(one.node(), one), (two.node(), two)], ROUNDS, watches)?;
    for (tenant, probe) in probes {
        let report = probe.stop()?;
        let name = tenant.name();
        ensure!(
            report.lost() == 0,
            "{name} lost {} of {} frames meanwhile",
            report.lost(),
            report.sent
        );
        ensure!(
            report.perfect(),
            "{name}: frames came twice, late or altered: {}",
            faults(&report)
        );
        result.others.push((tenant, report));
    }
    Ok(result)
}

fn faults(report: &crate::traffic::ProbeReport) -> String {
    let (twice, late, altered) = (report.duplicates, report.reordered, report.altered);
    format!(
        "{twice} twice, {late} late, {altered} altered, {} foreign",
        report.foreign
    )
}

fn probe(
    tenant: Tenant,
    (from, to, interface): (&NetNs, &NetNs, &str),
    header: Frame,
) -> Result<RunningProbe> {
    let header = header.ethertype(ether_type::TEST).raw(tenant.mark());
    Probe::between((from, "eth0"), (to, interface), header)
        .rate(PACE)
        .start()
}

/// acme tries to leave its LAN; the marks say so if it succeeds.
fn forbidden() -> Vec<Forbidden> {
    let group: &str = "57:89:6f:88:9d:c7";
    let frame = |header: Frame| marked(header, ACME);
    vec![
        Forbidden {
            reason: "unmapped-vlan",
            times: 32,
            frame: frame(eth(RESOURCE, CLIENT).vlan(77)),
        },
        Forbidden {
            reason: "fabric-tag-from-tenant",
            times: 8,
            // globex's own tags.
            frame: frame(eth(RESOURCE, CLIENT).svlan(111).cvlan(212).vlan(VLAN)),
        },
        Forbidden {
            reason: "group-source",
            times: 1,
            // As the patent prints frame 600.
            frame: frame(eth(RESOURCE, group).vlan(VLAN)),
        },
    ]
}

fn provoke(figure: &Figure1) -> Result<Vec<(&'static str, u64)>> {
    interrupt::check()?;
    let (agent, port) = (&figure.agents[0], "eth1");
    let before = counts::read(agent)?;
    let since = |reason| -> Result<u64> {
        let now = counts::read(agent)?;
        Ok(counts::dropped(&now, port, reason) - counts::dropped(&before, port, reason))
    };
    let socket = RawSocket::open(&figure.hosts.c102a, "eth0")?;
    let mut provoked = Vec::new();
    for Forbidden { reason, times, frame } in forbidden() {
        (0..times).try_for_each(|_| socket.send(&frame))?;
        let what = format!("{times} frames dropped as {reason}");
        wait::until_true(wait::PATIENCE, &what, || Ok(since(reason)? >= times))?;
        let counted = since(reason)?;
        ensure!(
            counted == times,
            "{counted} frames dropped as {reason}, {times} were sent"
        );
        provoked.push((reason, counted));
    }
    Ok(provoked)
}
