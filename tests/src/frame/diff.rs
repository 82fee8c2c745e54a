//! Where two frames part, in words.

use std::fmt::Write;

use super::{Frame, layers, stack};

const PER_LINE: usize = 16;

/// Something a received frame is held against.
pub trait Expected {
    /// Whether `got` is it.
    fn matches(&self, got: &[u8]) -> bool;

    /// The bytes to compare a wrong frame with, for the message.
    fn sample(&self) -> Vec<u8>;
}

impl Expected for Frame {
    fn matches(&self, got: &[u8]) -> bool {
        self.bytes() == got
    }

    fn sample(&self) -> Vec<u8> {
        self.bytes().to_vec()
    }
}

impl Expected for Vec<u8> {
    fn matches(&self, got: &[u8]) -> bool {
        self == got
    }

    fn sample(&self) -> Vec<u8> {
        self.clone()
    }
}

impl<E: Expected + ?Sized> Expected for &E {
    fn matches(&self, got: &[u8]) -> bool {
        (**self).matches(got)
    }

    fn sample(&self) -> Vec<u8> {
        (**self).sample()
    }
}

impl<E: Expected + ?Sized> Expected for Box<E> {
    fn matches(&self, got: &[u8]) -> bool {
        (**self).matches(got)
    }

    fn sample(&self) -> Vec<u8> {
        (**self).sample()
    }
}

/// The first difference with the name of its layer, and both dumps; `None` when the bytes are equal.
///
/// ```
/// use fabric_tests::frame::{diff, eth};
/// let expected = eth("28:08:80:52:17:20", "56:89:6f:88:9d:c7").svlan(100).cvlan(200).word("Happy");
/// let got = eth("28:08:80:52:17:20", "56:89:6f:88:9d:c7").svlan(100).cvlan(201).word("Happy");
/// assert!(diff(&expected, &got).unwrap().starts_with("differs at byte 19 in C-tag 200: expected c8, got c9"));
/// ```
#[must_use]
pub fn diff(expected: &[u8], got: &[u8]) -> Option<String> {
    if expected == got {
        return None;
    }
    let at = expected
        .iter()
        .zip(got)
        .take_while(|(one, other)| one == other)
        .count();
    let of = if at < expected.len() { expected } else { got };
    let layer = layers(of)
        .at(at)
        .map_or_else(|| "its end".to_owned(), |layer| layer.name.clone());
    let mut text = format!(
        "differs at byte {at} in {layer}: expected {}, got {}\n",
        byte(expected, at),
        byte(got, at)
    );
    for (name, bytes) in [("expected", expected), ("got", got)] {
        // Writing into a string cannot fail.
        let _ = write!(
            text,
            "{name}: {}, {} bytes\n{}",
            stack(bytes),
            bytes.len(),
            marked_dump(bytes, Some(at))
        );
    }
    Some(text)
}

/// Offsets, sixteen bytes a line, and what is printable.
#[must_use]
pub fn hex_dump(bytes: &[u8]) -> String {
    marked_dump(bytes, None)
}

fn marked_dump(bytes: &[u8], mark: Option<usize>) -> String {
    let mut text = String::new();
    for (index, line) in bytes.chunks(PER_LINE).enumerate() {
        let start = index * PER_LINE;
        let hex: String = (start..)
            .zip(line)
            .map(|(at, byte)| cell(*byte, mark == Some(at)))
            .collect();
        let printable: String = line
            .iter()
            .map(|&byte| {
                if (b' '..=b'~').contains(&byte) {
                    char::from(byte)
                } else {
                    '.'
                }
            })
            .collect();
        let _ = writeln!(text, "  {start:04x} {hex:<48}  {printable}");
    }
    text
}

fn cell(byte: u8, marked: bool) -> String {
    let sign = if marked { '>' } else { ' ' };
    format!("{sign}{byte:02x}")
}

fn byte(bytes: &[u8], at: usize) -> String {
    bytes
        .get(at)
        .map_or_else(|| "nothing".to_owned(), |byte| format!("{byte:02x}"))
}
