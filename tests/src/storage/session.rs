//! One NBD session, as a client program sees it: every byte with its time, and no retry hidden in a library.
//!
//! The fixed newstyle handshake with `NBD_OPT_GO`, then simple replies, one request at a time
//! (<https://github.com/NetworkBlockDevice/nbd/blob/master/doc/proto.md>). All numbers are big-endian.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use nix::sys::socket::{setsockopt, sockopt};

const GREETING: u64 = 0x4e42_444d_4147_4943; // "NBDMAGIC"
const OPTION: u64 = 0x4948_4156_454f_5054; // "IHAVEOPT"
const OPTION_REPLY: u64 = 0x0003_e889_0455_65a9;
const REQUEST: u32 = 0x2560_9513;
const REPLY: u32 = 0x6744_6698;

const FIXED_NEWSTYLE: u16 = 1;
const NO_ZEROES: u16 = 2;
const OPT_GO: u32 = 7;
const REP_ACK: u32 = 1;
const REP_INFO: u32 = 3;
const REP_ERROR: u32 = 1 << 31;
const INFO_EXPORT: u16 = 0;
const CMD_READ: u16 = 0;
const CMD_WRITE: u16 = 1;

/// How often a session that waits looks whether it is still to wait.
const TICK: Duration = Duration::from_millis(10);
/// The kernel answers a SYN, a process the handshake.
const GREETINGS: u32 = 10;
/// Longer than any option reply of the servers in use.
const LONGEST_REPLY: usize = 64 << 10;

/// How a client reaches a server.
#[derive(Clone, Debug)]
pub(super) enum Address {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

/// What keeps a session from waiting for ever.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// For a connection; [`GREETINGS`] times as long for the handshake.
    pub(super) connect: Duration,
    /// TCP keepalive: seconds of silence until the first probe and between probes; two unanswered ones end the session.
    pub(super) keepalive_seconds: Option<u32>,
}

/// The answer to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// What was read; empty after a write.
    Data(Vec<u8>),
    /// An errno of the server.
    Refused(u32),
    /// The caller wants no answer any more.
    Stopped,
}

trait Stream: Read + Write + Send {
    /// What comes next is acknowledged without delay. qemu answers an option in two writes without `TCP_NODELAY`: the second
    /// one waits for the acknowledgement of the first, and a delayed one costs 40 ms.
    fn acknowledge_at_once(&self) -> std::io::Result<()>;
}

impl Stream for UnixStream {
    fn acknowledge_at_once(&self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Stream for TcpStream {
    fn acknowledge_at_once(&self) -> std::io::Result<()> {
        let on: libc::c_int = 1;
        let length = libc::socklen_t::try_from(size_of_val(&on)).map_err(std::io::Error::other)?;
        // SAFETY: the descriptor is open, and the value lives for the call.
        let refused = unsafe {
            libc::setsockopt(
                self.as_raw_fd(),
                libc::IPPROTO_TCP,
                libc::TCP_QUICKACK,
                (&raw const on).cast(),
                length,
            )
        };
        if refused != 0 {
            return Err(std::io::Error::last_os_error());
        }
        Ok(())
    }
}

/// An open session.
pub(super) struct Session {
    stream: Box<dyn Stream>,
    size: u64,
    cookie: u64,
}

impl Session {
    /// Connects, in the namespace of the calling thread, and opens `export`.
    pub(super) fn open(address: &Address, export: &str, limits: Limits) -> Result<Self> {
        let stream: Box<dyn Stream> = match address {
            Address::Tcp(address) => Box::new(tcp(*address, limits)?),
            Address::Unix(path) => {
                let stream = UnixStream::connect(path)?;
                stream.set_read_timeout(Some(TICK))?;
                Box::new(stream)
            }
        };
        let mut session = Self {
            stream,
            size: 0,
            cookie: 0,
        };
        session.shake_hands(export, Instant::now() + limits.connect * GREETINGS)?;
        Ok(session)
    }

    /// Bytes of the export.
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// Reads `length` bytes, and waits as long as `go_on` says so. An error means that the session is broken.
    pub(super) fn read(&mut self, offset: u64, length: usize, go_on: &dyn Fn() -> bool) -> Result<Answer> {
        self.ask(CMD_READ, offset, u32::try_from(length)?, &[])?;
        self.answer(length, go_on)
    }

    /// Writes `data`, as [`Session::read`].
    pub(super) fn write(&mut self, offset: u64, data: &[u8], go_on: &dyn Fn() -> bool) -> Result<Answer> {
        self.ask(CMD_WRITE, offset, u32::try_from(data.len())?, data)?;
        self.answer(0, go_on)
    }

    fn ask(&mut self, command: u16, offset: u64, length: u32, data: &[u8]) -> Result<()> {
        self.cookie += 1;
        let mut request = Vec::with_capacity(28 + data.len());
        request.extend(REQUEST.to_be_bytes());
        request.extend(0_u16.to_be_bytes());
        request.extend(command.to_be_bytes());
        request.extend(self.cookie.to_be_bytes());
        request.extend(offset.to_be_bytes());
        request.extend(length.to_be_bytes());
        request.extend(data);
        Ok(self.stream.write_all(&request)?)
    }

    fn answer(&mut self, length: usize, go_on: &dyn Fn() -> bool) -> Result<Answer> {
        let Some(head) = self.take(16, go_on)? else {
            return Ok(Answer::Stopped);
        };
        ensure!(word32(&head, 0) == REPLY, "no reply of NBD: {head:02x?}");
        ensure!(word64(&head, 8) == self.cookie, "the reply to another request");
        match word32(&head, 4) {
            0 => Ok(self.take(length, go_on)?.map_or(Answer::Stopped, Answer::Data)),
            error => Ok(Answer::Refused(error)),
        }
    }

    fn shake_hands(&mut self, export: &str, deadline: Instant) -> Result<()> {
        let hello = self.must_take(18, deadline)?;
        ensure!(
            word64(&hello, 0) == GREETING && word64(&hello, 8) == OPTION,
            "no greeting of NBD: {hello:02x?}"
        );
        let flags = u16::from_be_bytes([hello[16], hello[17]]) & (FIXED_NEWSTYLE | NO_ZEROES);
        let mut go = u32::from(flags).to_be_bytes().to_vec();
        go.extend(OPTION.to_be_bytes());
        go.extend(OPT_GO.to_be_bytes());
        let name = u32::try_from(export.len())?;
        go.extend((name + 6).to_be_bytes());
        go.extend(name.to_be_bytes());
        go.extend(export.as_bytes());
        // No wish for more information than the server must give.
        go.extend(0_u16.to_be_bytes());
        self.stream.write_all(&go)?;
        self.stream.acknowledge_at_once()?;
        while !self.option_reply(deadline)? {}
        Ok(())
    }

    /// True for the last one.
    fn option_reply(&mut self, deadline: Instant) -> Result<bool> {
        let head = self.must_take(20, deadline)?;
        ensure!(word64(&head, 0) == OPTION_REPLY, "no option reply: {head:02x?}");
        let (kind, length) = (word32(&head, 12), usize::try_from(word32(&head, 16))?);
        ensure!(length < LONGEST_REPLY, "an option reply of {length} bytes");
        let body = self.must_take(length, deadline)?;
        match kind {
            REP_ACK => return Ok(true),
            REP_INFO if body.len() >= 10 && body[..2] == INFO_EXPORT.to_be_bytes() => {
                self.size = word64(&body, 2);
            }
            kind if kind & REP_ERROR != 0 => bail!("the server has no such export (reply {kind:#x})"),
            _ => {}
        }
        Ok(false)
    }

    fn must_take(&mut self, length: usize, deadline: Instant) -> Result<Vec<u8>> {
        let bytes = self.take(length, &|| Instant::now() < deadline)?;
        bytes.context("the server is silent")
    }

    /// Exactly so many bytes; `None` when `go_on` says no before they are there.
    fn take(&mut self, length: usize, go_on: &dyn Fn() -> bool) -> Result<Option<Vec<u8>>> {
        let mut bytes = vec![0; length];
        let mut there = 0;
        while there < length {
            match self.stream.read(&mut bytes[there..]) {
                Ok(0) => bail!("the server closed the connection"),
                Ok(more) => there += more,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    if !go_on() {
                        return Ok(None);
                    }
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Some(bytes))
    }
}

fn tcp(address: SocketAddr, limits: Limits) -> Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&address, limits.connect)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(TICK))?;
    if let Some(seconds) = limits.keepalive_seconds {
        setsockopt(&stream, sockopt::KeepAlive, &true)?;
        setsockopt(&stream, sockopt::TcpKeepIdle, &seconds)?;
        setsockopt(&stream, sockopt::TcpKeepInterval, &seconds)?;
        setsockopt(&stream, sockopt::TcpKeepCount, &2)?;
    }
    Ok(stream)
}

fn word32(bytes: &[u8], at: usize) -> u32 {
    let word = bytes.get(at..at + 4).and_then(|word| word.try_into().ok());
    word.map_or(0, u32::from_be_bytes)
}

fn word64(bytes: &[u8], at: usize) -> u64 {
    u64::from(word32(bytes, at)) << 32 | u64::from(word32(bytes, at + 4))
}
