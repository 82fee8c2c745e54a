//! Headers whose lengths and checksums depend on what follows.

use std::net::{Ipv4Addr, Ipv6Addr};

use etherparse::{
    ArpHardwareId, ArpOperation, ArpPacket, EtherType, IpNumber, Ipv4Header, Ipv6FlowLabel, Ipv6Header,
    TcpHeader, UdpHeader,
};

use super::{Frame, Mac, ether_type};

/// Protocol number for experiments (RFC 3692), until a transport header says another.
const NO_TRANSPORT: IpNumber = IpNumber(253);
const TTL: u8 = 64;

/// A header that is written again whenever bytes are added behind it; `at` is its offset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Open {
    V4 {
        at: usize,
        header: Ipv4Header,
    },
    V6 {
        at: usize,
        header: Ipv6Header,
    },
    Udp {
        at: usize,
        from: u16,
        to: u16,
        checksum: bool,
    },
    Tcp {
        at: usize,
        header: Box<TcpHeader>,
    },
}

impl Frame {
    /// IPv4: identification 0, DF, TTL 64.
    #[must_use]
    pub fn ipv4(self, source: impl Into<Ipv4Addr>, destination: impl Into<Ipv4Addr>) -> Self {
        let header = Ipv4Header {
            time_to_live: TTL,
            protocol: NO_TRANSPORT,
            dont_fragment: true,
            source: source.into().octets(),
            destination: destination.into().octets(),
            ..Ipv4Header::default()
        };
        self.ipv4_header(header)
    }

    /// IPv4 with any header, options included; total length and checksum are filled in.
    #[must_use]
    pub fn ipv4_header(mut self, header: Ipv4Header) -> Self {
        self = self.ethertype(ether_type::IPV4);
        let (at, room) = (self.bytes.len(), vec![0; header.header_len()]);
        self.open.push(Open::V4 { at, header });
        self.raw(room)
    }

    /// IPv6: flow label 0, hop limit 64.
    #[must_use]
    pub fn ipv6(mut self, source: impl Into<Ipv6Addr>, destination: impl Into<Ipv6Addr>) -> Self {
        self = self.ethertype(ether_type::IPV6);
        let header = Ipv6Header {
            traffic_class: 0,
            flow_label: Ipv6FlowLabel::ZERO,
            payload_length: 0,
            next_header: NO_TRANSPORT,
            hop_limit: TTL,
            source: source.into().octets(),
            destination: destination.into().octets(),
        };
        self.open.push(Open::V6 {
            at: self.bytes.len(),
            header,
        });
        self.raw([0; Ipv6Header::LEN])
    }

    /// UDP with checksum 0, as tunnels send it.
    #[must_use]
    pub fn udp(self, from: u16, to: u16) -> Self {
        self.udp_header(from, to, false)
    }

    /// UDP with its checksum.
    #[must_use]
    pub fn udp_with_checksum(self, from: u16, to: u16) -> Self {
        self.udp_header(from, to, true)
    }

    /// TCP: a plain segment with ACK set, no options.
    #[must_use]
    pub fn tcp(self, from: u16, to: u16, sequence: u32, acknowledged: u32) -> Self {
        let mut header = TcpHeader::new(from, to, sequence, u16::MAX);
        (header.ack, header.acknowledgment_number) = (true, acknowledged);
        self.tcp_header(header)
    }

    /// TCP with any header; the checksum is filled in.
    #[must_use]
    pub fn tcp_header(mut self, header: TcpHeader) -> Self {
        self.set_transport(IpNumber::TCP);
        let (at, room) = (self.bytes.len(), vec![0; header.header_len()]);
        self.open.push(Open::Tcp {
            at,
            header: Box::new(header),
        });
        self.raw(room)
    }

    /// VXLAN (RFC 7348 §5): I flag, 24-bit VNI; the inner frame follows with [`Frame::append`].
    #[must_use]
    pub fn vxlan(self, vni: u32) -> Self {
        self.raw([8, 0, 0, 0]).raw((vni << 8).to_be_bytes())
    }

    /// An MPLS label entry, traffic class 0. The first one puts the EtherType in unless it stands behind UDP.
    #[must_use]
    pub fn mpls(self, label: u32, bottom: bool, ttl: u8) -> Self {
        let typed = if self.typed {
            self
        } else {
            self.ethertype(ether_type::MPLS)
        };
        typed.raw((label << 12 | u32::from(bottom) << 8 | u32::from(ttl)).to_be_bytes())
    }

    /// A pseudowire control word without sequence number (RFC 4448 §4.6).
    #[must_use]
    pub fn control_word(self) -> Self {
        self.raw([0; 4])
    }

    /// A backbone service instance tag (802.1ah), flags 0; the customer's frame follows with [`Frame::append`].
    #[must_use]
    pub fn itag(self, isid: u32) -> Self {
        self.ethertype(ether_type::I_TAG).raw(isid.to_be_bytes())
    }

    /// An ARP request for `target`.
    #[must_use]
    pub fn arp_request(
        self,
        from: impl Into<Mac>,
        sender: impl Into<Ipv4Addr>,
        target: impl Into<Ipv4Addr>,
    ) -> Self {
        let packet = ArpPacket::new(
            ArpHardwareId::ETHERNET,
            EtherType::IPV4,
            ArpOperation::REQUEST,
            &from.into().octets(),
            &sender.into().octets(),
            &[0; 6],
            &target.into().octets(),
        );
        // The address lengths above are constant and right: there is no error to report.
        self.ethertype(ether_type::ARP)
            .raw(packet.map(|packet| packet.to_bytes()).unwrap_or_default())
    }

    /// Any other IP protocol; its bytes follow with [`Frame::raw`].
    #[must_use]
    pub fn protocol(mut self, number: u8) -> Self {
        self.set_transport(IpNumber(number));
        self.raw([])
    }

    fn udp_header(mut self, from: u16, to: u16, checksum: bool) -> Self {
        self.set_transport(IpNumber::UDP);
        self.open.push(Open::Udp {
            at: self.bytes.len(),
            from,
            to,
            checksum,
        });
        self.raw([0; UdpHeader::LEN])
    }

    fn set_transport(&mut self, number: IpNumber) {
        match self.open.last_mut() {
            Some(Open::V4 { header, .. }) => header.protocol = number,
            Some(Open::V6 { header, .. }) => header.next_header = number,
            Some(Open::Udp { .. } | Open::Tcp { .. }) | None => {}
        }
    }
}

/// Writes every header again, innermost first: a checksum covers the finished bytes behind it.
pub(super) fn refresh(bytes: &mut [u8], open: &[Open]) {
    for (index, header) in open.iter().enumerate().rev() {
        let network = index.checked_sub(1).and_then(|before| open.get(before));
        let (at, written) = match header {
            Open::V4 { at, header } => (*at, ipv4(header, bytes.len() - at)),
            Open::V6 { at, header } => (*at, ipv6(header, bytes.len() - at)),
            Open::Udp {
                at,
                from,
                to,
                checksum,
            } => {
                let network = network.filter(|_| *checksum);
                (*at, udp(*from, *to, network, &bytes[*at..]))
            }
            Open::Tcp { at, header } => (*at, tcp(header, network, &bytes[*at..])),
        };
        // While the header's own room is being appended the frame may still be shorter than the header.
        let room = written.len().min(bytes.len() - at);
        bytes[at..at + room].copy_from_slice(&written[..room]);
    }
}

fn ipv4(header: &Ipv4Header, length: usize) -> Vec<u8> {
    let mut header = header.clone();
    header.total_len = saturated(length);
    header.header_checksum = header.calc_header_checksum();
    header.to_bytes().to_vec()
}

fn ipv6(header: &Ipv6Header, length: usize) -> Vec<u8> {
    let mut header = header.clone();
    header.payload_length = saturated(length.saturating_sub(Ipv6Header::LEN));
    header.to_bytes().to_vec()
}

fn udp(from: u16, to: u16, network: Option<&Open>, segment: &[u8]) -> Vec<u8> {
    let mut header = UdpHeader {
        source_port: from,
        destination_port: to,
        length: saturated(segment.len()),
        checksum: 0,
    };
    let payload = segment.get(UdpHeader::LEN..).unwrap_or_default();
    // An overlong payload has no checksum to be right; 0 is "none".
    header.checksum = match network {
        Some(Open::V4 { header: ip, .. }) => header.calc_checksum_ipv4(ip, payload).unwrap_or(0),
        Some(Open::V6 { header: ip, .. }) => header.calc_checksum_ipv6(ip, payload).unwrap_or(0),
        Some(Open::Udp { .. } | Open::Tcp { .. }) | None => 0,
    };
    header.to_bytes().to_vec()
}

fn tcp(header: &TcpHeader, network: Option<&Open>, segment: &[u8]) -> Vec<u8> {
    let mut header = header.clone();
    let payload = segment.get(header.header_len()..).unwrap_or_default();
    header.checksum = match network {
        Some(Open::V4 { header: ip, .. }) => header.calc_checksum_ipv4(ip, payload).unwrap_or(0),
        Some(Open::V6 { header: ip, .. }) => header.calc_checksum_ipv6(ip, payload).unwrap_or(0),
        Some(Open::Udp { .. } | Open::Tcp { .. }) | None => 0,
    };
    header.to_bytes().to_vec()
}

fn saturated(length: usize) -> u16 {
    u16::try_from(length).unwrap_or(u16::MAX)
}
