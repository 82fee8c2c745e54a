//! Dedicated lines on one port: kind or VLAN differs, TPID and MAC agree, no VLAN looks like another's S-tag or global VLAN.

use std::collections::HashMap;

use super::super::NodeIx;
use super::super::valid::Carries;
use super::shared::conflict;
use crate::error::Problem;
use crate::model::{IfName, LinkKind, Mac, Name, OuterTpid, Range, ServiceVid};

/// Links on dedicated lines, by port: how their frames begin must tell them apart.
pub(super) struct Lines {
    global_vids: Option<Range<ServiceVid>>,
    at: HashMap<(NodeIx, IfName), Vec<Line>>,
}

#[derive(Clone)]
struct Line {
    name: Name,
    kind: LinkKind,
    vlan: Option<ServiceVid>,
    outer_tpid: Option<OuterTpid>,
    /// Address of the end here, where frames of the link name it.
    mac: Option<Mac>,
}

impl Lines {
    pub(super) fn new(global_vids: Option<Range<ServiceVid>>) -> Self {
        Self {
            global_vids,
            at: HashMap::new(),
        }
    }

    /// Adds a link; one problem below `path` if some other link of its ports cannot be told from it.
    pub(super) fn enter(&mut self, name: &Name, carries: &Carries, path: &str, problems: &mut Vec<Problem>) {
        let line = Line {
            name: name.clone(),
            kind: carries.kind(),
            vlan: carries.vlan(),
            outer_tpid: outer_tpid(carries),
            mac: None,
        };
        let mut problem = None;
        for (at, (node, port)) in carries.places().into_iter().enumerate() {
            let line = Line {
                mac: mac(carries, at),
                ..line.clone()
            };
            let others = self.at.entry((node, port.clone())).or_default();
            let place = Place { path, at, port };
            problem = problem.or_else(|| {
                let mut others = others.iter();
                others.find_map(|other| line.problem(other, &place, self.global_vids))
            });
            others.push(line);
        }
        problems.extend(problem);
    }
}

struct Place<'a> {
    path: &'a str,
    at: usize,
    port: &'a IfName,
}

impl Line {
    fn problem(&self, other: &Self, place: &Place<'_>, global: Option<Range<ServiceVid>>) -> Option<Problem> {
        let Place { path, at, port } = place;
        let (kind, name) = (self.kind, &other.name);
        if (kind, self.vlan) == (other.kind, other.vlan) {
            let vlan = self.vlan.map_or(String::new(), |vlan| format!(" in vlan {vlan}"));
            let sentence = format!("is {port}, the port of {kind} {name}{vlan}");
            return Some(conflict(format!("{path}.ends[{at}].port"), sentence));
        }
        if let (Some(own), Some(theirs)) = (self.outer_tpid, other.outer_tpid)
            && own != theirs
        {
            let sentence = format!("is {own}, but link {name} on port {port} has {theirs}");
            return Some(conflict(format!("{path}.outer_tpid"), sentence));
        }
        if let (Some(own), Some(theirs)) = (self.mac, other.mac)
            && own != theirs
        {
            let sentence = format!("is {own}, but link {name} on port {port} has {theirs}");
            return Some(conflict(format!("{path}.ends[{at}].mac"), sentence));
        }
        let (what, with) = self.first_tags_meet(other, global)?;
        let sentence = format!("shares {port} with link {name}: {what} cannot be told from {with}");
        Some(conflict((*path).to_owned(), sentence))
    }

    /// A link's VLAN, a global VLAN and an S-tag with 0x8100 all look the same as the first tag of a frame.
    fn first_tags_meet(&self, other: &Self, global: Option<Range<ServiceVid>>) -> Option<(String, String)> {
        [(self, other), (other, self)].into_iter().find_map(|(a, b)| {
            let first = match (a.vlan, a.kind) {
                (Some(vlan), _) => format!("vlan {vlan} of {}", a.name),
                (None, LinkKind::GlobalVlan) => format!("a global VLAN of {}", a.name),
                (None, _) => return None,
            };
            if b.outer_tpid == Some(OuterTpid::Customer) {
                return Some((first, format!("the S-tags of {}, which have 0x8100", b.name)));
            }
            let range = global.filter(|range| a.vlan.is_some_and(|vlan| range.contains(vlan)))?;
            let with = format!("the global VLANs {range} of {}", b.name);
            (b.kind == LinkKind::GlobalVlan).then_some((first, with))
        })
    }
}

fn mac(carries: &Carries, at: usize) -> Option<Mac> {
    match carries {
        Carries::Pseudowire { ends, .. } | Carries::ITag { ends, .. } => ends.get(at).map(|end| end.mac),
        Carries::Trunk { .. }
        | Carries::MplsUdp { .. }
        | Carries::Vxlan { .. }
        | Carries::GlobalVlan { .. } => None,
    }
}

fn outer_tpid(carries: &Carries) -> Option<OuterTpid> {
    match carries {
        Carries::Trunk { outer_tpid, .. } | Carries::Pseudowire { outer_tpid, .. } => Some(*outer_tpid),
        Carries::MplsUdp { .. }
        | Carries::Vxlan { .. }
        | Carries::ITag { .. }
        | Carries::GlobalVlan { .. } => None,
    }
}
