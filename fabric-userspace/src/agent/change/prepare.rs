//! From a document to everything that has to be written, without writing it.

use std::collections::{BTreeMap, BTreeSet};

use super::Prepared;
use crate::agent::core::{Core, role_of, side_file};
use crate::agent::host::{Interfaces, Missing, Tunnel};
use crate::compile::{HostFacts, Request, Scope, compile};
use crate::diff::diff_images;
use crate::error::{Refusal, codes};
use crate::model::{Document, IfName};
use crate::netlink::NeighbourKey;
use crate::safety::Role;
use crate::validate::{NodeIx, Valid, ValidLink, revalidate};

impl Core {
    pub(super) async fn prepare(
        &mut self,
        document: Document,
        missing: Missing,
    ) -> Result<Prepared, Refusal> {
        if self.ended {
            return Err(Refusal::new(codes::AGENT_AWAY, "the agent is ending").with_cure("start it again"));
        }
        let valid = revalidate(document, &self.valid).map_err(Refusal::from_problems)?;
        if self.cluster.is_none() {
            let problems = valid.needs_shared_store();
            if !problems.is_empty() {
                return Err(Refusal::from_problems(problems));
            }
        }
        let here = valid.find_node(self.node.as_str()).ok_or_else(|| {
            Refusal::new(
                codes::UNKNOWN_NODE,
                format!("the document has no node {}", self.node),
            )
            .with_cure("add it under nodes, or start the agent with --node NAME")
        })?;
        let wanted = roles(&valid, here);
        let (host, silent) = self.facts(&valid, here, missing).await?;
        let request = Request {
            valid: &valid,
            node: &self.node,
            host: &host,
            in_force: missing == Missing::Tolerate,
        };
        let scope = Scope::between(self.document(), valid.document());
        let image = compile(&request, &self.image, &scope)?;
        let changes = diff_images(&self.image, &image);
        let in_use = |name: &IfName, role: &Role| {
            let ifindex = host.ports.get(name).map_or(0, |facts| facts.ifindex);
            self.ports
                .get(name)
                .is_some_and(|port| port.role == *role && port.ifindex == ifindex)
        };
        let new_ports = wanted
            .iter()
            .filter(|(name, role)| !in_use(name, role))
            .map(|(name, role)| (name.clone(), *role));
        let old_ports = self.ports.iter().filter(|(name, _)| !wanted.contains_key(*name));
        Ok(Prepared {
            new_ports: new_ports.collect(),
            old_ports: old_ports.map(|(name, _)| name.clone()).collect(),
            image,
            changes,
            valid,
            silent,
        })
    }

    /// What the compiler must know of this host, and which of the ports cannot send.
    ///
    /// # Errors
    /// For a port that is not there, unless that is tolerated.
    pub(in crate::agent) async fn facts(
        &mut self,
        valid: &Valid,
        here: NodeIx,
        missing: Missing,
    ) -> Result<(HostFacts, BTreeSet<IfName>), Refusal> {
        let wanted = roles(valid, here);
        // Who names a new port is told that it is not there. That another one is gone is no reason to refuse anything.
        let known = |name: &IfName| self.ports.get(name).map(|port| port.ifindex);
        let read = self
            .host
            .interfaces(self.node.as_str(), &wanted, (missing, known));
        let Interfaces { facts, silent } = read.await?;
        let neighbours = self.host.neighbours(&facts, &tunnels(valid, here)).await;
        let facts = HostFacts {
            ports: facts,
            neighbours,
        };
        Ok((facts, silent))
    }

    /// Keeps those neighbours resolved that the document in force needs, and no others.
    pub(super) async fn release_neighbours(&mut self) {
        let needed: Vec<_> = self
            .here()
            .map(|here| tunnels(&self.valid, here))
            .unwrap_or_default()
            .into_iter()
            .filter_map(|tunnel| Some((tunnel.remote, self.ports.get(&tunnel.port)?.ifindex)))
            .collect();
        let added = self.host.keep_only(&needed).await;
        self.save_neighbours(added);
    }

    fn save_neighbours(&mut self, added: Vec<NeighbourKey>) {
        if self.neighbours_saved.as_ref() == Some(&added) {
            return;
        }
        let saved: Vec<_> = added.iter().map(|key| (key.ifindex, key.address)).collect();
        match self.store.set_side_file(side_file::NEIGHBOURS, &saved) {
            Ok(()) => self.neighbours_saved = Some(added),
            Err(error) => tracing::error!(%error, "the neighbour entries could not be saved"),
        }
    }
}

/// The ports that the document uses at a node.
fn roles(valid: &Valid, here: NodeIx) -> BTreeMap<IfName, Role> {
    let ports = valid.node(here).ports.iter();
    ports
        .filter_map(|(name, port)| Some((name.clone(), role_of(port.role?))))
        .collect()
}

/// Links with an address in the underlay that end at this node.
fn tunnels(valid: &Valid, here: NodeIx) -> Vec<Tunnel> {
    let tunnel = |link: &ValidLink| {
        let (_, remote) = link.addresses_at(here)?;
        Some(Tunnel {
            link: link.name.clone(),
            port: link.port_at(here)?.clone(),
            remote,
        })
    };
    valid
        .links_at(here)
        .filter_map(|(_, link)| tunnel(link))
        .collect()
}
