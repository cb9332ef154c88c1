//! Group commit: appenders, waiters, the writer, a close and a failing disk, in any order.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use p13n::log::storage::{Fault, SimulatedDisk};
use p13n::log::{Failed, Log, Options, SyncPolicy, WaitError};
use p13n::sync::{Mutex, thread};
use shuttle::rand::{Rng, thread_rng};

use crate::ledger::Ledger;
use crate::payload::Id;
use crate::recover::{read, recover};

pub const DIRECTORY: &str = "/log";
/// The tester knows no time: a wait may end by its limit whenever it likes.
pub const LIMIT: Duration = Duration::from_secs(3600);
const APPENDERS: u64 = 3;
const RECORDS: u64 = 2;

/// Everybody gets an LSN and is told in the end; what was told survives a cut at any moment.
pub fn group_commit() {
    run(None);
}

/// As above, while some call of the disk fails.
pub fn a_failing_disk() {
    let kind = match thread_rng().gen_range(0..3) {
        0 => Fault::Fail(std::io::ErrorKind::StorageFull),
        1 => Fault::Dead,
        _ => Fault::Fail(std::io::ErrorKind::Other),
    };
    run(Some((thread_rng().gen_range(0..20), kind)));
}

/// Small segments, so that a few records rotate.
pub fn options() -> Options {
    let sync = match thread_rng().gen_range(0..3) {
        0 => SyncPolicy::Interval { ms: 1 },
        1 => SyncPolicy::Never,
        _ => SyncPolicy::Always,
    };
    Options { sync, segment_bytes_max: 1024, ..Options::default() }
}

fn run(fault: Option<(u64, Fault)>) {
    let disk = SimulatedDisk::default();
    let options = options();
    let (log, _) =
        recover(Path::new(DIRECTORY), Arc::new(disk.clone()), options).expect("a new log starts");
    if let Some((call, fault)) = fault {
        disk.plan(call, fault);
    }
    let log = Arc::new(log);
    let ledger = Arc::new(Mutex::new(Ledger::default()));
    let mut threads: Vec<_> = (1..=APPENDERS)
        .map(|lane| {
            let (log, ledger) = (Arc::clone(&log), Arc::clone(&ledger));
            thread::spawn(move || {
                for number in 0..RECORDS {
                    append_and_wait(&log, &ledger, Id::new(lane, number));
                }
            })
        })
        .collect();
    let closer = Arc::clone(&log);
    if thread_rng().gen_bool(0.3) {
        // Beside the others, or after them.
        threads.push(thread::spawn(move || _ = closer.close()));
    }
    let cut = (disk.clone(), Arc::clone(&log), Arc::clone(&ledger));
    threads.push(thread::spawn(move || cut_now(&cut.0, &cut.1, &cut.2)));
    threads.into_iter().for_each(|thread| thread.join().expect("no thread panics"));
    let closed = log.close();
    assert_eq!(closed.is_err(), log.failure().is_some(), "close tells a failure");
    assert!(closed.is_err() || log.synced() == log.appended(), "an orderly end syncs all");
    cut_now(&disk, &log, &ledger);
}

/// Appends, waits, and enters into the ledger what it is told.
pub fn append_and_wait(log: &Log, ledger: &Mutex<Ledger>, id: Id) {
    let payload = id.payload();
    let Ok(reservation) = log.reserve(payload.len()) else { return };
    ledger.lock().sends(id);
    let lsn = match log.append(reservation, id.kind(), &[&payload]) {
        Ok(lsn) => lsn,
        Err(Failed::Stopped(_)) => return,
        Err(failed) => panic!("an append fails otherwise: {failed}"),
    };
    ledger.lock().tells(lsn, id);
    match log.wait(lsn, LIMIT) {
        Ok(()) => {
            assert!(log.synced() >= lsn, "a wait ended before its sync");
            ledger.lock().answers(lsn);
        }
        Err(WaitError::Failed(_)) => assert!(log.failure().is_some(), "a failure has a cause"),
        Err(WaitError::Timeout) => {}
    }
}

/// A power cut at this moment: what the log calls synced now is there, and nothing else than was sent.
pub fn cut_now(disk: &SimulatedDisk, log: &Log, ledger: &Mutex<Ledger>) {
    let answered = log.synced();
    let image = disk.crash(|| thread_rng().r#gen());
    let found = match read(Path::new(DIRECTORY), Arc::new(image)) {
        Ok(found) => found,
        Err(refusal) => panic!("after a cut {refusal}"),
    };
    // The ledger may know less than the disk: an appender enters its LSN only after it has it.
    let ledger = ledger.lock();
    let faults = ledger.faults(&found, answered);
    assert!(faults.is_empty(), "{faults:?}");
}
