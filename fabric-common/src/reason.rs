//! The one list of everything that can end a frame.

macro_rules! drop_reasons {
    ($($(#[doc = $doc:literal])+ $variant:ident = $number:literal, $name:literal, $help:literal, $cure:literal;)+) => {
        /// Why a frame went nowhere. Numbers and names are stable: never reused, never renumbered. Number 0 is the count of
        /// frames passed to the host, so reasons begin at 1.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum DropReason { $($(#[doc = $doc])+ $variant = $number,)+ }

        impl DropReason {
            /// Every reason, in the order of their numbers.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The name that people, metrics and logs see.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// What happened, in one line.
            pub const fn help(self) -> &'static str {
                match self { $(Self::$variant => $help,)+ }
            }

            /// What to do about it, in one line.
            pub const fn cure(self) -> &'static str {
                match self { $(Self::$variant => $cure,)+ }
            }
        }
    };
}

drop_reasons! {
    /// Headers are read whole or not at all.
    Truncated = 1, "truncated", "the frame ends inside a header", "look for a broken sender or cable";
    /// IEEE 802.3 allows it, no station sends it: only a header.
    HeaderOnly = 2, "header-only", "nothing follows the frame's header", "look for a broken sender";
    /// IEEE 802.3 clause 3.2.3: a source is an individual address.
    GroupSource = 3, "group-source", "the source address is a group address", "fabric port set PORT --drop-group-source off, if wanted";
    /// The all-zero source address.
    ZeroSource = 4, "zero-source", "the source address is zero", "look for a broken sender";
    /// The sender uses the fabric port's own address.
    OwnSource = 5, "own-source", "the source is the fabric port's own address", "change the sender's address, or look for a loop";
    /// IEEE 802.1Q table 8-1 and 8-2.
    ReservedMac = 6, "reserved-mac", "a link-local control frame (PAUSE, LACP, LLDP ...) that is never forwarded", "none needed";
    /// Tenant tags in the fabric's own format.
    FabricTagFromTenant = 7, "fabric-tag-from-tenant", "a tenant's frame begins with an S-tag or I-tag", "ask the tenant to send 0x8100 tags";
    /// VID 4095 anywhere, VID 0 where the fabric's own tag stands.
    ReservedVid = 8, "reserved-vid", "a tag carries a VLAN id that is not allowed there", "look for a broken or forging sender";
    /// No attachment for (port, VLAN).
    UnmappedVlan = 9, "unmapped-vlan", "no attachment for this VLAN on this port", "fabric tenant attach TENANT --port PORT --vlan VLAN";
    /// A trunk carries only tagged frames.
    NotTagged = 10, "not-tagged", "a frame without the trunk's outer tag", "check the link's outer_tpid and what else uses the wire";
    /// S without C.
    NoCustomerTag = 11, "no-c-tag", "an S-tag is not followed by a C-tag", "check the device that tags on the other end";
    /// Tags of no segment on this trunk.
    UnknownTags = 12, "unknown-tags", "no segment uses this S-VID and C-VID on this trunk", "apply the same document on both ends";
    /// The tenant's own tag is not the one of the segment.
    OwnVlanMismatch = 13, "own-vlan-mismatch", "the tenant's own tag is not the segment's VLAN", "check the attachments of the segment on the sending side";
    /// A VTEP that is not configured.
    UnknownVtep = 14, "unknown-vtep", "VXLAN from an address that is no configured VTEP", "fabric link add, if the sender is wanted";
    /// A VNI of no segment for this VTEP.
    UnknownVni = 15, "unknown-vni", "no segment uses this VNI with this VTEP", "add the link to the segment's remotes";
    /// RFC 7348 section 5: the I flag must be set.
    NoVniFlag = 16, "no-vni-flag", "a VXLAN header without a valid VNI", "look for a broken or forging sender";
    /// Only with the link's option `strict`.
    ReservedVxlanBits = 17, "reserved-vxlan-bits", "reserved bits of the VXLAN header are set on a strict link", "set strict to false, if the sender is wanted";
    /// Outer IPv4 checksum.
    BadIpChecksum = 18, "bad-ip-checksum", "the outer IPv4 header's checksum is wrong", "look for a broken device on the underlay";
    /// Outer lengths that contradict each other.
    BadLength = 19, "bad-length", "outer lengths do not agree with the frame", "look for a broken device on the underlay";
    /// RFC 7348 section 4.3.
    Fragment = 20, "fragment", "a fragment of an outer packet", "raise the underlay's MTU";
    /// RFC 6040 section 4.2: congestion experienced outside, no ECN inside.
    EcnNotCapable = 21, "ecn-not-capable", "the underlay marked congestion on a flow that does not know ECN", "look for an overloaded underlay";
    /// The station is behind the port that the frame came from.
    SamePort = 22, "same-port", "the destination is behind the port of entry", "none needed";
    /// RFC 4762 section 4.4.
    SplitHorizon = 23, "split-horizon", "from one remote of the segment to another one of the same mesh", "none needed: remotes send to each other directly";
    /// Flooding with nobody to flood to.
    NoReceiver = 24, "no-receiver", "the segment has no other port", "attach a second port to the segment";
    /// The tables are between two states, or an entry points outside of its segment.
    StaleNextHop = 25, "stale-next-hop", "the next hop is gone or belongs to another segment", "none needed while a change is applied";
    /// The next hop's MAC address is not known yet.
    NeighbourUnresolved = 26, "neighbour-unresolved", "the MAC address of the underlay's next hop is not known", "ip neigh show; check the underlay's cabling and routes";
    /// Larger than the egress link takes.
    TooBig = 27, "too-big", "the frame with its tags is larger than the egress link's MTU", "fabric link show";
    /// Larger than the kernel clones.
    FloodTooBig = 28, "flood-too-big", "a flooded frame too large to be copied", "none: known unicast of this size works";
    /// No room in front of the frame.
    NoHeadroom = 29, "no-headroom", "the driver left no room in front of the frame for its tags, or for what is noted of a flooded one", "fabric doctor PORT";
    /// The egress port has left the device map.
    EgressGone = 30, "egress-gone", "the egress port is not in the fabric any more", "fabric port list";
    /// A check of `fabric doctor` failed after the attach.
    PortUnsafe = 31, "port-unsafe", "the port is not safe, all frames of tenants are dropped", "fabric doctor PORT";
    /// The program runs on an interface that no table names.
    UnknownPort = 32, "unknown-port", "an interface without a role in the fabric", "restart the agent";
    /// Flood copies carry metadata; a copy without ours is refused.
    BadMetadata = 33, "bad-metadata", "a flooded copy lost what the fabric noted of it", "write to taps without blocking, and no frame over a page; else report it";
    /// A flood copy whose place in the list is gone.
    NoFloodPath = 34, "no-flood-path", "a flooded copy has no path, its list was just changed", "none needed while a change is applied";
    /// A label of no pseudowire here and of no datacenter that is known.
    UnknownLabel = 35, "unknown-label", "no segment and no datacenter uses this label on this link", "apply the same document on both ends";
    /// RFC 3032 section 2.1: 0 to 15.
    ReservedLabel = 36, "reserved-label", "a label below 16 where a datacenter's should be", "look for a broken or forging sender";
    /// RFC 3032 section 2.1: the bottom of stack bit is on the last entry, and nowhere else.
    BadLabelStack = 37, "bad-label-stack", "the label stack has too few or too many entries", "check transport_label at both ends of the link";
    /// RFC 3032 section 2.4.1.
    TtlExpired = 38, "ttl-expired", "a label's time to live has run out", "look for a loop between nodes with different documents";
    /// RFC 4385 section 3: the first four bits of a data frame's control word are 0.
    BadControlWord = 39, "bad-control-word", "no frame follows the label, but a control message or nothing known", "check the device at the other end of the link";
    /// A shared wire shows frames of others.
    NotForUs = 40, "not-for-us", "the outer destination is not this end of the link", "none needed on a wire with more than two ends";
    /// Labels where no link for them is configured.
    UnknownLine = 41, "unknown-line", "a labelled frame on a port or outer VLAN without a link for it", "fabric link add, if the sender is wanted";
    /// The egress port is down or has no carrier, and no backup is up.
    LinkDown = 42, "link-down", "the port or link that leads there is down", "fabric port list; fabric link list";
    /// The copy of a flooded frame for the link that is not in use now.
    StandbyPath = 43, "standby-path", "a flooded copy for a link that only stands by", "none needed: the copy for the link in use was sent";
    /// An I-SID of no segment in this VLAN of the backbone.
    UnknownISid = 44, "unknown-i-sid", "no segment uses this I-SID in this B-VLAN of this link", "apply the same document on both ends";
    /// IEEE 802.1Q clause 9.7: a frame whose Res2 is not 0 is discarded; one without customer addresses is none of ours.
    BadITag = 45, "bad-i-tag", "an I-TAG without customer addresses, or with reserved bits set", "check the device at the other end of the link";
    /// A VLAN of no segment on a link of global VLANs.
    UnknownGlobalVlan = 46, "unknown-global-vlan", "no segment uses this global VLAN on this link", "apply the same document on both ends";
    /// Two machines with one identity must never both speak.
    Fenced = 47, "fenced", "a storage machine's member that is not in charge", "fabric storage show VSM";
    /// Somebody else uses the address of a storage machine.
    ForgedVsm = 48, "forged-vsm", "the source is a storage machine's address, and the sender is none of its members", "look for a broken or forging sender";
    /// Not lost: it was for the agent.
    ProbeAnswer = 49, "probe-answer", "a member's answer to a probe, which ends here", "none needed";
    /// Before the first decision of the agent.
    NoMember = 50, "no-member", "no member of the storage machine is in charge", "fabric storage show VSM";
    /// The kernel of a machine ends the connections of a server that was killed; the client must not hear that from it.
    Withheld = 51, "withheld", "a member ended a connection and is asked whether it still serves", "none needed: if it does, the client hears of it within a second";
    /// Only a gateway speaks with its addresses.
    ForgedGateway = 52, "forged-gateway", "the sender uses the MAC or IP address of the segment's gateway, or hides what may say so", "look for a second router, or a forging sender";
    /// Not lost: the gateway itself was meant.
    ForGateway = 53, "for-gateway", "a packet to the gateway itself, which was answered or noted", "none needed";
    /// Options, groups, tags in front of IP, other protocols.
    NotRouted = 54, "not-routed", "a frame to the gateway that is nothing it routes: no plain IP packet to a single host", "none needed: stations of the same segment are reached directly";
    /// RFC 1812 section 5.2.2, RFC 8200 section 3.
    BadIpHeader = 55, "bad-ip-header", "an IP header to a gateway with a wrong length or checksum", "look for a broken sender";
    /// RFC 1812 section 5.3.7 and RFC 3704 section 2.2.
    Martian = 56, "martian", "a source or destination that no packet can have which comes from this segment", "fabric gateway show; check the sender's address and the routes";
    /// Longest prefix match found nothing.
    NoRoute = 57, "no-route", "the tenant's gateway has no route to the destination", "fabric gateway show";
    /// RFC 1812 section 5.3.1, RFC 4443 section 3.3.
    HopsExceeded = 58, "hops-exceeded", "a packet's time to live or hop limit ran out at a gateway", "look for a loop between routers; none needed for traceroute";
    /// RFC 1812 section 3.3.2.
    NeighbourUnknown = 59, "neighbour-unknown", "the gateway's neighbour has not answered ARP or neighbour discovery yet", "check that the destination is up";
}

impl DropReason {
    /// Places in a table of counters by reason; place 0 counts frames passed to the host.
    pub const SLOTS: usize = 64;

    /// The reason with this number, if there is one.
    pub fn from_number(number: usize) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|reason| *reason as usize == number)
    }
}

const _: () = assert!(DropReason::ALL.len() < DropReason::SLOTS);

#[cfg(test)]
mod tests {
    use super::DropReason;

    #[test]
    fn names_and_numbers_are_unique_and_kebab_case() {
        for (place, reason) in DropReason::ALL.iter().enumerate() {
            assert_eq!(*reason as usize, place + 1, "{reason:?} leaves a gap");
            assert!(
                reason
                    .name()
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte == b'-')
            );
            assert_eq!(
                DropReason::ALL
                    .iter()
                    .filter(|other| other.name() == reason.name())
                    .count(),
                1
            );
            assert_eq!(DropReason::from_number(*reason as usize), Some(*reason));
        }
    }
}
