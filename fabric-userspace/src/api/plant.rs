//! Datacenters, nodes and their ports.

use serde::{Deserialize, Serialize};

/// A node of the fabric.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Node {
    /// Its name.
    pub name: String,
    /// Where it stands; `null` if the document does not have it.
    pub datacenter: Option<String>,
    /// `live`; `behind` the newest revision; `refused` it; or `away`: no word from its agent for ten seconds. What is
    /// said of an agent that is away says nothing of its forwarding.
    pub state: String,
    /// Revision in its maps; `null` if it is away.
    pub revision: Option<u64>,
    /// The newest revision, if it does not carry it out.
    pub refused: Option<Refused>,
    /// Its ports in use.
    pub ports: Vec<NodePort>,
    /// Version of its agent.
    pub version: Option<String>,
    /// Layout version of its maps.
    pub layout: Option<u32>,
    /// Since when its agent runs.
    pub started_at: Option<String>,
}

/// A revision that a node does not carry out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// Its number.
    pub revision: u64,
    /// As of any refusal.
    pub code: String,
    /// One sentence.
    pub reason: String,
}

/// A port as its node reports it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodePort {
    /// Interface.
    pub name: String,
    /// `up`, `down`, `unsafe` or `gone`.
    pub state: String,
}

/// A datacenter and its numbers.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Datacenter {
    /// Its name.
    pub name: String,
    /// Its id.
    pub id: u16,
    /// True for that of this node.
    pub here: bool,
    /// Outer tags, as in `100-1999`.
    pub s_vids: String,
    /// Inner tags.
    pub c_vids: String,
    /// VXLAN identifiers.
    pub vnis: Option<String>,
    /// Pseudowire labels.
    pub labels: Option<String>,
    /// Segment IDs.
    pub i_sids: Option<String>,
    /// Nodes that stand in it.
    pub nodes: Vec<String>,
    /// Segments whose numbers are of its ranges.
    pub segments: Vec<String>,
}

/// A node and what is at it, as the document has it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NodeDetail {
    /// Its name.
    pub name: String,
    /// Where it stands.
    pub datacenter: String,
    /// True for the agent's own.
    pub here: bool,
    /// Ports in use, with their roles.
    pub ports: Vec<NodePortDetail>,
    /// Links that end at it.
    pub links: Vec<String>,
    /// Segments with an end at it.
    pub segments: Vec<String>,
}

/// A port of a node, as the document has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodePortDetail {
    /// Interface.
    pub name: String,
    /// `access`, `trunk`, `pseudowire` or `underlay`; `null` if it has options only.
    pub role: Option<String>,
}
