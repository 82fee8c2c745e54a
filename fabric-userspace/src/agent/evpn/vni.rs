//! One VNI: what the routing daemon says of its stations against what the data path knows of them.
//!
//! Who speaks last is right, as among the ports of any bridge: the daemon's news move a station of ours to the VTEP, a frame
//! at one of our ports moves it back, which the daemon is told and answers with a higher sequence number (RFC 7432
//! section 15.1). Between foreign VTEPs the daemon alone decides, and it decides for good about a station that is not heard.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::Arc;

use super::stations::{State, Stations};
use crate::compile::SegmentPart;
use crate::datapath::{Datapath, Placed, Placement, Whereabouts};
use crate::model::Name;
use crate::netlink::{VniDevices, VniPorts};

/// Routes that waited for room and are tried again at once.
const AT_ONCE: usize = 256;

/// Why a route is not obeyed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::agent) enum Unplaced {
    /// The segment has no remote with the VTEP's address.
    UnknownVtep,
    /// The document gives the station another place.
    Documented,
    /// The segment has as many addresses as it may have.
    MacLimit,
    /// The FDB is full.
    FdbFull,
}

impl Unplaced {
    /// All, in the order in which they are shown.
    pub(in crate::agent) const ALL: [Self; 4] =
        [Self::UnknownVtep, Self::Documented, Self::MacLimit, Self::FdbFull];

    /// For labels of metrics.
    pub(in crate::agent) const fn name(self) -> &'static str {
        match self {
            Self::UnknownVtep => "unknown-vtep",
            Self::Documented => "documented",
            Self::MacLimit => "mac-limit",
            Self::FdbFull => "fdb-full",
        }
    }
}

/// A route that is obeyed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Held {
    next_hop: u32,
    sticky: bool,
}

/// What the document wants of a VNI.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) devices: VniDevices,
    pub(super) segment: Name,
    /// Number of the segment in the maps.
    pub(super) id: u32,
    /// Next hop of each foreign VTEP that knows us by this local address.
    pub(super) remotes: BTreeMap<IpAddr, u32>,
    /// Next hops of all foreign VTEPs.
    pub(super) foreign: BTreeSet<u32>,
}

impl Wanted {
    /// `None` for a segment without foreign VTEPs at this node. `udp_ports` is that of VXLAN by slot of a port.
    pub(super) fn of(name: &Name, part: &SegmentPart, udp_ports: &BTreeMap<u16, u16>) -> Option<Self> {
        let vni = part.vni()?;
        // Several addresses of ours would be several VTEPs, and the daemon has one for a VNI: the lowest.
        let local = part.foreign_tunnels().map(|tunnel| tunnel.local).min()?;
        let ours = || part.foreign_tunnels().filter(|tunnel| tunnel.local == local);
        let udp_port = ours().find_map(|tunnel| udp_ports.get(&tunnel.slot).copied())?;
        let remotes = ours().map(|tunnel| (tunnel.remote.to_ip(), tunnel.binding.learn()));
        Some(Self {
            devices: VniDevices {
                vni,
                local: local.to_ip(),
                udp_port,
            },
            segment: name.clone(),
            id: part.ids.segment,
            remotes: remotes.collect(),
            foreign: part
                .foreign_tunnels()
                .map(|tunnel| tunnel.binding.learn())
                .collect(),
        })
    }
}

/// What is to be told to the daemon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word {
    Offer { mac: u64, sticky: bool },
    Withdraw { mac: u64 },
}

/// What the decisions of one moment rest on.
#[derive(Clone, Copy)]
pub(super) struct View<'a> {
    pub(super) datapath: &'a Datapath,
    /// See [`fabric_common::maps::tick`].
    pub(super) now: u32,
}

impl<'a> View<'a> {
    pub(super) const fn of(datapath: &'a Datapath, now: u32) -> Self {
        Self { datapath, now }
    }
}

/// A VNI in use.
#[derive(Debug)]
pub(super) struct Vni {
    pub(super) wanted: Wanted,
    part: Arc<SegmentPart>,
    /// Its stations are to be looked at in the next round.
    pub(super) look: bool,
    /// `None` until its interfaces are there.
    pub(super) ports: Option<VniPorts>,
    pub(super) stations: Stations,
    held: HashMap<u64, Held>,
    /// How many of them are sticky.
    sticky: u32,
    unplaced: HashMap<u64, Unplaced>,
    /// XDP's counts when the stations were last looked at.
    learned: u32,
    moves: u32,
    /// Stations that moved from a VTEP to us, and back.
    pub(super) moved_here: u64,
    pub(super) moved_away: u64,
}

impl Vni {
    pub(super) fn new(wanted: Wanted, part: Arc<SegmentPart>) -> Self {
        Self {
            wanted,
            part,
            look: false,
            ports: None,
            stations: Stations::default(),
            held: HashMap::new(),
            sticky: 0,
            unplaced: HashMap::new(),
            learned: 0,
            moves: 0,
            moved_here: 0,
            moved_away: 0,
        }
    }

    /// Whether it was made from this part of the image.
    pub(super) fn is_of(&self, part: &Arc<SegmentPart>) -> bool {
        Arc::ptr_eq(&self.part, part)
    }

    /// Takes over what the document now wants; the interfaces must be the same.
    pub(super) fn change(&mut self, wanted: Wanted, part: Arc<SegmentPart>, view: View<'_>) {
        let same_ways = self.wanted == wanted;
        if !same_ways {
            // Before the numbers of next hops that are gone are given to others.
            self.displace_all(Some(&part), view.datapath);
        }
        (self.wanted, self.part, self.look) = (wanted, part, true);
        self.settle_all(view);
    }

    fn is_documented(&self, mac: u64) -> bool {
        documents(&self.part, self.wanted.id, mac)
    }

    /// True if the FDB entry of a station is there because of a route.
    pub(super) fn holds(&self, mac: u64, next_hop: u32) -> bool {
        self.held.get(&mac).is_some_and(|held| held.next_hop == next_hop)
    }

    /// Routes that are obeyed.
    pub(super) fn held(&self) -> usize {
        self.held.len()
    }

    /// Routes that are not, by reason.
    pub(super) fn unplaced(&self, why: Unplaced) -> usize {
        self.unplaced.values().filter(|one| **one == why).count()
    }

    fn is_foreign(&self, next_hop: u32) -> bool {
        self.wanted.foreign.contains(&next_hop)
    }

    /// Whether the data path has a station, and not behind a foreign VTEP.
    pub(super) fn has(&self, mac: u64, view: View<'_>) -> bool {
        let place = view.datapath.station(self.wanted.id, mac);
        place.is_some_and(|place| !self.is_foreign(place.next_hop))
    }

    /// Carries out what the daemon says of one station. What is `news` also moves a station that we have.
    pub(super) fn settle(&mut self, mac: u64, news: bool, view: View<'_>) {
        let id = self.wanted.id;
        self.unplaced.remove(&mac);
        let target = match self.stations.state(mac) {
            State::Routed { vtep, sticky } => self.way(mac, vtep, sticky),
            State::Unknown | State::Offered { .. } => None,
        };
        let old = self.held.get(&mac).copied();
        if let Some(old) = old
            && target.is_none_or(|target| target != old)
        {
            self.let_go(mac);
            // Not between two entries: frames would be flooded meanwhile. Nor what the document has put in its place.
            if target.is_none()
                && !self.is_documented(mac)
                && view.datapath.displace(id, mac, old.next_hop)
                && !old.sticky
            {
                self.learned = self.learned.wrapping_sub(1);
            }
        }
        let Some(target) = target else {
            return;
        };
        let ours = self.has(mac, view);
        if ours && !news {
            return;
        }
        self.place(mac, target, view);
        if ours && self.held.contains_key(&mac) {
            self.moved_away += 1;
        }
    }

    /// The way to a VTEP; `None`, with the reason noted, if the route is not to be obeyed.
    fn way(&mut self, mac: u64, vtep: Option<IpAddr>, sticky: bool) -> Option<Held> {
        let why = match self.wanted.remotes.get(&vtep?) {
            Some(_) if self.is_documented(mac) => Unplaced::Documented,
            Some(next_hop) => {
                return Some(Held {
                    next_hop: *next_hop,
                    sticky,
                });
            }
            None => Unplaced::UnknownVtep,
        };
        self.unplaced.insert(mac, why);
        None
    }

    fn place(&mut self, mac: u64, target: Held, view: View<'_>) {
        let placement = Placement {
            segment: self.wanted.id,
            mac,
            next_hop: target.next_hop,
            sticky: target.sticky,
        };
        self.let_go(mac);
        let why = match view.datapath.place(placement, view.now, self.sticky) {
            Placed::Done { entered } => {
                self.learned = self.learned.wrapping_add(u32::from(entered));
                self.sticky += u32::from(target.sticky);
                self.held.insert(mac, target);
                return;
            }
            Placed::Limit => Unplaced::MacLimit,
            Placed::Full => Unplaced::FdbFull,
        };
        self.unplaced.insert(mac, why);
    }

    fn let_go(&mut self, mac: u64) {
        if let Some(held) = self.held.remove(&mac) {
            self.sticky -= u32::from(held.sticky);
        }
    }

    /// Carries out anew what the daemon says of all stations.
    pub(super) fn settle_all(&mut self, view: View<'_>) {
        let mut macs: Vec<u64> = self.stations.all().map(|(mac, _)| mac).collect();
        macs.extend(self.held.keys());
        macs.extend(self.unplaced.keys());
        macs.sort_unstable();
        macs.dedup();
        for mac in macs {
            self.settle(mac, false, view);
        }
    }

    /// Takes every station out that is there because of a route, but for those that `part` has, whose entries are the document's.
    pub(super) fn displace_all(&mut self, part: Option<&SegmentPart>, datapath: &Datapath) {
        let id = self.wanted.id;
        for (mac, held) in self.held.drain() {
            if !part.is_some_and(|part| documents(part, id, mac)) {
                datapath.displace(id, mac, held.next_hop);
            }
        }
        self.sticky = 0;
        self.unplaced.clear();
    }

    /// Whether XDP has learned new stations since this was last asked. If it has moved some, they will be looked at.
    pub(super) fn news(&mut self, datapath: &Datapath) -> bool {
        let events = datapath.segment_events(self.wanted.id).unwrap_or_default();
        self.look |= (events.learned, events.moves) != (self.learned, self.moves);
        // What ages is taken off.
        let more = events.learned > self.learned;
        (self.learned, self.moves) = (events.learned, events.moves);
        more
    }

    /// Looks at the stations that are known here: one that the data path has moved is offered, or not any more.
    pub(super) fn look(&mut self, view: View<'_>, words: &mut Vec<Word>) {
        let id = self.wanted.id;
        let held: Vec<(u64, Held)> = self.held.iter().map(|(mac, held)| (*mac, *held)).collect();
        for (mac, held) in held {
            match view.datapath.station(id, mac) {
                Some(place) if place.next_hop == held.next_hop => {}
                Some(place) if !self.is_foreign(place.next_hop) => {
                    self.let_go(mac);
                    self.moved_here += 1;
                    words.push(offer(mac, place));
                }
                // Forgotten, or heard from a VTEP that the daemon does not name.
                Some(_) | None => self.place(mac, held, view),
            }
        }
        let offered: Vec<(u64, bool)> = self.stations.offered().collect();
        for (mac, sticky) in offered {
            let place = view.datapath.station(id, mac);
            match place.filter(|place| !self.is_foreign(place.next_hop)) {
                Some(place) if place.is_static == sticky => {}
                Some(place) => words.push(offer(mac, place)),
                None => words.push(Word::Withdraw { mac }),
            }
        }
    }

    /// Tries routes again that there was no room for, as long as there is some; true if others may find room as well.
    pub(super) fn retry(&mut self, view: View<'_>) -> bool {
        let no_room = |(mac, why): (&u64, &Unplaced)| match why {
            Unplaced::MacLimit | Unplaced::FdbFull => Some(*mac),
            Unplaced::UnknownVtep | Unplaced::Documented => None,
        };
        // Not all at once: a peer can make a million of them wait.
        let waiting: Vec<u64> = self.unplaced.iter().filter_map(no_room).take(AT_ONCE).collect();
        let tried = waiting.len();
        for mac in waiting {
            self.settle(mac, false, view);
            if self.unplaced.contains_key(&mac) {
                return false;
            }
        }
        tried == AT_ONCE
    }

    /// Offers a station that was found in the FDB, if it is ours and not offered.
    ///
    /// Not one that the daemon has elsewhere, where the document lets nothing go: two would fight over it.
    pub(super) fn offer_found(&self, mac: u64, place: Whereabouts, words: &mut Vec<Word>) {
        let is_told = match self.stations.state(mac) {
            State::Offered { sticky } => sticky == place.is_static,
            State::Routed { vtep: None, .. } => true,
            State::Routed { .. } => self.unplaced.get(&mac) == Some(&Unplaced::UnknownVtep),
            State::Unknown => false,
        };
        if !is_told && !self.is_foreign(place.next_hop) {
            words.push(offer(mac, place));
        }
    }
}

fn documents(part: &SegmentPart, segment: u32, mac: u64) -> bool {
    part.records.stations.contains_key(&(segment, mac))
}

/// A static station is the document's: nobody else has it.
fn offer(mac: u64, place: Whereabouts) -> Word {
    Word::Offer {
        mac,
        sticky: place.is_static,
    }
}
