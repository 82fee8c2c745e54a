//! What the benchmark measures the fabric against: a source, sinks, the least that any XDP forwarder must do, and the tagging that
//! tc programs can do. Not part of the data path; the agent never loads it.
//!
//! ```text
//!   source --redirect--> a~~in [the device under test] out~~b sink
//! ```
#![cfg_attr(target_arch = "bpf", no_std, no_main)]
#![cfg_attr(
    target_arch = "bpf",
    expect(
        clippy::cast_possible_truncation,
        reason = "lengths of frames and small constants, and fields that the kernel widens"
    )
)]

#[cfg(target_arch = "bpf")]
mod ends;
#[cfg(target_arch = "bpf")]
mod limits;
#[cfg(target_arch = "bpf")]
mod tc;

#[cfg(not(target_arch = "bpf"))]
fn main() {}

#[cfg(target_arch = "bpf")]
#[unsafe(no_mangle)]
#[unsafe(link_section = "license")]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";

#[cfg(target_arch = "bpf")]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    // The verifier refuses a program in which this can be reached.
    loop {}
}
