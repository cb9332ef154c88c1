//! Room: a full disk is met early, costs nothing that was answered, and passes by itself.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use p13n::log::storage::{Disk, RealDisk, SimulatedDisk};
use p13n::log::{Log, Options, Record, Recovery, ReserveError, SyncPolicy, WaitError};

const DIRECTORY: &str = "/log";
const PATIENCE: Duration = Duration::from_secs(20);
const MOMENT: Duration = Duration::from_millis(30);
const SEGMENT: u64 = 8192;

fn options() -> Options {
    Options { segment_bytes_max: SEGMENT, seal: false, ..Options::default() }
}

fn start(disk: &SimulatedDisk, options: Options) -> Log {
    Recovery::open(Path::new(DIRECTORY), Arc::new(disk.clone()), options)
        .and_then(Recovery::start)
        .expect("the log starts")
}

fn until(what: &str, mut reached: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !reached() {
        assert!(begun.elapsed() < PATIENCE, "{what}");
        std::thread::yield_now();
    }
}

/// Appends an event of 100 bytes and waits for it; the refusal otherwise. One that was taken just before
/// the disk turned out to be full waits for room as long as there is none, so the next refusal ends this.
fn event(log: &Log) -> Result<u64, ReserveError> {
    let reservation = log.reserve(100)?;
    let lsn = log.append(reservation, 1, &[&[7; 100]]).expect("the log works");
    let begun = Instant::now();
    while log.wait(lsn, MOMENT).is_err() {
        drop(log.reserve(100)?);
        assert!(begun.elapsed() < PATIENCE, "the log syncs");
    }
    Ok(lsn)
}

fn internal(log: &Log) -> u64 {
    let reservation = log.reserve_internal(100).expect("there is room for the system's own");
    log.append(reservation, 2, &[&[8; 100]]).expect("the log works")
}

fn records(disk: &SimulatedDisk) -> u64 {
    let mut recovery =
        Recovery::open(Path::new(DIRECTORY), Arc::new(disk.clone()), options()).expect("it opens");
    let count = |record: Record<'_>| {
        assert_eq!(record.payload.len(), 100);
        Ok::<_, ()>(())
    };
    recovery.replay(count).expect("the log is good").records
}

/// Fills the disk so that the log has `free` bytes left, as another program would.
fn leave_free(disk: &SimulatedDisk, free: usize) {
    disk.set_capacity(disk.used_bytes() + free);
}

/// Appends events until a spare is due in the open segment, which has hardly begun, and waits until the
/// keeper has asked for its room in vain. Without this a busy machine may not let it run before half is used.
fn until_the_keeper_knows(disk: &SimulatedDisk, log: &Log) {
    let written = log.stats().written_bytes;
    while log.stats().written_bytes < written + SEGMENT / 4 {
        event(log).expect("there is room");
    }
    // More calls than a marker makes: the keeper's, which asks again and again.
    let calls = disk.calls();
    until("the keeper asks for room", || disk.calls() >= calls + 16);
}

/// Appends events until they are refused, and gives the last LSN.
fn until_full(log: &Log) -> u64 {
    let mut last = 0;
    loop {
        match event(log) {
            Ok(lsn) => last = lsn,
            Err(ReserveError::Full(full)) => {
                assert!(full.since_ms > 1_600_000_000_000);
                assert!(log.stats().full_since_ms.is_some());
                return last;
            }
            Err(busy) => panic!("{busy}"),
        }
    }
}

#[test]
fn a_start_and_a_small_log_take_room_but_write_no_zeros() {
    let directory = tempfile::tempdir().expect("a directory");
    let disk: Arc<dyn Disk> = Arc::new(RealDisk);
    let log = Recovery::open(directory.path(), disk, Options::default())
        .and_then(Recovery::start)
        .expect("the log starts");
    event(&log).expect("there is room");
    let file = directory.path().join("000000000001.log");
    let length = std::fs::metadata(&file).expect("it is there").len();
    assert!(length < 4096, "{length}");
    assert!(!directory.path().join("000000000002.log").exists(), "no spare is due");
    log.close().expect("it closes");
}

#[test]
fn the_next_segment_stands_ready_before_half_of_the_current_one_is_used_and_goes_at_the_close() {
    let disk = SimulatedDisk::default();
    let log = start(&disk, options());
    let spare = Path::new(DIRECTORY).join("000000000002.log");
    event(&log).expect("there is room");
    assert_eq!(disk.bytes(&spare), None, "not before a quarter is used");
    while log.stats().written_bytes < SEGMENT / 4 {
        event(&log).expect("there is room");
    }
    until("a spare full of zeros", || {
        disk.bytes(&spare).is_some_and(|bytes| bytes == vec![0; SEGMENT as usize])
    });
    let used = disk.used_bytes();
    disk.set_capacity(used + 4096);
    while log.segments().len() < 2 {
        event(&log).expect("a rotation needs no room but for a manifest");
    }
    assert_eq!(log.segments()[1].number, 2);
    log.close().expect("it closes");
    let names: Vec<_> =
        disk.files().into_iter().filter(|file| file.extension().is_some()).collect();
    assert_eq!(names.len(), 2, "no spare is left: {names:?}");
    let closed = disk.bytes(&spare).expect("it is there").len() as u64;
    assert_eq!(closed, log.segments()[1].bytes, "and a closed segment has no free room");
}

#[test]
fn on_a_full_disk_events_are_refused_from_half_on_internal_records_are_not_and_it_passes() {
    let disk = SimulatedDisk::default();
    let log = start(&disk, options());
    // Too little for another segment, enough for a manifest.
    leave_free(&disk, SEGMENT as usize - 1);
    until_the_keeper_knows(&disk, &log);
    let last = until_full(&log);
    let used = log.stats().written_bytes;
    assert!((SEGMENT / 2 - 200..=SEGMENT / 2).contains(&used), "{used}");
    let mut lsn = last;
    while log.stats().written_bytes + 300 < SEGMENT {
        lsn = internal(&log);
        log.wait(lsn, PATIENCE).expect("there is room for it");
    }
    assert!(matches!(log.reserve(1), Err(ReserveError::Full(_))));
    assert!(log.failure().is_none(), "a full disk is no failure");
    // One byte more, and a segment fits.
    leave_free(&disk, SEGMENT as usize + 4096);
    until("events are taken again, by itself", || log.reserve(1).is_ok());
    assert_eq!(log.stats().full_since_ms, None);
    for _ in 0..200 {
        disk.set_capacity(usize::MAX);
        lsn = event(&log).expect("there is room");
    }
    log.close().expect("it closes");
    drop(log);
    assert_eq!(records(&disk.crash(|| 0)), lsn);
}

#[test]
fn a_record_that_finds_no_room_waits_and_is_written_when_there_is_some() {
    let disk = SimulatedDisk::default();
    let log = start(&disk, options());
    leave_free(&disk, 200);
    let answered = until_full(&log);
    let mut lsn = answered;
    // More than the segment holds, so that the writer meets the end of the disk itself.
    for _ in 0..120 {
        lsn = internal(&log);
    }
    assert!(matches!(log.wait(lsn, MOMENT), Err(WaitError::Timeout)));
    until("what there was room for is synced", || log.synced() >= answered);
    assert!(log.failure().is_none());
    let killed = disk.kill();
    assert!(records(&killed) >= log.synced().min(lsn) && records(&killed) < lsn);
    disk.set_capacity(usize::MAX);
    log.wait(lsn, PATIENCE).expect("it goes on by itself");
    until("and takes events again", || log.reserve(1).is_ok());
    log.close().expect("it closes");
    drop(log);
    assert_eq!(records(&disk.crash(|| 0)), lsn);
}

#[test]
fn a_log_on_a_full_disk_closes_at_once_and_says_what_is_missing() {
    let disk = SimulatedDisk::default();
    let log = start(&disk, options());
    leave_free(&disk, 200);
    let answered = until_full(&log);
    for _ in 0..120 {
        internal(&log);
    }
    let begun = Instant::now();
    let failure = log.close().expect_err("not everything could be written");
    assert!(begun.elapsed() < Duration::from_secs(5));
    assert!(failure.message.contains("full"), "{failure}");
    drop(log);
    disk.set_capacity(usize::MAX);
    assert!(records(&disk.crash(|| 0)) >= answered);
}

#[test]
fn with_no_room_at_all_a_start_refuses_events_and_keeps_what_there_is() {
    let disk = SimulatedDisk::default();
    let log = start(&disk, options());
    for _ in 0..10 {
        event(&log).expect("there is room");
    }
    log.close().expect("it closes");
    drop(log);
    // Room for a manifest and a header, and for no more.
    leave_free(&disk, 300);
    let log = start(&disk, options());
    until_full(&log);
    disk.set_capacity(usize::MAX);
    until("events are taken again", || log.reserve(1).is_ok());
    assert!(event(&log).expect("there is room") >= 11);
}

#[test]
fn room_for_a_part_of_a_segment_is_used_as_far_as_it_goes() {
    let disk = SimulatedDisk::default();
    disk.set_capacity(SEGMENT as usize);
    let log = start(&disk, options());
    until_full(&log);
    let used = log.stats().written_bytes;
    // Half of the size could be taken, and half of that is for events at least.
    assert!((SEGMENT / 4 - 200..SEGMENT).contains(&used), "{used}");
}

#[test]
fn a_full_disk_is_not_failed_by_markers_and_notes() {
    let disk = SimulatedDisk::default();
    let log = start(&disk, Options { sync: SyncPolicy::Interval { ms: 1 }, ..options() });
    leave_free(&disk, 0);
    until_full(&log);
    let begun = Instant::now();
    until("the time after which a marker is due", || begun.elapsed() > Duration::from_millis(80));
    assert!(log.failure().is_none());
    disk.set_capacity(usize::MAX);
    until("events are taken again", || event(&log).is_ok());
}

#[test]
fn retention_gives_room_back_on_a_full_disk() {
    let disk = SimulatedDisk::default();
    let log = start(&disk, options());
    while log.segments().len() < 4 {
        event(&log).expect("there is room");
    }
    until("no spare is under way", || {
        disk.files().iter().filter(|file| file.extension().is_some()).count() >= 4
    });
    leave_free(&disk, 4096);
    until_the_keeper_knows(&disk, &log);
    until_full(&log);
    log.retain_from(u64::MAX).expect("a manifest finds room");
    until("events are taken again", || event(&log).is_ok());
}
