//! The system call `bpf`, for commands that aya does not have.

use std::io;

use aya_obj::generated::bpf_cmd;

/// Does `command` with a request that has the layout of the command's part of `union bpf_attr`; the kernel may write into it.
pub(super) fn bpf<T>(command: bpf_cmd, request: &mut T) -> io::Result<i32> {
    let request = std::ptr::from_mut(request);
    // SAFETY: the request outlives the call and has the layout of this command, and the kernel looks no further than
    // the size that it is told.
    let answer = unsafe { libc::syscall(libc::SYS_bpf, command as i64, request, size_of::<T>()) };
    match i32::try_from(answer) {
        Ok(answer) if answer >= 0 => Ok(answer),
        _ => Err(io::Error::last_os_error()),
    }
}
