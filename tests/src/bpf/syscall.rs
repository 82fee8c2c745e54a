//! `bpf(2)` without a library: an attribute block is a row of 32- and 64-bit words at offsets fixed by the kernel's ABI.

use std::collections::BTreeSet;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

use anyhow::{Context, Result};

use super::asm::Insn;

/// Where on an interface a tc program sits.
#[derive(Clone, Copy, Debug)]
pub enum Hook {
    /// Frames that come in.
    Ingress,
    /// Frames that leave.
    Egress,
}

impl Hook {
    const fn attach_type(self) -> u32 {
        match self {
            Self::Ingress => 46,
            Self::Egress => 47,
        }
    }
}

/// Programs that the tests load.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    /// On the tc hooks.
    Tc = 3,
    /// In the driver.
    Xdp = 6,
}

const MAP_LOOKUP_ELEM: libc::c_long = 1;
const PROG_LOAD: libc::c_long = 5;
const OBJ_GET: libc::c_long = 7;
const PROG_ATTACH: libc::c_long = 8;
const PROG_TEST_RUN: libc::c_long = 10;
const PROG_GET_NEXT_ID: libc::c_long = 11;
const MAP_GET_NEXT_ID: libc::c_long = 12;
const PROG_GET_FD_BY_ID: libc::c_long = 13;
const MAP_GET_FD_BY_ID: libc::c_long = 14;
const LINK_CREATE: libc::c_long = 28;
const LINK_GET_NEXT_ID: libc::c_long = 31;
const ATTACH_XDP: u32 = 37;
/// `XDP_FLAGS_DRV_MODE`: native or not at all.
const NATIVE: u32 = 1 << 2;
/// `BPF_F_AFTER`: behind the programs that are attached already.
const AFTER: u32 = 1 << 4;

/// What the kernel gives ids to.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Object {
    Program,
    Map,
    Link,
}

/// `BPF_F_TEST_XDP_LIVE_FRAMES`.
pub(super) const LIVE: u32 = 1 << 1;

const ATTR_BYTES: usize = 144;
const LOG_BYTES: usize = 64 * 1024;

/// `union bpf_attr`, zeroed where nothing is said.
#[repr(C, align(8))]
struct Attr([u8; ATTR_BYTES]);

impl Attr {
    const fn new() -> Self {
        Self([0; ATTR_BYTES])
    }

    fn word(&mut self, at: usize, value: u32) -> &mut Self {
        self.bytes(at, &value.to_ne_bytes())
    }

    fn word_at(&self, at: usize) -> u32 {
        self.0[at..]
            .first_chunk()
            .map_or(0, |bytes| u32::from_ne_bytes(*bytes))
    }

    fn pointer<T>(&mut self, at: usize, to: *const T) -> &mut Self {
        self.bytes(at, &(to.addr() as u64).to_ne_bytes())
    }

    fn bytes(&mut self, at: usize, value: &[u8]) -> &mut Self {
        self.0[at..at + value.len()].copy_from_slice(value);
        self
    }

    fn call(&mut self, command: libc::c_long) -> io::Result<libc::c_long> {
        // SAFETY: the block is as large as we say and every pointer in it outlives the call, see the callers.
        let result = unsafe { libc::syscall(libc::SYS_bpf, command, self.0.as_mut_ptr(), ATTR_BYTES) };
        if result < 0 {
            Err(io::Error::last_os_error())
        } else {
            Ok(result)
        }
    }
}

pub(super) fn load(kind: Kind, name: &str, program: &[Insn]) -> Result<OwnedFd> {
    let mut log = vec![0_u8; LOG_BYTES];
    let count = u32::try_from(program.len()).context("program too long")?;
    let log_bytes = u32::try_from(log.len()).context("log too long")?;
    let mut attr = Attr::new();
    attr.word(0, kind as u32).word(4, count);
    attr.pointer(8, program.as_ptr())
        .pointer(16, c"Dual MIT/GPL".as_ptr());
    attr.word(24, 1)
        .word(28, log_bytes)
        .pointer(32, log.as_mut_ptr().cast_const());
    attr.bytes(48, &name.as_bytes()[..name.len().min(15)]);
    let handle = attr.call(PROG_LOAD).map_err(|error| {
        let said = String::from_utf8_lossy(&log);
        anyhow::anyhow!("{error}: {}", said.trim_end_matches('\0').trim())
    })?;
    owned(handle)
}

pub(super) fn attach(program: &OwnedFd, ifindex: u32, hook: Hook) -> Result<()> {
    let mut attr = Attr::new();
    attr.word(0, ifindex).word(4, program.as_raw_fd().cast_unsigned());
    attr.word(8, hook.attach_type()).word(12, AFTER);
    attr.call(PROG_ATTACH)
        .context("BPF_PROG_ATTACH (tcx needs Linux 6.6)")?;
    Ok(())
}

/// Gives the link: the program leaves the interface when it is closed.
pub(super) fn link_xdp(program: &OwnedFd, ifindex: u32) -> Result<OwnedFd> {
    let mut attr = Attr::new();
    attr.word(0, program.as_raw_fd().cast_unsigned()).word(4, ifindex);
    attr.word(8, ATTACH_XDP).word(12, NATIVE);
    owned(attr.call(LINK_CREATE).context("BPF_LINK_CREATE")?)
}

/// `struct xdp_md`: what the kernel knows of a frame besides its bytes.
#[repr(C)]
pub(super) struct Md {
    data: u32,
    data_end: u32,
    data_meta: u32,
    ingress_ifindex: u32,
    rx_queue_index: u32,
    egress_ifindex: u32,
}

impl Md {
    /// Of `length` bytes from the metadata on, of which `metadata` are that.
    pub(super) fn new(metadata: usize, length: usize, ifindex: u32) -> Result<Self> {
        Ok(Self {
            data: u32::try_from(metadata)?,
            data_end: u32::try_from(length)?,
            data_meta: 0,
            ingress_ifindex: ifindex,
            rx_queue_index: 0,
            egress_ifindex: 0,
        })
    }

    /// Offset of the frame behind its metadata.
    pub(super) fn data(&self) -> usize {
        self.data as usize
    }
}

/// Gives the program's answer and the number of bytes in `output`; `md` becomes what the program left.
pub(super) fn run(
    program: &OwnedFd,
    input: &[u8],
    output: &mut [u8],
    md: &mut Md,
    flags: u32,
) -> Result<(u32, usize)> {
    let length = |bytes: &[u8]| u32::try_from(bytes.len()).context("frame too long");
    let md_length = u32::try_from(size_of::<Md>())?;
    let mut attr = Attr::new();
    attr.word(0, program.as_raw_fd().cast_unsigned());
    attr.word(8, length(input)?).pointer(16, input.as_ptr());
    attr.word(32, 1)
        .word(40, md_length)
        .pointer(48, std::ptr::from_ref(md));
    if output.is_empty() {
        // A live frame does not come back.
        attr.word(64, flags);
    } else {
        attr.word(12, length(output)?)
            .pointer(24, output.as_mut_ptr().cast_const());
        attr.word(44, md_length)
            .pointer(56, std::ptr::from_mut(md).cast_const());
    }
    attr.call(PROG_TEST_RUN).context("BPF_PROG_TEST_RUN")?;
    Ok((attr.word_at(4), attr.word_at(12) as usize))
}

pub(super) fn run_many_live(program: &OwnedFd, input: &[u8], count: u32) -> Result<()> {
    let mut attr = Attr::new();
    attr.word(0, program.as_raw_fd().cast_unsigned());
    attr.word(8, u32::try_from(input.len()).context("frame too long")?);
    attr.pointer(16, input.as_ptr()).word(32, count).word(64, LIVE);
    attr.call(PROG_TEST_RUN).context("BPF_PROG_TEST_RUN")?;
    Ok(())
}

pub(super) fn program_of_id(id: u32) -> Result<OwnedFd> {
    owned(Attr::new().word(0, id).call(PROG_GET_FD_BY_ID)?)
}

pub(super) fn map_of_id(id: u32) -> Result<OwnedFd> {
    owned(Attr::new().word(0, id).call(MAP_GET_FD_BY_ID)?)
}

/// All ids that are given now, without a hold on what they name.
///
/// # Errors
/// When the kernel refuses.
pub(crate) fn ids(of: Object) -> Result<BTreeSet<u32>> {
    let command = match of {
        Object::Program => PROG_GET_NEXT_ID,
        Object::Map => MAP_GET_NEXT_ID,
        Object::Link => LINK_GET_NEXT_ID,
    };
    let mut found = BTreeSet::new();
    let mut last = 0;
    loop {
        let mut attr = Attr::new();
        match attr.word(0, last).call(command) {
            Ok(_) => last = attr.word_at(4),
            Err(error) if error.raw_os_error() == Some(libc::ENOENT) => return Ok(found),
            Err(error) => return Err(error).with_context(|| format!("cannot list: {of:?}")),
        }
        found.insert(last);
    }
}

pub(super) fn pinned(path: &std::path::Path) -> Result<OwnedFd> {
    let path = std::ffi::CString::new(path.as_os_str().as_encoded_bytes())?;
    owned(Attr::new().pointer(0, path.as_ptr()).call(OBJ_GET)?)
}

/// In a map with keys and values of four bytes.
pub(super) fn lookup(map: &OwnedFd, key: u32) -> Result<u32> {
    let mut value = 0_u32;
    let mut attr = Attr::new();
    attr.word(0, map.as_raw_fd().cast_unsigned());
    attr.pointer(8, &raw const key)
        .pointer(16, (&raw mut value).cast_const());
    attr.call(MAP_LOOKUP_ELEM)?;
    Ok(value)
}

fn owned(handle: libc::c_long) -> Result<OwnedFd> {
    let handle = RawFd::try_from(handle).context("impossible descriptor")?;
    // SAFETY: the kernel has just given this descriptor to the caller and to nobody else.
    Ok(unsafe { OwnedFd::from_raw_fd(handle) })
}
