//! Sweep: the N-th call of the disk fails, for every N and six kinds of failure.
//!
//! SQLite's way of testing (its page "How SQLite Is Tested", anomaly tests): N rises until a run passes without the
//! failure. After each run the disk is cut three ways: as unkindly as may be, as kindly, and at random. What
//! was answered is there, what was refused is not, and nobody waited longer than the patience.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use p13n::log::storage::{Fault, SimulatedDisk};
use p13n::log::{Failed, Log, Options, SyncPolicy, WaitError};

use crate::Ended;
use crate::images::DIRECTORY;
use crate::keep;
use crate::ledger::Ledger;
use crate::payload::Id;
use crate::random::Random;
use crate::recover::recover;
use crate::watched::{Act, Watched, Watcher};

/// No wait may take longer.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long the answer is waited for that a full disk never gives.
const FULL_PATIENCE: Duration = Duration::from_millis(30);

/// A way in which calls of the disk fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    IoOnce,
    IoForGood,
    FullOnce,
    FullForGood,
    ShortWrite,
    Interrupted,
}

pub const KINDS: [Kind; 6] = [
    Kind::IoOnce,
    Kind::IoForGood,
    Kind::FullOnce,
    Kind::FullForGood,
    Kind::ShortWrite,
    Kind::Interrupted,
];

impl Kind {
    fn fault(self) -> Fault {
        match self {
            Self::IoOnce | Self::IoForGood => Fault::Fail(ErrorKind::Other),
            Self::FullOnce | Self::FullForGood => Fault::Fail(ErrorKind::StorageFull),
            Self::ShortWrite => Fault::Short,
            Self::Interrupted => Fault::Fail(ErrorKind::Interrupted),
        }
    }

    fn is_for_good(self) -> bool {
        matches!(self, Self::IoForGood | Self::FullForGood)
    }
}

/// Keeps the calls for the story; plans a fault for good anew before each call once it has struck.
struct Trace {
    disk: SimulatedDisk,
    again: Option<Fault>,
    calls: Mutex<Vec<(Act, PathBuf)>>,
}

impl Watcher for Trace {
    fn before(&self, act: Act, path: &Path) {
        self.calls.lock().expect("no panic holds it").push((act, path.to_path_buf()));
        if let Some(fault) = self.again.filter(|_| !self.disk.is_fault_pending()) {
            self.disk.plan(0, fault);
        }
    }

    fn after(&self, _act: Act, _path: &Path) {}
}

impl Trace {
    /// The calls around the one that failed, and the last ones.
    fn story(&self, failed: u64) -> String {
        let calls = self.calls.lock().expect("no panic holds it");
        let last = calls.len().saturating_sub(12);
        let around = failed.saturating_sub(12) as usize..(failed as usize + 6).min(last);
        let told = calls.iter().enumerate();
        let told = told.filter(|(at, _)| around.contains(at) || *at >= last);
        let told = told.map(|(at, (act, path))| {
            format!("{at} {act:?} {}", path.file_name().unwrap_or_default().to_string_lossy())
        });
        format!("calls: {}", told.collect::<Vec<_>>().join(", "))
    }
}

/// Figures of the sweep.
#[derive(Debug, Clone, Default)]
pub struct Figures {
    /// Runs in which the fault struck.
    pub struck: u64,
    /// The most calls that a run made.
    pub calls: u64,
    pub answered: u64,
    pub refused: u64,
    pub slowest_ms: u64,
}

impl std::fmt::Display for Figures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "runs={} calls={} answered={} refused={} slowest_ms={}",
            self.struck, self.calls, self.answered, self.refused, self.slowest_ms
        )
    }
}

/// Sweeps all kinds over a script of so many operations, in at most so many runs.
pub fn campaign(
    seed: u64,
    operations: u64,
    cycles: u64,
    progress: &(dyn Fn(u64) + Sync),
) -> Ended<Figures> {
    let begun = AtomicU64::new(0);
    let wrong = OnceLock::new();
    let total = Mutex::new(Figures::default());
    // Each kind's next N, and the N from which on it no longer strikes.
    let state = KINDS.map(|kind| (kind, AtomicU64::new(0), AtomicU64::new(u64::MAX)));
    let work = || {
        for (kind, next, end) in &state {
            while wrong.get().is_none() && begun.fetch_add(1, Ordering::Relaxed) < cycles {
                let call = next.fetch_add(1, Ordering::Relaxed);
                if call >= end.load(Ordering::Relaxed) {
                    break;
                }
                let mut run = Run::new(seed, operations, *kind, call);
                match run.run() {
                    Ok(struck) if !struck => _ = end.fetch_min(call, Ordering::Relaxed),
                    Ok(_) => {}
                    Err(what) => {
                        let story = format!("seed {seed} {kind:?} at call {call}: {what}");
                        let _first_stays = wrong.set(story);
                    }
                }
                let mut total = total.lock().expect("no panic holds it");
                total.struck += run.figures.struck;
                total.calls = total.calls.max(run.figures.calls);
                total.answered += run.figures.answered;
                total.refused += run.figures.refused;
                total.slowest_ms = total.slowest_ms.max(run.figures.slowest_ms);
                progress(total.struck);
            }
        }
    };
    std::thread::scope(|scope| {
        // Runs on a full disk mostly wait for room.
        for _ in 0..8 * std::thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(work);
        }
    });
    let figures = total.into_inner().expect("no panic holds it");
    Ended { figures, fault: wrong.into_inner() }
}

struct Run {
    name: String,
    kind: Kind,
    call: u64,
    operations: u64,
    random: Random,
    disk: SimulatedDisk,
    ledger: Ledger,
    answered: u64,
    figures: Figures,
}

impl Run {
    fn new(seed: u64, operations: u64, kind: Kind, call: u64) -> Self {
        Self {
            name: format!("sweep-{seed}-{kind:?}-{call}"),
            kind,
            call,
            operations,
            // The script is the same for every N.
            random: Random::new(seed),
            disk: SimulatedDisk::default(),
            ledger: Ledger::default(),
            answered: 0,
            figures: Figures::default(),
        }
    }

    /// Whether the fault struck.
    fn run(&mut self) -> Result<bool, String> {
        let options =
            Options { sync: SyncPolicy::Always, segment_bytes_max: 4096, ..Options::default() };
        let fault = self.kind.fault();
        let directory = Path::new(DIRECTORY);
        self.disk.plan(self.call, fault);
        let again = self.kind.is_for_good().then_some(fault);
        let trace = Trace { disk: self.disk.clone(), again, calls: Mutex::default() };
        let trace = Arc::new(trace);
        let disk = Watched::new(Arc::new(self.disk.clone()), Arc::clone(&trace) as _);
        let begun = self.disk.calls();
        let started = recover(directory, Arc::new(disk), options);
        if let Ok((log, _)) = &started {
            self.script(log)?;
            let closed = Instant::now();
            let _told = log.close();
            self.figures.slowest_ms =
                self.figures.slowest_ms.max(closed.elapsed().as_millis() as u64);
        }
        drop(started);
        self.figures.calls = self.disk.calls() - begun;
        self.figures.answered = self.answered;
        let struck = self.figures.calls > self.call;
        self.figures.struck = u64::from(struck);
        let mut random = Random::part(self.random.next(), self.call);
        let after = [self.disk.crash(|| 0), self.disk.kill(), self.disk.crash(|| random.next())];
        for after in after {
            let as_left = after.kill();
            let mut faults = match recover(directory, Arc::new(after), options) {
                Ok((_log, found)) => self.ledger.faults(&found, self.answered),
                Err(refusal) => vec![refusal.to_string()],
            };
            if !faults.is_empty() {
                faults.push(trace.story(self.call));
                let kept = keep::simulated(&self.name, &as_left, &self.ledger, self.answered);
                return Err(keep::story(&faults, &kept));
            }
        }
        Ok(struck)
    }

    /// The same operations each time, until the log stops.
    fn script(&mut self, log: &Log) -> Result<(), String> {
        for number in 0..self.operations {
            let id = Id::new(1, number);
            let waits = self.random.percent(80);
            self.ledger.sends(id);
            let payload = id.payload();
            let Ok(reservation) = log.reserve(payload.len()) else {
                self.figures.refused += 1;
                self.ledger.refuses(id);
                if self.kind == Kind::FullForGood {
                    return Ok(());
                }
                continue;
            };
            let lsn = match log.append(reservation, id.kind(), &[&payload]) {
                Ok(lsn) => lsn,
                Err(Failed::Stopped(_)) => {
                    self.figures.refused += 1;
                    self.ledger.refuses(id);
                    return Ok(());
                }
                Err(other) => return Err(format!("an append failed otherwise: {other}")),
            };
            self.ledger.tells(lsn, id);
            if waits {
                let begun = Instant::now();
                // A disk that stays full keeps everybody waiting as long as they like.
                let stays_full = self.kind == Kind::FullForGood;
                let patience = if stays_full { FULL_PATIENCE } else { PATIENCE };
                match log.wait(lsn, patience) {
                    Ok(()) => self.answered = lsn,
                    Err(WaitError::Failed(_)) => {}
                    Err(WaitError::Timeout) if stays_full => return Ok(()),
                    Err(WaitError::Timeout) => return Err(format!("the wait for {lsn} hangs")),
                }
                let waited_ms = begun.elapsed().as_millis() as u64;
                self.figures.slowest_ms = self.figures.slowest_ms.max(waited_ms);
            }
        }
        Ok(())
    }
}
