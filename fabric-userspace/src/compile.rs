//! From a checked document to what the maps of one node hold. Pure: the same input gives the same output.
//!
//! A document goes through three rooms: `node` says what this node's ports and links are, `input` says what
//! one segment is here and nothing more, and `segment` writes that down as map entries with numbers. A
//! segment whose input has not changed keeps its part of the [`Image`], so attaching one tenant costs the same
//! with 10,000 others beside it.
//!
//! Invariant: every entry names a segment, and no entry of a segment names a next hop of another one.

mod budget;
mod codec;
mod facts;
mod far;
mod gateway;
mod image;
mod input;
mod node;
mod passing;
mod path;
mod places;
mod protection;
mod scope;
mod segment;
mod stack;
mod storage;
pub mod twin;

use std::sync::Arc;

use crate::by_name::ByName;
use crate::error::{Refusal, codes};
use crate::ids::{Freed, Pools, SegmentIds};
use crate::model::Name;
use crate::validate::{NodeIx, Valid, ValidSegment};

pub use facts::{HostFacts, PortFacts};
pub(crate) use image::unshared;
pub use image::{Image, NodePart, PortPlan, SegmentPart};
pub use protection::Protection;
pub use scope::Scope;

use budget::Budget;
use input::{SegmentInput, own_of};
use node::NodeView;
use passing::Passing;

/// What to compile.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The whole fabric.
    pub valid: &'a Valid,
    /// The node whose maps are wanted.
    pub node: &'a Name,
    /// What the document does not say about it.
    pub host: &'a HostFacts,
    /// The document is in force already. A link that has become too small is no reason to refuse it then: what
    /// no longer fits is dropped and counted.
    pub in_force: bool,
}

/// Compiles the node's part of the document. What `previous` has keeps its numbers; segments outside of
/// `scope` and segments that are the same as before are taken over whole.
///
/// # Errors
/// The document does not speak of the node, a port is missing on the host, a link is too small for the
/// tenants' frames, a table is full, or a link has IPv6 addresses. `previous` stays as it was.
pub fn compile(request: &Request<'_>, previous: &Image, scope: &Scope) -> Result<Image, Refusal> {
    let here = request.valid.find_node(request.node.as_str()).ok_or_else(|| {
        Refusal::new(
            codes::UNKNOWN_NODE,
            format!("the document has no node {}", request.node),
        )
        .with_cure("add the node to \"nodes\", or start the agent with --node NAME of one that is there")
    })?;
    let mut pools = previous.pools.clone();
    let before = previous.node.view.as_ref();
    let view = NodeView::of(request, here, (&previous.node.ids, before), &mut pools)?;
    let kept = before.is_some_and(|old| old.keeps(&view));
    let mut work = Work {
        request,
        here,
        previous,
        scope: if kept { scope } else { &Scope::All },
        view,
        pools,
        budget: Budget::after(previous.passing.clone()),
        passing: Passing::default(),
    };
    let segments = work.segments()?;
    let Work {
        view, pools, budget, ..
    } = work;
    let passing = view.links_among(budget.passing());
    if !request.in_force {
        budget.verdict()?;
    }
    let mut image = Image {
        node: node_part(view, &previous.node),
        segments,
        passing,
        pools,
        freed: Freed::default(),
    };
    image.freed = previous.only_here(&image);
    Ok(image)
}

struct Work<'a> {
    request: &'a Request<'a>,
    here: NodeIx,
    previous: &'a Image,
    scope: &'a Scope,
    view: NodeView,
    pools: Pools,
    budget: Budget,
    passing: Passing,
}

impl Work<'_> {
    fn segments(&mut self) -> Result<ByName<Arc<SegmentPart>>, Refusal> {
        let mut parts = match self.scope.names() {
            None => ByName::default(),
            Some(names) => {
                let mut parts = self.previous.segments.clone();
                names.iter().for_each(|name| drop(parts.remove(name)));
                parts
            }
        };
        let tenants = self.scope.tenants(self.request.valid.tenants());
        for segment in tenants.flat_map(|tenant| &tenant.segments) {
            if self.scope.contains(&segment.name)
                && let Some(part) = self.segment(segment)?
            {
                parts.insert(segment.name.clone(), part);
            }
        }
        Ok(parts)
    }

    fn segment(&mut self, segment: &ValidSegment) -> Result<Option<Arc<SegmentPart>>, Refusal> {
        let tenant = &segment.tenant;
        for link in self.passing.links(self.request.valid, self.here, segment) {
            self.budget.pass(tenant, own_of(segment), self.view.way(link)?);
        }
        let Some(input) = SegmentInput::of(self.request.valid, self.here, &self.view, segment)? else {
            return Ok(None);
        };
        let old = self.previous.segments.get(&segment.name);
        if let Some(part) = old.filter(|part| part.input.as_ref() == Some(&input)) {
            return Ok(Some(Arc::clone(part)));
        }
        self.budget.add(&input);
        // Under the numbers of another tenant his stations would be found, and his frames counted.
        let old = old.filter(|part| part.tenant().is_none_or(|was| was == tenant));
        let none = SegmentIds::default();
        let ids = old.map_or(&none, |part| &part.ids);
        segment::build(&segment.name, input, ids, &mut self.pools).map(|part| Some(Arc::new(part)))
    }
}

fn node_part(view: NodeView, previous: &Arc<NodePart>) -> Arc<NodePart> {
    if previous.view.as_ref().is_some_and(|old| old.same(&view)) {
        return Arc::clone(previous);
    }
    Arc::new(NodePart {
        records: view.records(),
        ids: view.ids.clone(),
        view: Some(view),
    })
}

#[cfg(test)]
pub(crate) mod tests;
