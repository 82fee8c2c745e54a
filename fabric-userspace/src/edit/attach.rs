//! Attaching a port and VLAN to a segment; tenant, segment and numbers that are not there yet are made on the way.

mod checks;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::find::{
    detach_command, known_datacenter, new_tenant, no_free_number, node_at, refuse, tenant_or_new,
};
use super::known::Known;
use super::{Edited, Outcome};
use crate::error::{Refusal, codes};
use crate::model::{Attachment, Document, IfName, MacLimit, Name, Segment, ServiceVid, Station, Vlan, Vni};
use checks::{already_there, beside_others, carries_no_link, segment_fits};

/// Puts a port and VLAN into a segment of a tenant; tenant and segment are made if they are new.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Attach {
    /// Whose it becomes.
    pub tenant: Name,
    /// Node of the port.
    pub node: Name,
    /// Access port.
    pub port: IfName,
    /// Which frames of the port.
    pub vlan: Vlan,
    /// `TENANT-v10`, `TENANT` for untagged, `TENANT-any` if absent.
    #[serde(default)]
    pub segment: Option<Name>,
    /// Datacenter of a new segment.
    #[serde(default)]
    pub datacenter: Option<Name>,
    /// Outer tag of the segment.
    #[serde(default)]
    pub s_vid: Option<ServiceVid>,
    /// Base C-VID of the segment.
    #[serde(default)]
    pub base_c_vid: Option<ServiceVid>,
    /// C-VID of this attachment.
    #[serde(default)]
    pub c_vid: Option<ServiceVid>,
    /// VNI of the segment.
    #[serde(default)]
    pub vni: Option<Vni>,
    /// MAC limit of the segment.
    #[serde(default)]
    pub mac_limit: Option<MacLimit>,
    /// Machines that are known to be there.
    #[serde(default)]
    pub stations: Vec<Station>,
}

/// What [`attach`] did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attached {
    /// False if all of it was so before.
    pub changed: bool,
    /// Whose it is.
    pub tenant: Name,
    /// Node of the port.
    pub node: Name,
    /// Access port.
    pub port: IfName,
    /// Which frames of the port.
    pub vlan: Vlan,
    /// Segment that they belong to.
    pub segment: Name,
    /// Outer tag.
    pub s_vid: ServiceVid,
    /// Inner tag of frames for everybody.
    pub base_c_vid: ServiceVid,
    /// Inner tag of frames for this end.
    pub c_vid: ServiceVid,
    /// Identifier on VXLAN links, if the segment has one.
    pub vni: Option<Vni>,
    /// The fabric chose the S-VID or the base C-VID now.
    pub allocated: bool,
    /// The tenant is new.
    pub new_tenant: bool,
    /// The segment is new.
    pub new_segment: bool,
    /// Command that takes it back.
    pub undo: String,
}

impl Attach {
    /// An attachment with every option left to the fabric.
    pub fn new(tenant: Name, node: Name, port: IfName, vlan: Vlan) -> Self {
        Self {
            tenant,
            node,
            port,
            vlan,
            segment: None,
            datacenter: None,
            s_vid: None,
            base_c_vid: None,
            c_vid: None,
            vni: None,
            mac_limit: None,
            stations: Vec::new(),
        }
    }

    fn segment_name(&self) -> Result<Name, Refusal> {
        if let Some(name) = &self.segment {
            return Ok(name.clone());
        }
        let name = match self.vlan {
            Vlan::Untagged => self.tenant.to_string(),
            Vlan::Any => format!("{}-any", self.tenant),
            Vlan::Tagged(vid) => format!("{}-v{vid}", self.tenant),
        };
        Name::new(&name).map_err(|_| {
            let sentence = format!("the segment's name would be {name}, longer than 63 characters");
            refuse(codes::NAME_TOO_LONG, sentence, "choose one: --segment NAME")
        })
    }

    fn what(&self) -> String {
        format!("{} {}", self.port, self.vlan)
    }
}

/// Attaches a port and VLAN.
///
/// # Errors
/// The node is unknown, the port or VLAN is taken, the segment is another tenant's or has other settings, or no
/// numbers are left.
pub fn attach(document: &Document, request: &Attach) -> Outcome<Attached> {
    attach_knowing(document, request, &mut Known::nothing())
}

/// [`attach`] that looks at all tenants only for what is known to be there.
pub(crate) fn attach_knowing(
    document: &Document,
    request: &Attach,
    known: &mut Known<'_>,
) -> Outcome<Attached> {
    node_at(document, &request.node)?;
    if let Some(name) = &request.datacenter {
        known_datacenter(document, name)?;
    }
    let Attach { node, port, vlan, .. } = request;
    if known.may(|ledger| ledger.has_end(node, port, *vlan))
        && let Some(attached) = already_there(document, request)?
    {
        return Ok(Edited::new(document.clone(), attached));
    }
    carries_no_link(document, request)?;
    if known.may(|ledger| match vlan {
        Vlan::Any => ledger.is_used(node, port),
        Vlan::Untagged | Vlan::Tagged(_) => ledger.has_end(node, port, Vlan::Any),
    }) {
        beside_others(document, request)?;
    }
    let name = request.segment_name()?;
    if known.may(|ledger| ledger.has_segment(&name)) {
        segment_fits(document, request, &name)?;
    }

    let mut document = document.clone();
    let (tenant, new_tenant) = if known.may(|ledger| ledger.has_tenant(&request.tenant)) {
        tenant_or_new(&mut document, &request.tenant)
    } else {
        (new_tenant(&mut document, &request.tenant), true)
    };
    let (segment, new_segment) = insert(&mut document.tenants[tenant].segments, request, &name);
    let allocated = known.allocate(&mut document, tenant).contains(&name);
    let answer = answer(&document, request, (tenant, segment)).ok_or_else(|| no_free_number(&name))?;
    Ok(Edited::new(
        document,
        Attached {
            allocated,
            new_tenant,
            new_segment,
            ..answer
        },
    ))
}

/// Adds the attachment. The position of its segment, and whether that is new.
fn insert(segments: &mut Vec<Segment>, request: &Attach, name: &Name) -> (usize, bool) {
    let known = segments.iter().position(|segment| segment.name == *name);
    let at = known.unwrap_or(segments.len());
    if known.is_none() {
        segments.push(Segment::named(name.clone()));
    }
    let segment = &mut segments[at];
    segment.datacenter = segment.datacenter.take().or_else(|| request.datacenter.clone());
    segment.s_vid = segment.s_vid.or(request.s_vid);
    segment.c_vid = segment.c_vid.or(request.base_c_vid);
    segment.vni = segment.vni.or(request.vni);
    if known.is_none() {
        segment.mac_limit = request.mac_limit;
    }
    segment.attachments.push(Attachment {
        node: request.node.clone(),
        port: request.port.clone(),
        vlan: request.vlan,
        c_vid: request.c_vid,
        stations: request.stations.clone(),
    });
    (at, known.is_none())
}

/// What the document says about the attachment, as if it was just made; `None` without numbers.
fn answer(document: &Document, request: &Attach, (tenant, segment): (usize, usize)) -> Option<Attached> {
    let segment = document.tenants.get(tenant)?.segments.get(segment)?;
    let end = segment
        .attachments
        .iter()
        .find(|end| end.node == request.node && end.port == request.port)?;
    Some(Attached {
        changed: true,
        tenant: request.tenant.clone(),
        node: request.node.clone(),
        port: request.port.clone(),
        vlan: request.vlan,
        segment: segment.name.clone(),
        s_vid: segment.s_vid?,
        base_c_vid: segment.c_vid?,
        c_vid: end.c_vid?,
        vni: segment.vni,
        allocated: false,
        new_tenant: false,
        new_segment: false,
        undo: detach_command(
            document,
            &request.tenant,
            (&request.node, &request.port, request.vlan),
        ),
    })
}
