//! What the agent takes to carry tenants out: one more among many, and many in one document.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::say;
use crate::bench::process::resident;
use crate::fabric::Agent;
use crate::interrupt;
use crate::topology::{End, Net};

const NODE: &str = "dut";
/// Tenants of one access port, each with a VLAN.
const OF_A_PORT: u32 = 4000;
/// Tenants that are attached one by one.
const ATTACHED: u32 = 400;

/// Measures with no tenant, 1000, and `most`.
pub(super) fn measure(most: u32) -> Result<Value> {
    say("\ntenants    one document    attach one: p50      p99    start again    agent's memory\n");
    let mut rows = Vec::new();
    for tenants in [0, 1000, 10_000].into_iter().filter(|number| *number <= most) {
        rows.push(with(tenants).with_context(|| format!("with {tenants} tenants"))?);
    }
    Ok(Value::Array(rows))
}

fn with(tenants: u32) -> Result<Value> {
    let net = Net::new()?;
    let (node, clients) = (net.host("node")?, net.host("clients")?);
    for port in 0..=10_000 / OF_A_PORT + 1 {
        let name = format!("eth{port}");
        net.veth(
            End::client(&node, &name).no_arp(),
            End::client(&clients, &name).no_arp(),
        )?;
    }
    let mut agent = Agent::start(&node, &document(0), NODE)?;
    let file = agent.file("tenants.json", &document(tenants))?;
    let begin = Instant::now();
    agent.ok(&["apply", "-f", &file, "--yes"])?;
    let applied = begin.elapsed();
    let mut times = Vec::new();
    for number in 0..ATTACHED {
        interrupt::check()?;
        let edit = json!({"op": "attach", "tenant": format!("new{number}"), "node": NODE, "port": "eth3", "vlan": number + 1});
        let begin = Instant::now();
        agent.post("/v1/edit", &edit)?;
        times.push(begin.elapsed());
    }
    times.sort_unstable();
    // The mapped tables included.
    let memory = resident(agent.pid().context("the agent has ended")?)?;
    agent.terminate()?;
    let begin = Instant::now();
    agent.restart()?;
    let restart = begin.elapsed();
    let (p50, p99) = (at(&times, 50), at(&times, 99));
    say(&format!(
        "{tenants:>7} {:>13.2} s {:>16.1} ms {:>5.1} ms {:>10.2} s {:>13} MiB\n",
        applied.as_secs_f64(),
        p50.as_secs_f64() * 1e3,
        p99.as_secs_f64() * 1e3,
        restart.as_secs_f64(),
        memory >> 10,
    ));
    agent.finish()?;
    net.tear_down()?;
    Ok(json!({
        "tenants": tenants,
        "document_seconds": applied.as_secs_f64(),
        "attach_p50_seconds": p50.as_secs_f64(),
        "attach_p99_seconds": p99.as_secs_f64(),
        "restart_seconds": restart.as_secs_f64(),
        "agent_kib": memory,
    }))
}

/// Each tenant has one VLAN of one port.
fn document(tenants: u32) -> Value {
    let tenant = |number: u32| {
        let end = json!({"node": NODE, "port": format!("eth{}", number / OF_A_PORT), "vlan": number % OF_A_PORT + 1});
        json!({"name": format!("tenant{number}"), "segments": [{"name": format!("lan{number}"), "attachments": [end]}]})
    };
    json!({
        "schema": "fabric/1",
        "datacenters": [{"name": "dc1", "id": 1, "s_vids": "100-1099", "c_vids": "200-3999", "vnis": "10000-29999"}],
        "nodes": [{"name": NODE, "datacenter": "dc1", "ports": []}],
        "links": [],
        "tenants": (0..tenants).map(tenant).collect::<Vec<_>>(),
    })
}

pub(in crate::bench) fn at(sorted: &[Duration], percent: usize) -> Duration {
    let last = sorted.len().saturating_sub(1);
    sorted.get(last * percent / 100).copied().unwrap_or_default()
}
