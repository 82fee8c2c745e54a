//! Figures 12 and 13 of the patent on one array node: two clients with the same address, two machines, each of which works
//! for one client and protects the other.

mod roles;
mod show;
pub(super) mod tell;

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use anyhow::Result;

use super::findings::{Failure, Findings};
use super::session::{Lab, Look};
use crate::fabric::Agent;
use crate::netns::NetNs;
use crate::storage::{Member, Outcome, Protocol, Rig, RigOptions};
use crate::topology::Net;

pub use roles::{Roles, Seen};

const PICTURE: &str = "                          ┌───────┐ eth2  ┌─────────┐
 acme   10.10.10.10 ──────┤       ├───────┤ array-1 │ 10.10.10.100, works for acme, protects globex
                          │ edge1 │ eth12 └───┬┬────┘
                          │       │           ││ copies, one line a tenant
                          │       │ eth3  ┌───┴┴────┐
 globex 10.10.10.10 ──────┤       ├───────┤ array-2 │ 10.10.10.100, works for globex, protects acme
                          └───────┘ eth13 └─────────┘
 both clients: one IP address, one MAC; both storage machines too; every write is on both arrays
";

/// What happened to the working member, under which rules.
#[derive(Clone, Debug)]
pub struct Failover {
    /// As in `no nudge`.
    pub name: &'static str,
    /// What came of it.
    pub outcome: Outcome,
}

/// Figures 12 and 13, up.
#[derive(Debug)]
pub struct Storage {
    /// What still serves when everything was shown.
    serving: Mutex<Vec<Member>>,
    rig: Rig,
}

impl Storage {
    fn serving(&self) -> std::sync::MutexGuard<'_, Vec<Member>> {
        // Whole members are put in and taken out.
        self.serving.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lab for Storage {
    const TITLE: &'static str = "figures 12, 13";
    const SHOWS: &'static str = "a machine is killed, is cut off; roles by client";

    fn build(net: Net, folder: &Path) -> Result<Self> {
        let options = RigOptions {
            tcp_port: Some(Protocol::Nbd.port()),
            copied: true,
            shared: true,
            ..RigOptions::default()
        };
        let files = folder.join("edge1");
        let rig = Rig::build(net, folder, &options, |launch| {
            launch.folder(&files).own_session()
        })?;
        Ok(Self {
            serving: Mutex::default(),
            rig,
        })
    }

    fn namespaces(&self) -> Vec<NetNs> {
        self.rig.namespaces()
    }

    fn agents(&self) -> &[Agent] {
        std::slice::from_ref(&self.rig.agent)
    }

    fn show(&mut self, findings: &mut Findings, progress: &dyn Fn(&str)) -> Result<(), Failure> {
        show::show(self, findings, progress)
    }

    fn picture(&self) -> String {
        PICTURE.to_owned()
    }

    fn hints(&self, look: &Look) -> Vec<String> {
        let inside = |host: &str, command: &str| format!("ip netns exec {}-{host} {command}", look.prefix);
        vec![
            look.fabric("edge1", "storage show"),
            look.fabric("edge1", "counters"),
            inside("client", "ping -c 3 10.10.10.100"),
            inside("clientb", "ping -c 3 10.10.10.100"),
        ]
    }

    fn keep(self) -> Result<()> {
        // They end with their namespaces.
        self.serving().drain(..).for_each(std::mem::forget);
        self.rig.keep()
    }

    fn tear_down(self) -> Result<()> {
        self.serving().clear();
        self.rig.tear_down()
    }
}
