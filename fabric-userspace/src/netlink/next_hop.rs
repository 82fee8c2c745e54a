//! The MAC addresses of the fabric's remote ends, kept true while routes, links and neighbours change.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::{Event, Neighbour, NeighbourKey, NeighbourStatus, Netlink, NetlinkError};

/// Who keeps a neighbour entry resolved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum KeptBy {
    /// The kernel, in an entry that we added.
    Managed,
    /// We, by [`NextHops::probe`], because the kernel refused a managed entry.
    Probing,
    /// Somebody else: the entry is permanent, or was managed before us. Never removed here.
    Other,
}

/// Where frames for a remote end are sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NextHop {
    pub remote: IpAddr,
    pub oif: u32,
    /// The neighbour that takes the frames: a gateway, or the remote itself.
    pub via: IpAddr,
    /// The source address the host would take towards the remote.
    pub source: Option<IpAddr>,
    /// `None` while there is no usable route or neighbour: frames must be dropped, not sent to an old address.
    pub mac: Option<[u8; 6]>,
    pub status: NeighbourStatus,
}

/// The next hops in use, and the neighbour entries added for them.
#[derive(Debug)]
pub struct NextHops {
    netlink: Netlink,
    hops: BTreeMap<(IpAddr, u32), NextHop>,
    kept: BTreeMap<NeighbourKey, KeptBy>,
}

impl NextHops {
    pub fn new(netlink: Netlink) -> Self {
        Self {
            netlink,
            hops: BTreeMap::new(),
            kept: BTreeMap::new(),
        }
    }

    /// Takes over entries that an earlier run added, so that [`Self::remove_added`] removes them too.
    pub fn adopt(&mut self, added: impl IntoIterator<Item = NeighbourKey>) {
        self.kept
            .extend(added.into_iter().map(|key| (key, KeptBy::Managed)));
    }

    /// The entries to be removed at take-down; an agent that restarts hands them to [`Self::adopt`].
    pub fn added(&self) -> Vec<NeighbourKey> {
        self.kept
            .iter()
            .filter(|(_, by)| **by != KeptBy::Other)
            .map(|(key, _)| *key)
            .collect()
    }

    /// Finds the next hop for `remote` through `oif` and has its neighbour kept resolved from now on.
    ///
    /// Does not wait for the answer: without it `mac` is `None` and [`Self::on_event`] tells of it later. After an
    /// error the remote is remembered all the same, so that a route that comes later is told too; a caller that
    /// gives up calls [`Self::release`].
    pub async fn resolve(&mut self, remote: IpAddr, oif: u32) -> Result<NextHop, NetlinkError> {
        match self.find(remote, oif).await {
            Ok(hop) => {
                let old = self.hops.insert((remote, oif), hop.clone());
                if old.is_some_and(|old| old.via != hop.via) {
                    self.forget_unused().await;
                }
                Ok(hop)
            }
            Err(error) => {
                self.lose(remote, oif);
                Err(error)
            }
        }
    }

    /// The remotes that are kept resolved, each with its interface.
    pub fn resolved(&self) -> Vec<(IpAddr, u32)> {
        self.hops.keys().copied().collect()
    }

    /// Forgets a remote and removes its neighbour entry unless another remote uses it.
    pub async fn release(&mut self, remote: IpAddr, oif: u32) {
        self.hops.remove(&(remote, oif));
        self.forget_unused().await;
    }

    /// Takes in one change and returns the next hops that are different now.
    pub async fn on_event(&mut self, event: &Event) -> Vec<NextHop> {
        match event {
            Event::Neighbour(neighbour) => self.learn(neighbour),
            Event::NeighbourGone(key) if self.kept.contains_key(key) => {
                // Flushed by somebody, or the link went down: ask for it again.
                self.refresh(|hop| hop.oif == key.ifindex && hop.via == key.address)
                    .await
            }
            Event::Link { nsid: None, link, .. } => self.refresh(|hop| hop.oif == link.ifindex).await,
            Event::LinkGone {
                nsid: None, ifindex, ..
            } => self.refresh(|hop| hop.oif == *ifindex).await,
            Event::Routes | Event::Missed => self.refresh(|_| true).await,
            Event::NeighbourGone(_) | Event::Link { .. } | Event::LinkGone { .. } => Vec::new(),
        }
    }

    /// Asks once more for the neighbours that the kernel does not keep by itself; to be called every few seconds.
    pub async fn probe(&self) {
        for (key, by) in &self.kept {
            if *by == KeptBy::Probing
                && let Err(error) = self.netlink.probe_neighbour(*key).await
            {
                tracing::warn!(%error, "cannot probe a neighbour");
            }
        }
    }

    /// Removes every entry that was added, for take-down. Returns those that could not be removed.
    pub async fn remove_added(&mut self) -> Vec<(NeighbourKey, NetlinkError)> {
        self.hops.clear();
        let mut failed = Vec::new();
        for (key, by) in std::mem::take(&mut self.kept) {
            if by != KeptBy::Other
                && let Err(error) = self.netlink.remove_neighbour(key).await
            {
                self.kept.insert(key, by);
                failed.push((key, error));
            }
        }
        failed
    }

    async fn find(&mut self, remote: IpAddr, oif: u32) -> Result<NextHop, NetlinkError> {
        let route = self.netlink.route(remote, oif).await?;
        let key = NeighbourKey {
            ifindex: oif,
            address: route.gateway.unwrap_or(remote),
        };
        let neighbour = self.keep(key).await?;
        Ok(NextHop {
            remote,
            oif,
            via: key.address,
            source: route.source,
            mac: neighbour.as_ref().and_then(|neighbour| neighbour.mac),
            status: neighbour.map_or(NeighbourStatus::Pending, |neighbour| neighbour.status),
        })
    }

    /// Without a route the old address must not be used on: the hop stays, without a MAC address.
    fn lose(&mut self, remote: IpAddr, oif: u32) {
        let unknown = NextHop {
            remote,
            oif,
            via: remote,
            source: None,
            mac: None,
            status: NeighbourStatus::Failed,
        };
        let hop = self.hops.entry((remote, oif)).or_insert(unknown);
        hop.mac = None;
        hop.status = NeighbourStatus::Failed;
    }

    async fn keep(&mut self, key: NeighbourKey) -> Result<Option<Neighbour>, NetlinkError> {
        let known = self.netlink.neighbour(key).await?;
        if let Some(neighbour) = &known
            && (neighbour.fixed || neighbour.managed)
        {
            // Ours if we remember it (also from an earlier run), otherwise another's.
            self.kept.entry(key).or_insert(KeptBy::Other);
            return Ok(known);
        }
        let by = if self.netlink.manage_neighbour(key).await? {
            KeptBy::Managed
        } else {
            KeptBy::Probing
        };
        self.kept.insert(key, by);
        if by == KeptBy::Probing {
            self.netlink.probe_neighbour(key).await?;
        }
        self.netlink.neighbour(key).await
    }

    fn learn(&mut self, neighbour: &Neighbour) -> Vec<NextHop> {
        let mut changed = Vec::new();
        for hop in self.hops.values_mut() {
            let hit = hop.oif == neighbour.key.ifindex && hop.via == neighbour.key.address;
            if hit && (hop.mac, hop.status) != (neighbour.mac, neighbour.status) {
                hop.mac = neighbour.mac;
                hop.status = neighbour.status;
                changed.push(hop.clone());
            }
        }
        changed
    }

    async fn refresh(&mut self, wanted: impl Fn(&NextHop) -> bool) -> Vec<NextHop> {
        let old: Vec<NextHop> = self.hops.values().filter(|hop| wanted(hop)).cloned().collect();
        let mut changed = Vec::new();
        for hop in old {
            if let Err(error) = self.resolve(hop.remote, hop.oif).await {
                tracing::debug!(%error, remote = %hop.remote, "next hop lost");
            }
            changed.extend(
                self.hops
                    .get(&(hop.remote, hop.oif))
                    .filter(|new| **new != hop)
                    .cloned(),
            );
        }
        changed
    }

    /// Removes added entries that no next hop uses; after [`Self::adopt`], once everything is resolved again.
    pub async fn forget_unused(&mut self) {
        let used = |key: &NeighbourKey| {
            self.hops
                .values()
                .any(|hop| hop.oif == key.ifindex && hop.via == key.address)
        };
        let unused: Vec<NeighbourKey> = self.kept.keys().filter(|key| !used(key)).copied().collect();
        for key in unused {
            let by = self.kept.remove(&key);
            if by == Some(KeptBy::Other) {
                continue;
            }
            if let Err(error) = self.netlink.remove_neighbour(key).await {
                tracing::warn!(%error, "cannot remove a neighbour entry");
            }
        }
    }
}

#[cfg(test)]
mod tests;
