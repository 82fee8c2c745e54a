//! A source of frames that differ in a number, each number as likely as any other.

use std::os::fd::AsRawFd;

use anyhow::{Context, Result};

use super::asm::{Insn, Reg, Size};
use super::helper;

/// Frames that are alike but for a number.
#[derive(Clone, Debug)]
pub struct Spread {
    /// Their first bytes, a multiple of four. Written anew each time: a page that a device has altered comes back altered.
    pub header: Vec<u8>,
    /// The number is 1 to this, below 2^24.
    pub most: u32,
    /// Where the number is written: 24 bits in network byte order and eight zeros.
    pub at: [i16; 2],
}

impl Spread {
    pub(super) fn program(&self, lines: &impl AsRawFd, key: u32) -> Result<Vec<Insn>> {
        let length = i16::try_from(self.header.len()).context("header too long")?;
        let (words, rest) = self.header.as_chunks::<4>();
        anyhow::ensure!(rest.is_empty(), "the header is no multiple of four bytes");
        let mut body: Vec<Insn> = (0..)
            .step_by(4)
            .zip(words)
            .map(|(at, word)| Insn::store_bytes(Reg::R6, at, *word))
            .collect();
        body.extend([
            Insn::call(helper::GET_PRANDOM_U32),
            Insn::multiply(Reg::R0, i32::try_from(self.most)?),
            Insn::shift_right(Reg::R0, 32),
            Insn::add(Reg::R0, 1),
            Insn::shift_left(Reg::R0, 8),
            Insn::to_big_endian(Reg::R0),
        ]);
        body.extend(self.at.map(|at| Insn::store(Reg::R6, at, Reg::R0)));
        body.extend(Insn::map(Reg::R1, lines));
        body.extend([
            Insn::set(Reg::R2, key.cast_signed()),
            Insn::set(Reg::R3, 0),
            Insn::call(helper::REDIRECT_MAP),
            Insn::exit(),
        ]);
        // `data` and `data_end` are the first words of `struct xdp_md`.
        let mut program = vec![
            Insn::load(Size::Word, Reg::R6, Reg::R1, 0),
            Insn::load(Size::Word, Reg::R2, Reg::R1, 4),
            Insn::copy(Reg::R3, Reg::R6),
            Insn::add(Reg::R3, i32::from(length)),
            Insn::jump_if_greater(Reg::R3, Reg::R2, i16::try_from(body.len())?),
        ];
        program.extend(body);
        program.extend([Insn::set(Reg::R0, 0), Insn::exit()]);
        Ok(program)
    }
}
