//! Damage: every bit flip and every cut of a small log is found, and what was answered is either all there
//! or the start is refused. Locks, versions and epochs are refused with a clear sentence.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use p13n::log::frame::{self, BatchHeader, Salt};
use p13n::log::storage::{Disk, RealDisk, SimulatedDisk};
use p13n::log::{Error, Log, Options, Reader, Recovery, ReplayError, SegmentState};

const DIRECTORY: &str = "/log";
const PATIENCE: Duration = Duration::from_secs(20);

fn options() -> Options {
    Options { segment_bytes_max: 1500, seal: false, ..Options::default() }
}

fn open(disk: &SimulatedDisk) -> Log {
    Recovery::open(Path::new(DIRECTORY), Arc::new(disk.clone()), options())
        .and_then(Recovery::start)
        .expect("the log starts")
}

fn payload(number: u64) -> Vec<u8> {
    (0..20 + number * 7 % 90).map(|at| (at * number) as u8).collect()
}

/// Appends records, each in a batch of its own, and waits for each.
fn fill(log: &Log, numbers: std::ops::RangeInclusive<u64>) {
    for number in numbers {
        let payload = payload(number);
        let reservation = log.reserve(payload.len()).expect("the queue has room");
        let lsn = log.append(reservation, number as u8, &[&payload]).expect("the log works");
        assert_eq!(lsn, number);
        log.wait(lsn, PATIENCE).expect("the log syncs");
    }
}

/// Replays, checks that what comes is a prefix of what was written, and gives its length and the torn bytes.
fn replay(disk: &SimulatedDisk) -> Result<(u64, u64), Error> {
    let disk: Arc<dyn Disk> = Arc::new(disk.clone());
    let mut recovery = Recovery::open(Path::new(DIRECTORY), disk, options())?;
    let mut count = 0;
    let replayed = recovery.replay(|record| {
        count += 1;
        assert_eq!(record.lsn.counter, count);
        assert_eq!((record.kind, record.payload), (count as u8, &payload(count)[..]));
        Ok::<_, ()>(())
    });
    match replayed {
        Ok(replayed) => Ok((count, replayed.torn_bytes)),
        Err(ReplayError::Log(error)) => Err(error),
        Err(ReplayError::Apply { .. }) => unreachable!("the closure refuses nothing"),
    }
}

/// Two terms, closed segments, and an open one as a kill leaves it. About 4 KiB.
fn killed_log() -> (SimulatedDisk, u64) {
    let disk = SimulatedDisk::default();
    let log = open(&disk);
    fill(&log, 1..=12);
    log.close().expect("it closes");
    let log = open(&disk);
    fill(&log, 13..=30);
    (disk.kill(), 30)
}

fn is_refusal_with_a_place(error: &Error) -> bool {
    matches!(error, Error::Corrupted { .. } | Error::NewerFormat { .. } | Error::NewerEpoch { .. })
}

/// The segments that the manifest names, in LSN order.
fn segments(disk: &SimulatedDisk) -> Vec<PathBuf> {
    let reader = Reader::open(Path::new(DIRECTORY), Arc::new(disk.clone())).expect("it opens");
    let summary = reader.summary().expect("the log is good");
    summary.segments.into_iter().map(|segment| segment.file).collect()
}

/// What the log needs to be there: its segments and the manifest.
fn files_of_interest(disk: &SimulatedDisk) -> Vec<PathBuf> {
    let mut files = segments(disk);
    assert!(files.len() >= 2, "{files:?}");
    files.push(Path::new(DIRECTORY).join("manifest"));
    files
}

fn without_trailing_zeros(bytes: &[u8]) -> usize {
    bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1)
}

/// The batches of a segment, by their places.
fn batches(bytes: &[u8]) -> Vec<(usize, BatchHeader)> {
    let salt = Salt::new(bytes[24..40].try_into().expect("16 bytes"));
    let mut batches = Vec::new();
    let mut at = 64;
    while let Ok(header) = frame::parse_header(&bytes[at..], &salt) {
        batches.push((at, header));
        at += header.bytes();
    }
    batches
}

/// The open segment and its bytes, without free room.
fn open_segment(disk: &SimulatedDisk) -> (PathBuf, Vec<u8>) {
    let file = segments(disk).pop().expect("there is one");
    let mut bytes = disk.bytes(&file).expect("it is there");
    let (at, last) = batches(&bytes).pop().expect("it holds a batch");
    bytes.truncate(at + last.bytes());
    (file, bytes)
}

/// Without what the last sync left, as after a power cut that took it.
fn forget_synced(disk: &SimulatedDisk) {
    disk.remove(&Path::new(DIRECTORY).join("synced")).expect("it is there");
}

fn each_flip(
    base: &SimulatedDisk,
    file: &Path,
    mut judge: impl FnMut(usize, Result<(u64, u64), Error>),
) {
    let bytes = base.bytes(file).expect("it is there");
    for bit in 0..bytes.len() * 8 {
        let disk = base.kill();
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        disk.put(file, &flipped);
        judge(bit, replay(&disk));
    }
}

#[test]
fn every_bit_flip_of_a_killed_log_is_refused_unless_it_hits_free_room() {
    let (base, records) = killed_log();
    let (open_file, good) = open_segment(&base);
    for file in files_of_interest(&base) {
        each_flip(&base, &file, |bit, found| match found {
            Err(error) => assert!(is_refusal_with_a_place(&error), "bit {bit}: {error}"),
            Ok((found, torn_bytes)) => {
                // Free room, or a marker, which holds no record.
                assert_eq!((&file, found), (&open_file, records), "bit {bit}");
                assert!(torn_bytes > 0, "bit {bit} is found");
                let last = batches(&good).into_iter().rfind(|(_, batch)| batch.count > 0);
                let (at, last) = last.expect("there is one");
                assert!(bit / 8 >= at + last.bytes(), "bit {bit} of a record's batch");
            }
        });
    }
}

#[test]
fn a_damaged_or_missing_synced_file_alone_is_no_reason_to_refuse() {
    let (base, records) = killed_log();
    each_flip(&base, &Path::new(DIRECTORY).join("synced"), |bit, found| {
        assert_eq!(found.expect("it only adds"), (records, 0), "bit {bit}");
    });
    forget_synced(&base);
    assert_eq!(replay(&base).expect("it only adds"), (records, 0));
}

#[test]
fn without_the_synced_file_a_flip_costs_at_most_the_last_batch_and_with_a_marker_nothing() {
    let (base, records) = killed_log();
    forget_synced(&base);
    let (file, good) = open_segment(&base);
    let (last, _) = batches(&good).into_iter().rfind(|(_, batch)| batch.count > 0).expect("some");
    each_flip(&base, &file, |bit, found| match found {
        Err(error) => assert!(is_refusal_with_a_place(&error), "bit {bit}: {error}"),
        Ok((found, _)) => assert!(found == records || bit / 8 >= last && found == records - 1),
    });

    let disk = SimulatedDisk::default();
    let log = open(&disk);
    fill(&log, 1..=30);
    let begun = std::time::Instant::now();
    let is_marker = |batches: Vec<(usize, BatchHeader)>| {
        batches.last().is_some_and(|(_, last)| (last.count, last.synced_lsn) == (0, 30))
    };
    while !is_marker(batches(&open_segment(&disk).1)) {
        assert!(begun.elapsed() < PATIENCE, "an idle log writes a marker");
        std::thread::yield_now();
    }
    let base = disk.crash(|| 0);
    forget_synced(&base);
    let (file, good) = open_segment(&base);
    assert!(is_marker(batches(&good)), "and syncs it");
    each_flip(&base, &file, |bit, found| match found {
        Err(error) => assert!(is_refusal_with_a_place(&error), "bit {bit}: {error}"),
        Ok((found, _)) => assert_eq!(found, 30, "bit {bit}"),
    });
}

#[test]
fn every_bit_flip_of_an_orderly_closed_log_is_refused() {
    let disk = SimulatedDisk::default();
    let log = open(&disk);
    fill(&log, 1..=18);
    log.close().expect("it closes");
    drop(log);
    for file in files_of_interest(&disk) {
        // What lies behind a closed segment's length is nobody's.
        each_flip(&disk, &file, |bit, found| {
            let error = found.expect_err("the flip is found");
            assert!(is_refusal_with_a_place(&error), "{} bit {bit}: {error}", file.display());
        });
    }
}

/// A log whose closed segments are all sealed.
fn sealed_log() -> (SimulatedDisk, u64) {
    let disk = SimulatedDisk::default();
    let options = Options { segment_bytes_max: 1500, ..Options::default() };
    let start = || {
        Recovery::open(Path::new(DIRECTORY), Arc::new(disk.clone()), options)
            .and_then(Recovery::start)
            .expect("it starts")
    };
    let log = start();
    fill(&log, 1..=25);
    log.close().expect("it closes");
    drop(log);
    let log = start();
    let begun = std::time::Instant::now();
    while log.segments().iter().any(|segment| segment.state == SegmentState::Closed) {
        assert!(begun.elapsed() < PATIENCE, "closed segments are sealed: {:?}", log.segments());
        std::thread::yield_now();
    }
    log.close().expect("it closes");
    drop(log);
    (disk, 25)
}

#[test]
fn every_bit_flip_and_every_cut_of_a_sealed_log_is_refused_with_its_place() {
    let (disk, records) = sealed_log();
    assert_eq!(replay(&disk).expect("it is good"), (records, 0));
    let files = files_of_interest(&disk);
    assert!(!disk.files().iter().any(|file| file.extension().is_some_and(|end| end == "log")));
    for file in files {
        let is_sealed = file.extension().is_some_and(|end| end == "sealed");
        each_flip(&disk, &file, |bit, found| {
            let error = found.expect_err("the flip is found");
            assert!(is_refusal_with_a_place(&error), "{} bit {bit}: {error}", file.display());
            if let Error::Corrupted { file: named, first_lsn, last_lsn, .. } = &error {
                assert!(!is_sealed || *named == file, "{error}");
                assert!(first_lsn <= last_lsn, "{error}");
            }
        });
        let bytes = disk.bytes(&file).expect("it is there");
        for length in 0..bytes.len() {
            let image = disk.kill();
            image.put(&file, &bytes[..length]);
            let error = replay(&image).expect_err("the cut is found");
            assert!(is_refusal_with_a_place(&error), "cut {length}: {error}");
        }
    }
}

#[test]
fn every_cut_of_a_killed_log_is_refused_unless_it_takes_free_room() {
    let (base, records) = killed_log();
    let (open_file, good) = open_segment(&base);
    let (last_at, last) =
        batches(&good).into_iter().rfind(|(_, batch)| batch.count > 0).expect("there is one");
    for file in files_of_interest(&base) {
        let bytes = base.bytes(&file).expect("it is there");
        for length in 0..bytes.len() {
            let disk = base.kill();
            disk.put(&file, &bytes[..length]);
            match replay(&disk) {
                Err(error) => assert!(is_refusal_with_a_place(&error), "cut {length}: {error}"),
                Ok((found, _)) => {
                    assert_eq!((&file, found), (&open_file, records), "cut {length}");
                    assert!(length >= last_at + last.bytes() - 8, "cut {length}: into a record");
                }
            }
        }
    }
}

#[test]
fn without_the_synced_file_every_cut_gives_the_records_before_it_or_is_refused() {
    let (base, records) = killed_log();
    forget_synced(&base);
    let (open_file, _) = open_segment(&base);
    for file in files_of_interest(&base) {
        let bytes = base.bytes(&file).expect("it is there");
        let mut found_before = 0;
        for length in 0..bytes.len() {
            let disk = base.kill();
            disk.put(&file, &bytes[..length]);
            match replay(&disk) {
                Err(error) => assert!(is_refusal_with_a_place(&error), "cut {length}: {error}"),
                Ok((found, _)) => {
                    assert_eq!(file, open_file, "a closed file is refused");
                    assert!((found_before..=records).contains(&found), "cut {length}: {found}");
                    found_before = found;
                    // The log goes on behind the cut, under numbers that were never answered.
                    let log = open(&disk);
                    assert_eq!(log.appended(), found);
                }
            }
        }
    }
}

#[test]
fn zeros_behind_the_last_batch_are_free_room_and_not_torn() {
    let (disk, records) = killed_log();
    let (file, mut bytes) = open_segment(&disk);
    let length = bytes.len();
    bytes.resize(length + 5000, 0);
    disk.put(&file, &bytes);
    assert_eq!(replay(&disk).expect("it is good"), (records, 0));
    bytes[length + 3000..length + 4000].fill(0xA5);
    disk.put(&file, &bytes);
    assert_eq!(replay(&disk).expect("it is good"), (records, 4000), "zeros behind are not torn");
}

#[test]
fn a_torn_tail_is_kept_beside_before_it_is_cut_and_counted() {
    let (disk, records) = killed_log();
    let (file, good) = open_segment(&disk);
    let tail: Vec<u8> = (0..777_u32).map(|at| (at % 251) as u8 + 1).collect();
    disk.put(&file, &[&good[..], &tail[..], &[0; 100]].concat());
    let log = open(&disk);
    assert_eq!(log.stats().torn_bytes, 777);
    fill(&log, records + 1..=records + 3);
    log.close().expect("it closes");
    drop(log);
    assert_eq!(disk.bytes(&file).expect("it is there"), good);
    let torn = PathBuf::from(format!("{}.{}.torn", file.display(), good.len()));
    assert_eq!(disk.bytes(&torn).expect("the tail is kept"), tail);
    assert_eq!(replay(&disk).expect("it is good"), (records + 3, 0));
}

#[test]
fn a_batch_of_another_segment_or_of_an_older_term_is_no_record() {
    let (disk, records) = killed_log();
    let (file, good) = open_segment(&disk);
    let other = disk.bytes(&segments(&disk)[0]).expect("it is there");
    disk.put(&file, &[&good[..], &other[64..]].concat());
    let (found, torn_bytes) = replay(&disk).expect("the rest is good");
    assert_eq!((found, torn_bytes), (records, without_trailing_zeros(&other[64..]) as u64));
    // The segment's own batches once more: right salt, wrong place. They were synced, so this is damage
    // that only a wrong disk makes.
    disk.put(&file, &[&good[..], &good[64..]].concat());
    assert_eq!(replay(&disk).expect("the rest is good").0, records);
}

#[test]
fn a_batch_that_does_not_follow_the_one_before_it_is_no_record() {
    let (disk, records) = killed_log();
    let (file, good) = open_segment(&disk);
    let salt = Salt::new(good[24..40].try_into().expect("16 bytes"));
    let chain = batches(&good).pop().expect("the last batch").1.crc;
    for (lsn, chain, follows) in [
        (records + 1, chain, true),
        (records + 1, chain ^ 1, false),
        (records + 2, chain, false),
        (records, chain, false),
    ] {
        let next = payload(records + 1);
        let mut batch = vec![0; frame::BATCH_HEADER_BYTES];
        frame::push_record(&mut batch, (records + 1) as u8, &[&next], next.len() as u32);
        frame::seal(&mut batch, &salt, lsn, 1, records - 1, chain);
        disk.put(&file, &[&good[..], &batch[..]].concat());
        let torn_bytes = if follows { 0 } else { without_trailing_zeros(&batch) as u64 };
        let found = replay(&disk).expect("the rest is good");
        assert_eq!(found, (records + u64::from(follows), torn_bytes), "{lsn} {chain}");
    }
}

#[test]
fn a_missing_segment_and_a_missing_manifest_are_refused_by_name() {
    let (killed, _) = killed_log();
    let (sealed, _) = sealed_log();
    for base in [killed, sealed] {
        for file in files_of_interest(&base) {
            let disk = base.kill();
            disk.remove(&file).expect("it is there");
            let error = replay(&disk).expect_err("something is missing");
            let Error::Corrupted { file: named, .. } = &error else { panic!("{error}") };
            assert_eq!(*named, file);
            assert!(error.to_string().contains("missing"), "{error}");
        }
    }
}

#[test]
fn damage_names_file_offset_and_range() {
    let (disk, records) = killed_log();
    let (file, mut bytes) = open_segment(&disk);
    bytes[64 + 50] ^= 1;
    disk.put(&file, &bytes);
    let error = replay(&disk).expect_err("the second of several batches is damaged");
    let Error::Corrupted { file: named, offset, first_lsn, last_lsn, .. } = error else {
        panic!("{error}")
    };
    assert_eq!((named, offset, last_lsn), (file, 64, records));
    assert!((13..records).contains(&first_lsn));
}

#[test]
fn a_manifest_older_than_the_segments_beside_it_is_refused() {
    let disk = SimulatedDisk::default();
    let log = open(&disk);
    let manifest = Path::new(DIRECTORY).join("manifest");
    let old = disk.bytes(&manifest).expect("it is there");
    fill(&log, 1..=30);
    drop(log);
    disk.put(&manifest, &old);
    let error = replay(&disk).expect_err("records would be lost");
    assert!(is_refusal_with_a_place(&error), "{error}");
    assert!(error.to_string().contains("older than this segment"), "{error}");
}

#[test]
fn a_second_writer_is_refused_at_once_and_a_reader_is_not() {
    let directory = tempfile::tempdir().expect("a directory");
    let disk: Arc<dyn Disk> = Arc::new(RealDisk);
    let path = directory.path().join("data/log");
    let log = Recovery::open(&path, Arc::clone(&disk), options())
        .and_then(Recovery::start)
        .expect("the first writer starts");
    fill(&log, 1..=20);
    let begun = std::time::Instant::now();
    let second = Recovery::open(&path, Arc::clone(&disk), options());
    assert!(matches!(second, Err(Error::Locked { directory }) if directory == path));
    assert!(begun.elapsed() < Duration::from_secs(1));
    let summary = Reader::open(&path, Arc::clone(&disk)).and_then(|reader| reader.summary());
    let summary = summary.expect("a reader needs no lock");
    assert_eq!((summary.records, summary.last_lsn, summary.synced_lsn), (20, 20, 20));
    log.close().expect("it closes");
    assert!(Recovery::open(&path, disk, options()).is_ok(), "close lets go of the directory");
}

#[test]
fn a_newer_format_and_a_newer_epoch_are_refused_with_a_clear_sentence() {
    let (disk, _) = killed_log();
    let older = Options { apply_epoch: 0, ..options() };
    let refused = Recovery::open(Path::new(DIRECTORY), Arc::new(disk.clone()), older);
    let sentence = refused.err().expect("the epoch is newer").to_string();
    assert!(sentence.contains("apply epoch 1") && sentence.contains("newer release"), "{sentence}");

    let manifest = Path::new(DIRECTORY).join("manifest");
    let (segment, _) = open_segment(&disk);
    for (file, covered) in [(segment, 60), (manifest, usize::MAX)] {
        let image = disk.kill();
        let mut bytes = image.bytes(&file).expect("it is there");
        bytes[8..12].copy_from_slice(&2_u32.to_le_bytes());
        let covered = covered.min(bytes.len() - 4);
        let crc = crc32fast::hash(&bytes[..covered]);
        bytes[covered..covered + 4].copy_from_slice(&crc.to_le_bytes());
        image.put(&file, &bytes);
        let error = replay(&image).expect_err("the format is newer");
        assert!(matches!(error, Error::NewerFormat { found: 2, known: 1, .. }), "{error}");
    }
}
