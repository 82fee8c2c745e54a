use std::fs;
use std::path::Path;

use super::{FileStore, Stored, Terms};
use crate::error::codes;
use crate::model::Document;

fn stored(revision: u64) -> Stored {
    Stored {
        revision,
        applied_at: "2026-01-01T00:00:00.000Z".into(),
        cause: "test".into(),
        document: Document::default(),
    }
}

fn kept(store: &FileStore) -> Vec<u64> {
    let pasts = store.pasts(None).unwrap();
    pasts.iter().map(|past| past.revision).collect()
}

#[test]
fn the_last_revision_is_in_force_and_older_ones_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let store = FileStore::open(folder.path()).unwrap();
    assert!(store.in_force().unwrap().is_none());
    for revision in 1..=60 {
        store.put(&stored(revision)).unwrap();
    }
    assert_eq!(store.in_force().unwrap().unwrap().revision, 60);
    let kept = kept(&store);
    assert_eq!(kept, (11..=60).rev().collect::<Vec<_>>());
}

#[test]
fn a_file_cut_in_half_is_refused_with_a_good_copy_as_cure() {
    let folder = tempfile::tempdir().unwrap();
    let store = FileStore::open(folder.path()).unwrap();
    store.put(&stored(1)).unwrap();
    store.put(&stored(2)).unwrap();
    let path = folder.path().join("document.json");
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    let refusal = store.in_force().unwrap_err();
    assert_eq!(refusal.code, codes::STATE_DAMAGED);
    assert!(refusal.cure.unwrap().contains("history/0000000002.json"));
}

#[test]
fn two_agents_cannot_share_a_state_directory() {
    let folder = tempfile::tempdir().unwrap();
    let _first = FileStore::open(folder.path()).unwrap();
    let refusal = FileStore::open(folder.path()).err().unwrap();
    assert_eq!(refusal.code, codes::AGENT_RUNNING);
}

#[test]
fn a_revision_that_was_kept_but_never_put_in_force_is_not_in_the_history() {
    let folder = tempfile::tempdir().unwrap();
    let store = FileStore::open(folder.path()).unwrap();
    store.put(&stored(1)).unwrap();
    let first = fs::read(folder.path().join("document.json")).unwrap();
    store.put(&stored(2)).unwrap();
    drop(store);
    // Killed after the first of the two files.
    fs::write(folder.path().join("document.json"), first).unwrap();
    fs::write(folder.path().join("history/0000000003.new"), "{").unwrap();
    let store = FileStore::open(folder.path()).unwrap();
    assert_eq!(store.in_force().unwrap().unwrap().revision, 1);
    let kept = kept(&store);
    assert_eq!(kept, [1]);
    assert_eq!(store.kept_files().unwrap().len(), 1);
}

#[test]
fn a_revision_that_could_not_be_written_is_not_kept_and_nothing_is_appended_to_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = FileStore::open(folder.path()).unwrap();
    let one = many(1, "a");
    store.put_on(0, &one, Terms::Final).unwrap();
    // The history has room for it, its own place has not.
    let in_the_way = folder.path().join("document.new");
    fs::create_dir(&in_the_way).unwrap();
    let refused = many(2, "refused");
    assert!(store.put_on(1, &refused, Terms::Final).is_err());
    fs::remove_dir(&in_the_way).unwrap();
    assert_eq!(kept(&store), [1]);
    assert_eq!(store.past(2).unwrap(), None);
    // Another one with its number, which alone would be appended.
    let two = with(&one, 2, 7, Some("b"));
    store.put_on(1, &two, Terms::Final).unwrap();
    let three = with(&two, 3, 9, None);
    store.put_on(2, &three, Terms::Final).unwrap();
    for store in [store.in_force(), store.past(3)] {
        assert_eq!(store.unwrap().unwrap(), three);
    }
    assert_eq!(store.past(2).unwrap().unwrap(), two);
    drop(store);
    let store = FileStore::open(folder.path()).unwrap();
    assert_eq!(store.in_force().unwrap().unwrap(), three);
}

#[test]
fn half_a_file_that_could_not_be_written_does_not_stay() {
    let folder = tempfile::tempdir().unwrap();
    let store = FileStore::open(folder.path()).unwrap();
    // Written beside, and then not to be renamed.
    fs::create_dir_all(folder.path().join("side.json/full")).unwrap();
    assert!(store.set_side_file("side.json", &1).is_err());
    assert!(!folder.path().join("side.new").exists());
}

#[test]
fn a_document_that_was_decided_elsewhere_begins_a_history_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let store = FileStore::open(folder.path()).unwrap();
    // Before the host belonged to others, and then what they decided, under numbers that were used here.
    for revision in 1..=5 {
        store.put(&stored(revision)).unwrap();
    }
    let theirs = many(3, "theirs");
    let last = with(&theirs, 4, 11, Some("last"));
    store.remember(&theirs).unwrap();
    store.remember(&last).unwrap();
    drop(store);
    let store = FileStore::open(folder.path()).unwrap();
    store.begin_history().unwrap();
    assert_eq!(kept(&store), [4]);
    assert_eq!(store.past(4).unwrap().unwrap(), last);
    store
        .put_on(
            4,
            &with(&last, 5, 12, None),
            Terms::Within(std::time::Duration::from_secs(60)),
        )
        .unwrap();
    assert_eq!(
        store.past(4).unwrap().unwrap(),
        last,
        "there is something to go back to"
    );
    drop(store);
    let store = FileStore::open(folder.path()).unwrap();
    assert_eq!(kept(&store), [5, 4]);
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect()
}

#[test]
fn what_a_first_start_makes_goes_with_it_unless_it_succeeds() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("new/state");
    let refused = FileStore::open_for_start(&state).unwrap();
    refused.set_side_file("ids.json", &1).unwrap();
    drop(refused);
    assert_eq!(names(folder.path()), [""; 0]);
    std::fs::create_dir_all(&state).unwrap();
    std::fs::write(state.join("mine"), "").unwrap();
    drop(FileStore::open_for_start(&state).unwrap());
    assert_eq!(names(&state), ["mine"]);
    let mut started = FileStore::open_for_start(&state).unwrap();
    started.keep();
    drop(started);
    assert_eq!(names(&state).len(), 3, "mine, history and lock");
    // A later start that is refused takes nothing away.
    drop(FileStore::open_for_start(&state).unwrap());
    assert_eq!(names(&state).len(), 3);
}

fn named(revision: u64, tenants: &[&str]) -> Stored {
    let tenants: Vec<String> = tenants
        .iter()
        .map(|name| format!(r#"{{"name":"{name}","segments":[{{"name":"{name}-lan"}}]}}"#))
        .collect();
    let text = format!(r#"{{"schema":"fabric/1","tenants":[{}]}}"#, tenants.join(","));
    Stored {
        document: crate::model::from_json(&text).unwrap(),
        ..stored(revision)
    }
}

/// Large enough to be changed by what is appended.
fn many(revision: u64, last: &str) -> Stored {
    let names: Vec<String> = (0..600)
        .map(|number| format!("tenant-of-many-{number}"))
        .collect();
    let mut names: Vec<&str> = names.iter().map(String::as_str).collect();
    names.push(last);
    named(revision, &names)
}

/// As commands change documents: what stays is shared.
fn with(before: &Stored, revision: u64, at: usize, name: Option<&str>) -> Stored {
    let mut next = Stored {
        revision,
        cause: format!("change {revision}"),
        ..before.clone()
    };
    let tenants = &mut next.document.tenants;
    match name {
        Some(name) => tenants.insert(at, named(1, &[name]).document.tenants.remove(0)),
        None => drop(tenants.remove(at)),
    }
    next
}

#[test]
fn appended_revisions_are_there_at_the_next_start_and_no_older_ones() {
    let folder = tempfile::tempdir().unwrap();
    let (path, document) = (
        folder.path().join("changes.jsonl"),
        folder.path().join("document.json"),
    );
    let one = many(4, "a");
    let two = with(&one, 5, 601, Some("b"));
    let three = with(&two, 9, 3, None);
    {
        let store = FileStore::open(folder.path()).unwrap();
        store.remember(&one).unwrap();
        let whole = fs::read(&document).unwrap();
        store.remember(&two).unwrap();
        store.remember(&three).unwrap();
        assert_eq!(fs::read(&document).unwrap(), whole, "nothing is written twice");
        assert_eq!(store.in_force().unwrap().unwrap(), three);
    }
    let journal = fs::read(&path).unwrap();
    // A power cut in the middle of a third.
    fs::write(&path, [&journal[..], b"{\"revision\":10,\"aft"].concat()).unwrap();
    let four = with(&three, 10, 0, Some("c"));
    {
        let store = FileStore::open(folder.path()).unwrap();
        assert_eq!(store.in_force().unwrap().unwrap(), three);
        store.remember(&four).unwrap();
        assert_eq!(store.in_force().unwrap().unwrap(), four);
    }
    // A crash after the document was replaced left them.
    let later = many(11, "d");
    let store = FileStore::open(folder.path()).unwrap();
    assert_eq!(store.in_force().unwrap().unwrap(), four);
    store.remember(&later).unwrap();
    drop(store);
    fs::write(&path, &journal).unwrap();
    let store = FileStore::open(folder.path()).unwrap();
    assert_eq!(store.in_force().unwrap().unwrap(), later);
    assert!(!path.exists());
}

#[test]
fn appended_revisions_are_kept_as_whole_ones_are() {
    let folder = tempfile::tempdir().unwrap();
    let mut all = vec![many(1, "a")];
    for revision in 2..=6 {
        let before = &all[all.len() - 1];
        all.push(with(
            before,
            revision,
            usize::try_from(revision).unwrap(),
            Some(&format!("new{revision}")),
        ));
    }
    // Too much has changed to append it, and then again little.
    all.push(Stored {
        cause: "whole".into(),
        ..many(7, "b")
    });
    all[6].document.tenants.truncate(500);
    all.push(with(&all[6], 8, 20, None));
    let check = |store: &FileStore| {
        assert_eq!(kept(store), (1..=8).rev().collect::<Vec<_>>());
        for stored in &all {
            assert_eq!(store.past(stored.revision).unwrap().as_ref(), Some(stored));
        }
        assert_eq!(store.in_force().unwrap().as_ref(), all.last());
    };
    let store = FileStore::open(folder.path()).unwrap();
    for (base, stored) in (0..).zip(&all) {
        store.put_on(base, stored, Terms::Final).unwrap();
    }
    check(&store);
    let journal = fs::read(folder.path().join("history/0000000001.jsonl")).unwrap();
    assert_eq!(journal.iter().filter(|byte| **byte == b'\n').count(), 5);
    drop(store);
    // Killed before what was appended to the first was put away.
    fs::rename(folder.path().join("changes.jsonl"), folder.path().join("later")).unwrap();
    fs::rename(
        folder.path().join("history/0000000001.jsonl"),
        folder.path().join("changes.jsonl"),
    )
    .unwrap();
    drop(FileStore::open(folder.path()).unwrap());
    fs::rename(folder.path().join("later"), folder.path().join("changes.jsonl")).unwrap();
    let store = FileStore::open(folder.path()).unwrap();
    check(&store);
    let refusal = store.put_on(7, &all[7], Terms::Final).unwrap_err();
    assert_eq!(refusal.code, codes::STALE_REVISION);
}

#[test]
fn a_damaged_journal_is_refused_with_a_cure() {
    let folder = tempfile::tempdir().unwrap();
    FileStore::open(folder.path())
        .unwrap()
        .remember(&named(4, &["a"]))
        .unwrap();
    fs::write(folder.path().join("changes.jsonl"), "nonsense\n").unwrap();
    let refusal = FileStore::open(folder.path()).map(drop).unwrap_err();
    assert_eq!(refusal.code, codes::STATE_DAMAGED);
    assert!(refusal.cure.unwrap().contains("changes.jsonl"));
}

fn trial_of(store: &FileStore) -> Option<u64> {
    store.trial().unwrap().map(|trial| trial.revision)
}

#[test]
fn a_revision_waits_until_it_is_confirmed_or_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let store = FileStore::open(folder.path()).unwrap();
    let within = Terms::Within(std::time::Duration::from_secs(60));
    store.put_on(0, &stored(1), Terms::Final).unwrap();
    store.put_on(1, &stored(2), within).unwrap();
    assert_eq!(trial_of(&store), Some(2));
    for terms in [Terms::Final, within] {
        let refusal = store.put_on(2, &stored(3), terms).unwrap_err();
        assert_eq!(refusal.code, codes::CONFIRM_PENDING);
    }
    store.put_on(2, &stored(3), Terms::Back).unwrap();
    assert_eq!(trial_of(&store), None);
    assert_eq!(
        store.put_on(3, &stored(4), Terms::Back).unwrap_err().code,
        codes::NOTHING_PENDING
    );
    // Left by a crash before its revision came into force: the next one with this number is no trial.
    let left = super::trial::Trial::begin(4, 3, std::time::Duration::from_secs(60)).unwrap();
    store.set_durable_side_file(super::PENDING, &left).unwrap();
    store.put_on(3, &stored(4), Terms::Final).unwrap();
    assert_eq!(trial_of(&store), None);
}
