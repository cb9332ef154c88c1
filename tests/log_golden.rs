//! Golden logs: a directory written by each format version stays readable for good. With `P13N_GOLDEN=write`
//! the current version's is written anew, which a released version's must never be.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use p13n::log::storage::RealDisk;
use p13n::log::{Log, Options, Reader, Recovery};

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/log/v1")
}

fn payload(number: u64) -> Vec<u8> {
    format!("record {number} ").repeat(number as usize % 9).into_bytes()
}

fn open(directory: &Path) -> Recovery {
    let options = Options { segment_bytes_max: 1024, ..Options::default() };
    Recovery::open(directory, Arc::new(RealDisk), options).expect("the log opens")
}

fn append(log: &Log, number: u64) {
    let payload = payload(number);
    let reservation = log.reserve(payload.len()).expect("the queue has room");
    let lsn = log.append(reservation, number as u8, &[&payload]).expect("the log works");
    log.wait(lsn, std::time::Duration::from_secs(20)).expect("the log syncs");
}

/// Two terms with a rotation each, closed in good order.
fn write() {
    fs::remove_dir_all(golden()).ok();
    for numbers in [1..=20, 21..=30] {
        let log = open(&golden()).start().expect("the log starts");
        numbers.for_each(|number| append(&log, number));
        log.close().expect("it closes");
    }
    fs::remove_file(golden().join("lock")).expect("it is there");
}

#[test]
fn a_log_of_format_version_1_stays_readable_and_goes_on() {
    if std::env::var("P13N_GOLDEN").as_deref() == Ok("write") {
        write();
    }
    let directory = tempfile::tempdir().expect("a directory");
    for file in fs::read_dir(golden()).expect("the golden log is there") {
        let file = file.expect("it can be listed");
        fs::copy(file.path(), directory.path().join(file.file_name())).expect("it can be copied");
    }
    let summary = Reader::open(directory.path(), Arc::new(RealDisk))
        .and_then(|reader| reader.summary())
        .expect("the log is good");
    assert_eq!((summary.records, summary.term, summary.synced_lsn), (30, 2, 30));
    assert!(summary.segments.len() > 2, "both terms cross a rotation");

    let mut recovery = open(directory.path());
    let mut count = 0;
    let replayed = recovery
        .replay(|record| {
            count += 1;
            let term = if count <= 20 { 1 } else { 2 };
            assert_eq!((record.lsn.counter, record.lsn.term), (count, term));
            assert_eq!((record.kind, record.payload), (count as u8, &payload(count)[..]));
            Ok::<_, ()>(())
        })
        .expect("the log is good");
    assert_eq!((replayed.records, replayed.torn_bytes), (30, 0));
    let log = recovery.start().expect("the log starts");
    assert_eq!((log.term(), log.appended()), (3, 30));
    append(&log, 31);
    assert_eq!(log.synced(), 31);
}
