//! Ends in the form that the kind of link needs: required fields present, others refused, and never both at one node.

use std::net::IpAddr;

use super::super::NodeIx;
use super::super::nodes::find_node;
use super::super::table::Table;
use super::super::valid::{LineEnd, TrunkEnd, UnderlayEnd, ValidNode};
use crate::error::{Problem, codes};
use crate::model::{IfName, Link, LinkEnd, LinkKind, Mac};

/// One end of a link, resolved.
pub(super) enum End {
    Trunk(TrunkEnd),
    Line(LineEnd),
    Underlay(UnderlayEnd),
    Foreign(IpAddr),
}

/// Both ends of a line without addresses, at two nodes.
pub(super) fn trunk(ends: [End; 2], path: &str, problems: &mut Vec<Problem>) -> Option<[TrunkEnd; 2]> {
    let [End::Trunk(a), End::Trunk(b)] = ends else {
        return None;
    };
    apart(a.node == b.node, path, problems).then_some([a, b])
}

/// Both ends of a line with an outer Ethernet header, at two nodes and with two addresses.
pub(super) fn line(ends: [End; 2], path: &str, problems: &mut Vec<Problem>) -> Option<[LineEnd; 2]> {
    let [End::Line(a), End::Line(b)] = ends else {
        return None;
    };
    let apart = apart(a.node == b.node, path, problems);
    if a.mac == b.mac {
        problems.push(Problem::new(
            codes::BAD_MAC,
            format!("{path}.ends"),
            format!("has {} at both ends", a.mac),
            "give both ends different \"mac\" addresses",
        ));
    }
    (apart && a.mac != b.mac).then_some([a, b])
}

pub(super) fn apart(same: bool, path: &str, problems: &mut Vec<Problem>) -> bool {
    if same {
        problems.push(Problem::new(
            codes::BAD_LINK,
            format!("{path}.ends"),
            "has both ends at one node, a loop",
            "name two different nodes",
        ));
    }
    !same
}

/// Resolves the ends of the link at `path`.
pub(super) struct Ends<'a> {
    pub(super) nodes: &'a Table<ValidNode>,
    pub(super) path: &'a str,
}

impl Ends<'_> {
    pub(super) fn resolve(&self, link: &Link, problems: &mut Vec<Problem>) -> Option<[End; 2]> {
        let [a, b] = &link.ends;
        let mut end = |at, end| self.end(link.kind, (at, end), problems);
        let (a, b) = (end(0, a), end(1, b));
        Some([a?, b?])
    }

    fn end(&self, kind: LinkKind, at: (usize, &LinkEnd), problems: &mut Vec<Problem>) -> Option<End> {
        let (number, end) = at;
        if end.mac.is_some() && !matches!(kind, LinkKind::Pseudowire | LinkKind::ITag) {
            self.foreign(kind, (number, "mac"), problems);
        }
        match kind {
            LinkKind::Trunk | LinkKind::GlobalVlan => {
                self.without_address(kind, at, problems);
                let (node, port) = self.place(number, end, problems)?;
                Some(End::Trunk(TrunkEnd { node, port }))
            }
            LinkKind::Pseudowire | LinkKind::ITag => {
                self.without_address(kind, at, problems);
                self.line(number, end, problems).map(End::Line)
            }
            LinkKind::MplsUdp => {
                let address = self.address(number, end, problems);
                let (node, port) = self.place(number, end, problems)?;
                let address = address?;
                Some(End::Underlay(UnderlayEnd { node, port, address }))
            }
            LinkKind::Vxlan => self.vxlan(number, end, problems),
        }
    }

    fn without_address(&self, kind: LinkKind, (at, end): (usize, &LinkEnd), problems: &mut Vec<Problem>) {
        if end.address.is_some() {
            self.foreign(kind, (at, "address"), problems);
        }
    }

    fn foreign(&self, kind: LinkKind, (at, field): (usize, &str), problems: &mut Vec<Problem>) {
        let why = match field {
            "address" => ", which has no addresses",
            _ => "",
        };
        problems.push(Problem::new(
            codes::BAD_LINK,
            self.field(at, field),
            format!("does not belong to {} link{why}", kind.with_article()),
            format!("remove {field}"),
        ));
    }

    fn line(&self, at: usize, end: &LinkEnd, problems: &mut Vec<Problem>) -> Option<LineEnd> {
        if let Some(mac) = end.mac.filter(|mac| !mac.is_unicast()) {
            let what = if mac.is_group() {
                "a group address"
            } else {
                "no address"
            };
            problems.push(Problem::new(
                codes::BAD_MAC,
                self.field(at, "mac"),
                format!("is {mac}, {what}; the end of a line has an individual one"),
                "leave it out and the fabric makes one from node and port",
            ));
        }
        let (node, port) = self.place(at, end, problems)?;
        let name = end.node.as_ref()?;
        let mac = end.mac.unwrap_or_else(|| Mac::of_line_end(name, &port));
        Some(LineEnd { node, port, mac })
    }

    fn vxlan(&self, at: usize, end: &LinkEnd, problems: &mut Vec<Problem>) -> Option<End> {
        let address = self.address(at, end, problems);
        if end.node.is_some() {
            let (node, port) = self.place(at, end, problems)?;
            let address = address?;
            return Some(End::Underlay(UnderlayEnd { node, port, address }));
        }
        if end.port.is_some() {
            problems.push(Problem::new(
                codes::BAD_LINK,
                self.field(at, "port"),
                "names a port of no node",
                "add the node, or remove the port if this end is a foreign VTEP",
            ));
        }
        address.map(End::Foreign)
    }

    fn place(&self, at: usize, end: &LinkEnd, problems: &mut Vec<Problem>) -> Option<(NodeIx, IfName)> {
        let node = self.required(at, "node", end.node.as_ref(), problems);
        let port = self.required(at, "port", end.port.as_ref(), problems);
        let node = node.and_then(|name| find_node(self.nodes, name, || self.field(at, "node"), problems));
        Some((node?, port?.clone()))
    }

    fn address(&self, at: usize, end: &LinkEnd, problems: &mut Vec<Problem>) -> Option<IpAddr> {
        let address = *self.required(at, "address", end.address.as_ref(), problems)?;
        super::address::check(address, &self.field(at, "address"), problems).then_some(address)
    }

    fn required<'v, T>(
        &self,
        at: usize,
        field: &str,
        value: Option<&'v T>,
        problems: &mut Vec<Problem>,
    ) -> Option<&'v T> {
        if value.is_none() {
            problems.push(Problem::new(
                codes::MISSING_FIELD,
                format!("{}.ends[{at}]", self.path),
                format!("lacks the field \"{field}\""),
                format!("add \"{field}\" to this end of the link"),
            ));
        }
        value
    }

    fn field(&self, at: usize, field: &str) -> String {
        format!("{}.ends[{at}].{field}", self.path)
    }
}
