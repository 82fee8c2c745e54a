//! Taking a pinned link off its interface before the call returns.
//!
//! To remove the pin is not enough: the kernel gives a link up some milliseconds after its last pin (it waits for an
//! RCU grace period), and not at all while any process holds a descriptor of it. Until then the interface is taken.

use std::ffi::CString;
use std::io;
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use aya_obj::generated::bpf_cmd::{BPF_LINK_DETACH, BPF_OBJ_GET};

use super::syscall::bpf;

/// The part of `union bpf_attr` for `BPF_OBJ_GET`.
#[repr(C)]
struct ObjectGet {
    path: u64,
    descriptor: u32,
    flags: u32,
}

/// The part of `union bpf_attr` for `BPF_LINK_DETACH`.
#[repr(C)]
struct LinkDetach {
    descriptor: u32,
}

/// Detaches the link pinned at `pin` (Linux 5.9). One whose interface is gone counts as detached.
pub(super) fn detach_pinned(pin: &Path) -> io::Result<()> {
    let path = CString::new(pin.as_os_str().as_bytes())?;
    let mut request = ObjectGet {
        path: path.as_ptr() as u64,
        descriptor: 0,
        flags: 0,
    };
    let descriptor = bpf(BPF_OBJ_GET, &mut request)?;
    // SAFETY: the kernel has just made this descriptor for us.
    let link = unsafe { OwnedFd::from_raw_fd(descriptor) };
    let mut request = LinkDetach {
        descriptor: link.as_raw_fd().cast_unsigned(),
    };
    bpf(BPF_LINK_DETACH, &mut request).map(drop)
}
