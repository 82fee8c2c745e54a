//! The fabric as the agent installs it: learning, last-seen times, counters and drop reasons are on.

mod labels;
mod storage;

use std::net::{Ipv4Addr, Ipv6Addr};

use anyhow::Result;
use serde_json::{Value, json};

use super::device::{Device, Expected, FROM, Group, TO, VLAN, Work, rest, tenant};
use super::line::{Leaves, Line};
use super::reference::Ends;
use crate::fabric::Agent;
use crate::fixtures::{Segment, Site};
use crate::frame::{Frame, eth};
use crate::interrupt;
use crate::topology::End;

const NODE: &str = "dut";
const S_VID: u16 = 101;
/// C-VID of the station's end.
const C_VID: u16 = 201;
const BASE_C_VID: u16 = 1101;
const VNI: u32 = 10_001;
const HERE: &str = "192.0.2.1";
const THERE: &str = "192.0.2.2";
const HERE_V6: &str = "2001:db8::1";
const THERE_V6: &str = "2001:db8::2";
/// Of the second port, and of who is behind it.
const NEAR_MAC: &str = "02:00:00:00:01:03";
const FAR_MAC: &str = "02:00:00:00:01:04";
/// UDP port of VXLAN (RFC 7348 section 8).
const VXLAN: u16 = 4789;
/// Where a packet's UDP source port is.
const PORT_V4: usize = 34;
const PORT_V6: usize = 54;
const HERE_MAC: &str = "02:00:00:00:01:01";
const THERE_MAC: &str = "02:00:00:00:01:02";

struct Fabric {
    name: &'static str,
    work: Work,
    document: fn() -> Value,
    ports: [&'static str; 2],
    input: fn(usize) -> Frame,
    expected: fn(usize) -> Expected,
    /// When the agent runs.
    after: fn(&mut Agent) -> Result<()>,
}

const FABRICS: [Fabric; 9] = [
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
        after: nothing,
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
        after: nothing,
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
        after: nothing,
    },
    Fabric {
        name: "fabric QinQ swap",
        work: Work::Other,
        document: on_the_way,
        ports: ["t0", "t1"],
        input: undecided,
        expected: |length| Expected::Exactly(tagged(length)),
        after: nothing,
    },
    Fabric {
        name: "fabric QinQ transit",
        work: Work::Forward,
        document: on_the_way,
        ports: ["t0", "t1"],
        input: tagged,
        expected: |length| Expected::Exactly(tagged(length)),
        after: nothing,
    },
    Fabric {
        name: "fabric VXLAN encap",
        work: Work::Encap,
        document: || pathway(&encapsulating()),
        ports: ["in0", "u0"],
        input: tenant,
        expected: |length| {
            let outer = outer_v4((HERE_MAC, HERE), (THERE_MAC, THERE), VXLAN);
            Expected::Packet(outer.vxlan(VNI).append(&tenant(length)), PORT_V4)
        },
        after: nothing,
    },
    Fabric {
        name: "fabric VXLAN decap",
        work: Work::Decap,
        document: || pathway(&decapsulating()),
        ports: ["u0", "out0"],
        input: |length| {
            let outer = outer_v4((THERE_MAC, THERE), (HERE_MAC, HERE), VXLAN);
            outer.vxlan(VNI).append(&tenant(length))
        },
        expected: |length| Expected::Exactly(tenant(length)),
        after: nothing,
    },
    Fabric {
        name: "fabric VXLAN6 encap",
        work: Work::Other,
        document: || pathway_v6(&encapsulating()),
        ports: ["in0", "u6"],
        input: tenant,
        expected: |length| {
            let outer = outer_v6((HERE_MAC, HERE_V6), (THERE_MAC, THERE_V6), VXLAN);
            Expected::Packet(outer.vxlan(VNI).append(&tenant(length)), PORT_V6)
        },
        after: nothing,
    },
    Fabric {
        name: "fabric VXLAN6 decap",
        work: Work::Other,
        document: || pathway_v6(&decapsulating()),
        ports: ["u6", "out0"],
        input: |length| {
            let outer = outer_v6((THERE_MAC, THERE_V6), (HERE_MAC, HERE_V6), VXLAN);
            outer.vxlan(VNI).append(&tenant(length))
        },
        expected: |length| Expected::Exactly(tenant(length)),
        after: nothing,
    },
];

fn nothing(_: &mut Agent) -> Result<()> {
    Ok(())
}

/// Builds those that are wanted.
///
/// # Errors
/// When one cannot be built.
pub(super) fn build(ends: &mut Ends, wants: &dyn Fn(&str) -> bool) -> Result<Vec<Device>> {
    let all = FABRICS.into_iter().chain(labels::ROWS).chain([storage::ROW]);
    let wanted = all.filter(|fabric| wants(fabric.name));
    wanted.map(|fabric| device(ends, &fabric)).collect()
}

fn device(ends: &mut Ends, fabric: &Fabric) -> Result<Device> {
    interrupt::check()?;
    let line = Line::build(ends, Leaves::Xdp, |device| {
        let [input, output] = fabric.ports.map(|name| match name {
            "u0" => End::port(device, name)
                .mac(HERE_MAC)
                .address(&format!("{HERE}/24"))
                .neighbour(THERE, THERE_MAC),
            "u6" => End::port(device, name).mac(HERE_MAC).ipv6(),
            "p0" => End::port(device, name).no_arp().mac(HERE_MAC),
            "p1" => End::port(device, name).no_arp().mac(NEAR_MAC),
            _ => End::port(device, name).no_arp(),
        });
        (input, output)
    })?;
    if fabric.ports.contains(&"u6") {
        address_v6(&line)?;
    }
    let mut agent = Agent::start(&line.device, &(fabric.document)(), NODE)?;
    (fabric.after)(&mut agent)?;
    let (input, expected) = (fabric.input, fabric.expected);
    Ok(Device {
        name: fabric.name,
        group: Group::Fabric,
        work: fabric.work,
        line,
        process: None,
        input: Box::new(input),
        expected: Box::new(expected),
        keeps: vec![Box::new(agent)],
    })
}

/// Nothing is ever sent from it but what is measured: no solicitation, no report.
fn address_v6(line: &Line) -> Result<()> {
    line.run("sysctl -q -w net.ipv6.conf.u6.accept_ra=0 net.ipv6.conf.u6.router_solicitations=0")?;
    line.run(&format!("ip address add {HERE_V6}/64 dev u6 nodad"))?;
    line.run(&format!(
        "ip neighbour replace {THERE_V6} lladdr {THERE_MAC} dev u6 nud permanent"
    ))
}

fn segment() -> Segment {
    Segment::new("v10", S_VID, BASE_C_VID).with("vni", VNI)
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

/// Between two trunks.
fn on_the_way() -> Value {
    let segment = segment()
        .at("west", "eth1", VLAN, 301)
        .at("east", "eth1", VLAN, C_VID)
        .station(TO);
    Site::new(&["west", NODE, "east"])
        .trunk("one", "west", NODE)
        .trunk("other", NODE, "east")
        .tenant("acme", &[segment])
        .document()
}

fn pathway(segment: &Segment) -> Value {
    Site::new(&[NODE])
        .pathway("pathway", NODE, THERE, None)
        .tenant("acme", std::slice::from_ref(segment))
        .document()
}

fn pathway_v6(segment: &Segment) -> Value {
    let ends = json!([{"node": NODE, "port": "u6", "address": HERE_V6}, {"address": THERE_V6}]);
    Site::new(&[NODE])
        .link(json!({"name": "pathway", "kind": "vxlan", "ends": ends}))
        .tenant("acme", std::slice::from_ref(segment))
        .document()
}

/// The client is at this node, the station behind the other VTEP.
fn encapsulating() -> Segment {
    segment()
        .at(NODE, "in0", VLAN, 301)
        .remote("pathway", C_VID)
        .remote_station(TO)
}

/// The other way round.
fn decapsulating() -> Segment {
    segment()
        .at(NODE, "out0", VLAN, C_VID)
        .station(TO)
        .remote("pathway", 301)
}

fn tagged(length: usize) -> Frame {
    rest(eth(TO, FROM).svlan(S_VID).cvlan(C_VID).vlan(VLAN), length + 8)
}

/// With the base C-VID: the sender left the choice of the place to this node.
fn undecided(length: usize) -> Frame {
    rest(
        eth(TO, FROM).svlan(S_VID).cvlan(BASE_C_VID).vlan(VLAN),
        length + 8,
    )
}

type MacAndAddress<'a> = (&'a str, &'a str);

/// Headers up to UDP, from and to these.
fn outer_v4(from: MacAndAddress<'_>, to: MacAndAddress<'_>, port: u16) -> Frame {
    let address = |text: &str| text.parse::<Ipv4Addr>().unwrap_or(Ipv4Addr::UNSPECIFIED);
    eth(to.0, from.0)
        .ipv4(address(from.1), address(to.1))
        .udp(50_000, port)
}

fn outer_v6(from: MacAndAddress<'_>, to: MacAndAddress<'_>, port: u16) -> Frame {
    let address = |text: &str| text.parse::<Ipv6Addr>().unwrap_or(Ipv6Addr::UNSPECIFIED);
    eth(to.0, from.0)
        .ipv6(address(from.1), address(to.1))
        .udp(50_000, port)
}
