//! Frames that come near to what each port expects, and then not quite.

use std::net::Ipv4Addr;

use fabric_common::maps::{is_tag_key, tag_slot};
use fabric_common::wire::mac_octets;
use fabric_tests::bpf::SHORTEST_RUN;
use fabric_tests::fixtures::vtep_mac;
use fabric_tests::frame::{Mac, checksum};
use fabric_tests::random::Random;
use fabric_userspace::validate::PortRole;

use super::labels::Labels;
use super::numbered::Numbers;
use super::site::{HERE, HERE_1, Port, REMOTES, SERVICE_PORT, Site};

pub(crate) struct Generator {
    pub(super) random: Random,
    ports: Vec<Port>,
    /// Addresses of the document.
    stations: Vec<[u8; 6]>,
    /// What trunk ports know.
    tags: Vec<Tags>,
    /// What lines and label links know.
    pub(super) labels: Labels,
    /// What the port of I-TAG and global VLAN links knows.
    pub(super) numbers: Numbers,
    /// The last frames, to be mutated again.
    recent: Vec<(String, Vec<u8>)>,
}

/// Tags of a segment on a trunk.
#[derive(Clone, Copy)]
struct Tags {
    slot: u16,
    s_vid: u16,
    c_vid: u16,
    /// The tenant's own VLAN there.
    own: u32,
}

/// VLANs that mean something somewhere in the site, and some that never do.
const VIDS: [u16; 8] = [0, 10, 20, 30, 11, 100, 4094, 4095];
/// VNIs with the tenant's own VLAN there; the last three are nobody's.
const VNIS: [(u32, u32); 9] = [
    (10_001, 0),
    (10_001, 0),
    (10_002, 20),
    (10_002, 20),
    (10_003, 30),
    (10_003, 30),
    (0, 0),
    (0xff_ffff, 0),
    (0x27_1100, 0),
];
const LEARNED: u8 = 40;

impl Generator {
    pub(crate) fn new(random: Random, site: &Site) -> Self {
        let stations = site.records.stations.keys().map(|(_, mac)| mac_octets(*mac));
        let on_trunks = site.records.tags.iter();
        let on_trunks = on_trunks.filter(|(key, _)| is_tag_key(**key));
        let tags = on_trunks.map(|(key, binding)| {
            let part = |shift: u32, mask: u64| u16::try_from(key >> shift & mask).unwrap();
            Tags {
                slot: tag_slot(*key),
                s_vid: part(12, 0xfff),
                c_vid: part(0, 0xfff),
                own: site.records.bindings[binding].own(),
            }
        });
        Self {
            random,
            ports: site.ports.clone(),
            stations: stations.collect(),
            tags: tags.collect(),
            labels: Labels::of(site),
            numbers: Numbers::of(site),
            recent: Vec::new(),
        }
    }

    /// A port and a frame that no test run refuses for its length.
    pub(crate) fn next(&mut self) -> (String, Vec<u8>) {
        let (port, mut frame) = self.fresh_or_recent();
        if self.random.percent(35) {
            for _ in 0..=self.random.below(3) {
                self.mutate(&mut frame);
            }
        }
        if frame.len() < SHORTEST_RUN {
            frame.resize(SHORTEST_RUN, 0);
        }
        self.remember(&port, &frame);
        (port, frame)
    }

    fn fresh_or_recent(&mut self) -> (String, Vec<u8>) {
        if !self.recent.is_empty() && self.random.percent(10) {
            return self.random.pick(&self.recent).clone();
        }
        let port = self.random.pick(&self.ports).clone();
        let frame = match port.role {
            PortRole::Access => self.access(&port),
            PortRole::Trunk => self.trunk(&port),
            PortRole::Pseudowire if port.name == "p2" => self.numbered(&port),
            PortRole::Pseudowire => self.line(&port),
            PortRole::Underlay if port.name == "u0" && self.random.percent(25) => self.label_in_udp(&port),
            PortRole::Underlay if port.name == "u1" && self.random.percent(25) => self.vxlan_6(&port),
            PortRole::Underlay => self.underlay(&port),
        };
        (port.name, frame)
    }

    fn remember(&mut self, port: &str, frame: &[u8]) {
        const MEMORY: usize = 64;
        let entry = (port.to_owned(), frame.to_vec());
        if self.recent.len() < MEMORY {
            self.recent.push(entry);
        } else {
            let place = self.random.below(MEMORY);
            self.recent[place] = entry;
        }
    }

    fn access(&mut self, port: &Port) -> Vec<u8> {
        if port.name != "eth3" && self.random.percent(8) {
            return self.routed(port);
        }
        let mut frame = self.macs(port);
        frame.extend(self.own_tags());
        frame.extend(self.payload());
        frame
    }

    fn trunk(&mut self, port: &Port) -> Vec<u8> {
        let mut frame = self.macs(port);
        let known = self.tags.iter().filter(|tag| tag.slot == port.slot);
        let known: Vec<Tags> = known.copied().collect();
        let mut tags = *self.random.pick(&known);
        if self.random.percent(10) {
            (tags.s_vid, tags.c_vid) = (self.vid(), self.vid());
        }
        let Tags {
            s_vid, c_vid, own, ..
        } = tags;
        let tpid = if self.random.percent(95) {
            port.tpid
        } else {
            0x88a8 ^ 0x8100 ^ port.tpid
        };
        frame.extend(self.tag(tpid, s_vid));
        if self.random.percent(97) {
            frame.extend(self.tag(0x8100, c_vid));
        }
        frame.extend(self.fitting_tags(own));
        frame.extend(self.payload());
        frame
    }

    fn underlay(&mut self, port: &Port) -> Vec<u8> {
        let (vni, own) = *self.random.pick(&VNIS);
        let mut inner = self.macs(port);
        inner.extend(self.fitting_tags(own));
        inner.extend(self.payload());
        let mut vxlan = vec![0x08, 0, 0, 0];
        vxlan.extend((vni << 8).to_be_bytes());
        if self.random.percent(10) {
            let place = self.random.below(8);
            vxlan[place] ^= 1 << self.random.below(8);
        }
        vxlan.extend(inner);
        let udp = self.udp(&vxlan);
        let ip = self.outer_ip(port, &udp);
        let mut frame = self.outer_macs(port);
        if port.name == "u1" && self.random.percent(90) || self.random.percent(5) {
            let vid = if self.random.percent(90) { 100 } else { self.vid() };
            frame.extend(self.tag(0x8100, vid));
        }
        frame.extend(0x0800_u16.to_be_bytes());
        frame.extend(ip);
        if self.random.percent(2) {
            let length = self.random.below(8);
            frame.extend(self.random.bytes(length));
        }
        frame
    }

    pub(super) fn outer_macs(&mut self, port: &Port) -> Vec<u8> {
        let to = if self.random.percent(97) {
            port.mac
        } else {
            [2, 0, 0, 0, 9, 9]
        };
        let remote = REMOTES[self.random.below(REMOTES.len())];
        let from: Mac = vtep_mac(remote).parse().unwrap();
        [to, from.octets()].concat()
    }

    fn udp(&mut self, payload: &[u8]) -> Vec<u8> {
        let port: u16 = if self.random.percent(97) {
            4789
        } else {
            self.random.short()
        };
        let mut length = u16::try_from(payload.len() + 8).unwrap_or(u16::MAX);
        if self.random.percent(2) {
            length ^= 1 << self.random.below(8);
        }
        let checksum = if self.random.percent(80) {
            0
        } else {
            self.random.short()
        };
        let source = self.random.short();
        let header = [source, port, length, checksum].map(u16::to_be_bytes).concat();
        [&header, payload].concat()
    }

    fn outer_ip(&mut self, port: &Port, payload: &[u8]) -> Vec<u8> {
        let options = if self.random.percent(15) {
            self.random.below(11) * 4
        } else {
            0
        };
        let options = self.random.bytes(options);
        let total = u16::try_from(20 + options.len() + payload.len()).unwrap_or(u16::MAX);
        let mut header = vec![0x45 + u8::try_from(options.len() / 4).unwrap(), 0];
        if self.random.percent(50) {
            header[1] = self.random.byte();
        }
        header.extend(total.to_be_bytes());
        header.extend([0, 0, 0x40, 0, 64, 17, 0, 0]);
        if self.random.percent(4) {
            let fragment = [0x2000_u16, 0x2001, 0x0001, 0x6000][self.random.below(4)];
            header[6..8].copy_from_slice(&fragment.to_be_bytes());
        }
        if self.random.percent(2) {
            header[9] = self.random.byte();
        }
        let address = |text: &str| text.parse::<Ipv4Addr>().unwrap().octets();
        let (mut remote, mut local) = match port.name.as_str() {
            "u0" => (REMOTES[self.random.below(2)], HERE),
            _ => (REMOTES[2], HERE_1),
        };
        if self.random.percent(5) {
            remote = "192.0.2.66";
        }
        if self.random.percent(5) {
            local = ["192.0.2.9", HERE, HERE_1][self.random.below(3)];
        }
        header.extend(address(remote));
        header.extend(address(local));
        header.extend(options);
        let sum = checksum(&header);
        header[10..12].copy_from_slice(&sum.to_be_bytes());
        if self.random.percent(3) {
            let place = self.random.below(header.len());
            header[place] ^= 1 << self.random.below(8);
        }
        [&header, payload].concat()
    }

    pub(super) fn macs(&mut self, port: &Port) -> Vec<u8> {
        let to = match self.random.below(100) {
            0..40 => *self.random.pick(&self.stations),
            40..60 => self.learned(),
            60..70 => [0xff; 6],
            70..78 => [0x01, 0x00, 0x5e, 0, 0, self.random.byte() & 7],
            78..84 => [0x01, 0x80, 0xc2, 0, 0, self.random.byte() & 0x3f],
            84..86 => port.mac,
            _ => self.anybody(),
        };
        let from = match self.random.below(100) {
            0..35 => *self.random.pick(&self.stations),
            35..80 => self.learned(),
            80..84 => [0x01, 0x00, 0x5e, 0, 0, 1],
            84..86 => [0; 6],
            86..88 => port.mac,
            _ => self.anybody(),
        };
        [to, from].concat()
    }

    /// One of a few: they are heard at several ports, so they move.
    fn learned(&mut self) -> [u8; 6] {
        [2, 0, 0, 0, 0xbb, self.random.byte() % LEARNED]
    }

    fn anybody(&mut self) -> [u8; 6] {
        let mut mac: [u8; 6] = self.random.bytes(6).try_into().unwrap();
        mac[0] &= 0xfe;
        mac
    }

    pub(super) fn vid(&mut self) -> u16 {
        if self.random.percent(80) {
            *self.random.pick(&VIDS)
        } else {
            self.random.short() & 0xfff
        }
    }

    pub(super) fn tag(&mut self, tpid: u16, vid: u16) -> Vec<u8> {
        let priority = if self.random.percent(30) {
            self.random.short() & 0xf000
        } else {
            0
        };
        [tpid, vid | priority].map(u16::to_be_bytes).concat()
    }

    /// Most often those that a frame of the segment has.
    pub(super) fn fitting_tags(&mut self, own: u32) -> Vec<u8> {
        match u16::try_from(own).unwrap() {
            4095 => self.own_tags(),
            _ if self.random.percent(20) => self.own_tags(),
            0 => Vec::new(),
            vid => self.tag(0x8100, vid),
        }
    }

    fn own_tags(&mut self) -> Vec<u8> {
        let count = [0, 0, 0, 1, 1, 1, 1, 2, 3][self.random.below(9)];
        let mut tags = Vec::new();
        for _ in 0..count {
            let tpid = [
                0x8100, 0x8100, 0x8100, 0x8100, 0x8100, 0x8100, 0x88a8, 0x88e7, 0x9100,
            ][self.random.below(9)];
            let vid = self.vid();
            tags.extend(self.tag(tpid, vid));
        }
        tags
    }

    pub(super) fn payload(&mut self) -> Vec<u8> {
        let kinds = [
            0x0800_u16, 0x0800, 0x0800, 0x86dd, 0x86dd, 0x0806, 0x88b5, 0x8906, 0x0042,
        ];
        let kind = *self.random.pick(&kinds);
        let body = match kind {
            0x0800 => self.ipv4(),
            0x86dd => self.ipv6(),
            _ => {
                let length = self.length();
                self.random.bytes(length)
            }
        };
        [&kind.to_be_bytes()[..], &body].concat()
    }

    fn length(&mut self) -> usize {
        match self.random.below(1000) {
            0..30 => self.random.below(4),
            30..900 => 20 + self.random.below(180),
            900..980 => 1400 + self.random.below(220),
            980..995 => 3400 + self.random.below(120),
            _ => 3600 + self.random.below(5000),
        }
    }

    fn ipv4(&mut self) -> Vec<u8> {
        let protocol = *self.random.pick(&[6, 17, 1, 89]);
        let mut header = vec![0x45, self.random.byte(), 0, 0, 0, 0, 0, 0, 64, protocol, 0, 0];
        if self.random.percent(10) {
            header[6] = 0x20;
        }
        if self.random.percent(5) {
            header[0] = 0x40 | self.random.byte() & 0xb5;
        }
        header.extend([10, 0, 0, self.random.byte() & 3, 10, 0, 1, self.random.byte() & 3]);
        let length = self.length();
        if self.random.percent(80) {
            let total = u16::try_from(length + 20).unwrap_or(u16::MAX);
            header[2..4].copy_from_slice(&total.to_be_bytes());
            header[6] |= if self.random.percent(70) { 0x40 } else { 0 };
        }
        let options = if self.random.percent(10) {
            self.random.below(11)
        } else {
            0
        };
        if options > 0 && length >= options * 4 {
            header[0] += u8::try_from(options).unwrap();
            header.extend(self.random.bytes(options * 4));
        }
        if self.random.percent(97) {
            let sum = checksum(&header);
            header[10..12].copy_from_slice(&sum.to_be_bytes());
        }
        let rest = length + 20 - header.len();
        header.extend(self.transport(rest));
        header
    }

    fn ipv6(&mut self) -> Vec<u8> {
        let next = *self.random.pick(&[6, 17, 58, 44, 0]);
        let length = self.length();
        let mut header = vec![0x60, self.random.byte(), 0, 0, 0, 0, next, 64];
        if self.random.percent(80) {
            let payload = u16::try_from(length).unwrap_or(u16::MAX);
            header[4..6].copy_from_slice(&payload.to_be_bytes());
        }
        if self.random.percent(5) {
            header[0] = self.random.byte();
        }
        header.extend(self.random.bytes(32));
        header.extend(self.transport(length));
        header
    }

    /// Random, but that each of the ports is often a storage machine's.
    fn transport(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = self.random.bytes(length);
        for port in bytes.as_chunks_mut::<2>().0.iter_mut().take(2) {
            if self.random.percent(40) {
                *port = SERVICE_PORT.to_be_bytes();
            }
        }
        bytes
    }

    fn mutate(&mut self, frame: &mut Vec<u8>) {
        const NEAR: usize = 130;
        let near = frame.len().min(NEAR);
        let at = self.random.below(near);
        match self.random.below(9) {
            0 => frame.truncate(self.random.below(near + 1)),
            1 => frame.truncate(self.random.below(frame.len() + 1)),
            2 | 3 => flip(frame, at, 1 << self.random.below(8)),
            4 => flip(frame, at, 0xff),
            5 => {
                let with = self.random.byte();
                flip(frame, at, with);
            }
            6 => {
                let vid = self.vid();
                let tag = self.tag(0x8100, vid);
                let at = frame.len().min(12);
                drop(frame.splice(at..at, tag));
            }
            7 => {
                let at = frame.len().min(12);
                let end = frame.len().min(16);
                drop(frame.drain(at..end));
            }
            _ => {
                let length = self.random.below(40);
                frame.extend(self.random.bytes(length));
            }
        }
    }
}

fn flip(frame: &mut [u8], at: usize, bits: u8) {
    if let Some(byte) = frame.get_mut(at) {
        *byte ^= bits;
    }
}
