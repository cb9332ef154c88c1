//! Retention: whole segments go from the front, the manifest first, and whoever reads meanwhile sees either
//! a segment or that it is gone.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use p13n::log::limits::SEGMENTS_MAX;
use p13n::log::manifest::Manifest;
use p13n::log::storage::{Fault, SimulatedDisk};
use p13n::log::{Entry, Error, Log, Options, Reader, Recovery, SegmentState};

const DIRECTORY: &str = "/log";
const PATIENCE: Duration = Duration::from_secs(20);

fn options() -> Options {
    Options { segment_bytes_max: 1024, ..Options::default() }
}

fn open(disk: &SimulatedDisk) -> Recovery {
    Recovery::open(Path::new(DIRECTORY), Arc::new(disk.clone()), options()).expect("it opens")
}

/// A log with records 1 to `records`, about six to a segment.
fn filled(records: u64) -> (SimulatedDisk, Log) {
    let disk = SimulatedDisk::default();
    let log = open(&disk).start().expect("a new log starts");
    for number in 1..=records {
        let reservation = log.reserve(100).expect("there is room");
        let lsn = log.append(reservation, 1, &[&[number as u8; 100]]).expect("the log works");
        log.wait(lsn, PATIENCE).expect("the log syncs");
    }
    (disk, log)
}

fn lsns_after(disk: &SimulatedDisk, lsn: u64) -> Vec<u64> {
    let mut lsns = Vec::new();
    let collect = |record: p13n::log::Record<'_>| {
        assert_eq!(record.payload, [record.lsn.counter as u8; 100]);
        lsns.push(record.lsn.counter);
        Ok::<_, ()>(())
    };
    open(disk).replay_after(lsn, collect).expect("the log is good");
    lsns
}

#[test]
fn only_whole_segments_before_the_lsn_go_and_the_rest_starts_again() {
    let (disk, log) = filled(40);
    let segments = log.segments();
    assert!(segments.len() > 4 && segments[0].closed_ms > 1_600_000_000_000, "{segments:?}");
    assert_eq!(segments.last().map(|open| open.state), Some(SegmentState::Open));
    assert_eq!(log.retain_from(segments[0].last_lsn).expect("nothing to do").segments, 0);
    let kept_from = segments[2].first_lsn;
    // One short of the third segment's end: it stays whole.
    let retired = log.retain_from(segments[2].last_lsn).expect("two go");
    assert_eq!(retired.segments, 2);
    assert_eq!(retired.bytes, segments[0].file_bytes + segments[1].file_bytes);
    assert_eq!(log.segments().first().map(|first| first.first_lsn), Some(kept_from));
    let files = disk.files();
    log.close().expect("it closes");
    assert!(!files.iter().any(|file| file.ends_with("000000000001.log")), "{files:?}");
    assert_eq!(open(&disk).first_lsn(), kept_from);
    assert_eq!(lsns_after(&disk, 0), (kept_from..=40).collect::<Vec<_>>());
}

#[test]
fn everything_may_go_but_the_open_segment_and_numbers_go_on() {
    let (disk, log) = filled(40);
    let open_from = log.segments().last().expect("one is open").first_lsn;
    log.retain_from(u64::MAX).expect("all closed ones go");
    assert_eq!(log.segments().len(), 1);
    log.close().expect("it closes");
    drop(log);
    let log = open(&disk).start().expect("it starts");
    assert_eq!((log.appended(), log.segments()[0].first_lsn), (40, open_from));
}

#[test]
fn a_log_of_which_only_an_empty_segment_is_left_remembers_its_next_lsn() {
    let (disk, log) = filled(40);
    log.close().expect("it closes");
    drop(log);
    let log = open(&disk).start().expect("it starts");
    log.retain_from(u64::MAX).expect("all closed ones go");
    assert_eq!(log.segments().len(), 1);
    let killed = disk.kill();
    log.close().expect("it closes");
    drop(log);
    for disk in [disk.crash(|| 0), disk, killed] {
        for _ in 0..3 {
            assert!(lsns_after(&disk, 0).is_empty());
            let log = open(&disk).start().expect("it starts");
            assert_eq!((log.appended(), log.synced()), (40, 40));
            log.close().expect("it closes");
        }
        assert_eq!(open(&disk).first_lsn(), 41);
        let log = open(&disk).start().expect("it starts");
        let reservation = log.reserve(100).expect("there is room");
        assert_eq!(log.append(reservation, 1, &[&[41; 100]]).expect("the log works"), 41);
        log.close().expect("it closes");
        drop(log);
        assert_eq!(lsns_after(&disk, 0), [41]);
    }
}

#[test]
fn replay_after_an_lsn_reads_only_the_segments_that_may_hold_more() {
    let (disk, log) = filled(40);
    let segments = log.segments();
    log.close().expect("it closes");
    let covered = segments[3].last_lsn;
    for lsn in [covered, covered + 1, 39, 40, 99] {
        let image = disk.kill();
        for entry in segments.iter().filter(|entry| entry.is_closed() && entry.last_lsn <= lsn) {
            image.put(&segment(entry.number), b"nobody looks here");
        }
        assert_eq!(lsns_after(&image, lsn), (lsn + 1..=40).collect::<Vec<_>>());
        let reader = Reader::open(Path::new(DIRECTORY), Arc::new(image)).expect("it opens");
        let mut count = 0;
        let read = reader.records_after(lsn, |_| {
            count += 1;
            Ok::<_, Error>(())
        });
        read.expect("the rest is good");
        assert_eq!(count, 40_u64.saturating_sub(lsn));
        assert_eq!(reader.synced_lsn().expect("the rest is good"), 40);
    }
}

#[test]
fn progress_ends_where_the_log_does() {
    let (disk, log) = filled(40);
    log.close().expect("it closes");
    let mut recovery = open(&disk);
    let progress = recovery.progress();
    let mut before = 0;
    let replayed = recovery.replay(|_| {
        assert!(progress.bytes_done() >= before && progress.bytes_done() < progress.bytes_total());
        before = progress.bytes_done();
        Ok::<_, ()>(())
    });
    let bytes = replayed.expect("the log is good").bytes;
    assert_eq!((progress.bytes_done(), progress.bytes_total()), (bytes, bytes));
    assert_eq!(recovery.start().expect("it starts").appended(), 40);
}

#[test]
fn a_reader_goes_past_segments_that_are_retired_while_it_reads() {
    let (disk, log) = filled(40);
    let reader = Reader::open(Path::new(DIRECTORY), Arc::new(disk)).expect("it opens");
    let segments = log.segments();
    let mut seen = Vec::new();
    reader
        .records(|record| {
            if record.lsn.counter == 1 {
                log.retain_from(segments[3].first_lsn).expect("three go");
            }
            seen.push(record.lsn.counter);
            Ok::<_, Error>(())
        })
        .expect("a retired segment is no damage");
    let first: Vec<u64> = (1..=segments[0].last_lsn).collect();
    let rest: Vec<u64> = (segments[3].first_lsn..=40).collect();
    assert_eq!(seen, [first, rest].concat());
}

#[test]
fn a_failure_or_a_power_cut_at_any_call_of_retirement_leaves_a_log_that_opens() {
    let (base, log) = filled(40);
    let segments = log.segments();
    log.close().expect("it closes");
    drop(log);
    let mut struck = 0;
    for call in 0.. {
        let disk = base.kill();
        let log = open(&disk).start().expect("it starts");
        disk.plan(call, Fault::Dead);
        let retired = log.retain_from(segments[2].first_lsn);
        if disk.is_fault_pending() {
            assert_eq!(retired.expect("nothing fails").segments, 2);
            break;
        }
        struck += 1;
        assert!(retired.is_err(), "call {call}");
        drop(log);
        for after in [disk.crash(|| 0), disk.crash(|| 1), disk.kill()] {
            let first = open(&after).first_lsn();
            assert!(first == 1 || first == segments[2].first_lsn, "call {call}: {first}");
            assert_eq!(lsns_after(&after, 0), (first..=40).collect::<Vec<_>>(), "call {call}");
            open(&after).start().expect("it starts").close().expect("and closes");
        }
    }
    assert!(struck >= 6, "manifest and files: {struck}");
}

#[test]
fn a_log_has_at_most_as_many_segments_as_a_manifest_may_list() {
    for (entries, may_start) in [(SEGMENTS_MAX - 1, true), (SEGMENTS_MAX, false)] {
        let mut manifest = Manifest::new(1, 5);
        manifest.term = 1;
        manifest.next_number = entries as u64 + 1;
        let entry = |number| Entry {
            number,
            first_lsn: number,
            last_lsn: number,
            bytes: 120,
            file_bytes: 300,
            closed_ms: 1,
            term: 1,
            state: SegmentState::Sealed,
            revision: 0,
        };
        manifest.entries = (1..=entries as u64).map(entry).collect();
        let disk = SimulatedDisk::default();
        disk.put(&Path::new(DIRECTORY).join("manifest"), &manifest.encode());
        let mut recovery = open(&disk);
        recovery.replay_after(entries as u64, |_| Ok::<_, ()>(())).expect("nothing is read");
        match recovery.start() {
            Ok(log) => assert!(may_start && log.segments().len() == SEGMENTS_MAX),
            Err(error) => {
                assert!(!may_start && matches!(error, Error::TooManySegments { .. }), "{error}");
                assert!(error.to_string().contains("1048576 segments"), "{error}");
            }
        }
    }
}

fn segment(number: u64) -> PathBuf {
    Path::new(DIRECTORY).join(format!("{number:012}.log"))
}
