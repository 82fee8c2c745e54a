//! Neighbours behind the interfaces of gateways, learned and asked for by XDP on every CPU, asked for and forgotten by the agent.

use crate::address::Address;
use crate::shared::SharedU64;

/// Buckets of one interface in `NEIGHBOURS`; a power of two. They are the interface's own: whoever fills them harms nobody else.
pub const NEIGHBOUR_BUCKETS: u32 = 256;

/// Where the neighbour behind an address is: MAC address in the low 48 bits, 0 while it is asked for; above them the low 16 bits of
/// the [`crate::maps::tick`] at which it was heard, or asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NeighbourValue(pub u64);

impl NeighbourValue {
    /// Heard at `now`, or asked for with `mac` 0.
    #[inline(always)]
    pub const fn at(mac: u64, now: u32) -> Self {
        Self(mac | (now as u64 & 0xffff) << 48)
    }

    /// 0 for one that has not answered.
    #[inline(always)]
    pub const fn mac(self) -> u64 {
        self.0 & crate::wire::Macs::MASK
    }

    /// Low 16 bits of a [`crate::maps::tick`].
    #[inline(always)]
    pub const fn tick(self) -> u32 {
        (self.0 >> 48) as u32
    }
}

/// A neighbour in memory that XDP on every CPU and the agent write.
///
/// The version is odd while somebody writes: who reads then, or finds another version afterwards, has read nothing.
#[derive(Debug, Default)]
#[repr(C)]
pub struct Neighbour {
    version: SharedU64,
    address: [SharedU64; 2],
    value: SharedU64,
}

/// What was read of a [`Neighbour`]: zeros for one that is empty or being written.
///
/// Plain words: a structure that may be absent leaves BPF with registers that nobody has written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KnownNeighbour {
    /// Its address.
    pub address: Address,
    /// Where it is.
    pub value: NeighbourValue,
}

impl Neighbour {
    /// The neighbour as it is now.
    #[inline(always)]
    pub fn read(&self) -> KnownNeighbour {
        let version = self.version.load();
        let [high, low] = &self.address;
        let address = Address::from_words([high.load(), low.load()]);
        let value = NeighbourValue(self.value.load());
        if version & 1 != 0 || self.version.load() != version {
            return KnownNeighbour::default();
        }
        KnownNeighbour { address, value }
    }

    #[inline(always)]
    fn write(&self, address: Address, value: NeighbourValue) {
        let version = self.version.load();
        // Somebody else writes: what is lost will be heard again.
        if version & 1 != 0 || self.version.compare_exchange(version, version + 1) != version {
            return;
        }
        let [high, low] = &self.address;
        let words = address.words();
        high.store(words[0]);
        low.store(words[1]);
        self.value.store(value.0);
        self.version.store(version + 2);
    }

    /// The version, if somebody writes.
    pub fn being_written(&self) -> Option<u64> {
        Some(self.version.load()).filter(|version| version & 1 != 0)
    }

    /// Empties a neighbour whose writer was killed, if it still is as it was found by [`Neighbour::being_written`]. A writer that lives
    /// takes no longer than a few words.
    pub fn mend(&self, version: u64) {
        if self.version.load() != version {
            return;
        }
        let [high, low] = &self.address;
        high.store(0);
        low.store(0);
        self.value.store(0);
        self.version.store(version.wrapping_add(1));
    }

    /// Forgets the neighbour if it is still as it was read.
    pub fn forget(&self, read: KnownNeighbour) {
        if self.read() == read {
            self.write(Address::default(), NeighbourValue::default());
        }
    }
}

/// Two neighbours. One cache line.
#[derive(Debug, Default)]
#[repr(C, align(64))]
pub struct NeighbourBucket {
    /// Neighbours whose addresses have the same hash.
    pub slots: [Neighbour; 2],
}

impl NeighbourBucket {
    /// Where the neighbour is; its MAC address is 0 if that is not known.
    #[inline(always)]
    pub fn find(&self, address: Address) -> NeighbourValue {
        let [one, two] = &self.slots;
        let known = one.read();
        if known.address == address {
            return known.value;
        }
        let known = two.read();
        if known.address == address {
            return known.value;
        }
        NeighbourValue(0)
    }

    /// Notes a proof of where the neighbour is. One that is not known takes the place of one that is only asked for, or of the
    /// one that was heard before the other.
    #[inline(always)]
    pub fn note(&self, address: Address, mac: u64, now: u32) {
        let [one, two] = &self.slots;
        let value = NeighbourValue::at(mac, now);
        let (first, second) = (one.read(), two.read());
        if first.address == address {
            if first.value != value {
                one.write(address, value);
            }
        } else if second.address == address {
            if second.value != value {
                two.write(address, value);
            }
        } else if age(first, now) >= age(second, now) {
            one.write(address, value);
        } else {
            two.write(address, value);
        }
    }

    /// Notes that a known neighbour was heard. Written once a tick.
    #[inline(always)]
    pub fn refresh(&self, address: Address, mac: u64, now: u32) {
        let heard = NeighbourValue::at(mac, now);
        for slot in &self.slots {
            let known = slot.read();
            if known.address == address && known.value.mac() == mac && known.value != heard {
                slot.value.compare_exchange(known.value.0, heard.0);
            }
        }
    }

    /// Whether to ask for a neighbour now: once a tick, as far as there is a place to note that.
    #[inline(always)]
    pub fn ask(&self, address: Address, now: u32) -> bool {
        let asked = NeighbourValue::at(0, now);
        let [one, two] = &self.slots;
        let (first, second) = (one.read(), two.read());
        if first.address == address {
            if first.value == asked {
                return false;
            }
            one.write(address, asked);
        } else if second.address == address {
            if second.value == asked {
                return false;
            }
            two.write(address, asked);
        } else if first.value.mac() == 0 {
            one.write(address, asked);
        } else if second.value.mac() == 0 {
            two.write(address, asked);
        }
        true
    }
}

/// Ticks since a neighbour was heard; more than that for a place that is as good as free.
#[inline(always)]
const fn age(known: KnownNeighbour, now: u32) -> u32 {
    if known.value.mac() == 0 {
        0x1_0000
    } else {
        now.wrapping_sub(known.value.tick()) & 0xffff
    }
}

/// Index in `NEIGHBOURS`.
#[inline(always)]
pub const fn neighbour_index(irb: u32, address: Address, seed: u64) -> u32 {
    let [high, low] = address.words();
    let mixed = (low ^ high.rotate_left(29) ^ seed).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    irb * NEIGHBOUR_BUCKETS + ((mixed >> 40) as u32 & (NEIGHBOUR_BUCKETS - 1))
}

const _: () = assert!(size_of::<NeighbourBucket>() == 64);

#[cfg(test)]
mod tests {
    use super::*;

    const fn host(last: u8) -> Address {
        Address::v4([10, 0, 0, last])
    }

    #[test]
    fn a_neighbour_that_is_known_outlives_those_that_are_only_asked_for() {
        let bucket = NeighbourBucket::default();
        bucket.note(host(1), 0xaa, 10);
        bucket.note(host(2), 0xbb, 11);
        for last in 3..90 {
            assert!(bucket.ask(host(last), 12), "nobody else has the place");
        }
        assert_eq!(bucket.find(host(1)), NeighbourValue::at(0xaa, 10));
        assert_eq!(bucket.find(host(2)), NeighbourValue::at(0xbb, 11));
        bucket.note(host(3), 0xcc, 12);
        assert_eq!(
            bucket.find(host(1)).mac(),
            0,
            "the one that was heard before the other"
        );
        assert_eq!(bucket.find(host(3)), NeighbourValue::at(0xcc, 12));
    }

    #[test]
    fn a_neighbour_is_asked_for_once_a_tick_and_refreshed_by_its_own_address_alone() {
        let bucket = NeighbourBucket::default();
        assert!(bucket.ask(host(1), 7) && !bucket.ask(host(1), 7) && bucket.ask(host(1), 8));
        bucket.note(host(1), 0xaa, 8);
        bucket.refresh(host(1), 0xab, 9);
        assert_eq!(bucket.find(host(1)), NeighbourValue::at(0xaa, 8));
        bucket.refresh(host(1), 0xaa, 9);
        let known = KnownNeighbour {
            address: host(1),
            value: NeighbourValue::at(0xaa, 9),
        };
        assert_eq!(bucket.find(host(1)), known.value);
        let older = NeighbourValue::at(0xaa, 8);
        bucket.slots.iter().for_each(|slot| {
            slot.forget(KnownNeighbour {
                value: older,
                ..known
            })
        });
        assert_eq!(bucket.find(host(1)), known.value, "it was heard meanwhile");
        bucket.slots.iter().for_each(|slot| slot.forget(known));
        assert_eq!(bucket.find(host(1)).mac(), 0);
    }

    /// Nobody would write there again, and a neighbour whose turn it is to be there would never be known.
    #[test]
    fn a_place_whose_writer_was_killed_is_mended() {
        let bucket = NeighbourBucket::default();
        bucket.note(host(1), 0xaa, 8);
        for slot in &bucket.slots {
            assert_eq!(slot.being_written(), None);
            slot.version.store(slot.version.load() + 1);
        }
        bucket.note(host(2), 0xbb, 9);
        assert_eq!(bucket.find(host(2)).mac(), 0, "no place takes it");
        for slot in &bucket.slots {
            let version = slot.being_written().unwrap();
            slot.mend(version + 2);
            assert_eq!(slot.being_written(), Some(version), "another writer's");
            slot.mend(version);
            assert_eq!(slot.being_written(), None);
        }
        assert_eq!(bucket.find(host(1)).mac(), 0);
        bucket.note(host(2), 0xbb, 9);
        assert_eq!(bucket.find(host(2)), NeighbourValue::at(0xbb, 9));
    }
}
