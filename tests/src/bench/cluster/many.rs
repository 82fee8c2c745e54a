//! As many agents as a large fabric has, on one etcd: they follow, check, compile and report as ever, and write into tables
//! in memory instead of the kernel's.

mod build;

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::cost::bytes_at;
use super::{at, say};
use crate::bench::process::{cpu_of, resident};
use crate::fleet::{FIRST, OTHERS};
use crate::interrupt;
use build::{Many, WAY};

/// Longer than any of it takes here.
const PATIENCE: Duration = Duration::from_secs(120);
/// So long nothing is changed, to see what is used all the time.
const IDLE: Duration = Duration::from_secs(10);
/// Changes that every agent has to look at as a whole, and deaths of the leader: seconds each.
const FEW: u32 = 5;
/// Agents that have started before memory is looked at for the first time.
const EARLY: usize = 10;

/// Kinds of changes that are measured.
#[derive(Clone, Copy, Debug)]
enum Kind {
    /// A tenant at the node of the agent that is asked.
    One,
    /// That tenant gets an end in another datacenter.
    Across,
    /// An option of a port, which every agent looks at.
    Port,
    /// As [`Kind::One`], the leader of etcd dies at that moment.
    Orphaned,
}

const KINDS: [(Kind, &str); 4] = [
    (Kind::One, "attach at one node"),
    (Kind::Across, "attach in two datacenters"),
    (Kind::Port, "a port's option"),
    (Kind::Orphaned, "attach, the leader dies"),
];

/// Totals at one moment, or the share of one change.
#[derive(Clone, Copy, Debug)]
struct Used {
    /// Seconds of CPU time: of the agent that is asked, of all others together, of etcd's members together.
    cpu: [f64; 3],
    /// Bytes between all agents and etcd, both ways.
    bytes: f64,
}

/// What one kind took.
struct Row {
    name: &'static str,
    /// Until the command was answered.
    answered: Vec<Duration>,
    /// Until the last agent's confirmation.
    everywhere: Vec<Duration>,
    /// For one change, without what is used all the time; unknown when a member dies, for a new one counts from nothing.
    used: Option<Used>,
}

/// Measures and says everything for one document.
///
/// # Errors
/// When something cannot be built, or an agent does not follow.
pub(super) fn with(agents: usize, tenants: u32, runs: u32) -> Result<Value> {
    let mut many = Many::build(agents, tenants.try_into()?)?;
    let begun = Instant::now();
    many.first()?;
    let imported = begun.elapsed();
    let mut memory = Vec::new();
    let mut starts = Vec::new();
    for number in 1..agents {
        interrupt::check()?;
        if number == EARLY {
            memory.push(resident(std::process::id())?);
        }
        starts.push(many.start(number)?);
    }
    memory.push(resident(std::process::id())?);
    starts.sort_unstable();
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let each = (memory[1] - memory[0].min(memory[1])) as f64 / (agents - EARLY) as f64;
    let members: Vec<u64> = many.etcd.pids().map(resident).collect::<Result<_>>()?;
    let stored = many.stored()?;
    say(&format!(
        "\n{tenants} tenants, {agents} agents in memory; the document is stored after {:.2} s and takes {:.1} MB of etcd's file\n\
         an agent has started with it after {:.2} s p50, {:.2} s p99, and needs {:.1} MiB; a member of etcd {} MiB at most\n",
        imported.as_secs_f64(),
        stored / 1e6,
        at(&starts, 50).as_secs_f64(),
        at(&starts, 99).as_secs_f64(),
        each / 1024.0,
        members.iter().max().unwrap_or(&0) >> 10,
    ));
    let (before, idle) = (many.used()?, Instant::now());
    std::thread::sleep(IDLE);
    let idle = many.used()?.since(before, idle.elapsed().as_secs_f64());
    say(&format!(
        "a second without changes: {:.2} ms CPU of an agent, {:.0} ms of etcd, {:.0} bytes to and from an agent\n\
         change                      answered p50      p99   everywhere p50      p99    CPU of the writer, of each other, of etcd   bytes to a node\n",
        idle.of_another(agents) * 1e3,
        idle.cpu[2] * 1e3,
        idle.bytes / agents as f64
    ));
    let mut rows = Vec::new();
    for (kind, name) in KINDS {
        let row = many
            .measure(kind, name, runs, idle)
            .with_context(|| name.to_owned())?;
        say(&row.text(agents));
        rows.push(row.json(agents));
    }
    many.finish()?;
    Ok(json!({
        "tenants": tenants,
        "agents": agents,
        "document_seconds": imported.as_secs_f64(),
        "etcd_bytes": stored,
        "start_seconds": starts.iter().map(Duration::as_secs_f64).collect::<Vec<_>>(),
        "agent_kib": each,
        "etcd_kib": members,
        "idle_a_second": idle.json(agents),
        "changes": rows,
    }))
}

impl Many {
    fn measure(&mut self, kind: Kind, name: &'static str, runs: u32, idle: Used) -> Result<Row> {
        let (mut answered, mut everywhere) = (Vec::new(), Vec::new());
        let runs = match kind {
            Kind::One | Kind::Across => runs,
            Kind::Port | Kind::Orphaned => runs.min(FEW),
        };
        let (mut used, mut took) = (Some(Used::default()), 0.0);
        for run in 0..runs {
            interrupt::check()?;
            let edit = self.edit(kind, run)?;
            let dying = match kind {
                Kind::Orphaned => Some(self.etcd.leader()?),
                Kind::One | Kind::Across | Kind::Port => None,
            };
            let (before, asked) = (self.used()?, Instant::now());
            dying.map_or(Ok(()), |member| self.etcd.kill9(member))?;
            let said = self.fleet.request(0, "POST", "/v1/edit", &edit)?;
            answered.push(asked.elapsed());
            let last = self.wait(revision(&said)?, PATIENCE)?;
            everywhere.push(last.saturating_duration_since(asked));
            took += asked.elapsed().as_secs_f64();
            let after = self.used()?;
            used = used
                .filter(|_| dying.is_none())
                .map(|used| used.plus(after.since(before, 1.0)));
            self.etcd.start_all()?;
        }
        answered.sort_unstable();
        everywhere.sort_unstable();
        let used = used.map(|used| used.without(idle, took).since(Used::default(), runs.into()));
        Ok(Row {
            name,
            answered,
            everywhere,
            used,
        })
    }

    /// A change that has not been made yet, and whatever it needs.
    fn edit(&mut self, kind: Kind, run: u32) -> Result<Value> {
        let end = |node: &str, port: &str| json!({"op": "attach", "tenant": format!("{kind:?}{run}").to_lowercase(), "node": node, "port": port, "vlan": run + 1});
        let (here, there) = (self.fleet.nodes()[0].clone(), self.fleet.nodes()[1].clone());
        Ok(match kind {
            Kind::One => end(&here, "new0"),
            Kind::Orphaned => end(&here, "new1"),
            Kind::Port => {
                json!({"op": "set-port", "node": here, "port": "eth0", "tunnel_lldp": run.is_multiple_of(2)})
            }
            Kind::Across => {
                let said = self.fleet.request(0, "POST", "/v1/edit", &end(&here, "new2"))?;
                self.wait(revision(&said)?, PATIENCE)?;
                end(&there, "new2")
            }
        })
    }

    fn used(&self) -> Result<Used> {
        let etcd: f64 = self.etcd.pids().map(cpu_of).sum::<Result<f64>>()?;
        Ok(Used {
            cpu: [threads(FIRST)?, threads(OTHERS)?, etcd],
            bytes: bytes_at(&self.clients, WAY)?,
        })
    }
}

fn revision(said: &Value) -> Result<u64> {
    said["revision"].as_u64().context("no revision in the answer")
}

/// Seconds of CPU time of the threads of this process that have this name.
fn threads(name: &str) -> Result<f64> {
    let mut nanoseconds = 0;
    for task in std::fs::read_dir("/proc/self/task")? {
        let task = task?.path();
        let read = |file| std::fs::read_to_string(task.join(file)).unwrap_or_default();
        // Threads end at any time; the name is cut after fifteen bytes (proc_pid_comm(5)).
        if read("comm").trim_end() == name {
            // Time on a CPU is the first number (kernel: Documentation/scheduler/sched-stats.rst).
            let first = read("schedstat")
                .split(' ')
                .next()
                .and_then(|word| word.parse::<u64>().ok());
            nanoseconds += first.unwrap_or_default();
        }
    }
    Ok(Duration::from_nanos(nanoseconds).as_secs_f64())
}

impl Default for Used {
    fn default() -> Self {
        Self {
            cpu: [0.0; 3],
            bytes: 0.0,
        }
    }
}

impl Used {
    fn with(self, other: Self, how: impl Fn(f64, f64) -> f64) -> Self {
        let mut cpu = self.cpu;
        cpu.iter_mut()
            .zip(other.cpu)
            .for_each(|(one, other)| *one = how(*one, other));
        Self {
            cpu,
            bytes: how(self.bytes, other.bytes),
        }
    }

    fn plus(self, other: Self) -> Self {
        self.with(other, |one, other| one + other)
    }

    /// The share of one of `parts` in what was used since `before`.
    fn since(self, before: Self, parts: f64) -> Self {
        self.with(before, |now, before| (now - before) / parts)
    }

    fn without(self, a_second: Self, seconds: f64) -> Self {
        self.with(a_second, |used, idle| used - idle * seconds)
    }

    /// CPU time of one agent that is not asked.
    fn of_another(self, agents: usize) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "a thousand at most")]
        let others = (agents - 1) as f64;
        self.cpu[1] / others
    }

    fn json(self, agents: usize) -> Value {
        json!({
            "cpu_seconds_writer": self.cpu[0],
            "cpu_seconds_each_other": self.of_another(agents),
            "cpu_seconds_etcd": self.cpu[2],
            "bytes_all": self.bytes,
        })
    }
}

impl Row {
    fn text(&self, agents: usize) -> String {
        let ms = |times: &[Duration], percent| at(times, percent).as_secs_f64() * 1e3;
        #[expect(clippy::cast_precision_loss, reason = "a thousand at most")]
        let used = self.used.map_or_else(String::new, |used| {
            let cpu = (
                used.cpu[0] * 1e3,
                used.of_another(agents) * 1e3,
                used.cpu[2] * 1e3,
            );
            let bytes = used.bytes / agents as f64;
            format!(
                " {:>16.1} ms {:>10.2} ms {:>6.0} ms {bytes:>14.0}",
                cpu.0, cpu.1, cpu.2
            )
        });
        format!(
            "{:<26} {:>10.1} ms {:>5.1} ms {:>13.1} ms {:>5.1} ms{used}\n",
            self.name,
            ms(&self.answered, 50),
            ms(&self.answered, 99),
            ms(&self.everywhere, 50),
            ms(&self.everywhere, 99),
        )
    }

    fn json(&self, agents: usize) -> Value {
        let seconds = |times: &[Duration]| times.iter().map(Duration::as_secs_f64).collect::<Vec<_>>();
        json!({
            "change": self.name,
            "answered_seconds": seconds(&self.answered),
            "everywhere_seconds": seconds(&self.everywhere),
            "a_change": self.used.map(|used| used.json(agents)),
        })
    }
}
