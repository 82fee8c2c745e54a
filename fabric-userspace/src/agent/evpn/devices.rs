//! The interfaces of the VNIs: made, taken over from an earlier agent, and removed.
//!
//! Each is written down before it is made, so that none stays behind, whenever the agent dies.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::stations::{Side, Stations};
use super::vni::View;
use super::{Evpn, RETRY};
use crate::agent::core::side_file;
use crate::error::Refusal;
use crate::netlink::{Netlink, NetlinkError, VniDevices};
use crate::store::FileStore;

/// How long a round may make interfaces; the core is not free meanwhile.
const MAKING: Duration = Duration::from_millis(10);

impl Evpn {
    /// Makes and removes interfaces, as many as fit into a round.
    pub(super) async fn catch_up(&mut self, store: &FileStore, view: View<'_>) {
        let end = Instant::now() + MAKING;
        self.retry = None;
        if let Err(error) = self.adopt(view).await {
            self.fail(&error.to_string());
            return;
        }
        let unwanted = |made: &&VniDevices| {
            self.vnis
                .get(&made.vni)
                .is_none_or(|vni| vni.wanted.devices != **made)
        };
        let unwanted: Vec<VniDevices> = self.made.iter().filter(unwanted).copied().collect();
        for devices in unwanted {
            match self.netlink.remove_vni(&devices).await {
                Ok(()) => {
                    self.made.remove(&devices);
                    self.write_down(store);
                }
                Err(error) => self.fail(&error.to_string()),
            }
            if Instant::now() > end {
                return;
            }
        }
        let missing = self.vnis.values().filter(|vni| vni.ports.is_none());
        let missing: Vec<VniDevices> = missing.map(|vni| vni.wanted.devices).collect();
        for devices in missing {
            self.make(store, devices, view).await;
            if Instant::now() > end {
                return;
            }
        }
        self.behind = self.retry.is_some();
    }

    /// Takes over the interfaces that are there already, and what the kernel has of their stations.
    async fn adopt(&mut self, view: View<'_>) -> Result<(), NetlinkError> {
        if self.left.is_empty() {
            return Ok(());
        }
        let links = self.netlink.links().await?;
        let entries = self.netlink.bridge_entries().await?;
        let mut found = Vec::new();
        for (number, vni) in &mut self.vnis {
            let devices = vni.wanted.devices;
            let Some(ports) = devices.find(&links).filter(|_| self.left.contains(&devices)) else {
                continue;
            };
            vni.ports = Some(ports);
            vni.stations = Stations::default();
            self.ports.insert(ports.vxlan, (*number, Side::Vxlan));
            self.ports.insert(ports.stations, (*number, Side::Ours));
            found.push(*number);
        }
        for entry in &entries {
            if let Some((number, side)) = self.ports.get(&entry.ifindex)
                && let Some(vni) = self.vnis.get_mut(number)
            {
                vni.stations.note(*side, entry, true);
            }
        }
        for number in found {
            if let Some(vni) = self.vnis.get_mut(&number) {
                vni.settle_all(view);
                vni.look = true;
            }
            self.name_strangers(number);
        }
        self.left.clear();
        self.scan = true;
        Ok(())
    }

    async fn make(&mut self, store: &FileStore, devices: VniDevices, view: View<'_>) {
        // Written down first: what is there when the agent is killed is removed by the next one.
        if self.made.insert(devices) {
            self.write_down(store);
        } else if let Err(error) = self.netlink.remove_vni(&devices).await {
            self.fail(&error.to_string());
            self.forget_routes(devices.vni, view);
            return;
        }
        let ports = match self.netlink.add_vni(&devices).await {
            Ok(ports) => ports,
            Err(error) => {
                // Nothing of it is there, and what has a name of it is somebody else's.
                self.made.remove(&devices);
                self.write_down(store);
                self.fail(&error.to_string());
                self.forget_routes(devices.vni, view);
                return;
            }
        };
        self.ports.insert(ports.vxlan, (devices.vni, Side::Vxlan));
        self.ports.insert(ports.stations, (devices.vni, Side::Ours));
        if let Some(vni) = self.vnis.get_mut(&devices.vni) {
            vni.ports = Some(ports);
        }
        self.forget_routes(devices.vni, view);
        self.scan = true;
    }

    /// Routes that went with interfaces of before: the daemon takes none of them back.
    fn forget_routes(&mut self, number: u32, view: View<'_>) {
        if let Some(vni) = self.vnis.get_mut(&number) {
            vni.stations = Stations::default();
            vni.settle_all(view);
            vni.look = true;
        }
    }

    fn write_down(&mut self, store: &FileStore) {
        if let Err(refusal) = store.set_side_file(side_file::EVPN, &self.made) {
            self.fail(&refusal.sentence);
        }
    }

    /// Says it once, and has it tried again.
    pub(super) fn fail(&mut self, problem: &str) {
        self.behind = true;
        self.retry = Some(Instant::now() + RETRY);
        if self.said.insert(problem.to_owned()) {
            tracing::warn!(%problem, cure = "ip -details link; journalctl -u frr", "EVPN is not complete");
        }
    }

    /// Removes every interface.
    pub(super) async fn remove_all(&mut self, store: &FileStore) {
        remove_made(&self.netlink, store, &self.made).await;
        self.made.clear();
        self.vnis.clear();
        self.ports.clear();
    }
}

/// Interfaces that an agent of this state directory has made.
///
/// # Errors
/// When the file is damaged.
pub(in crate::agent) fn written_down(store: &FileStore) -> Result<BTreeSet<VniDevices>, Refusal> {
    Ok(store.side_file(side_file::EVPN)?.unwrap_or_default())
}

/// Removes interfaces that were written down.
pub(in crate::agent) async fn remove_made(netlink: &Netlink, store: &FileStore, made: &BTreeSet<VniDevices>) {
    let mut stay = false;
    for devices in made {
        if let Err(error) = netlink.remove_vni(devices).await {
            stay = true;
            tracing::warn!(vni = devices.vni, %error, "interfaces for EVPN could not be removed");
        }
    }
    if !stay {
        store.remove_side_file(side_file::EVPN);
    }
}
