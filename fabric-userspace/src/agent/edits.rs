//! The verbs of the command line, carried out on the document in force.

mod held;
mod plant;

pub(super) use held::{fill, held};
use held::{with_stand_in, without};

use super::change;
use super::core::Core;
use super::server::Shared;
use crate::allocate::allocate;
use crate::api;
use crate::edit::{
    Attach, Detach, Detached, Known, PortSet, SegmentAdd, SegmentRemove, StationAdd, StationPlace,
    StationRemove, TenantRemove, attach_knowing, detach, port_set, segment_add, segment_remove, station_add,
    station_remove, tenant_remove,
};
use crate::error::{Refusal, codes};
use crate::model::{Document, MacLimit, Name, ServiceVid, Station, Vni};
use crate::store::Terms;
use crate::store::etcd::Held;

/// A changed document and how to tell of it.
struct Done {
    document: Document,
    /// The command, for the history.
    cause: String,
    notes: Vec<String>,
    undo: Option<String>,
}

/// A number of the request as one of the document.
fn number<T, N: Copy, E: std::fmt::Display>(
    what: &str,
    new: impl Fn(N) -> Result<T, E>,
    value: Option<N>,
) -> Result<Option<T>, Refusal> {
    let wrong = |error: E| {
        Refusal::new(codes::BAD_VALUE, format!("{what}: {error}"))
            .with_cure("leave it out, and one is chosen")
    };
    value.map(|value| new(value).map_err(wrong)).transpose()
}

/// Carries an edit out. The caller holds [`Shared::changes`], and not the core.
///
/// # Errors
/// When it is refused; nothing has changed then.
pub(super) async fn edit(shared: &Shared, edit: &api::Edit) -> Result<api::Applied, Refusal> {
    let held = held(shared).await;
    let done = shared.core.lock().await.edited(edit, &held);
    let done = done.map_err(Refusal::unchanged)?;
    let mut applied = change::apply(shared, done.document, &done.cause, Terms::Final).await?;
    // What was so already is not told as if it had been done.
    if applied.plan.from_revision != applied.plan.to_revision {
        applied.notes.splice(0..0, done.notes);
    }
    if done.undo.is_some() {
        applied.undo = done.undo;
    }
    Ok(applied)
}

impl Core {
    /// What an edit would do.
    ///
    /// # Errors
    /// Whatever [`edit`] would refuse it for.
    pub(super) async fn plan_edit(&mut self, edit: &api::Edit, held: &[Held]) -> Result<api::Plan, Refusal> {
        let done = self.edited(edit, held).map_err(Refusal::unchanged)?;
        self.plan(done.document).await
    }

    fn edited(&mut self, edit: &api::Edit, held: &[Held]) -> Result<Done, Refusal> {
        let tenant = if let api::Edit::Attach { tenant, .. } | api::Edit::AddSegment { tenant, .. } = edit {
            Some(tenant)
        } else {
            None
        };
        let mut clients = 0;
        if let api::Edit::RemoveStorage {
            storage,
            force: false,
        } = edit
        {
            clients = self.clients_of_removed(storage)?;
        }
        // If anything fails it begins anew.
        let mut ledger = std::mem::take(&mut self.ledger);
        let is_complete = self.valid.is_complete();
        let Some((document, stand_in)) = with_stand_in(self.document(), held, tenant) else {
            let document = self.document();
            let done = self.changed(
                document,
                edit,
                clients,
                Known::of(document, &mut ledger, is_complete),
            );
            self.ledger = ledger;
            return done;
        };
        let known = Known::of(&document, &mut ledger, is_complete);
        let done = self.changed(&document, edit, clients, known);
        self.ledger = ledger;
        done.map(|mut done| {
            if tenant.is_none() {
                // Segments that need more numbers now get none that wait to be free.
                allocate(&mut done.document);
            }
            Done {
                document: without(done.document, &stand_in),
                ..done
            }
        })
    }

    fn changed(
        &self,
        document: &Document,
        edit: &api::Edit,
        clients: u64,
        known: Known<'_>,
    ) -> Result<Done, Refusal> {
        let here = |node: &Option<Name>| node.clone().unwrap_or_else(|| self.node.clone());
        match edit {
            api::Edit::Attach { .. } => self.attached(document, edit, known),
            api::Edit::Detach {
                tenant,
                node,
                port,
                vlan,
            } => {
                let verb = Detach {
                    tenant: tenant.clone(),
                    node: here(node),
                    port: port.clone(),
                    vlan: *vlan,
                };
                let edited = detach(document, &verb)?;
                let answer = edited.answer;
                let what = format!("{}{port} {}", self.at(node.as_ref()), vlan_words(*vlan));
                let mut notes = vec![format!(
                    "detached {tenant}: {what} left segment {}",
                    answer.segment
                )];
                notes.extend(went_too(&answer));
                Ok(Done {
                    document: edited.document,
                    cause: format!(
                        "tenant detach {tenant}{} --port {port} {}",
                        flag("node", node.as_ref()),
                        vlan_flag(*vlan)
                    ),
                    notes,
                    undo: None,
                })
            }
            api::Edit::RemoveTenant { tenant } => {
                let edited = tenant_remove(document, &TenantRemove { name: tenant.clone() })?;
                let segments = edited.answer.segments.len();
                let plural = if segments == 1 { "" } else { "s" };
                let note = format!("removed tenant {tenant}: {segments} segment{plural}");
                Ok(Done::new(
                    edited.document,
                    format!("tenant remove {tenant}"),
                    note,
                ))
            }
            api::Edit::AddSegment {
                tenant,
                segment,
                datacenter,
                s_vid,
                c_vid,
                vni,
                mac_limit,
            } => {
                let verb = SegmentAdd {
                    tenant: tenant.clone(),
                    name: segment.clone(),
                    datacenter: datacenter.clone(),
                    s_vid: number("the S-VID", ServiceVid::new, *s_vid)?,
                    c_vid: number("the C-VID", ServiceVid::new, *c_vid)?,
                    vni: number("the VNI", Vni::new, *vni)?,
                    mac_limit: number("the limit of addresses", MacLimit::new, *mac_limit)?,
                };
                let edited = segment_add(document, &verb)?;
                let answer = edited.answer;
                let note = format!(
                    "added segment {segment} of {tenant}: S-VID {}, base C-VID {}",
                    answer.s_vid, answer.base_c_vid
                );
                Ok(Done::new(
                    edited.document,
                    format!("segment add {segment} --tenant {tenant}"),
                    note,
                ))
            }
            api::Edit::RemoveSegment { segment } => {
                let edited = segment_remove(
                    document,
                    &SegmentRemove {
                        name: segment.clone(),
                    },
                )?;
                let note = format!(
                    "removed segment {segment}: {} attachments",
                    edited.answer.attachments
                );
                Ok(Done::new(
                    edited.document,
                    format!("segment remove {segment}"),
                    note,
                ))
            }
            api::Edit::SetPort {
                node,
                port,
                drop_group_source,
                tunnel_lldp,
            } => {
                let verb = PortSet {
                    node: here(node),
                    port: port.clone(),
                    drop_group_source: *drop_group_source,
                    tunnel_lldp: *tunnel_lldp,
                };
                let edited = port_set(document, &verb)?;
                let options = edited.answer.new;
                let note = format!(
                    "set {}{port}: drop-group-source {}, tunnel-lldp {}",
                    self.at(node.as_ref()),
                    on_off(options.drop_group_source),
                    on_off(options.tunnel_lldp)
                );
                let options = [
                    flag("node", node.as_ref()),
                    flag("drop-group-source", drop_group_source.map(on_off)),
                    flag("tunnel-lldp", tunnel_lldp.map(on_off)),
                ];
                let cause = format!("port set {port}{}", options.concat());
                Ok(Done::new(edited.document, cause, note))
            }
            api::Edit::AddStation {
                segment,
                mac,
                node,
                port,
                link,
                name,
                c_vid,
            } => {
                let place = match (port, link) {
                    (Some(port), None) => StationPlace::Port {
                        node: here(node),
                        port: port.clone(),
                    },
                    (None, Some(link)) => StationPlace::Link(link.clone()),
                    _ => {
                        return Err(Refusal::new(
                            codes::USAGE,
                            "a station is behind a port or behind a link",
                        )
                        .with_cure("give one of --port PORT and --link LINK"));
                    }
                };
                let verb = StationAdd {
                    segment: segment.clone(),
                    place,
                    mac: *mac,
                    name: name.clone(),
                    c_vid: number("the C-VID", ServiceVid::new, *c_vid)?,
                };
                let edited = station_add(document, &verb)?;
                let note = format!("added station {mac} to segment {segment}");
                Ok(Done::new(
                    edited.document,
                    format!("fdb add {mac} --segment {segment}"),
                    note,
                ))
            }
            api::Edit::AddDatacenter { .. }
            | api::Edit::RemoveDatacenter { .. }
            | api::Edit::AddNode { .. }
            | api::Edit::RemoveNode { .. }
            | api::Edit::AddLink { .. }
            | api::Edit::RemoveLink { .. }
            | api::Edit::AddStorage { .. }
            | api::Edit::RemoveStorage { .. }
            | api::Edit::AddGateway { .. }
            | api::Edit::RemoveGateway { .. }
            | api::Edit::SetLink { .. } => self.planted(document, edit, clients),
            api::Edit::RemoveStation { segment, mac } => {
                let edited = station_remove(
                    document,
                    &StationRemove {
                        segment: segment.clone(),
                        mac: *mac,
                    },
                )?;
                let note = format!("removed station {mac} from segment {segment}");
                Ok(Done::new(
                    edited.document,
                    format!("fdb remove {mac} --segment {segment}"),
                    note,
                ))
            }
        }
    }

    fn attached(&self, document: &Document, edit: &api::Edit, mut known: Known<'_>) -> Result<Done, Refusal> {
        let api::Edit::Attach {
            tenant,
            node,
            port,
            vlan,
            segment,
            s_vid,
            c_vid,
            vni,
            mac_limit,
            stations,
        } = edit
        else {
            return Err(Refusal::new(codes::BUG, "not an attachment"));
        };
        let (at, of_node) = (self.at(node.as_ref()), flag("node", node.as_ref()));
        let node = node.clone().unwrap_or_else(|| self.node.clone());
        let station = |mac| Station {
            name: None,
            mac,
            c_vid: None,
        };
        let verb = Attach {
            segment: segment.clone(),
            s_vid: number("the S-VID", ServiceVid::new, *s_vid)?,
            base_c_vid: number("the C-VID", ServiceVid::new, *c_vid)?,
            vni: number("the VNI", Vni::new, *vni)?,
            mac_limit: number("the limit of addresses", MacLimit::new, *mac_limit)?,
            stations: stations.iter().copied().map(station).collect(),
            ..Attach::new(tenant.clone(), node, port.clone(), *vlan)
        };
        let edited = attach_knowing(document, &verb, &mut known)?;
        let answer = edited.answer;
        let mut segments = edited.document.tenants.iter().flat_map(|tenant| &tenant.segments);
        let segment = segments.find(|segment| segment.name == answer.segment);
        let is_alone = segment.is_some_and(|one| one.attachments.len() + one.remotes.len() == 1);
        let allocated = if answer.allocated { " (allocated)" } else { "" };
        let note = format!(
            "attached {tenant}: {at}{port} {} -> segment {}, S-VID {}, base C-VID {}{allocated}",
            vlan_words(*vlan),
            answer.segment,
            answer.s_vid,
            answer.base_c_vid
        );
        Ok(Done {
            // To detach the only end takes the segment away, which is more than was done where it was there before.
            undo: (answer.changed && (answer.new_segment || !is_alone)).then_some(answer.undo),
            ..Done::new(
                edited.document,
                format!(
                    "tenant attach {tenant}{of_node} --port {port} {}",
                    vlan_flag(*vlan)
                ),
                note,
            )
        })
    }
}

impl Core {
    /// Another node's name in front of what is there.
    fn at(&self, node: Option<&Name>) -> String {
        let other = node.filter(|node| **node != self.node);
        other.map(|node| format!("{node} ")).unwrap_or_default()
    }
}

/// What a detached end was the last of.
fn went_too(answer: &Detached) -> Vec<String> {
    let Detached { segment, tenant, .. } = answer;
    let mut notes = Vec::new();
    if answer.stations > 0 {
        notes.push(format!("{} static stations went with it", answer.stations));
    }
    if answer.removed_segment {
        notes.push(format!(
            "segment {segment} has no end left and is removed with its numbers"
        ));
    }
    if answer.removed_tenant {
        notes.push(format!("tenant {tenant} has no segment left and is removed"));
    }
    notes
}

/// An option of the command line, if it was given.
fn flag(name: &str, value: Option<impl std::fmt::Display>) -> String {
    value
        .map(|value| format!(" --{name} {value}"))
        .unwrap_or_default()
}

impl Done {
    fn new(document: Document, cause: String, note: String) -> Self {
        Self {
            document,
            cause,
            notes: vec![note],
            undo: None,
        }
    }
}

fn on_off(set: bool) -> &'static str {
    if set { "on" } else { "off" }
}

/// As people say it: `vlan 10`, `untagged`, `any`.
pub(super) fn vlan_words(vlan: crate::model::Vlan) -> String {
    match vlan {
        crate::model::Vlan::Tagged(vid) => format!("vlan {}", vid.get()),
        crate::model::Vlan::Untagged | crate::model::Vlan::Any => vlan.to_string(),
    }
}

fn vlan_flag(vlan: crate::model::Vlan) -> String {
    match vlan {
        crate::model::Vlan::Tagged(vid) => format!("--vlan {}", vid.get()),
        crate::model::Vlan::Untagged => "--untagged".to_owned(),
        crate::model::Vlan::Any => "--any".to_owned(),
    }
}
