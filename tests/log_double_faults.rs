//! Two faults in a row: a call of the first start fails once, and the power is cut during the second start.
//! A failed sync makes the next one lie, so what the first start left in doubt must be made certain anew.

use std::path::Path;
use std::sync::Arc;

use p13n::log::storage::{Fault, SimulatedDisk};
use p13n::log::{Error, Log, Options, Recovery};

const DIRECTORY: &str = "/log";

fn start(disk: &SimulatedDisk) -> Result<Log, Error> {
    let options = Options { segment_bytes_max: 1024, seal: false, ..Options::default() };
    Recovery::open(Path::new(DIRECTORY), Arc::new(disk.clone()), options)?.start()
}

/// How many calls of the disk a start of this directory makes, at least.
fn calls_of_a_start(disk: &SimulatedDisk) -> u64 {
    let disk = disk.kill();
    let before = disk.calls();
    drop(start(&disk).expect("it starts"));
    disk.calls() - before
}

/// Cuts the power at every call of a start, in many ways, and starts again.
fn cut_during_a_start(disk: &SimulatedDisk, what: &str) {
    for call in 0..calls_of_a_start(disk) {
        let dying = disk.kill();
        dying.plan(call, Fault::Dead);
        // Whether the start itself succeeds depends on how late the disk dies.
        drop(start(&dying));
        for seed in 0..16u64 {
            let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
            let after = dying.crash(|| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                state >> 33
            });
            let started = start(&after);
            assert!(
                started.is_ok(),
                "{what}, dead at call {call}, seed {seed}: {:?}",
                started.err()
            );
        }
    }
}

#[test]
fn a_first_start_that_failed_once_leaves_a_directory_that_every_cut_lets_start() {
    let fresh = SimulatedDisk::default();
    for call in 0..calls_of_a_start(&fresh) {
        let disk = SimulatedDisk::default();
        disk.plan(call, Fault::Fail(std::io::ErrorKind::Other));
        drop(start(&disk));
        cut_during_a_start(&disk, &format!("call {call} failed"));
    }
}

#[test]
fn a_second_start_that_failed_once_leaves_a_directory_that_every_cut_lets_start() {
    let whole = SimulatedDisk::default();
    let log = start(&whole).expect("it starts");
    for _ in 0..20 {
        let reservation = log.reserve(100).expect("there is room");
        log.append(reservation, 1, &[&[7; 100]]).expect("the log works");
    }
    log.wait(20, std::time::Duration::from_secs(20)).expect("it syncs");
    let whole = whole.kill();
    for call in 0..calls_of_a_start(&whole) {
        let disk = whole.kill();
        disk.plan(call, Fault::Fail(std::io::ErrorKind::Other));
        drop(start(&disk));
        cut_during_a_start(&disk, &format!("call {call} failed"));
    }
}
