//! The fabric as the agent installs it: learning, last-seen times, counters and drop reasons are on.

use anyhow::Result;
use serde_json::Value;

use super::device::{Device, Expected, FROM, Group, TO, VLAN, Work, rest, tenant};
use super::line::{Leaves, Line};
use super::reference::Ends;
use crate::fabric::Agent;
use crate::fixtures::{Segment, Site};
use crate::frame::{Frame, eth};
use crate::topology::End;

const NODE: &str = "dut";
const S_VID: u16 = 101;
/// C-VID of the station's end.
const C_VID: u16 = 201;
const VNI: u32 = 10_001;
const HERE: &str = "192.0.2.1";
const THERE: &str = "192.0.2.2";
const HERE_MAC: &str = "02:00:00:00:01:01";
const THERE_MAC: &str = "02:00:00:00:01:02";

struct Fabric {
    name: &'static str,
    work: Work,
    document: fn() -> Value,
    ports: [&'static str; 2],
    input: fn(usize) -> Frame,
    expected: fn(usize) -> Expected,
}

const FABRICS: [Fabric; 6] = [
    Fabric {
        name: "fabric access-access",
        work: Work::Forward,
        document: || {
            one_node(
                segment()
                    .at(NODE, "in0", VLAN, 301)
                    .at(NODE, "out0", VLAN, C_VID)
                    .station(TO),
            )
        },
        ports: ["in0", "out0"],
        input: tenant,
        expected: |length| Expected::Exactly(tenant(length)),
    },
    Fabric {
        name: "fabric QinQ push",
        work: Work::Push,
        document: || {
            two_nodes(
                segment()
                    .at(NODE, "in0", VLAN, 301)
                    .at("far", "eth1", VLAN, C_VID)
                    .station(TO),
            )
        },
        ports: ["in0", "t0"],
        input: tenant,
        expected: |length| Expected::Exactly(tagged(length)),
    },
    Fabric {
        name: "fabric QinQ pop",
        work: Work::Pop,
        document: || {
            two_nodes(
                segment()
                    .at("far", "eth1", VLAN, 301)
                    .at(NODE, "out0", VLAN, C_VID)
                    .station(TO),
            )
        },
        ports: ["t0", "out0"],
        input: tagged,
        expected: |length| Expected::Exactly(tenant(length)),
    },
    Fabric {
        name: "fabric QinQ transit",
        work: Work::Forward,
        document: || {
            let segment = segment()
                .at("west", "eth1", VLAN, 301)
                .at("east", "eth1", VLAN, C_VID)
                .station(TO);
            Site::new(&["west", NODE, "east"])
                .trunk("one", "west", NODE)
                .trunk("other", NODE, "east")
                .tenant("acme", &[segment])
                .document()
        },
        ports: ["t0", "t1"],
        input: tagged,
        expected: |length| Expected::Exactly(tagged(length)),
    },
    Fabric {
        name: "fabric VXLAN encap",
        work: Work::Encap,
        document: || {
            pathway(
                segment()
                    .at(NODE, "in0", VLAN, 301)
                    .remote("pathway", C_VID)
                    .remote_station(TO),
            )
        },
        ports: ["in0", "u0"],
        input: tenant,
        expected: |length| Expected::Vxlan {
            inner: tenant(length),
            vni: VNI,
            remote: [192, 0, 2, 2],
        },
    },
    Fabric {
        name: "fabric VXLAN decap",
        work: Work::Decap,
        document: || {
            pathway(
                segment()
                    .at(NODE, "out0", VLAN, C_VID)
                    .station(TO)
                    .remote("pathway", 301),
            )
        },
        ports: ["u0", "out0"],
        input: tunnelled,
        expected: |length| Expected::Exactly(tenant(length)),
    },
];

/// Builds those that are wanted.
///
/// # Errors
/// When one cannot be built.
pub(super) fn build(ends: &mut Ends, wants: &dyn Fn(&str) -> bool) -> Result<Vec<Device>> {
    let wanted = FABRICS.into_iter().filter(|fabric| wants(fabric.name));
    wanted.map(|fabric| device(ends, &fabric)).collect()
}

fn device(ends: &mut Ends, fabric: &Fabric) -> Result<Device> {
    let line = Line::build(ends, Leaves::Xdp, |device| {
        let [input, output] = fabric.ports.map(|name| match name {
            "u0" => End::port(device, name)
                .mac(HERE_MAC)
                .address(&format!("{HERE}/24"))
                .neighbour(THERE, THERE_MAC),
            _ => End::port(device, name).no_arp(),
        });
        (input, output)
    })?;
    let agent = Agent::start(&line.device, &(fabric.document)(), NODE)?;
    let (input, expected) = (fabric.input, fabric.expected);
    Ok(Device {
        name: fabric.name,
        group: Group::Fabric,
        work: fabric.work,
        line,
        input: Box::new(input),
        expected: Box::new(expected),
        keeps: vec![Box::new(agent)],
    })
}

fn segment() -> Segment {
    Segment::new("v10", S_VID, 1101).with("vni", VNI)
}

fn one_node(segment: Segment) -> Value {
    Site::new(&[NODE]).tenant("acme", &[segment]).document()
}

fn two_nodes(segment: Segment) -> Value {
    Site::new(&[NODE, "far"])
        .trunk("trunk0", NODE, "far")
        .tenant("acme", &[segment])
        .document()
}

fn pathway(segment: Segment) -> Value {
    Site::new(&[NODE])
        .pathway("pathway", NODE, THERE, None)
        .tenant("acme", &[segment])
        .document()
}

fn tagged(length: usize) -> Frame {
    rest(eth(TO, FROM).svlan(S_VID).cvlan(C_VID).vlan(VLAN), length + 8)
}

/// What a tenant's frame is in a VXLAN packet that comes in.
fn tunnelled(length: usize) -> Frame {
    eth(HERE_MAC, THERE_MAC)
        .ipv4([192, 0, 2, 2], [192, 0, 2, 1])
        .udp(50_000, 4789)
        .vxlan(VNI)
        .append(&tenant(length))
}
