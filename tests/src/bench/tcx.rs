//! The same work by tc programs: the kernel's helpers push tags and fill in tunnels.

use anyhow::{Context, Result};
use aya::maps::Array;
use aya::programs::links::LinkOrder;
use aya::programs::tc::{TcAttachOptions, TcAttachType};
use fabric_common::reference::TcOut;

use super::device::{Device, Expected, FROM, Group, TO, VLAN, Work, rest, tenant};
use super::peers::stack_line;
use super::reference::{Ends, Object, attach_xdp, load_tc};
use crate::frame::{Frame, eth};

const OUTER: u16 = 101;
const INNER: u16 = 201;
const VNI: u32 = 10_001;

struct Program {
    name: &'static str,
    program: &'static str,
    work: Work,
    set_up: &'static [&'static str],
    /// Interface that the program sends to.
    to: &'static str,
    input: fn(usize) -> Frame,
    expected: fn(usize) -> Expected,
}

const PROGRAMS: [Program; 4] = [
    Program {
        name: "tc-BPF redirect",
        program: "tc_redirect",
        work: Work::Forward,
        set_up: &[],
        to: "out0",
        input: tenant,
        expected: |length| Expected::Exactly(tenant(length)),
    },
    Program {
        name: "tc-BPF QinQ push",
        program: "tc_push",
        work: Work::Push,
        set_up: &[],
        to: "out0",
        input: tenant,
        expected: |length| Expected::Exactly(tagged(length)),
    },
    Program {
        name: "tc-BPF QinQ pop",
        program: "tc_pop",
        work: Work::Pop,
        set_up: &[],
        to: "out0",
        input: tagged,
        expected: |length| Expected::Exactly(tenant(length)),
    },
    Program {
        name: "tc-BPF VXLAN encap",
        program: "tc_vxlan",
        work: Work::Encap,
        set_up: &[
            "ip addr add 192.0.2.1/24 dev out0",
            "ip neigh add 192.0.2.2 lladdr 02:00:00:00:01:02 dev out0 nud permanent",
            "ip link add vx0 type vxlan external dstport 4789",
            "ip link set vx0 up",
        ],
        to: "vx0",
        input: tenant,
        expected: |length| Expected::Vxlan {
            inner: tenant(length),
            vni: VNI,
            remote: [192, 0, 2, 2],
        },
    },
];

/// Builds those that are wanted.
///
/// # Errors
/// When one cannot be built.
pub(super) fn build(object: &Object, ends: &mut Ends, wants: &dyn Fn(&str) -> bool) -> Result<Vec<Device>> {
    let wanted = PROGRAMS.into_iter().filter(|program| wants(program.name));
    wanted.map(|program| device(object, ends, &program)).collect()
}

fn device(object: &Object, ends: &mut Ends, peer: &Program) -> Result<Device> {
    let line = stack_line(ends)?;
    for words in peer.set_up {
        line.run(words)?;
    }
    let mut ebpf = object.load()?;
    let mut out: Array<_, TcOut> = ebpf.take_map("TC_OUT").context("no map TC_OUT")?.try_into()?;
    let settings = TcOut {
        ifindex: line.device.ifindex(peer.to)?,
        remote: u32::from_be_bytes([192, 0, 2, 2]),
        vni: VNI,
        outer: OUTER,
        inner: INNER,
    };
    out.set(0, settings, 0)?;
    attach_xdp(&mut ebpf, "pass", &line.device, "in0")?;
    let program = load_tc(&mut ebpf, peer.program)?;
    let options = TcAttachOptions::TcxOrder(LinkOrder::default());
    line.device
        .run(|| Ok(program.attach_with_options("in0", TcAttachType::Ingress, options)?))?;
    let (input, expected) = (peer.input, peer.expected);
    Ok(Device {
        name: peer.name,
        group: Group::Peer,
        work: peer.work,
        line,
        process: None,
        input: Box::new(input),
        expected: Box::new(expected),
        keeps: vec![Box::new(ebpf), Box::new(out)],
    })
}

fn tagged(length: usize) -> Frame {
    rest(eth(TO, FROM).svlan(OUTER).cvlan(INNER).vlan(VLAN), length + 8)
}
