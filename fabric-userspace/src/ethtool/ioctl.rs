//! Requests of `linux/ethtool.h` as arrays of words, and the one ioctl that carries them.
//!
//! Words give every request the alignment of the kernel's structs; numbers are in host byte order.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use super::{Feature, Features};

const ETHTOOL_GDRVINFO: u32 = 0x03;
const ETHTOOL_GSTRINGS: u32 = 0x1b;
const ETHTOOL_GPFLAGS: u32 = 0x27;
const ETHTOOL_GSSET_INFO: u32 = 0x37;
const ETHTOOL_GFEATURES: u32 = 0x3a;
const ETHTOOL_SFEATURES: u32 = 0x3b;
pub(super) const ETH_SS_PRIV_FLAGS: u32 = 2;
pub(super) const ETH_SS_FEATURES: u32 = 4;
/// `ETH_GSTRING_LEN` in words.
const NAME_WORDS: usize = 8;
/// `sizeof(struct ethtool_drvinfo)` in words.
const DRVINFO_WORDS: usize = 49;

nix::ioctl_readwrite_bad!(siocethtool, libc::SIOCETHTOOL, libc::ifreq);

/// Carries `words` to the driver of `port` and back.
pub(super) fn call(socket: &OwnedFd, port: &str, words: &mut [u32]) -> io::Result<()> {
    let mut request = request_for(port)?;
    request.ifr_ifru.ifru_data = words.as_mut_ptr().cast();
    // SAFETY: `request` is a valid ifreq whose data pointer refers to `words`, which outlives the call. Each request
    // type states in its own header how many words the kernel may write, and allocates that many.
    unsafe { siocethtool(socket.as_raw_fd(), &raw mut request) }?;
    Ok(())
}

fn request_for(port: &str) -> io::Result<libc::ifreq> {
    // SAFETY: ifreq is plain data; all zero is an empty name and a null pointer.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    // One byte stays zero: IFNAMSIZ counts the terminator.
    if port.is_empty() || port.len() >= request.ifr_name.len() {
        return Err(io::Error::from_raw_os_error(libc::ENODEV));
    }
    for (to, from) in request.ifr_name.iter_mut().zip(port.bytes()) {
        *to = from.cast_signed();
    }
    Ok(request)
}

/// `struct ethtool_drvinfo`.
pub(super) struct DriverRequest([u32; DRVINFO_WORDS]);

impl DriverRequest {
    pub(super) fn new() -> Self {
        let mut words = [0; DRVINFO_WORDS];
        words[0] = ETHTOOL_GDRVINFO;
        Self(words)
    }

    pub(super) fn words(&mut self) -> &mut [u32] {
        &mut self.0
    }

    pub(super) fn driver(&self) -> String {
        text(&self.0[1..=NAME_WORDS])
    }

    pub(super) fn bus(&self) -> String {
        // After driver, version and fw_version.
        text(&self.0[1 + 3 * NAME_WORDS..][..NAME_WORDS])
    }
}

/// `struct ethtool_sset_info` for one string set.
pub(super) struct NameCount([u32; 5]);

impl NameCount {
    pub(super) fn new(set: u32) -> Self {
        // The mask of sets is a u64; a set below 32 is in its low word, whichever comes first in memory.
        let mask = (1u64 << set).to_ne_bytes();
        let word = |at: usize| u32::from_ne_bytes([mask[at], mask[at + 1], mask[at + 2], mask[at + 3]]);
        Self([ETHTOOL_GSSET_INFO, 0, word(0), word(4), 0])
    }

    pub(super) fn words(&mut self) -> &mut [u32] {
        &mut self.0
    }

    /// 0 for a set that the driver does not have.
    pub(super) fn count(&self) -> usize {
        self.0[4] as usize
    }
}

/// `struct ethtool_gstrings` for one string set.
pub(super) struct Names(Vec<u32>);

impl Names {
    pub(super) fn new(set: u32, count: usize) -> Self {
        let mut words = vec![0; 3 + count * NAME_WORDS];
        words[0] = ETHTOOL_GSTRINGS;
        words[1] = set;
        words[2] = as_word(count);
        Self(words)
    }

    pub(super) fn words(&mut self) -> &mut [u32] {
        &mut self.0
    }

    pub(super) fn names(&self) -> Vec<String> {
        self.0[3..].chunks_exact(NAME_WORDS).map(text).collect()
    }
}

/// `struct ethtool_value` for the private flags of a driver.
pub(super) struct PrivateFlags([u32; 2]);

impl PrivateFlags {
    pub(super) fn new() -> Self {
        Self([ETHTOOL_GPFLAGS, 0])
    }

    pub(super) fn words(&mut self) -> &mut [u32] {
        &mut self.0
    }

    /// Those of `names` that are on.
    pub(super) fn decode(&self, names: Vec<String>) -> Vec<String> {
        let is_on = |bit: usize| bit < 32 && self.0[1] >> bit & 1 == 1;
        let named = names.into_iter().enumerate();
        named
            .filter_map(|(bit, name)| is_on(bit).then_some(name))
            .collect()
    }
}

/// `struct ethtool_gfeatures`: blocks of available, requested, active, never changed.
pub(super) struct GetFeatures(Vec<u32>);

impl GetFeatures {
    pub(super) fn new(features: usize) -> Self {
        let blocks = features.div_ceil(32);
        let mut words = vec![0; 2 + blocks * 4];
        words[0] = ETHTOOL_GFEATURES;
        words[1] = as_word(blocks);
        Self(words)
    }

    pub(super) fn words(&mut self) -> &mut [u32] {
        &mut self.0
    }

    pub(super) fn decode(&self, names: Vec<String>) -> Features {
        let bit =
            |index: usize, column: usize| self.0[2 + (index / 32) * 4 + column] >> (index % 32) & 1 == 1;
        let entry = |(index, name): (usize, String)| {
            let changeable = bit(index, 0) && !bit(index, 3);
            (
                name,
                Feature {
                    changeable,
                    wanted: bit(index, 1),
                    active: bit(index, 2),
                },
            )
        };
        let named = names.into_iter().enumerate().filter(|(_, name)| !name.is_empty());
        Features::new(named.map(entry).collect())
    }
}

/// `struct ethtool_sfeatures`: blocks of valid, requested.
pub(super) struct SetFeatures(Vec<u32>);

impl SetFeatures {
    pub(super) fn new(features: usize) -> Self {
        let blocks = features.div_ceil(32);
        let mut words = vec![0; 2 + blocks * 2];
        words[0] = ETHTOOL_SFEATURES;
        words[1] = as_word(blocks);
        Self(words)
    }

    pub(super) fn set(&mut self, bit: usize, on: bool) {
        let block = 2 + (bit / 32) * 2;
        let mask = 1u32 << (bit % 32);
        self.0[block] |= mask;
        if on {
            self.0[block + 1] |= mask;
        }
    }

    pub(super) fn words(&mut self) -> &mut [u32] {
        &mut self.0
    }
}

/// Counts come from the kernel as u32 and are some dozens.
fn as_word(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

fn text(words: &[u32]) -> String {
    let bytes: Vec<u8> = words
        .iter()
        .flat_map(|word| word.to_ne_bytes())
        .take_while(|byte| *byte != 0)
        .collect();
    String::from_utf8_lossy(&bytes).into_owned()
}
