//! One more codec is one more file: a segment carries its frames without a change anywhere else.

use std::sync::Arc;

use fabric_common::maps::{Path, global_vlan_key};
use serde_json::json;

use super::{Number, Wire};
use crate::compile::input::SegmentInput;
use crate::compile::node::Way;
use crate::compile::path::on;
use crate::compile::stack::Stack;
use crate::compile::tests::support::{compile_at, host, valid};
use crate::compile::{SegmentPart, segment};
use crate::ids::{Pools, SegmentIds, Sizes};

/// An EtherType for experiments and the S-VID in front of a frame: what no link kind of the document has.
#[derive(Debug, PartialEq, Eq)]
struct Experiment {
    ether_type: u16,
}

impl Number for Experiment {
    fn path(&self, way: &Way, input: &SegmentInput, segment: u32) -> Path {
        let stack = Stack::ethernet([2, 0, 0, 0, 0, 2], [2, 0, 0, 0, 0, 1], 0)
            .add(&self.ether_type.to_be_bytes())
            .add(&input.s_vid.to_be_bytes());
        stack.on(on(way, segment))
    }

    fn key(&self, slot: u16, input: &SegmentInput) -> u64 {
        global_vlan_key(slot, input.s_vid)
    }
}

/// A segment with one attachment, and a link to another node on which `wire` is.
fn carried_by(wire: Wire) -> SegmentPart {
    let end = |node: &str| json!({"node": node, "port": "eth0", "vlan": "untagged"});
    let valid = valid(&json!({
        "schema": "fabric/1",
        "global_vids": "100-199",
        "datacenters": [{"name": "d1", "id": 1, "s_vids": "7-9", "c_vids": "10-99"}],
        "nodes": [{"name": "n1", "datacenter": "d1"}, {"name": "n2", "datacenter": "d1"}],
        "links": [{"name": "l", "kind": "global-vlan", "ends": [
            {"node": "n1", "port": "p0"}, {"node": "n2", "port": "p0"}]}],
        "tenants": [{"name": "acme", "segments": [{"name": "acme", "s_vid": 7, "attachments": [end("n1"), end("n2")]}]}],
    }));
    let image = compile_at(&valid, "n1", &host(&valid, "n1", 1600)).expect("it compiles");
    let name = "acme".parse().expect("a name");
    let mut input = image.segments[&name].input.clone().expect("an input");
    let leg = &mut input.legs[0];
    leg.way = Arc::new(Way {
        wire,
        ..Way::clone(&leg.way)
    });
    let mut pools = Pools::new(&Sizes::default());
    segment::build(&name, input, &SegmentIds::default(), &mut pools).expect("numbers enough")
}

#[test]
fn a_codec_that_nobody_knows_carries_a_segment() {
    let part = carried_by(Wire::numbered(Experiment { ether_type: 0x88b6 }));
    let bytes = |path: &Path| -> Vec<u8> {
        let words = path.template.iter().flat_map(|word| word.to_ne_bytes());
        words.take(path.pre.into()).collect()
    };
    let put_on: Vec<Vec<u8>> = part.records.paths.values().map(bytes).collect();
    let wanted = [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x88, 0xb6, 0, 7];
    // The other path is that of the attachment.
    assert!(
        put_on.contains(&Vec::new()) && put_on.contains(&wanted.to_vec()),
        "{put_on:02x?}"
    );
    let slot = part
        .records
        .paths
        .values()
        .find(|path| path.pre > 0)
        .expect("a path")
        .slot;
    let binding = part.records.tags[&global_vlan_key(slot, 7)];
    assert!(part.records.bindings.contains_key(&binding));
}

#[test]
fn wires_are_equal_by_what_is_in_their_codecs() {
    let wire = |ether_type| Wire::numbered(Experiment { ether_type });
    assert_eq!(wire(0x88b5), wire(0x88b5));
    assert_ne!(wire(0x88b5), wire(0x88b6));
    assert_ne!(wire(0x88b5), Wire::numbered(super::GlobalVlan));
}
