//! One open connection with a question every few milliseconds, to see what a change costs it.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};

use crate::netns::NetNs;
use crate::wait;

/// A connection that answers nothing for so long counts as dead.
const PATIENT: Duration = Duration::from_secs(20);
/// Between an answer and the next question.
const PAUSE: Duration = Duration::from_millis(2);

/// A connection under way. Each question is answered by its own number.
#[derive(Debug)]
pub struct Talk {
    stop: Arc<AtomicBool>,
    answers: Arc<AtomicU64>,
    client: JoinHandle<Result<TalkReport>>,
    server: JoinHandle<Result<()>>,
}

/// What a connection has been through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TalkReport {
    /// Questions asked, all of them answered rightly.
    pub questions: u64,
    /// The longest time between two answers.
    pub silence: Duration,
}

impl Talk {
    /// Opens it from `client` to `address` in `server`.
    ///
    /// # Errors
    /// When the connection does not come about.
    pub fn start(client: &NetNs, server: &NetNs, address: SocketAddr) -> Result<Self> {
        let listener = server.run(|| TcpListener::bind(address).context("cannot listen"))?;
        let connect = || TcpStream::connect_timeout(&address, wait::PATIENCE).context("cannot connect");
        let stream = client.run(connect)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENT))?;
        let server = std::thread::spawn(move || answer(&listener));
        let (stop, answers) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (ended, counted) = (Arc::clone(&stop), Arc::clone(&answers));
        Ok(Self {
            stop,
            answers,
            client: std::thread::spawn(move || ask(stream, &ended, &counted)),
            server,
        })
    }

    /// Waits for so many answers more.
    ///
    /// # Errors
    /// When they have not come after `within`.
    pub fn wait_for_more(&self, answers: u64, within: Duration) -> Result<()> {
        let before = self.answers.load(Ordering::Relaxed);
        wait::until_true(within, "answers on the open connection", || {
            Ok(self.answers.load(Ordering::Relaxed) >= before + answers)
        })
    }

    /// Closes it.
    ///
    /// # Errors
    /// When it broke, or an answer was to another question.
    pub fn end(self) -> Result<TalkReport> {
        self.stop.store(true, Ordering::Relaxed);
        let report = self.client.join().map_err(|_| anyhow!("the client panicked"))?;
        self.server.join().map_err(|_| anyhow!("the server panicked"))??;
        report
    }
}

fn answer(listener: &TcpListener) -> Result<()> {
    let (mut peer, _) = listener.accept()?;
    peer.set_nodelay(true)?;
    let mut word = [0; 8];
    while peer.read_exact(&mut word).is_ok() {
        peer.write_all(&word)?;
    }
    Ok(())
}

fn ask(mut stream: TcpStream, stop: &AtomicBool, answers: &AtomicU64) -> Result<TalkReport> {
    let (mut report, mut last) = (TalkReport::default(), Instant::now());
    while !stop.load(Ordering::Relaxed) {
        let number = report.questions + 1;
        stream.write_all(&number.to_be_bytes())?;
        let mut word = [0; 8];
        stream
            .read_exact(&mut word)
            .with_context(|| format!("no answer to question {number}"))?;
        ensure!(
            word == number.to_be_bytes(),
            "an answer to another question than {number}"
        );
        report.questions = number;
        report.silence = report.silence.max(last.elapsed());
        last = Instant::now();
        answers.store(number, Ordering::Relaxed);
        std::thread::sleep(PAUSE);
    }
    Ok(report)
}
