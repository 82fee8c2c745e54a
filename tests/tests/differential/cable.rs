//! The same on real cables: here the kernel makes the copies of flooded frames too.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use fabric_common::DropReason;
use fabric_common::address::Address;
use fabric_common::flood::{Metadata, SEAL};
use fabric_common::maps::{Direction, access_index};
use fabric_tests::bpf::{DeviceMap, XdpProgram};
use fabric_tests::frame::{Frame, Mac, checksum, eth};
use fabric_tests::wait::{PATIENCE, until_true};
use fabric_tests::wire::{Capture, Filter};
use fabric_userspace::compile::twin::HostFrame;
use fabric_userspace::safety::Role;
use fabric_userspace::validate::PortRole;

use super::both::Both;
use super::generate::Generator;
use super::rare::NEAR;
use super::site::{GATEWAY_MAC, GATEWAYS_6, MTU, Site};

/// Frames from one port between two comparisons of everything that arrived.
const BURST: usize = 40;
/// What a cable takes: a packet of its MTU, with one tag in front.
const LARGEST: usize = MTU as usize + 14;
/// A stray copy follows its twins within this.
const QUIET: Duration = Duration::from_millis(3);

pub(crate) fn run(site: &Site, generator: &mut Generator, frames: usize) -> BTreeSet<DropReason> {
    let mut both = Both::new(site);
    both.on_cables();
    let ears = plug_in(site, &mut both);
    both.begin();
    bursts(&mut both, &ears, generator, frames);
    // Some of both kinds that have copies, and one of several members behind one port.
    for silent in [&["eth2"][..], &["t0", "u0"], &["eth1", "t1", "p0", "u1"], &[]] {
        both.silence(silent);
        bursts(&mut both, &ears, generator, frames / 6);
    }
    println!("on cables: {}", both.summary());
    asked_by_the_agent(&mut both, &ears);
    let mut reached = both.reached();
    reached.insert(list_just_changed(&mut both, &ears));
    reached.insert(strange_metadata(&mut both, site));
    reached
}

fn bursts(both: &mut Both, ears: &BTreeMap<String, Capture>, generator: &mut Generator, frames: usize) {
    let mut bursts: BTreeMap<String, Vec<Vec<u8>>> = BTreeMap::new();
    for _ in 0..frames {
        let (port, frame) = generator.next();
        if frame.len() > LARGEST {
            continue;
        }
        let burst = bursts.entry(port.clone()).or_default();
        burst.push(frame);
        if burst.len() == BURST {
            let burst = std::mem::take(burst);
            both.kernel.datapath.renew_silence().unwrap();
            send(both, ears, &port, &burst);
        }
    }
    both.compare();
}

fn plug_in(site: &Site, both: &mut Both) -> BTreeMap<String, Capture> {
    let mut ears = BTreeMap::new();
    for port in &site.ports {
        let role = match port.role {
            PortRole::Access => Role::Access,
            PortRole::Trunk => Role::Trunk,
            PortRole::Pseudowire => Role::Pseudowire,
            PortRole::Underlay => Role::Underlay,
        };
        both.kernel.datapath.attach(port.ifindex, role).unwrap();
        let ear = Capture::start_filtered(&site.hosts, &port.name, Filter::All).unwrap();
        ears.insert(port.name.clone(), ear);
    }
    ears
}

/// All of them into one port, and what must come out of each port, as a set.
fn send(both: &mut Both, ears: &BTreeMap<String, Capture>, port: &str, burst: &[Vec<u8>]) {
    let way = both.port(port);
    let target = both.judged() + burst.len() as u64;
    let now = both.steady_tick();
    for frame in burst {
        ears[port].socket().send(frame).unwrap();
    }
    until_true(PATIENCE, "the burst to be judged", || Ok(both.judged() >= target)).unwrap();
    both.check_time(now);
    let mut expected: BTreeMap<u32, Vec<Vec<u8>>> = BTreeMap::new();
    for frame in burst {
        let outcome = both.twin.receive(way.ifindex, way.role, HostFrame::new(frame));
        both.note(&outcome);
        for sent in outcome.sent().into_iter().filter(|sent| is_seen(&sent.bytes)) {
            expected.entry(sent.ifindex).or_default().push(sent.bytes.clone());
        }
    }
    let names: Vec<(String, u32)> = both
        .ports
        .iter()
        .map(|port| (port.name.clone(), port.ifindex))
        .collect();
    let mut arrived = Ok(());
    for (name, ifindex) in &names {
        let frames = expected.remove(ifindex).unwrap_or_default();
        arrived = arrived.and_then(|()| ears[name].expect(&frames, PATIENCE));
    }
    std::thread::sleep(QUIET);
    for (name, _) in &names {
        arrived = arrived.and_then(|()| ears[name].expect_nothing(Duration::ZERO));
    }
    if both.is_unsure() {
        // Counted, and begun anew: what was learned at which time is not known.
        ears.values().for_each(|ear| drop(ear.drain().unwrap()));
        both.compare();
        both.begin();
    } else {
        arrived.unwrap_or_else(|error| panic!("a burst into {port}: {error:#}"));
    }
}

/// The receiving kernel throws a tagged frame away before it shows it when less than two bytes follow the tag's
/// EtherType (`skb_vlan_untag`).
fn is_seen(frame: &[u8]) -> bool {
    !matches!(frame[12..14], [0x81, 0x00] | [0x88, 0xa8]) || frame.len() >= 14 + 4 + 2
}

/// The agent's questions for neighbours leave as ARP and neighbour solicitations, once by each port of the gateway's segment.
fn asked_by_the_agent(both: &mut Both, ears: &BTreeMap<String, Capture>) {
    let segment_of = |slot: u16| {
        both.records
            .access
            .get(&access_index(slot, 80))
            .map(|one| one.segment())
    };
    let segment = segment_of(both.port("eth4").slot).expect("the second segment");
    let (id, irb) = both
        .records
        .irbs
        .iter()
        .find(|(_, irb)| irb.segment() == segment)
        .expect("its gateway");
    let (id, irb_v4) = (*id, irb.v4);
    let [a, b, c, _] = irb_v4;
    let begin = |to: Mac| eth(to, Mac::from(GATEWAY_MAC));
    let arp = |frame: Frame| {
        frame
            .vlan(80)
            .arp_request(Mac::from(GATEWAY_MAC), irb_v4, [a, b, c, 77])
            .raw([0; 14])
    };
    let mut target = GATEWAYS_6[1];
    target[15] = 77;
    let mut group = [0; 16];
    (group[0], group[1], group[11], group[12], group[15]) = (0xff, 2, 1, 0xff, 77);
    let mut message = [135, 0, 0, 0, 0, 0, 0, 0].to_vec();
    message.extend(target);
    message.extend([1, 1]);
    message.extend(GATEWAY_MAC);
    let sum = checksum(&[&GATEWAYS_6[1][..], &group, &[0, 32, 0, 58], &message].concat());
    message[2..4].copy_from_slice(&sum.to_be_bytes());
    let solicitation = |frame: Frame| {
        let header = [0x86, 0xdd, 0x60, 0, 0, 0, 0, 32, 58, 255];
        frame
            .vlan(80)
            .raw(header)
            .raw(GATEWAYS_6[1])
            .raw(group)
            .raw(&message)
    };
    type Question<'a> = &'a dyn Fn(Frame) -> Frame;
    let questions: [(Address, Mac, Question<'_>); 2] = [
        (Address::v4([a, b, c, 77]), Mac::BROADCAST, &arp),
        (
            Address::v6(target),
            Mac::from([0x33, 0x33, 0xff, 0, 0, 77]),
            &solicitation,
        ),
    ];
    for (address, to, question) in questions {
        both.kernel.datapath.ask_neighbour(id, address).unwrap();
        // The segment is at edge2 too, where the gateway's other one is.
        let on_the_line = question(begin(to).svlan(112).cvlan(1112));
        for (port, expected) in [
            ("eth2", question(begin(to))),
            ("eth4", question(begin(to))),
            ("t0", on_the_line),
        ] {
            let heard = ears[port].expect(&[&expected], PATIENCE);
            heard.unwrap_or_else(|error| panic!("{port}: {error:#}"));
        }
        std::thread::sleep(QUIET);
        ears.values()
            .for_each(|ear| ear.expect_nothing(Duration::ZERO).unwrap());
    }
    both.begin();
}

/// A copy whose place in the list is gone.
fn list_just_changed(both: &mut Both, ears: &BTreeMap<String, Capture>) -> DropReason {
    let slot = both.port("t0").slot;
    let intact = both.records.clone();
    both.change(|records| {
        records.flood_next_hops.retain(|key, _| key.slot != slot);
    });
    let frame = eth(Mac::BROADCAST, NEAR).word("rare").to_vec();
    send(both, ears, "eth1", &[frame]);
    both.compare();
    assert!(both.reached().contains(&DropReason::NoFloodPath));
    both.change(|records| *records = intact);
    DropReason::NoFloodPath
}

/// Another program redirects into a flood list, with metadata of its own in place of what the copies need, or with none
/// where it is needed.
fn strange_metadata(both: &mut Both, site: &Site) -> DropReason {
    let segment = *both.records.flood.keys().next().expect("a flood list");
    let list = DeviceMap::inside(&both.kernel.pins.join(fabric_common::maps::name::FLOOD), segment).unwrap();
    let program = XdpProgram::broadcast(&list).unwrap();
    let strange = eth(Mac::BROADCAST, NEAR).word("rare").to_vec();
    let bereft = [&SEAL, &strange[SEAL.len()..]].concat();
    let counted = |both: &Both| -> u64 {
        let slots = both.ports.iter().map(|port| port.slot);
        let reason = DropReason::BadMetadata as u8;
        slots
            .map(|slot| {
                both.kernel
                    .datapath
                    .dropped(slot, Direction::Out, reason)
                    .unwrap()
            })
            .sum()
    };
    let members = both.records.flood[&segment].len() as u64;
    for (frame, metadata) in [(strange, size_of::<Metadata>()), (bereft, 0)] {
        let before = counted(both);
        program
            .run_live(&frame, site.port("eth3").ifindex, metadata)
            .unwrap();
        until_true(PATIENCE, "a dropped copy for each member", || {
            Ok(counted(both) == before + members)
        })
        .unwrap();
    }
    DropReason::BadMetadata
}
