//! What is behind a segment.

/// A place behind a segment: what FDB entries name. Failover writes this and nothing else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct NextHop {
    /// The path in use; with [`NextHop::VSM`] the place of the storage machine, with [`NextHop::GATEWAY`] the interface.
    pub path: u32,
    /// The only segment that may use this next hop.
    pub segment: u32,
    /// The path before the last switch; 0 once all that was flooded before it has left.
    pub before: u32,
    /// The low bits of what `SWITCHES` counted that switch as.
    pub since: u16,
    /// Split horizon group, 0 for none.
    pub horizon: u8,
    /// Bits of [`NextHop::PROTECTED`].
    pub flags: u8,
}

impl NextHop {
    /// Another path may take over: flood lists have a place for each, and path 0 says that all are down.
    pub const PROTECTED: u8 = 1;
    /// A storage machine: which of its members' next hops counts is decided frame by frame, see [`crate::storage`].
    pub const VSM: u8 = 2;
    /// A gateway: [`NextHop::path`] is its interface, see [`crate::gateway`].
    pub const GATEWAY: u8 = 4;
    /// It leads to other nodes of the fabric, whose gateways have the same addresses.
    pub const INSIDE: u8 = 8;

    /// The path for the copies of a frame that came in when `SWITCHES` was `switches`; 0 if there is none.
    ///
    /// A list has a place for each port that a protected next hop may lead over, and each place is looked at by itself. So that
    /// one of them sends a frame, they go by the moment when it came in, and not by that when its turn comes.
    #[inline(always)]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_possible_wrap,
        reason = "the counter wraps by design"
    )]
    pub const fn path_of_copies(&self, switches: u32) -> u32 {
        let is_earlier = ((switches as u16).wrapping_sub(self.since) as i16) < 0;
        if self.before != 0 && is_earlier {
            self.before
        } else {
            self.path
        }
    }

    /// True if it is no place to send to, but something that decides first.
    #[inline(always)]
    pub const fn decides(&self) -> bool {
        self.flags & (Self::VSM | Self::GATEWAY) != 0
    }

    /// True for the next hop of a gateway.
    #[inline(always)]
    pub const fn is_gateway(&self) -> bool {
        self.flags & Self::GATEWAY != 0
    }

    /// True if it leads to other nodes of the fabric.
    #[inline(always)]
    pub const fn is_inside(&self) -> bool {
        self.flags & Self::INSIDE != 0
    }

    /// True for the next hop of a storage machine.
    #[inline(always)]
    pub const fn is_vsm(&self) -> bool {
        self.flags & Self::VSM != 0
    }

    /// True for a next hop with a backup.
    #[inline(always)]
    pub const fn is_protected(&self) -> bool {
        self.flags & Self::PROTECTED != 0
    }
}

#[cfg(test)]
mod tests {
    use super::NextHop;

    #[test]
    fn copies_of_a_frame_from_before_a_switch_take_the_path_from_before_it() {
        for since in [1, 0x7fff, 0x8000, 0xffff, 0] {
            let next_hop = NextHop {
                path: 2,
                before: 1,
                since,
                ..NextHop::default()
            };
            let switches = 0x3_0000 | u32::from(since);
            let paths = [switches - 2, switches - 1, switches, switches + 1];
            assert_eq!(
                paths.map(|switches| next_hop.path_of_copies(switches)),
                [1, 1, 2, 2]
            );
            let settled = NextHop {
                before: 0,
                ..next_hop
            };
            assert_eq!(paths.map(|switches| settled.path_of_copies(switches)), [2; 4]);
        }
    }
}
