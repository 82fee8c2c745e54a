use std::collections::HashSet;
use std::fmt;

use super::place::Place;
use super::valid::{Carries, ValidDatacenter, ValidLink, ValidNode, ValidSegment};
use super::{DatacenterIx, NodeIx};
use crate::error::{Problem, codes};
use crate::model::{Document, LinkKind};
use crate::topology::{Islands, Routes, Tree};

/// What the ways of segments are looked up in.
pub(super) struct Fabric<'a> {
    pub(super) tree: &'a Tree,
    pub(super) routes: &'a Routes,
    pub(super) datacenters: &'a [ValidDatacenter],
    pub(super) nodes: &'a [ValidNode],
    pub(super) links: &'a [ValidLink],
}

/// Every member of a segment must reach every other, and the segment needs the numbers of the links on the way.
pub(super) fn check(
    document: &Document,
    fabric: &Fabric<'_>,
    segments: &[ValidSegment],
    problems: &mut Vec<Problem>,
) {
    let islands = Islands::of(fabric.tree, fabric.nodes, fabric.links);
    let kinds: HashSet<LinkKind> = fabric.links.iter().map(|link| link.carries.kind()).collect();
    let places =
        document.tenants.iter().enumerate().flat_map(|(tenant, owner)| {
            (0..owner.segments.len()).map(move |segment| Place { tenant, segment })
        });
    for (place, segment) in places.zip(segments) {
        let way = Way {
            fabric,
            islands: &islands,
            kinds: &kinds,
            segment,
            place,
        };
        match way.not_joined() {
            Some(problem) => problems.push(problem),
            None => way.check_labels(problems),
        }
        way.check_numbers(problems);
    }
}

/// One segment and its ways.
struct Way<'a> {
    fabric: &'a Fabric<'a>,
    islands: &'a Islands,
    /// Kinds of links that the fabric has.
    kinds: &'a HashSet<LinkKind>,
    segment: &'a ValidSegment,
    place: Place,
}

impl Way<'_> {
    /// The first two members that do not reach each other.
    fn not_joined(&self) -> Option<Problem> {
        self.pairs().find_map(|(a, b)| {
            if !self.islands.labelled(a, b) {
                Some(self.unreachable(a, b))
            } else if self.datacenter(a) == self.datacenter(b) {
                Some(self.split(a, b))
            } else {
                None
            }
        })
    }

    /// One member of each island with each one of the others; all are told apart by datacenter and island.
    fn pairs(&self) -> impl Iterator<Item = (NodeIx, NodeIx)> {
        let mut first: Vec<NodeIx> = Vec::new();
        let place = |node: NodeIx| (self.islands.island(node), self.datacenter(node));
        for member in &self.segment.members {
            if first.iter().all(|known| place(*known) != place(*member)) {
                first.push(*member);
            }
        }
        let apart: Vec<_> = (0..first.len())
            .flat_map(|b| (0..b).map(move |a| (a, b)))
            .map(|(a, b)| (first[a], first[b]))
            .filter(|(a, b)| self.islands.island(*a) != self.islands.island(*b))
            .collect();
        apart.into_iter()
    }

    fn datacenter(&self, node: NodeIx) -> DatacenterIx {
        self.fabric.nodes[node.index()].datacenter
    }

    fn unreachable(&self, a: NodeIx, b: NodeIx) -> Problem {
        let [a, b] = [a, b].map(|member| &self.fabric.nodes[member.index()].name);
        Problem::new(
            codes::UNREACHABLE,
            self.place.to_string(),
            format!("spans {a} and {b}, and no chain of links joins them"),
            format!("add a link that leads from {a} to {b}"),
        )
    }

    fn split(&self, a: NodeIx, b: NodeIx) -> Problem {
        let datacenter = &self.fabric.datacenters[self.datacenter(a).index()].name;
        let [a, b] = [a, b].map(|member| &self.fabric.nodes[member.index()].name);
        Problem::new(
            codes::SPLIT_DATACENTER,
            self.place.to_string(),
            format!(
                "spans {a} and {b}, both of datacenter {datacenter}, and only datacenter tags lead from one to the other"
            ),
            format!("join {a} and {b} inside {datacenter} by a trunk, pseudowire, vxlan or i-tag link"),
        )
    }

    fn check_labels(&self, problems: &mut Vec<Problem>) {
        for (a, b) in self.pairs() {
            for (to, from) in [(a, b), (b, a)].map(|(to, from)| (self.datacenter(to), self.datacenter(from)))
            {
                if self.segment.label(to, from).is_none() {
                    problems.push(self.no_label(to, from));
                }
            }
        }
    }

    fn no_label(&self, to: DatacenterIx, from: DatacenterIx) -> Problem {
        let [to, from] = [to, from].map(|at| &self.fabric.datacenters[at.index()]);
        let needs = format!("needs a label from {} to {}", from.name, to.name);
        let path = format!("{}.labels", self.place);
        match to.labels {
            None => Problem::new(
                codes::NO_RANGE,
                path,
                format!("{needs}, and datacenter {} has no range of labels", to.name),
                format!("add \"labels\" to datacenter {}, as in \"1000-1999\"", to.name),
            ),
            Some(range) => Problem::new(
                codes::NO_FREE_NUMBER,
                path,
                format!(
                    "{needs}, and no label of {range} of datacenter {} is free",
                    to.name
                ),
                "widen the datacenter's range",
            ),
        }
    }

    /// The numbers that stand for the segment on the links that it crosses.
    fn check_numbers(&self, problems: &mut Vec<Problem>) {
        let ValidSegment {
            vni,
            i_sid,
            global_vid,
            ..
        } = self.segment;
        // Walking the tree for each of 10,000 segments takes long, and few fabrics need it.
        let missing = [
            (vni.is_none(), LinkKind::Vxlan),
            (i_sid.is_none(), LinkKind::ITag),
            (global_vid.is_none(), LinkKind::GlobalVlan),
        ];
        if !missing
            .iter()
            .any(|(missing, kind)| *missing && self.kinds.contains(kind))
        {
            return;
        }
        let reached = self.fabric.routes.reached(self.fabric.nodes, self.segment);
        let on_the_way = self.fabric.tree.all_member_links(&reached);
        let remote = self.segment.remotes.iter().map(|end| end.link);
        let crossed: Vec<&ValidLink> = remote
            .chain(on_the_way)
            .map(|link| &self.fabric.links[link.index()])
            .collect();
        let mut check = |missing: bool, field: &str, cure: &str, needs: fn(&Carries) -> bool| {
            if let Some(link) = crossed.iter().find(|link| missing && needs(&link.carries)) {
                problems.push(no_number(
                    &fmt::from_fn(|f| write!(f, "{}.{field}", self.place)),
                    link,
                    cure,
                ));
            }
        };
        let of_datacenter = |field: &str| format!("add or widen \"{field}\" of the segment's datacenter");
        check(vni.is_none(), "vni", &of_datacenter("vnis"), |carries| {
            matches!(carries, Carries::Vxlan { .. })
        });
        check(i_sid.is_none(), "i_sid", &of_datacenter("i_sids"), |carries| {
            matches!(carries, Carries::ITag { .. })
        });
        let of_fabric = "add or widen \"global_vids\" of the document";
        check(global_vid.is_none(), "global_vid", of_fabric, |carries| {
            matches!(carries, Carries::GlobalVlan { .. })
        });
    }
}

fn no_number(path: &dyn fmt::Display, link: &ValidLink, cure: &str) -> Problem {
    Problem::new(
        codes::NO_FREE_NUMBER,
        path.to_string(),
        format!("is not given and none is free, but link {} needs one", link.name),
        cure,
    )
}
