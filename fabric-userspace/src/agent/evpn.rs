//! EVPN (RFC 7432, RFC 8365) with a routing daemon beside the agent: where stations are behind foreign VTEPs is taken from
//! the kernel's bridge, into which the daemon writes it, and our stations are put there for the daemon to tell others.
//!
//! BGP is the daemon's business; the document's `remotes` say which VTEPs are believed.

mod devices;
mod run;
mod stations;
mod vni;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use fabric_common::wire::mac_octets;

pub(super) use self::devices::{remove_made, written_down};
pub(super) use self::run::spawn;
use self::stations::Side;
pub(super) use self::vni::Unplaced;
use self::vni::{View, Vni, Wanted, Word};
use crate::compile::Image;
use crate::datapath::Datapath;
use crate::model::Name;
use crate::netlink::{Netlink, StationEvent, VniDevices};

/// Stations told in a round.
const WORDS: usize = 256;
/// The whole FDB is read for new stations, at most a tenth of the time, unless that takes very long.
const REST: u32 = 10;
const LONGEST_REST: Duration = Duration::from_secs(1);
/// And anyhow as often as that, for what was missed.
const SCAN: Duration = Duration::from_secs(10);
/// When what failed is tried again.
const RETRY: Duration = Duration::from_secs(2);
/// No verb adds a remote to a segment: the document says it.
const STRANGER_CURE: &str = "to trust it: fabric export > site.json; there add a vxlan link to it, and the link to the segment's `remotes`; fabric apply -f site.json";

/// The agent's half of EVPN.
pub(super) struct Evpn {
    netlink: Netlink,
    vnis: BTreeMap<u32, Vni>,
    /// Interfaces that are there or were begun, as they are written down.
    made: BTreeSet<VniDevices>,
    /// Those that an earlier agent has made, and that were not looked at yet.
    left: BTreeSet<VniDevices>,
    /// VNI and port by interface index.
    ports: BTreeMap<u32, (u32, Side)>,
    /// VNI by number of the segment in the maps.
    segments: HashMap<u32, u32>,
    /// Interfaces are missing or too many.
    behind: bool,
    /// The whole FDB is to be read.
    scan: bool,
    next_scan: Instant,
    last_scan: Instant,
    retry: Option<Instant>,
    /// What has been said, so that it is said once.
    said: BTreeSet<String>,
    strangers: BTreeSet<(Name, IpAddr)>,
    /// Moves, here and away, in VNIs that are gone: their sum is a counter.
    old_moves: (u64, u64),
}

/// In numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Summary {
    /// VNIs with interfaces.
    pub(super) vnis: u64,
    /// VNIs that have none yet.
    pub(super) missing: u64,
    /// Stations that are where BGP says.
    pub(super) held: u64,
    /// Stations of ours that BGP tells others.
    pub(super) offered: u64,
    /// Stations that moved from a VTEP to us.
    pub(super) moved_here: u64,
    /// And from us to a VTEP.
    pub(super) moved_away: u64,
}

impl Evpn {
    /// Knows of no VNI yet, and of the interfaces that earlier agents have made.
    pub(super) fn begin(made: BTreeSet<VniDevices>, netlink: Netlink) -> Self {
        Self {
            netlink,
            vnis: BTreeMap::new(),
            left: made.clone(),
            made,
            ports: BTreeMap::new(),
            segments: HashMap::new(),
            behind: true,
            scan: true,
            next_scan: Instant::now(),
            last_scan: Instant::now(),
            retry: None,
            said: BTreeSet::new(),
            strangers: BTreeSet::new(),
            old_moves: (0, 0),
        }
    }

    /// True if the FDB entry of a station is there because of a route.
    pub(super) fn holds(&self, segment: u32, mac: u64, next_hop: u32) -> bool {
        let vni = self.segments.get(&segment).and_then(|vni| self.vnis.get(vni));
        vni.is_some_and(|vni| vni.holds(mac, next_hop))
    }

    /// Everything in numbers.
    pub(super) fn summary(&self) -> Summary {
        let (moved_here, moved_away) = self.old_moves;
        let mut sum = Summary {
            moved_here,
            moved_away,
            ..Summary::default()
        };
        for vni in self.vnis.values() {
            sum.vnis += u64::from(vni.ports.is_some());
            sum.missing += u64::from(vni.ports.is_none());
            sum.held += vni.held() as u64;
            sum.offered += vni.stations.offered().count() as u64;
            sum.moved_here += vni.moved_here;
            sum.moved_away += vni.moved_away;
        }
        sum
    }

    /// Routes that are not obeyed, by reason.
    pub(super) fn unplaced(&self, why: Unplaced) -> usize {
        self.vnis.values().map(|vni| vni.unplaced(why)).sum()
    }

    /// Takes over what the document in force wants.
    fn follow(&mut self, image: &Image, view: View<'_>) {
        let udp_ports: BTreeMap<u16, u16> = image
            .ports()
            .map(|(_, plan)| (plan.slot, plan.record.udp_port))
            .collect();
        let mut wanted = BTreeSet::new();
        let mut changed = Vec::new();
        for (name, part) in &image.segments {
            let number = part.vni().unwrap_or_default();
            if self.vnis.get(&number).is_some_and(|vni| vni.is_of(part)) {
                wanted.insert(number);
            } else if let Some(new) = Wanted::of(name, part, &udp_ports) {
                wanted.insert(number);
                changed.push((new, part));
            }
        }
        let gone: Vec<u32> = self
            .vnis
            .keys()
            .filter(|vni| !wanted.contains(vni))
            .copied()
            .collect();
        gone.into_iter().for_each(|vni| self.drop_vni(vni, image, view));
        self.scan |= !changed.is_empty();
        for (new, part) in changed {
            let number = new.devices.vni;
            let is_same = |vni: &&mut Vni| (vni.wanted.devices, vni.wanted.id) == (new.devices, new.id);
            if let Some(vni) = self.vnis.get_mut(&number).filter(is_same) {
                vni.change(new, Arc::clone(part), view);
                continue;
            }
            self.drop_vni(number, image, view);
            self.segments.insert(new.id, number);
            self.vnis.insert(number, Vni::new(new, Arc::clone(part)));
            self.behind = true;
        }
    }

    fn drop_vni(&mut self, number: u32, image: &Image, view: View<'_>) {
        if let Some(mut vni) = self.take_out(number) {
            let part = image.segments.get(&vni.wanted.segment);
            vni.displace_all(part.map(|part| &**part), view.datapath);
        }
    }

    fn take_out(&mut self, number: u32) -> Option<Vni> {
        let vni = self.vnis.remove(&number)?;
        self.old_moves.0 += vni.moved_here;
        self.old_moves.1 += vni.moved_away;
        // The segment may have another VNI by now.
        if self.segments.get(&vni.wanted.id) == Some(&number) {
            self.segments.remove(&vni.wanted.id);
        }
        self.ports.retain(|_, (of, _)| *of != number);
        self.behind = true;
        Some(vni)
    }

    /// An interface is gone: if it was one of these, it is made anew.
    fn lost(&mut self, ifindex: u32) {
        let is_bridge = |vni: &Vni| vni.ports.is_some_and(|ports| ports.bridge == ifindex);
        if self.ports.contains_key(&ifindex) || self.vnis.values().any(is_bridge) {
            self.read_anew();
        }
    }

    /// Takes in what the kernel tells of its bridges.
    fn take(&mut self, events: &[StationEvent], view: View<'_>) {
        let mut touched = BTreeSet::new();
        for event in events {
            let (entry, there) = match event {
                StationEvent::There(entry) => (entry, true),
                StationEvent::Gone(entry) => (entry, false),
                StationEvent::Missed => {
                    self.read_anew();
                    return;
                }
            };
            let Some((number, side)) = self.ports.get(&entry.ifindex) else {
                continue;
            };
            let Some(vni) = self.vnis.get_mut(number) else {
                continue;
            };
            if let Some(mac) = vni.stations.note(*side, entry, there) {
                vni.settle(mac, true, view);
                // Not by us: somebody has flushed the bridge.
                self.scan |= *side == Side::Ours && !there && vni.has(mac, view);
            }
            touched.insert(*number);
        }
        for number in touched {
            if let Some(vni) = self.vnis.get_mut(&number) {
                vni.look |= vni.retry(view);
            }
            self.name_strangers(number);
        }
    }

    /// The kernel's interfaces and bridges are read anew in the next round.
    fn read_anew(&mut self) {
        self.left.extend(self.made.iter().copied());
        self.ports.clear();
        for vni in self.vnis.values_mut() {
            vni.ports = None;
        }
        (self.behind, self.retry) = (true, None);
    }

    /// Says which VTEPs take part that the document does not know.
    fn name_strangers(&mut self, number: u32) {
        let Some(vni) = self.vnis.get(&number) else {
            return;
        };
        let Wanted { segment, remotes, .. } = &vni.wanted;
        for vtep in vni.stations.vteps().filter(|vtep| !remotes.contains_key(vtep)) {
            if self.strangers.insert((segment.clone(), vtep)) {
                tracing::warn!(
                    %segment, %vtep, cure = STRANGER_CURE,
                    "BGP names a VTEP that the segment does not have as a remote; its stations are not taken over"
                );
            }
        }
    }

    /// Whether a round has something to do.
    fn has_work(&mut self, datapath: &Datapath) -> bool {
        let mut look = false;
        for vni in self.vnis.values_mut().filter(|vni| vni.ports.is_some()) {
            self.scan |= vni.news(datapath);
            look |= vni.look;
        }
        self.scan |= self.last_scan.elapsed() > SCAN;
        look || self.is_behind() || self.is_scan_due()
    }

    fn is_behind(&self) -> bool {
        self.behind && self.retry.is_none_or(|retry| Instant::now() >= retry)
    }

    fn is_scan_due(&self) -> bool {
        self.scan && Instant::now() >= self.next_scan
    }

    /// Tells the daemon what has become of our stations.
    async fn tell(&mut self, view: View<'_>) {
        let mut words = Vec::new();
        for vni in self.vnis.values_mut().filter(|vni| vni.look) {
            let Some(ports) = vni.ports else {
                continue;
            };
            let mut of_vni = Vec::new();
            vni.look(view, &mut of_vni);
            let has_more = vni.retry(view);
            // What is too much for this round is found again in the next.
            vni.look = has_more || of_vni.len() > WORDS.saturating_sub(words.len());
            words.extend(of_vni.into_iter().map(|word| (ports.stations, word)));
        }
        if self.is_scan_due() {
            words.extend(self.found(view));
        }
        self.scan |= words.len() > WORDS;
        for (port, word) in words.into_iter().take(WORDS) {
            let told = match word {
                Word::Offer { mac, sticky } => {
                    self.netlink.offer_station(port, mac_octets(mac), sticky).await
                }
                Word::Withdraw { mac } => self.netlink.withdraw_station(port, mac_octets(mac)).await,
            };
            if let Err(error) = told {
                // Its interface may be gone: they are all looked at.
                self.read_anew();
                self.fail(&error.to_string());
                return;
            }
        }
    }

    /// Stations of ours among all of the FDB that are not offered.
    fn found(&mut self, view: View<'_>) -> Vec<(u32, Word)> {
        let begun = Instant::now();
        let in_use = self.vnis.values().filter(|vni| vni.ports.is_some());
        let segments: HashSet<u32> = in_use.map(|vni| vni.wanted.id).collect();
        let mut found = Vec::new();
        if !segments.is_empty() {
            for (segment, mac, place) in view.datapath.stations_of(&segments) {
                let vni = self.segments.get(&segment).and_then(|vni| self.vnis.get(vni));
                let Some((vni, ports)) = vni.and_then(|vni| Some((vni, vni.ports?))) else {
                    continue;
                };
                let mut words = Vec::new();
                vni.offer_found(mac, place, &mut words);
                found.extend(words.into_iter().map(|word| (ports.stations, word)));
            }
        }
        let now = Instant::now();
        let rest = ((now - begun) * REST).min(LONGEST_REST);
        (self.scan, self.last_scan, self.next_scan) = (false, now, now + rest);
        found
    }
}

#[cfg(test)]
mod tests;
