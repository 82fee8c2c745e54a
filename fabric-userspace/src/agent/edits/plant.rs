//! Datacenters, nodes and links.

use std::sync::Arc;

use super::Done;
use crate::agent::core::Core;
use crate::api;
use crate::edit::{
    Edited, Planted, datacenter_add, datacenter_remove, gateway_add, gateway_remove, link_add, link_remove,
    link_set, node_add, node_remove, storage_add, storage_remove,
};
use crate::error::{Refusal, codes};
use crate::model::{Datacenter, Document, Link, Name};
use crate::validate::{LinkIx, ValidSegment};

impl Core {
    /// The document after an edit of what the operator owns.
    /// `clients` are those of the storage machine that goes, if one does.
    pub(super) fn planted(
        &self,
        document: &Document,
        edit: &api::Edit,
        clients: u64,
    ) -> Result<Done, Refusal> {
        match edit {
            api::Edit::AddDatacenter { datacenter } => {
                let added = datacenter_add(document, datacenter)?;
                Ok(done(
                    added,
                    "datacenter add",
                    &added_datacenter(datacenter),
                    Some("datacenter remove"),
                ))
            }
            api::Edit::RemoveDatacenter { datacenter } => {
                let note = format!("removed datacenter {datacenter}");
                Ok(done(
                    datacenter_remove(document, datacenter)?,
                    "datacenter remove",
                    &note,
                    None,
                ))
            }
            api::Edit::AddNode { node } => {
                let note = format!("added node {} to datacenter {}", node.name, node.datacenter);
                Ok(done(
                    node_add(document, node)?,
                    "node add",
                    &note,
                    Some("node remove"),
                ))
            }
            api::Edit::RemoveNode { node } => {
                let note = format!("removed node {node}");
                Ok(done(node_remove(document, node)?, "node remove", &note, None))
            }
            api::Edit::AddLink { link } => Ok(done(
                link_add(document, link)?,
                "link add",
                &added_link(link),
                Some("link remove"),
            )),
            api::Edit::RemoveLink { link } => {
                let note = format!("removed link {link}");
                Ok(done(link_remove(document, link)?, "link remove", &note, None))
            }
            api::Edit::AddStorage { storage } => {
                let note = format!(
                    "added storage machine {} with {} members",
                    storage.name,
                    storage.members.len()
                );
                Ok(done(
                    storage_add(document, storage)?,
                    "storage add",
                    &note,
                    Some("storage remove"),
                ))
            }
            api::Edit::RemoveStorage { storage, .. } => {
                let note = format!("removed storage machine {storage}");
                let edited = storage_remove(document, storage, clients)?;
                Ok(done(edited, "storage remove", &note, None))
            }
            api::Edit::AddGateway { gateway } => {
                let segments = gateway.segments.len();
                let note = format!(
                    "added gateway {} of {segments} segments to tenant {}",
                    gateway.name, gateway.tenant
                );
                Ok(done(
                    gateway_add(document, gateway)?,
                    "gateway add",
                    &note,
                    Some("gateway remove"),
                ))
            }
            api::Edit::RemoveGateway { gateway } => {
                let note = format!("removed gateway {gateway}");
                Ok(done(
                    gateway_remove(document, gateway)?,
                    "gateway remove",
                    &note,
                    None,
                ))
            }
            api::Edit::SetLink { link, down } => {
                let edited = link_set(document, link, *down)?;
                if *down {
                    let note = format!("took link {link} out of service");
                    let mut done = done(edited, "link down", &note, Some("link up"));
                    if !done.notes.is_empty() {
                        done.notes.extend(self.parted_by(link));
                    }
                    Ok(done)
                } else {
                    Ok(done(
                        edited,
                        "link up",
                        &format!("link {link} is in service again"),
                        Some("link down"),
                    ))
                }
            }
            api::Edit::Attach { .. }
            | api::Edit::Detach { .. }
            | api::Edit::RemoveTenant { .. }
            | api::Edit::AddSegment { .. }
            | api::Edit::RemoveSegment { .. }
            | api::Edit::SetPort { .. }
            | api::Edit::AddStation { .. }
            | api::Edit::RemoveStation { .. } => {
                Err(Refusal::new(codes::BUG, "not an edit of what the operator owns"))
            }
        }
    }
}

impl Core {
    /// Inside of a datacenter nothing takes over for a link that is out of service.
    fn parted_by(&self, link: &Name) -> Option<String> {
        let valid = &self.valid;
        let at = valid.links().iter().position(|known| known.name == *link)?;
        let is_on_the_way = |segment: &&Arc<ValidSegment>| {
            let reached = valid.routes().reached(valid.nodes(), segment);
            valid.tree().all_member_links(&reached).contains(&LinkIx::new(at))
        };
        let parted: Vec<&str> = valid
            .segments()
            .iter()
            .filter(is_on_the_way)
            .map(|segment| segment.name.as_str())
            .collect();
        let (first, more) = parted.split_first()?;
        let more = match more.len() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        Some(format!(
            "nothing takes over for segment {first}{more}; if other links lead there: fabric link remove {link}"
        ))
    }
}

/// What was done, told only if it was not so before.
fn done(edited: Edited<Planted>, verb: &str, note: &str, back: Option<&str>) -> Done {
    let Planted { changed, name } = edited.answer;
    let undo = back
        .filter(|_| changed)
        .map(|verb| format!("fabric {verb} {name}"));
    let notes = changed.then(|| note.to_owned());
    Done {
        document: edited.document,
        cause: format!("{verb} {name}"),
        notes: notes.into_iter().collect(),
        undo,
    }
}

fn added_datacenter(datacenter: &Datacenter) -> String {
    let Datacenter {
        name,
        id,
        s_vids,
        c_vids,
        ..
    } = datacenter;
    format!("added datacenter {name}: id {id}, S-VIDs {s_vids}, C-VIDs {c_vids}")
}

fn added_link(link: &Link) -> String {
    let [a, b] = link.ends.each_ref().map(ToString::to_string);
    format!("added {} link {}: {a} = {b}", link.kind, link.name)
}
