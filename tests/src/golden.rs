//! The byte-exact frames of the patent's figures 6, 7, 8 and 10 in every wire form, `golden/frames.txt`.
//!
//! A line is `name length hex`. `PPPP` stands for a UDP source port chosen from the inner flow: any of 49152 to 65535 is right.
//!
//! ```
//! use fabric_tests::{frame::Expected, golden};
//! let wire = golden::frame("nni-600").unwrap();
//! assert!(wire.matches(&wire));
//! assert_eq!(wire[12..20], [0x88, 0xa8, 0, 100, 0x81, 0, 0, 200]);
//! ```

use std::ops::{Deref, Range};

use anyhow::{Context, Result, ensure};

use crate::frame::Expected;

const LINES: &str = include_str!("../golden/frames.txt");
const ANY_PORT: &str = "PPPP";
const LOWEST_PORT: &str = "c000";
const PORTS: Range<u32> = 49_152..65_536;

/// One golden frame. As bytes, a free source port reads 49152.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Golden {
    name: String,
    bytes: Vec<u8>,
    free_port: Option<usize>,
}

/// The frame called `name`.
///
/// # Errors
/// When there is none, or its line is damaged.
pub fn frame(name: &str) -> Result<Golden> {
    let line = LINES.lines().find(|line| line.split(' ').next() == Some(name));
    parse(line.with_context(|| format!("no golden frame is called {name}"))?)
}

/// All of them, in the file's order.
///
/// # Errors
/// When a line is damaged.
pub fn all() -> Result<Vec<Golden>> {
    LINES.lines().map(parse).collect()
}

impl Golden {
    /// Any frame whose UDP source port, the two bytes at `at`, is left free in the same way.
    #[must_use]
    pub fn with_free_port(name: &str, bytes: &[u8], at: usize) -> Self {
        Self {
            name: name.to_owned(),
            bytes: bytes.to_vec(),
            free_port: Some(at),
        }
    }

    /// The same with another byte at offset `at`, as a node between makes of it.
    ///
    /// # Panics
    /// When the frame ends before.
    #[must_use]
    pub fn with(mut self, at: usize, byte: u8) -> Self {
        self.bytes[at] = byte;
        self
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The UDP source port that `got` uses where this frame leaves it free.
    #[must_use]
    pub fn port_of(&self, got: &[u8]) -> Option<u16> {
        let at = self.free_port?;
        got.get(at..)?
            .first_chunk()
            .map(|bytes| u16::from_be_bytes(*bytes))
    }
}

impl Expected for Golden {
    fn matches(&self, got: &[u8]) -> bool {
        let Some(at) = self.free_port else {
            return self.bytes == got;
        };
        let Some(port) = self.port_of(got) else {
            return false;
        };
        let mut same_port = got.to_vec();
        same_port[at..at + 2].copy_from_slice(&self.bytes[at..at + 2]);
        same_port == self.bytes && PORTS.contains(&u32::from(port))
    }

    fn sample(&self) -> Vec<u8> {
        self.bytes.clone()
    }
}

impl Deref for Golden {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl AsRef<[u8]> for Golden {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

fn parse(line: &str) -> Result<Golden> {
    let words: Vec<&str> = line.split(' ').collect();
    let [name, length, hex] = words[..] else {
        anyhow::bail!("golden line is not `name length hex`: {line}")
    };
    let free_port = hex.find(ANY_PORT).map(|at| at / 2);
    let bytes =
        from_hex(&hex.replace(ANY_PORT, LOWEST_PORT)).with_context(|| format!("golden frame {name}"))?;
    ensure!(
        length.parse() == Ok(bytes.len()),
        "golden frame {name} says {length} bytes and has {}",
        bytes.len()
    );
    Ok(Golden {
        name: name.to_owned(),
        bytes,
        free_port,
    })
}

/// Bytes from hexadecimal digits.
///
/// # Errors
/// When a digit is missing or none.
pub fn from_hex(digits: &str) -> Result<Vec<u8>> {
    ensure!(
        digits.is_ascii() && digits.len().is_multiple_of(2),
        "not pairs of hexadecimal digits: {digits}"
    );
    let pairs = (0..digits.len()).step_by(2).map(|at| &digits[at..at + 2]);
    pairs
        .map(|pair| u8::from_str_radix(pair, 16).with_context(|| format!("{pair} is not hexadecimal")))
        .collect()
}
