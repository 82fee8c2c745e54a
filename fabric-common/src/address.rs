//! IP addresses of both families in two registers.

/// An IPv4 or IPv6 address; its bytes in the order of memory.
///
/// IPv4 has a first half of ones: in IPv6 that would be a multicast address (RFC 4291 section 2.7), which is nobody's own. Who reads
/// an address from an IPv6 header must look at [`Address::is_group`], or it can be taken for one of IPv4.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(C)]
pub struct Address {
    high: u64,
    low: u64,
}

impl From<core::net::IpAddr> for Address {
    fn from(address: core::net::IpAddr) -> Self {
        match address {
            core::net::IpAddr::V4(address) => Self::v4(address.octets()),
            core::net::IpAddr::V6(address) => Self::v6(address.octets()),
        }
    }
}

impl Address {
    /// Bytes in wire order.
    #[inline(always)]
    pub const fn v4(bytes: [u8; 4]) -> Self {
        Self {
            high: u64::MAX,
            low: u32::from_le_bytes(bytes) as u64,
        }
    }

    /// Bytes in wire order.
    #[inline(always)]
    pub const fn v6(bytes: [u8; 16]) -> Self {
        let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = bytes;
        Self {
            high: u64::from_le_bytes([a, b, c, d, e, f, g, h]),
            low: u64::from_le_bytes([i, j, k, l, m, n, o, p]),
        }
    }

    /// A multicast address of IPv6, or any of IPv4.
    #[inline(always)]
    pub const fn is_group(self) -> bool {
        self.high & 0xff == 0xff
    }

    /// The four bytes in wire order of an IPv4 address.
    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "IPv4 has 32 bits")]
    pub const fn as_v4(self) -> Option<[u8; 4]> {
        if self.high == u64::MAX {
            Some((self.low as u32).to_le_bytes())
        } else {
            None
        }
    }

    /// As two words, for memory that is written word by word.
    #[inline(always)]
    pub const fn words(self) -> [u64; 2] {
        [self.high, self.low]
    }

    /// What [`Address::words`] gave.
    pub const fn from_words([high, low]: [u64; 2]) -> Self {
        Self { high, low }
    }

    /// The address for people and sockets.
    pub const fn to_ip(self) -> core::net::IpAddr {
        let [a, b, c, d, e, f, g, h] = self.low.to_le_bytes();
        if self.high == u64::MAX {
            return core::net::IpAddr::V4(core::net::Ipv4Addr::new(a, b, c, d));
        }
        let [i, j, k, l, m, n, o, p] = self.high.to_le_bytes();
        core::net::IpAddr::V6(core::net::Ipv6Addr::from_octets([
            i, j, k, l, m, n, o, p, a, b, c, d, e, f, g, h,
        ]))
    }

    /// 32 bits that stand for the address in a key. Those of IPv4 are the address itself; what has the same as another
    /// address must be told apart by the record behind the key.
    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "folded on purpose")]
    pub const fn fold(self) -> u32 {
        if self.high == u64::MAX {
            return self.low as u32;
        }
        let mixed = (self.high ^ self.low.rotate_left(29)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (mixed >> 32) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::Address;

    #[test]
    fn the_families_are_kept_apart() {
        let v4 = Address::v4([192, 0, 2, 1]);
        let mut mapped = [0; 16];
        mapped[10..].copy_from_slice(&[0xff, 0xff, 192, 0, 2, 1]);
        assert_ne!(v4, Address::v6(mapped));
        assert_ne!(v4, Address::v6([0; 16]));
        // The one that is the same is a group's.
        let mut same = [0; 16];
        same[..12].copy_from_slice(&[255, 255, 255, 255, 255, 255, 255, 255, 192, 0, 2, 1]);
        assert_eq!(v4, Address::v6(same));
        assert!(Address::v6(same).is_group() && !Address::v6(mapped).is_group());
        assert_eq!(v4.fold(), u32::from_le_bytes([192, 0, 2, 1]));
    }
}
