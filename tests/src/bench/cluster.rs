//! Many hosts, one document: how long a change takes to every node, and what it costs those that it does not concern.
//!
//! ```text
//!  edge1 ── edge2 ── edge3 ── edge4      real agents, a namespace each
//!    └────────┴── etcd ──┴──────┘        three members on this machine
//!
//!  36 further nodes have their share of the tenants, and no agent.
//! ```

mod build;
mod cost;
mod many;

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use fabric_userspace::store::etcd::{Address, EtcdStore};
use serde_json::{Value, json};

use super::options::Cluster as Options;
use super::scale::{at, say};
use crate::interrupt;
use build::{Cluster, NODES};
use cost::Cost;

/// Longer than any of it takes here.
const PATIENCE: Duration = Duration::from_secs(120);
/// How often the nodes' reports are read.
const LOOK: Duration = Duration::from_millis(2);

/// Kinds of changes that are measured.
#[derive(Clone, Copy, Debug)]
enum Kind {
    /// A tenant of one node.
    One,
    /// A tenant at the first node gets an end at the last one: frames pass through all.
    Across,
}

/// What one kind took.
struct Row {
    name: &'static str,
    /// Until the command was answered.
    answered: Vec<Duration>,
    /// Until the last node had reported it.
    everywhere: Vec<Duration>,
    /// Of each node, for one change.
    costs: Vec<Cost>,
}

/// Measures and says everything.
///
/// # Errors
/// When something cannot be built, or a node does not follow.
pub(super) fn run(options: &Options) -> Result<bool> {
    let mut all = Vec::new();
    for tenants in options.tenants.clone() {
        let rows = match options.agents {
            Some(agents) => many::with(agents.into(), tenants, options.runs),
            None => with(tenants, options.runs),
        };
        all.push(rows.with_context(|| format!("with {tenants} tenants"))?);
    }
    if let Some(path) = &options.json {
        let all = json!({ "schema": "fabric-bench-cluster/1", "runs": options.runs, "documents": all });
        std::fs::write(path, serde_json::to_vec_pretty(&all)?)
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(true)
}

fn with(tenants: u32, runs: u32) -> Result<Value> {
    let mut cluster = Cluster::start()?;
    let revision = |cluster: &Cluster| {
        let status = cluster.agents[0].get("/v1/status")?;
        status["revision"].as_u64().context("no revision")
    };
    let file = cluster.agents[0].file("tenants.json", &build::document(tenants))?;
    let begun = Instant::now();
    let mut load = Duration::ZERO;
    if tenants > 0 {
        cluster.agents[0].ok(&["apply", "-f", &file, "--yes", "--timeout", "120"])?;
        load = cluster.reach(revision(&cluster)?, begun)?;
    }
    say(&format!(
        "\n{tenants} tenants at 40 nodes in the document; the whole of it at the {} that are up after {:.2} s\n",
        NODES.len(),
        load.as_secs_f64()
    ));
    say(
        "change                      answered p50      p99   everywhere p50      p99    CPU of the writer, of each other   bytes to a node\n",
    );
    let rows = [
        cluster.measure("attach at one node", Kind::One, runs)?,
        cluster.measure("attach across all nodes", Kind::Across, runs)?,
    ];
    for row in &rows {
        say(&row.text());
    }
    let memory: Vec<u64> = cluster.agents.iter().map(cost::memory).collect::<Result<_>>()?;
    let most = memory.iter().max().copied().unwrap_or_default();
    say(&format!("memory of an agent: {} MiB at most\n", most >> 10));
    cluster.finish()?;
    Ok(json!({
        "tenants": tenants,
        "document_seconds": load.as_secs_f64(),
        "agent_kib": memory,
        "changes": rows.iter().map(Row::json).collect::<Vec<_>>(),
    }))
}

impl Cluster {
    fn measure(&mut self, name: &'static str, kind: Kind, runs: u32) -> Result<Row> {
        let (mut answered, mut everywhere) = (Vec::new(), Vec::new());
        let attach = |run: u32, node: &str, port: &str| {
            let tenant = format!("{kind:?}{run}").to_lowercase();
            json!({"op": "attach", "tenant": tenant, "node": node, "port": port, "vlan": run + 1})
        };
        if matches!(kind, Kind::Across) {
            // The first end of each tenant, which concerns one node and is not what is measured.
            let mut last = 0;
            for run in 0..runs {
                interrupt::check()?;
                last = self.change(&attach(run, NODES[0], "eth9"))?;
            }
            self.reach(last, Instant::now())?;
        }
        let idle = self.idle()?;
        let before = self.costs()?;
        let begun = Instant::now();
        for run in 0..runs {
            interrupt::check()?;
            let change = match kind {
                Kind::One => attach(run, NODES[0], "eth8"),
                Kind::Across => attach(run, NODES[3], "eth9"),
            };
            let asked = Instant::now();
            let revision = self.change(&change)?;
            answered.push(asked.elapsed());
            everywhere.push(self.reach(revision, asked)?);
        }
        let took = begun.elapsed();
        let costs = self.costs()?.into_iter().zip(before).zip(idle);
        let costs = costs.map(|((after, before), idle)| after.since(before, idle, took, runs));
        answered.sort_unstable();
        everywhere.sort_unstable();
        Ok(Row {
            name,
            answered,
            everywhere,
            costs: costs.collect(),
        })
    }

    /// Makes a change through the first node and gives its revision.
    fn change(&self, edit: &Value) -> Result<u64> {
        let said = self.agents[0].post("/v1/edit", edit)?;
        said["revision"].as_u64().context("no revision in the answer")
    }

    /// Waits until every node has reported `revision`; since `begun`.
    fn reach(&self, revision: u64, begun: Instant) -> Result<Duration> {
        let url = self.etcd.url("bench");
        let wait = || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            let store = EtcdStore::open(Address::parse(&url)?, "bench")?;
            runtime.block_on(async {
                while begun.elapsed() < PATIENCE {
                    interrupt::check()?;
                    let reports = store.reports().await?;
                    let have = reports
                        .iter()
                        .filter(|report| report.revision >= revision)
                        .count();
                    if have == NODES.len() {
                        return Ok(begun.elapsed());
                    }
                    tokio::time::sleep(LOOK).await;
                }
                bail!("not all nodes came to revision {revision}")
            })
        };
        self.store.run(wait)
    }
}

impl Row {
    fn text(&self) -> String {
        let ms = |times: &[Duration], percent| at(times, percent).as_secs_f64() * 1e3;
        let others = &self.costs[1..];
        let mean = |of: fn(&Cost) -> f64| others.iter().map(of).sum::<f64>() / others.len() as f64;
        format!(
            "{:<26} {:>10.1} ms {:>5.1} ms {:>13.1} ms {:>5.1} ms {:>16.1} ms {:>10.2} ms {:>18.0}\n",
            self.name,
            ms(&self.answered, 50),
            ms(&self.answered, 99),
            ms(&self.everywhere, 50),
            ms(&self.everywhere, 99),
            self.costs[0].cpu * 1e3,
            mean(|cost| cost.cpu) * 1e3,
            mean(|cost| cost.bytes),
        )
    }

    fn json(&self) -> Value {
        let seconds = |times: &[Duration]| times.iter().map(Duration::as_secs_f64).collect::<Vec<_>>();
        json!({
            "change": self.name,
            "answered_seconds": seconds(&self.answered),
            "everywhere_seconds": seconds(&self.everywhere),
            "cpu_seconds_a_change": self.costs.iter().map(|cost| cost.cpu).collect::<Vec<_>>(),
            "bytes_a_change": self.costs.iter().map(|cost| cost.bytes).collect::<Vec<_>>(),
        })
    }
}
