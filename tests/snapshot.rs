//! Snapshots: recovery from one and the log behind it finds the state that live had.

mod shop;

use std::num::NonZeroU8;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use p13n::clock::ClockMode;
use p13n::error::ErrorKind;
use p13n::reactor::history::History;
use p13n::reactor::open::{LOG_FOLDER, SNAPSHOT_FOLDER, directory_of};
use p13n::reactor::{
    Options, Reactor, RecoveryPhase, RecoveryProgress, Retention, SnapshotPolicy, SnapshotReport,
};
use p13n::record::APPLY_EPOCH;
use p13n::snapshot::{Manifest, Role, Shelf, Snapshot};
use p13n::storage::RealDisk;
use shop::{answer, on_disk, open, send_at, source};

const PATIENCE: Duration = Duration::from_secs(20);

fn folder(data_dir: &Path) -> PathBuf {
    directory_of(data_dir, 1, 8).join(SNAPSHOT_FOLDER)
}

fn kept(data_dir: &Path) -> Vec<(u64, Role, PathBuf)> {
    let listed = Shelf::list(&RealDisk, &folder(data_dir)).unwrap();
    listed.into_iter().map(|(kept, path)| (kept.lsn, kept.role, path)).collect()
}

/// Some events of every kind: new, known, extended, merged, repeated, of no destination, deleting.
fn send_some(reactor: &Reactor, from: usize, to: usize) {
    for turn in from..to {
        let (client, other) = (turn % 23, (turn * 5) % 17);
        let (table, body) = match turn % 8 {
            7 => ("pageviews", format!(r#"{{"td_client_id":"c{client}","email":"{other}@x"}}"#)),
            6 => {
                ("pageviews", format!(r#"{{"td_client_id":"c{client}","td_path":"/","forget":3}}"#))
            }
            5 => ("elsewhere", format!(r#"{{"any":{turn},"uuid":"{turn:032x}"}}"#)),
            4 => ("pageviews", format!(r#"{{"td_client_id":"c{client}","category":"k{turn}"}}"#)),
            _ => (
                "orders",
                format!(
                    r#"{{"td_client_id":"c{client}","total":{turn},"skus":[{other},"s"],"uuid":"{:032x}"}}"#,
                    turn / 2
                ),
            ),
        };
        answer(reactor, table, &body);
    }
}

#[test]
fn a_restart_begins_with_the_snapshot_and_replays_only_what_came_after_it() {
    let directory = tempfile::tempdir().unwrap();
    let options = on_disk(directory.path());
    let reactor = open(&options);
    send_some(&reactor, 0, 200);
    let report = reactor.snapshot().unwrap();
    assert_eq!(report.lsn, reactor.log().appended());
    assert_eq!(report.profiles, reactor.sizes().0 as u64);
    send_some(&reactor, 200, 230);
    let (hash, lsn) = (reactor.state_hash(), reactor.log().appended());
    reactor.close().unwrap();
    drop(reactor);

    let progress = Arc::<RecoveryProgress>::default();
    let again = open(&Options { progress: Some(Arc::clone(&progress)), ..options.clone() });
    assert_eq!(again.state_hash(), hash);
    let recovery = again.recovery();
    assert_eq!(recovery.snapshot_lsn, report.lsn);
    assert_eq!(recovery.snapshot_profiles, report.profiles);
    assert_eq!(recovery.events, lsn - report.lsn);
    assert_eq!(progress.phase(), RecoveryPhase::Done);
    assert_eq!(again.published().plan.number, 1, "nothing is published anew");
    // Whoever was known is still known, and a repeat is still one.
    send_some(&again, 230, 260);
    let hash = again.state_hash();
    again.close().unwrap();
    drop(again);
    assert_eq!(open(&options).state_hash(), hash);
}

#[test]
fn closing_takes_a_snapshot_when_something_came_since_the_last_one() {
    let directory = tempfile::tempdir().unwrap();
    let snapshots = SnapshotPolicy::default();
    let options = Options { snapshots, ..on_disk(directory.path()) };
    let reactor = open(&options);
    send_some(&reactor, 0, 50);
    let hash = reactor.state_hash();
    reactor.close().unwrap();
    assert_eq!(reactor.snapshots().taken, 1);
    drop(reactor);
    let again = open(&options);
    assert_eq!((again.recovery().events, again.state_hash()), (0, hash));
    again.close().unwrap();
    assert_eq!(again.snapshots().taken, 0, "nothing came since");
}

#[test]
fn the_keeper_takes_one_when_replay_would_take_too_long() {
    let directory = tempfile::tempdir().unwrap();
    let policy = SnapshotPolicy { replay_ms_max: 0, bytes_min: 1, at_close: false };
    let reactor = open(&Options { snapshots: policy, ..on_disk(directory.path()) });
    send_some(&reactor, 0, 20);
    while reactor.snapshots().taken == 0 {
        assert_eq!(reactor.snapshots().failure, None);
        std::thread::yield_now();
    }
    assert!(kept(directory.path()).len() == 1);
}

#[test]
fn a_reactor_in_memory_takes_none() {
    let error = shop::in_memory().snapshot().unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Argument(_)), "{error}");
}

#[test]
fn clock_lines_and_configurations_come_back_from_a_snapshot() {
    let directory = tempfile::tempdir().unwrap();
    let options = Options { clock: ClockMode::Event, ..on_disk(directory.path()) };
    let reactor = open(&options);
    let lines = p13n::reactor::ingest::FileLines { file: [7; 32], first_line: 1 };
    let bodies = [
        r#"{"td_client_id":"a","time":1700000000,"total":3}"#,
        r#"{"td_client_id":"","time":1700000001}"#,
    ];
    reactor.ingest("shop", "orders", &bodies, None, Some(lines), false).unwrap();
    let events = [r#"{"any":1,"time":1700000500}"#];
    let lines = p13n::reactor::ingest::FileLines { file: [8; 32], first_line: 5 };
    reactor.ingest("shop", "elsewhere", &events, None, Some(lines), false).unwrap();
    reactor.snapshot().unwrap();
    let hash = reactor.state_hash();
    reactor.close().unwrap();
    drop(reactor);
    let again = open(&options);
    assert_eq!((again.recovery().events, again.state_hash()), (0, hash));
    assert_eq!(again.ingested_line("shop", "orders", [7; 32]), 2);
    assert_eq!(again.ingested_line("shop", "elsewhere", [8; 32]), 5);
    let profile = again.profile("td_client_id", "a").unwrap().expect("known");
    assert_eq!(profile.updated_ms, 1_700_000_000_000);
    // The event clock goes on where it stood.
    answer(&again, "orders", r#"{"td_client_id":"a","total":1}"#);
    let profile = again.profile("td_client_id", "a").unwrap().expect("known");
    assert_eq!(profile.updated_ms, 1_700_000_500_000);
}

#[test]
fn any_number_of_shards_reads_what_another_has_written() {
    let directory = tempfile::tempdir().unwrap();
    let options = on_disk(directory.path());
    let reactor = open(&Options { shards: 16, ..options.clone() });
    for turn in 0..400 {
        let body = format!(r#"{{"td_client_id":"c{}","total":1,"uuid":"{turn:032x}"}}"#, turn % 60);
        send_at(&reactor, "orders", &body, Some(1_700_000_000_000 + turn * 20_000)).unwrap();
    }
    reactor.snapshot().unwrap();
    let hash = reactor.state_hash();
    reactor.close().unwrap();
    drop(reactor);
    for shards in [1, 16, 256] {
        let again = open(&Options { shards, ..options.clone() });
        assert_eq!((again.recovery().events, again.state_hash()), (0, hash), "{shards} shards");
        again.close().unwrap();
    }
}

#[test]
fn a_damaged_snapshot_is_set_aside_and_the_one_before_is_used() {
    let directory = tempfile::tempdir().unwrap();
    let options = on_disk(directory.path());
    let reactor = open(&options);
    send_some(&reactor, 0, 60);
    let first = reactor.snapshot().unwrap();
    send_some(&reactor, 60, 120);
    reactor.snapshot().unwrap();
    send_some(&reactor, 120, 130);
    let hash = reactor.state_hash();
    reactor.close().unwrap();
    drop(reactor);
    let (_, _, newest) = kept(directory.path()).pop().expect("two are kept");
    let good = std::fs::read(&newest).unwrap();
    let manifest = std::fs::read(folder(directory.path()).join("manifest")).unwrap();
    // Head, every block in turn, footer, trailer; then cut short, emptied, gone.
    let step = (good.len() / 97).max(1);
    let flips = (0..good.len()).step_by(step).map(|at| {
        let mut bytes = good.clone();
        bytes[at] ^= 0x10;
        Some(bytes)
    });
    let cuts = [Some(good[..good.len() - 1].to_vec()), Some(Vec::new()), None];
    for (case, bytes) in flips.chain(cuts).enumerate() {
        std::fs::write(folder(directory.path()).join("manifest"), &manifest).unwrap();
        match bytes {
            Some(bytes) => std::fs::write(&newest, bytes).unwrap(),
            None => std::fs::remove_file(&newest).unwrap_or_default(),
        }
        let again = open(&options);
        assert_eq!(again.state_hash(), hash, "case {case}");
        assert_eq!(again.recovery().snapshot_lsn, first.lsn, "case {case}");
        assert_eq!(again.recovery().snapshots_damaged, 1, "case {case}");
        again.close().unwrap();
    }
    let aside = std::fs::read_dir(folder(directory.path())).unwrap();
    let aside = aside.filter(|entry| {
        let name = entry.as_ref().unwrap().file_name();
        name.to_string_lossy().ends_with(".damaged")
    });
    assert!(aside.count() > 0, "what was set aside is there for people");
}

#[test]
fn without_any_good_snapshot_the_whole_log_is_replayed() {
    let directory = tempfile::tempdir().unwrap();
    let options = on_disk(directory.path());
    let reactor = open(&options);
    send_some(&reactor, 0, 60);
    reactor.snapshot().unwrap();
    reactor.snapshot().unwrap();
    let (hash, lsn) = (reactor.state_hash(), reactor.log().appended());
    reactor.close().unwrap();
    drop(reactor);
    for (_, _, path) in kept(directory.path()) {
        std::fs::write(path, b"p13n-snp").unwrap();
    }
    let again = open(&options);
    assert_eq!(again.state_hash(), hash);
    assert_eq!((again.recovery().events, again.recovery().snapshots_damaged), (lsn - 1, 2));
}

#[test]
fn a_snapshot_of_another_directory_or_ahead_of_its_log_is_refused() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for (directory, events) in [(&one, 60), (&other, 90)] {
        let reactor = open(&on_disk(directory.path()));
        send_some(&reactor, 0, events);
        reactor.snapshot().unwrap();
        reactor.close().unwrap();
    }
    let copy = |from: &Path, to: &Path| {
        for entry in std::fs::read_dir(folder(from)).unwrap() {
            let path = entry.unwrap().path();
            std::fs::copy(&path, folder(to).join(path.file_name().unwrap())).unwrap();
        }
    };
    copy(other.path(), one.path());
    let error = Reactor::open(&source(), &on_disk(one.path())).map(|_| ()).unwrap_err();
    assert!(error.to_string().contains("belongs to another data directory"), "{error}");
    let secret = |data_dir: &Path| directory_of(data_dir, 1, 8).join("secret");
    std::fs::copy(secret(other.path()), secret(one.path())).unwrap();
    let error = Reactor::open(&source(), &on_disk(one.path())).map(|_| ()).unwrap_err();
    assert!(error.to_string().contains("the log ends at LSN"), "{error}");
}

#[test]
fn a_newer_format_or_epoch_is_refused_and_not_taken_for_damage() {
    let directory = tempfile::tempdir().unwrap();
    let reactor = open(&on_disk(directory.path()));
    send_some(&reactor, 0, 20);
    reactor.snapshot().unwrap();
    reactor.close().unwrap();
    drop(reactor);
    let (_, _, path) = kept(directory.path()).pop().unwrap();
    let good = std::fs::read(&path).unwrap();
    for (at, sentence) in [(8, "snapshot format 2"), (12, "apply epoch 3")] {
        let mut bytes = good.clone();
        bytes[at] = if at == 12 { 3 } else { 2 };
        let crc = crc32(&bytes[..60]);
        bytes[60..64].copy_from_slice(&crc.to_le_bytes());
        std::fs::write(&path, bytes).unwrap();
        let error = Reactor::open(&source(), &on_disk(directory.path())).map(|_| ()).unwrap_err();
        assert!(error.to_string().contains(sentence), "{error}");
    }
}

fn crc32(bytes: &[u8]) -> u32 {
    bytes.iter().fold(!0u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg())
        })
    }) ^ !0
}

#[test]
fn the_log_of_an_older_epoch_is_snapshotted_before_it_is_served() {
    let directory = tempfile::tempdir().unwrap();
    let options = on_disk(directory.path());
    let reactor = open(&options);
    send_some(&reactor, 0, 40);
    let (hash, lsn) = (reactor.state_hash(), reactor.log().appended());
    reactor.close().unwrap();
    drop(reactor);
    let older = Manifest { apply_epoch: 0, next_number: 1, kept: Vec::new() };
    older.replace(&RealDisk, &folder(directory.path())).unwrap();
    let again = open(&options);
    assert_eq!((again.state_hash(), again.snapshots().taken), (hash, 1));
    assert_eq!(kept(directory.path()).pop().unwrap().0, lsn);
    drop(again);
    let third = open(&options);
    assert_eq!((third.recovery().events, third.snapshots().taken), (0, 0));
    third.close().unwrap();
    drop(third);

    // As above, by a release that knew no snapshots.
    std::fs::remove_dir_all(folder(directory.path())).unwrap();
    let log = directory_of(directory.path(), 1, 8).join(LOG_FOLDER);
    let mut older = p13n::log::manifest::Manifest::read(&RealDisk, &log).unwrap().unwrap();
    older.apply_epoch = 0;
    older.replace(&RealDisk, &log).unwrap();
    let fourth = open(&options);
    assert_eq!((fourth.state_hash(), fourth.snapshots().taken), (hash, 1));
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

#[test]
fn segments_go_only_behind_a_base_and_history_begins_there() {
    let directory = tempfile::tempdir().unwrap();
    let options = short_log(directory.path());
    let reactor = open(&options);
    let mut hashes = Vec::new();
    for round in 0..40 {
        send_some(&reactor, round * 20, round * 20 + 20);
        reactor.snapshot().unwrap();
        hashes.push((reactor.log().appended(), reactor.state_hash()));
        let segments = reactor.log().segments();
        let first = segments.first().expect("one is open").first_lsn;
        let kept = kept(directory.path());
        if first > 1 {
            let (lsn, role, _) = &kept[0];
            assert_eq!(*role, Role::Base);
            assert!(lsn + 1 >= first, "the log goes on behind the base: {lsn}, {first}");
        }
        assert!(kept.len() < p13n::snapshot::limits::KEPT_MAX);
    }
    let figures = reactor.snapshots();
    assert!(figures.segments_retired > 0 && figures.failure.is_none(), "{figures:?}");
    let bytes: u64 = reactor.log().segments().iter().map(|segment| segment.file_bytes).sum();
    assert!(bytes <= (8 << 10) * 3 / 2, "{bytes} bytes are more than the limit and a quarter");
    let hash = reactor.state_hash();
    reactor.close().unwrap();
    drop(reactor);

    let again = open(&options);
    assert_eq!(again.state_hash(), hash);
    again.close().unwrap();
    drop(again);
    // From the base on every state can be had again, and none before it.
    let own = directory_of(directory.path(), 1, 8);
    let base = kept(directory.path())[0].0;
    for (lsn, hash) in &hashes {
        match Reactor::state_hash_at(&own, *lsn, &Options::default()) {
            Ok(found) => assert_eq!(found, *hash, "LSN {lsn}"),
            Err(error) => {
                assert!(*lsn < base, "LSN {lsn}, base {base}: {error}");
                assert!(matches!(error.kind(), ErrorKind::Argument(_)), "{error}");
            }
        }
    }
    assert!(hashes.iter().any(|(lsn, _)| *lsn < base));
    // Every event since the base can be decided anew, to the same state.
    let mut history = History::open(&own, base, &Options::default()).unwrap();
    history.visit(|_| Ok(std::ops::ControlFlow::Continue(()))).unwrap();
    assert_eq!(history.state_hash(), hash);
    assert_eq!(Reactor::rehearse(&own, &Options::default()).unwrap(), hash);
}

#[test]
fn the_log_behind_the_older_of_two_snapshots_stays_so_that_the_newest_may_be_damaged() {
    let directory = tempfile::tempdir().unwrap();
    let policy = SnapshotPolicy { at_close: false, ..SnapshotPolicy::default() };
    let options = Options { snapshots: policy, ..short_log(directory.path()) };
    let mut hash = 0;
    for snapshots in 1..=3 {
        let reactor = open(&options);
        assert_eq!(reactor.recovery().snapshots_damaged, u64::from(snapshots > 1));
        assert!(hash == 0 || reactor.state_hash() == hash);
        for round in 0..snapshots {
            send_some(&reactor, round * 20, round * 20 + 20);
            reactor.snapshot().unwrap();
        }
        // Far more than the log may keep, and all of it after the newest snapshot.
        for round in 0..60 {
            send_some(&reactor, 100 + round * 10, 110 + round * 10);
            reactor.log().wait(reactor.log().appended(), PATIENCE).unwrap();
        }
        reactor.retain();
        assert_eq!(reactor.snapshots().segments_retired > 0, snapshots > 1);
        assert_eq!(reactor.snapshots().failure, None);
        hash = reactor.state_hash();
        reactor.close().unwrap();
        drop(reactor);
        let (_, _, newest) = kept(directory.path()).pop().unwrap();
        let mut bytes = std::fs::read(&newest).unwrap();
        bytes[100] ^= 1;
        std::fs::write(&newest, bytes).unwrap();
    }
    assert_eq!(open(&options).state_hash(), hash);
}

#[test]
fn a_base_that_cannot_be_read_back_holds_up_retention_and_nothing_else() {
    let directory = tempfile::tempdir().unwrap();
    let unlimited = Retention { bytes: None, ..short_log(directory.path()).retention };
    let reactor = open(&Options { retention: unlimited, ..short_log(directory.path()) });
    for round in 0..6 {
        send_some(&reactor, round * 20, round * 20 + 20);
        reactor.snapshot().unwrap();
    }
    let hash = reactor.state_hash();
    reactor.close().unwrap();
    drop(reactor);
    for (_, role, path) in kept(directory.path()) {
        if role == Role::Candidate {
            let mut bytes = std::fs::read(&path).unwrap();
            bytes[100] ^= 1;
            std::fs::write(&path, bytes).unwrap();
        }
    }
    let reactor = open(&short_log(directory.path()));
    assert_eq!(reactor.state_hash(), hash);
    reactor.retain();
    let figures = reactor.snapshots();
    assert_eq!(figures.segments_retired, 0);
    assert!(figures.failure.expect("it is told").contains("is damaged"));
    assert_eq!(reactor.log().segments()[0].first_lsn, 1);
    send_some(&reactor, 200, 210);
    assert_eq!(reactor.log().failure().map(|failure| failure.to_string()), None);
}

#[test]
fn a_snapshot_while_many_threads_append_and_merge_is_the_state_at_its_cut() {
    let directory = tempfile::tempdir().unwrap();
    let options = Options { shards: 4, ..on_disk(directory.path()) };
    let reactor = open(&options);
    let ends = AtomicBool::new(false);
    let reports = std::thread::scope(|scope| {
        for thread in 0..3 {
            let (reactor, ends) = (&reactor, &ends);
            scope.spawn(move || {
                let mut turn = thread * 1_000_003;
                while !ends.load(Ordering::Relaxed) {
                    let (client, other) = (turn % 997, (turn * 7) % 499);
                    let (table, body) = match turn % 6 {
                        5 => ("pageviews", format!(r#"{{"td_client_id":"t{client}","email":"{other}@x"}}"#)),
                        _ => ("orders", format!(r#"{{"td_client_id":"t{client}","total":1,"skus":[{other}],"uuid":"{turn:032x}"}}"#)),
                    };
                    answer(reactor, table, &body);
                    turn += 1;
                }
            });
        }
        let mut reports = Vec::new();
        let met = |reports: &[SnapshotReport]| reports.iter().any(|one| one.side_bytes_max > 0);
        while reports.len() < 12 || (!met(&reports) && reports.len() < 2_000) {
            reports.push(reactor.snapshot().unwrap());
        }
        ends.store(true, Ordering::Relaxed);
        reports
    });
    let hash = reactor.state_hash();
    reactor.close().unwrap();
    drop(reactor);
    assert!(reports.iter().any(|report| report.side_bytes_max > 0), "something changed meanwhile");
    // The state of the snapshot alone, and the state that replay of the log alone has there.
    let own = directory_of(directory.path(), 1, 8);
    let snapshots = kept(directory.path());
    let (lsn, _, _) = snapshots.last().unwrap();
    let from_snapshot = Reactor::state_hash_at(&own, *lsn, &Options::default()).unwrap();
    let aside = folder(directory.path()).with_extension("aside");
    std::fs::rename(folder(directory.path()), &aside).unwrap();
    assert_eq!(Reactor::state_hash_at(&own, *lsn, &Options::default()).unwrap(), from_snapshot);
    std::fs::rename(&aside, folder(directory.path())).unwrap();
    let again = open(&options);
    assert_eq!(again.recovery().snapshot_lsn, *lsn);
    assert_eq!(again.state_hash(), hash);
    let counts =
        *Snapshot::open(&RealDisk, &snapshots.last().unwrap().2, APPLY_EPOCH).unwrap().counts();
    assert_eq!(counts.profiles, reports.last().unwrap().profiles);
}
