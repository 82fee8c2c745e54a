//! Datacenters, nodes and links: what the operator owns.

use serde::{Deserialize, Serialize};

use super::find::refuse;
use super::{Edited, Outcome};
use crate::error::{Code, Refusal, codes};
use crate::model::{Datacenter, Document, Link, Name, Node};

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

/// Removes a datacenter.
///
/// # Errors
/// It is unknown, a node stands in it, or a segment has its numbers.
pub fn datacenter_remove(document: &Document, name: &Name) -> Outcome<Planted> {
    let node = document.nodes.iter().find(|node| node.datacenter == *name);
    let segments = || document.tenants.iter().flat_map(|tenant| &tenant.segments);
    let segment = segments().find(|segment| segment.datacenter.as_ref() == Some(name));
    let user = node
        .map(|node| format!("node {} stands in it", node.name))
        .or_else(|| segment.map(|segment| format!("segment {} has its numbers", segment.name)));
    remove::<Datacenter>(document, name, user)
}

/// Removes a node.
///
/// # Errors
/// It is unknown, or a link or an attachment is at it.
pub fn node_remove(document: &Document, name: &Name) -> Outcome<Planted> {
    let at_node = |link: &&Link| link.ends.iter().any(|end| end.node.as_ref() == Some(name));
    let link = document.links.iter().find(at_node);
    let segments = || document.tenants.iter().flat_map(|tenant| &tenant.segments);
    let segment = segments().find(|segment| segment.attachments.iter().any(|end| end.node == *name));
    let user = link
        .map(|link| format!("link {} ends at it", link.name))
        .or_else(|| segment.map(|segment| format!("segment {} is attached to it", segment.name)));
    remove::<Node>(document, name, user)
}

/// Removes a link. Whether all segments still reach their members is for `validate`.
///
/// # Errors
/// It is unknown, or a segment has a remote by it.
pub fn link_remove(document: &Document, name: &Name) -> Outcome<Planted> {
    let mut segments = document.tenants.iter().flat_map(|tenant| &tenant.segments);
    let segment = segments.find(|segment| segment.remotes.iter().any(|remote| remote.link == *name));
    remove::<Link>(
        document,
        name,
        segment.map(|segment| format!("segment {} has a remote by it", segment.name)),
    )
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

fn remove<T: Object>(document: &Document, name: &Name, user: Option<String>) -> Outcome<Planted> {
    let kind = T::KIND;
    let mut document = document.clone();
    let list = T::list(&mut document);
    let Some(at) = list.iter().position(|object| object.name() == name) else {
        let sentence = format!("the fabric has no {kind} {name}");
        return Err(refuse(
            T::UNKNOWN(),
            sentence,
            format!("fabric {kind} list shows those there are"),
        ));
    };
    if let Some(user) = user {
        let sentence = format!("{kind} {name} is in use: {user}");
        return Err(refuse(
            codes::STILL_USED,
            sentence,
            format!("remove its users first; fabric {kind} show {name}"),
        ));
    }
    list.remove(at);
    Ok(Edited::new(
        document,
        Planted {
            changed: true,
            name: name.clone(),
        },
    ))
}
