//! Foreign VTEPs as ends of a segment, each named by the link that leads to it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::find::{no_free_number, prune, refuse, segment_at};
use super::{Edited, Outcome};
use crate::allocate::allocate;
use crate::error::{Refusal, codes};
use crate::model::{Document, Name, Remote, Segment, ServiceVid, Vni};

/// Makes a foreign VTEP an end of a segment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RemoteAdd {
    /// The segment's name.
    pub segment: Name,
    /// A VXLAN link with a foreign end.
    pub link: Name,
    /// Inner tag, on trunks, of frames for this end.
    #[serde(default)]
    pub c_vid: Option<ServiceVid>,
    /// VNI of the segment, if it has none yet.
    #[serde(default)]
    pub vni: Option<Vni>,
}

/// Takes a foreign VTEP out of a segment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RemoteRemove {
    /// The segment's name.
    pub segment: Name,
    /// The link that leads there.
    pub link: Name,
}

/// What [`remote_add`] or [`remote_remove`] did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemoteChanged {
    /// False if all of it was so before.
    pub changed: bool,
    /// The segment's name.
    pub segment: Name,
    /// The link that leads there.
    pub link: Name,
    /// Inner tag, on trunks, of frames for this end.
    pub c_vid: Option<ServiceVid>,
    /// Identifier on VXLAN links.
    pub vni: Option<Vni>,
    /// It was the last end, and the segment went too.
    pub removed_segment: bool,
    /// It was the tenant's last segment, and the tenant went too.
    pub removed_tenant: bool,
}

/// Adds a remote.
///
/// # Errors
/// There is no such segment or link, the segment has another VNI, or no numbers are left.
pub fn remote_add(document: &Document, request: &RemoteAdd) -> Outcome<RemoteChanged> {
    let (tenant, at) = segment_at(document, &request.segment)?;
    let RemoteAdd {
        segment: name, link, ..
    } = request;
    if !document.links.iter().any(|known| known.name == *link) {
        let sentence = format!("the fabric has no link {link}");
        return Err(refuse(
            codes::UNKNOWN_LINK,
            sentence,
            "fabric link list shows the links",
        ));
    }
    let mut document = document.clone();
    let segment = &mut document.tenants[tenant].segments[at];
    let changed = insert(segment, request)?;
    allocate(&mut document);
    let segment = &document.tenants[tenant].segments[at];
    let c_vid = segment
        .remotes
        .iter()
        .find(|remote| remote.link == *link)
        .and_then(|remote| remote.c_vid);
    if c_vid.is_none() || segment.vni.is_none() {
        return Err(no_free_number(name));
    }
    let answer = RemoteChanged {
        changed,
        segment: name.clone(),
        link: link.clone(),
        c_vid,
        vni: segment.vni,
        removed_segment: false,
        removed_tenant: false,
    };
    Ok(Edited::new(document, answer))
}

/// Adds the remote; false if it is there already.
fn insert(segment: &mut Segment, request: &RemoteAdd) -> Result<bool, Refusal> {
    let known = segment.remotes.iter().find(|remote| remote.link == request.link);
    let c_vid = known.and_then(|remote| remote.c_vid);
    let keeps_c_vid = request.c_vid.is_none() || c_vid.is_none() || request.c_vid == c_vid;
    let keeps_vni = request.vni.is_none() || segment.vni.is_none() || request.vni == segment.vni;
    if !keeps_c_vid || !keeps_vni {
        let sentence = format!(
            "segment {} has another C-VID or VNI for link {} already",
            segment.name, request.link
        );
        return Err(refuse(
            codes::NUMBER_FIXED,
            sentence,
            "leave --c-vid and --vni out",
        ));
    }
    let is_new = known.is_none();
    if is_new {
        segment.remotes.push(Remote {
            link: request.link.clone(),
            c_vid: request.c_vid,
            stations: Vec::new(),
        });
    }
    segment.vni = segment.vni.or(request.vni);
    Ok(is_new)
}

/// Removes a remote; a segment with nothing left in it goes, and a tenant with no segment left.
///
/// # Errors
/// There is no such segment, or it has no such remote.
pub fn remote_remove(document: &Document, request: &RemoteRemove) -> Outcome<RemoteChanged> {
    let (tenant, at) = segment_at(document, &request.segment)?;
    let RemoteRemove { segment: name, link } = request;
    let mut document = document.clone();
    let segment = &mut document.tenants[tenant].segments[at];
    let Some(remote) = segment.remotes.iter().position(|remote| remote.link == *link) else {
        let sentence = format!("segment {name} has no remote by link {link}");
        return Err(refuse(
            codes::NOT_ATTACHED,
            sentence,
            format!("fabric segment show {name} lists its ends"),
        ));
    };
    let (remote, vni) = (segment.remotes.remove(remote), segment.vni);
    let (removed_segment, removed_tenant) = prune(&mut document, (tenant, at));
    let answer = RemoteChanged {
        changed: true,
        segment: name.clone(),
        link: link.clone(),
        c_vid: remote.c_vid,
        vni,
        removed_segment,
        removed_tenant,
    };
    Ok(Edited::new(document, answer))
}
