//! Sealing: a closed segment becomes a compressed one that reads the same, whatever happens on the way.

use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use p13n::log::storage::{Disk, Fault, RealDisk, SimulatedDisk};
use p13n::log::{Error, Log, Options, Reader, Record, Recovery, SegmentState, SyncPolicy};

const DIRECTORY: &str = "/log";
const PATIENCE: Duration = Duration::from_secs(20);
const RECORDS: u64 = 40;

fn options(seal: bool) -> Options {
    Options { segment_bytes_max: 1024, seal, ..Options::default() }
}

fn open(disk: &SimulatedDisk, seal: bool) -> Result<Recovery, Error> {
    Recovery::open(Path::new(DIRECTORY), Arc::new(disk.clone()), options(seal))
}

fn start(disk: &SimulatedDisk, seal: bool) -> Log {
    open(disk, seal).and_then(Recovery::start).expect("the log starts")
}

fn payload(number: u64) -> Vec<u8> {
    format!("record {number} ").repeat(6).into_bytes()
}

fn fill(log: &Log, numbers: std::ops::RangeInclusive<u64>) {
    for number in numbers {
        let payload = payload(number);
        let mut lsn = 0;
        // After a start that was short of room, events wait until the next segment is certain.
        until("there is room", || {
            let Ok(reservation) = log.reserve(payload.len()) else { return false };
            lsn = log.append(reservation, 1, &[&payload]).expect("the log works");
            true
        });
        log.wait(lsn, PATIENCE).expect("the log syncs");
    }
}

fn until(what: &str, mut reached: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !reached() {
        assert!(begun.elapsed() < PATIENCE, "{what}");
        std::thread::yield_now();
    }
}

fn is_all_sealed(log: &Log) -> bool {
    log.segments().iter().all(|segment| segment.state != SegmentState::Closed)
}

/// Closed segments that nobody has sealed, and no open one.
fn unsealed() -> SimulatedDisk {
    let disk = SimulatedDisk::default();
    let log = start(&disk, false);
    fill(&log, 1..=RECORDS);
    log.close().expect("it closes");
    drop(log);
    disk
}

fn sealed() -> SimulatedDisk {
    let disk = unsealed();
    let log = start(&disk, true);
    until("all are sealed", || is_all_sealed(&log));
    log.close().expect("it closes");
    drop(log);
    disk
}

fn check(disk: &SimulatedDisk, after_lsn: u64) -> Result<u64, Error> {
    let mut recovery = open(disk, true)?;
    let mut next = after_lsn + 1;
    let replayed = recovery.replay_after(after_lsn, |record: Record<'_>| {
        assert_eq!((record.lsn.counter, record.payload), (next, &payload(next)[..]));
        next += 1;
        Ok::<_, ()>(())
    });
    match replayed {
        Ok(replayed) => Ok(replayed.records),
        Err(p13n::log::ReplayError::Log(error)) => Err(error),
        Err(p13n::log::ReplayError::Apply { .. }) => unreachable!("nothing is refused"),
    }
}

fn named(name: &str) -> PathBuf {
    Path::new(DIRECTORY).join(name)
}

#[test]
fn closed_segments_are_sealed_after_rotation_and_at_the_start_and_read_the_same() {
    let disk = unsealed();
    let before = disk.files().len();
    let log = start(&disk, true);
    until("what an earlier start left is sealed", || is_all_sealed(&log));
    fill(&log, RECORDS + 1..=2 * RECORDS);
    until("and what is closed meanwhile", || is_all_sealed(&log));
    assert!(log.segments().len() > 8 && before > 4);
    log.close().expect("it closes");
    let closed: Vec<_> =
        log.segments().into_iter().filter(|entry| entry.state == SegmentState::Closed).collect();
    assert_eq!(closed.len(), 1, "the last one waits for the next start");
    for entry in log.segments().iter().filter(|entry| entry.state == SegmentState::Sealed) {
        let file =
            disk.bytes(&named(&format!("{:012}.sealed", entry.number))).expect("it is there");
        assert_eq!(file.len() as u64, entry.file_bytes);
        assert_eq!(disk.bytes(&named(&format!("{:012}.log", entry.number))), None);
        assert!(entry.file_bytes < entry.bytes, "{entry:?}");
    }
    drop(log);
    assert_eq!(check(&disk.crash(|| 0), 0).expect("it is good"), 2 * RECORDS);
    let reader = Reader::open(Path::new(DIRECTORY), Arc::new(disk)).expect("it opens");
    let summary = reader.summary().expect("it is good");
    assert_eq!((summary.records, summary.synced_lsn), (2 * RECORDS, 2 * RECORDS));
}

#[test]
fn short_segments_of_restarts_stay_as_they_are() {
    let disk = SimulatedDisk::default();
    for number in 1..=5 {
        let log = start(&disk, true);
        fill(&log, number..=number);
        log.close().expect("it closes");
    }
    let log = start(&disk, true);
    log.close().expect("it closes");
    let states: Vec<_> = log.segments().iter().map(|entry| entry.state).collect();
    assert_eq!(states, [SegmentState::Closed; 5]);
    drop(log);
    assert_eq!(check(&disk, 0).expect("it is good"), 5);
}

#[test]
fn a_fault_at_any_call_of_sealing_loses_nothing_and_leaves_no_litter() {
    let base = unsealed();
    for fault in [
        Fault::Dead,
        Fault::Panic,
        Fault::Fail(std::io::ErrorKind::Other),
        Fault::Fail(std::io::ErrorKind::StorageFull),
        Fault::Short,
    ] {
        let mut struck = 0;
        for call in 0.. {
            let disk = base.kill();
            let log = start(&disk, false);
            log.close().expect("it closes");
            drop(log);
            let started = open(&disk, true).expect("it opens");
            disk.plan(call, fault);
            // The start's own calls are swept elsewhere; here they only come first.
            let started = std::panic::catch_unwind(AssertUnwindSafe(|| started.start()));
            let Ok(Ok(log)) = started else { continue };
            let is_over = || is_all_sealed(&log) || log.failure().is_some();
            until("it ends or goes on", || is_over() || !disk.is_fault_pending());
            if disk.is_fault_pending() {
                break;
            }
            struck += 1;
            let images = [disk.crash(|| 0), disk.crash(|| 1), disk.kill()];
            if fault == Fault::Short {
                until("a short write goes on", is_over);
                assert!(log.failure().is_none());
            }
            drop(log);
            for after in images {
                assert_eq!(check(&after, 0).expect("it is good"), RECORDS, "{fault:?} {call}");
                let log = start(&after, true);
                until("the next start seals them", || is_all_sealed(&log));
                log.close().expect("it closes");
                drop(log);
                assert_eq!(check(&after, 0).expect("it is good"), RECORDS, "{fault:?} {call}");
                let litter = |file: &PathBuf| {
                    file.extension().is_some_and(|end| end == "log" || end == "tmp")
                };
                let files: Vec<_> = after.files().into_iter().filter(litter).collect();
                assert!(files.is_empty(), "{fault:?} {call}: {files:?}");
            }
        }
        assert!(struck > 30, "{fault:?}: the sweep reaches every step: {struck}");
    }
}

#[test]
fn on_a_full_disk_segments_stay_until_there_is_room() {
    let disk = unsealed();
    let log = start(&disk, false);
    log.close().expect("it closes");
    drop(log);
    // Room for a start, not for a segment sealed beside its original.
    disk.set_capacity(disk.used_bytes() + 800);
    let log = start(&disk, true);
    let calls = disk.calls();
    assert!(log.failure().is_none(), "no room is no failure");
    disk.set_capacity(usize::MAX);
    // At the latest when the next segment is closed, it is tried again.
    fill(&log, RECORDS + 1..=2 * RECORDS);
    until("all are sealed", || is_all_sealed(&log));
    assert!(disk.calls() > calls);
    drop(log);
    assert_eq!(check(&disk, 0).expect("it is good"), 2 * RECORDS);
}

#[test]
fn a_damaged_segment_is_not_sealed_but_left_for_people() {
    let disk = unsealed();
    let file = named("000000000002.log");
    let mut bytes = disk.bytes(&file).expect("it is there");
    bytes[200] ^= 4;
    disk.put(&file, &bytes);
    // The damage lies in what a snapshot covers: the log starts, and the keeper comes across it.
    let mut recovery = open(&disk, true).expect("it opens");
    recovery.replay_after(RECORDS, |_| Ok::<_, ()>(())).expect("nothing more is read");
    let log = recovery.start().expect("it starts");
    until("it is counted", || log.stats().unsealed_segments == 1);
    until("the others are sealed", || {
        let segments = log.segments();
        segments.iter().filter(|entry| entry.state == SegmentState::Closed).count() == 1
    });
    assert!(log.failure().is_none());
    assert_eq!(disk.bytes(&file), Some(bytes));
}

#[test]
fn replay_after_an_lsn_begins_at_the_frame_that_holds_the_next_record() {
    let directory = tempfile::tempdir().expect("a directory");
    let disk: Arc<dyn Disk> = Arc::new(RealDisk);
    let options = Options {
        segment_bytes_max: 3 << 20,
        sync: SyncPolicy::Interval { ms: 20 },
        ..Options::default()
    };
    let open = || Recovery::open(directory.path(), Arc::clone(&disk), options).expect("it opens");
    let log = open().start().expect("it starts");
    let body = |lsn: u64| -> Vec<u8> {
        // Not to be compressed, so that frames lie far apart.
        let mut state = lsn;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) as u8
        };
        (0..1000).map(|_| next()).collect()
    };
    for lsn in 1..=6000 {
        let reservation = log.reserve(1000).expect("there is room");
        assert_eq!(log.append(reservation, 1, &[&body(lsn)]).expect("it works"), lsn);
        if lsn % 50 == 0 {
            log.wait(lsn, PATIENCE).expect("it syncs");
        }
    }
    until("the first is sealed", || log.segments()[0].state == SegmentState::Sealed);
    let first = log.segments()[0].clone();
    log.close().expect("it closes");
    drop(log);
    let file = directory.path().join("000000000001.sealed");
    let good = std::fs::read(&file).expect("it is there");
    assert_eq!(good.len() as u64, first.file_bytes);
    for (after, flipped_at) in [(first.last_lsn * 3 / 4, 900_000), (first.last_lsn / 3, 0)] {
        let mut bytes = good.clone();
        if flipped_at > 0 {
            // A frame that nobody needs.
            bytes[flipped_at] ^= 1;
        }
        std::fs::write(&file, &bytes).expect("it is written");
        let mut next = after + 1;
        let mut recovery = open();
        let replayed = recovery.replay_after(after, |record| {
            assert_eq!((record.lsn.counter, record.payload), (next, &body(next)[..]));
            next += 1;
            Ok::<_, ()>(())
        });
        assert_eq!(replayed.expect("what is read is good").last_lsn, 6000);
        assert_eq!(next, 6001);
        drop(recovery);
        let reader = Reader::open(directory.path(), Arc::clone(&disk)).expect("it opens");
        let mut count = 0;
        let read = reader.records_after(after, |_| {
            count += 1;
            Ok::<_, Error>(())
        });
        read.expect("what is read is good");
        assert_eq!(count, 6000 - after);
        if flipped_at > 0 {
            let Err(p13n::log::ReplayError::Log(Error::Corrupted { file: named, offset, .. })) =
                open().replay(|_| Ok::<_, ()>(()))
            else {
                panic!("the damage is found by those who need the frame");
            };
            assert_eq!(named, file);
            assert!(offset <= flipped_at as u64 && offset + (1 << 20) > flipped_at as u64);
        }
    }
}

#[test]
fn a_reader_goes_on_in_the_sealed_form_of_a_segment_that_it_knew_as_closed() {
    let disk = unsealed();
    let reader = Reader::open(Path::new(DIRECTORY), Arc::new(disk.clone())).expect("it opens");
    let mut next = 1;
    let mut sealing = None;
    reader
        .records(|record| {
            assert_eq!((record.lsn.counter, record.payload), (next, &payload(next)[..]));
            if next == 1 {
                let log = start(&disk, true);
                until("all are sealed under the reader", || is_all_sealed(&log));
                sealing = Some(log);
            }
            next += 1;
            Ok::<_, Error>(())
        })
        .expect("a sealed segment is no missing one");
    assert_eq!(next, RECORDS + 1);
}

#[test]
fn lengths_that_lie_are_refused_before_anything_is_allocated() {
    let disk = sealed();
    let file =
        disk.files().into_iter().find(|file| file.extension().is_some_and(|end| end == "sealed"));
    let file = file.expect("there is one");
    let good = disk.bytes(&file).expect("it is there");
    let footer = good.len() - 48;
    // With checksums that match: the number of frames, and an index entry's places.
    for (at, lie, covered) in [
        (footer + 8, u64::from(u32::MAX), footer..footer + 44),
        (footer + 16, 64, footer..footer + 44),
        (footer + 24, u64::MAX, footer..footer + 44),
    ] {
        let mut bytes = good.clone();
        let width = if at == footer + 8 { 4 } else { 8 };
        bytes[at..at + width].copy_from_slice(&lie.to_le_bytes()[..width]);
        let crc = crc32fast::hash(&bytes[covered.clone()]).to_le_bytes();
        bytes[covered.end..covered.end + 4].copy_from_slice(&crc);
        let image = disk.kill();
        image.put(&file, &bytes);
        let error = check(&image, 0).expect_err("it lies");
        assert!(
            matches!(&error, Error::Corrupted { file: named, .. } if *named == file),
            "{error}"
        );
    }
}
