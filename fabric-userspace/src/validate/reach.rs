//! Whether each segment holds together: members joined, datacenters and borders not split, labels and link numbers there.

use std::fmt;

use super::place::Place;
use super::plant::Plant;
use super::valid::{Carries, ValidLink, ValidNode, ValidSegment};
use super::{DatacenterIx, NodeIx};
use crate::error::{Problem, codes};
use crate::model::{LinkKind, Name};

/// Every member of a segment must reach every other, and the segment needs the numbers of the links on the way.
pub(super) fn check<'s>(
    plant: &Plant,
    nodes: &[ValidNode],
    segments: impl Iterator<Item = (Place, &'s ValidSegment)>,
    problems: &mut Vec<Problem>,
) {
    for (place, segment) in segments {
        let way = Way {
            plant,
            nodes,
            segment,
            place,
        };
        match way.not_joined() {
            Some(problem) => problems.push(problem),
            None => {
                way.check_labels(problems);
                problems.extend(way.second_end());
            }
        }
        way.check_numbers(problems);
    }
}

/// One segment and its ways.
struct Way<'a> {
    plant: &'a Plant,
    nodes: &'a [ValidNode],
    segment: &'a ValidSegment,
    place: Place,
}

impl Way<'_> {
    /// The first two members that do not reach each other.
    fn not_joined(&self) -> Option<Problem> {
        self.pairs().find_map(|(a, b)| {
            if !self.plant.islands.labelled(a, b) {
                Some(self.unreachable(a, b))
            } else if self.datacenter(a) == self.datacenter(b) {
                Some(self.split(a, b))
            } else {
                [a, b].into_iter().find_map(|member| self.scattered(member))
            }
        })
    }

    /// One member of each island with each one of the others; all are told apart by datacenter and island.
    fn pairs(&self) -> impl Iterator<Item = (NodeIx, NodeIx)> {
        let mut first: Vec<NodeIx> = Vec::new();
        let place = |node: NodeIx| (self.plant.islands.island(node), self.datacenter(node));
        for member in &self.segment.members {
            if first.iter().all(|known| place(*known) != place(*member)) {
                first.push(*member);
            }
        }
        let apart: Vec<_> = (0..first.len())
            .flat_map(|b| (0..b).map(move |a| (a, b)))
            .map(|(a, b)| (first[a], first[b]))
            .filter(|(a, b)| self.plant.islands.island(*a) != self.plant.islands.island(*b))
            .collect();
        apart.into_iter()
    }

    fn datacenter(&self, node: NodeIx) -> DatacenterIx {
        self.nodes[node.index()].datacenter
    }

    fn names(&self, nodes: [NodeIx; 2]) -> [&Name; 2] {
        nodes.map(|node| &self.nodes[node.index()].name)
    }

    fn home_of(&self, node: NodeIx) -> &Name {
        &self.plant.datacenters.items()[self.datacenter(node).index()].name
    }

    fn unreachable(&self, a: NodeIx, b: NodeIx) -> Problem {
        let [a, b] = self.names([a, b]);
        Problem::new(
            codes::UNREACHABLE,
            self.place.to_string(),
            format!("spans {a} and {b}, and no chain of links joins them"),
            format!("add a link that leads from {a} to {b}"),
        )
    }

    fn split(&self, a: NodeIx, b: NodeIx) -> Problem {
        let datacenter = self.home_of(a);
        let [a, b] = self.names([a, b]);
        Problem::new(
            codes::SPLIT_DATACENTER,
            self.place.to_string(),
            format!(
                "spans {a} and {b}, both of datacenter {datacenter}, and only datacenter tags lead from one to the other"
            ),
            format!("join {a} and {b} inside {datacenter} by a trunk, pseudowire, vxlan or i-tag link"),
        )
    }

    fn scattered(&self, member: NodeIx) -> Option<Problem> {
        let other = self.plant.routes.other_home(self.nodes, member)?;
        let datacenter = self.home_of(member);
        let [member, other] = self.names([member, other]);
        Some(Problem::new(
            codes::SPLIT_DATACENTER,
            self.place.to_string(),
            format!(
                "spans {member}, and only datacenter tags lead from there to {other} of the same datacenter {datacenter}: frames with its tag could end there"
            ),
            format!(
                "join {member} and {other} by a trunk, pseudowire, vxlan or i-tag link, or give {other} another datacenter"
            ),
        ))
    }

    /// Frames from other datacenters come in at two nodes of one, between which no label leads.
    fn second_end(&self) -> Option<Problem> {
        let Plant { routes, links, .. } = self.plant;
        let (node, anchor) = routes.second_end(self.nodes, links.items(), self.segment)?;
        let datacenter = self.home_of(node);
        let [node, anchor] = self.names([node, anchor]);
        Some(Problem::new(
            codes::SPLIT_BORDER,
            self.place.to_string(),
            format!(
                "may enter datacenter {datacenter} at {node}, from where no label link leads to {anchor}: what is for everybody would be sent back from there"
            ),
            format!(
                "join {node} and {anchor} by a pseudowire or mpls-udp link, or lead the lines of {node} to {anchor}, or take them out of service"
            ),
        ))
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
        let [to, from] = [to, from].map(|at| &self.plant.datacenters.items()[at.index()]);
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
            .any(|(missing, kind)| *missing && self.plant.kinds.contains(kind))
        {
            return;
        }
        let reached = self.plant.routes.reached(self.nodes, self.segment);
        let on_the_way = self.plant.tree.all_member_links(&reached);
        let remote = self.segment.remotes.iter().map(|end| end.link);
        let crossed: Vec<&ValidLink> = remote
            .chain(on_the_way)
            .map(|link| &self.plant.links.items()[link.index()])
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
