//! The data path without an agent: its records are written here, so that a table can be filled with a million entries.

use std::ops::{Deref, DerefMut};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use fabric_common::maps::{Binding, NextHop, Path, Port, access_index};
use fabric_common::reference::{Arrived, Source, Vary, station};
use fabric_common::wire::mac_word;
use fabric_userspace::datapath::Datapath;
use fabric_userspace::ids::Sizes;
use fabric_userspace::records::SegmentLimits;
use fabric_userspace::safety::Role;

use super::cpu::CpuClock;
use super::device::{Device, Expected, VLAN, tenant};
use super::line::{Leaves, Line};
use super::reference::Ends;
use crate::bpf::XdpProgram;
use crate::frame::Frame;
use crate::interrupt;
use crate::netns::NetNs;
use crate::topology::End;

/// The only segment that frames are in.
pub(super) const SEGMENT: u32 = 1;
/// What is put in front of each frame: S-tag 101 and C-tag 201.
const TAGS: [u8; 8] = [0x88, 0xa8, 0, 101, 0x81, 0, 0, 201];
const LATE: Duration = Duration::from_secs(2);

/// A data path without an agent, which goes with its handle.
pub(super) struct Bare {
    datapath: Datapath,
    _folder: tempfile::TempDir,
}

impl Bare {
    /// With room for so many stations at half load.
    ///
    /// # Errors
    /// When the kernel refuses it.
    pub(super) fn open(sizes: &Sizes, stations: u32) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let (datapath, _) = Datapath::open(&folder.path().join("bpf"), sizes, stations, false)?;
        Ok(Self {
            datapath,
            _folder: folder,
        })
    }
}

impl Deref for Bare {
    type Target = Datapath;

    fn deref(&self) -> &Datapath {
        &self.datapath
    }
}

impl DerefMut for Bare {
    fn deref_mut(&mut self) -> &mut Datapath {
        &mut self.datapath
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        // Nothing is left to remove where that was asked for before.
        let _ = self.datapath.remove();
    }
}

/// One data path with lines of its own: what enters one gets two tags at its end, or is dropped.
pub(super) struct Plain {
    /// The first field: it is to go before its interfaces do.
    pub datapath: Bare,
    pub lines: Vec<Line>,
}

impl Plain {
    /// A line from each of `ends`, and room for `stations` at half load.
    ///
    /// # Errors
    /// When a step fails.
    pub(super) fn build(ends: &mut [Ends], stations: u32) -> Result<Self> {
        let sizes = Sizes {
            ports: 8,
            segments: 64,
            ..Sizes::default()
        };
        let datapath = Bare::open(&sizes, stations)?;
        let mut plain = Self {
            datapath,
            lines: Vec::new(),
        };
        for ends in ends {
            plain.add_line(ends)?;
        }
        Ok(plain)
    }

    fn add_line(&mut self, ends: &mut Ends) -> Result<()> {
        let number = self.lines.len();
        let line = Line::build(ends, Leaves::Xdp, |device| {
            other_numbers(device, number);
            (End::client(device, "in0"), End::client(device, "out0").no_arp())
        })?;
        let segment = SEGMENT + u32::try_from(number)?;
        let limits = SegmentLimits {
            stations: 1 << 20,
            flooded_len: 1600,
            irb: 0,
            turns: false,
        };
        self.datapath.set_segment(segment, Some(limits))?;
        for (slot, port) in (1 + 2 * u16::try_from(number)?..).zip(["in0", "out0"]) {
            self.add_port(&line.device, segment, slot, port)?;
        }
        self.lines.push(line);
        Ok(())
    }

    fn add_port(&mut self, node: &NetNs, segment: u32, slot: u16, port: &str) -> Result<()> {
        let hop = u32::from(slot);
        let mut post = [0; 16];
        post[..TAGS.len()].copy_from_slice(&TAGS);
        let path = Path {
            slot,
            max_len: 1600,
            segment,
            post_len: 8,
            post,
            ..Path::default()
        };
        let next_hop = NextHop {
            path: hop,
            segment,
            ..NextHop::default()
        };
        let binding = Binding::new(segment, 0, hop, 0, hop, u32::from(VLAN));
        let record = Port {
            slot,
            mac: mac_word([2, 8, 8, 8, 8, 8]),
            ..Port::default()
        };
        let ifindex = node.ifindex(port)?;
        let datapath = &mut *self.datapath;
        datapath.set_path(hop, Some(&path))?;
        datapath.set_next_hop(hop, Some(&next_hop))?;
        datapath.set_access(access_index(slot, VLAN), Some(&binding))?;
        node.run(|| {
            datapath.set_egress(slot, Some(ifindex))?;
            datapath.set_port(ifindex, Some(&record))?;
            Ok(datapath.attach(ifindex, Role::Access)?)
        })
    }

    /// Enters the stations of this range at the end of each line, as static ones.
    ///
    /// # Errors
    /// When there is no room.
    pub(super) fn fill(&mut self, numbers: std::ops::Range<u64>) -> Result<()> {
        for line in 0..u32::try_from(self.lines.len())? {
            let place = |number| (SEGMENT + line, mac_word(station(number)), 2 + 2 * line);
            let stations: Vec<_> = numbers.clone().map(place).collect();
            self.datapath.set_stations(&stations)?;
        }
        Ok(())
    }

    /// What comes out for a tenant's frame of 64 bytes.
    pub(super) fn expected() -> Expected {
        let frame = tenant(64);
        let bytes = [&frame[..12], &TAGS, &frame[12..]].concat();
        Expected::Exactly(Frame::from_bytes(bytes))
    }

    /// The first line.
    ///
    /// # Errors
    /// When there is none.
    pub(super) fn line(&self) -> Result<&Line> {
        self.lines.first().context("no line")
    }

    /// # Errors
    /// What would not go.
    pub(super) fn tear_down(mut self) -> Result<()> {
        self.datapath.remove()?;
        drop(self.datapath);
        self.lines.into_iter().try_for_each(Line::tear_down)
    }
}

/// Each namespace numbers its interfaces anew, and a data path knows a port by its number alone.
fn other_numbers(device: &NetNs, line: usize) {
    for number in 0..line * 8 {
        let (one, other) = (format!("skip{number}a"), format!("skip{number}b"));
        let pair = ["ip", "link", "add", &one, "type", "veth", "peer", "name", &other];
        // Should it fail, the ports get numbers that are taken, and frames will be missed.
        let _ = device.output(&pair);
    }
}

/// What sends a stream.
enum Sender {
    /// The source that all lines share.
    Shared(Source),
    /// A program of the stream's own.
    Own(XdpProgram),
}

type Check = Box<dyn Fn(&Arrived) -> Result<()> + Send + Sync>;

/// A stream of frames, all of which must arrive.
pub(super) struct Stream {
    frame: Frame,
    sender: Sender,
    /// What is asked of each frame that the sink keeps.
    check: Option<Check>,
}

impl Stream {
    /// 64 bytes each, over `line`, to random ones of the first `stations`; 1 station gets all.
    pub(super) fn to(line: &Line, stations: u32) -> Self {
        Self::varied(line, Vary::DESTINATION, stations)
    }

    /// As [`Self::to`], through a device that says what comes out.
    pub(super) fn through(device: &Device, stations: u32) -> Self {
        Self::to(&device.line, stations).expecting((device.expected)(64))
    }

    /// The address that frames of [`Self::from_new`] go to.
    pub(super) fn known_station() -> String {
        station(0).map(|byte| format!("{byte:02x}")).join(":")
    }

    /// From one new station after the other.
    pub(super) fn from_new(line: &Line) -> Self {
        Self::varied(line, Vary::SOURCE, 1)
    }

    fn varied(line: &Line, vary: u32, stations: u32) -> Self {
        let mut frame = tenant(64);
        if vary == Vary::SOURCE {
            let bytes = [&station(0)[..], &frame[6..]].concat();
            frame = Frame::from_bytes(bytes);
        }
        let source = Source {
            vary,
            stations,
            ..super::device::source(&frame, line.key)
        };
        Self {
            frame,
            sender: Sender::Shared(source),
            check: None,
        }
    }

    /// With what must come out for a tenant's frame of 64 bytes; the addresses are those of this stream.
    pub(super) fn expecting(mut self, expected: Expected) -> Self {
        if let Sender::Shared(source) = &self.sender {
            let (frame, vary, stations) = (self.frame.clone(), source.vary, source.stations);
            self.check = Some(Box::new(move |arrived| {
                let addresses = addresses(&frame, &expected, arrived, vary, stations)?;
                with_addresses(&expected, &addresses).check(Some(arrived))
            }));
        }
        self
    }

    /// Frames like `frame`, sent by `program`; `check` is asked of those that are looked at.
    pub(super) fn sent_by(program: XdpProgram, frame: Frame, check: Check) -> Self {
        Self {
            frame,
            sender: Sender::Own(program),
            check: Some(check),
        }
    }

    /// CPU time of `count` frames.
    ///
    /// # Errors
    /// When some of them were lost.
    pub(super) fn run(&self, ends: &mut Ends, clock: &CpuClock, count: u32) -> Result<Duration> {
        interrupt::check()?;
        ends.take_arrived()?;
        let before = clock.now()?;
        match &self.sender {
            Sender::Shared(source) => ends.send(*source, &self.frame, count)?,
            Sender::Own(program) => program.run_many_live(&self.frame, count)?,
        }
        let cost = clock.now()? - before;
        let begin = Instant::now();
        let (mut arrived, mut kept) = ends.take_arrived()?;
        while arrived < u64::from(count) && begin.elapsed() < LATE {
            std::thread::sleep(Duration::from_millis(1));
            let (more, later) = ends.take_arrived()?;
            arrived += more;
            kept = later.or(kept);
        }
        ensure!(arrived == u64::from(count), "{arrived} of {count} frames arrived");
        if let Some(check) = &self.check {
            check(kept.as_ref().context("no frame was kept")?)?;
        }
        Ok(cost)
    }

    /// Nanoseconds a frame: the least of `rounds` rounds of about 40 ms.
    ///
    /// # Errors
    /// When frames were lost.
    pub(super) fn cost(&self, ends: &mut Ends, clock: &CpuClock, rounds: u32) -> Result<f64> {
        const FRAMES: u32 = 150_000;
        self.run(ends, clock, FRAMES).context("the first frames")?;
        let mut least = f64::INFINITY;
        for _ in 0..rounds {
            let cost = self.run(ends, clock, FRAMES)?;
            least = least.min(cost.as_secs_f64() * 1e9 / f64::from(FRAMES));
        }
        Ok(least)
    }
}

/// The addresses that must have arrived: those of the frame that was sent, of which the one that varies is some station's.
fn addresses(
    sent: &[u8],
    expected: &Expected,
    arrived: &Arrived,
    vary: u32,
    stations: u32,
) -> Result<[u8; 12]> {
    let mut addresses: [u8; 12] = *sent.first_chunk().context("no addresses")?;
    let came = match expected {
        // The tenant's frame of 64 bytes ends it.
        Expected::Vxlan { .. } => &arrived.tail,
        Expected::Exactly(_) | Expected::Packet(..) | Expected::Nothing => &arrived.head,
    };
    let at = if vary == Vary::SOURCE { 6 } else { 0 };
    let mac = &came[at..at + 6];
    // Sources go through all numbers, and only their form is known.
    let is_one = match vary {
        Vary::SOURCE => mac[0] == 2,
        _ => (0..u64::from(stations)).any(|number| station(number) == *mac),
    };
    ensure!(is_one, "a frame of nobody came out: {mac:02x?}");
    addresses[at..at + 6].copy_from_slice(mac);
    Ok(addresses)
}

/// The same with these addresses in the tenant's frame.
fn with_addresses(expected: &Expected, addresses: &[u8]) -> Expected {
    let set = |frame: &Frame| frame.clone().set(0, addresses);
    match expected {
        Expected::Exactly(frame) => Expected::Exactly(set(frame)),
        Expected::Vxlan { inner, vni, remote } => Expected::Vxlan {
            inner: set(inner),
            vni: *vni,
            remote: *remote,
        },
        Expected::Packet(..) | Expected::Nothing => expected.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATIONS: u32 = 3;

    /// Whether a frame from the device is taken, of a stream to three stations.
    fn is_taken(came: &Frame) -> bool {
        let (mut head, mut tail) = ([0; 64], [0; 64]);
        head.copy_from_slice(&came[..64]);
        tail.copy_from_slice(&came[came.len() - 64..]);
        let length = u32::try_from(came.len()).unwrap();
        let arrived = Arrived {
            frames: 1,
            head,
            tail,
            length,
            reserved: 0,
        };
        let expected = Plain::expected();
        addresses(&tenant(64), &expected, &arrived, Vary::DESTINATION, STATIONS)
            .and_then(|addresses| with_addresses(&expected, &addresses).check(Some(&arrived)))
            .is_ok()
    }

    #[test]
    fn a_frame_is_compared_but_for_the_station_that_it_goes_to() {
        let Expected::Exactly(frame) = Plain::expected() else {
            panic!("not a frame");
        };
        let to = |number| frame.clone().set(0, &station(number));
        assert!((0..u64::from(STATIONS)).all(|number| is_taken(&to(number))));
        assert!(!is_taken(&to(u64::from(STATIONS))), "nobody's");
        assert!(!is_taken(&to(1).set(15, &[102])), "another S-tag");
        assert!(!is_taken(&to(1).set(6, &[4])), "another source");
        assert!(!is_taken(&to(1).set(71, &[0xff])), "another end");
    }
}
