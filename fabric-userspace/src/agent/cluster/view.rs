//! `fabric node list`.

use std::collections::BTreeMap;

use fabric_common::maps::LAYOUT_VERSION;

use crate::agent::server::Shared;
use crate::agent::views;
use crate::api;
use crate::error::Refusal;
use crate::model::natural;
use crate::store::etcd::NodeReport;

/// All nodes of the document, and those that report without being in it.
///
/// # Errors
/// When the store does not answer.
pub(in crate::agent) async fn nodes(shared: &Shared) -> Result<Vec<api::Node>, Refusal> {
    super::catch_up(shared).await?;
    let (store, mut nodes, desired) = {
        let core = shared.core.lock().await;
        let nodes = core
            .document()
            .nodes
            .iter()
            .map(|node| blank(node.name.as_str(), Some(node.datacenter.to_string())));
        let mut nodes: BTreeMap<String, api::Node> = nodes.map(|node| (node.name.clone(), node)).collect();
        let Some(cluster) = &core.cluster else {
            let own = nodes
                .entry(core.node.to_string())
                .or_insert_with(|| blank(core.node.as_str(), None));
            own.state = "live".to_owned();
            own.revision = Some(core.revision());
            own.version = Some(env!("CARGO_PKG_VERSION").to_owned());
            own.layout = Some(LAYOUT_VERSION);
            let ports = core.ports.iter();
            own.ports = ports
                .map(|(name, _)| port(name.as_str(), views::port_state(&core, name)))
                .collect();
            return Ok(sorted(nodes));
        };
        (cluster.store.clone(), nodes, cluster.desired)
    };
    for report in store.reports().await? {
        let node = nodes
            .entry(report.node.clone())
            .or_insert_with(|| blank(&report.node, None));
        fill(node, report, desired);
    }
    Ok(sorted(nodes))
}

fn blank(name: &str, datacenter: Option<String>) -> api::Node {
    api::Node {
        name: name.to_owned(),
        datacenter,
        state: "away".to_owned(),
        revision: None,
        refused: None,
        ports: Vec::new(),
        version: None,
        layout: None,
        started_at: None,
    }
}

fn fill(node: &mut api::Node, report: NodeReport, desired: u64) {
    node.state = match &report.refused {
        Some(_) => "refused",
        None if report.revision < desired => "behind",
        None => "live",
    }
    .to_owned();
    node.revision = Some(report.revision);
    node.refused = report.refused.map(|refused| api::Refused {
        revision: refused.revision,
        code: refused.code,
        reason: refused.reason,
    });
    node.ports = report
        .ports
        .iter()
        .map(|one| port(&one.name, &one.state))
        .collect();
    node.version = Some(report.version);
    node.layout = Some(report.layout);
    node.started_at = Some(report.started_at);
}

fn port(name: &str, state: &str) -> api::NodePort {
    api::NodePort {
        name: name.to_owned(),
        state: state.to_owned(),
    }
}

fn sorted(nodes: BTreeMap<String, api::Node>) -> Vec<api::Node> {
    let mut nodes: Vec<_> = nodes.into_values().collect();
    nodes.sort_by(|a, b| natural(&a.name, &b.name));
    nodes
}
