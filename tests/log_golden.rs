//! Golden logs: a directory written by each format version stays readable for good. With `P13N_GOLDEN=write`
//! the current version's is written anew, which a released version's must never be.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use p13n::log::storage::RealDisk;
use p13n::log::{Error, Log, Options, Reader, Recovery, SegmentState};

const PATIENCE: Duration = Duration::from_secs(20);

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/log/v1")
}

fn payload(number: u64) -> Vec<u8> {
    format!("record {number} ").repeat(number as usize % 9).into_bytes()
}

fn options() -> Options {
    Options { segment_bytes_max: 1024, ..Options::default() }
}

fn open(directory: &Path) -> Recovery {
    Recovery::open(directory, Arc::new(RealDisk), options()).expect("the log opens")
}

fn append(log: &Log, number: u64) {
    let payload = payload(number);
    let reservation = log.reserve(payload.len()).expect("the queue has room");
    let lsn = log.append(reservation, number as u8, &[&payload]).expect("the log works");
    log.wait(lsn, PATIENCE).expect("the log syncs");
}

fn until(what: &str, mut reached: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !reached() {
        assert!(begun.elapsed() < PATIENCE, "{what}");
        std::thread::yield_now();
    }
}

fn copy(from: &Path, to: &Path) {
    for file in fs::read_dir(from).expect("the log is there") {
        let file = file.expect("it can be listed");
        fs::copy(file.path(), to.join(file.file_name())).expect("it can be copied");
    }
}

/// Sealed segments, a closed one and, as a kill leaves it, an open one with a marker: three terms.
fn write() {
    let directory = tempfile::tempdir().expect("a directory");
    let log = open(directory.path()).start().expect("the log starts");
    (1..=20).for_each(|number| append(&log, number));
    log.close().expect("it closes");
    drop(log);
    let log = open(directory.path()).start().expect("the log starts");
    until("all of the first term is sealed", || {
        log.segments().iter().all(|segment| segment.state != SegmentState::Closed)
    });
    // Too short for a quarter of a segment, so it stays as it is.
    append(&log, 21);
    log.close().expect("it closes");
    drop(log);
    let log = open(directory.path()).start().expect("the log starts");
    append(&log, 22);
    until("a marker follows", || {
        let reader = Reader::open(directory.path(), Arc::new(RealDisk)).expect("it opens");
        let summary = reader.summary().expect("the log is good");
        summary.segments.last().is_some_and(|segment| segment.batches == 2)
    });
    fs::remove_dir_all(golden()).ok();
    fs::create_dir_all(golden()).expect("it can be made");
    copy(directory.path(), &golden());
    fs::remove_file(golden().join("lock")).expect("it is there");
}

#[test]
fn a_log_of_format_version_1_stays_readable_and_goes_on() {
    if std::env::var("P13N_GOLDEN").as_deref() == Ok("write") {
        write();
    }
    let directory = tempfile::tempdir().expect("a directory");
    copy(&golden(), directory.path());
    let reader = Reader::open(directory.path(), Arc::new(RealDisk)).expect("it opens");
    let summary = reader.summary().expect("the log is good");
    assert_eq!((summary.records, summary.term, summary.synced_lsn), (22, 3, 22));
    let kinds: Vec<_> = summary
        .segments
        .iter()
        .map(|segment| (segment.file.extension().and_then(|end| end.to_str()), segment.closed))
        .collect();
    let (sealed, rest) = kinds.split_at(kinds.len() - 2);
    assert!(sealed.len() > 1 && sealed.iter().all(|kind| *kind == (Some("sealed"), true)));
    assert_eq!(rest, [(Some("log"), true), (Some("log"), false)]);
    assert_eq!(summary.segments.last().map(|open| open.batches), Some(2), "a record, a marker");

    let mut recovery = open(directory.path());
    let mut count = 0;
    let replayed = recovery
        .replay(|record| {
            count += 1;
            let term = [1, 2, 3][(count > 20) as usize + (count > 21) as usize];
            assert_eq!((record.lsn.counter, record.lsn.term), (count, term));
            assert_eq!((record.kind, record.payload), (count as u8, &payload(count)[..]));
            Ok::<_, ()>(())
        })
        .expect("the log is good");
    assert_eq!((replayed.records, replayed.torn_bytes), (22, 0));
    let log = recovery.start().expect("the log starts");
    assert_eq!((log.term(), log.appended()), (4, 22));
    append(&log, 23);
    assert_eq!(log.synced(), 23);
}

#[test]
fn the_golden_synced_file_knows_of_the_last_record() {
    let directory = tempfile::tempdir().expect("a directory");
    copy(&golden(), directory.path());
    let open_file = directory.path().join("000000000004.log");
    let mut bytes = fs::read(&open_file).expect("it is there");
    bytes.truncate(64);
    fs::write(&open_file, bytes).expect("it is written");
    let error = open(directory.path()).replay(|_| Ok::<_, Error>(())).expect_err("22 is missing");
    assert!(error.to_string().contains("records 22 to at least 22 were synced"), "{error}");
}
