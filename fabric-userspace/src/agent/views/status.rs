//! How this node is, and each of its problems with what to do about it.

use fabric_common::maps::{LAYOUT_VERSION, capacity};

use crate::agent::confirm::Waiting;
use crate::agent::core::{Core, datacenter_of};
use crate::api;
use crate::error::Refusal;
use crate::render::storage::sentence;

/// The state of this node on one screen.
///
/// # Errors
/// When a map cannot be read.
pub(crate) fn status(core: &mut Core) -> Result<api::Status, Refusal> {
    let reading = super::reading(core)?;
    let mut problems: Vec<_> = of_ports(core).collect();
    let bad_ports = problems.len() as u64;
    problems.extend(of_links(core));
    problems.extend(super::storage(core)?.iter().filter_map(of_storage));
    if let Some(cluster) = &core.cluster {
        problems.extend(cluster.problems());
    }
    let ports = core.image.ports().count() as u64;
    Ok(api::Status {
        node: core.node.to_string(),
        datacenter: core.here().map(|here| datacenter_of(&core.valid, here)),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        pid: std::process::id(),
        uptime_seconds: core.started.elapsed().as_secs(),
        state: match bad_ports {
            _ if problems.is_empty() => "ok",
            all if all >= ports && ports > 0 => "down",
            _ => "degraded",
        }
        .to_owned(),
        problems,
        pending: core.pending.as_ref().map(Waiting::told),
        applied_at: core.applied_at.clone(),
        store: core.decider().kind().to_owned(),
        store_address: core
            .cluster
            .as_ref()
            .map(|cluster| cluster.store.address().to_string()),
        desired_revision: core
            .cluster
            .as_ref()
            .map_or(core.revision(), |cluster| cluster.desired.max(core.revision())),
        layout: LAYOUT_VERSION,
        ports,
        traffic: super::traffic(core, &reading),
        fdb_entries: core.fdb_entries,
        fdb_capacity: core.plane.fdb_capacity(),
    })
}

fn of_ports(core: &Core) -> impl Iterator<Item = api::Problem> {
    core.ports
        .iter()
        .filter_map(|(name, _)| match super::ports::state(core, name) {
            "up" => None,
            "unsafe" => Some(api::Problem {
                status: format!("port {name} is not safe, all its frames are dropped"),
                action: format!("fabric doctor {name}"),
            }),
            "gone" => Some(api::Problem {
                status: format!("port {name} is gone"),
                action: format!(
                    "bring the interface back, with an index below {}, or detach what uses it; ip link show {name}",
                    capacity::IFINDEX
                ),
            }),
            state => Some(api::Problem {
                status: format!("port {name} is {state}"),
                action: format!("ip link show {name}"),
            }),
        })
}

fn of_links(core: &Core) -> impl Iterator<Item = api::Problem> {
    let links = super::links(core)
        .into_iter()
        .filter(|link| link.state == "unresolved");
    links.map(|link| api::Problem {
        status: format!("the remote VTEP of link {} does not answer", link.name),
        action: format!("ip neigh show; ip route get {}", link.remote.unwrap_or_default()),
    })
}

fn of_storage(vsm: &api::Vsm) -> Option<api::Problem> {
    Some(api::Problem {
        status: format!("storage {}: {}", vsm.name, sentence(vsm)?),
        action: format!("fabric storage show {}", vsm.name),
    })
}
