//! Adding a segment that has no ends yet; removing a segment, or a tenant, with all its ends.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::find::{
    check_unnamed, known_datacenter, no_free_number, prune_tenant, refuse, segment_at, segment_place,
    tenant_at, tenant_or_new,
};
use super::{Edited, Outcome};
use crate::allocate::allocate;
use crate::error::codes;
use crate::model::{Document, MacLimit, Name, Segment, ServiceVid, Vni};

/// Makes a segment before anything is attached to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SegmentAdd {
    /// Whose it becomes; made if new.
    pub tenant: Name,
    /// Unique in the fabric.
    pub name: Name,
    /// Whose ranges its numbers come from.
    #[serde(default)]
    pub datacenter: Option<Name>,
    /// Outer tag.
    #[serde(default)]
    pub s_vid: Option<ServiceVid>,
    /// Base C-VID.
    #[serde(default)]
    pub c_vid: Option<ServiceVid>,
    /// Identifier on VXLAN links.
    #[serde(default)]
    pub vni: Option<Vni>,
    /// MAC addresses in this segment.
    #[serde(default)]
    pub mac_limit: Option<MacLimit>,
}

/// What [`segment_add`] did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentAdded {
    /// False if all of it was so before.
    pub changed: bool,
    /// Whose it is.
    pub tenant: Name,
    /// Its name.
    pub segment: Name,
    /// Outer tag.
    pub s_vid: ServiceVid,
    /// Inner tag of frames for everybody.
    pub base_c_vid: ServiceVid,
    /// Identifier on VXLAN links, if it has one.
    pub vni: Option<Vni>,
    /// The fabric chose the S-VID or the base C-VID now.
    pub allocated: bool,
    /// The tenant is new.
    pub new_tenant: bool,
}

/// Removes a segment with all its ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SegmentRemove {
    /// The segment's name.
    pub name: Name,
}

/// Removes a tenant with all its segments.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TenantRemove {
    /// The tenant's name.
    pub name: Name,
}

/// What [`segment_remove`] or [`tenant_remove`] took away.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Removed {
    /// Whose it was.
    pub tenant: Name,
    /// Segments that went.
    pub segments: Vec<Name>,
    /// How many attachments went with them.
    pub attachments: usize,
    /// How many remotes went with them.
    pub remotes: usize,
    /// The tenant went too.
    pub removed_tenant: bool,
}

/// Adds a segment, and its tenant if that is new.
///
/// # Errors
/// The segment exists with other settings or another owner, the datacenter is unknown or cannot be told, or no
/// numbers are left.
pub fn segment_add(document: &Document, request: &SegmentAdd) -> Outcome<SegmentAdded> {
    if let Some(place) = segment_place(document, &request.name) {
        return existing(document, request, place);
    }
    match &request.datacenter {
        Some(name) => known_datacenter(document, name)?,
        None if document.datacenters.len() == 1 => {}
        None => {
            let sentence = format!(
                "segment {} needs a datacenter, whose numbers it uses",
                request.name
            );
            return Err(refuse(
                codes::NO_DATACENTER,
                sentence,
                "name it with --datacenter; fabric datacenter list shows the datacenters",
            ));
        }
    }
    let mut document = document.clone();
    let (tenant, new_tenant) = tenant_or_new(&mut document, &request.tenant);
    document.tenants[tenant].segments.push(Segment {
        datacenter: request.datacenter.clone(),
        s_vid: request.s_vid,
        c_vid: request.c_vid,
        vni: request.vni,
        mac_limit: request.mac_limit,
        ..Segment::named(request.name.clone())
    });
    let allocated = allocate(&mut document).contains(&request.name);
    let segment =
        segment_place(&document, &request.name).map(|(tenant, at)| &document.tenants[tenant].segments[at]);
    let answer = segment
        .and_then(|segment| answer(segment, request))
        .ok_or_else(|| no_free_number(&request.name))?;
    Ok(Edited::new(
        document,
        SegmentAdded {
            allocated,
            new_tenant,
            ..answer
        },
    ))
}

fn existing(
    document: &Document,
    request: &SegmentAdd,
    (tenant, at): (usize, usize),
) -> Outcome<SegmentAdded> {
    let (owner, segment) = (
        &document.tenants[tenant].name,
        &document.tenants[tenant].segments[at],
    );
    let name = &request.name;
    if *owner != request.tenant {
        let sentence = format!("segment {name} belongs to tenant {owner}");
        return Err(refuse(codes::SEGMENT_TAKEN, sentence, "choose another name"));
    }
    let same = request
        .datacenter
        .iter()
        .all(|asked| segment.datacenter.as_ref() == Some(asked))
        && request.s_vid.iter().all(|asked| segment.s_vid == Some(*asked))
        && request.c_vid.iter().all(|asked| segment.c_vid == Some(*asked))
        && request.vni.iter().all(|asked| segment.vni == Some(*asked))
        && request
            .mac_limit
            .iter()
            .all(|asked| segment.mac_limit == Some(*asked));
    match answer(segment, request).filter(|_| same) {
        Some(answer) => Ok(Edited::new(
            document.clone(),
            SegmentAdded {
                changed: false,
                ..answer
            },
        )),
        None => Err(refuse(
            codes::SEGMENT_EXISTS,
            format!("tenant {owner} has a segment {name} with other settings"),
            format!("fabric segment show {name} tells them; to begin anew: fabric segment remove {name}"),
        )),
    }
}

fn answer(segment: &Segment, request: &SegmentAdd) -> Option<SegmentAdded> {
    Some(SegmentAdded {
        changed: true,
        tenant: request.tenant.clone(),
        segment: segment.name.clone(),
        s_vid: segment.s_vid?,
        base_c_vid: segment.c_vid?,
        vni: segment.vni,
        allocated: false,
        new_tenant: false,
    })
}

/// Removes a segment, and its tenant if that has no other.
///
/// # Errors
/// There is no such segment.
pub fn segment_remove(document: &Document, request: &SegmentRemove) -> Outcome<Removed> {
    let (tenant, at) = segment_at(document, &request.name)?;
    check_unnamed(document, std::iter::once(&document.tenants[tenant].segments[at]))?;
    let mut document = document.clone();
    let name = document.tenants[tenant].name.clone();
    let segment = document.tenants[tenant].segments.remove(at);
    let removed_tenant = prune_tenant(&mut document, tenant);
    let answer = removed(name, &[segment], removed_tenant);
    Ok(Edited::new(document, answer))
}

/// Removes a tenant.
///
/// # Errors
/// There is no such tenant.
pub fn tenant_remove(document: &Document, request: &TenantRemove) -> Outcome<Removed> {
    let at = tenant_at(document, &request.name)?;
    check_unnamed(document, document.tenants[at].segments.iter())?;
    let mut document = document.clone();
    let tenant = document.tenants.remove(at);
    let answer = removed(tenant.name.clone(), &tenant.segments, true);
    Ok(Edited::new(document, answer))
}

fn removed(tenant: Name, segments: &[Segment], removed_tenant: bool) -> Removed {
    Removed {
        tenant,
        segments: segments.iter().map(|segment| segment.name.clone()).collect(),
        attachments: segments.iter().map(|segment| segment.attachments.len()).sum(),
        remotes: segments.iter().map(|segment| segment.remotes.len()).sum(),
        removed_tenant,
    }
}
