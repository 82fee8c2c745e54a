//! Numbered blocks with a checksum: what was acknowledged can be told from what is there.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use crate::random::Random;

/// Bytes of a block.
pub const BLOCK: usize = 4096;

const MAGIC: [u8; 8] = *b"FABBLOCK";
const SUM: usize = 32;

/// The block `number` of `run`: magic, run, number, noise, SHA-256 of all that.
#[must_use]
pub fn block(run: u64, number: u64) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(BLOCK);
    bytes.extend(MAGIC);
    bytes.extend(run.to_be_bytes());
    bytes.extend(number.to_be_bytes());
    let mut noise = Random::new(run ^ number.rotate_left(32));
    while bytes.len() < BLOCK - SUM {
        bytes.extend(noise.word().to_be_bytes());
    }
    bytes.extend(Sha256::digest(&bytes));
    bytes
}

/// The number of a block of `run`, if it is one and whole.
#[must_use]
pub fn number(run: u64, bytes: &[u8]) -> Option<u64> {
    let (body, sum) = bytes.split_at_checked(BLOCK - SUM)?;
    let word = |at: usize| Some(u64::from_be_bytes(body.get(at..at + 8)?.try_into().ok()?));
    let whole = body.starts_with(&MAGIC) && Sha256::digest(body)[..] == *sum;
    (whole && word(8) == Some(run)).then(|| word(16)).flatten()
}

/// Writes blocks 0 to `count` of `run` into a volume that nobody serves yet.
///
/// # Errors
/// When it cannot be written.
pub fn fill(volume: &Path, run: u64, count: u64) -> Result<()> {
    let file = File::options()
        .write(true)
        .open(volume)
        .with_context(|| format!("cannot write {}", volume.display()))?;
    for number in 0..count {
        file.write_all_at(&block(run, number), number * BLOCK as u64)?;
    }
    Ok(())
}

/// What a volume holds of the writes that were acknowledged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Writes that were acknowledged and not overwritten by later acknowledged ones.
    pub acknowledged: u64,
    /// Those of them that the volume does not hold: the block is another, older, or not whole.
    pub lost: Vec<u64>,
}

/// Looks for the newest acknowledged block of every slot. A later one there is good too: it was written, and its answer
/// was on the way.
pub(super) fn verify(volume: &Path, run: u64, slots: u64, answered: &[u64]) -> Result<Verdict> {
    let file = File::open(volume).with_context(|| format!("cannot read {}", volume.display()))?;
    let newest: BTreeMap<u64, u64> = answered.iter().map(|&number| (number % slots, number)).collect();
    let mut verdict = Verdict::default();
    for (slot, wanted) in newest {
        let mut bytes = vec![0; BLOCK];
        file.read_exact_at(&mut bytes, slot * BLOCK as u64)
            .with_context(|| format!("cannot read block {slot} of {}", volume.display()))?;
        verdict.acknowledged += 1;
        let there = number(run, &bytes);
        if there.is_none_or(|there| there < wanted || there % slots != slot) {
            verdict.lost.push(wanted);
        }
    }
    Ok(verdict)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_tells_its_number_unless_a_bit_is_wrong() {
        let mut bytes = block(7, 300);
        assert_eq!(bytes.len(), BLOCK);
        assert_eq!(number(7, &bytes), Some(300));
        assert_eq!(number(8, &bytes), None);
        bytes[1000] ^= 1;
        assert_eq!(number(7, &bytes), None);
        assert_eq!(number(7, &bytes[..100]), None);
    }

    #[test]
    fn a_missing_and_an_older_block_are_lost_and_a_newer_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("vol");
        File::create(&path).unwrap().set_len(4 * BLOCK as u64).unwrap();
        fill(&path, 1, 3).unwrap();
        let lost = |answered: &[u64]| verify(&path, 1, 4, answered).unwrap().lost;
        assert_eq!(lost(&[0, 1, 2]), [0; 0]);
        assert_eq!(lost(&[0, 1, 2, 3]), [3]);
        // Slot 1 was written again with block 5, acknowledged, and holds block 1.
        assert_eq!(lost(&[0, 1, 5]), [5]);
        let file = File::options().write(true).open(&path).unwrap();
        file.write_all_at(&block(1, 5), BLOCK as u64).unwrap();
        assert_eq!(lost(&[0, 1]), [0; 0]);
        assert_eq!(verify(&path, 1, 4, &[0, 1]).unwrap().acknowledged, 2);
    }
}
