//! Invariant: a port has one role at its node, each VLAN of an access port one owner, and `any` no other VLAN beside it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;

use super::MAX_PORTS;
use super::NodeIx;
use super::table::Table;
use super::valid::{PortRole, ValidNode, ValidPort};
use crate::error::{Problem, codes};
use crate::model::{Document, IfName, Name, Vlan};

/// Who uses which port for what, collected over links and attachments.
#[derive(Default)]
pub(super) struct Ports<'d> {
    used: HashMap<(NodeIx, IfName), Used<'d>>,
}

struct Used<'d> {
    role: PortRole,
    /// First user, as a path of the document.
    by: String,
    vlans: BTreeMap<Vlan, Owner<'d>>,
}

/// Whose a (port, VLAN) is.
#[derive(Clone, Copy)]
pub(super) struct Owner<'d> {
    pub(super) tenant: &'d Name,
    pub(super) segment: &'d Name,
}

impl<'d> Ports<'d> {
    /// Takes the port for a link or an attachment; false and a problem at `path` if it has another role.
    pub(super) fn claim(
        &mut self,
        node: NodeIx,
        port: &IfName,
        role: PortRole,
        path: &dyn fmt::Display,
        problems: &mut Vec<Problem>,
    ) -> bool {
        let entry = self.used.entry((node, port.clone()));
        let used = entry.or_insert_with(|| Used {
            role,
            by: path.to_string(),
            vlans: BTreeMap::new(),
        });
        used.role = joint(used.role, role);
        if used.role != joint(role, used.role) {
            let (other, by) = (used.role, &used.by);
            problems.push(Problem::new(
                codes::PORT_ROLE,
                path.to_string(),
                format!("uses port {port} as {role}, but {by} uses it as {other}"),
                "use another port; each port has one role",
            ));
        }
        used.role == joint(role, used.role)
    }

    /// Takes a VLAN of an access port for a segment; a problem at `path` if it is not free.
    pub(super) fn claim_vlan(
        &mut self,
        (node, port, vlan): (NodeIx, &IfName, Vlan),
        owner: Owner<'d>,
        path: &dyn fmt::Display,
        problems: &mut Vec<Problem>,
    ) {
        if !self.claim(node, port, PortRole::Access, path, problems) {
            return;
        }
        let Some(used) = self.used.get_mut(&(node, port.clone())) else {
            return;
        };
        match conflict(&used.vlans, vlan) {
            None => {
                used.vlans.insert(vlan, owner);
            }
            Some((taken, other)) if taken == vlan => problems.push(taken_problem(path, port, vlan, other)),
            Some((taken, other)) => problems.push(excluded_problem(path, port, (vlan, taken), other)),
        }
    }

    /// Problems of nodes with more ports than the data path can hold.
    pub(super) fn check_counts(
        &self,
        document: &Document,
        nodes: &Table<ValidNode>,
        problems: &mut Vec<Problem>,
    ) {
        let mut names: HashMap<NodeIx, BTreeSet<&IfName>> = HashMap::new();
        for (node, port) in self.used.keys() {
            names.entry(*node).or_default().insert(port);
        }
        for (at, node) in document.nodes.iter().enumerate() {
            let Some(ix) = nodes.find(&node.name).map(NodeIx::new) else {
                continue;
            };
            let used = names.entry(ix).or_default();
            used.extend(node.ports.iter().map(|options| &options.name));
            if used.len() > MAX_PORTS {
                problems.push(Problem::new(
                    codes::TOO_MANY,
                    format!("nodes[{at}]"),
                    format!("uses {} ports, and a node can have {MAX_PORTS}", used.len()),
                    "use VLANs of fewer ports, or another node",
                ));
            }
        }
    }

    /// Gives the nodes of a document without problems their ports.
    pub(super) fn fill(self, document: &Document, nodes: &mut Table<ValidNode>) {
        let nodes = nodes.items_mut();
        for (node, listed) in nodes.iter_mut().zip(&document.nodes) {
            let options = listed.ports.iter().map(|options| {
                (
                    options.name.clone(),
                    ValidPort {
                        role: None,
                        options: options.clone(),
                    },
                )
            });
            node.ports.extend(options);
        }
        for ((at, name), used) in self.used {
            if let Some(node) = nodes.get_mut(at.index()) {
                node.use_port(name, used.role);
            }
        }
    }

    /// Ports that something uses.
    pub(super) fn used(&self) -> impl Iterator<Item = &(NodeIx, IfName)> {
        self.used.keys()
    }
}

/// The role of a port that has `used` and is wanted as `wanted`: what tells all lines apart also takes plain trunks.
fn joint(used: PortRole, wanted: PortRole) -> PortRole {
    match (used, wanted) {
        (PortRole::Trunk, PortRole::Pseudowire) => wanted,
        _ => used,
    }
}

// `any` takes every frame, so it meets each other VLAN of the port.
fn conflict<'d>(vlans: &BTreeMap<Vlan, Owner<'d>>, vlan: Vlan) -> Option<(Vlan, Owner<'d>)> {
    let other = match vlan {
        Vlan::Any => vlans.iter().next(),
        Vlan::Untagged | Vlan::Tagged(_) => vlans
            .get_key_value(&vlan)
            .or_else(|| vlans.get_key_value(&Vlan::Any)),
    };
    other.map(|(taken, owner)| (*taken, *owner))
}

fn taken_problem(path: &dyn fmt::Display, port: &IfName, vlan: Vlan, owner: Owner<'_>) -> Problem {
    let Owner { tenant, segment } = owner;
    Problem::new(
        codes::ATTACHMENT_TAKEN,
        path.to_string(),
        format!("claims {port} {vlan}, which belongs to tenant {tenant} (segment {segment}) already"),
        format!("choose another VLAN, or remove {port} {vlan} from segment {segment}"),
    )
}

fn excluded_problem(
    path: &dyn fmt::Display,
    port: &IfName,
    (vlan, taken): (Vlan, Vlan),
    owner: Owner<'_>,
) -> Problem {
    let Owner { tenant, segment } = owner;
    Problem::new(
        codes::ATTACHMENT_EXCLUDED,
        path.to_string(),
        format!("claims {port} {vlan}, but {port} {taken} belongs to tenant {tenant} (segment {segment})"),
        "attach `any` to a port of its own",
    )
}
