//! As much of the BPF instruction set (RFC 9669) as the test programs need.

use std::os::fd::AsRawFd;

/// One instruction, as the kernel takes it.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(super) struct Insn {
    code: u8,
    /// Destination in the low half, source in the high half.
    registers: u8,
    offset: i16,
    immediate: i32,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Reg {
    R0 = 0,
    R1 = 1,
    R2 = 2,
    R3 = 3,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Size {
    Word = 0x00,
}

/// What a tcx program says of a frame (uapi/linux/bpf.h, `enum tcx_action_base`).
#[derive(Clone, Copy, Debug)]
pub enum Verdict {
    /// On to the next program.
    Next,
    /// Away.
    Drop,
}

impl Verdict {
    pub(super) const fn code(self) -> i32 {
        match self {
            Self::Next => -1,
            Self::Drop => 2,
        }
    }
}

mod op {
    /// `BPF_ALU64 | BPF_K` with MOV and AND.
    pub(super) const SET: u8 = 0xb7;
    pub(super) const AND: u8 = 0x57;
    /// `BPF_LDX | BPF_MEM`; the size is added.
    pub(super) const LOAD: u8 = 0x61;
    /// `BPF_LD | BPF_DW | BPF_IMM`, two instructions long.
    pub(super) const LOAD_64: u8 = 0x18;
    /// `BPF_JMP | BPF_K`.
    pub(super) const JUMP_EQUAL: u8 = 0x15;
    pub(super) const JUMP_NOT_EQUAL: u8 = 0x55;
    pub(super) const CALL: u8 = 0x85;
    pub(super) const EXIT: u8 = 0x95;
}

impl Insn {
    /// The address of a map; the kernel puts it in place of the descriptor.
    pub(super) fn map(to: Reg, map: &impl AsRawFd) -> [Self; 2] {
        /// `BPF_PSEUDO_MAP_FD`.
        const OF_DESCRIPTOR: u8 = 1 << 4;
        [
            Self::new(op::LOAD_64, to as u8 | OF_DESCRIPTOR, 0, map.as_raw_fd()),
            Self::new(0, 0, 0, 0),
        ]
    }

    pub(super) const fn set(to: Reg, value: i32) -> Self {
        Self::new(op::SET, to as u8, 0, value)
    }

    pub(super) const fn and(to: Reg, mask: i32) -> Self {
        Self::new(op::AND, to as u8, 0, mask)
    }

    pub(super) const fn load(size: Size, to: Reg, from: Reg, offset: i16) -> Self {
        Self::new(op::LOAD | size as u8, to as u8 | (from as u8) << 4, offset, 0)
    }

    pub(super) const fn jump_if_equal(register: Reg, value: i32, over: i16) -> Self {
        Self::new(op::JUMP_EQUAL, register as u8, over, value)
    }

    pub(super) const fn jump_unless_equal(register: Reg, value: i32, over: i16) -> Self {
        Self::new(op::JUMP_NOT_EQUAL, register as u8, over, value)
    }

    pub(super) const fn call(helper: i32) -> Self {
        Self::new(op::CALL, 0, 0, helper)
    }

    pub(super) const fn exit() -> Self {
        Self::new(op::EXIT, 0, 0, 0)
    }

    const fn new(code: u8, registers: u8, offset: i16, immediate: i32) -> Self {
        Self {
            code,
            registers,
            offset,
            immediate,
        }
    }
}
