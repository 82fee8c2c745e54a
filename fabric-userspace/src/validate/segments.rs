//! One segment by itself: a known datacenter, one VLAN at all attachments, remotes by links to foreign VTEPs at one node.

use std::collections::BTreeSet;

use super::nodes::{find_datacenter, find_node};
use super::place::{End, Place};
use super::ports::{Owner, Ports};
use super::stations::Stations;
use super::tenants::Parts;
use super::valid::{ValidAttachment, ValidRemote, ValidSegment};
use super::{DatacenterIx, LinkIx, NodeIx};
use crate::error::{Problem, codes};
use crate::model::{MacLimit, Name, Segment, ServiceVid, Vlan};

/// The segment with everything resolved, or `None` after a problem.
pub(super) fn check_segment<'d>(
    segment: &'d Segment,
    place: Place,
    (tenant, tenant_limit): (&'d Name, u32),
    parts: &Parts<'_>,
    ports: &mut Ports<'d>,
    problems: &mut Vec<Problem>,
) -> Option<ValidSegment> {
    let datacenter = datacenter_of(segment, place, parts, problems);
    check_vlans(segment, place, problems);
    let owner = Owner {
        tenant,
        segment: &segment.name,
    };
    let mut stations = Stations::default();
    let attachments = attachments(segment, place, owner, (parts, ports, &mut stations), problems);
    let remotes = remotes(segment, place, parts, &mut stations, problems);
    check_gateways(&remotes, place, problems);
    let labels = super::labels::resolve(segment, place, parts.datacenters, problems);
    let members = attachments
        .iter()
        .map(|end| end.node)
        .chain(remotes.iter().map(|end| end.node));
    let members: BTreeSet<NodeIx> = members.collect();
    Some(ValidSegment {
        name: segment.name.clone(),
        tenant: tenant.clone(),
        datacenter: datacenter?,
        s_vid: segment.s_vid?,
        base_c_vid: segment.c_vid?,
        vni: segment.vni,
        i_sid: segment.i_sid,
        global_vid: segment.global_vid,
        labels,
        mac_limit: segment.mac_limit.map_or(tenant_limit, MacLimit::get),
        vlan: segment.attachments.first().map(|end| end.vlan),
        attachments,
        remotes,
        members,
        storage: Vec::new(),
        gateway: None,
    })
}

fn datacenter_of(
    segment: &Segment,
    place: Place,
    parts: &Parts<'_>,
    problems: &mut Vec<Problem>,
) -> Option<DatacenterIx> {
    if let Some(name) = &segment.datacenter {
        return find_datacenter(
            parts.datacenters,
            name,
            || format!("{place}.datacenter"),
            problems,
        );
    }
    // Allocation found none. If a member's node is unknown, that is said at the member.
    if segment.attachments.is_empty() && segment.remotes.is_empty() {
        problems.push(Problem::new(
            codes::NO_DATACENTER,
            place.to_string(),
            "names no datacenter, and has no attachment that would tell",
            format!("add \"datacenter\", one of: {}", parts.datacenters.names()),
        ));
    }
    None
}

fn check_vlans(segment: &Segment, place: Place, problems: &mut Vec<Problem>) {
    let Some(first) = segment.attachments.first() else {
        return;
    };
    for (at, end) in segment.attachments.iter().enumerate() {
        if end.vlan != first.vlan {
            let word = |vlan| match vlan {
                Vlan::Tagged(vid) => vid.to_string(),
                Vlan::Untagged | Vlan::Any => format!("\"{vlan}\""),
            };
            problems.push(Problem::new(
                codes::VLAN_MISMATCH,
                format!("{place}.attachments[{at}].vlan"),
                format!(
                    "is {}, but the segment's first attachment has {}",
                    word(end.vlan),
                    word(first.vlan)
                ),
                "give it a segment of its own, or attach the same VLAN",
            ));
        }
    }
}

fn attachments<'d>(
    segment: &'d Segment,
    place: Place,
    owner: Owner<'d>,
    (parts, ports, stations): (&Parts<'_>, &mut Ports<'d>, &mut Stations),
    problems: &mut Vec<Problem>,
) -> Vec<ValidAttachment> {
    let mut valid = Vec::new();
    for (at, end) in segment.attachments.iter().enumerate() {
        let path = place.attachment(at);
        let node = find_node(parts.nodes, &end.node, || format!("{path}.node"), problems);
        if let Some(node) = node {
            ports.claim_vlan((node, &end.port, end.vlan), owner, &path, problems);
        }
        let stations = stations.check(&end.stations, path, end.c_vid, problems);
        if let (Some(node), Some(c_vid)) = (node, end.c_vid) {
            valid.push(ValidAttachment {
                node,
                port: end.port.clone(),
                vlan: end.vlan,
                c_vid,
                stations,
            });
        }
    }
    valid
}

fn remotes(
    segment: &Segment,
    place: Place,
    parts: &Parts<'_>,
    stations: &mut Stations,
    problems: &mut Vec<Problem>,
) -> Vec<ValidRemote> {
    let mut valid: Vec<ValidRemote> = Vec::new();
    let mut seen = BTreeSet::new();
    for (at, end) in segment.remotes.iter().enumerate() {
        let path = place.remote(at);
        if !seen.insert(&end.link) {
            let first = format!("an earlier remote of {place}");
            problems.push(super::table::duplicate(
                &format!("{path}.link"),
                &end.link,
                &first,
            ));
        }
        let link = find_link(&end.link, path, parts, problems);
        let stations = stations.check(&end.stations, path, end.c_vid, problems);
        let c_vid: Option<ServiceVid> = end.c_vid;
        if let (Some((link, node)), Some(c_vid)) = (link, c_vid) {
            valid.push(ValidRemote {
                link,
                node,
                c_vid,
                stations,
            });
        }
    }
    valid
}

fn find_link(
    name: &Name,
    path: End,
    parts: &Parts<'_>,
    problems: &mut Vec<Problem>,
) -> Option<(LinkIx, NodeIx)> {
    let Some(at) = parts.links.find(name) else {
        problems.push(Problem::new(
            codes::UNKNOWN_LINK,
            format!("{path}.link"),
            format!("is {name}, and the document defines no link of this name"),
            format!("add it to links, or use one of: {}", parts.links.names()),
        ));
        return None;
    };
    let link = parts.links.get(at)?;
    if link.gateway().is_none() {
        problems.push(Problem::new(
            codes::BAD_REMOTE,
            format!("{path}.link"),
            format!("is {name}, which leads to another node and not to a foreign VTEP"),
            "remove it; between nodes the fabric finds the way itself",
        ));
    }
    Some((LinkIx::new(at), link.gateway()?))
}

fn check_gateways(remotes: &[ValidRemote], place: Place, problems: &mut Vec<Problem>) {
    let gateways: BTreeSet<NodeIx> = remotes.iter().map(|end| end.node).collect();
    if gateways.len() > 1 {
        problems.push(Problem::new(
            codes::TWO_GATEWAYS,
            format!("{place}.remotes"),
            "leave the fabric at more than one node, which would make a loop",
            "keep the remotes of one node",
        ));
    }
}
