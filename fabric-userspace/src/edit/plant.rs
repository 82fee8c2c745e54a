//! Datacenters, nodes and links: what the operator owns.

use serde::{Deserialize, Serialize};

use super::find::refuse;
use super::{Edited, Outcome};
use crate::error::{Code, Refusal, codes};
use crate::model::{Datacenter, Document, Gateway, Link, Name, Node, Segment, Vsm, most_similar};

/// How many users of an object a refusal names.
const USERS_SHOWN: usize = 8;

/// What a verb of this module did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Planted {
    /// False if all of it was so before.
    pub changed: bool,
    /// Name of the datacenter, node or link.
    pub name: Name,
}

trait Object: Clone + PartialEq {
    const KIND: &'static str;
    const UNKNOWN: fn() -> Code;
    fn name(&self) -> &Name;
    fn list(document: &mut Document) -> &mut Vec<Self>;
}

macro_rules! object {
    ($type:ident, $kind:literal, $list:ident, $unknown:ident) => {
        impl Object for $type {
            const KIND: &'static str = $kind;
            const UNKNOWN: fn() -> Code = || codes::$unknown;

            fn name(&self) -> &Name {
                &self.name
            }

            fn list(document: &mut Document) -> &mut Vec<Self> {
                &mut document.$list
            }
        }
    };
}
object!(Datacenter, "datacenter", datacenters, UNKNOWN_DATACENTER);
object!(Node, "node", nodes, UNKNOWN_NODE);
object!(Link, "link", links, UNKNOWN_LINK);
object!(Vsm, "storage", storage, UNKNOWN_STORAGE);
object!(Gateway, "gateway", gateways, UNKNOWN_GATEWAY);

/// Adds a datacenter.
///
/// # Errors
/// There is another one of this name.
pub fn datacenter_add(document: &Document, datacenter: &Datacenter) -> Outcome<Planted> {
    add(document, datacenter)
}

/// Adds a node.
///
/// # Errors
/// There is another one of this name.
pub fn node_add(document: &Document, node: &Node) -> Outcome<Planted> {
    add(document, node)
}

/// Adds a link.
///
/// # Errors
/// There is another one of this name.
pub fn link_add(document: &Document, link: &Link) -> Outcome<Planted> {
    add(document, link)
}

/// Removes a datacenter, and the labels that lead to it or from it.
///
/// # Errors
/// It is unknown, a node stands in it, or a segment has its numbers.
pub fn datacenter_remove(document: &Document, name: &Name) -> Outcome<Planted> {
    let nodes = document.nodes.iter().filter(|node| node.datacenter == *name);
    let segments = segments(document).filter(|segment| segment.datacenter.as_ref() == Some(name));
    let users = nodes
        .map(|node| format!("node {} stands in it", node.name))
        .chain(segments.map(|segment| format!("segment {} has its numbers", segment.name)));
    let mut edited = remove::<Datacenter>(document, name, users.collect())?;
    let segments = edited
        .document
        .tenants
        .iter_mut()
        .flat_map(|tenant| &mut tenant.segments);
    for segment in segments {
        segment
            .labels
            .retain(|label| label.to != *name && label.from != *name);
    }
    Ok(edited)
}

/// Removes a node.
///
/// # Errors
/// It is unknown, or a link or an attachment is at it.
pub fn node_remove(document: &Document, name: &Name) -> Outcome<Planted> {
    let at_node = |link: &&Link| link.ends.iter().any(|end| end.node.as_ref() == Some(name));
    let links = document.links.iter().filter(at_node);
    let attached = |segment: &&Segment| segment.attachments.iter().any(|end| end.node == *name);
    let users = links.map(|link| format!("link {} ends at it", link.name)).chain(
        segments(document)
            .filter(attached)
            .map(|segment| format!("segment {} is attached to it", segment.name)),
    );
    remove::<Node>(document, name, users.collect())
}

/// Removes a link. Whether all segments still reach their members is for `validate`.
///
/// # Errors
/// It is unknown, or a segment has a remote by it.
pub fn link_remove(document: &Document, name: &Name) -> Outcome<Planted> {
    let remote = |segment: &&Segment| segment.remotes.iter().any(|remote| remote.link == *name);
    let users = segments(document).filter(remote);
    let users = users.map(|segment| format!("segment {} has a remote by it", segment.name));
    remove::<Link>(document, name, users.collect())
}

/// Adds a storage machine.
///
/// # Errors
/// There is another one of this name.
pub fn storage_add(document: &Document, storage: &Vsm) -> Outcome<Planted> {
    add(document, storage)
}

/// Removes a storage machine.
///
/// # Errors
/// It is unknown, or `clients` use it.
pub fn storage_remove(document: &Document, name: &Name, clients: u64) -> Outcome<Planted> {
    if clients > 0 {
        return Err(refuse(
            codes::STILL_USED,
            format!("storage {name} is in use: {clients} connections of clients within the last minute"),
            "end them first        (to remove it all the same: --force)",
        ));
    }
    remove::<Vsm>(document, name, Vec::new())
}

/// Adds a gateway.
///
/// # Errors
/// There is another one of this name.
pub fn gateway_add(document: &Document, gateway: &Gateway) -> Outcome<Planted> {
    add(document, gateway)
}

/// Removes a gateway.
///
/// # Errors
/// It is unknown.
pub fn gateway_remove(document: &Document, name: &Name) -> Outcome<Planted> {
    remove::<Gateway>(document, name, Vec::new())
}

/// Takes a link out of service, or puts it back.
///
/// # Errors
/// It is unknown.
pub fn link_set(document: &Document, name: &Name, down: bool) -> Outcome<Planted> {
    let mut document = document.clone();
    let at = position::<Link>(&mut document, name)?;
    let link = &mut document.links[at];
    let changed = link.down.unwrap_or(false) != down;
    if changed {
        link.down = down.then_some(true);
    }
    let name = name.clone();
    Ok(Edited::new(document, Planted { changed, name }))
}

fn segments(document: &Document) -> impl Iterator<Item = &Segment> {
    document.tenants.iter().flat_map(|tenant| &tenant.segments)
}

fn add<T: Object>(document: &Document, object: &T) -> Outcome<Planted> {
    let mut document = document.clone();
    let list = T::list(&mut document);
    let known = list.iter().find(|other| other.name() == object.name());
    let changed = known.is_none();
    match known {
        Some(same) if same == object => {}
        Some(_) => return Err(other_of_this_name::<T>(object.name())),
        None => list.push(object.clone()),
    }
    Ok(Edited::new(
        document,
        Planted {
            changed,
            name: object.name().clone(),
        },
    ))
}

fn other_of_this_name<T: Object>(name: &Name) -> Refusal {
    let kind = T::KIND;
    refuse(
        codes::DUPLICATE_NAME,
        format!("there is a {kind} {name} with other settings"),
        format!("choose another name, or: fabric {kind} remove {name}"),
    )
}

fn position<T: Object>(document: &mut Document, name: &Name) -> Result<usize, Refusal> {
    let list = T::list(document);
    if let Some(at) = list.iter().position(|object| object.name() == name) {
        return Ok(at);
    }
    let kind = T::KIND;
    let known: Vec<&str> = list.iter().map(|object| object.name().as_str()).collect();
    let meant =
        most_similar(name.as_str(), &known).map_or(String::new(), |meant| format!("; did you mean {meant}?"));
    Err(refuse(
        T::UNKNOWN(),
        format!("the fabric has no {kind} {name}{meant}"),
        format!("fabric {kind} list shows those there are"),
    ))
}

fn remove<T: Object>(document: &Document, name: &Name, users: Vec<String>) -> Outcome<Planted> {
    let kind = T::KIND;
    let mut document = document.clone();
    let at = position::<T>(&mut document, name)?;
    if !users.is_empty() {
        let more = users.len().saturating_sub(USERS_SHOWN);
        let more = if more == 0 {
            String::new()
        } else {
            format!(", and {more} more")
        };
        let shown = &users[..users.len().min(USERS_SHOWN)];
        return Err(refuse(
            codes::STILL_USED,
            format!("{kind} {name} is in use: {}{more}", shown.join(", ")),
            format!("remove its users first; fabric {kind} show {name}"),
        ));
    }
    T::list(&mut document).remove(at);
    Ok(Edited::new(
        document,
        Planted {
            changed: true,
            name: name.clone(),
        },
    ))
}
