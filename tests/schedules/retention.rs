//! Retention beside appends: segments go while others are filled, and no cut in between finds a hole.

use std::path::Path;
use std::sync::Arc;

use p13n::log::storage::SimulatedDisk;
use p13n::sync::{Mutex, thread};

use crate::commit::{DIRECTORY, append_and_wait, cut_now, options};
use crate::ledger::Ledger;
use crate::payload::Id;
use crate::recover::recover;

const RECORDS: u64 = 5;

/// One thread appends, one lets segments go, one cuts.
pub fn append_beside_retention() {
    let disk = SimulatedDisk::default();
    let (log, _) =
        recover(Path::new(DIRECTORY), Arc::new(disk.clone()), options()).expect("a new log starts");
    let log = Arc::new(log);
    let ledger = Arc::new(Mutex::new(Ledger::default()));
    let appender = {
        let (log, ledger) = (Arc::clone(&log), Arc::clone(&ledger));
        thread::spawn(move || {
            for number in 0..RECORDS {
                append_and_wait(&log, &ledger, Id::new(1, number));
            }
        })
    };
    let retirer = {
        let (log, ledger) = (Arc::clone(&log), Arc::clone(&ledger));
        thread::spawn(move || {
            for _ in 0..2 {
                let first_lsn = log.synced();
                if first_lsn > 0 {
                    ledger.lock().gives_up(first_lsn - 1);
                    log.retain_from(first_lsn).expect("a good disk takes it");
                }
                thread::yield_now();
            }
        })
    };
    let cutter = {
        let (disk, log, ledger) = (disk.clone(), Arc::clone(&log), Arc::clone(&ledger));
        thread::spawn(move || cut_now(&disk, &log, &ledger))
    };
    for thread in [appender, retirer, cutter] {
        thread.join().expect("no thread panics");
    }
    log.close().expect("it closes");
    cut_now(&disk, &log, &ledger);
}
