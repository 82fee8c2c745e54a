//! Datacenters and nodes as the document has them; no counters, no kernel.

use crate::agent::core::Core;
use crate::api;
use crate::model::{Name, Range, RangeNumber, natural};
use crate::validate::{DatacenterIx, NodeIx, ValidDatacenter, ValidNode, ValidPort};

/// All datacenters.
pub(crate) fn datacenters(core: &Core) -> Vec<api::Datacenter> {
    let here = core.here().map(|node| core.valid.node(node).datacenter);
    let list = core.valid.datacenters().iter().enumerate();
    let view = |(at, datacenter)| datacenter_view(core, (DatacenterIx::new(at), datacenter), here);
    let mut views: Vec<api::Datacenter> = list.map(view).collect();
    views.sort_by(|a, b| natural(&a.name, &b.name));
    views
}

fn datacenter_view(
    core: &Core,
    (at, datacenter): (DatacenterIx, &ValidDatacenter),
    here: Option<DatacenterIx>,
) -> api::Datacenter {
    let nodes = core.valid.nodes().iter().filter(|node| node.datacenter == at);
    let segments = core
        .valid
        .segments()
        .iter()
        .filter(|segment| segment.datacenter == at);
    api::Datacenter {
        name: datacenter.name.to_string(),
        id: datacenter.id,
        here: here == Some(at),
        s_vids: datacenter.s_vids.to_string(),
        c_vids: datacenter.c_vids.to_string(),
        vnis: text(datacenter.vnis),
        labels: text(datacenter.labels),
        i_sids: text(datacenter.i_sids),
        nodes: names(nodes.map(|node| &node.name)),
        segments: names(segments.map(|segment| &segment.name)),
    }
}

/// All nodes.
pub(crate) fn node_details(core: &Core) -> Vec<api::NodeDetail> {
    let list = core.valid.nodes().iter().enumerate();
    let mut views: Vec<api::NodeDetail> = list
        .map(|(at, node)| node_view(core, NodeIx::new(at), node))
        .collect();
    views.sort_by(|a, b| natural(&a.name, &b.name));
    views
}

fn node_view(core: &Core, at: NodeIx, node: &ValidNode) -> api::NodeDetail {
    let segments = core
        .valid
        .segments()
        .iter()
        .filter(|segment| segment.members.contains(&at));
    let port = |(name, port): (&crate::model::IfName, &ValidPort)| api::NodePortDetail {
        name: name.to_string(),
        role: port.role.map(|role| role.to_string()),
    };
    let mut ports: Vec<api::NodePortDetail> = node.ports.iter().map(port).collect();
    ports.sort_by(|a, b| natural(&a.name, &b.name));
    api::NodeDetail {
        name: node.name.to_string(),
        datacenter: core.valid.datacenter(node.datacenter).name.to_string(),
        here: core.here() == Some(at),
        ports,
        links: names(core.valid.links_at(at).map(|(_, link)| &link.name)),
        segments: names(segments.map(|segment| &segment.name)),
    }
}

fn text<T: RangeNumber>(range: Option<Range<T>>) -> Option<String> {
    range.map(|range| range.to_string())
}

fn names<'n>(names: impl Iterator<Item = &'n Name>) -> Vec<String> {
    let mut names: Vec<String> = names.map(Name::to_string).collect();
    names.sort_by(|a, b| natural(a, b));
    names
}
