//! What the bytes of a frame are, layer by layer. Written apart from the fabric's own parser: it is the tests' second opinion.

use std::ops::Range;

use super::{Mac, ether_type};

const VXLAN_PORT: u16 = 4789;
const MPLS_PORT: u16 = 6635;

/// One header, or the payload, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layer {
    /// `S-tag 100`, `inner destination`, `IPv4 header`, …
    pub name: String,
    /// Byte offsets; clipped where the frame ends too early.
    pub range: Range<usize>,
}

/// A frame taken apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Layers {
    /// From the outside in, the payload last.
    pub list: Vec<Layer>,
    /// The words of [`stack`].
    pub words: Vec<String>,
    /// The innermost EtherType that was reached.
    pub ether_type: Option<u16>,
    /// Where the bytes start that no header claims.
    pub payload: usize,
}

impl Layers {
    /// The layer that byte `at` belongs to.
    #[must_use]
    pub fn at(&self, at: usize) -> Option<&Layer> {
        self.list.iter().find(|layer| layer.range.contains(&at))
    }
}

/// Takes a frame apart as far as its headers go.
#[must_use]
pub fn layers(bytes: &[u8]) -> Layers {
    let mut walk = Walk {
        bytes,
        at: 0,
        depth: 0,
        found: Layers::default(),
    };
    walk.ethernet();
    let mut found = walk.found;
    found.payload = walk.at.min(bytes.len());
    if found.payload < bytes.len() {
        found.list.push(Layer {
            name: "payload".to_owned(),
            range: found.payload..bytes.len(),
        });
    }
    found
}

/// The tags from outside to inside, as people read them: `S 101 | C 201 | own 10 | IPv4`.
#[must_use]
pub fn stack(bytes: &[u8]) -> String {
    layers(bytes).words.join(" | ")
}

struct Walk<'a> {
    bytes: &'a [u8],
    at: usize,
    /// How many frames this one is inside of.
    depth: usize,
    found: Layers,
}

impl Walk<'_> {
    fn ethernet(&mut self) {
        let Some(destination) = self.mac(0) else {
            return self.cut("destination", 6);
        };
        let Some(source) = self.mac(6) else {
            return self.cut("source", 12);
        };
        self.layer(format!("destination {destination}"), 6);
        self.layer(format!("source {source}"), 6);
        let tags_outside = self.tags();
        let Some(ether_type) = self.u16(0) else {
            return self.cut("EtherType", 2);
        };
        self.found.ether_type = Some(ether_type);
        self.layer(format!("EtherType {ether_type:04x}"), 2);
        self.behind(ether_type);
        self.rename_transport_tag(tags_outside);
    }

    /// Gives the index of the first word of the tags, for [`Walk::rename_transport_tag`].
    fn tags(&mut self) -> usize {
        let first_word = self.found.words.len();
        let mut service = false;
        let mut customer = false;
        while let (Some(tpid @ (ether_type::S_TAG | ether_type::C_TAG)), Some(tci)) =
            (self.u16(0), self.u16(2))
        {
            let vid = tci & 0x0fff;
            let (name, word) = match (tpid == ether_type::S_TAG, service && !customer) {
                (true, _) => ("S-tag", "S"),
                (false, true) => ("C-tag", "C"),
                (false, false) => ("own tag", "own"),
            };
            customer |= service && tpid == ether_type::C_TAG;
            service |= tpid == ether_type::S_TAG;
            self.layer(format!("{name} {vid}"), 4);
            self.found.words.push(format!("{word} {vid}"));
        }
        first_word
    }

    /// A single tag in front of a tunnel is the underlay's, not a tenant's.
    fn rename_transport_tag(&mut self, first_word: usize) {
        let tunnel = self
            .found
            .words
            .iter()
            .skip(first_word)
            .any(|word| word.starts_with("vni"));
        if let Some(word) = self.found.words.get_mut(first_word).filter(|_| tunnel)
            && let Some(vid) = word.strip_prefix("own ")
        {
            *word = format!("vlan {vid}");
        }
    }

    fn behind(&mut self, kind: u16) {
        match kind {
            ether_type::IPV4 => self.ipv4(),
            ether_type::IPV6 => self.ipv6(),
            ether_type::MPLS => self.mpls(),
            ether_type::ARP => self.last("ARP", 28),
            ether_type::I_TAG => self.itag(),
            other => self.found.words.push(format!("{other:04x}")),
        }
    }

    fn ipv4(&mut self) {
        let (Some(first), Some(protocol)) = (self.u8(0), self.u8(9)) else {
            return self.cut("IPv4 header", 20);
        };
        self.last("IPv4", usize::from(first & 0x0f).max(5) * 4);
        self.transport(protocol);
    }

    fn ipv6(&mut self) {
        let Some(next) = self.u8(6) else {
            return self.cut("IPv6 header", 40);
        };
        self.last("IPv6", 40);
        self.transport(next);
    }

    fn transport(&mut self, protocol: u8) {
        match protocol {
            1 | 58 => self.last("ICMP", 8),
            6 => {
                let words = self.u8(12).map_or(5, |byte| usize::from(byte >> 4).max(5));
                self.last("TCP", words * 4);
            }
            17 => self.udp(),
            _ => {}
        }
    }

    fn udp(&mut self) {
        let port = self.u16(2);
        self.last("UDP", 8);
        match port {
            Some(VXLAN_PORT) => self.vxlan(),
            Some(MPLS_PORT) => self.mpls(),
            _ => {}
        }
    }

    fn vxlan(&mut self) {
        let Some(word) = self.u32(4) else {
            return self.cut("VXLAN header", 8);
        };
        // Addresses of the tunnel are no part of what a tenant's frame is wrapped in.
        self.found
            .words
            .retain(|word| word != "IPv4" && word != "IPv6" && word != "UDP");
        self.found.words.push(format!("vni {}", word >> 8));
        self.layer("VXLAN header".to_owned(), 8);
        self.inner();
    }

    fn mpls(&mut self) {
        loop {
            let Some(entry) = self.u32(0) else {
                return self.cut("MPLS label", 4);
            };
            let bottom = entry & 0x100 != 0;
            let word = if bottom { "pw" } else { "mpls" };
            self.found.words.push(format!("{word} {}", entry >> 12));
            self.layer(format!("MPLS label {}", entry >> 12), 4);
            if bottom {
                break;
            }
        }
        // RFC 4448 §4.6: a pseudowire's payload starts with a control word, told by its first nibble.
        if self.u8(0).is_some_and(|byte| byte >> 4 == 0) {
            self.layer("control word".to_owned(), 4);
            self.inner();
        }
    }

    fn itag(&mut self) {
        let Some(word) = self.u32(0) else {
            return self.cut("I-TAG", 4);
        };
        self.found.words.push(format!("I-SID {}", word & 0x00ff_ffff));
        self.layer("I-TAG".to_owned(), 4);
        self.inner();
    }

    fn inner(&mut self) {
        self.depth += 1;
        self.found.words.push("Ethernet".to_owned());
        self.ethernet();
    }

    fn last(&mut self, word: &str, length: usize) {
        self.found.words.push(word.to_owned());
        self.layer(format!("{word} header"), length);
    }

    fn cut(&mut self, name: &str, length: usize) {
        self.layer(format!("{name} (cut off)"), length);
    }

    fn layer(&mut self, name: String, length: usize) {
        let end = (self.at + length).min(self.bytes.len());
        let name = "inner ".repeat(self.depth) + &name;
        self.found.list.push(Layer {
            name,
            range: self.at..end,
        });
        self.at = end;
    }

    fn take<const N: usize>(&self, offset: usize) -> Option<[u8; N]> {
        self.bytes.get(self.at + offset..)?.first_chunk().copied()
    }

    fn u8(&self, offset: usize) -> Option<u8> {
        self.take::<1>(offset).map(|[byte]| byte)
    }

    fn u16(&self, offset: usize) -> Option<u16> {
        self.take(offset).map(u16::from_be_bytes)
    }

    fn u32(&self, offset: usize) -> Option<u32> {
        self.take(offset).map(u32::from_be_bytes)
    }

    fn mac(&self, offset: usize) -> Option<Mac> {
        self.take::<6>(offset).map(Mac::from)
    }
}
