//! Backup, restore and salvage of a reactor whose log retention has shortened: snapshots stand for the rest.

mod shop;

use std::num::NonZeroU8;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use p13n::error::ErrorKind;
use p13n::log::storage::{Disk, RealDisk};
use p13n::reactor::inspect::inspect;
use p13n::reactor::open::directory_of;
use p13n::reactor::restore::{backup, restore};
use p13n::reactor::retention::Retention;
use p13n::reactor::salvage::salvage;
use p13n::reactor::{Options, Reactor};
use shop::{on_disk, open, send_at};

const START_MS: i64 = 1_700_000_000_000;

fn disk() -> Arc<dyn Disk> {
    Arc::new(RealDisk)
}

/// A log of small segments of which only the newest ones are kept.
fn short_log(data_dir: &Path) -> Options {
    let retention = Retention {
        age_ms: None,
        bytes: Some(8 << 10),
        disk_percent: NonZeroU8::new(60),
        waits_for_export: false,
    };
    Options { retention, segment_bytes_max: 1 << 10, ..on_disk(data_dir) }
}

fn keeps_all(data_dir: &Path) -> Options {
    let retention = Retention { bytes: None, ..short_log(data_dir).retention };
    Options { retention, ..short_log(data_dir) }
}

fn own(data_dir: &Path) -> PathBuf {
    directory_of(data_dir, 1, 8)
}

/// Events `from` to `to`, each at its own second.
fn send_some(reactor: &Reactor, from: i64, to: i64) {
    for number in from..to {
        let client = number % 7;
        let body = format!(r#"{{"td_client_id":"c{client}","category":"k{number}"}}"#);
        send_at(reactor, "pageviews", &body, Some(START_MS + number * 1_000)).unwrap();
    }
    reactor.log().wait(reactor.log().appended(), std::time::Duration::from_secs(20)).unwrap();
}

fn hash_of(data_dir: &Path) -> u128 {
    let reactor = open(&keeps_all(data_dir));
    let hash = reactor.state_hash();
    reactor.close().unwrap();
    hash
}

fn segments(data_dir: &Path) -> Vec<PathBuf> {
    let folder = own(data_dir).join("log");
    let mut found: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension().is_some_and(|extension| extension == "log" || extension == "sealed")
        })
        .collect();
    found.sort();
    found
}

#[test]
fn a_backup_grows_with_a_log_that_is_shortened_and_is_always_complete() {
    let place = tempfile::tempdir().unwrap();
    let (data, copy) = (place.path().join("data"), place.path().join("copy"));
    let reactor = open(&short_log(&data));
    let mut retired = 0;
    for round in 0..12 {
        send_some(&reactor, round * 20, round * 20 + 20);
        reactor.snapshot().unwrap();
        let hash = reactor.state_hash();
        let copied = backup(&own(&data), &own(&copy), &disk()).unwrap();
        retired += u64::from(copied.first_lsn > 1);
        assert!(!inspect(&own(&copy), &RealDisk).unwrap().is_damaged());
        // Opened as it is, in a copy of its own: what the server would make of it.
        let opened = place.path().join(format!("opened-{round}"));
        restore(&own(&copy), &own(&opened), None, None, &disk()).unwrap();
        let read_back = hash_of(&opened);
        if copied.last_lsn == reactor.log().appended() {
            assert_eq!(read_back, hash, "round {round}");
        }
    }
    assert!(retired > 3, "the log was shortened in {retired} rounds");
    reactor.close().unwrap();
    let hash = reactor.state_hash();
    drop(reactor);
    let first_lsn = backup(&own(&data), &own(&copy), &disk()).unwrap().first_lsn;
    assert!(first_lsn > 1);
    assert_eq!(segments(&copy).len(), segments(&data).len(), "the copy lets go, too");
    assert_eq!(hash_of(&copy), hash);
}

#[test]
fn a_shortened_log_is_restored_to_any_moment_that_its_snapshots_reach() {
    let place = tempfile::tempdir().unwrap();
    let (data, copy) = (place.path().join("data"), place.path().join("copy"));
    let reactor = open(&short_log(&data));
    let mut hashes = Vec::new();
    for number in 0..200 {
        send_some(&reactor, number, number + 1);
        hashes.push(reactor.state_hash());
        if number % 20 == 19 {
            reactor.snapshot().unwrap();
        }
    }
    reactor.close().unwrap();
    drop(reactor);
    let first_lsn = backup(&own(&data), &own(&copy), &disk()).unwrap().first_lsn;
    assert!(first_lsn > 20);
    let mut restored = 0;
    for number in (0..200).step_by(7) {
        let target = place.path().join(format!("restored-{number}"));
        let until_ms = START_MS + number * 1_000 + 999;
        match restore(&own(&copy), &own(&target), Some(until_ms), None, &disk()) {
            Ok(_) => {
                assert_eq!(hash_of(&target), hashes[number as usize], "event {number}");
                restored += 1;
            }
            // Event n is LSN n + 2: before the base nothing is left to begin with.
            Err(error) => {
                assert!(matches!(error.kind(), ErrorKind::Argument(_)), "{error}");
                assert!((number as u64) < first_lsn + 20, "event {number}: {error}");
            }
        }
    }
    assert!(restored > 2, "{restored} moments");
}

#[test]
fn a_shortened_log_is_salvaged_from_its_base() {
    let place = tempfile::tempdir().unwrap();
    let (data, saved) = (place.path().join("data"), place.path().join("saved"));
    let reactor = open(&short_log(&data));
    for round in 0..10 {
        send_some(&reactor, round * 20, round * 20 + 20);
        reactor.snapshot().unwrap();
    }
    send_some(&reactor, 200, 210);
    let hash = reactor.state_hash();
    drop(reactor);

    let found = salvage(&own(&data), &own(&saved), &disk()).unwrap();
    assert!(found.source.begin_lsn > 1 && found.base_lsn + 1 >= found.source.begin_lsn);
    assert_eq!((found.refused.len(), found.repeated), (0, 0), "{found:?}");
    assert_eq!(found.events + found.in_base, found.source.records);
    assert_eq!(hash_of(&saved), hash, "without a hole it is the same state");

    // With a hole behind the base, the rest is there all the same.
    let last = segments(&data).pop().unwrap();
    let mut bytes = std::fs::read(&last).unwrap();
    bytes[80] ^= 1;
    std::fs::write(&last, bytes).unwrap();
    let again = place.path().join("again");
    let found = salvage(&own(&data), &own(&again), &disk()).unwrap();
    assert!(!found.source.damages.is_empty());
    assert!(found.events > 0);
    assert_ne!(hash_of(&again), hash);
}
