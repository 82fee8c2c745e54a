//! The tables of gateways: interfaces, prefixes, and the neighbours that frames have told of.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use aya::maps::MapError;
use aya::maps::lpm_trie::Key;
use aya_obj::generated::bpf_cmd::BPF_PROG_TEST_RUN;
use fabric_common::address::Address;
use fabric_common::maps::gateway::{
    Ask, Irb, KnownNeighbour, NEIGHBOUR_BUCKETS, Neighbour, Prefix, PrefixRoute,
};
use fabric_common::maps::name;

use super::loader::{Program, xdp};
use super::syscall::bpf;
use super::write::publish;
use super::{Datapath, LoadError};

/// Frames that the program redirects really leave (`BPF_F_TEST_XDP_LIVE_FRAMES`, Linux 5.18).
const LIVE_FRAMES: u32 = 2;

/// Longer than any program takes to write a neighbour.
const WRITTEN: Duration = Duration::from_millis(10);

/// The part of `union bpf_attr` that runs a program (`test`).
#[derive(Default)]
#[repr(C)]
struct TestRun {
    program: u32,
    retval: u32,
    data_size_in: u32,
    data_size_out: u32,
    data_in: u64,
    data_out: u64,
    repeat: u32,
    duration: u32,
    ctx_size_in: u32,
    ctx_size_out: u32,
    ctx_in: u64,
    ctx_out: u64,
    flags: u32,
    cpu: u32,
    batch_size: u32,
    reserved: u32,
}

impl Datapath {
    /// `IRBS`. What is known of neighbours goes with the interface.
    ///
    /// # Errors
    /// For an index outside of the table.
    pub fn set_irb(&mut self, id: u32, irb: Option<&Irb>) -> Result<(), LoadError> {
        let place = |irb: &Irb| (irb.vrf, irb.segment());
        let before = self.irbs.get(id).unwrap_or_default();
        if irb.is_none_or(|irb| place(irb) != place(&before)) {
            self.irbs.withdraw(id);
            for neighbour in self.neighbours_of(id) {
                neighbour.forget(neighbour.read());
            }
        }
        match irb {
            Some(irb) => publish(&self.irbs, id, irb, name::IRBS),
            None => Ok(()),
        }
    }

    /// `PREFIXES`.
    ///
    /// # Errors
    /// When the table is full.
    pub fn set_prefix(&mut self, prefix: &Prefix, route: Option<&PrefixRoute>) -> Result<(), LoadError> {
        let key = Key::new(prefix.length, prefix.key);
        let done = match route {
            Some(route) => self.prefixes.insert(&key, route, 0),
            None => match self.prefixes.remove(&key) {
                Err(MapError::SyscallError(error)) if error.io_error.kind() == io::ErrorKind::NotFound => {
                    Ok(())
                }
                other => other,
            },
        };
        done.map_err(|error| LoadError::map(name::PREFIXES)(error.into()))
    }

    pub(super) fn observe_prefixes(&self) -> Result<BTreeMap<Prefix, PrefixRoute>, LoadError> {
        let wrong = LoadError::map(name::PREFIXES);
        self.prefixes
            .iter()
            .map(|entry| {
                let (key, route) = entry.map_err(|error| wrong(error.into()))?;
                let prefix = Prefix {
                    length: key.prefix_len(),
                    key: key.data(),
                };
                Ok((prefix, route))
            })
            .collect()
    }

    /// What frames have told of an interface's neighbours.
    pub fn neighbours(&self, irb: u32) -> impl Iterator<Item = KnownNeighbour> {
        let all = self.neighbours_of(irb).map(Neighbour::read);
        all.filter(|known| known.address != Address::default())
    }

    /// Forgets a neighbour, if it was not heard since it was read.
    pub fn forget_neighbour(&self, irb: u32, read: KnownNeighbour) {
        for neighbour in self.neighbours_of(irb) {
            neighbour.forget(read);
        }
    }

    /// After an agent that was killed while it wrote a neighbour: its place would take none for ever. To be called before this one
    /// forgets any. Waits for those that programs write now, if there are such.
    pub(super) fn mend_neighbours(&self) {
        let all = (0..self.neighbours.len()).filter_map(|index| self.neighbours.shared(index));
        let found = all.flat_map(|bucket| &bucket.slots);
        let written: Vec<_> = found
            .filter_map(|neighbour| Some((neighbour, neighbour.being_written()?)))
            .collect();
        if written.is_empty() {
            return;
        }
        std::thread::sleep(WRITTEN);
        for (neighbour, version) in written {
            neighbour.mend(version);
        }
    }

    fn neighbours_of(&self, irb: u32) -> impl Iterator<Item = &Neighbour> {
        let first = irb.saturating_mul(NEIGHBOUR_BUCKETS);
        (first..first.saturating_add(NEIGHBOUR_BUCKETS))
            .filter_map(|index| self.neighbours.shared(index))
            .flat_map(|bucket| &bucket.slots)
    }

    /// Asks everybody in the interface's segment for a neighbour.
    ///
    /// # Errors
    /// When the kernel does not run the program.
    pub fn ask_neighbour(&mut self, irb: u32, target: Address) -> Result<(), LoadError> {
        let frame = Ask { irb, target }.frame();
        let program = xdp(&mut self.ebpf, Program::Ask)?.fd()?;
        let mut request = TestRun {
            program: u32::try_from(std::os::fd::AsRawFd::as_raw_fd(&std::os::fd::AsFd::as_fd(
                program,
            )))
            .unwrap_or(u32::MAX),
            data_size_in: u32::try_from(frame.len()).unwrap_or(0),
            data_in: frame.as_ptr().addr() as u64,
            repeat: 1,
            flags: LIVE_FRAMES,
            ..TestRun::default()
        };
        bpf(BPF_PROG_TEST_RUN, &mut request)
            .map(drop)
            .map_err(|error| LoadError::map(name::NEIGHBOURS)(error.into()))
    }
}
