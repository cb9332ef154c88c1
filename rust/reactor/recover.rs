//! Recover: a reactor from its directory: the newest good snapshot, then the log behind it.
//!
//! A snapshot that is damaged is set aside and the one before is taken; the log still holds what
//! lies between. Then the records after it are replayed, obeying every verdict: no JSON is parsed, no
//! clock read, nothing drawn or decided. Invariants: state and log are of one history, or the start is
//! refused; a state that an older epoch's log led to is snapshotted before anything is served.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use super::batch::Batch;
use super::crew::replay_together;
use super::erasure::pending::{Erasures, Pending};
use super::keep::{Keep, Keeper, Since};
use super::open::{LOG_FOLDER, Options, SNAPSHOT_FOLDER, io_error, memory_error};
use super::replay::{Replay, replay_error};
use super::{Reactor, Secret};
use crate::clock;
use crate::error::{Error, ErrorKind, Result};
use crate::log::{self, Log, Lsn, Recovery, ReplayError};
use crate::profile::Rid;
use crate::record::{APPLY_EPOCH, KIND_CONFIGURATION, KIND_LINES};
use crate::snapshot::{self, Shelf, Snapshot};
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicU8, Ordering};

/// What recovery found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RecoveryReport {
    /// LSN of the snapshot that it began with; 0 without one.
    pub snapshot_lsn: u64,
    /// Profiles in that snapshot.
    pub snapshot_profiles: u64,
    /// Length of that snapshot's file, bytes.
    pub snapshot_bytes: u64,
    /// How long loading it took, milliseconds.
    pub snapshot_ms: u64,
    /// Damaged snapshots that were set aside; never more than 0 unless the disk changed what was synced.
    pub snapshots_damaged: u64,
    /// Events replayed after it.
    pub events: u64,
    /// Bytes of the log's segments that were read for them.
    pub replayed_bytes: u64,
    /// Events replayed a second.
    pub events_per_s: u64,
    /// How long all of it took, milliseconds.
    pub ms: u64,
    /// Bytes of a torn, never answered tail that were cut and kept beside.
    pub torn_bytes: u64,
}

/// What recovery is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecoveryPhase {
    /// It has not begun.
    Waiting,
    /// A snapshot is loaded: profiles.
    Snapshot,
    /// The log is replayed: bytes.
    Log,
    /// The state is snapshotted, because an older release's log led to it.
    Epoch,
    /// It is over.
    Done,
}

const PHASES: [RecoveryPhase; 5] = [
    RecoveryPhase::Waiting,
    RecoveryPhase::Snapshot,
    RecoveryPhase::Log,
    RecoveryPhase::Epoch,
    RecoveryPhase::Done,
];

/// How far recovery is, for other threads to read while `Reactor::open` runs.
#[derive(Debug, Default)]
pub struct RecoveryProgress {
    phase: AtomicU8,
    snapshot: snapshot::Progress,
    log: Mutex<Option<Arc<log::Progress>>>,
}

impl RecoveryProgress {
    /// What is being done.
    #[must_use]
    pub fn phase(&self) -> RecoveryPhase {
        PHASES[usize::from(self.phase.load(Ordering::Acquire))]
    }

    /// How much of the phase is done and how much there is, in the phase's unit.
    #[must_use]
    pub fn done_and_total(&self) -> (u64, u64) {
        match self.phase() {
            RecoveryPhase::Snapshot => (self.snapshot.done(), self.snapshot.total()),
            RecoveryPhase::Log => {
                let log = self.log.lock();
                log.as_ref().map_or((0, 0), |log| (log.bytes_done(), log.bytes_total()))
            }
            _ => (0, 0),
        }
    }

    fn enter(&self, phase: RecoveryPhase) {
        self.phase.store(phase as u8, Ordering::Release);
    }
}

impl Reactor {
    /// Recovers a directory's reactor and starts the log's writer and the keeper of snapshots.
    pub(super) fn recover(directory: &Path, options: &Options) -> Result<(Self, Replay)> {
        let begun = Instant::now();
        let log_options = log::Options {
            sync: options.sync,
            queue_bytes_max: options.queue_bytes_max,
            segment_bytes_max: options.segment_bytes_max,
            apply_epoch: APPLY_EPOCH,
            ..log::Options::default()
        };
        let folder = directory.join(LOG_FOLDER);
        let mut recovery = Recovery::open(&folder, Arc::clone(&options.disk), log_options)?;
        let progress = options.progress.clone().unwrap_or_default();
        *progress.log.lock() = Some(recovery.progress());
        let folder = directory.join(SNAPSHOT_FOLDER);
        let disk = Arc::clone(&options.disk);
        let mut shelf =
            Shelf::open(disk, &folder, APPLY_EPOCH, recovery.apply_epoch(), clock::wall_ms())?;

        progress.enter(RecoveryPhase::Snapshot);
        let (mut reactor, mut replay) = from_shelf(directory, &mut shelf, options, &progress)?;
        let since_lsn = reactor.recovery.snapshot_lsn;
        if recovery.first_lsn() > since_lsn + 1 {
            return Err(begins_too_late(recovery.first_lsn(), since_lsn));
        }
        progress.enter(RecoveryPhase::Log);
        let replaying = Instant::now();
        let feed = |take: &mut dyn FnMut(&log::Record<'_>) -> _| {
            recovery.replay_after(since_lsn, |record| take(&record))
        };
        let refuse = |lsn, error| ReplayError::Apply { lsn, error };
        let replayed =
            replay_together(&reactor, &mut replay, feed, refuse).map_err(replay_error)?;
        if replayed.last_lsn < since_lsn {
            return Err(ends_too_early(replayed.last_lsn, since_lsn));
        }
        let took = replaying.elapsed();
        reactor.batch.check()?;
        reactor.batch.clear()?;
        reactor.take_up_erasures(&replay, directory, options)?;
        reactor.clock.recovered();
        reactor.recovery = RecoveryReport {
            events: replay.events,
            replayed_bytes: replayed.bytes,
            events_per_s: (replay.events as f64 / took.as_secs_f64().max(1e-6)) as u64,
            ms: begun.elapsed().as_millis() as u64,
            torn_bytes: replayed.torn_bytes,
            ..reactor.recovery
        };
        reactor.log = Arc::new(recovery.start()?);
        reactor.follow(directory, options).map_err(|error| io_error(directory, error))?;
        let rate = Keep::measured(replayed.bytes, took);
        let since = Since { lsn: since_lsn, replayed: replayed.bytes, written: 0 };
        reactor.keep_from(shelf, directory, options, since, rate)?;
        reactor.mark_epoch(&progress)?;
        progress.enter(RecoveryPhase::Done);
        Ok((reactor, replay))
    }

    fn keep_from(
        &mut self,
        shelf: Shelf,
        directory: &Path,
        options: &Options,
        since: Since,
        replay_bytes_per_s: u64,
    ) -> Result<()> {
        let keep = Keep {
            store: Arc::clone(&self.store),
            log: Arc::clone(&self.log),
            clock: Arc::clone(&self.clock),
            lines: Arc::clone(&self.lines),
            configurations: Arc::clone(&self.configurations),
            batch: Arc::clone(&self.batch),
            disk: Arc::clone(&options.disk),
            folder: directory.join(SNAPSHOT_FOLDER),
            directory: self.secret.directory(),
            policy: options.snapshots,
            retention: options.retention,
            replay_bytes_per_s,
            secret: Arc::clone(&self.secret),
            erasures: Arc::clone(&self.erasures),
            shelf: Mutex::new(shelf),
            since: Mutex::new(since),
            figures: Default::default(),
            exported_lsn: Default::default(),
            identities: self.identities.clone(),
            stopping: Mutex::new(false),
            wake: Default::default(),
        };
        self.keeper = Some(Keeper::start(keep).map_err(|error| io_error(directory, error))?);
        Ok(())
    }

    /// After a log of an older epoch: what this release has computed is snapshotted before it is served, so
    /// that the older records are never replayed on top of it again (page 5.3).
    fn mark_epoch(&self, progress: &RecoveryProgress) -> Result<()> {
        let Some(keeper) = &self.keeper else { return Ok(()) };
        let keep = keeper.keep();
        if keep.shelf.lock().apply_epoch() == APPLY_EPOCH {
            return Ok(());
        }
        progress.enter(RecoveryPhase::Epoch);
        if self.log.appended() == 0 {
            return Ok(keep.shelf.lock().mark_epoch(APPLY_EPOCH)?);
        }
        keep.take().map(|_| ())
    }

    /// An erasure of which a crash let the record be written, and the list not.
    fn take_up_erasures(&self, replay: &Replay, directory: &Path, options: &Options) -> Result<()> {
        let mut pending = self.erasures.list();
        let before = pending.len();
        for (lsn, record) in &replay.erasures {
            if pending.iter().all(|erasure| erasure.lsn != *lsn) {
                pending.push(Arc::new(Pending::new(*lsn, record.clone())));
            }
        }
        if pending.len() > before {
            pending.sort_by_key(|erasure| erasure.lsn);
            self.erasures.note(pending);
            self.erasures.settle(&*options.disk, directory)?;
        }
        Ok(())
    }

    /// What a snapshot taken at `lsn` holds of people who are erased since.
    fn forget_erased(&self, lsn: u64) {
        let pending = self.erasures.list();
        if pending.is_empty() {
            return;
        }
        let mut barrier = self.store.lock_all();
        for erasure in pending.iter().filter(|erasure| erasure.lsn > lsn) {
            for rid in &erasure.record.rids {
                barrier.remove(Rid(*rid));
            }
        }
    }

    /// Takes a snapshot's state into this reactor, which holds nothing yet.
    pub(super) fn restore(
        &self,
        replay: &mut Replay,
        snapshot: &Snapshot,
        progress: &snapshot::Progress,
    ) -> Result<()> {
        let head = snapshot.head();
        if head.directory != self.secret.directory() {
            let file = snapshot.path().to_path_buf();
            return Err(snapshot::Error::Foreign { file }.into());
        }
        let loaded = snapshot::load(snapshot, &self.store, progress)?;
        if let Some(ledger) = &loaded.imports {
            self.batch.restore(ledger)?;
        }
        self.forget_erased(head.lsn);
        let lsn = Lsn { partition: 0, term: 0, counter: head.lsn };
        let configurations = loaded.configurations.iter().map(|bytes| (KIND_CONFIGURATION, bytes));
        let lines = loaded.lines.iter().map(|bytes| (KIND_LINES, bytes));
        for (kind, payload) in configurations.chain(lines) {
            let replayed = replay.record(self, &log::Record { lsn, kind, payload });
            replayed.map_err(|error| {
                let file = snapshot.path().display();
                Error::from(ErrorKind::Replay(format!("the snapshot {file} is of no use: {error}")))
            })?;
        }
        if let Some(clock_ms) = head.clock_ms {
            self.clock.replayed(clock_ms);
        }
        Ok(())
    }
}

/// A reactor of the newest good snapshot, or an empty one; what is damaged is set aside.
fn from_shelf(
    directory: &Path,
    shelf: &mut Shelf,
    options: &Options,
    progress: &RecoveryProgress,
) -> Result<(Reactor, Replay)> {
    let mut snapshots_damaged = 0;
    loop {
        let secret = Secret::of_directory(directory).map_err(|error| io_error(directory, error))?;
        let mut reactor = Reactor::empty(Log::memory().map_err(memory_error)?, secret, options);
        reactor.batch = Arc::new(Batch::of_directory(&options.disk, directory));
        reactor.erasures.set(Erasures::read(&*options.disk, directory)?.list());
        let mut replay = Replay::default();
        reactor.recovery.snapshots_damaged = snapshots_damaged;
        let Some(newest) = shelf.kept().last().copied() else { return Ok((reactor, replay)) };
        let begun = Instant::now();
        let restored = shelf
            .read(&newest, APPLY_EPOCH)
            .map_err(Error::from)
            .and_then(|snapshot| reactor.restore(&mut replay, &snapshot, &progress.snapshot));
        match restored.map_err(Error::into_kind) {
            Ok(()) => {
                reactor.recovery.snapshot_lsn = newest.lsn;
                reactor.recovery.snapshot_bytes = newest.bytes;
                reactor.recovery.snapshot_profiles = progress.snapshot.done();
                reactor.recovery.snapshot_ms = begun.elapsed().as_millis() as u64;
                return Ok((reactor, replay));
            }
            Err(ErrorKind::Snapshot(error)) if error.is_damage() => {
                shelf.set_aside(newest.number, clock::wall_ms())?;
                snapshots_damaged += 1;
            }
            Err(kind) => return Err(kind.into()),
        }
    }
}

fn begins_too_late(first_lsn: u64, since_lsn: u64) -> Error {
    let found = match since_lsn {
        0 => "there is no good snapshot".to_owned(),
        lsn => format!("the newest good snapshot ends at LSN {lsn}"),
    };
    ErrorKind::Replay(format!(
        "the log begins at LSN {first_lsn} and {found}: what lies between is lost; restore a backup"
    ))
    .into()
}

fn ends_too_early(last_lsn: u64, since_lsn: u64) -> Error {
    ErrorKind::Replay(format!(
        "the log ends at LSN {last_lsn} but a snapshot holds everything up to LSN {since_lsn}: the log \
         is not the one that it was taken from, or it has lost its end; restore a backup"
    ))
    .into()
}
