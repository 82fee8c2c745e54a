//! One TCP connection between two namespaces, every byte hashed at both ends.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use sha2::{Digest, Sha256};

use crate::netns::NetNs;
use crate::wait;

/// A connection that moves nothing for so long counts as dead. A lost segment costs 0.2 s, a second one 0.4 s, and so on.
const STALLED: Duration = Duration::from_secs(15);
const CHUNK: usize = 256 << 10;
/// A whole mark is in any so many bytes of marked data and the mark's length; divides every chunk.
pub const MARK_EVERY: usize = 64;

/// What came over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TcpReport {
    /// Bytes received.
    pub bytes: u64,
    /// From the first byte sent to the last received.
    pub elapsed: Duration,
    /// SHA-256 of what was sent.
    pub sent: [u8; 32],
    /// SHA-256 of what was received.
    pub received: [u8; 32],
}

impl TcpReport {
    /// The same bytes came out as went in.
    #[must_use]
    pub fn intact(&self) -> bool {
        self.sent == self.received
    }

    /// Payload bits a second.
    #[must_use]
    pub fn bits_per_second(&self) -> f64 {
        // Exact up to 2^53 bytes.
        #[expect(clippy::cast_precision_loss, reason = "a rate shown with three digits")]
        let bits = self.bytes as f64 * 8.0;
        bits / self.elapsed.as_secs_f64().max(f64::EPSILON)
    }
}

/// Sends `bytes` of unforeseeable data from a client in `from` to a server at `address` in `to`, by the kernels' own TCP.
///
/// # Errors
/// When the connection does not come about, or stalls: the error says after how many bytes.
pub fn tcp(from: &NetNs, to: &NetNs, address: SocketAddr, bytes: u64) -> Result<TcpReport> {
    tcp_marked(from, to, address, bytes, &[])
}

/// As [`tcp()`], with `mark` in every [`MARK_EVERY`] bytes of the data, so that a capture can tell whose segment it sees.
///
/// # Errors
/// As [`tcp()`].
pub fn tcp_marked(
    from: &NetNs,
    to: &NetNs,
    address: SocketAddr,
    bytes: u64,
    mark: &[u8],
) -> Result<TcpReport> {
    let listener =
        to.run(|| TcpListener::bind(address).with_context(|| format!("cannot listen on {address}")))?;
    listener.set_nonblocking(true)?;
    let connect = || TcpStream::connect_timeout(&address, STALLED).map_err(anyhow::Error::from);
    let route = || format!("TCP from {} to {address} in {}", from.label(), to.label());
    let client = from
        .run(connect)
        .with_context(|| format!("{}: no connection", route()))?;
    let server = accept(&listener).with_context(route)?;
    transfer(client, server, bytes, mark.to_vec()).with_context(route)
}

fn accept(listener: &TcpListener) -> Result<TcpStream> {
    let server = wait::until(STALLED, "the server to accept", || match listener.accept() {
        Ok((stream, _)) => Ok(Some(stream)),
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
        Err(error) => Err(error.into()),
    })?;
    server.set_nonblocking(false)?;
    Ok(server)
}

fn transfer(client: TcpStream, server: TcpStream, bytes: u64, mark: Vec<u8>) -> Result<TcpReport> {
    client.set_write_timeout(Some(STALLED))?;
    server.set_read_timeout(Some(STALLED))?;
    let begin = Instant::now();
    let sender = std::thread::Builder::new()
        .name("tcp-send".to_owned())
        .spawn(move || send(client, bytes, &mark))?;
    let received = receive(server);
    let sent = sender
        .join()
        .map_err(|_| anyhow!("the sending thread panicked"))?;
    let (bytes_in, received) = received?;
    let elapsed = begin.elapsed();
    let sent = sent?;
    ensure!(
        bytes_in == bytes,
        "the connection ended after {bytes_in} of {bytes} bytes"
    );
    Ok(TcpReport {
        bytes,
        elapsed,
        sent,
        received,
    })
}

fn send(mut client: TcpStream, bytes: u64, mark: &[u8]) -> Result<[u8; 32]> {
    let mut data = Noise::new();
    let mut hash = Sha256::new();
    let mut chunk = vec![0; CHUNK];
    let mut left = bytes;
    while left > 0 {
        let length = usize::try_from(left).unwrap_or(CHUNK).min(CHUNK);
        data.fill(&mut chunk[..length]);
        for (place, byte) in chunk[..length]
            .chunks_mut(MARK_EVERY)
            .flat_map(|part| part.iter_mut().zip(mark))
        {
            *place = *byte;
        }
        hash.update(&chunk[..length]);
        client
            .write_all(&chunk[..length])
            .with_context(|| format!("stalled after {} of {bytes} bytes", bytes - left))?;
        left -= length as u64;
    }
    client.shutdown(Shutdown::Write).context("cannot close")?;
    Ok(hash.finalize().into())
}

fn receive(mut server: TcpStream) -> Result<(u64, [u8; 32])> {
    let mut hash = Sha256::new();
    let mut chunk = vec![0; CHUNK];
    let mut total = 0;
    loop {
        let length = match server.read(&mut chunk) {
            // signal(7): a stopped and continued process sees this on a socket with a timeout, without any handler.
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            read => read.with_context(|| format!("stalled after {total} bytes"))?,
        };
        if length == 0 {
            return Ok((total, hash.finalize().into()));
        }
        hash.update(&chunk[..length]);
        total += length as u64;
    }
}

/// xorshift64: cheap data in which neither a repeated nor a swapped segment goes unnoticed.
struct Noise(u64);

impl Noise {
    fn new() -> Self {
        let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
        Self((u64::from(now.subsec_nanos()) << 32 | now.as_secs() & 0xffff_ffff) | 1)
    }

    fn fill(&mut self, bytes: &mut [u8]) {
        for word in bytes.chunks_mut(8) {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            word.copy_from_slice(&self.0.to_ne_bytes()[..word.len()]);
        }
    }
}
