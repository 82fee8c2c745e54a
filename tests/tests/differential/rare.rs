//! Reasons that no frame alone brings about: the tables are between two states, a check has failed, a driver leaves no
//! room. Each state is made on both sides, and undone.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, Ipv6Addr};

use fabric_common::DropReason;
use fabric_common::flood::Metadata;
use fabric_common::maps::{Binding, Direction, Path, access_index};
use fabric_tests::bpf::Action;
use fabric_tests::fixtures::vtep_mac;
use fabric_tests::frame::{Frame, Mac, eth};
use fabric_userspace::compile::twin::Outcome;
use fabric_userspace::records::Records;
use fabric_userspace::validate::PortRole;

use super::both::Both;
use super::site::{HERE, REMOTES};

/// Of segment `a`, behind `eth1`.
pub(crate) const NEAR: &str = "02:00:00:00:aa:01";
/// Of segment `a`, behind trunk `t0`.
pub(crate) const FAR: &str = "02:00:00:00:aa:02";
/// Of segment `lost`, behind the VTEP without a neighbour.
const BEHIND_NOBODY: &str = "02:00:00:00:aa:0a";
/// A station that is heard for the first time.
const NEW: &str = "02:00:00:00:cc:01";

fn unicast() -> Frame {
    eth(FAR, NEAR).word("rare")
}

fn broadcast() -> Frame {
    eth(Mac::BROADCAST, NEAR).word("rare")
}

pub(crate) fn in_test_runs(both: &mut Both) -> BTreeSet<DropReason> {
    let mut reached = BTreeSet::new();
    let mut expect = |both: &mut Both, outcome: &Outcome, reason: DropReason| {
        assert_eq!(*outcome, Outcome::Dropped(reason));
        both.compare();
        reached.insert(reason);
    };
    for (reason, change) in states() {
        let intact = both.records.clone();
        let slot = both.port("eth1").slot;
        both.change(|records| change(records, slot));
        let outcome = both.frame("eth1", &unicast());
        expect(both, &outcome, reason);
        both.change(|records| *records = intact);
    }
    both.silence(&["t0"]);
    let outcome = both.frame("eth1", &unicast());
    expect(both, &outcome, DropReason::LinkDown);
    both.silence(&[]);
    let outcome = both.frame("eth2", &eth(BEHIND_NOBODY, NEW).vlan(30).word("rare"));
    expect(both, &outcome, DropReason::NeighbourUnresolved);
    both.begin();
    let outcome = both.frame_at((1, PortRole::Access), &unicast(), 0);
    expect(both, &outcome, DropReason::UnknownPort);
    both.begin();
    let outcome = both.frame("eth1", &broadcast().pad(3501));
    expect(both, &outcome, DropReason::FloodTooBig);
    no_room(both);
    short_first_buffer(both);
    underlay(both);
    reached.insert(DropReason::NoHeadroom);
    reached
}

/// What is done to the tables; the port that the frame enters by has this slot.
type State = (DropReason, fn(&mut Records, u16));

/// What happens to a frame from `NEAR` to `FAR`.
fn states() -> [State; 6] {
    [
        (DropReason::PortUnsafe, |records, _| {
            records
                .ports
                .values_mut()
                .for_each(|port| port.flags |= fabric_common::maps::Port::UNSAFE);
        }),
        (DropReason::StaleNextHop, |records, slot| {
            // The binding leads straight to a next hop that is another segment's.
            let index = access_index(slot, 0);
            let old = records.access[&index];
            let foreign = records
                .next_hops
                .iter()
                .find(|(_, hop)| hop.segment != old.segment());
            let direct = *foreign.expect("another segment").0;
            let binding = Binding::new(old.segment(), 0, old.learn(), direct, old.id(), old.own());
            records.access.insert(index, binding);
        }),
        (DropReason::LinkDown, |records, _| {
            records.next_hops.values_mut().for_each(|hop| hop.path = 0);
        }),
        (DropReason::EgressGone, |records, _| {
            let slot = slot_towards_far(records);
            records.egress.remove(&slot);
        }),
        (DropReason::NeighbourUnresolved, |records, _| {
            records
                .paths
                .values_mut()
                .for_each(|path| path.flags |= Path::UNRESOLVED);
        }),
        (DropReason::TooBig, |records, _| {
            records.paths.values_mut().for_each(|path| path.max_len = 60);
        }),
    ]
}

fn slot_towards_far(records: &Records) -> u16 {
    let far = fabric_common::wire::mac_word(FAR.parse::<Mac>().expect("an address").octets());
    let station = records.stations.iter().find(|((_, mac), _)| *mac == far);
    let next_hop = records.next_hops[station.expect("a station").1];
    records.paths[&next_hop.path].slot
}

/// Another program has cut off the start of a frame in several buffers: the kernel would clone what is left of the first one, and
/// say of the copy that others follow.
fn short_first_buffer(both: &mut Both) {
    const FIRST: usize = 100;
    let eth1 = both.port("eth1");
    let too_big = |both: &Both| -> u64 {
        let reason = DropReason::FloodTooBig as u8;
        both.kernel
            .datapath
            .dropped(eth1.slot, Direction::In, reason)
            .unwrap()
    };
    for (len, action) in [(FIRST, Action::Redirect), (1000, Action::Drop)] {
        both.begin();
        let before = too_big(both);
        let frame = broadcast().pad(len);
        let run = both
            .kernel
            .program(eth1.role)
            .run_in_two(&frame, FIRST, eth1.ifindex);
        let run = match run {
            Ok(run) => run,
            Err(error) if len > FIRST => {
                println!("not tested, this kernel makes no frame in two buffers: {error:#}");
                return;
            }
            Err(error) => panic!("{error:#}"),
        };
        assert_eq!(run.action, action, "{len} bytes");
        assert_eq!(too_big(both) - before, u64::from(action == Action::Drop));
        both.begin();
    }
}

/// A tenant's frame is dropped where the port is not safe, and what is the host's is the host's all the same. No packet of IPv6 is taken
/// for one of IPv4, not even from the only address that looks like it.
fn underlay(both: &mut Both) {
    let begun = || eth(both.port("u0").mac, vtep_mac(REMOTES[0]).as_str());
    let inner = eth(NEAR, NEW).word("rare");
    let [there, here]: [Ipv4Addr; 2] = [REMOTES[0], HERE].map(|address| address.parse().unwrap());
    let lookalike = |address: Ipv4Addr| {
        let mut octets = [0xff; 16];
        octets[8..12].copy_from_slice(&address.octets());
        octets[12..].fill(0);
        Ipv6Addr::from(octets)
    };
    let tunnelled = begun()
        .ipv4(there, here)
        .udp(50_000, 4789)
        .vxlan(10_001)
        .append(&inner);
    let other_family = begun()
        .ipv6(lookalike(there), lookalike(here))
        .udp(50_000, 4789)
        .vxlan(10_001)
        .append(&inner);
    let of_the_host = begun().ipv4(there, here).udp(50_000, 53).raw(b"a question");
    let comes = |both: &mut Both, tunnelled_ends: bool| {
        let outcome = both.frame("u0", &tunnelled);
        let dropped = outcome == Outcome::Dropped(DropReason::PortUnsafe);
        assert_eq!(dropped, tunnelled_ends, "{outcome:?}");
        assert_ne!(outcome, Outcome::Passed);
        for frame in [&other_family, &of_the_host] {
            assert_eq!(both.frame("u0", frame), Outcome::Passed);
        }
        both.compare();
    };
    comes(both, false);
    let intact = both.records.clone();
    both.change(|records| {
        let ports = records.ports.values_mut();
        ports.for_each(|port| port.flags |= fabric_common::maps::Port::UNSAFE);
    });
    comes(both, true);
    both.change(|records| *records = intact);
}

/// The driver left as much room as somebody else's metadata takes away: in front of it 40 bytes are the kernel's own.
fn no_room(both: &mut Both) {
    const ROOM: usize = 256 - 40;
    let eth1 = both.port("eth1");
    let way = (eth1.ifindex, eth1.role);
    for (frame, needed) in [(unicast(), 8), (broadcast(), size_of::<Metadata>())] {
        for (left, fits) in [(needed - 4, false), (needed, true), (needed + 4, true)] {
            both.begin();
            let outcome = both.frame_at(way, &frame, ROOM - left);
            let dropped = outcome == Outcome::Dropped(DropReason::NoHeadroom);
            assert_eq!(dropped, !fits, "{left} bytes of room: {outcome:?}");
            both.compare();
        }
    }
}
