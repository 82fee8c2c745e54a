//! Ports of this node: their state in one word, what they carry, and the checks of `fabric doctor`.

use crate::agent::core::Core;
use crate::agent::edits::vlan_words;
use crate::api;
use crate::error::{Refusal, codes};
use crate::model::{IfName, Name, natural};
use crate::safety::{Check, Report, Verdict};
use crate::validate::NodeIx;

/// `up`, `down`, `unsafe` or `gone`.
pub(crate) fn state(core: &Core, name: &IfName) -> &'static str {
    match core.ports.get(name) {
        None => "gone",
        Some(port) if port.ifindex == 0 => "gone",
        Some(port) if !port.is_safe() => "unsafe",
        Some(port) => match port.checks.iter().find(|check| check.id == "link-up") {
            Some(check) if check.verdict != Verdict::Ok => "down",
            _ => "up",
        },
    }
}

/// The ports of this node.
///
/// # Errors
/// When a map or an interface cannot be read.
pub(crate) async fn ports(core: &mut Core) -> Result<Vec<api::Port>, Refusal> {
    let reading = super::reading(core)?;
    let here = core.here();
    let mut views = Vec::new();
    let links = core.host.links(core.image.ports().map(|(name, _)| name)).await;
    for ((name, plan), link) in core.image.ports().zip(links) {
        let options = here.and_then(|here| core.valid.node(here).ports.get(name));
        views.push(api::Port {
            name: name.to_string(),
            ifindex: link.as_ref().map(|link| link.ifindex),
            role: plan.role.to_string(),
            driver: link
                .as_ref()
                .and_then(|link| core.ports.driver(name).or_else(|| link.kind.clone())),
            state: state(core, name).to_owned(),
            mtu: link.as_ref().map(|link| link.mtu),
            mac: link
                .as_ref()
                .and_then(|link| link.mac)
                .map(|mac| crate::model::Mac::new(mac).to_string()),
            drop_group_source: options.is_none_or(|port| port.options.drop_group_source),
            tunnel_lldp: options.is_some_and(|port| port.options.tunnel_lldp),
            s_tag_pcp: 0,
            carries: here.map(|here| carries(core, here, name)).unwrap_or_default(),
            changes: core.ports.changes(name),
            counters: super::counters::port_counters(
                &reading,
                plan.slot,
                link.as_ref().map(|link| link.lost),
            ),
        });
    }
    views.sort_by(|a, b| natural(&a.name, &b.name));
    Ok(views)
}

fn carries(core: &Core, here: NodeIx, name: &IfName) -> Vec<String> {
    let tenant = |segment: &crate::validate::ValidSegment| -> Name { segment.tenant.clone() };
    let mut carried: Vec<String> = core
        .valid
        .segments()
        .iter()
        .flat_map(|segment| segment.attachments.iter().map(move |end| (segment, end)))
        .filter(|(_, end)| end.node == here && end.port == *name)
        .map(|(segment, end)| format!("{} {}", tenant(segment), vlan_words(end.vlan)))
        .collect();
    let links = core
        .valid
        .links_at(here)
        .filter(|(_, link)| link.port_at(here) == Some(name));
    carried.extend(links.map(|(_, link)| format!("link {}", link.name)));
    carried
}

/// The checks of one port, or of all that are in use. Any interface of the host can be asked for.
///
/// # Errors
/// For a name that no interface can have.
pub(crate) async fn doctor(core: &Core, port: Option<&str>) -> Result<Vec<api::PortChecks>, Refusal> {
    let names: Vec<IfName> = match port {
        Some(port) => vec![port.parse().map_err(|_| {
            let sentence = format!("{} is no name of an interface", port.escape_debug());
            Refusal::new(codes::BAD_VALUE, sentence).with_cure("ip -brief link")
        })?],
        None => core.ports.iter().map(|(name, _)| name.clone()).collect(),
    };
    let mut views = Vec::new();
    for name in names {
        let report = core.ports.examine(&name, core.needs(&name)).await;
        views.push(api::PortChecks {
            role: core
                .ports
                .get(&name)
                .map(|port| format!("{:?}", port.role).to_lowercase()),
            about: about(&report),
            port: name.to_string(),
            checks: report.checks.iter().map(check_view).collect(),
        });
    }
    views.sort_by(|a, b| natural(&a.port, &b.port));
    Ok(views)
}

fn check_view(check: &Check) -> api::Check {
    api::Check {
        id: check.id.to_owned(),
        name: check.name.clone(),
        verdict: match check.verdict {
            Verdict::Ok => "ok",
            Verdict::Warn => "warn",
            Verdict::Fail => "fail",
        }
        .to_owned(),
        detail: check.detail.clone(),
        why: check.why.clone(),
        cure: check.cure.clone(),
    }
}

fn about(report: &Report) -> String {
    let driver = report.driver.as_deref().unwrap_or("unknown");
    let mut about = format!("driver {driver}");
    if let Some(peer) = &report.peer {
        about.push_str(&format!(", peer {peer}"));
    }
    if let Some(namespace) = &report.peer_namespace {
        about.push_str(&format!(" in namespace {namespace}"));
    }
    about
}
