//! What the lab does with figures 2 and 3.

use std::net::Ipv4Addr;

use anyhow::{Context, Result};

use super::{ACME, Figure, GLOBEX, Mesh, TENANTS};
use crate::lab::findings::{Failure, Findings, part};
use crate::lab::flows::Flow;
use crate::lab::isolation::{Tenant, Watches};
use crate::netns::NetNs;

/// Bytes of each transfer.
const TCP_BYTES: u64 = 16 << 20;
/// The machine in datacenter 100, of either tenant.
const NEAR: Ipv4Addr = Ipv4Addr::new(192, 168, 0, 100);
/// The one in datacenter 250.
const THIRD: Ipv4Addr = Ipv4Addr::new(192, 168, 0, 250);

/// Runs everything and fills `findings` as far as it gets.
///
/// # Errors
/// The part that failed.
pub(super) fn show<F: Figure>(
    mesh: &Mesh<F>,
    findings: &mut Findings,
    progress: &dyn Fn(&str),
) -> Result<(), Failure> {
    findings.tenants = TENANTS.to_vec();
    findings.tcp_bytes = TCP_BYTES;
    progress("frame 800, hop by hop");
    findings
        .traces
        .push(part("path", mesh.trace("frame 800, all lines whole"))?);
    let watches = part("isolation", Watches::start(&TENANTS, &mesh.tenant_ports()))?;
    let outcome = under_watch(mesh, &watches, findings, progress);
    if outcome.is_err() {
        findings.evidence = watches.evidence().unwrap_or_default();
    }
    outcome?;
    drop(watches);
    progress("frame 800 again");
    let title = format!("frame 800, line {} cut", F::CUT);
    findings.traces.push(part("path", mesh.trace(&title))?);
    progress("the line comes back");
    part("cut", mesh.mend())?;
    let [home, _, away] = F::SITES;
    for way in [[home, away], [away, home]] {
        progress(&format!("110D moves from {} to {}", way[0], way[1]));
        findings.moves.push(part("move", mesh.relocate(way))?);
    }
    Ok(())
}

fn under_watch<F: Figure>(
    mesh: &Mesh<F>,
    watches: &Watches,
    findings: &mut Findings,
    progress: &dyn Fn(&str),
) -> Result<(), Failure> {
    for flow in part("flows", flows(mesh))? {
        progress(&format!("ping and TCP {}", flow.route()));
        findings.flows.push(part("flows", flow.measure(TCP_BYTES))?);
    }
    progress(&format!("line {} is cut under a TCP transfer", F::CUT));
    findings.cuts.push(part("cut", mesh.cut())?);
    progress("comparing the captures");
    let matrix = part("isolation", watches.matrix())?;
    let verdict = matrix.check();
    findings.isolation = Some(matrix);
    part("isolation", verdict)
}

/// From datacenter 200 to 100 and to 250, for both tenants.
fn flows<F: Figure>(mesh: &Mesh<F>) -> Result<Vec<Flow>> {
    let mut flows = Vec::new();
    for (tenant, machines) in [ACME, GLOBEX].into_iter().zip(&mesh.machines) {
        for (to, address) in [(0, NEAR), (2, THIRD)] {
            flows.push(flow(mesh, tenant, [&machines[1], &machines[to]], address)?);
        }
    }
    Ok(flows)
}

/// All of them leave datacenter 200 by its own line.
fn flow<F: Figure>(
    mesh: &Mesh<F>,
    tenant: Tenant,
    [from, to]: [&NetNs; 2],
    address: Ipv4Addr,
) -> Result<Flow> {
    let middle = mesh.middle("lan-200").context("the figure has no line lan-200")?;
    Ok(Flow {
        tenant,
        from: from.clone(),
        to: to.clone(),
        address,
        wire: (middle.clone(), "one".to_owned()),
        delivery: (to.clone(), "eth0".to_owned()),
        expected: "pw ",
        note: "",
    })
}
