use std::net::IpAddr;

use super::super::NodeIx;
use super::super::nodes::find_node;
use super::super::table::Table;
use super::super::valid::{TrunkEnd, ValidNode, VxlanEnd};
use crate::error::{Problem, codes};
use crate::model::{IfName, Link, LinkEnd, LinkKind};

/// One end of a link, resolved.
pub(super) enum End {
    Trunk(TrunkEnd),
    Vxlan(VxlanEnd),
    Foreign(IpAddr),
}

/// Resolves the ends of the link at `path`.
pub(super) struct Ends<'a> {
    pub(super) nodes: &'a Table<ValidNode>,
    pub(super) path: &'a str,
}

impl Ends<'_> {
    pub(super) fn resolve(&self, link: &Link, problems: &mut Vec<Problem>) -> Option<[End; 2]> {
        let [a, b] = &link.ends;
        let mut end = |at, end| match link.kind {
            LinkKind::Trunk => self.trunk(at, end, problems),
            LinkKind::Vxlan => self.vxlan(at, end, problems),
        };
        let (a, b) = (end(0, a), end(1, b));
        Some([a?, b?])
    }

    fn trunk(&self, at: usize, end: &LinkEnd, problems: &mut Vec<Problem>) -> Option<End> {
        if end.address.is_some() {
            problems.push(Problem::new(
                codes::BAD_LINK,
                self.field(at, "address"),
                "does not belong to a trunk link, which has no addresses",
                "remove address",
            ));
        }
        let (node, port) = self.place(at, end, problems)?;
        Some(End::Trunk(TrunkEnd { node, port }))
    }

    fn vxlan(&self, at: usize, end: &LinkEnd, problems: &mut Vec<Problem>) -> Option<End> {
        let address = self.address(at, end, problems);
        if end.node.is_some() {
            let (node, port) = self.place(at, end, problems)?;
            return Some(End::Vxlan(VxlanEnd {
                node,
                port,
                address: address?,
            }));
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
