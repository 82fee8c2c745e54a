//! The cost of a frame against the number of segments that frames are in at random: VXLAN comes in, each VNI in a segment of its own
//! with a station of the same address, and leaves with that segment's tags.
//!
//! Linux has a VXLAN device, a bridge and a port for each segment. To make and to remove those takes the kernel milliseconds each, so
//! its row ends early. One VXLAN device for all and one bridge with a VLAN for each would do up to 4094; not every kernel has
//! such a bridge (`CONFIG_BRIDGE_VLAN_FILTERING`).

use std::net::Ipv4Addr;

use anyhow::{Context, Result, ensure};
use aya::Ebpf;
use aya::programs::tc::SchedClassifierLink;
use fabric_common::address::Address;
use fabric_common::maps::{Binding, NextHop, Path, Port, Tunnel, own, tunnel_key};
use fabric_common::reference::Arrived;
use fabric_common::wire::mac_word;
use fabric_userspace::ids::Sizes;
use fabric_userspace::records::SegmentLimits;
use fabric_userspace::safety::Role;

use super::{Growth, say};
use crate::bench::cpu::CpuClock;
use crate::bench::device::{Expected, FROM, TO};
use crate::bench::limits;
use crate::bench::line::{Leaves, Line};
use crate::bench::peers::{self, HERE_MAC, THERE_MAC};
use crate::bench::plain::{Bare, Stream};
use crate::bench::reference::{Ends, Object};
use crate::bpf::Spread;
use crate::frame::{Frame, Mac, eth, ether_type};
use crate::topology::End;

/// Numbers of segments that are measured.
const SEGMENTS: [u32; 6] = [1, 100, 1000, 4000, 16_000, 60_000];
/// Three devices each.
const MOST_OF_LINUX: u32 = 1000;
const ROUNDS: u32 = 15;
const HERE: [u8; 4] = [192, 0, 2, 1];
const THERE: [u8; 4] = [192, 0, 2, 2];
/// Bytes of a packet in front of the tenant's frame.
const OUTER: usize = 50;
/// Offsets of the VNI and, in the tenant's frame, of the payload.
const VNI_AT: i16 = 46;
const PAYLOAD_AT: usize = 14;
/// Bytes of the payload.
const PAYLOAD: usize = 50;
/// Slots of the ports.
const IN: u16 = 1;
const OUT: u16 = 2;
/// Entries that the FDB has room for at half load, as the agent makes it.
const STATIONS: u32 = 1 << 20;

/// Measures up to `most` segments.
///
/// # Errors
/// When something cannot be built, or frames were lost or came out with another segment's tags.
pub(super) fn measure(object: &Object, ends: &mut Ends, clock: &CpuClock, most: u32) -> Result<Vec<Growth>> {
    let limit = limits::build(object, ends, &|_| false)?;
    let bare = limit.first().context("no limit")?;
    let mut fabric = Fabric::build(ends)?;
    let mut linux = Linux::build(object, ends)?;
    let mut points = Vec::new();
    let mut there = 0;
    say("\nsegments     bare redirect   fabric VXLAN to QinQ  against 1000     Linux VXLAN to port\n");
    for segments in SEGMENTS.into_iter().filter(|number| *number <= most) {
        fabric.enter(there + 1..=segments)?;
        let of_linux = segments <= MOST_OF_LINUX;
        if of_linux {
            linux.enter(ends, there + 1..=segments)?;
        }
        there = segments;
        let point = Growth {
            number: segments,
            limit: stream(ends, &bare.line, segments, packet)?.cost(ends, clock, ROUNDS)?,
            fabric: {
                let stream = stream(ends, &fabric.line, segments, two_tags)?;
                // All of them learn their other station before anything is measured.
                stream.run(ends, clock, segments * 12)?;
                stream.cost(ends, clock, ROUNDS)?
            },
            linux: of_linux
                .then(|| {
                    let stream = stream(ends, &linux.line, segments, no_tag)?;
                    stream.cost(ends, clock, ROUNDS / 2)
                })
                .transpose()?,
            load: None,
        };
        points.push(point);
        say(&point.row(&points));
    }
    fabric.tear_down()?;
    linux.tear_down()?;
    limit
        .into_iter()
        .try_for_each(crate::bench::device::Device::tear_down)?;
    Ok(points)
}

/// Packets of random segments, of which those that are looked at must have come out as `expected` says.
fn stream(ends: &Ends, line: &Line, segments: u32, expected: fn(u32) -> Frame) -> Result<Stream> {
    let frame = packet(0);
    let spread = Spread {
        header: frame[..112].to_vec(),
        most: segments,
        at: [VNI_AT, i16::try_from(OUTER + PAYLOAD_AT)?],
    };
    let check = move |arrived: &Arrived| {
        // Whatever stands in front of it, the payload is what ends the frame.
        let at = arrived.tail.len() - PAYLOAD;
        let number = read(&arrived.tail, at).context("no number in the frame")?;
        ensure!((1..=segments).contains(&number), "segment {number}");
        Expected::Exactly(expected(number)).check(Some(arrived))
    };
    let program = ends.spread(&spread, line.key)?;
    Ok(Stream::sent_by(program, frame, Box::new(check)))
}

fn read(bytes: &[u8], at: usize) -> Option<u32> {
    let word: [u8; 4] = bytes.get(at..at + 4)?.try_into().ok()?;
    Some(u32::from_be_bytes(word) >> 8)
}

fn number_bytes(number: u32) -> [u8; 4] {
    (number << 8).to_be_bytes()
}

/// A tenant's frame of 64 bytes that says which segment it is of, behind the tags of `header`.
fn tenant(header: Frame, number: u32) -> Frame {
    let rest = (0..251).cycle().take(PAYLOAD - 4);
    let payload: Vec<u8> = number_bytes(number).into_iter().chain(rest).collect();
    header.ethertype(ether_type::TEST).payload(payload)
}

fn packet(number: u32) -> Frame {
    eth(HERE_MAC, THERE_MAC)
        .ipv4(Ipv4Addr::from(THERE), Ipv4Addr::from(HERE))
        .udp(50_000, 4789)
        .vxlan(number)
        .append(&tenant(eth(TO, FROM), number))
}

fn two_tags(number: u32) -> Frame {
    let [s_vid, c_vid] = tags(number);
    tenant(eth(TO, FROM).svlan(s_vid).cvlan(c_vid), number)
}

fn no_tag(number: u32) -> Frame {
    tenant(eth(TO, FROM), number)
}

/// S-VID and C-VID of a segment.
fn tags(number: u32) -> [u16; 2] {
    [1 + number / 4000, 1 + number % 4000].map(|vid| u16::try_from(vid).unwrap_or(0))
}

/// The data path without an agent, as in [`crate::bench::plain`].
struct Fabric {
    /// The first field: it is to go before its interfaces do.
    datapath: Bare,
    line: Line,
}

impl Fabric {
    fn build(ends: &mut Ends) -> Result<Self> {
        // The agent's own tables end at 32,767 segments.
        let sizes = Sizes {
            ports: 8,
            segments: 1 << 16,
            ..Sizes::default()
        };
        let datapath = Bare::open(&sizes, STATIONS)?;
        let line = Line::build(ends, Leaves::Xdp, |device| {
            (
                End::port(device, "u0").mac(HERE_MAC),
                End::port(device, "t0").no_arp(),
            )
        })?;
        let mut fabric = Self { datapath, line };
        fabric.port("u0", IN, Role::Underlay)?;
        fabric.port("t0", OUT, Role::Trunk)?;
        Ok(fabric)
    }

    fn port(&mut self, name: &str, slot: u16, role: Role) -> Result<()> {
        let ifindex = self.line.device.ifindex(name)?;
        let record = Port {
            slot,
            udp_port: if role == Role::Underlay { 4789 } else { 0 },
            mac: mac_word(HERE_MAC.parse::<Mac>()?.octets()),
            ..Port::default()
        };
        let datapath = &mut *self.datapath;
        self.line.device.run(|| {
            datapath.set_egress(slot, Some(ifindex))?;
            datapath.set_port(ifindex, Some(&record))?;
            Ok(datapath.attach(ifindex, role)?)
        })
    }

    fn enter(&mut self, numbers: std::ops::RangeInclusive<u32>) -> Result<()> {
        numbers.into_iter().try_for_each(|number| self.segment(number))
    }

    /// Segment, path, next hop, binding and tunnel all have the number of the VNI; stations at the other VTEP are learned
    /// behind a next hop of their own, which no frame takes here.
    fn segment(&mut self, number: u32) -> Result<()> {
        let datapath = &mut *self.datapath;
        let [s_vid, c_vid] = tags(number).map(u16::to_be_bytes);
        let mut post = [0; 16];
        post[..8].copy_from_slice(&[0x88, 0xa8, s_vid[0], s_vid[1], 0x81, 0, c_vid[0], c_vid[1]]);
        let path = Path {
            slot: OUT,
            max_len: 1600,
            segment: number,
            post_len: 8,
            post,
            ..Path::default()
        };
        let next_hop = NextHop {
            path: number,
            segment: number,
            ..NextHop::default()
        };
        let limits = SegmentLimits {
            stations: 1024,
            flooded_len: 1600,
            irb: 0,
            turns: false,
        };
        let remote = Address::v4(THERE);
        let back = (1 << 17) + number;
        let tunnel = Tunnel {
            binding: Binding::new(number, 0, back, 0, number, own::UNTAGGED),
            local: Address::v4(HERE),
            remote,
            slot: IN,
            ..Tunnel::default()
        };
        datapath.set_path(number, Some(&path))?;
        datapath.set_next_hop(number, Some(&next_hop))?;
        datapath.set_segment(number, Some(limits))?;
        datapath.set_tunnel(number, Some(&tunnel))?;
        datapath.set_fixed(number, mac_word(TO.parse::<Mac>()?.octets()), Some(number))?;
        Ok(datapath.set_tunnel_key(tunnel_key(IN, remote, number), Some(number))?)
    }

    fn tear_down(mut self) -> Result<()> {
        self.datapath.remove()?;
        drop(self.datapath);
        self.line.tear_down()
    }
}

/// The kernel's bridges and VXLAN devices.
struct Linux {
    line: Line,
    /// What lets frames in.
    _pass: Ebpf,
    /// What counts them behind each port.
    sinks: Vec<SchedClassifierLink>,
}

impl Linux {
    fn build(object: &Object, ends: &mut Ends) -> Result<Self> {
        let (line, pass) = peers::set_up(object, ends, &["ip addr add 192.0.2.1/24 dev in0"])?;
        Ok(Self {
            line,
            _pass: pass,
            sinks: Vec::new(),
        })
    }

    fn enter(&mut self, ends: &mut Ends, numbers: std::ops::RangeInclusive<u32>) -> Result<()> {
        let sink = self.line.sink.name();
        let (mut links, mut stations, mut sinks) = (String::new(), String::new(), String::new());
        for number in numbers.clone() {
            links += &format!(
                "link add vx{number} type vxlan id {number} local 192.0.2.1 remote 192.0.2.2 dstport 4789 nolearning dev in0\n\
                 link add out{number} type veth peer name snk{number} netns {sink}\n\
                 link add br{number} type bridge mcast_snooping 0\n\
                 link set vx{number} master br{number} up\n\
                 link set out{number} master br{number} up\n\
                 link set br{number} up\n"
            );
            stations += &format!("fdb add {TO} dev out{number} master static\n");
            sinks += &format!("link set snk{number} up\n");
        }
        peers::batch(&self.line.device, "ip", &links)?;
        peers::batch(&self.line.device, "bridge", &stations)?;
        peers::batch(&self.line.sink, "ip", &sinks)?;
        for number in numbers {
            let port = format!("snk{number}");
            self.sinks.push(ends.count_at(&self.line.sink, &port)?);
        }
        Ok(())
    }

    fn tear_down(self) -> Result<()> {
        self.line.tear_down()
    }
}
