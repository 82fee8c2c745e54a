//! A few hand-assembled programs, loaded through `bpf(2)`, that stand in for devices this kernel may not have, and for a fabric.
//!
//! The tc ones are attached with `BPF_PROG_ATTACH` to the tcx hook (Linux 6.6): no link and no pin, so that they live exactly as long as
//! the interface, also when the process that attached them ends (a lab that is kept).

mod asm;
mod run;
mod spread;
mod syscall;

use std::os::fd::OwnedFd;

use anyhow::{Context, Result};

use crate::netns::NetNs;
use asm::{Insn, Reg, Size};

pub use asm::Verdict;
pub use run::{Action, DeviceMap, Run, SHORTEST_RUN, XdpProgram};
pub use spread::Spread;
pub use syscall::Hook;
use syscall::Kind;
pub(crate) use syscall::{Object, ids};

/// Offsets in `struct __sk_buff` (uapi/linux/bpf.h), fixed by the kernel's ABI.
mod skb {
    pub(super) const VLAN_PRESENT: i16 = 20;
    pub(super) const VLAN_TCI: i16 = 24;
    pub(super) const VLAN_PROTO: i16 = 28;
}

mod helper {
    pub(super) const SKB_VLAN_PUSH: i32 = 18;
    pub(super) const SKB_VLAN_POP: i32 = 19;
    pub(super) const GET_PRANDOM_U32: i32 = 7;
    pub(super) const REDIRECT: i32 = 23;
    pub(super) const REDIRECT_MAP: i32 = 51;
}

const VID_MASK: i32 = 0x0fff;

/// A loaded tc program.
#[derive(Debug)]
pub struct TcProgram {
    handle: OwnedFd,
}

impl TcProgram {
    /// Sends every frame out of interface `to`, unchanged.
    ///
    /// # Errors
    /// When the kernel refuses the program.
    pub fn forward(to: u32) -> Result<Self> {
        Self::load("forward", &redirect_to(to))
    }

    /// Puts `tpid`, `vid` (priority 0) in front and sends the frame out of interface `to`. A frame that takes no tag is dropped.
    ///
    /// # Errors
    /// When the kernel refuses the program.
    pub fn push_vlan(tpid: u16, vid: u16, to: u32) -> Result<Self> {
        let mut program = vec![
            Insn::set(Reg::R2, as_packet_order(tpid)),
            Insn::set(Reg::R3, i32::from(vid)),
            Insn::call(helper::SKB_VLAN_PUSH),
        ];
        program.extend(drop_unless_zero());
        program.extend(redirect_to(to));
        Self::load("push_vlan", &program)
    }

    /// Takes the outer tag off frames of `tpid`, `vid` and sends them out of interface `to`; others go on to the next program.
    ///
    /// # Errors
    /// When the kernel refuses the program.
    pub fn pop_vlan(tpid: u16, vid: u16, to: u32) -> Result<Self> {
        let mut body = vec![Insn::call(helper::SKB_VLAN_POP)];
        body.extend(drop_unless_zero());
        body.extend(redirect_to(to));
        let over_body = i16::try_from(body.len()).context("program too long")?;
        let mut program = vec![
            Insn::load(Size::Word, Reg::R2, Reg::R1, skb::VLAN_PRESENT),
            Insn::jump_if_equal(Reg::R2, 0, over_body + 5),
            Insn::load(Size::Word, Reg::R2, Reg::R1, skb::VLAN_PROTO),
            Insn::jump_unless_equal(Reg::R2, as_packet_order(tpid), over_body + 3),
            Insn::load(Size::Word, Reg::R2, Reg::R1, skb::VLAN_TCI),
            Insn::and(Reg::R2, VID_MASK),
            Insn::jump_unless_equal(Reg::R2, i32::from(vid), over_body),
        ];
        program.extend(body);
        program.extend([Insn::set(Reg::R0, Verdict::Next.code()), Insn::exit()]);
        Self::load("pop_vlan", &program)
    }

    /// Attaches it behind the programs that are there already, for as long as the interface lives.
    ///
    /// # Errors
    /// When the kernel has no tcx (before 6.6), or refuses.
    pub fn attach(&self, namespace: &NetNs, interface: &str, hook: Hook) -> Result<()> {
        let ifindex = namespace.ifindex(interface)?;
        // The interface number is looked up in the caller's namespace.
        let attached = namespace.run(|| syscall::attach(&self.handle, ifindex, hook));
        attached.with_context(|| {
            format!(
                "cannot attach a tc program to {interface} of {}",
                namespace.label()
            )
        })
    }

    fn load(name: &str, program: &[Insn]) -> Result<Self> {
        let handle = syscall::load(Kind::Tc, name, program)
            .with_context(|| format!("kernel refuses program {name}"))?;
        Ok(Self { handle })
    }
}

/// A native XDP program that redirects every frame of one interface out of another, and does nothing else: what a cable must
/// carry before anything can be said of a fabric on it. It is detached on drop.
#[derive(Debug)]
pub struct XdpRedirect {
    _link: OwnedFd,
}

impl XdpRedirect {
    /// Attaches it.
    ///
    /// # Errors
    /// When an interface is not there, has a program, or has no native XDP.
    pub fn attach(namespace: &NetNs, from: &str, to: &str) -> Result<Self> {
        let (from_index, to_index) = (namespace.ifindex(from)?, namespace.ifindex(to)?);
        let program = syscall::load(Kind::Xdp, "redirect", &redirect_to(to_index))?;
        let link = namespace.run(|| syscall::link_xdp(&program, from_index));
        let link = link.with_context(|| format!("cannot attach XDP to {from} of {}", namespace.label()))?;
        Ok(Self { _link: link })
    }
}

/// The helper and `__sk_buff` take protocol numbers as they stand in the packet.
fn as_packet_order(value: u16) -> i32 {
    i32::from(value.to_be())
}

fn redirect_to(ifindex: u32) -> Vec<Insn> {
    vec![
        Insn::set(Reg::R1, ifindex.cast_signed()),
        Insn::set(Reg::R2, 0),
        Insn::call(helper::REDIRECT),
        Insn::exit(),
    ]
}

fn drop_unless_zero() -> [Insn; 3] {
    [
        Insn::jump_if_equal(Reg::R0, 0, 2),
        Insn::set(Reg::R0, Verdict::Drop.code()),
        Insn::exit(),
    ]
}
