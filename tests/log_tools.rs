//! The log's tools: what is followed, verified and copied is the log, whatever happens beside.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use p13n::log::storage::{Disk, Fault, SimulatedDisk};
use p13n::log::{
    CopyError, End, Error, Log, Options, Record, Recovery, SegmentState, Tail, Verification,
    copy_log, verify,
};

const DIRECTORY: &str = "/log";
const COPY: &str = "/copy";
const PATIENCE: Duration = Duration::from_secs(20);

fn open(disk: &SimulatedDisk, directory: &str) -> Result<Recovery, Error> {
    open_as(disk, directory, false)
}

fn open_as(disk: &SimulatedDisk, directory: &str, seal: bool) -> Result<Recovery, Error> {
    let options = Options { segment_bytes_max: 1024, seal, ..Options::default() };
    Recovery::open(Path::new(directory), Arc::new(disk.clone()), options)
}

fn payload(lsn: u64) -> Vec<u8> {
    vec![lsn as u8; 20 + lsn as usize % 70]
}

/// Appends and syncs records `from` to `to`, `together` to a batch at least.
fn append(log: &Log, from: u64, to: u64, together: u64) {
    for lsn in from..=to {
        let payload = payload(lsn);
        let reservation = log.reserve(payload.len()).expect("there is room");
        assert_eq!(log.append(reservation, 1, &[&payload]).expect("the log works"), lsn);
        if lsn % together == 0 || lsn == to {
            log.wait(lsn, PATIENCE).expect("the log syncs");
        }
    }
}

fn filled(records: u64) -> (SimulatedDisk, Log) {
    let disk = SimulatedDisk::default();
    let log = open(&disk, DIRECTORY).and_then(Recovery::start).expect("a new log starts");
    append(&log, 1, records, 3);
    (disk, log)
}

/// A closed log of which some segments are sealed.
fn sealed(records: u64) -> SimulatedDisk {
    let disk = SimulatedDisk::default();
    let log = open_as(&disk, DIRECTORY, true).and_then(Recovery::start).expect("a new log starts");
    append(&log, 1, records, 3);
    let first_is_sealed = || log.segments()[0].state == SegmentState::Sealed;
    while !first_is_sealed() {
        std::thread::yield_now();
    }
    log.close().expect("it closes");
    disk
}

fn tail(disk: &SimulatedDisk, after: u64) -> Tail {
    Tail::open(Path::new(DIRECTORY), Arc::new(disk.clone()), after).expect("there is a log")
}

/// What a tail gives up to `synced`, at most `most` records.
fn read(tail: &mut Tail, synced: u64, most: usize) -> Vec<u64> {
    let mut lsns = Vec::new();
    tail.refresh().expect("the manifest is good");
    tail.read(synced, |record| {
        assert_eq!(record.payload, payload(record.lsn.counter));
        lsns.push(record.lsn.counter);
        Ok::<_, ()>(lsns.len() < most)
    })
    .expect("the log is good");
    lsns
}

fn replayed(disk: &SimulatedDisk, directory: &str) -> Result<Vec<u64>, Error> {
    let mut lsns = Vec::new();
    let collect = |record: Record<'_>| {
        assert_eq!(record.payload, payload(record.lsn.counter));
        lsns.push(record.lsn.counter);
        Ok::<_, ()>(())
    };
    match open(disk, directory)?.replay(collect) {
        Ok(_) => Ok(lsns),
        Err(p13n::log::ReplayError::Log(error)) => Err(error),
        Err(p13n::log::ReplayError::Apply { .. }) => unreachable!("nothing is refused"),
    }
}

// ------------------------------------------------------------------ following

#[test]
fn a_tail_gives_every_record_once_however_it_is_asked() {
    let (disk, log) = filled(60);
    log.close().expect("it closes");
    for most in [1, 2, 7, 100] {
        let mut tail = tail(&disk, 0);
        let mut lsns = Vec::new();
        // Asked for a little more each time, so that the bound falls inside of batches, too.
        for synced in (0..=60).step_by(5) {
            loop {
                let some = read(&mut tail, synced, most);
                if some.is_empty() {
                    break;
                }
                lsns.extend(some);
            }
            assert_eq!(lsns.last().copied().unwrap_or(0), synced, "never above what is asked");
        }
        assert_eq!(lsns, (1..=60).collect::<Vec<_>>());
        assert_eq!((tail.position(), tail.lost()), (60, 0));
    }
}

#[test]
fn sealed_segments_are_followed_verified_and_copied_as_any() {
    let disk = sealed(60);
    for after in [0, 1, 7, 30, 59, 60] {
        let mut tail = tail(&disk, after);
        assert_eq!(read(&mut tail, 60, 1000), (after + 1..=60).collect::<Vec<_>>());
    }
    let (found, lsns) = looked_at(&disk);
    assert_eq!((found.damages, found.begin_lsn, lsns.len()), (Vec::new(), 1, 60));
    for last in [3, 29, 60] {
        let copied = copy_log(Path::new(DIRECTORY), Path::new(COPY), &disk, last);
        assert_eq!(copied.expect("an earlier copy grows").last_lsn, last);
        assert_eq!(replayed(&disk, COPY).expect("it is good"), (1..=last).collect::<Vec<_>>());
    }
    disk.remove(&Path::new(DIRECTORY).join("manifest")).expect("it was there");
    assert_eq!(looked_at(&disk).1.len(), 60, "its own header says what it is");
}

#[test]
fn a_tail_follows_a_log_that_grows_rotates_and_retires() {
    let (disk, log) = filled(5);
    let mut tail = tail(&disk, 2);
    assert_eq!(read(&mut tail, 5, 100), [3, 4, 5]);
    append(&log, 6, 40, 1);
    assert_eq!(read(&mut tail, 40, 100), (6..=40).collect::<Vec<_>>());
    assert_eq!(read(&mut tail, 40, 100), Vec::<u64>::new());
    append(&log, 41, 90, 2);
    let kept_from = log.segments().last().expect("one is open").first_lsn;
    assert!(kept_from > 45, "segments are small");
    log.retain_from(u64::MAX).expect("closed segments go");
    assert_eq!(read(&mut tail, 90, 100), (kept_from..=90).collect::<Vec<_>>());
    assert_eq!(tail.lost(), kept_from - 41, "what went before it was read is counted");
}

#[test]
fn a_tail_believes_only_what_the_files_prove_to_be_synced() {
    let (disk, log) = filled(30);
    let mut behind = tail(&disk, 0);
    let synced = behind.synced_lsn().expect("the log is good");
    assert!(synced <= 30 && synced > 0);
    log.close().expect("it closes");
    behind.refresh().expect("the manifest is good");
    assert_eq!(behind.synced_lsn().expect("the log is good"), 30, "closing proves all");
}

// ------------------------------------------------------------------ verifying

fn looked_at(disk: &SimulatedDisk) -> (Verification, Vec<u64>) {
    let mut lsns = Vec::new();
    let found = verify(Path::new(DIRECTORY), disk, &mut |record| {
        assert_eq!(record.payload, payload(record.lsn.counter), "only what is right is handed on");
        lsns.push(record.lsn.counter);
    });
    (found.expect("damage is no error"), lsns)
}

/// All records are either handed on or in the range of a damage, and none is both.
fn accounts_for_all(found: &Verification, lsns: &[u64], records: u64) {
    for lsn in 1..=records {
        let lost = found
            .damages
            .iter()
            .filter(|damage| (damage.first_lsn..=damage.last_lsn).contains(&lsn))
            .count();
        let given = lsns.iter().filter(|given| **given == lsn).count();
        assert_eq!(lost + given, 1, "LSN {lsn}: {found:#?}");
    }
}

#[test]
fn a_whole_log_is_whole() {
    let (disk, log) = filled(50);
    log.close().expect("it closes");
    let (found, lsns) = looked_at(&disk);
    assert_eq!((&found.damages, &found.unfinished), (&Vec::new(), &None));
    assert_eq!((found.records, found.first_lsn, found.last_lsn, found.synced_lsn), (50, 1, 50, 50));
    assert_eq!(lsns, (1..=50).collect::<Vec<_>>());
}

#[test]
fn any_flipped_byte_of_a_closed_segment_is_found_and_nothing_else_is_lost() {
    let (plain, log) = filled(50);
    log.close().expect("it closes");
    for disk in [plain, sealed(50)] {
        flip_every_byte(&disk);
    }
}

fn flip_every_byte(disk: &SimulatedDisk) {
    let files: Vec<PathBuf> =
        disk.files().into_iter().filter(|file| file.extension().is_some()).collect();
    assert!(files.len() > 2, "{files:?}");
    for file in &files {
        let good = disk.bytes(file).expect("it is there");
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 0x41;
            disk.put(file, &bad);
            let (found, lsns) = looked_at(disk);
            if good[at..].iter().all(|byte| *byte == 0) && found.damages.is_empty() {
                // Padding counts; room that the segment was closed with does not.
                assert_eq!(lsns.len(), 50, "byte {at} of {}", file.display());
                disk.put(file, &good);
                continue;
            }
            assert!(!found.damages.is_empty(), "byte {at} of {}", file.display());
            assert!(found.damages.iter().all(|damage| damage.file == *file), "{found:#?}");
            accounts_for_all(&found, &lsns, 50);
            let lost = 50 - lsns.len();
            // The salt proves every batch of its segment, and stands there once; a sealed segment of
            // this size is one frame.
            let is_salt = (24..40).contains(&at);
            let is_sealed = file.extension().is_some_and(|extension| extension == "sealed");
            let is_one = is_salt || is_sealed || lost <= 8;
            assert!(is_one, "byte {at} takes one batch, not {lost} records");
            disk.put(file, &good);
        }
    }
}

#[test]
fn a_lost_open_segment_is_told_with_all_that_is_known_to_have_been_in_it() {
    let (disk, log) = filled(60);
    let last = log.segments().pop().expect("a segment is open");
    let killed = disk.kill();
    drop(log);
    let file = Path::new("/log").join(format!("{:012}.log", last.number));
    for cut in [None, Some(Vec::new())] {
        let damaged = killed.kill();
        match &cut {
            None => damaged.remove(&file).expect("it is there"),
            Some(bytes) => damaged.put(&file, bytes),
        }
        let found = verify(Path::new("/log"), &damaged, &mut |_| {}).expect("it is looked at");
        let lost = found.damages.last().expect("it is damaged");
        assert_eq!((lost.first_lsn, lost.last_lsn), (last.first_lsn, 60), "{cut:?}");
    }
}

#[test]
fn several_damages_are_all_told_and_the_records_between_are_read() {
    let (disk, log) = filled(60);
    log.close().expect("it closes");
    let segments: Vec<PathBuf> =
        disk.files().into_iter().filter(|file| file.extension().is_some()).collect();
    for (file, at) in [(&segments[0], 150), (&segments[0], 700), (&segments[2], 300)] {
        let mut bytes = disk.bytes(file).expect("it is there");
        bytes[at] ^= 1;
        disk.put(file, &bytes);
    }
    disk.remove(&segments[1]).expect("it was there");
    let (found, lsns) = looked_at(&disk);
    assert_eq!(found.damages.len(), 4, "{found:#?}");
    assert!(found.damages.iter().any(|damage| damage.what == "the segment is missing"));
    accounts_for_all(&found, &lsns, 60);
}

#[test]
fn without_its_manifest_the_log_is_found_by_its_segments() {
    let (disk, log) = filled(60);
    log.close().expect("it closes");
    let manifest = Path::new(DIRECTORY).join("manifest");
    let good = disk.bytes(&manifest).expect("it is there");
    let mut bad = good.clone();
    bad[20] ^= 1;
    disk.put(&manifest, &bad);
    let (found, lsns) = looked_at(&disk);
    assert_eq!(found.damages.len(), 1, "{found:#?}");
    assert_eq!(lsns, (1..=60).collect::<Vec<_>>());
    disk.remove(&manifest).expect("it was there");
    let (found, lsns) = looked_at(&disk);
    assert_eq!((found.damages.len(), lsns.len()), (1, 60), "{found:#?}");
}

#[test]
fn an_unfinished_end_is_no_damage() {
    let (disk, log) = filled(4);
    let killed = disk.kill();
    log.close().expect("it closes");
    let open = Path::new(DIRECTORY).join("000000000001.log");
    let mut bytes = killed.bytes(&open).expect("it is there");
    let used = bytes.iter().rposition(|byte| *byte != 0).expect("it holds something") + 1;
    bytes.resize(bytes.len().max(used.next_multiple_of(8) + 40), 0);
    bytes[used.next_multiple_of(8)..][..33].copy_from_slice(b"half of a batch that a crash left");
    killed.put(&open, &bytes);
    let (found, lsns) = looked_at(&killed);
    let (end, what) = found.unfinished.expect("it is told");
    assert_eq!((found.damages, end.bytes, what), (Vec::new(), 33, End::Torn));
    assert_eq!(lsns, [1, 2, 3, 4]);
}

#[test]
fn no_log_is_an_error() {
    let disk = SimulatedDisk::default();
    disk.create_directory(Path::new(DIRECTORY)).expect("it can be made");
    let missing = verify(Path::new(DIRECTORY), &disk, &mut |_| {});
    assert!(matches!(missing, Err(Error::Io { .. })), "{missing:?}");
}

// ------------------------------------------------------------------ copying

#[test]
fn a_copy_cut_at_any_record_is_a_log_up_to_that_record() {
    let (disk, log) = filled(45);
    for last in 0..=45 {
        let copied = copy_log(Path::new(DIRECTORY), Path::new(COPY), &disk, last)
            .expect("an earlier copy grows");
        assert_eq!(copied.last_lsn, last);
        assert_eq!(replayed(&disk, COPY).expect("it is good"), (1..=last).collect::<Vec<_>>());
        let again = copy_log(Path::new(DIRECTORY), Path::new(COPY), &disk, last);
        assert_eq!(again.expect("nothing to do").files, 0, "the same is not copied twice");
    }
    assert_eq!(looked_at(&disk).0.damages, [], "the source is as it was");
    drop(log);
    let copy = open(&disk, COPY).and_then(Recovery::start).expect("a copy starts");
    append(&copy, 46, 60, 1);
    drop(copy);
    assert_eq!(replayed(&disk, COPY).expect("it is good"), (1..=60).collect::<Vec<_>>());
}

#[test]
fn a_copy_that_is_broken_off_anywhere_leaves_the_old_one_or_the_new_one() {
    let (disk, log) = filled(20);
    copy_log(Path::new(DIRECTORY), Path::new(COPY), &disk, 20).expect("it is copied");
    append(&log, 21, 60, 3);
    log.close().expect("it closes");
    let mut calls = 0;
    loop {
        let disk = disk.kill();
        disk.plan(calls, Fault::Dead);
        let copied = copy_log(Path::new(DIRECTORY), Path::new(COPY), &disk, 60);
        if disk.is_fault_pending() {
            copied.expect("nothing failed");
            break;
        }
        let mut turn = calls;
        let crashed = disk.crash(|| {
            turn = turn.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            turn >> 33
        });
        let lsns = replayed(&crashed, COPY).expect("a copy is always good");
        assert!(lsns.len() == 20 || lsns.len() == 60, "call {calls}: {}", lsns.len());
        let again = copy_log(Path::new(DIRECTORY), Path::new(COPY), &crashed, 60);
        assert_eq!(again.expect("the next run completes it").last_lsn, 60);
        assert_eq!(replayed(&crashed, COPY).expect("it is good").len(), 60);
        calls += 1;
    }
    assert!(calls > 10, "faults struck {calls} times");
}

#[test]
fn a_copy_never_replaces_another_log_or_a_longer_one() {
    let (disk, log) = filled(30);
    log.close().expect("it closes");
    copy_log(Path::new(DIRECTORY), Path::new(COPY), &disk, 30).expect("it is copied");
    let shorter = copy_log(Path::new(DIRECTORY), Path::new(COPY), &disk, 29);
    assert!(matches!(shorter, Err(CopyError::Target { .. })), "{shorter:?}");

    let other = open(&disk, "/other").and_then(Recovery::start).expect("it starts");
    append(&other, 1, 40, 3);
    let refused = copy_log(Path::new("/other"), Path::new(COPY), &disk, 40);
    assert!(matches!(refused, Err(CopyError::Target { .. })), "{refused:?}");
    assert_eq!(replayed(&disk, COPY).expect("it is untouched").len(), 30);
}

#[test]
fn a_log_that_went_another_way_is_not_mixed_into_a_copy() {
    let (disk, log) = filled(30);
    copy_log(Path::new(DIRECTORY), Path::new("/past"), &disk, 10).expect("it is copied");
    copy_log(Path::new(DIRECTORY), Path::new(COPY), &disk, 30).expect("it is copied");
    log.close().expect("it closes");
    let past = open(&disk, "/past").and_then(Recovery::start).expect("it starts");
    append(&past, 11, 50, 3);
    past.close().expect("it closes");
    let mixed = copy_log(Path::new("/past"), Path::new(COPY), &disk, 50);
    assert!(matches!(mixed, Err(CopyError::Target { .. })), "{mixed:?}");
}

#[test]
fn damage_to_a_copy_is_healed_by_the_next_run() {
    let (disk, log) = filled(40);
    log.close().expect("it closes");
    copy_log(Path::new(DIRECTORY), Path::new(COPY), &disk, 40).expect("it is copied");
    let first = |file: &PathBuf| file.starts_with(COPY) && file.extension().is_some();
    let file = disk.files().into_iter().find(first).expect("there is a segment");
    let good = disk.bytes(&file).expect("it is there");
    // A whole header of another segment would be another history, and is not replaced.
    for at in [good.len() / 2, good.len() - 1] {
        let mut bad = good.clone();
        bad[at] ^= 1;
        disk.put(&file, &bad);
        let healed = copy_log(Path::new(DIRECTORY), Path::new(COPY), &disk, 40);
        assert_eq!(healed.expect("it is copied again").files, 1, "byte {at}");
        assert_eq!(disk.bytes(&file), Some(good.clone()));
    }
}
