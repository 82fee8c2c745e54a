//! Frames with datacenters' labels, on lines and in UDP, and VXLAN over IPv6.

use std::net::{Ipv4Addr, Ipv6Addr};

use fabric_common::label::Entry;
use fabric_common::maps::label_line;
use fabric_tests::frame::checksum;

use super::generate::Generator;
use super::site::{FOREIGN_LABELS, HERE, HERE_6, LINE_VLAN, LONG, Port, REMOTE_6, Site, TRANSPORT};

/// Labels that end here, with the tags behind them.
pub(super) struct Labels {
    known: Vec<Known>,
}

#[derive(Clone, Copy)]
struct Known {
    label: u32,
    s_vid: u16,
    c_vid: u16,
    /// The tenant's own VLAN there.
    own: u32,
}

impl Labels {
    pub(super) fn of(site: &Site) -> Self {
        let keys = site.records.tags.iter();
        let keys = keys.filter(|(key, _)| label_line(**key).is_some() && *key & 0xff_ffff != 0);
        let known = keys.map(|(key, binding)| {
            let part = |shift: u32, mask: u64| u32::try_from(key >> shift & mask).unwrap();
            let vid = |shift| u16::try_from(part(shift, 0xfff)).unwrap();
            Known {
                label: part(24, 0xf_ffff),
                s_vid: vid(12),
                c_vid: vid(0),
                own: site.records.bindings[binding].own(),
            }
        });
        Self {
            known: known.collect(),
        }
    }
}

impl Generator {
    /// A frame of a line; at `p1` lines are in a VLAN and have a label of their own.
    pub(super) fn line(&mut self, port: &Port) -> Vec<u8> {
        let special = port.name == "p1";
        let to = if self.random.percent(96) {
            port.line_mac
        } else {
            port.mac
        };
        let mut frame = [to, [2, 0, 0, 0, 9, 8]].concat();
        if special && self.random.percent(95) || self.random.percent(4) {
            let vid = if self.random.percent(93) {
                LINE_VLAN
            } else {
                self.vid()
            };
            frame.extend(self.tag(0x8100, vid));
        }
        if self.random.percent(6) {
            let (s_vid, c_vid) = (self.vid(), self.vid());
            frame.extend(self.tag(0x88a8, s_vid));
            frame.extend(self.tag(0x8100, c_vid));
        } else {
            frame.extend(0x8847_u16.to_be_bytes());
            frame.extend(self.stack(port, special));
        }
        frame
    }

    /// Label stack, control word and frame.
    fn stack(&mut self, port: &Port, transport: bool) -> Vec<u8> {
        let mut known = *self.random.pick(&self.labels.known);
        let label = match self.random.below(100) {
            0..12 => FOREIGN_LABELS.start + u32::from(self.random.byte()) % 100,
            12..15 => u32::from(self.random.byte() & 15),
            15..19 => u32::from(self.random.short()) << 4,
            _ => known.label,
        };
        if self.random.percent(6) {
            (known.s_vid, known.c_vid) = (self.vid(), self.vid());
        }
        let mut stack = Vec::new();
        if transport && self.random.percent(96) || self.random.percent(3) {
            let own = if self.random.percent(97) { TRANSPORT } else { label };
            stack.extend(self.entry(own, false));
        }
        stack.extend(self.entry(label, true));
        let word = if self.random.percent(97) {
            0
        } else {
            self.random.byte()
        };
        stack.extend([word, 0, 0, 0]);
        stack.extend(self.macs(port));
        stack.extend(self.tag(0x88a8, known.s_vid));
        stack.extend(self.tag(0x8100, known.c_vid));
        stack.extend(self.fitting_tags(known.own));
        stack.extend(self.payload());
        stack
    }

    fn entry(&mut self, label: u32, bottom: bool) -> [u8; 4] {
        let class = if self.random.percent(80) {
            0
        } else {
            self.random.byte() & 7
        };
        let ttl = match self.random.below(20) {
            0 => self.random.byte() & 3,
            1 => self.random.byte(),
            _ => 255,
        };
        let bottom = if self.random.percent(98) { bottom } else { !bottom };
        Entry::new(label, class, bottom, ttl).to_wire()
    }

    /// From the other end of the label link over `u0`, or nearly.
    pub(super) fn label_in_udp(&mut self, port: &Port) -> Vec<u8> {
        let stack = self.stack(port, false);
        let udp = self.datagram(6635, &stack);
        let octets = |text: &str| text.parse::<Ipv4Addr>().unwrap().octets();
        let total = u16::try_from(20 + udp.len()).unwrap_or(u16::MAX);
        let mut header = vec![0x45, self.random.byte() & 3];
        header.extend(total.to_be_bytes());
        header.extend([0, 0, 0x40, 0, 64, 17, 0, 0]);
        let from = if self.random.percent(95) {
            LONG
        } else {
            "192.0.2.77"
        };
        header.extend(octets(from));
        header.extend(octets(HERE));
        let sum = checksum(&header);
        header[10..12].copy_from_slice(&sum.to_be_bytes());
        let mut frame = self.outer_macs(port);
        frame.extend(0x0800_u16.to_be_bytes());
        [frame, header, udp].concat()
    }

    fn datagram(&mut self, port: u16, payload: &[u8]) -> Vec<u8> {
        let length = u16::try_from(payload.len() + 8).unwrap_or(u16::MAX);
        let source = self.random.short();
        let header = [source, port, length, 0].map(u16::to_be_bytes).concat();
        [&header, payload].concat()
    }

    /// From the VTEP with an IPv6 address, or nearly.
    pub(super) fn vxlan_6(&mut self, port: &Port) -> Vec<u8> {
        let mut vxlan = vec![0x08, 0, 0, 0];
        let vni: u32 = if self.random.percent(92) { 10_004 } else { 10_001 };
        vxlan.extend((vni << 8).to_be_bytes());
        vxlan.extend(self.macs(port));
        vxlan.extend(self.fitting_tags(40));
        vxlan.extend(self.payload());
        let udp = self.datagram(4789, &vxlan);
        let octets = |text: &str| text.parse::<Ipv6Addr>().unwrap().octets();
        let length = u16::try_from(udp.len()).unwrap_or(u16::MAX);
        let next = if self.random.percent(97) { 17 } else { 44 };
        let mut header = vec![0x60, self.random.byte(), 0, 0];
        header.extend(length.to_be_bytes());
        header.extend([next, 64]);
        let from = if self.random.percent(95) {
            REMOTE_6
        } else {
            "2001:db8::66"
        };
        header.extend(octets(from));
        header.extend(octets(HERE_6));
        let mut frame = self.outer_macs(port);
        frame.extend(0x86dd_u16.to_be_bytes());
        [frame, header, udp].concat()
    }
}
