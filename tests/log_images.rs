//! Damage: every bit flip and every cut of a small log is found, and what was answered is either all there
//! or the start is refused. Locks, versions and epochs are refused with a clear sentence.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use p13n::log::frame::{self, Salt};
use p13n::log::storage::{Disk, RealDisk, SimulatedDisk};
use p13n::log::{Error, Log, Options, Reader, Recovery, ReplayError};

const DIRECTORY: &str = "/log";
const PATIENCE: Duration = Duration::from_secs(20);

fn options() -> Options {
    Options { segment_bytes_max: 1500, ..Options::default() }
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

fn files_of_interest(disk: &SimulatedDisk) -> Vec<PathBuf> {
    let files = disk.files();
    assert!(files.iter().filter(|file| file.extension().is_some()).count() >= 3, "{files:?}");
    files
}

#[test]
fn every_bit_flip_of_a_killed_log_is_refused_or_costs_at_most_the_last_batch() {
    let (base, records) = killed_log();
    let open_segment = files_of_interest(&base).into_iter().rfind(|file| is_segment(file));
    let mut torn = 0;
    for file in files_of_interest(&base) {
        let bytes = base.bytes(&file).expect("it is there");
        for bit in 0..bytes.len() * 8 {
            let disk = base.kill();
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            disk.put(&file, &flipped);
            match replay(&disk) {
                Err(error) => assert!(is_refusal_with_a_place(&error), "bit {bit}: {error}"),
                Ok((found, torn_bytes)) => {
                    // Nothing after the last batch says that it was synced: the documented gap.
                    assert_eq!((Some(&file), found), (open_segment.as_ref(), records - 1));
                    assert!(torn_bytes > 0, "bit {bit} is found");
                    torn += 1;
                }
            }
        }
    }
    let last_batch_bits = (48 + 5 + payload(records).len()).next_multiple_of(8) * 8;
    assert_eq!(torn, last_batch_bits, "exactly the flips in the last batch pass for a torn tail");
}

#[test]
fn every_bit_flip_of_an_orderly_closed_log_is_refused() {
    let disk = SimulatedDisk::default();
    let log = open(&disk);
    fill(&log, 1..=18);
    log.close().expect("it closes");
    drop(log);
    for file in disk.files() {
        let bytes = disk.bytes(&file).expect("it is there");
        for bit in 0..bytes.len() * 8 {
            let image = disk.kill();
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            image.put(&file, &flipped);
            let error = replay(&image).expect_err("the flip is found");
            assert!(is_refusal_with_a_place(&error), "{} bit {bit}: {error}", file.display());
        }
    }
}

#[test]
fn every_cut_of_a_log_gives_the_records_before_it_or_is_refused() {
    let (base, records) = killed_log();
    let open_segment = files_of_interest(&base).into_iter().rfind(|file| is_segment(file));
    for file in files_of_interest(&base) {
        let bytes = base.bytes(&file).expect("it is there");
        let mut found_before = 0;
        for length in 0..bytes.len() {
            let disk = base.kill();
            disk.put(&file, &bytes[..length]);
            match replay(&disk) {
                Err(error) => assert!(is_refusal_with_a_place(&error), "cut {length}: {error}"),
                Ok((found, _)) => {
                    assert_eq!(Some(&file), open_segment.as_ref(), "a closed file is refused");
                    assert!((found_before..records).contains(&found), "cut {length}: {found}");
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
    let file = disk.files().into_iter().rfind(|file| is_segment(file)).expect("there is one");
    let mut bytes = disk.bytes(&file).expect("it is there");
    let length = bytes.len();
    bytes.resize(length + 5000, 0);
    disk.put(&file, &bytes);
    assert_eq!(replay(&disk).expect("it is good"), (records, 0));
    bytes[length + 3000..].fill(0xA5);
    disk.put(&file, &bytes);
    assert_eq!(replay(&disk).expect("it is good"), (records, 5000));
}

#[test]
fn a_torn_tail_is_kept_beside_before_it_is_cut_and_counted() {
    let (disk, records) = killed_log();
    let file = disk.files().into_iter().rfind(|file| is_segment(file)).expect("there is one");
    let good = disk.bytes(&file).expect("it is there");
    let tail: Vec<u8> = (0..777_u32).map(|at| (at % 251) as u8 + 1).collect();
    disk.put(&file, &[&good[..], &tail[..]].concat());
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
    let segments: Vec<_> = disk.files().into_iter().filter(|file| is_segment(file)).collect();
    let last = segments.last().expect("there is one");
    let good = disk.bytes(last).expect("it is there");
    let other = disk.bytes(&segments[0]).expect("it is there");
    disk.put(last, &[&good[..], &other[64..]].concat());
    let (found, torn_bytes) = replay(&disk).expect("the rest is good");
    assert_eq!((found, torn_bytes), (records, other.len() as u64 - 64));
    // The segment's own batches once more: right salt, wrong place. They were synced, so this is damage
    // that only a wrong disk makes.
    disk.put(last, &[&good[..], &good[64..]].concat());
    assert_eq!(replay(&disk).expect("the rest is good").0, records);
}

#[test]
fn a_batch_that_does_not_follow_the_one_before_it_is_no_record() {
    let (disk, records) = killed_log();
    let file = disk.files().into_iter().rfind(|file| is_segment(file)).expect("there is one");
    let good = disk.bytes(&file).expect("it is there");
    let salt = Salt::new(good[24..40].try_into().expect("16 bytes"));
    let last = good.len() - (48 + 5 + payload(records).len()).next_multiple_of(8);
    let chain = frame::parse_header(&good[last..], &salt).expect("the last batch").crc;
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
        let torn_bytes = if follows { 0 } else { batch.len() as u64 };
        let found = replay(&disk).expect("the rest is good");
        assert_eq!(found, (records + u64::from(follows), torn_bytes), "{lsn} {chain}");
    }
}

#[test]
fn a_missing_segment_and_a_missing_manifest_are_refused_by_name() {
    let (base, _) = killed_log();
    for file in files_of_interest(&base) {
        let disk = base.kill();
        disk.remove(&file).expect("it is there");
        let error = replay(&disk).expect_err("something is missing");
        let Error::Corrupted { file: named, .. } = &error else { panic!("{error}") };
        assert_eq!(*named, file);
        assert!(error.to_string().contains("missing"), "{error}");
    }
}

#[test]
fn damage_names_file_offset_and_range() {
    let (disk, records) = killed_log();
    let file = disk.files().into_iter().rfind(|file| is_segment(file)).expect("there is one");
    let mut bytes = disk.bytes(&file).expect("it is there");
    bytes[64 + 50] ^= 1;
    disk.put(&file, &bytes);
    let error = replay(&disk).expect_err("the second of several batches is damaged");
    let Error::Corrupted { file: named, offset, first_lsn, last_lsn, .. } = error else {
        panic!("{error}")
    };
    assert_eq!((named, offset, last_lsn), (file, 64, records - 1));
    assert!((13..records).contains(&first_lsn));
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
    assert_eq!((summary.records, summary.last_lsn, summary.synced_lsn), (20, 20, 19));
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
    let segment = disk.files().into_iter().rfind(|file| is_segment(file)).expect("there is one");
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

fn is_segment(file: &Path) -> bool {
    file.extension().is_some_and(|extension| extension == "log")
}
