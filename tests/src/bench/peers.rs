//! What the kernel has for the same work: its bridge and its VXLAN device.
//!
//! As favourable as it can be had: an XDP program that passes everything on the way in (NAPI, no GRO), static addresses, no bridge
//! netfilter, a tc program as the sink.

use std::path::Path;

use anyhow::Result;
use aya::Ebpf;

use super::device::{Device, Expected, Group, Work, tenant};
use super::line::{Leaves, Line};
use super::reference::{Ends, Object, attach_xdp};
use crate::frame::{Frame, eth};
use crate::netns::NetNs;
use crate::topology::End;

const VNI: u32 = 10_001;
pub(super) const HERE_MAC: &str = "02:00:00:00:01:01";
pub(super) const THERE_MAC: &str = "02:00:00:00:01:02";

type Input = fn(usize) -> Frame;
type Output = fn(usize) -> Expected;

struct Peer {
    name: &'static str,
    work: Work,
    /// `ip` and `bridge` commands.
    set_up: &'static [&'static str],
    input: Input,
    expected: Output,
}

const BRIDGE: &[&str] = &[
    "ip link add br0 type bridge mcast_snooping 0",
    "ip link set in0 master br0",
    "ip link set out0 master br0",
    "ip link set br0 up",
    "bridge fdb add 02:00:00:00:00:02 dev out0 master static",
];
const ENCAP: &[&str] = &[
    "ip addr add 192.0.2.1/24 dev out0",
    "ip neigh add 192.0.2.2 lladdr 02:00:00:00:01:02 dev out0 nud permanent",
    "ip link add vx0 type vxlan id 10001 local 192.0.2.1 dstport 4789 nolearning dev out0",
    "ip link add br0 type bridge mcast_snooping 0",
    "ip link set in0 master br0",
    "ip link set vx0 master br0",
    "ip link set vx0 up",
    "ip link set br0 up",
    "bridge fdb add 02:00:00:00:00:02 dev vx0 master static",
    "bridge fdb add 02:00:00:00:00:02 dev vx0 dst 192.0.2.2 self permanent",
];
const DECAP: &[&str] = &[
    "ip addr add 192.0.2.1/24 dev in0",
    "ip neigh add 192.0.2.2 lladdr 02:00:00:00:01:02 dev in0 nud permanent",
    "ip link add vx0 type vxlan id 10001 local 192.0.2.1 remote 192.0.2.2 dstport 4789 nolearning dev in0",
    "ip link add br0 type bridge mcast_snooping 0",
    "ip link set out0 master br0",
    "ip link set vx0 master br0",
    "ip link set vx0 up",
    "ip link set br0 up",
    "bridge fdb add 02:00:00:00:00:02 dev out0 master static",
];

const PEERS: [Peer; 3] = [
    Peer {
        name: "Linux bridge",
        work: Work::Forward,
        set_up: BRIDGE,
        input: tenant,
        expected: |length| Expected::Exactly(tenant(length)),
    },
    Peer {
        name: "Linux VXLAN encap",
        work: Work::Encap,
        set_up: ENCAP,
        input: tenant,
        expected: |length| Expected::Vxlan {
            inner: tenant(length),
            vni: VNI,
            remote: [192, 0, 2, 2],
        },
    },
    Peer {
        name: "Linux VXLAN decap",
        work: Work::Decap,
        set_up: DECAP,
        input: tunnelled,
        expected: |length| Expected::Exactly(tenant(length)),
    },
];

/// Builds those that are wanted.
///
/// # Errors
/// When one cannot be built.
pub(super) fn build(object: &Object, ends: &mut Ends, wants: &dyn Fn(&str) -> bool) -> Result<Vec<Device>> {
    let wanted = PEERS.into_iter().filter(|peer| wants(peer.name));
    wanted.map(|peer| device(object, ends, &peer)).collect()
}

fn device(object: &Object, ends: &mut Ends, peer: &Peer) -> Result<Device> {
    let (line, ebpf) = set_up(object, ends, peer.set_up)?;
    let (input, expected) = (peer.input, peer.expected);
    Ok(Device {
        name: peer.name,
        group: Group::Peer,
        work: peer.work,
        line,
        process: None,
        input: Box::new(input),
        expected: Box::new(expected),
        keeps: vec![Box::new(ebpf)],
    })
}

/// What goes into the kernel's device of this name, and what comes out.
pub(super) fn work(name: &str) -> Option<(Input, Output)> {
    let peer = PEERS.into_iter().find(|peer| peer.name == name)?;
    Some((peer.input, peer.expected))
}

/// A line for a device of the stack, which `commands` make. The program on its way in lives as long as the second answer.
///
/// # Errors
/// When a command fails.
pub(super) fn set_up(object: &Object, ends: &mut Ends, commands: &[&str]) -> Result<(Line, Ebpf)> {
    let line = stack_line(ends)?;
    for words in commands {
        line.run(words)?;
    }
    no_bridge_netfilter(&line.device)?;
    let mut ebpf = object.load()?;
    attach_xdp(&mut ebpf, "pass", &line.device, "in0")?;
    Ok((line, ebpf))
}

/// Enters stations into the FDBs of a "Linux VXLAN encap", behind the remote VTEP.
///
/// # Errors
/// When the kernel refuses one.
pub(super) fn stations(line: &Line, numbers: std::ops::Range<u64>) -> Result<()> {
    let entry = |number: u64| {
        let [a, b, c, d, e, f] = fabric_common::reference::station(number);
        let mac = format!("{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{f:02x}");
        format!("fdb add {mac} dev vx0 master static\nfdb add {mac} dev vx0 dst 192.0.2.2 self permanent\n")
    };
    batch(&line.device, "bridge", &numbers.map(entry).collect::<String>())
}

/// Runs commands of `tool` (`ip`, `bridge`), one a line.
///
/// # Errors
/// When the kernel refuses one.
pub(super) fn batch(namespace: &NetNs, tool: &str, commands: &str) -> Result<()> {
    let file = tempfile::NamedTempFile::new()?;
    std::fs::write(file.path(), commands)?;
    namespace
        .output(&[tool, "-batch", &file.path().to_string_lossy()])
        .map(drop)
}

/// A line for a device of the stack.
///
/// # Errors
/// When it cannot be built.
pub(super) fn stack_line(ends: &mut Ends) -> Result<Line> {
    Line::build(ends, Leaves::Stack, |device| {
        (
            End::client(device, "in0").mac(HERE_MAC).offload(&["gro", "off"]),
            End::client(device, "out0"),
        )
    })
}

/// Costs the bridge a third where the module is loaded.
fn no_bridge_netfilter(namespace: &NetNs) -> Result<()> {
    namespace.run(|| {
        for table in ["arptables", "ip6tables", "iptables"] {
            let switch = format!("/proc/sys/net/bridge/bridge-nf-call-{table}");
            if Path::new(&switch).exists() {
                std::fs::write(switch, "0")?;
            }
        }
        Ok(())
    })
}

fn tunnelled(length: usize) -> Frame {
    eth(HERE_MAC, THERE_MAC)
        .ipv4([192, 0, 2, 2], [192, 0, 2, 1])
        .udp(50_000, 4789)
        .vxlan(VNI)
        .append(&tenant(length))
}
