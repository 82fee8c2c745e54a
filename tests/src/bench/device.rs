//! A device under test: its line, what goes in, and what must come out.

use std::any::Any;

use anyhow::{Result, ensure};
use fabric_common::reference::{Arrived, Source, Vary};

use super::line::Line;
use crate::frame::{Frame, eth, hex_dump};

/// The station that frames go to.
pub(super) const TO: &str = "02:00:00:00:00:02";
/// The station that frames come from.
pub(super) const FROM: &str = "02:00:00:00:00:01";
/// Customer VLAN of all frames.
pub(super) const VLAN: u16 = 10;

/// What a row of the table is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Group {
    /// No forwarder can be cheaper.
    Limit,
    /// The programs that the agent attaches.
    Fabric,
    /// What people use today.
    Peer,
}

/// The work that is done; peers are compared with the fabric where it is the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Work {
    /// Nothing.
    Drop,
    /// A frame goes on as it is.
    Forward,
    /// Two tags are put on.
    Push,
    /// Two tags are taken off.
    Pop,
    /// VXLAN is put on.
    Encap,
    /// VXLAN is taken off.
    Decap,
    /// What no peer does.
    Other,
}

/// What must arrive.
#[derive(Clone, Debug)]
pub(super) enum Expected {
    /// Nothing.
    Nothing,
    /// This frame.
    Exactly(Frame),
    /// This frame in a VXLAN packet to `remote`, however a peer makes it.
    Vxlan { inner: Frame, vni: u32, remote: [u8; 4] },
    /// This packet with any UDP source port, which stands at the offset.
    Packet(Frame, usize),
}

/// A device that is up.
pub(super) struct Device {
    /// Agents and programs. The first field: they are to go before their interfaces do.
    pub keeps: Vec<Box<dyn Any>>,
    pub name: &'static str,
    pub group: Group,
    pub work: Work,
    pub line: Line,
    /// The work is done by this process, which gets more than it can take, and it alone is what counts. It is stopped.
    pub process: Option<u32>,
    /// What comes in when the tenant's frame has so many bytes.
    pub input: Box<dyn Fn(usize) -> Frame>,
    /// What must come out then.
    pub expected: Box<dyn Fn(usize) -> Expected>,
}

impl Device {
    /// Takes it down.
    ///
    /// # Errors
    /// What would not go.
    pub(super) fn tear_down(self) -> Result<()> {
        drop(self.keeps);
        self.line.tear_down()
    }
}

/// A tenant's frame of so many bytes.
pub(super) fn tenant(length: usize) -> Frame {
    rest(eth(TO, FROM).vlan(VLAN), length)
}

/// Ends a header that is `length` bytes of a tenant's frame and the fabric's tags.
pub(super) fn rest(header: Frame, length: usize) -> Frame {
    let header = header.ethertype(crate::frame::ether_type::TEST);
    let have = header.len();
    let payload: Vec<u8> = (0..251).cycle().take(length.saturating_sub(have)).collect();
    header.payload(payload)
}

/// The source's part of a frame.
pub(super) fn source(frame: &Frame, line: u32) -> Source {
    Source {
        header: words(frame.bytes()),
        more: words(frame.get(64..).unwrap_or_default()),
        rest: words(frame.get(80..).unwrap_or_default()),
        line,
        vary: Vary::NONE,
        stations: 0,
        reserved: 0,
    }
}

fn words<const W: usize>(bytes: &[u8]) -> [u64; W] {
    let mut words = [0; W];
    for (word, bytes) in words.iter_mut().zip(bytes.chunks_exact(8)) {
        *word = bytes.try_into().map_or(0, u64::from_ne_bytes);
    }
    words
}

impl Expected {
    /// # Errors
    /// When something else has arrived, with the bytes.
    pub(super) fn check(&self, arrived: Option<&Arrived>) -> Result<()> {
        let whole = |arrived: &Arrived, length: usize| {
            let overlap = (64 + 64usize).saturating_sub(length).min(64);
            (arrived.length as usize == length)
                .then(|| [&arrived.head[..], &arrived.tail[overlap..]].concat())
        };
        match (self, arrived) {
            (Self::Nothing, None) => Ok(()),
            (Self::Packet(frame, at), Some(arrived)) => {
                let port = arrived.head.get(*at..at + 2).unwrap_or_default();
                Self::Exactly(frame.clone().set(*at, port)).check(Some(arrived))
            }
            (Self::Exactly(frame), Some(arrived)) => {
                let ends = ends(frame, frame.len());
                ensure!(
                    whole(arrived, frame.len()).as_ref() == Some(&ends),
                    "came out wrong: {} bytes:\n{}\nexpected {}:\n{}",
                    arrived.length,
                    hex_dump(&arrived.head),
                    frame.len(),
                    hex_dump(frame)
                );
                Ok(())
            }
            (Self::Vxlan { inner, vni, remote }, Some(arrived)) => {
                let outer = 50;
                let length = outer + inner.len();
                let head = &arrived.head;
                let good = arrived.length as usize == length
                    && head[30..34] == *remote
                    && head[36..38] == 4789u16.to_be_bytes()
                    && head[46..50] == (vni << 8).to_be_bytes()
                    && arrived.tail[..] == inner[inner.len() - 64..];
                ensure!(
                    good,
                    "came out wrong: {} bytes:\n{}",
                    arrived.length,
                    hex_dump(head)
                );
                Ok(())
            }
            (Self::Nothing, Some(_)) => anyhow::bail!("a frame came out"),
            (Self::Exactly(_) | Self::Packet(..) | Self::Vxlan { .. }, None) => {
                anyhow::bail!("nothing came out")
            }
        }
    }
}

/// First and last 64 bytes, without what is in both.
fn ends(bytes: &[u8], length: usize) -> Vec<u8> {
    let overlap = 128usize.saturating_sub(length).min(64);
    [&bytes[..64], &bytes[length - 64 + overlap..]].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrived(frame: &[u8]) -> Arrived {
        let (mut head, mut tail) = ([0; 64], [0; 64]);
        head.copy_from_slice(&frame[..64]);
        tail.copy_from_slice(&frame[frame.len() - 64..]);
        let length = u32::try_from(frame.len()).unwrap();
        Arrived {
            frames: 1,
            head,
            tail,
            length,
            reserved: 0,
        }
    }

    #[test]
    fn a_wrong_byte_at_either_end_and_a_wrong_length_are_seen() {
        for length in [64, 72, 114, 128, 1500] {
            let frame = tenant(length);
            assert_eq!(frame.len(), length);
            let expected = Expected::Exactly(frame.clone());
            expected.check(Some(&arrived(&frame))).unwrap();
            for at in [0, 20, 63, length - 1, length - 30] {
                let mut wrong = arrived(&frame);
                if at < 64 {
                    wrong.head[at] ^= 1;
                }
                if at >= length - 64 {
                    wrong.tail[at + 64 - length] ^= 1;
                }
                assert!(expected.check(Some(&wrong)).is_err(), "{length} {at}");
            }
            let mut longer = arrived(&frame);
            longer.length += 1;
            assert!(expected.check(Some(&longer)).is_err());
            assert!(expected.check(None).is_err());
        }
    }
}
