//! Two tenants at one node, whose records the test itself writes: no agent is in the way.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use fabric_common::maps::{Binding, NextHop, Path, Port, access_index, own};
use fabric_common::wire::mac_word;
use fabric_tests::netns::NetNs;
use fabric_tests::topology::{End, Net};
use fabric_tests::wait;
use fabric_tests::wire::{Capture, RawSocket};
use fabric_userspace::datapath::Datapath;
use fabric_userspace::ids::Sizes;
use fabric_userspace::records::SegmentLimits;
use fabric_userspace::safety::Role;

/// Stations of each tenant, a third of each [`Home`].
pub(crate) const STATIONS: u64 = 180;
/// The segment of one tenant.
pub(crate) const ACME: u32 = 7;
/// Of the other: the low 16 bits, which are in an FDB entry's key, are the same.
pub(crate) const GLOBEX: u32 = 7 + (1 << 16);
/// Next hop: acme's port `out0`.
pub(crate) const NEAR: u32 = 1;
/// Next hop: acme's port `out1`.
pub(crate) const FAR: u32 = 2;
/// Next hop: globex' port `bout0`.
pub(crate) const GLOBEX_HOP: u32 = 4;

const ETHERTYPE: [u8; 2] = [0x88, 0xb5];

/// Where acme's stations are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Home {
    /// Entered and removed, only ever at `out0`.
    Fixed,
    /// Entered, moved and removed, at `out0` or `out1`.
    Moved,
    /// Learned, at `out0` or `out1`.
    Learned,
}

pub(crate) fn home(number: u64) -> Home {
    match number % 3 {
        0 => Home::Fixed,
        1 => Home::Moved,
        _ => Home::Learned,
    }
}

fn station(number: u64) -> [u8; 6] {
    let [.., high, low] = number.to_be_bytes();
    [2, 0, 0, 0, high, low]
}

/// A frame that says whose it is: segment and station it goes to.
pub(crate) fn frame(segment: u32, to: u64, from: Option<u64>) -> Vec<u8> {
    let from = from.map_or([2, 9, 9, 9, 9, 9], station);
    let head = [&station(to)[..], &from, &ETHERTYPE].concat();
    let text = [&segment.to_be_bytes()[..], &to.to_be_bytes()].concat();
    let mut frame = [head, text].concat();
    frame.resize(64, 0);
    frame
}

fn read(frame: &[u8]) -> Option<(u32, u64)> {
    if frame.get(12..14)? != ETHERTYPE {
        return None;
    }
    let segment = u32::from_be_bytes(frame.get(14..18)?.try_into().ok()?);
    let to = u64::from_be_bytes(frame.get(18..26)?.try_into().ok()?);
    Some((segment, to))
}

/// Port, its slot, its segment, the next hop that is learned there, and the one that leads there.
const PORTS: [(&str, u16, u32, u32, u32); 5] = [
    ("out0", 1, ACME, NEAR, NEAR),
    ("out1", 2, ACME, FAR, FAR),
    ("in0", 3, ACME, 0, 3),
    ("bout0", 4, GLOBEX, 0, GLOBEX_HOP),
    ("bin0", 5, GLOBEX, 0, 5),
];

/// Whether a frame may come out of a port.
fn belongs(port: &str, segment: u32, to: u64) -> bool {
    match port {
        "out0" => segment == ACME,
        "out1" => segment == ACME && home(to) != Home::Fixed,
        "bout0" => segment == GLOBEX,
        _ => false,
    }
}

/// What came out of a port.
pub(crate) struct Tally {
    all: Arc<AtomicU64>,
    strays: Arc<AtomicU64>,
    _capture: Capture,
}

impl Tally {
    fn start(clients: &NetNs, port: &'static str) -> Self {
        let (all, strays) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let (count, stray) = (Arc::clone(&all), Arc::clone(&strays));
        let look = move |bytes: &[u8]| {
            if let Some((segment, to)) = read(bytes) {
                count.fetch_add(1, Ordering::Relaxed);
                stray.fetch_add(u64::from(!belongs(port, segment, to)), Ordering::Relaxed);
            }
            false
        };
        let capture = Capture::watch(clients, port, 64, look).unwrap();
        Self {
            all,
            strays,
            _capture: capture,
        }
    }

    pub(crate) fn all(&self) -> u64 {
        self.all.load(Ordering::Relaxed)
    }

    pub(crate) fn strays(&self) -> u64 {
        self.strays.load(Ordering::Relaxed)
    }
}

/// The node, its data path, and what is plugged in.
pub(crate) struct Site {
    tallies: BTreeMap<&'static str, Tally>,
    pub(crate) datapath: Datapath,
    clients: NetNs,
    net: Net,
    _folder: tempfile::TempDir,
}

impl Site {
    pub(crate) fn build() -> Self {
        let net = Net::new().unwrap();
        let (node, clients) = (net.host("node").unwrap(), net.host("clients").unwrap());
        for (port, ..) in PORTS {
            let (one, other) = (End::client(&node, port), End::client(&clients, port));
            net.veth(one.no_arp(), other.no_arp()).unwrap();
        }
        let folder = tempfile::tempdir().unwrap();
        let datapath = datapath(&node, &folder.path().join("bpf"));
        let tallies = PORTS.map(|(port, ..)| (port, Tally::start(&clients, port)));
        Self {
            tallies: tallies.into(),
            datapath,
            clients,
            net,
            _folder: folder,
        }
    }

    pub(crate) fn socket(&self, port: &str) -> RawSocket {
        RawSocket::open(&self.clients, port).unwrap()
    }

    pub(crate) fn tallies(&self) -> impl Iterator<Item = (&&'static str, &Tally)> {
        self.tallies.iter()
    }

    pub(crate) fn tally(&self, port: &str) -> &Tally {
        &self.tallies[port]
    }

    pub(crate) fn set(&mut self, segment: u32, number: u64, place: Option<u32>) {
        let mac = mac_word(station(number));
        self.datapath.set_fixed(segment, mac, place).unwrap();
    }

    /// Waits until nothing comes any more.
    pub(crate) fn drained(&self) {
        let all = || self.tallies.values().map(Tally::all).sum::<u64>();
        let mut last = u64::MAX;
        wait::until_true(wait::PATIENCE, "the last frames", || {
            let now = all();
            std::thread::sleep(Duration::from_millis(50));
            Ok(std::mem::replace(&mut last, now) == now)
        })
        .unwrap();
    }

    pub(crate) fn remove(mut self) {
        self.datapath.remove().unwrap();
        drop(self.tallies);
        self.net.tear_down().unwrap();
    }
}

/// 512 places in the FDB for the 360 addresses of both tenants: many buckets are full.
fn datapath(node: &NetNs, pins: &std::path::Path) -> Datapath {
    let sizes = Sizes {
        ports: 8,
        segments: GLOBEX + 1,
        bindings: 64,
        next_hops: 64,
        paths: 64,
        tunnels: 64,
        vsm_places: 8,
    };
    let (mut datapath, _) = Datapath::open(pins, &sizes, 256, false).unwrap();
    let limits = SegmentLimits {
        stations: 1000,
        flooded_len: 1518,
        irb: 0,
        turns: false,
    };
    for segment in [ACME, GLOBEX] {
        datapath.set_segment(segment, Some(limits)).unwrap();
    }
    for (port, slot, segment, learned, hop) in PORTS {
        let path = Path {
            slot,
            max_len: 1518,
            segment,
            ..Path::default()
        };
        let next_hop = NextHop {
            path: hop,
            segment,
            ..NextHop::default()
        };
        let binding = Binding::new(segment, 0, learned, 0, u32::from(slot), own::UNTAGGED);
        let ifindex = node.ifindex(port).unwrap();
        let record = Port {
            slot,
            mac: mac_word([2, 8, 8, 8, 8, 8]),
            ..Port::default()
        };
        datapath.set_path(hop, Some(&path)).unwrap();
        datapath.set_next_hop(hop, Some(&next_hop)).unwrap();
        datapath
            .set_access(access_index(slot, 0), Some(&binding))
            .unwrap();
        node.run(|| {
            datapath.set_egress(slot, Some(ifindex))?;
            datapath.set_port(ifindex, Some(&record))?;
            Ok(datapath.attach(ifindex, Role::Access)?)
        })
        .unwrap();
    }
    datapath
}
