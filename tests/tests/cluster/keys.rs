//! The store itself, without nodes: what is written, what a reader can see, what is kept, and what is swept.

use std::time::Duration;

use fabric_tests::etcd::Etcd;
use fabric_tests::netns::NetNs;
use fabric_tests::topology::Net;
use fabric_userspace::model::{Document, from_json};
use fabric_userspace::store::etcd::{Address, EtcdStore};
use fabric_userspace::store::{Store as _, Stored};

/// An etcd of one, on loopback of a namespace.
pub(crate) struct Alone {
    pub(crate) etcd: Etcd,
    pub(crate) host: NetNs,
    _net: Net,
}

impl Alone {
    pub(crate) fn start() -> Self {
        let net = Net::new().unwrap();
        let host = net.host("store").unwrap();
        let etcd = Etcd::start(&host, &["127.0.0.1"], &[]).unwrap();
        Self {
            etcd,
            host,
            _net: net,
        }
    }

    pub(crate) fn open(&self, by: &str) -> EtcdStore {
        EtcdStore::open(Address::parse(&self.etcd.url("keys")).unwrap(), by).unwrap()
    }

    /// Runs in the namespace of the members.
    pub(crate) fn block_on<T: Send>(&self, work: impl AsyncFnOnce() -> T + Send) -> T {
        let run = || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            Ok(runtime.block_on(work()))
        };
        self.host.run(run).unwrap()
    }

    fn count(&self, below: &str) -> usize {
        let keys = self
            .etcd
            .ctl(&["get", "--prefix", "--keys-only", &format!("/keys/{below}")])
            .unwrap();
        keys.lines().filter(|line| !line.is_empty()).count()
    }
}

pub(crate) fn document(tenants: std::ops::Range<u32>) -> Document {
    let tenant = |number: u32| {
        format!(
            r#"{{"name":"t{number}","segments":[{{"name":"s{number}","datacenter":"dc1","s_vid":{},"c_vid":{}}}]}}"#,
            100 + number % 1000,
            1000 + number / 1000
        )
    };
    let tenants: Vec<String> = tenants.map(tenant).collect();
    from_json(&format!(
        r#"{{"schema":"fabric/1","datacenters":[{{"name":"dc1","id":1,"s_vids":"100-1099","c_vids":"200-3999"}}],
            "nodes":[{{"name":"edge1","datacenter":"dc1"}}],"tenants":[{}]}}"#,
        tenants.join(",")
    ))
    .unwrap()
}

pub(crate) fn stored(revision: u64, document: Document) -> Stored {
    Stored {
        revision,
        applied_at: "2026-01-01T00:00:00.000Z".to_owned(),
        cause: format!("cause {revision}"),
        document,
    }
}

/// A writer with an old picture is refused, and told who did what meanwhile; the first one's change stays.
#[test]
fn a_stale_writer_is_told_what_changed_meanwhile() {
    let alone = Alone::start();
    let (one, other) = (alone.open("edge1"), alone.open("edge2"));
    alone.block_on(async || {
        one.commit(0, &stored(1, document(0..1))).await.unwrap();
        assert_eq!(other.current().await.unwrap().unwrap(), stored(1, document(0..1)));
        one.commit(1, &stored(2, document(0..2))).await.unwrap();
        let refusal = other.commit(1, &stored(2, document(0..3))).await.unwrap_err();
        assert_eq!(refusal.code.as_str(), "stale-revision");
        let told = "revision 2 is in force, not 1: 2 was cause 2 at edge1; nothing was changed";
        assert_eq!(refusal.sentence, told);
        assert_eq!(other.current().await.unwrap().unwrap(), stored(2, document(0..2)));
    });
    // Each object has its key: the head of the document, a datacenter, a node, two tenants, two segments.
    assert_eq!(alone.count("objects/"), 7);
}

/// Small and large changes in turn: every kept revision is what it was, and 50 are kept.
#[test]
fn every_kept_revision_comes_back_as_it_was() {
    let alone = Alone::start();
    let store = alone.open("edge1");
    let sizes = |revision: u64| {
        if revision.is_multiple_of(29) {
            400
        } else {
            u32::try_from(revision % 7).unwrap() + 1
        }
    };
    alone.block_on(async || {
        for revision in 1..=60 {
            let next = stored(revision, document(0..sizes(revision)));
            store.commit(revision - 1, &next).await.unwrap();
        }
        let history = store.history().await.unwrap();
        let kept: Vec<u64> = history.iter().map(|past| past.revision).collect();
        assert_eq!(kept, (11..=60).rev().collect::<Vec<_>>());
        for revision in [60, 59, 58, 57, 31, 30, 29, 28, 11] {
            let past = store.kept(revision).await.unwrap();
            assert_eq!(
                past,
                Some(stored(revision, document(0..sizes(revision)))),
                "{revision}"
            );
        }
        assert_eq!(store.kept(10).await.unwrap(), None);
    });
}

/// While a document of thousands of objects is being replaced, a reader sees the old one or the new one, whole.
#[test]
fn a_large_document_is_never_seen_in_part() {
    let alone = Alone::start();
    let (writer, reader) = (alone.open("edge1"), alone.open("edge2"));
    alone.block_on(async || {
        writer.commit(0, &stored(1, document(0..2000))).await.unwrap();
        let next = stored(2, document(1000..4000));
        let write = async { writer.commit(1, &next).await.unwrap() };
        let read = async {
            loop {
                let seen = reader.current().await.unwrap().unwrap();
                let tenants = seen.document.tenants.len();
                assert_eq!(tenants, if seen.revision == 1 { 2000 } else { 3000 });
                if seen.revision == 2 {
                    return;
                }
            }
        };
        tokio::join!(write, read);
        assert_eq!(reader.current().await.unwrap().unwrap(), next);
        // A small change on top is followed without reading all of it.
        let mut small = next.clone();
        small.revision = 3;
        small.document.tenants.pop();
        writer.commit(2, &small).await.unwrap();
        assert_eq!(reader.current().await.unwrap().unwrap(), small);
    });
}

/// A writer that dies in the middle of a large document leaves keys that nobody reads, and that are swept once its
/// lease is over; not before, because it might only be slow.
#[test]
fn an_abandoned_stage_is_swept_once_its_writer_is_dead() {
    let alone = Alone::start();
    let store = alone.open("edge1");
    alone.block_on(async || {
        store.commit(0, &stored(1, document(0..10))).await.unwrap();
    });
    let large = stored(2, document(0..6000));
    let mut left = 0;
    for patience in (1..).map(|tenths| Duration::from_millis(100 * tenths)) {
        let died = alone.block_on(async || tokio::time::timeout(patience, store.commit(1, &large)).await);
        assert!(died.is_err(), "the change was made before its writer could die");
        left = alone.count("objects/");
        if left > 23 {
            break;
        }
    }
    alone.block_on(async || store.sweep().await.unwrap());
    assert_eq!(
        alone.count("objects/"),
        left,
        "a stage was swept under its writer"
    );
    // What the end of the lease does.
    alone.etcd.ctl(&["del", "--prefix", "/keys/staging/"]).unwrap();
    alone.block_on(async || store.sweep().await.unwrap());
    assert_eq!((alone.count("objects/"), alone.count("generations/")), (23, 1));
    let again = alone.open("edge2");
    alone.block_on(async || {
        assert_eq!(
            again.current().await.unwrap().unwrap(),
            stored(1, document(0..10))
        );
        again.commit(1, &stored(2, document(0..11))).await.unwrap();
    });
}

/// Many writers at once: the revisions are a chain without a gap, and each writer's success is in it.
#[test]
fn racing_writers_make_one_chain() {
    let alone = Alone::start();
    alone.block_on(async || {
        let first = alone.open("first");
        first.commit(0, &stored(1, document(0..1))).await.unwrap();
        let race = async |number: u32| {
            let store = alone.open(&format!("w{number}"));
            let mut won = 0;
            while won < 5 {
                let now = store.current().await.unwrap().unwrap();
                let next = stored(now.revision + 1, document(number..number + 1 + won));
                match store.commit(now.revision, &next).await {
                    Ok(()) => won += 1,
                    Err(refusal) => assert_eq!(refusal.code.as_str(), "stale-revision"),
                }
            }
        };
        tokio::join!(race(1), race(2), race(3), race(4));
        let history = first.history().await.unwrap();
        let revisions: Vec<u64> = history.iter().map(|past| past.revision).collect();
        assert_eq!(revisions, (1..=21).rev().collect::<Vec<_>>());
        for number in 1..=4 {
            let own = history
                .iter()
                .filter(|past| past.by.as_deref() == Some(&format!("w{number}")))
                .count();
            assert_eq!(own, 5);
        }
    });
}
