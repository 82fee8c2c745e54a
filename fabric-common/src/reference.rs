//! What the benchmark's reference programs and its user space share. No part of the data path.

/// The sink keeps one frame of so many.
pub const SAMPLE_EVERY: u64 = 1024;

/// What the source sends.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source {
    /// The first 64 bytes of each frame, in the order of memory.
    pub header: [u64; 8],
    /// The next 16 bytes of those frames that have so many: an inner header behind a VXLAN one ends there.
    pub more: [u64; 2],
    /// The next 32 bytes, in the same way: an inner header behind labels in UDP over IPv6 ends there.
    pub rest: [u64; 4],
    /// Key in the map of lines.
    pub line: u32,
    /// Which address changes from frame to frame, a constant of [`Vary`].
    pub vary: u32,
    /// How many stations there are to choose among.
    pub stations: u32,
    /// Zero.
    pub reserved: u32,
}

/// Which address changes from frame to frame.
#[derive(Clone, Copy, Debug)]
pub struct Vary;

impl Vary {
    /// None.
    pub const NONE: u32 = 0;
    /// The destination, at random among the stations.
    pub const DESTINATION: u32 = 1;
    /// The source, one station after the other.
    pub const SOURCE: u32 = 2;
}

/// What a sink has seen on one CPU.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrived {
    /// Frames.
    pub frames: u64,
    /// First bytes of the frame that was kept last.
    pub head: [u8; 64],
    /// Its last bytes.
    pub tail: [u8; 64],
    /// Its length; 0 when none was kept, or it was shorter than 64 bytes.
    pub length: u32,
    /// Zero.
    pub reserved: u32,
}

/// What a tc program does with each frame.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TcOut {
    /// Interface to leave by.
    pub ifindex: u32,
    /// Remote VTEP, host byte order as the kernel's `bpf_tunnel_key` has it.
    pub remote: u32,
    /// 24 bits.
    pub vni: u32,
    /// VID of the tag next to the addresses.
    pub outer: u16,
    /// VID of the tag behind it.
    pub inner: u16,
}

/// MAC address of a station by its number below 2^32: individual, locally administered, and scattered, as addresses of
/// different makers are.
#[must_use]
#[inline(always)]
pub const fn station(number: u64) -> [u8; 6] {
    // An odd factor: no two numbers below 2^40 have the same product modulo 2^40.
    let [a, b, c, d, e, ..] = number.wrapping_mul(0x9e_3779_b97f).to_le_bytes();
    [2, a, b, c, d, e]
}

#[cfg(feature = "user")]
mod pod {
    use aya::Pod;

    // SAFETY: plain integers without padding, repr(C).
    unsafe impl Pod for super::Source {}
    // SAFETY: as above.
    unsafe impl Pod for super::Arrived {}
    // SAFETY: as above.
    unsafe impl Pod for super::TcOut {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stations_differ_and_are_individual() {
        let mut seen = [0u64; 1000];
        for (number, place) in (0..).zip(&mut seen) {
            let mac = station(number);
            assert_eq!(mac[0], 2);
            *place = crate::wire::mac_word(mac);
        }
        seen.sort_unstable();
        assert!(seen.windows(2).all(|pair| pair[0] != pair[1]));
    }
}
