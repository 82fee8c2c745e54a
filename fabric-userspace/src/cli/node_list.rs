//! `fabric node list`, and waiting for all nodes.

use std::time::{Duration, Instant};

use super::context::{Context, Exit, Listing};
use crate::api::{Node, path};
use crate::client::Answer;
use crate::error::{Refusal, codes};
use crate::render::{node, numbers};

/// How often the nodes are asked.
const EVERY: Duration = Duration::from_millis(50);
/// A refusal that stands for so long is not one that a node is about to take back.
const SETTLE: Duration = Duration::from_secs(4);

pub(super) async fn run(context: &mut Context<'_>) -> Result<Exit, Refusal> {
    let answer = context.client.get(path::NODES).await?;
    show(context, &answer)
}

fn show(context: &mut Context<'_>, answer: &Answer) -> Result<Exit, Refusal> {
    let listing = Listing {
        name: |node: &Node| node.name.clone(),
        empty: "no nodes yet; add one: fabric node add NAME --datacenter DATACENTER",
        picture: &node::list,
    };
    context.list(answer, &listing)
}

/// Returns when every node that lives has `revision`.
pub(super) async fn wait(context: &mut Context<'_>, revision: u64) -> Result<Exit, Refusal> {
    let begun = Instant::now();
    let end = begun + context.client.timeout();
    loop {
        let answer = context.client.get(path::NODES).await?;
        let nodes: Vec<Node> = answer.list()?;
        let lacking: Vec<&Node> = nodes.iter().filter(|node| lacks(node, revision)).collect();
        if lacking.is_empty() {
            return show(context, &answer);
        }
        let is_settled = begun.elapsed() > SETTLE && lacking.iter().all(|node| refuses(node, revision));
        if is_settled || Instant::now() >= end {
            return Err(missing(revision, &lacking));
        }
        tokio::time::sleep(EVERY).await;
    }
}

/// A node that is away is not waited for: nobody knows for how long.
fn lacks(node: &Node, revision: u64) -> bool {
    node.revision.is_some_and(|has| has < revision)
}

fn refuses(node: &Node, revision: u64) -> bool {
    node.refused
        .as_ref()
        .is_some_and(|refused| refused.revision >= revision)
}

fn missing(revision: u64, nodes: &[&Node]) -> Refusal {
    let said: Vec<String> = nodes.iter().map(|node| lack(node)).collect();
    let sentence = format!(
        "revision {revision} is not at {}: {}",
        numbers::count(nodes.len(), "live node", "live nodes"),
        said.join("; ")
    );
    Refusal::new(codes::NOT_EVERYWHERE, sentence)
        .with_cure("fabric node list; or go back: fabric history, fabric rollback")
}

fn lack(node: &Node) -> String {
    let has = node.revision.unwrap_or_default();
    match &node.refused {
        Some(refused) => format!(
            "{} has {has} and refused {}: {}",
            node.name, refused.revision, refused.reason
        ),
        None => format!("{} has {has}", node.name),
    }
}
