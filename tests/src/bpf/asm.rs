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
    /// Kept over calls.
    R6 = 6,
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
    /// `BPF_ALU64 | BPF_K` with ADD, MUL, RSH and LSH.
    pub(super) const ADD: u8 = 0x07;
    pub(super) const MULTIPLY: u8 = 0x27;
    pub(super) const RIGHT: u8 = 0x77;
    pub(super) const LEFT: u8 = 0x67;
    /// `BPF_ALU64 | BPF_X | BPF_MOV`.
    pub(super) const COPY: u8 = 0xbf;
    /// `BPF_ALU | BPF_TO_BE | BPF_END`; the immediate is the width in bits.
    pub(super) const TO_BIG_ENDIAN: u8 = 0xdc;
    /// `BPF_ST | BPF_MEM | BPF_W` and `BPF_STX | BPF_MEM | BPF_W`.
    pub(super) const STORE_IMMEDIATE: u8 = 0x62;
    pub(super) const STORE: u8 = 0x63;
    /// `BPF_JMP | BPF_X | BPF_JGT`.
    pub(super) const JUMP_GREATER: u8 = 0x2d;
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

    pub(super) const fn add(to: Reg, value: i32) -> Self {
        Self::new(op::ADD, to as u8, 0, value)
    }

    pub(super) const fn multiply(to: Reg, by: i32) -> Self {
        Self::new(op::MULTIPLY, to as u8, 0, by)
    }

    pub(super) const fn shift_right(to: Reg, bits: i32) -> Self {
        Self::new(op::RIGHT, to as u8, 0, bits)
    }

    pub(super) const fn shift_left(to: Reg, bits: i32) -> Self {
        Self::new(op::LEFT, to as u8, 0, bits)
    }

    pub(super) const fn copy(to: Reg, from: Reg) -> Self {
        Self::new(op::COPY, to as u8 | (from as u8) << 4, 0, 0)
    }

    /// The low 32 bits in the order of the wire; the others become 0.
    pub(super) const fn to_big_endian(register: Reg) -> Self {
        Self::new(op::TO_BIG_ENDIAN, register as u8, 0, 32)
    }

    /// A word of 32 bits, in the order of memory.
    pub(super) const fn store_bytes(to: Reg, offset: i16, bytes: [u8; 4]) -> Self {
        Self::new(op::STORE_IMMEDIATE, to as u8, offset, i32::from_ne_bytes(bytes))
    }

    pub(super) const fn store(to: Reg, offset: i16, from: Reg) -> Self {
        Self::new(op::STORE, to as u8 | (from as u8) << 4, offset, 0)
    }

    pub(super) const fn jump_if_greater(one: Reg, other: Reg, over: i16) -> Self {
        Self::new(op::JUMP_GREATER, one as u8 | (other as u8) << 4, over, 0)
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
