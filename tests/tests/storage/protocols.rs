//! The protocols that the patent names, between two tenants who use the same addresses at the same time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use fabric_tests::netns::NetNs;
use fabric_tests::storage::{Protocol, Server, round_trip};
use fabric_tests::wait::{PATIENCE, until_true};
use fabric_tests::wire::Capture;

use super::support::{SERVER, Tenant, TwoTenants, ip, is_marked};

const VOLUME: u64 = 8 << 20;
const DATA: usize = 3 << 20;
/// Larger than anything that GRO merges.
const WHOLE_FRAME: usize = 70_000;

/// Counts the bytes of frames with one mark, and keeps the frames with the other.
struct Watch {
    own_bytes: Arc<AtomicU64>,
    foreign: Capture,
}

impl Watch {
    fn start(at: &NetNs, own: u8, foreign: u8) -> Self {
        let count = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&count);
        let look = move |bytes: &[u8]| {
            if is_marked(bytes, own) {
                counter.fetch_add(bytes.len() as u64, Ordering::Relaxed);
            }
            is_marked(bytes, foreign)
        };
        Self {
            own_bytes: count,
            foreign: Capture::watch(at, "eth0", WHOLE_FRAME, look).unwrap(),
        }
    }
}

/// P45, claims 4, 13, 19, 28, 36, 45, 53, 60: each protocol by its usual server and client. Same addresses, same ports, same
/// target and export names, same moment; every byte comes back to who wrote it, and no machine sees a byte of the other's.
fn two_tenants_use(protocol: Protocol) {
    let site = TwoTenants::start(1500);
    let [one, other] = &site.tenants;
    let watch = |tenant: &Tenant, foreign: &Tenant| {
        [&tenant.server, &tenant.client].map(|host| Watch::start(host, tenant.mark, foreign.mark))
    };
    let watches = [watch(one, other), watch(other, one)];
    std::thread::scope(|scope| {
        for tenant in &site.tenants {
            scope.spawn(move || works(tenant, protocol));
        }
    });
    for watch in watches.iter().flatten() {
        // Outgoing frames are not captured. When all of it has been seen, nothing is left to be looked at.
        until_true(PATIENCE, "all data of the own tenant to be seen", || {
            Ok(watch.own_bytes.load(Ordering::Relaxed) >= DATA as u64)
        })
        .unwrap();
        watch.foreign.expect_nothing(Duration::ZERO).unwrap();
    }
}

fn works(tenant: &Tenant, protocol: Protocol) {
    let folder = tenant.folder("server");
    let mut server = Server::start(protocol, &tenant.server, ip(SERVER), &folder, VOLUME).unwrap();
    let data = tenant.data(DATA);
    round_trip(
        protocol,
        &tenant.client,
        ip(SERVER),
        &tenant.folder("client"),
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

#[test]
fn two_tenants_with_equal_addresses_use_iscsi_at_once() {
    two_tenants_use(Protocol::Iscsi);
}

#[test]
fn two_tenants_with_equal_addresses_use_nfs_at_once() {
    two_tenants_use(Protocol::Nfs);
}

#[test]
fn two_tenants_with_equal_addresses_use_smb_at_once() {
    two_tenants_use(Protocol::Smb);
}

#[test]
fn two_tenants_with_equal_addresses_use_nbd_at_once() {
    two_tenants_use(Protocol::Nbd);
}
