//! One TCP connection that must live as long as a test.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use fabric_tests::Result;
use fabric_tests::netns::NetNs;

/// A round trip that takes longer means a dead connection.
const DEAD: Duration = Duration::from_secs(15);
const PAUSE: Duration = Duration::from_millis(2);
const BYTES: usize = 4096;

/// Question and answer by turns over one connection, every byte compared.
pub(crate) struct Talk {
    stop: Arc<AtomicBool>,
    asker: JoinHandle<Result<(u64, Duration)>>,
}

impl Talk {
    /// Connects from one host to `address` at another, and goes on until [`Talk::stop`].
    pub(crate) fn start(from: &NetNs, to: &NetNs, address: &str) -> Self {
        let address: SocketAddr = address.parse().unwrap();
        let listener = to.run(|| Ok(TcpListener::bind(address)?)).unwrap();
        let client = from
            .run(|| Ok(TcpStream::connect_timeout(&address, DEAD)?))
            .unwrap();
        let (server, _) = listener.accept().unwrap();
        std::thread::spawn(move || echo(server));
        let stop = Arc::new(AtomicBool::new(false));
        let until = Arc::clone(&stop);
        let asker = std::thread::spawn(move || ask(client, &until));
        Self { stop, asker }
    }

    /// Ends the connection; it must be alive, and every answer must have been right.
    pub(crate) fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        let (rounds, longest) = self.asker.join().unwrap().expect("the connection broke");
        assert!(rounds > 10, "only {rounds} round trips");
        println!("TCP: {rounds} round trips over one connection, the longest {longest:?}");
    }
}

fn echo(mut server: TcpStream) {
    let mut bytes = [0; BYTES];
    // An error is the asker's to tell.
    while server
        .read_exact(&mut bytes)
        .and_then(|()| server.write_all(&bytes))
        .is_ok()
    {}
}

fn ask(mut client: TcpStream, until: &AtomicBool) -> Result<(u64, Duration)> {
    client.set_read_timeout(Some(DEAD))?;
    client.set_nodelay(true)?;
    let (mut rounds, mut longest) = (0, Duration::ZERO);
    while !until.load(Ordering::Relaxed) {
        let question: Vec<u8> = (0..BYTES as u64)
            .map(|at| (at ^ rounds).to_le_bytes()[0])
            .collect();
        let begin = Instant::now();
        client.write_all(&question)?;
        let mut answer = vec![0; BYTES];
        client.read_exact(&mut answer)?;
        assert!(question == answer, "the answer of round {rounds} is another");
        longest = longest.max(begin.elapsed());
        rounds += 1;
        std::thread::sleep(PAUSE);
    }
    Ok((rounds, longest))
}
