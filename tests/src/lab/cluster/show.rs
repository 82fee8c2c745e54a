//! What is done to the cluster, and what is measured.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};

use super::build::way;
use super::{Change, Cluster, ClusterRun, NODES};
use crate::fabric::Console;
use crate::frame::eth;
use crate::interrupt;
use crate::lab::findings::{Failure, Findings, part};
use crate::traffic::Probe;
use crate::wait;

const NEAR: &str = "02:00:00:00:00:01";
const FAR: &str = "02:00:00:00:00:02";
/// Elections, leases and restarts on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often a node is asked which revision it has.
const LOOK: Duration = Duration::from_millis(1);

/// Runs everything and fills `findings` as far as it gets.
///
/// # Errors
/// The part that failed: a node did not come to a revision, or a frame was lost.
pub(super) fn show(
    lab: &mut Cluster,
    findings: &mut Findings,
    progress: &dyn Fn(&str),
) -> Result<(), Failure> {
    progress("the nodes come together");
    part("store", lab.wait_all(1))?;
    let header = eth(FAR, NEAR).vlan(10);
    let [near, far] = &lab.machines;
    let probe = part(
        "traffic",
        Probe::between((near, "eth0"), (far, "eth0"), header)
            .rate(500)
            .start(),
    )?;
    let mut changes = Vec::new();
    let outcome = lab.disturb(&mut changes, progress);
    let traffic = part("traffic", probe.stop())?;
    let is_perfect = traffic.sent > 0 && traffic.perfect();
    let lost = format!(
        "{} of {} frames were lost or came wrong",
        traffic.lost(),
        traffic.sent
    );
    findings.cluster = Some(ClusterRun { changes, traffic });
    part("cluster", outcome)?;
    part("traffic", is_perfect.then_some(()).ok_or_else(|| anyhow!(lost)))
}

impl Cluster {
    fn disturb(&mut self, changes: &mut Vec<Change>, progress: &dyn Fn(&str)) -> Result<()> {
        for (at, node) in NODES.iter().enumerate() {
            progress(&format!("attach a tenant through {node}"));
            changes.push(self.attach(
                &format!("attached t{} through {node}", at + 1),
                at,
                at + 1,
                |_| Ok(()),
            )?);
        }
        progress("the leader of etcd dies");
        let leader = self.etcd.leader()?;
        self.etcd.kill9(leader)?;
        changes.push(self.attach(&format!("killed etcd's leader e{leader}"), 2, 5, |_| Ok(()))?);
        self.etcd.start_all()?;
        progress("an agent dies");
        self.agents[1].kill9()?;
        changes.push(
            self.attach("killed the agent of edge2, started it again", 0, 6, |lab| {
                lab.agents[1].restart()
            })?,
        );
        progress("a datacenter is cut off from etcd");
        self.cut(true)?;
        changes.push(
            self.attach("cut dc2 off from etcd, and healed it 2 s later", 1, 7, |lab| {
                let cut = Instant::now();
                wait::until_true(PATIENCE, "two seconds of being cut off", || {
                    interrupt::check()?;
                    Ok(cut.elapsed() > Duration::from_secs(2))
                })?;
                lab.cut(false)
            })?,
        );
        self.agree()
    }

    /// Attaches a tenant at node `at`, does what comes after that, and says when each node had it.
    fn attach(
        &mut self,
        what: &str,
        at: usize,
        number: usize,
        meanwhile: impl FnOnce(&mut Self) -> Result<()>,
    ) -> Result<Change> {
        interrupt::check()?;
        let consoles: Vec<Console> = self.agents.iter().map(crate::fabric::Agent::console).collect();
        let (tenant, vlan) = (format!("t{number}"), (20 + number).to_string());
        let begun = Instant::now();
        let words = [
            "tenant", "attach", &tenant, "--port", "eth2", "--vlan", &vlan, "--json",
        ];
        let said = consoles[at].cli(&words)?.expect_status(0)?.json()?;
        let revision = said["revision"].as_u64().context("no revision in the answer")?;
        let after = std::thread::scope(|scope| {
            let watch = |console| scope.spawn(move || has(console, revision, begun));
            let watches: Vec<_> = consoles.iter().map(watch).collect();
            let done = meanwhile(self);
            let after: Result<Vec<Duration>> = watches
                .into_iter()
                .map(|watch| {
                    watch
                        .join()
                        .unwrap_or_else(|_| Err(anyhow!("the thread that looks panicked")))
                })
                .collect();
            done.and(after)
        })?;
        Ok(Change {
            what: what.to_owned(),
            revision,
            after: after.try_into().map_err(|_| anyhow!("four nodes are expected"))?,
        })
    }

    /// Both nodes of the second datacenter.
    fn cut(&self, cut: bool) -> Result<()> {
        let state = if cut { "down" } else { "up" };
        for node in 2..4 {
            self.store.output(&["ip", "link", "set", &way(node), state])?;
        }
        Ok(())
    }

    fn wait_all(&self, revision: u64) -> Result<()> {
        let begun = Instant::now();
        for agent in &self.agents {
            has(&agent.console(), revision, begun)?;
        }
        Ok(())
    }

    /// Every node has the same document, and complains of nothing.
    fn agree(&self) -> Result<()> {
        let document = |at: usize| Ok::<_, anyhow::Error>(self.agents[at].json(&["export"])?["item"].take());
        let first = document(0)?;
        for (at, node) in NODES.iter().enumerate() {
            ensure!(
                document(at)? == first,
                "{node} has another document than {}",
                NODES[0]
            );
            wait::until_true(PATIENCE, &format!("{node} to be well"), || {
                interrupt::check()?;
                Ok(self.agents[at].get("/v1/status")?["item"]["state"] == "ok")
            })?;
        }
        Ok(())
    }
}

/// When the node behind `console` had `revision`. While its agent is dead it says nothing.
fn has(console: &Console, revision: u64, begun: Instant) -> Result<Duration> {
    while begun.elapsed() < PATIENCE {
        interrupt::check()?;
        let status = console.get("/v1/status");
        if status.is_ok_and(|status| status["revision"].as_u64() >= Some(revision)) {
            return Ok(begun.elapsed());
        }
        std::thread::sleep(LOOK);
    }
    Err(anyhow!(
        "a node did not come to revision {revision} in {PATIENCE:?}"
    ))
}
