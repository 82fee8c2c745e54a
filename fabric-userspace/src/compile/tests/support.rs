//! Documents and hosts for tests.

use std::collections::{BTreeMap, BTreeSet};

use fabric_common::maps::{Binding, tag_slot};
use serde_json::{Value, json};

use crate::compile::twin::{HostFrame, Outcome, Sent, Twin, TwinSettings};
use crate::compile::{HostFacts, Image, PortFacts, Protection, Request, Scope, SegmentPart, compile};
use crate::error::Refusal;
use crate::ids::{Sizes, VsmIds};
use crate::model::Name;
use crate::validate::{PortRole, Valid, validate};

/// A line is name, length, bytes.
const FRAMES: &str = include_str!("../../../../tests/golden/frames.txt");

pub(crate) fn valid(document: &Value) -> Valid {
    let document = serde_json::from_value(document.clone()).expect("a document");
    validate(document).expect("a document that keeps all rules")
}

/// A host with every port that the node uses, all of one MTU; interface indexes count from 11 in the order of
/// names, and the last octet of a port's address is its index.
pub(crate) fn host(valid: &Valid, node: &str, mtu: u32) -> HostFacts {
    let node = valid.node(valid.find_node(node).expect("a node"));
    let ports = node.ports.keys().zip(11..).map(|(name, ifindex)| {
        let last = u8::try_from(ifindex).expect("few ports");
        let facts = PortFacts {
            ifindex,
            mac: [2, 0, 0, 0, 0xff, last],
            mtu,
        };
        (name.clone(), facts)
    });
    HostFacts {
        ports: ports.collect(),
        ..HostFacts::default()
    }
}

pub(crate) fn compile_at(valid: &Valid, node: &str, host: &HostFacts) -> Result<Image, Refusal> {
    compile_from(valid, node, host, &Image::empty(&Sizes::default()))
}

pub(crate) fn compile_from(
    valid: &Valid,
    node: &str,
    host: &HostFacts,
    previous: &Image,
) -> Result<Image, Refusal> {
    let node: Name = node.parse().expect("a name");
    let request = Request {
        in_force: false,
        valid,
        node: &node,
        host,
    };
    compile(&request, previous, &Scope::All)
}

/// A node that forwards frames on the host.
pub(crate) struct Station {
    pub(crate) image: Image,
    pub(crate) twin: Twin,
}

impl Station {
    pub(crate) fn of(image: Image) -> Self {
        let twin = Twin::new(image.records(), TwinSettings::default());
        assert_eq!(twin.tables.unplaced(), 0);
        Self { image, twin }
    }

    /// While these ports cannot send, as the agent leaves the tables then.
    pub(crate) fn without_carrier(image: Image, silent: &[&str]) -> Self {
        let mut protection = Protection::default();
        protection.follow(&Image::empty(&Sizes::default()), &image);
        let slots: BTreeSet<u16> = image
            .ports()
            .filter(|(name, _)| silent.contains(&name.as_str()))
            .map(|(_, plan)| plan.slot)
            .collect();
        let mut records = image.records();
        for slot in &slots {
            let written = protection.over(*slot, |slot| slots.contains(&slot));
            records.next_hops.extend(written);
        }
        let mut twin = Twin::new(records, TwinSettings::default());
        slots.iter().for_each(|slot| twin.tables.set_silent(*slot, true));
        Self { image, twin }
    }

    pub(crate) fn receive(&mut self, port: &str, bytes: &[u8]) -> Outcome {
        let plan = self.port(port);
        self.twin.receive(plan.0, plan.1, HostFrame::new(bytes))
    }

    /// The one frame that leaves, with the name of its port.
    pub(crate) fn forward(&mut self, port: &str, bytes: &[u8]) -> (String, Vec<u8>) {
        let outcome = self.receive(port, bytes);
        let [sent] = outcome.sent()[..] else {
            panic!("not one frame: {outcome:?}")
        };
        (self.name_of(sent), sent.bytes.clone())
    }

    pub(crate) fn name_of(&self, sent: &Sent) -> String {
        let port = self.image.ports().find(|(_, plan)| plan.slot == sent.slot);
        port.expect("a port of the plan").0.to_string()
    }

    fn port(&self, name: &str) -> (u32, PortRole) {
        let mut ports = self.image.ports();
        let (_, plan) = ports
            .find(|(port, _)| port.as_str() == name)
            .expect("a port of the plan");
        (plan.facts.ifindex, plan.role)
    }
}

/// The bytes of a golden frame. `PPPP` reads as zeros.
pub(crate) fn golden(name: &str) -> Vec<u8> {
    let line = FRAMES.lines().find(|line| line.split(' ').next() == Some(name));
    let mut words = line.expect("a golden frame").split(' ').skip(1);
    let len: usize = words.next().and_then(|len| len.parse().ok()).expect("a length");
    let bytes = hex(&words.next().expect("bytes").replace("PPPP", "0000"));
    assert_eq!(bytes.len(), len, "{name}");
    bytes
}

pub(crate) fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    let pair = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).expect("ASCII"), 16).expect("hex");
    digits.chunks(2).map(pair).collect()
}

/// [`figure1`] with another port of tenant a's segment at edge1.
pub(crate) fn with_a_third_member() -> Value {
    let mut document = figure1();
    let attachments = &mut document["tenants"][0]["segments"][0]["attachments"];
    let third = json!({"node": "edge1", "port": "cc", "vlan": "untagged"});
    attachments.as_array_mut().expect("a list").push(third);
    document
}

/// FIG 1 with two switches in series, with the numbers of the golden frames.
pub(crate) fn figure1() -> Value {
    let segment = |name: &str, s_vid: u16, vlan: Value, port: &str, client: Value, resource: Value| {
        let (mut near, mut far) = (client, resource);
        for (end, node, prefix) in [(&mut near, "edge1", "c"), (&mut far, "edge2", "r")] {
            end["node"] = node.into();
            end["port"] = format!("{prefix}{port}").into();
            end["vlan"] = vlan.clone();
        }
        json!({"name": name, "s_vid": s_vid, "c_vid": s_vid + 1000, "attachments": [near, far]})
    };
    let of_a = json!([{"name": "102A", "mac": "56:89:6f:88:9d:c7"}]);
    let at_a = json!([{"name": "110A", "mac": "28:08:80:52:17:20"}]);
    let at_b = json!([{"name": "110B", "mac": "6e:25:47:1f:9a:97"}]);
    let at_b_and_c = json!([
        {"name": "110B", "mac": "6e:25:47:1f:9a:97"},
        {"name": "110C", "mac": "8a:02:28:11:2a:01", "c_vid": 211},
    ]);
    let client = |c_vid: u16| json!({"c_vid": c_vid});
    let with = |c_vid: u16, stations: &Value| json!({"c_vid": c_vid, "stations": stations});
    json!({
        "schema": "fabric/1",
        "datacenters": [{"name": "dc1", "id": 1, "s_vids": "100-199", "c_vids": "200-1999"}],
        "nodes": [{"name": "edge1", "datacenter": "dc1"}, {"name": "edge2", "datacenter": "dc1"}],
        "links": [{"name": "line", "kind": "trunk", "ends": [
            {"node": "edge1", "port": "trunk0"}, {"node": "edge2", "port": "trunk0"}]}],
        "tenants": [
            {"name": "a", "segments": [
                segment("a", 100, json!("untagged"), "a", with(300, &of_a), with(200, &at_a)),
                segment("a-v10", 101, json!(10), "a", client(301), with(201, &at_a))]},
            {"name": "b", "segments": [
                segment("b", 110, json!("untagged"), "b", client(310), with(210, &at_b_and_c)),
                segment("b-v10", 111, json!(10), "b", client(312), with(212, &at_b))]},
        ],
    })
}

pub(crate) fn compile_within(
    valid: &Valid,
    node: &str,
    host: &HostFacts,
    previous: &Image,
    scope: &Scope,
) -> Result<Image, Refusal> {
    let node: Name = node.parse().expect("a name");
    let request = Request {
        in_force: false,
        valid,
        node: &node,
        host,
    };
    compile(&request, previous, scope)
}

/// The entries of an image with names in place of numbers, so that images with other numbers compare equal.
pub(crate) fn canonical(image: &Image) -> BTreeSet<String> {
    let slots: BTreeMap<u16, String> = image
        .ports()
        .map(|(name, plan)| (plan.slot, name.to_string()))
        .collect();
    let mut lines: BTreeSet<String> = image
        .ports()
        .map(|(name, plan)| {
            format!(
                "{name} {:?} {:?} {:x?}",
                plan.role,
                plan.facts,
                (plan.record.flags, plan.record.tpid)
            )
        })
        .collect();
    lines.extend(
        image
            .node
            .records
            .vteps
            .iter()
            .map(|vtep| format!("vtep {:?} {}", vtep.local, slots[&vtep.slot])),
    );
    for (name, part) in &image.segments {
        let names = Names {
            segment: name,
            part,
            slots: &slots,
            vsms: &image.node_ids().vsms,
        };
        lines.extend(names.lines());
    }
    lines
}

struct Names<'a> {
    segment: &'a Name,
    part: &'a SegmentPart,
    slots: &'a BTreeMap<u16, String>,
    vsms: &'a BTreeMap<Name, VsmIds>,
}

impl Names<'_> {
    fn hop(&self, id: u32) -> String {
        let ids = &self.part.ids;
        let vsm = ids.vsms.iter().find(|(_, ids)| ids.next_hop == id);
        let gateway = ids.gateway.filter(|ids| ids.next_hop == id);
        let hop = ids.next_hops.iter().find(|(_, hop)| hop.id == id);
        let vsm = vsm.map(|(name, _)| format!("vsm {name}"));
        let known = vsm.or_else(|| gateway.map(|_| "gateway".to_owned()));
        known.unwrap_or_else(|| hop.map_or(id.to_string(), |(place, _)| place.to_string()))
    }

    fn binding(&self, binding: &Binding) -> String {
        let id = self.part.ids.bindings.iter().find(|(_, id)| **id == binding.id());
        let place = id.map_or("nobody".to_owned(), |(place, _)| place.to_string());
        assert_eq!(binding.segment(), self.part.ids.segment);
        let (learn, direct) = (self.hop(binding.learn()), self.hop(binding.direct()));
        format!(
            "{place} learn {learn} direct {direct} horizon {} own {}",
            binding.horizon(),
            binding.own()
        )
    }

    fn path(&self, id: u32) -> String {
        let path = self.part.records.paths[&id];
        assert_eq!(path.segment, self.part.ids.segment);
        let content = fabric_common::maps::Path {
            slot: 0,
            segment: 0,
            ..path
        };
        format!("{} {content:x?}", self.slots[&path.slot])
    }

    /// Each member's ways, whatever places they have.
    fn vsm(&self, name: &Name) -> String {
        let place = &self.part.records.vsm_places[&self.part.ids.vsms[name].place];
        let vsm = &self.vsms[name];
        assert_eq!(place.vsm, vsm.id);
        let members = vsm.members.iter().map(|(member, at)| {
            let at = usize::from(*at);
            let ways = [place.next_hops[at], place.sources[at]].map(|hop| self.hop(hop));
            format!("{member} {ways:?}")
        });
        format!("vsm {name} {:x} {:?}", place.askers, members.collect::<Vec<_>>())
    }

    fn gateway(&self, irb: u32) -> Vec<String> {
        let records = &self.part.records;
        let own = records.irbs[&irb];
        let routes = records.prefixes.iter().map(|(prefix, route)| {
            assert_eq!((route.irb, prefix.key.vrf()), (irb, own.vrf));
            let key = format!("{:?}", prefix.key);
            // In front of it is the gateway's number.
            let (_, address) = key.split_once("address").expect("a field");
            format!(
                "prefix {} {address} {} {:?}",
                prefix.length, route.kind, route.via
            )
        });
        let interface = format!("irb {:?} {:x} {:?} {}", own.v4, own.mac, own.v6, own.own());
        routes.chain([interface]).collect()
    }

    fn lines(&self) -> Vec<String> {
        let records = &self.part.records;
        let slot = |slot: u16| &self.slots[&slot];
        let mut lines = Vec::new();
        for (index, binding) in &records.access {
            let port = slot(u16::try_from(index >> 12).expect("a slot"));
            lines.push(format!(
                "access {port} {} {}",
                index & 0xfff,
                self.binding(binding)
            ));
        }
        for (key, id) in &records.tags {
            let port = slot(tag_slot(*key));
            lines.push(format!(
                "tag {port} {:x} {}",
                key & 0xf_ffff_ffff,
                self.binding(&records.bindings[id])
            ));
        }
        for (key, id) in &records.tunnel_keys {
            let tunnel = &records.tunnels[id];
            let binding = self.binding(&tunnel.binding);
            lines.push(format!(
                "tunnel {} {:x} {binding} {:?}",
                slot(tunnel.slot),
                key << 8,
                (tunnel.local, tunnel.vlan, tunnel.strict)
            ));
        }
        for ((_, mac), id) in &records.stations {
            lines.push(format!("station {mac:x} {}", self.hop(*id)));
        }
        for (id, hop) in &records.next_hops {
            let leads = if hop.decides() {
                hop.flags.to_string()
            } else {
                self.path(hop.path)
            };
            lines.push(format!("hop {} {} {leads}", self.hop(*id), hop.horizon));
        }
        lines.extend(self.part.ids.vsms.keys().map(|name| self.vsm(name)));
        let gateway = self.part.ids.gateway.iter();
        lines.extend(gateway.flat_map(|ids| self.gateway(ids.irb)));
        for (key, copy) in &records.flood_next_hops {
            let (port, hop) = (slot(key.slot), self.hop(copy.next_hop()));
            // Which of a port's copies is the first goes by numbers, and is all the same.
            lines.push(format!("copy {port} {hop}"));
            lines.push(format!("a copy of {port} with {} more", copy.more()));
        }
        lines.push(format!(
            "limit {:?} {} copies",
            records
                .segments
                .values()
                .map(|limits| (limits.stations, limits.flooded_len, limits.irb != 0))
                .collect::<Vec<_>>(),
            records.flood_next_hops.len()
        ));
        lines
            .iter()
            .map(|line| format!("{}: {line}", self.segment))
            .collect()
    }
}
