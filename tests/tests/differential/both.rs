//! The kernel and the twin side by side.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use fabric_common::DropReason;
use fabric_common::address::Address;
use fabric_common::maps::gateway::{KnownNeighbour, NEIGHBOUR_BUCKETS};
use fabric_common::maps::storage::{Charge, ClientFlow, FLOWS, Vsm, flow_index};
use fabric_common::maps::{Count, Direction, drop_index};
use fabric_common::wire::Macs;
use fabric_tests::bpf::SHORTEST_RUN;
use fabric_tests::frame::{hex_dump, stack};
use fabric_userspace::compile::twin::{Copied, Counters, HostFrame, Outcome, Twin, TwinSettings};
use fabric_userspace::datapath::{FdbEntry, SegmentEvents};
use fabric_userspace::records::Records;
use fabric_userspace::validate::PortRole;
use nix::time::{ClockId, clock_getres};

use super::kernel::Kernel;
use super::outcome::{difference, forget_copies, hex, since};
use super::site::{Port, Site, settings};

/// Number of the storage machine `disk`: the first of the document.
const DISK: u32 = 1;

/// Both sides with the same entries.
pub(crate) struct Both {
    pub(crate) kernel: Kernel,
    pub(crate) twin: Twin,
    pub(crate) records: Records,
    pub(crate) ports: Vec<Port>,
    settings: TwinSettings,
    /// What the kernel had counted when the round began.
    before: Counters,
    events: BTreeMap<u32, SegmentEvents>,
    /// The clock moved while frames ran: what depends on it may differ.
    unsure: bool,
    frames: usize,
    actions: BTreeMap<&'static str, usize>,
    reached: BTreeSet<DropReason>,
    unsure_rounds: usize,
    /// Learned, moved, damped, refused, unplaced.
    learning: [u32; 5],
    /// When the kernel's time has changed once.
    edge: Option<Instant>,
    /// Slots of ports that cannot send.
    silent: BTreeSet<u16>,
    /// A test run stops before the copies of a flooded frame; on a cable they are made.
    copies_run: bool,
}

impl Both {
    pub(crate) fn new(site: &Site) -> Self {
        let mut kernel = Kernel::new();
        kernel.load(&Records::default(), &site.records);
        let settings = TwinSettings {
            settings: settings(&kernel.pins),
            now: 0,
            nanoseconds: 1,
        };
        let mut both = Self {
            kernel,
            twin: Twin::new(site.records.clone(), settings),
            records: site.records.clone(),
            ports: site.ports.clone(),
            settings,
            before: Counters::default(),
            events: BTreeMap::new(),
            unsure: false,
            frames: 0,
            actions: BTreeMap::new(),
            reached: BTreeSet::new(),
            unsure_rounds: 0,
            learning: [0; 5],
            edge: None,
            silent: BTreeSet::new(),
            copies_run: false,
        };
        both.begin();
        both
    }

    pub(crate) fn on_cables(&mut self) {
        self.copies_run = true;
    }

    /// Other entries on both sides.
    pub(crate) fn change(&mut self, change: impl FnOnce(&mut Records)) {
        let mut records = self.records.clone();
        change(&mut records);
        self.kernel.load(&self.records, &records);
        self.records = records;
        self.begin();
    }

    /// Other ports that cannot send, on both sides.
    pub(crate) fn silence(&mut self, ports: &[&str]) {
        let slots: BTreeSet<u16> = ports.iter().map(|name| self.port(name).slot).collect();
        for slot in self.silent.symmetric_difference(&slots) {
            let silent = slots.contains(slot);
            self.kernel.datapath.set_silent(*slot, silent).unwrap();
        }
        self.silent = slots;
        self.begin();
    }

    /// A new round: nothing learned, nothing counted.
    pub(crate) fn begin(&mut self) {
        self.kernel.datapath.flush(|_, _, _| true);
        let told = self.twin.tables.told();
        self.twin = Twin::new(self.records.clone(), self.settings);
        for slot in &self.silent {
            self.twin.tables.set_silent(*slot, true);
        }
        self.twin.tables.set_told(told);
        self.put_in_charge();
        assert_eq!(self.twin.tables.unplaced(), 0);
        self.before = self.counted();
        self.events = self.kernel_events();
        self.unsure = false;
        self.tick();
    }

    /// Of the storage machine `disk` the first member, with the second behind it; of `idle` nobody. No flow and no neighbour is
    /// known.
    fn put_in_charge(&mut self) {
        use fabric_common::Tables as _;
        for vsm in [self.kernel.datapath.vsm(DISK), self.twin.tables.vsm(DISK)] {
            let vsm = vsm.expect("a storage machine");
            vsm.charge.store(Charge::new(1, Some(0), Some(1)).0);
            vsm.unanswered.iter().for_each(|since| since.store(0));
            vsm.withheld_at.store(0);
            // On both clocks the last probe is never old.
            vsm.probed_at.store(u64::MAX);
        }
        let irbs = self.records.irbs.clone();
        for (id, irb) in &irbs {
            self.kernel.datapath.set_irb(*id, None).unwrap();
            self.kernel.datapath.set_irb(*id, Some(irb)).unwrap();
        }
        let places = self.records.vsm_places.clone();
        for (id, place) in &places {
            self.kernel.datapath.set_vsm_place(*id, None).unwrap();
            self.kernel.datapath.set_vsm_place(*id, Some(place)).unwrap();
        }
    }

    /// What gateways know of their neighbours.
    fn compare_neighbours(&self) {
        use fabric_common::Tables as _;
        for irb in self.records.irbs.keys() {
            let row = |known: KnownNeighbour| (known.address, known.value.0);
            let kernel: BTreeSet<_> = self.kernel.datapath.neighbours(*irb).map(row).collect();
            let first = irb * NEIGHBOUR_BUCKETS;
            let buckets =
                (first..first + NEIGHBOUR_BUCKETS).filter_map(|index| self.twin.tables.neighbours(index));
            let twin = buckets
                .flat_map(|bucket| &bucket.slots)
                .map(|slot| row(slot.read()));
            let twin: BTreeSet<_> = twin
                .filter(|(address, _)| *address != Address::default())
                .collect();
            assert_eq!(kernel, twin, "neighbours of interface {irb}");
        }
    }

    /// Who is in charge, which members owe an answer, and every flow.
    fn compare_storage(&self) {
        use fabric_common::Tables as _;
        let live = |vsm: &Vsm| {
            let owes = vsm.unanswered.each_ref().map(|since| since.load() != 0);
            let doubted = vsm.withheld_at.load() != 0;
            (Charge(vsm.charge.load()), doubted, owes)
        };
        let tables = &self.twin.tables;
        for id in self.records.vsms.keys() {
            let kernel = self.kernel.datapath.vsm(*id).map(live);
            assert_eq!(kernel, tables.vsm(*id).map(live), "storage machine {id}");
        }
        for place in self.records.vsm_places.keys() {
            let kernel: BTreeMap<u32, ClientFlow> = self.kernel.datapath.flows(*place).collect();
            let twin = (0..FLOWS).filter_map(|flow| {
                let record = tables.flow(flow_index(*place, flow))?;
                Some((flow, record.read()?))
            });
            assert_eq!(kernel, twin.collect(), "flows at {place}");
        }
    }

    /// Gives the twin the kernel's time.
    pub(crate) fn tick(&mut self) -> u32 {
        let now = self.kernel.datapath.now().unwrap();
        self.twin.tables.set_now(now);
        now
    }

    /// As [`Both::tick`], at a moment when the kernel's time will not change soon: a burst of frames takes a while.
    pub(crate) fn steady_tick(&mut self) -> u32 {
        let edge = *self.edge.get_or_insert_with(|| {
            let first = self.kernel.datapath.now().unwrap();
            while self.kernel.datapath.now().unwrap() == first {}
            Instant::now()
        });
        let length = tick_length();
        let nanoseconds = edge.elapsed().as_nanos() % length.as_nanos();
        let phase = Duration::from_nanos(u64::try_from(nanoseconds).unwrap());
        if phase > length * 3 / 4 {
            std::thread::sleep(length - phase + length / 64);
        }
        self.tick()
    }

    /// Says that frames that ran since [`Both::tick`] said `since` may have seen another time.
    pub(crate) fn check_time(&mut self, since: u32) {
        self.unsure |= self.kernel.datapath.now().unwrap() != since;
    }

    pub(crate) fn is_unsure(&self) -> bool {
        self.unsure
    }

    pub(crate) fn port(&self, name: &str) -> Port {
        let found = self.ports.iter().find(|port| port.name == name);
        found.expect("a port of the site").clone()
    }

    pub(crate) fn frame(&mut self, port: &str, frame: &[u8]) -> Outcome {
        let port = self.port(port);
        self.frame_at((port.ifindex, port.role), frame, 0)
    }

    /// One frame through both sides, which must agree. `metadata` bytes of somebody else's stand in front of it.
    pub(crate) fn frame_at(
        &mut self,
        (ifindex, role): (u32, PortRole),
        frame: &[u8],
        metadata: usize,
    ) -> Outcome {
        assert!(frame.len() >= SHORTEST_RUN, "no test run takes so short a frame");
        let now = self.tick();
        let run = self.kernel.program(role).run(frame, ifindex, metadata).unwrap();
        self.check_time(now);
        let room = HostFrame::HEADROOM - metadata;
        let outcome = self
            .twin
            .receive(ifindex, role, HostFrame::with_headroom(frame, room));
        self.note(&outcome);
        if let Some(difference) = difference(&run, &outcome, frame, metadata)
            && !self.unsure
        {
            let name = self.ports.iter().find(|port| port.ifindex == ifindex);
            panic!(
                "kernel and host differ: {difference}\nframe into {name:?}: {}\n{}twin: {outcome:?}\n\
                 corpus line: {} {}",
                stack(frame),
                hex_dump(frame),
                name.map_or("?", |port| &port.name),
                hex(frame)
            );
        }
        outcome
    }

    pub(crate) fn note(&mut self, outcome: &Outcome) {
        self.frames += 1;
        let action = match outcome {
            Outcome::Passed => "passed",
            Outcome::Dropped(reason) => {
                self.reached.insert(*reason);
                "dropped"
            }
            Outcome::Sent(_) => "sent",
            Outcome::Told(reason, _) => {
                self.reached.insert(*reason);
                if *reason == DropReason::TooBig {
                    "told"
                } else {
                    "told by a gateway"
                }
            }
            Outcome::Asked(copies) => {
                self.reached.insert(DropReason::NeighbourUnknown);
                if !self.copies_run {
                    forget_copies(&mut self.twin.counters, copies);
                }
                "asked"
            }
            Outcome::Flooded(copies) => {
                if self.copies_run {
                    self.reached.extend(copies.iter().filter_map(|copy| match copy {
                        Copied::Dropped(_, reason) => Some(*reason),
                        Copied::Sent(_) => None,
                    }));
                } else {
                    forget_copies(&mut self.twin.counters, copies);
                }
                "flooded"
            }
        };
        *self.actions.entry(action).or_default() += 1;
    }

    /// Reasons that ended a frame on both sides.
    pub(crate) fn reached(&self) -> BTreeSet<DropReason> {
        self.reached.clone()
    }

    /// Frames that ended as a message to their sender.
    pub(crate) fn told(&self) -> usize {
        self.actions.get("told").copied().unwrap_or(0)
    }

    /// How often stations were learned, moved, were damped, refused for a quota, and found their buckets full.
    pub(crate) fn learning(&self) -> [u32; 5] {
        self.learning
    }

    pub(crate) fn summary(&self) -> String {
        format!(
            "{} frames: {:?}; {} reasons; {} rounds not compared to the end because the clock moved under a frame",
            self.frames,
            self.actions,
            self.reached.len(),
            self.unsure_rounds
        )
    }

    /// All counters, the whole FDB and the segments' events. A round in which the clock moved at the wrong moment
    /// is not compared.
    pub(crate) fn compare(&mut self) {
        if self.unsure {
            self.unsure_rounds += 1;
            return;
        }
        let counted = since(&self.before, &self.counted());
        assert_eq!(counted.drops, self.twin.counters.drops, "drops by index");
        let plain = |counts: &BTreeMap<u32, Count>| -> BTreeMap<u32, (u64, u64)> {
            counts
                .iter()
                .map(|(id, count)| (*id, (count.frames, count.bytes)))
                .collect()
        };
        assert_eq!(
            plain(&counted.frames_in),
            plain(&self.twin.counters.frames_in),
            "in"
        );
        assert_eq!(
            plain(&counted.frames_out),
            plain(&self.twin.counters.frames_out),
            "out"
        );
        assert_eq!(self.kernel_stations(), self.twin_stations(), "stations");
        self.compare_storage();
        self.compare_neighbours();
        let events = self.kernel_events();
        for (id, before) in &self.events {
            let moved = moved(before, &events[id]);
            assert_eq!(moved, self.twin_events(*id), "segment {id}");
            for (total, by) in self.learning.iter_mut().zip(moved) {
                *total += by;
            }
        }
    }

    fn counted(&self) -> Counters {
        let datapath = &self.kernel.datapath;
        let mut counters = Counters::default();
        let records = &self.records;
        let bindings = records.access.values().chain(records.bindings.values());
        let bindings = bindings.chain(records.routes.values());
        let tunnels = records.tunnels.values().map(|tunnel| &tunnel.binding);
        for id in bindings.chain(tunnels).map(|binding| binding.id()) {
            counters.frames_in.insert(id, datapath.forwarded(id).unwrap());
        }
        for id in records.paths.keys().copied().chain([0]) {
            counters.frames_out.insert(id, datapath.sent(id).unwrap());
        }
        for slot in self.ports.iter().map(|port| port.slot).chain([0]) {
            for direction in [Direction::In, Direction::Out] {
                for reason in 0..64 {
                    let frames = datapath.dropped(slot, direction, reason).unwrap();
                    counters.drops.insert(drop_index(slot, direction, reason), frames);
                }
            }
        }
        counters
    }

    /// Frames that the kernel's programs have come to a verdict on.
    pub(crate) fn judged(&self) -> u64 {
        let counted = self.counted();
        let forwarded: u64 = counted.frames_in.values().map(|count| count.frames).sum();
        let ended = counted
            .drops
            .iter()
            .filter(|(index, _)| *index >> 6 & 1 == Direction::In as u32);
        forwarded + ended.map(|(_, frames)| frames).sum::<u64>()
    }

    fn kernel_events(&self) -> BTreeMap<u32, SegmentEvents> {
        let segments = self.records.segments.keys();
        segments
            .map(|id| (*id, self.kernel.datapath.segment_events(*id).unwrap()))
            .collect()
    }

    fn twin_events(&self, id: u32) -> [u32; 5] {
        use fabric_common::Tables as _;
        let segment = self.twin.tables.segment(id).unwrap();
        [
            segment.learned.load(),
            segment.moves.load(),
            segment.damped.load(),
            segment.refused.load(),
            segment.unplaced.load(),
        ]
    }

    fn kernel_stations(&mut self) -> BTreeSet<(u32, u64, u32, bool, u32)> {
        let mut stations = BTreeSet::new();
        let note = |entry: FdbEntry| {
            stations.insert((
                entry.segment,
                entry.mac,
                entry.next_hop,
                entry.is_static,
                entry.moves,
            ));
        };
        self.kernel.datapath.for_each_station(note).unwrap();
        stations
    }

    fn twin_stations(&self) -> BTreeSet<(u32, u64, u32, bool, u32)> {
        let entries = self.twin.tables.fdb();
        entries
            .map(|(key, value)| {
                let segment = u32::try_from(key >> 48).unwrap() | value.segment_high() << 16;
                let mac = key & Macs::MASK;
                (segment, mac, value.next_hop(), value.is_static(), value.moves())
            })
            .collect()
    }
}

/// 256 ticks of the kernel, whose length is the coarse clock's resolution.
fn tick_length() -> Duration {
    let tick = clock_getres(ClockId::CLOCK_MONOTONIC_COARSE).unwrap();
    Duration::from(tick) * 256
}

fn moved(before: &SegmentEvents, after: &SegmentEvents) -> [u32; 5] {
    [
        after.learned,
        after.moves - before.moves,
        after.damped - before.damped,
        after.refused - before.refused,
        after.unplaced - before.unplaced,
    ]
}
