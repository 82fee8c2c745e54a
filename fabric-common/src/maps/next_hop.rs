//! What is behind a segment.

/// A place behind a segment: what FDB entries name. Failover writes `path` and nothing else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct NextHop {
    /// The path in use; with [`NextHop::VSM`] the place of the storage machine, with [`NextHop::GATEWAY`] the interface.
    pub path: u32,
    /// The only segment that may use this next hop.
    pub segment: u32,
    /// Raised by each switch of the path.
    pub epoch: u32,
    /// Split horizon group, 0 for none.
    pub horizon: u16,
    /// Bits of [`NextHop::PROTECTED`].
    pub flags: u16,
}

impl NextHop {
    /// Another path may take over: flood lists have a place for each, and path 0 says that all are down.
    pub const PROTECTED: u16 = 1;
    /// A storage machine: which of its members' next hops counts is decided frame by frame, see [`crate::storage`].
    pub const VSM: u16 = 2;
    /// A gateway: [`NextHop::path`] is its interface, see [`crate::gateway`].
    pub const GATEWAY: u16 = 4;
    /// It leads to other nodes of the fabric, whose gateways have the same addresses.
    pub const INSIDE: u16 = 8;

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
