//! What a new document changes, in the words of `fabric plan`.

mod item;
mod objects;

use std::collections::{BTreeSet, HashMap};
use std::fmt;

use serde::Serialize;

use super::{Document, IfName, Name, Vlan, between, natural};
use item::{Item, lines};
use objects::Object;

/// What happens to an object or a part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Sign {
    /// It is new.
    Add,
    /// It stays, with other values.
    Change,
    /// It goes away.
    Remove,
}

impl fmt::Display for Sign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Add => "+",
            Self::Change => "~",
            Self::Remove => "-",
        })
    }
}

/// Kinds of named objects, in the order a plan shows them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Numbers of the whole fabric.
    Range,
    /// [`super::Datacenter`]
    Datacenter,
    /// [`super::Node`]
    Node,
    /// [`super::Link`]
    Link,
    /// [`super::Tenant`]
    Tenant,
    /// [`super::Vsm`]
    Storage,
    /// [`super::Gateway`]
    Gateway,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Range => "range",
            Self::Datacenter => "datacenter",
            Self::Node => "node",
            Self::Link => "link",
            Self::Tenant => "tenant",
            Self::Storage => "storage",
            Self::Gateway => "gateway",
        })
    }
}

/// Names an attachment, so that a plan can tell what traffic it carries.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct AttachmentKey {
    /// Node of the port.
    pub node: Name,
    /// Access port.
    pub port: IfName,
    /// Which frames of the port.
    pub vlan: Vlan,
}

/// One object that a document adds, changes or removes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// What happens to it.
    pub sign: Sign,
    /// What it is.
    pub kind: Kind,
    /// Its name.
    pub name: Name,
    /// What a reader should know of it, or empty.
    pub detail: String,
    /// Its parts.
    pub lines: Vec<Line>,
}

/// One part of a [`Change`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    /// What happens to it.
    pub sign: Sign,
    /// What it is: `eth3 vlan 20`, or `mac-limit`.
    pub subject: String,
    /// What a reader should know of it, or empty.
    pub detail: String,
    /// Value before, for [`Sign::Change`]; `-` for none.
    pub old: Option<String>,
    /// Value after, for [`Sign::Change`]; `-` for none.
    pub new: Option<String>,
    /// Set if the part is an attachment.
    pub attachment: Option<AttachmentKey>,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head = format!("{} {} {}", self.sign, self.kind, self.name);
        write_row(f, &head, &self.detail)?;
        self.lines.iter().try_for_each(|line| write!(f, "\n{line}"))
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let detail = match (&self.old, &self.new) {
            (Some(old), Some(new)) => format!("{old} -> {new}"),
            _ => self.detail.clone(),
        };
        write_row(f, &format!("{}   {}", self.sign, self.subject), &detail)
    }
}

fn write_row(f: &mut fmt::Formatter<'_>, head: &str, detail: &str) -> fmt::Result {
    if detail.is_empty() {
        write!(f, "  {head}")
    } else {
        write!(f, "  {head:<30}  {detail}")
    }
}

/// What `new` adds, changes and removes, by kind and in natural order of names. Equal documents give nothing;
/// the order of objects in a document means nothing.
pub fn document_diff(old: &Document, new: &Document) -> Vec<Change> {
    document_diff_marking(old, new, &BTreeSet::new())
}

/// [`document_diff`] that marks the segments of `allocated`, whose numbers the fabric chose.
pub fn document_diff_marking(old: &Document, new: &Document, allocated: &BTreeSet<Name>) -> Vec<Change> {
    let (_, tenants_before, tenants_after) = between(&old.tenants, &new.tenants);
    let mut before: HashMap<(Kind, Name), Object<'_>> = objects::all(old, tenants_before)
        .into_iter()
        .map(|object| ((object.kind(), object.name()), object))
        .collect();
    let mut changes: Vec<Change> = Vec::new();
    for object in objects::all(new, tenants_after) {
        match before.remove(&(object.kind(), object.name())) {
            Some(same) if same == object => {}
            Some(other) => changes.extend(changed(&other, &object, allocated)),
            None => changes.push(whole(Sign::Add, &object, allocated)),
        }
    }
    changes.extend(
        before
            .values()
            .map(|object| whole(Sign::Remove, object, allocated)),
    );
    changes.sort_by(|a, b| {
        a.kind
            .cmp(&b.kind)
            .then_with(|| natural(a.name.as_str(), b.name.as_str()))
    });
    changes
}

fn whole(sign: Sign, object: &Object<'_>, allocated: &BTreeSet<Name>) -> Change {
    let mut items = object.items(allocated);
    let detail = object.headline(sign, &mut items);
    let lines = items.iter().map(|item| item.line(sign)).collect();
    Change {
        sign,
        kind: object.kind(),
        name: object.name(),
        detail,
        lines,
    }
}

// Objects that differ in the order of their parts only have no lines, and are no change.
fn changed(old: &Object<'_>, new: &Object<'_>, allocated: &BTreeSet<Name>) -> Option<Change> {
    let (before, after): (Vec<Item>, Vec<Item>) = (old.items(allocated), new.items(allocated));
    let lines = lines(&before, &after);
    let change = |lines| Change {
        sign: Sign::Change,
        kind: new.kind(),
        name: new.name(),
        detail: String::new(),
        lines,
    };
    (!lines.is_empty()).then(|| change(lines))
}

#[cfg(test)]
mod tests;
