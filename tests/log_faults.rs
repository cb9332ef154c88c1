//! Faults: the N-th call of the disk fails, for every N and every kind. The log stops, says why, and never
//! calls synced what is not.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use p13n::log::storage::{Fault, SimulatedDisk};
use p13n::log::{
    Error, Failed, FailureKind, Log, Options, Recovery, ReserveError, SyncPolicy, WaitError,
};

const DIRECTORY: &str = "/log";
const PATIENCE: Duration = Duration::from_secs(20);
const APPENDS: u64 = 60;

fn options(sync: SyncPolicy) -> Options {
    // What the keeper does is swept by itself; here its calls would only blur which one is meant.
    Options { sync, segment_bytes_max: 1024, seal: false, ..Options::default() }
}

fn open(disk: &SimulatedDisk, sync: SyncPolicy) -> Result<Log, Error> {
    Recovery::open(Path::new(DIRECTORY), Arc::new(disk.clone()), options(sync))?.start()
}

fn append(log: &Log, number: u64) -> Result<u64, Failed> {
    let payload = [number.to_le_bytes(); 8].concat();
    let begun = Instant::now();
    loop {
        match log.reserve(payload.len()) {
            Ok(reservation) => return log.append(reservation, 3, &[&payload]),
            // A disk that was full once is asked again.
            Err(ReserveError::Full(_)) if begun.elapsed() < PATIENCE => std::thread::yield_now(),
            Err(refused) => panic!("{refused}"),
        }
    }
}

fn numbers(disk: &SimulatedDisk) -> Vec<u64> {
    let disk = Arc::new(disk.clone());
    let mut recovery =
        Recovery::open(Path::new(DIRECTORY), disk, options(SyncPolicy::Always)).expect("it opens");
    let mut numbers = Vec::new();
    recovery
        .replay(|record| {
            let (number, _) = record.payload.split_first_chunk().expect("8 bytes at least");
            numbers.push(u64::from_le_bytes(*number));
            Ok::<_, ()>(())
        })
        .expect("the log is good");
    numbers
}

/// Appends and waits until it ends or fails; gives the last LSN whose wait succeeded, and the failure.
fn load(log: &Log, appends: u64) -> (u64, Option<FailureKind>) {
    let mut acknowledged = 0;
    for number in 1..=appends {
        let lsn = match append(log, number) {
            Ok(lsn) => lsn,
            Err(Failed::Stopped(failure)) => return (acknowledged, Some(failure.kind)),
            Err(other) => panic!("unexpected: {other}"),
        };
        assert_eq!(lsn, number);
        match log.wait(lsn, PATIENCE) {
            Ok(()) => acknowledged = lsn,
            Err(WaitError::Failed(failure)) => return (acknowledged, Some(failure.kind)),
            Err(WaitError::Timeout) => panic!("nobody is told"),
        }
    }
    (acknowledged, None)
}

/// What a power cut keeps when the disk is as unkind as it may be, and as kind.
fn worst_and_best(disk: &SimulatedDisk) -> [SimulatedDisk; 2] {
    [disk.crash(|| 0), disk.kill()]
}

fn sweep(sync: SyncPolicy, fault: Fault, kinds: &[FailureKind], appends: u64) {
    let mut struck = 0;
    for call in 0.. {
        let disk = SimulatedDisk::default();
        let log = open(&disk, sync).expect("a new log starts");
        disk.plan(call, fault);
        let (acknowledged, failed) = load(&log, appends);
        let poisoned_at = disk.calls();
        if let Some(kind) = failed {
            assert!(kinds.contains(&kind), "call {call}: {kind:?}");
            assert!(matches!(append(&log, 0), Err(Failed::Stopped(_))), "a failure is sticky");
            assert!(matches!(log.wait(appends + 9, PATIENCE), Err(WaitError::Failed(_))));
            assert!(log.close().is_err(), "close says that not everything is safe");
            // But for what the other threads were in the middle of: a rotation takes about a dozen calls.
            assert!(disk.calls() <= poisoned_at + 16, "the disk is not touched again");
        } else {
            assert_eq!(acknowledged, appends);
            log.close().ok();
        }
        assert!(log.synced() <= log.appended());
        for after in worst_and_best(&disk) {
            let found = numbers(&after);
            assert!(found.len() as u64 >= acknowledged, "call {call}: an answered record is lost");
            assert_eq!(found, (1..=found.len() as u64).collect::<Vec<_>>(), "call {call}");
        }
        if disk.is_fault_pending() {
            break;
        }
        struck += 1;
    }
    assert!(struck as u64 > appends * 3, "the sweep reaches writes, syncs, rotations: {struck}");
}

#[test]
fn an_io_error_at_any_call_poisons_the_log_and_nothing_unsynced_is_answered() {
    let kind = std::io::ErrorKind::Other;
    sweep(SyncPolicy::Always, Fault::Fail(kind), &[FailureKind::Io], APPENDS);
}

#[test]
fn a_full_disk_at_any_call_is_waited_for_but_a_failed_sync_is_not_and_nothing_is_lost() {
    for kind in [std::io::ErrorKind::StorageFull, std::io::ErrorKind::QuotaExceeded] {
        let kinds = [FailureKind::DiskFull, FailureKind::Io];
        sweep(SyncPolicy::Always, Fault::Fail(kind), &kinds, APPENDS / 4);
    }
}

#[test]
fn a_disk_that_goes_away_at_any_call_poisons_the_log() {
    sweep(SyncPolicy::Always, Fault::Dead, &[FailureKind::Io], APPENDS);
}

#[test]
fn a_panic_of_a_thread_at_any_call_poisons_the_log() {
    sweep(SyncPolicy::Always, Fault::Panic, &[FailureKind::Panic], APPENDS);
}

#[test]
fn an_io_error_under_interval_poisons_the_log_whichever_thread_meets_it() {
    for call in (0..60).step_by(3) {
        let disk = SimulatedDisk::default();
        let log = open(&disk, SyncPolicy::Interval { ms: 1 }).expect("a new log starts");
        disk.plan(call, Fault::Fail(std::io::ErrorKind::Other));
        let (acknowledged, _) = load(&log, APPENDS);
        // A note of a sync is the one thing that may fail: it only adds to what is known.
        let is_failed = log.close().is_err();
        assert!(is_failed != (log.stats().unnoted_syncs == 1), "call {call}");
        assert!(numbers(&disk.crash(|| 0)).len() as u64 >= acknowledged, "call {call}");
    }
}

#[test]
fn after_a_failed_sync_recovery_believes_the_disk_and_not_the_cache() {
    let disk = SimulatedDisk::default();
    let log = open(&disk, SyncPolicy::Always).expect("a new log starts");
    assert_eq!(load(&log, 3), (3, None));
    let mut failed = None;
    while failed.is_none() {
        // The sync that comes after the write; the pages are then clean, and not on the disk.
        disk.plan(1, Fault::Fail(std::io::ErrorKind::Other));
        let lsn = append(&log, log.appended() + 1).expect("the log works until it fails");
        failed = log.wait(lsn, PATIENCE).err();
    }
    let answered = log.synced();
    drop(log);
    let after = disk.kill();
    let log = open(&after, SyncPolicy::Always).expect("it starts again");
    let served = log.appended();
    assert!(served >= answered);
    drop(log);
    let found = numbers(&after.crash(|| 0)).len() as u64;
    assert_eq!(found, served, "what the next start serves, a power cut cannot take");
}

#[test]
fn a_short_write_and_an_interrupted_one_go_on_where_they_stopped() {
    for call in 0..40 {
        for fault in [Fault::Short, Fault::Fail(std::io::ErrorKind::Interrupted)] {
            let disk = SimulatedDisk::default();
            let log = open(&disk, SyncPolicy::Always).expect("a new log starts");
            disk.plan(call, fault);
            let (acknowledged, failed) = load(&log, APPENDS);
            // An interrupted sync is a failed one: it is not made twice.
            assert!(failed.is_none() || fault != Fault::Short, "call {call}: {failed:?}");
            log.close().ok();
            let found = numbers(&disk.crash(|| 0));
            assert_eq!(found, (1..=found.len() as u64).collect::<Vec<_>>());
            assert!(found.len() as u64 >= acknowledged);
        }
    }
}

#[test]
fn a_failure_at_any_call_of_the_start_leaves_a_directory_that_starts_again() {
    let full = SimulatedDisk::default();
    let log = open(&full, SyncPolicy::Always).expect("a new log starts");
    load(&log, APPENDS);
    let torn = full.kill();
    log.close().expect("it closes");
    let mut struck = 0;
    for base in [SimulatedDisk::default(), full, torn] {
        let before = numbers(&base.kill());
        for call in 0.. {
            let disk = base.kill();
            disk.plan(call, Fault::Dead);
            let started = open(&disk, SyncPolicy::Always);
            let pending = disk.is_fault_pending();
            if !pending {
                struck += 1;
                assert!(matches!(started, Err(Error::Io { .. })), "call {call}");
            }
            drop(started);
            for after in worst_and_best(&disk) {
                let log = open(&after, SyncPolicy::Always).expect("the next start succeeds");
                log.close().expect("it closes");
                assert_eq!(numbers(&after), before, "call {call}");
            }
            if pending {
                break;
            }
        }
    }
    assert!(struck > 20, "the sweep reaches the start's calls: {struck}");
}

#[test]
fn a_first_start_that_failed_once_is_made_good_by_the_next_also_when_that_one_is_cut_off() {
    for call in 0..40 {
        let first = SimulatedDisk::default();
        first.plan(call, Fault::Fail(std::io::ErrorKind::Other));
        drop(open(&first, SyncPolicy::Always));
        for cut in 0..40 {
            for random in [0, 1, 2] {
                // The process ends, the next one starts and loses its disk, and that forgets.
                let second = first.kill();
                second.plan(cut, Fault::Dead);
                drop(open(&second, SyncPolicy::Always));
                let mut turn = random;
                let third = second.crash(|| {
                    turn += 1;
                    if random == 2 { turn } else { random }
                });
                let log = open(&third, SyncPolicy::Always)
                    .unwrap_or_else(|error| panic!("call {call}, cut at {cut}: {error}"));
                log.close().expect("it closes");
            }
        }
    }
}

#[test]
fn a_waiter_is_told_of_a_failure_at_once() {
    let disk = SimulatedDisk::default();
    let log = open(&disk, SyncPolicy::Always).expect("a new log starts");
    disk.plan(1, Fault::Fail(std::io::ErrorKind::Other));
    let begun = Instant::now();
    let lsn = append(&log, 1).expect("the log works until it fails");
    assert!(matches!(log.wait(lsn, PATIENCE), Err(WaitError::Failed(_))));
    assert!(begun.elapsed() < Duration::from_secs(1));
    let failure = log.failure().expect("the log keeps the cause");
    assert!(failure.message.contains("cannot sync /log/000000000001.log"), "{failure}");
}

#[test]
fn a_poisoned_log_is_never_busy_but_says_what_it_is() {
    let disk = SimulatedDisk::default();
    let options = Options { queue_bytes_max: 100, ..options(SyncPolicy::Always) };
    let log = Recovery::open(Path::new(DIRECTORY), Arc::new(disk.clone()), options)
        .and_then(Recovery::start)
        .expect("a new log starts");
    disk.plan(0, Fault::Fail(std::io::ErrorKind::Other));
    let lsn = append(&log, 1).expect("the log works until it fails");
    assert!(matches!(log.wait(lsn, PATIENCE), Err(WaitError::Failed(_))));
    assert_eq!(log.stats().queued_bytes, 69, "what failed is still in the queue");
    assert!(matches!(append(&log, 2), Err(Failed::Stopped(_))));
    assert_eq!(log.stats().queued_bytes, 69, "what was refused is not");
}
