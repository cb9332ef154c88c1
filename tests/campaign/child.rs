//! Child: the driver process, which does what a server does with its log until somebody ends it.
//!
//! It recovers the directory, then several threads append, wait and report, all with segments so small that
//! every run rotates. Where it is told to, it kills itself before or after its N-th call of the disk.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use p13n::log::storage::RealDisk;
use p13n::log::{Error, Failed, Log, Options, ReserveError, SyncPolicy, WaitError};
use rustix::process::{Signal, getpid, kill_process};

use crate::message::{Message, now_ns};
use crate::payload::Id;
use crate::phase::Phase;
use crate::random::Random;
use crate::recover::{Refusal, recover};
use crate::watched::{Act, Watched, Watcher};

/// Threads that append.
pub const LANES: u64 = 4;
const PATIENCE: Duration = Duration::from_secs(10);
/// How long an idle log may take until everything is synced, whatever the policy but `never`.
const IDLE: Duration = Duration::from_secs(3);

/// What a driver is told to do; the words of its command line.
#[derive(Debug, Clone)]
pub struct Task {
    pub directory: PathBuf,
    /// Which life of the directory this is; no two send the same ids.
    pub life: u64,
    pub seed: u64,
    /// 0: `always`; otherwise the interval in milliseconds.
    pub interval_ms: u64,
    pub segment_bytes_max: u64,
    /// Dies at this call of the disk, counted from 1; 0: does not.
    pub dies_at: u64,
    /// Records a lane sends before the process ends in order.
    pub records: u64,
}

impl Task {
    pub fn words(&self) -> Vec<String> {
        let numbers = [
            self.life,
            self.seed,
            self.interval_ms,
            self.segment_bytes_max,
            self.dies_at,
            self.records,
        ];
        let mut words = vec!["child".to_owned(), self.directory.display().to_string()];
        words.extend(numbers.map(|number| number.to_string()));
        words
    }

    pub fn of_words(words: &[String]) -> Option<Self> {
        let (directory, numbers) = words.split_first()?;
        let numbers: Vec<u64> = numbers.iter().filter_map(|word| word.parse().ok()).collect();
        let [life, seed, interval_ms, segment_bytes_max, dies_at, records] = numbers[..] else {
            return None;
        };
        let directory = PathBuf::from(directory);
        Some(Self { directory, life, seed, interval_ms, segment_bytes_max, dies_at, records })
    }

    pub fn options(&self) -> Options {
        let sync = match self.interval_ms {
            0 => SyncPolicy::Always,
            ms => SyncPolicy::Interval { ms },
        };
        Options { sync, segment_bytes_max: self.segment_bytes_max, ..Options::default() }
    }
}

fn tell(message: Message) {
    // A parent that has gone needs no more words.
    let _gone = rustix::io::write(rustix::stdio::stdout(), &message.encode());
}

fn fault(what: &str) {
    eprintln!("driver: {what}");
    tell(Message::Fault);
}

/// Reports phases and dies on demand.
struct Reporter {
    calls: AtomicU64,
    dies_at: u64,
    /// Whether it dies before the call or after it.
    before: bool,
    recovering: AtomicBool,
    said: AtomicU8,
}

impl Reporter {
    fn say(&self, phase: Phase) {
        if self.said.swap(phase as u8, Ordering::Relaxed) != phase as u8 {
            tell(Message::Phase(phase));
        }
    }

    fn die(&self) {
        tell(Message::Dies { at_ns: now_ns() });
        let _ends_here = kill_process(getpid(), Signal::KILL);
    }
}

impl Watcher for Reporter {
    fn before(&self, act: Act, path: &Path) {
        let recovering = self.recovering.load(Ordering::Relaxed);
        self.say(if recovering { Phase::Recovery } else { Phase::of_call(act, path) });
        let call = self.calls.fetch_add(1, Ordering::Relaxed) + 1;
        if call == self.dies_at && self.before {
            self.die();
        }
    }

    fn after(&self, act: Act, path: &Path) {
        let calls = self.calls.load(Ordering::Relaxed);
        if self.dies_at > 0 && calls >= self.dies_at && !self.before {
            self.die();
        }
        let recovering = self.recovering.load(Ordering::Relaxed);
        if !recovering && act == Act::Sync && Phase::of_call(act, path) == Phase::Sync {
            self.say(Phase::Idle);
        }
    }
}

/// Lives as told.
pub fn live(task: &Task) -> ExitCode {
    let reporter = Arc::new(Reporter {
        calls: AtomicU64::new(0),
        dies_at: task.dies_at,
        before: task.seed.is_multiple_of(2),
        recovering: AtomicBool::new(true),
        said: AtomicU8::new(u8::MAX),
    });
    reporter.say(Phase::Recovery);
    let disk = Arc::new(Watched::new(Arc::new(RealDisk), Arc::clone(&reporter) as _));
    let (log, found) = match recover(&task.directory, disk, task.options()) {
        Ok(started) => started,
        Err(Refusal::Log(Error::Io { .. })) => {
            tell(Message::NoStart);
            return ExitCode::SUCCESS;
        }
        Err(refusal) => {
            fault(&refusal.to_string());
            return ExitCode::FAILURE;
        }
    };
    reporter.recovering.store(false, Ordering::Relaxed);
    tell(Message::Recovered { first: found.first, last: found.last(), digest: found.digest() });
    reporter.say(Phase::Idle);
    std::thread::scope(|scope| {
        for lane in 0..LANES {
            let log = &log;
            scope.spawn(move || {
                if let Err(what) = append_records(log, task, lane) {
                    fault(&what);
                }
            });
        }
    });
    if log.failure().is_none() {
        go_idle(&log);
    }
    match log.close() {
        Ok(()) => {
            tell(Message::Answers(log.synced()));
            tell(Message::Closed);
        }
        Err(_) => tell(Message::Stopped),
    }
    ExitCode::SUCCESS
}

/// One lane's load. Ends early when the log stops.
fn append_records(log: &Log, task: &Task, lane: u64) -> Result<(), String> {
    let mut random = Random::part(task.seed, lane);
    let mut number = 0;
    while number < task.records {
        let mut last = 0;
        for _ in 0..1 + random.below(4) {
            let id = Id::new(task.life * LANES + lane + 1, number);
            number += 1;
            let payload = id.payload();
            tell(Message::Sends(id));
            let reservation = match log.reserve(payload.len()) {
                Ok(reservation) => reservation,
                Err(ReserveError::Busy(_)) => {
                    tell(Message::Refuses(id));
                    continue;
                }
                Err(_) => return Ok(()),
            };
            match log.append(reservation, id.kind(), &[&payload]) {
                Ok(lsn) => {
                    tell(Message::Tells { lsn, id, at_ns: now_ns() });
                    last = lsn;
                }
                Err(Failed::Stopped(_)) => return Ok(()),
                Err(failed) => return Err(format!("an append failed: {failed}")),
            }
        }
        if last > 0 && random.percent(80) {
            match log.wait(last, PATIENCE) {
                Ok(()) => tell(Message::Answers(last)),
                Err(WaitError::Failed(_)) => return Ok(()),
                Err(WaitError::Timeout) => return Err(format!("the wait for LSN {last} hangs")),
            }
        }
        if lane == 0 && random.percent(3) {
            retain(log, &mut random)?;
        }
    }
    Ok(())
}

/// Gives up what is older than a random LSN.
fn retain(log: &Log, random: &mut Random) -> Result<(), String> {
    let first_lsn = random.below(log.synced() + 1);
    if first_lsn == 0 {
        return Ok(());
    }
    tell(Message::GivesUp(first_lsn - 1));
    match log.retain_from(first_lsn) {
        Ok(_) => Ok(()),
        Err(_) if log.failure().is_some() => Ok(()),
        Err(failure) => Err(format!("retention failed: {failure}")),
    }
}

/// Nobody appends and nobody waits: the last batch must be synced all the same (Redis 5985).
fn go_idle(log: &Log) {
    let begun = Instant::now();
    let last = log.appended();
    while log.synced() < last && log.failure().is_none() {
        if begun.elapsed() > IDLE {
            return fault("the log is idle and its last batch was never synced");
        }
        std::thread::yield_now();
    }
    if log.failure().is_none() {
        tell(Message::Answers(last));
    }
}
