//! Who is in charge of a storage machine: one answer, whoever dies.

use std::sync::Arc;
use std::time::{Duration, Instant};

use fabric_userspace::store::etcd::{EtcdStore, Fence, Steward};

use crate::keys::Alone;

const MACHINE: &str = "vsm-1002a";

/// One steward at a time; a switch from an old picture, or by a steward who lost the office, changes nothing; epochs rise by
/// one and are never given twice, also when the office changes hands.
#[test]
fn there_is_one_steward_and_every_switch_has_an_epoch_of_its_own() {
    let alone = Alone::start();
    let (one, other) = (Arc::new(alone.open("edge1")), Arc::new(alone.open("edge2")));
    alone.block_on(async || {
        let first = Steward::take(one.clone(), MACHINE)
            .await
            .unwrap()
            .expect("the office is free");
        assert!(Steward::take(other.clone(), MACHINE).await.unwrap().is_none());
        let owner = first.switch(None, "array-1", 0).await.unwrap();
        assert_eq!((owner.member.as_str(), owner.epoch), ("array-1", 1));
        let next = first.switch(Some(&owner), "array-2", 0).await.unwrap();
        assert_eq!(other.owner(MACHINE).await.unwrap().unwrap(), next);
        let late = first.switch(Some(&owner), "array-3", 0).await.unwrap_err();
        assert_eq!(late.code.as_str(), "stale-epoch");
        assert!(first.renew().await.unwrap() && !first.proof().is_zero());
        // The office ends with the lease, as when its holder is cut off.
        alone
            .etcd
            .ctl(&["del", &format!("/keys/storage/stewards/{MACHINE}")])
            .unwrap();
        let second = Steward::take(other.clone(), MACHINE)
            .await
            .unwrap()
            .expect("the office is free");
        let cut_off = first.switch(Some(&next), "array-1", 0).await.unwrap_err();
        assert_eq!(cut_off.code.as_str(), "stale-epoch");
        let third = second.switch(Some(&next), "array-1", 0).await.unwrap();
        assert_eq!(third.epoch, 3);
        assert!(second.renew().await.unwrap());
        second.resign().await;
        // Nobody is in office, and the epoch is still there.
        assert_eq!(one.owner(MACHINE).await.unwrap().unwrap(), third);
        let mut fence = Fence::default();
        assert!(fence.hear(&third) && !fence.hear(&next) && fence.admits("array-1", "edge1:eth2"));
    });
}

/// Tries to take the office until that succeeds. What the one who was in office could still prove before the last try, which
/// must be nothing: both would decide.
async fn take_over(office: &Steward, store: &Arc<EtcdStore>) -> Duration {
    let begun = Instant::now();
    loop {
        let proof = office.proof();
        if Steward::take(store.clone(), MACHINE).await.unwrap().is_some() {
            return proof;
        }
        assert!(begun.elapsed() < Duration::from_secs(30), "nobody takes over");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn in_office(store: &Arc<EtcdStore>) -> Steward {
    let taken = Steward::take(store.clone(), MACHINE).await.unwrap();
    taken.expect("the office is free")
}

/// The tight case: the store lives and counts from the last word of a steward who hangs.
#[test]
fn a_steward_who_falls_silent_proves_nothing_once_another_is_in_office() {
    let alone = Alone::start();
    let (one, other) = (Arc::new(alone.open("edge1")), Arc::new(alone.open("edge2")));
    alone.block_on(async || {
        let steward = in_office(&one).await;
        assert!(steward.renew().await.unwrap() && !steward.proof().is_zero());
        assert_eq!(take_over(&steward, &other).await, Duration::ZERO);
    });
}

/// A steward who cannot reach the store stops proving anything before another one can be in office.
#[test]
fn who_cannot_reach_the_store_proves_nothing_once_another_is_in_office() {
    let mut alone = Alone::start();
    let (store, other) = (Arc::new(alone.open("edge1")), Arc::new(alone.open("edge2")));
    let steward = alone.block_on(async || in_office(&store).await);
    alone.etcd.kill_all().unwrap();
    alone.block_on(async || {
        assert_eq!(steward.renew().await.unwrap_err().code.as_str(), "store-away");
        assert_eq!(
            store.owner(MACHINE).await.unwrap_err().code.as_str(),
            "store-away"
        );
        assert!(steward.switch(None, "array-1", 0).await.is_err());
    });
    alone.etcd.start_all().unwrap();
    alone.block_on(async || {
        assert_eq!(take_over(&steward, &other).await, Duration::ZERO);
        assert_eq!(store.owner(MACHINE).await.unwrap(), None, "nobody has decided");
    });
}

/// Four nodes want to be steward and switch as often as they can: the epochs in the store rise by one without a gap.
#[test]
fn racing_stewards_never_share_an_epoch() {
    let alone = Alone::start();
    alone.block_on(async || {
        let race = async |number: u32| {
            let store = Arc::new(alone.open(&format!("n{number}")));
            let mut epochs = Vec::new();
            while epochs.len() < 5 {
                let Some(steward) = Steward::take(store.clone(), MACHINE).await.unwrap() else {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                    continue;
                };
                let before = store.owner(MACHINE).await.unwrap();
                if let Ok(owner) = steward
                    .switch(before.as_ref(), format!("m{number}").as_str(), 0)
                    .await
                {
                    epochs.push(owner.epoch);
                }
                steward.resign().await;
            }
            epochs
        };
        let (a, b, c, d) = tokio::join!(race(1), race(2), race(3), race(4));
        let mut all = [a, b, c, d].concat();
        all.sort_unstable();
        assert_eq!(all, (1..=20).collect::<Vec<_>>());
    });
}
