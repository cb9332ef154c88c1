//! Snapshots on a disk that fails and forgets: at every call, and again while recovering.
//!
//! The same events always get the same LSNs and lead to the same states, so whatever a crash leaves behind,
//! the state that recovery finds must be the one that stood at the log's last LSN, and nothing answered is gone.

mod shop;

use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use p13n::log::SyncPolicy;
use p13n::reactor::open::directory_of;
use p13n::reactor::{Options, Reactor, Request, Retention, SnapshotPolicy};
use p13n::storage::{Fault, SimulatedDisk};
use proptest::prelude::*;
use shop::source;

/// What is done to a reactor.
#[derive(Clone, Debug)]
enum Step {
    /// An event of a customer, who may meet another one by e-mail.
    Event {
        customer: u8,
        email: Option<u8>,
        pause_ms: i64,
    },
    Snapshot,
    /// Closed in order, and opened again.
    Reopen,
    /// The process ends where it stands.
    Kill,
}

fn options(disk: &SimulatedDisk, data_dir: &Path) -> Options {
    Options {
        data_dir: Some(data_dir.to_path_buf()),
        sync: SyncPolicy::Always,
        commit_timeout: Duration::from_secs(60),
        shards: 2,
        disk: Arc::new(disk.clone()),
        segment_bytes_max: 1 << 10,
        identity_log: false,
        snapshots: SnapshotPolicy { at_close: true, ..SnapshotPolicy::default() },
        retention: Retention {
            age_ms: None,
            bytes: Some(3 << 10),
            disk_percent: None,
            waits_for_export: false,
        },
        ..Options::default()
    }
}

/// A directory whose secret is always the same, so that ids and hashes are, too.
fn directory() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let own = directory_of(directory.path(), 1, 8);
    std::fs::create_dir_all(&own).unwrap();
    std::fs::write(own.join("secret"), [7; 32]).unwrap();
    directory
}

/// What stood at each LSN, from 0 on.
type States = Vec<u128>;

/// A run, and what it has been told.
struct Run<'a> {
    data_dir: &'a Path,
    disk: SimulatedDisk,
    reactor: Option<Reactor>,
    /// Events sent so far; each has its number for a uuid and its LSN behind the configuration's.
    sent: u64,
    now_ms: i64,
    /// Highest LSN that was answered.
    answered: u64,
}

impl<'a> Run<'a> {
    fn new(data_dir: &'a Path, disk: SimulatedDisk) -> Self {
        Self { data_dir, disk, reactor: None, sent: 0, now_ms: 1_700_000_000_000, answered: 0 }
    }

    /// Opens the reactor on what the disk holds now; `Err`: the disk refused.
    fn open(&mut self) -> Result<&Reactor, String> {
        let opened = Reactor::open(&source(), &options(&self.disk, self.data_dir));
        let (reactor, _) = opened.map_err(|error| error.to_string())?;
        Ok(self.reactor.insert(reactor))
    }

    fn step(&mut self, step: &Step) -> Result<(), String> {
        let Some(reactor) = &self.reactor else { return Err("it is not open".to_owned()) };
        match step {
            Step::Event { customer, email, pause_ms } => {
                // What was lost is sent again: LSNs follow from the log's end.
                self.now_ms += pause_ms;
                let mut uuid = [0; 16];
                uuid[8..].copy_from_slice(&reactor.log().appended().to_le_bytes());
                let mut body = format!(r#"{{"td_client_id":"c{customer}","total":1,"skus":[7]"#);
                if let Some(email) = email {
                    body += &format!(r#","email":"{email}@x""#);
                }
                body += "}";
                let request = Request {
                    now_ms: Some(self.now_ms),
                    uuid: Some(uuid),
                    ..Request::new("shop", "orders", body.as_bytes())
                };
                self.sent += 1;
                let receipt = reactor
                    .personalize_json(&request, &mut Vec::new())
                    .map_err(|error| error.to_string())?;
                reactor.wait(&receipt).map_err(|error| error.to_string())?;
                self.answered = receipt.lsn;
                Ok(())
            }
            Step::Snapshot => {
                // A failed snapshot is no reason to stop: the log decides whether it goes on.
                let _failed = reactor.snapshot();
                Ok(())
            }
            Step::Reopen => {
                let closed = reactor.close().map_err(|error| error.to_string());
                self.reactor = None;
                closed?;
                self.open().map(|_| ())
            }
            Step::Kill => {
                self.disk = self.disk.kill();
                self.reactor = None;
                self.open().map(|_| ())
            }
        }
    }
}

/// The states of a run on a disk without any fault.
fn states(steps: &[Step]) -> States {
    let directory = directory();
    let mut run = Run::new(directory.path(), SimulatedDisk::default());
    let mut states = vec![run.open().unwrap().state_hash(); 2];
    for step in steps {
        run.step(step).unwrap();
        let reactor = run.reactor.as_ref().expect("nothing fails");
        assert_eq!(reactor.snapshots().failure, None);
        if let Step::Event { .. } = step {
            assert_eq!(states.len() as u64, reactor.log().appended(), "one LSN an event");
            states.push(reactor.state_hash());
        }
        assert_eq!(states.last(), Some(&reactor.state_hash()), "{step:?}");
    }
    states
}

fn random(mut seed: u64) -> impl FnMut() -> u64 {
    move || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed
    }
}

/// Runs the steps until the fault ends them; then every way back must find the state.
fn fail_at(steps: &[Step], states: &States, call: u64, fault: Fault, seed: u64) -> bool {
    let directory = directory();
    let disk = SimulatedDisk::default();
    disk.plan(call, fault);
    let mut run = Run::new(directory.path(), disk.clone());
    let mut killed = false;
    if run.open().is_ok() {
        for step in steps {
            killed |= matches!(step, Step::Kill);
            if run.step(step).is_err() {
                break;
            }
        }
    }
    let has_struck = killed || !disk.is_fault_pending();
    let place = format!("{fault:?} at call {call}, seed {seed}");
    let answered = run.answered;
    let killed_disk = run.disk.kill();
    let crashed_disk = run.disk.crash(random(seed | 1));
    drop(run);
    for (disk, how) in [(killed_disk, "kill"), (crashed_disk, "crash")] {
        let place = format!("{how} after {place}");
        let stop = Stop { is_power_cut: true, seed };
        recover(directory.path(), disk, states, answered, &stop, &place);
    }
    has_struck
}

/// How the machine stops while it recovers.
struct Stop {
    is_power_cut: bool,
    seed: u64,
}

impl Stop {
    fn after(&self, disk: &SimulatedDisk, salt: u64) -> SimulatedDisk {
        if self.is_power_cut {
            disk.crash(random(self.seed.wrapping_mul(salt) | 1))
        } else {
            disk.kill()
        }
    }
}

/// Recovers, once failing halfway, and compares.
fn recover(
    data_dir: &Path,
    disk: SimulatedDisk,
    states: &States,
    answered: u64,
    stop: &Stop,
    place: &str,
) {
    // A second crash while recovering from the first.
    disk.plan(random(stop.seed.wrapping_mul(31) | 1)() % 24, Fault::Dead);
    let mut halfway = Run::new(data_dir, disk.clone());
    let _may_fail = halfway.open();
    let disk = stop.after(&disk, 77);
    drop(halfway);
    let mut run = Run::new(data_dir, disk.clone());
    let reactor = run.open().unwrap_or_else(|error| panic!("{place}: {error}"));
    let lsn = reactor.log().appended();
    assert!(lsn >= answered, "{place}: LSN {answered} was answered, the log ends at {lsn}");
    assert_eq!(reactor.state_hash(), states[lsn as usize], "{place}: the state at LSN {lsn}");
    assert_eq!(reactor.recovery().snapshots_damaged, 0, "{place}: what had its name was good");
    let snapshot = reactor.snapshot().unwrap_or_else(|error| panic!("{place}: {error}"));
    assert_eq!(snapshot.lsn, lsn, "{place}");
    run.disk = stop.after(&disk, 1);
    run.reactor = None;
    let again = run.open().unwrap_or_else(|error| panic!("{place}, once more: {error}"));
    assert_eq!((again.recovery().events, again.recovery().snapshot_lsn), (0, lsn), "{place}");
    assert_eq!(again.state_hash(), states[lsn as usize], "{place}, once more");
}

/// Enough for a base, candidates, several segments, merges and both ways to stop.
fn scenario() -> Vec<Step> {
    let mut steps = Vec::new();
    for turn in 0..56u8 {
        let email = (turn % 5 == 4).then_some(turn % 6);
        steps.push(Step::Event { customer: turn % 9, email, pause_ms: 50_000 });
        match turn % 16 {
            7 | 11 | 15 => steps.push(Step::Snapshot),
            _ => {}
        }
        if turn == 37 {
            steps.push(Step::Reopen);
        }
    }
    steps
}

fn full() -> Option<u32> {
    let given = std::env::var("P13N_CASES").ok()?;
    Some(given.parse().expect("P13N_CASES is a number"))
}

#[test]
fn the_scenario_reaches_retention() {
    let steps = scenario();
    let directory = directory();
    let mut run = Run::new(directory.path(), SimulatedDisk::default());
    run.open().unwrap();
    let mut retired = 0;
    for step in &steps {
        if let Step::Reopen = step {
            retired += run.reactor.as_ref().unwrap().snapshots().segments_retired;
        }
        run.step(step).unwrap();
    }
    retired += run.reactor.as_ref().unwrap().snapshots().segments_retired;
    assert!(retired >= 2, "{retired} segments were retired");
}

#[test]
fn the_disk_dies_at_every_call() {
    let steps = scenario();
    let states = states(&steps);
    // A short run takes every fifth call.
    let stride = if full().is_some() { 1 } else { 5 };
    for call in (0..).step_by(stride) {
        if !fail_at(&steps, &states, call, Fault::Dead, call + 1) {
            assert!(call > 200, "{call} calls are too few to have reached retention");
            break;
        }
    }
}

#[test]
fn every_call_fails_once() {
    let steps = scenario();
    let states = states(&steps);
    let stride = if full().is_some() { 1 } else { 5 };
    for kind in [ErrorKind::StorageFull, ErrorKind::Other] {
        for call in (0..).step_by(stride) {
            if !fail_at(&steps, &states, call, Fault::Fail(kind), call + 1) {
                break;
            }
        }
    }
    for call in (0..).step_by(stride * 2) {
        if !fail_at(&steps, &states, call, Fault::Short, call + 1) {
            break;
        }
    }
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let event = (0..9u8, proptest::option::weighted(0.3, 0..6u8), 0..400_000i64);
    let event =
        event.prop_map(|(customer, email, pause_ms)| Step::Event { customer, email, pause_ms });
    let step = prop_oneof![
        16 => event,
        4 => Just(Step::Snapshot),
        1 => Just(Step::Reopen),
        1 => Just(Step::Kill),
    ];
    proptest::collection::vec(step, 1..90)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: full().unwrap_or(24), ..ProptestConfig::default() })]

    #[test]
    fn any_steps_and_any_fault_lead_back_to_the_state(
        steps in steps(),
        call in 0..500u64,
        fault in prop_oneof![
            3 => Just(Fault::Dead),
            1 => Just(Fault::Fail(ErrorKind::StorageFull)),
            1 => Just(Fault::Fail(ErrorKind::Other)),
            1 => Just(Fault::Short),
        ],
        seed in any::<u64>(),
    ) {
        let states = states(&steps);
        fail_at(&steps, &states, call, fault, seed | 1);
    }
}
