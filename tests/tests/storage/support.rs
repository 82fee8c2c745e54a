//! A tenant's machines and data, and a watch for whose data is seen where.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use fabric_tests::netns::NetNs;
use fabric_tests::random::Random;
use fabric_tests::storage::{Protocol, Server, round_trip};
use fabric_tests::wait::{PATIENCE, until_true};
use fabric_tests::wire::Capture;

pub(crate) const CLIENT: &str = "10.0.0.1";
pub(crate) const SERVER: &str = "10.0.0.10";
pub(crate) const CLIENT_MAC: &str = "02:00:00:00:01:01";
pub(crate) const SERVER_MAC: &str = "02:00:00:00:01:10";

/// Of iSCSI and NBD.
const VOLUME: u64 = 8 << 20;
/// What a tenant writes and reads back.
const DATA: usize = 2 << 20;
/// Length of a mark.
const MARK: usize = 16;
/// Larger than anything that GRO merges.
const WHOLE_FRAME: usize = 70_000;

/// A tenant's machines.
pub(crate) struct Tenant {
    pub(crate) client: NetNs,
    pub(crate) server: NetNs,
    /// The server's.
    pub(crate) address: IpAddr,
    /// Repeated [`MARK`] times in every 64 bytes of its data.
    pub(crate) mark: u8,
    /// For the server's volumes and the client's copies.
    folder: tempfile::TempDir,
}

impl Tenant {
    pub(crate) fn new(client: NetNs, server: NetNs, address: &str, mark: u8) -> Self {
        Self {
            client,
            server,
            address: address.parse().unwrap(),
            mark,
            folder: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) fn folder(&self, name: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::create_dir_all(&path).unwrap();
        path
    }

    /// Noise with the tenant's mark in every 64 bytes; other noise for another `seed`.
    pub(crate) fn data(&self, seed: u64) -> Vec<u8> {
        let mut bytes = Random::new(seed << 8 | u64::from(self.mark)).bytes(DATA);
        for place in bytes.chunks_exact_mut(64) {
            place[..MARK].fill(self.mark);
        }
        bytes
    }

    /// Starts a server, and the client writes to it and reads back; what is in the server's volume afterwards is that.
    pub(crate) fn works(&self, protocol: Protocol) {
        let folder = self.folder("server");
        let mut server = Server::start(protocol, &self.server, self.address, &folder, VOLUME).unwrap();
        let data = self.data(0);
        round_trip(
            protocol,
            &self.client,
            self.address,
            &self.folder("client"),
            &data,
        )
        .unwrap();
        server.stop().unwrap();
        let stored = match protocol {
            Protocol::Iscsi | Protocol::Nbd => folder.join("vol1"),
            Protocol::Nfs | Protocol::Smb => folder.join("vol1/there.img"),
        };
        assert!(std::fs::read(stored).unwrap()[..DATA] == data);
    }

    /// Watches both its machines for data of `others`.
    pub(crate) fn watch(&self, others: &[&Self]) -> [Watch; 2] {
        let foreign: Vec<u8> = others.iter().map(|other| other.mark).collect();
        [&self.server, &self.client].map(|host| Watch::start(host, self.mark, foreign.clone()))
    }
}

/// Counts the bytes of frames with one mark, and keeps the frames with others.
pub(crate) struct Watch {
    own_bytes: Arc<AtomicU64>,
    foreign: Capture,
}

impl Watch {
    fn start(at: &NetNs, own: u8, foreign: Vec<u8>) -> Self {
        let count = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&count);
        let look = move |bytes: &[u8]| {
            if is_marked(bytes, own) {
                counter.fetch_add(bytes.len() as u64, Ordering::Relaxed);
            }
            foreign.iter().any(|mark| is_marked(bytes, *mark))
        };
        Self {
            own_bytes: count,
            foreign: Capture::watch(at, "eth0", WHOLE_FRAME, look).unwrap(),
        }
    }

    /// All that its machine was sent, in at least one direction, was seen, and nothing of another's.
    pub(crate) fn saw_its_own_only(&self) {
        // Outgoing frames are not captured. When all of it has been seen, nothing is left to be looked at.
        until_true(PATIENCE, "all data of the own tenant to be seen", || {
            Ok(self.own_bytes.load(Ordering::Relaxed) >= DATA as u64)
        })
        .unwrap();
        self.foreign.expect_nothing(Duration::ZERO).unwrap();
    }
}

/// Whether a mark of `byte` is anywhere in it.
fn is_marked(bytes: &[u8], byte: u8) -> bool {
    // One place of every mark is a multiple of its length.
    let same = |other: &&u8| **other == byte;
    (0..bytes.len()).step_by(MARK).any(|at| {
        let (before, after) = bytes.split_at(at);
        let run = after.iter().take_while(same).count();
        run > 0 && run + before.iter().rev().take_while(same).count() >= MARK
    })
}

#[test]
fn a_mark_is_found_wherever_it_stands() {
    for at in 0..40 {
        let mut bytes = vec![0; 60];
        bytes[at..at + MARK].fill(7);
        assert!(is_marked(&bytes, 7), "{at}");
        bytes[at + 3] = 8;
        assert!(!is_marked(&bytes, 7), "{at}");
    }
}
