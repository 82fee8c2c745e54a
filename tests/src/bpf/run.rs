//! Running a loaded XDP program on a frame of the test's own, without an interface (`BPF_PROG_TEST_RUN`).

use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;

use anyhow::{Context, Result};

use super::asm::{Insn, Reg};
use super::helper;
use super::spread::Spread;
use super::syscall::{self, Kind, Md};

/// What an XDP program says of a frame (uapi/linux/bpf.h, `enum xdp_action`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// An error in the program.
    Aborted,
    /// Away.
    Drop,
    /// To the host's stack.
    Pass,
    /// Back out of the same interface.
    Tx,
    /// Out of another one.
    Redirect,
}

/// What became of a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// The verdict.
    pub action: Action,
    /// What stands in front of the frame.
    pub metadata: Vec<u8>,
    /// The frame.
    pub frame: Vec<u8>,
}

/// A loaded XDP program.
#[derive(Debug)]
pub struct XdpProgram {
    handle: OwnedFd,
}

/// Most bytes that a frame grows, metadata included.
const GROWTH: usize = 512;
/// The kernel takes no frame shorter than an Ethernet header (`ETH_HLEN`).
pub const SHORTEST_RUN: usize = 14;

impl XdpProgram {
    /// The program with this id, whoever loaded it.
    ///
    /// # Errors
    /// When there is none.
    pub fn of_id(id: u32) -> Result<Self> {
        let handle = syscall::program_of_id(id).with_context(|| format!("no program {id}"))?;
        Ok(Self { handle })
    }

    /// A program that sends a copy of every frame to all members of a device map, and does nothing else.
    ///
    /// # Errors
    /// When the kernel refuses it.
    pub fn broadcast(map: &DeviceMap) -> Result<Self> {
        /// `BPF_F_BROADCAST | BPF_F_EXCLUDE_INGRESS`.
        const EVERYBODY_ELSE: i32 = 8 | 16;
        let mut program = Insn::map(Reg::R1, &map.handle).to_vec();
        program.extend([
            Insn::set(Reg::R2, 0),
            Insn::set(Reg::R3, EVERYBODY_ELSE),
            Insn::call(helper::REDIRECT_MAP),
            Insn::exit(),
        ]);
        let handle = syscall::load(Kind::Xdp, "broadcast", &program)?;
        Ok(Self { handle })
    }

    /// A source for [`XdpProgram::run_many_live`], which sends into place `key` of the device map `lines`.
    ///
    /// # Errors
    /// When the kernel refuses it.
    pub fn spread(spread: &Spread, lines: &impl AsRawFd, key: u32) -> Result<Self> {
        let handle = syscall::load(Kind::Xdp, "spread", &spread.program(lines, key)?)?;
        Ok(Self { handle })
    }

    /// Runs it once on `frame` as if it came in by interface `ifindex` of the *calling thread's* namespace, with
    /// `metadata` bytes of somebody else's metadata in front of it. A redirect is not carried out.
    ///
    /// # Errors
    /// When the kernel refuses: a frame below [`SHORTEST_RUN`], no such interface.
    pub fn run(&self, frame: &[u8], ifindex: u32, metadata: usize) -> Result<Run> {
        let mut input = vec![0; metadata];
        input.extend_from_slice(frame);
        let md = Md::new(metadata, input.len(), ifindex)?;
        self.run_as(&input, md)
    }

    /// The same with no more than the first `first` bytes in the first buffer.
    ///
    /// # Errors
    /// As [`XdpProgram::run`], and on kernels that make no such frames (before Linux 6.18).
    pub fn run_in_two(&self, frame: &[u8], first: usize, ifindex: u32) -> Result<Run> {
        self.run_as(frame, Md::new(0, first, ifindex)?)
    }

    fn run_as(&self, input: &[u8], mut md: Md) -> Result<Run> {
        let mut output = vec![0; input.len() + GROWTH];
        let (code, length) = syscall::run(&self.handle, input, &mut output, &mut md, 0)
            .with_context(|| format!("a test run with {} bytes", input.len()))?;
        output.truncate(length);
        let frame = output.split_off(md.data().min(length));
        Ok(Run {
            action: Action::of(code)?,
            metadata: output,
            frame,
        })
    }

    /// Runs it once, as [`XdpProgram::run`], and carries out what it says: the frame goes where it is redirected to.
    ///
    /// # Errors
    /// As [`XdpProgram::run`].
    pub fn run_live(&self, frame: &[u8], ifindex: u32, metadata: usize) -> Result<()> {
        let mut input = vec![0; metadata];
        input.extend_from_slice(frame);
        let mut md = Md::new(metadata, input.len(), ifindex)?;
        syscall::run(&self.handle, &input, &mut [], &mut md, syscall::LIVE)?;
        Ok(())
    }

    /// Runs it `count` times on live frames that begin as `frame`, in one call.
    ///
    /// # Errors
    /// When the kernel refuses (live frames: Linux 5.18).
    pub fn run_many_live(&self, frame: &[u8], count: u32) -> Result<()> {
        syscall::run_many_live(&self.handle, frame, count)
    }
}

/// A device map inside of a pinned map of maps.
#[derive(Debug)]
pub struct DeviceMap {
    handle: OwnedFd,
}

impl DeviceMap {
    /// The map behind `key` of the map of maps that is pinned at `pin`.
    ///
    /// # Errors
    /// When one of them is not there.
    pub fn inside(pin: &Path, key: u32) -> Result<Self> {
        let outer =
            syscall::pinned(pin).with_context(|| format!("nothing is pinned at {}", pin.display()))?;
        let id = syscall::lookup(&outer, key).with_context(|| format!("{} has no {key}", pin.display()))?;
        let handle = syscall::map_of_id(id)?;
        Ok(Self { handle })
    }
}

impl Action {
    fn of(code: u32) -> Result<Self> {
        let actions = [Self::Aborted, Self::Drop, Self::Pass, Self::Tx, Self::Redirect];
        let found = usize::try_from(code).ok().and_then(|code| actions.get(code));
        found.copied().with_context(|| format!("no XDP action is {code}"))
    }
}
