//! Frames to a gateway, and those that it overhears: ARP, neighbour discovery, packets with a fault in one place.

use fabric_tests::frame::checksum;

use super::generate::Generator;
use super::site::{GATEWAY_MAC, GATEWAYS, GATEWAYS_6, Port};

/// VLANs of the gateway's segments.
const VLANS: [u16; 2] = [70, 80];
/// Addresses of stations, the gateway's own, those behind a router, and such as no packet can have.
const ADDRESSES: [[u8; 4]; 14] = [
    [10, 70, 0, 10],
    [10, 70, 0, 11],
    [10, 70, 0, 12],
    GATEWAYS[0],
    [10, 80, 0, 10],
    [10, 80, 0, 11],
    [10, 80, 0, 12],
    GATEWAYS[1],
    [192, 168, 7, 1],
    [203, 0, 113, 9],
    [0, 0, 0, 0],
    [127, 0, 0, 1],
    [224, 0, 0, 5],
    [255, 255, 255, 255],
];
const TARGETS_6: usize = 8;

impl Generator {
    /// A frame of a tenant's port in one of the gateway's segments.
    pub(super) fn routed(&mut self, port: &Port) -> Vec<u8> {
        let at = if port.name == "eth1" {
            0
        } else {
            self.random.below(2)
        };
        let last = self.random.byte() & 3;
        let from = match self.random.below(100) {
            0..3 => GATEWAY_MAC,
            _ => [2, 0, 0, 0, 0xcc, last],
        };
        let to = match self.random.below(100) {
            0..80 => GATEWAY_MAC,
            80..92 => [0xff; 6],
            92..98 => [0x33, 0x33, 0xff, 0, 0, 1],
            _ => [2, 0, 0, 0, 0xcc, self.random.byte() & 3],
        };
        let mut frame = [to, from].concat();
        frame.extend(self.tag(0x8100, VLANS[at]));
        match self.random.below(100) {
            0..35 => frame.extend(self.arp(at, from)),
            35..75 => frame.extend(self.packet(at)),
            75..88 => frame.extend(self.discovery(at, from)),
            88..97 => frame.extend(self.packet_6(at)),
            _ => frame.extend(self.payload()),
        }
        frame
    }

    /// Most often of the segment itself.
    fn address(&mut self, at: usize) -> [u8; 4] {
        match self.random.below(100) {
            0..70 => ADDRESSES[4 * at + self.random.below(3)],
            _ => *self.random.pick(&ADDRESSES),
        }
    }

    fn arp(&mut self, at: usize, from: [u8; 6]) -> Vec<u8> {
        let mut packet = vec![8, 6, 0, 1, 8, 0, 6, 4, 0, 1 + self.random.byte() % 2];
        let sender = if self.random.percent(95) {
            from
        } else {
            GATEWAY_MAC
        };
        packet.extend(sender);
        packet.extend(self.address(at));
        packet.extend([0; 6]);
        let target = if self.random.percent(60) {
            GATEWAYS[at]
        } else {
            self.address(at)
        };
        packet.extend(target);
        packet
    }

    fn packet(&mut self, at: usize) -> Vec<u8> {
        let length = match self.random.below(100) {
            0..85 => 8 + self.random.below(100),
            _ => 1500 + self.random.below(100),
        };
        let hops = [0, 1, 2, 64, 64, 64][self.random.below(6)];
        let protocol = *self.random.pick(&[1_u8, 1, 6, 17, 17]);
        let mut header = vec![0x45, 0];
        header.extend(u16::try_from(20 + length).unwrap().to_be_bytes());
        let fragment = [0x40_u8, 0x40, 0x40, 0, 0x20][self.random.below(5)];
        header.extend([0, 0, fragment, 0, hops, protocol, 0, 0]);
        header.extend(self.address(at));
        let other = self.address(1 - at);
        header.extend(other);
        if self.random.percent(97) {
            let sum = checksum(&header);
            header[10..12].copy_from_slice(&sum.to_be_bytes());
        }
        if self.random.percent(5) {
            header[0] = 0x46;
        }
        let mut rest = self.random.bytes(length);
        if protocol == 1 {
            rest[..2].copy_from_slice(&[[8, 0], [8, 0], [0, 0], [3, 1]][self.random.below(4)]);
        }
        [&[8, 0][..], &header, &rest].concat()
    }

    /// The gateway's, those of stations, and one without a route, in this order.
    fn address_6(&mut self, at: usize) -> [u8; 16] {
        let number = self.random.below(TARGETS_6);
        let mut address = GATEWAYS_6[if number == 7 { 1 - at } else { at }];
        match number {
            0 => {}
            1 => address = [0; 16],
            2 => address[1] = 0x02,
            3 => address[0] = 0xfe,
            _ => address[15] = 0x10 + (self.random.byte() & 1),
        }
        address
    }

    fn packet_6(&mut self, at: usize) -> Vec<u8> {
        let length = match self.random.below(100) {
            0..70 => 8 + self.random.below(100),
            _ => 1230 + self.random.below(300),
        };
        let hops = [0, 1, 2, 64, 64, 64][self.random.below(6)];
        let protocol = *self.random.pick(&[58_u8, 58, 6, 17, 44, 0]);
        let mut packet = vec![0x86, 0xdd, 0x60, 0, 0, 0];
        packet.extend(u16::try_from(length).unwrap().to_be_bytes());
        packet.extend([protocol, hops]);
        packet.extend(self.address_6(at));
        let other = self.address_6(1 - at);
        packet.extend(other);
        let mut rest = self.random.bytes(length);
        if protocol == 58 {
            rest[..2].copy_from_slice(&[[128, 0], [128, 0], [129, 0], [1, 0]][self.random.below(4)]);
        }
        packet.extend(rest);
        packet
    }

    fn discovery(&mut self, at: usize, from: [u8; 6]) -> Vec<u8> {
        let (kind, option) = [(135_u8, 1_u8), (136, 2)][self.random.below(2)];
        let bare = self.random.percent(15);
        let (source, target) = (self.address_6(at), self.address_6(at));
        let mut message = vec![kind, 0, 0, 0, 0x60, 0, 0, 0];
        message.extend(target);
        if !bare {
            message.extend([option, 1]);
            message.extend(from);
        }
        let length = u8::try_from(message.len()).unwrap();
        let destination = GATEWAYS_6[at];
        if self.random.percent(95) {
            let pseudo = [&source[..], &destination, &[0, length, 0, 58], &message].concat();
            let sum = checksum(&pseudo);
            message[2..4].copy_from_slice(&sum.to_be_bytes());
        }
        let hops = if self.random.percent(95) { 255 } else { 64 };
        let header = [0x86, 0xdd, 0x60, 0, 0, 0, 0, length, 58, hops];
        [&header[..], &source, &destination, &message].concat()
    }
}
