//! May the attachment be made? Asked before anything is changed.

use super::super::find::{attachments_of, detach_command, refuse, segment_place};
use super::{Attach, Attached, answer};
use crate::error::{Refusal, codes};
use crate::model::{Attachment, Document, LinkEnd, Name, Segment, Station, Vlan};

/// What to answer if the attachment is there already; a refusal if it is somebody's, or another.
pub(super) fn already_there(document: &Document, request: &Attach) -> Result<Option<Attached>, Refusal> {
    let mut users = attachments_of(document, &request.node, &request.port);
    let Some((tenant, segment, end)) = users.find(|(_, _, end)| end.vlan == request.vlan) else {
        return Ok(None);
    };
    let same = tenant.name == request.tenant && asks_for_nothing_new(request, segment, end);
    let present = segment_place(document, &segment.name).and_then(|place| answer(document, request, place));
    if let Some(attached) = present.filter(|_| same) {
        return Ok(Some(Attached {
            changed: false,
            ..attached
        }));
    }
    if tenant.name == request.tenant && request.segment.as_ref().is_none_or(|name| *name == segment.name) {
        return Err(refuse(
            codes::ATTACHMENT_TAKEN,
            format!(
                "{} is attached to segment {} already, otherwise than you ask for",
                request.what(),
                segment.name
            ),
            format!(
                "fabric segment show {}; for another station: fabric fdb add",
                segment.name
            ),
        ));
    }
    let owner = (&request.node, &request.port, request.vlan);
    Err(refuse(
        codes::ATTACHMENT_TAKEN,
        format!(
            "{} belongs to tenant {} (segment {})",
            request.what(),
            tenant.name,
            segment.name
        ),
        format!(
            "choose another VLAN, or: {}",
            detach_command(document, &tenant.name, owner)
        ),
    ))
}

fn asks_for_nothing_new(request: &Attach, segment: &Segment, end: &Attachment) -> bool {
    request.segment.as_ref().is_none_or(|name| *name == segment.name)
        && agrees(&request.datacenter, &segment.datacenter)
        && agrees(&request.s_vid, &segment.s_vid)
        && agrees(&request.base_c_vid, &segment.c_vid)
        && agrees(&request.vni, &segment.vni)
        && agrees(&request.mac_limit, &segment.mac_limit)
        && agrees(&request.c_vid, &end.c_vid)
        && request.stations.iter().all(|station| {
            let is_same = |known: &Station| known.mac == station.mac && agrees(&station.c_vid, &known.c_vid);
            end.stations.iter().any(is_same)
        })
}

fn agrees<T: PartialEq>(asked: &Option<T>, present: &Option<T>) -> bool {
    asked.is_none() || asked == present
}

/// Whether the port carries no link.
pub(super) fn carries_no_link(document: &Document, request: &Attach) -> Result<(), Refusal> {
    let Attach { node, port, .. } = request;
    let at_port = |end: &&LinkEnd| end.node.as_ref() == Some(node) && end.port.as_ref() == Some(port);
    match document
        .links
        .iter()
        .find(|link| link.ends.iter().any(|end| at_port(&end)))
    {
        None => Ok(()),
        Some(link) => Err(refuse(
            codes::PORT_ROLE,
            format!(
                "{port} carries the {} link {}, so no tenant can be attached to it",
                link.kind, link.name
            ),
            "attach another port: fabric port list",
        )),
    }
}

/// Whether those who are at the port have VLANs of it, and the request wants one.
pub(super) fn beside_others(document: &Document, request: &Attach) -> Result<(), Refusal> {
    let Attach { node, port, .. } = request;
    let excludes = |vlan: Vlan| vlan == Vlan::Any || request.vlan == Vlan::Any;
    match attachments_of(document, node, port).find(|(_, _, end)| excludes(end.vlan)) {
        None => Ok(()),
        Some((tenant, segment, end)) => Err(refuse(
            codes::ATTACHMENT_EXCLUDED,
            format!(
                "{} cannot be attached beside {port} {} of tenant {} (segment {})",
                request.what(),
                end.vlan,
                tenant.name,
                segment.name
            ),
            format!(
                "use another port, or: {}",
                detach_command(document, &tenant.name, (node, port, end.vlan))
            ),
        )),
    }
}

/// Whether the segment, if it is there, can take the attachment.
pub(super) fn segment_fits(document: &Document, request: &Attach, name: &Name) -> Result<(), Refusal> {
    let Some((tenant, segment)) = segment_place(document, name) else {
        return Ok(());
    };
    let (tenant, segment) = (
        &document.tenants[tenant],
        &document.tenants[tenant].segments[segment],
    );
    if tenant.name != request.tenant {
        return Err(refuse(
            codes::SEGMENT_TAKEN,
            format!("segment {name} belongs to tenant {}", tenant.name),
            "choose another name: --segment NAME",
        ));
    }
    if let Some(end) = segment.attachments.iter().find(|end| end.vlan != request.vlan) {
        return Err(refuse(
            codes::VLAN_MISMATCH,
            format!(
                "segment {name} is for {}, and {} is not",
                end.vlan,
                request.what()
            ),
            "choose another segment: --segment NAME",
        ));
    }
    match fixed_otherwise(request, segment) {
        None => Ok(()),
        Some(present) => Err(refuse(
            codes::NUMBER_FIXED,
            format!("segment {name} has {present} already"),
            "leave the option out, or choose another segment: --segment NAME",
        )),
    }
}

/// What the segment has and the request wants otherwise.
fn fixed_otherwise(request: &Attach, segment: &Segment) -> Option<String> {
    None.or(differs("S-VID", request.s_vid.as_ref(), segment.s_vid.as_ref()))
        .or(differs(
            "base C-VID",
            request.base_c_vid.as_ref(),
            segment.c_vid.as_ref(),
        ))
        .or(differs("VNI", request.vni.as_ref(), segment.vni.as_ref()))
        .or(differs(
            "datacenter",
            request.datacenter.as_ref(),
            segment.datacenter.as_ref(),
        ))
        .or_else(|| match (request.mac_limit, segment.mac_limit) {
            (Some(asked), present) if present != Some(asked) => Some(match present {
                Some(present) => format!("MAC limit {present}"),
                None => "the MAC limit of its tenant".to_owned(),
            }),
            _ => None,
        })
}

fn differs<T: PartialEq + std::fmt::Display>(
    what: &str,
    asked: Option<&T>,
    present: Option<&T>,
) -> Option<String> {
    let (asked, present) = (asked?, present?);
    (asked != present).then(|| format!("{what} {present}"))
}
