//! Keep: the snapshots of a running reactor, and what the log may let go of because of them (page 5.4).
//!
//! A snapshot is cut at the barrier and written beside the traffic. The keeper's thread takes one when replay
//! of what came since would take too long, and lets old segments go. Invariants: one snapshot at a
//! time; a snapshot gets its name only when the log is synced up to its cut; a segment goes only when a
//! base stands at or before what is left, and that base has just been read back; whatever fails here is
//! noted and tried again, and never harms the log.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::batch::{Batch, Gate};
use super::counters::Count;
use super::erasure::pending::Erasures;
use super::identities::Registry;
use super::retention::{Retention, RetentionOutlook};
use super::{FileKey, Reactor, Secret};
use crate::clock::{self, Clock};
use crate::error::{Error, ErrorKind, Result};
use crate::log::Log;
use crate::mutant::{self, Mutant};
use crate::profile::{Cut, Store};
use crate::record::{APPLY_EPOCH, LinesRecord, SourceLine};
use crate::snapshot::limits::BLOCK_BYTES;
use crate::snapshot::{self, Head, Shelf, Writer};
use crate::storage::Disk;
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::sync::thread::{self, JoinHandle};
use crate::sync::{Condvar, Mutex};

/// How long a snapshot waits for the log to be synced up to its cut.
const LOG_PATIENCE: Duration = Duration::from_secs(60);
/// How long letting go of segments waits for the identity log to have read them.
const IDENTITY_PATIENCE: Duration = Duration::from_secs(10);
/// How often the keeper looks whether a snapshot is due.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// After a snapshot that failed, and between two looks at what may be let go.
const REST: Duration = Duration::from_secs(30);
/// Bytes of the log replayed in a second, until a recovery has measured it: 500,000 of the seed's events.
const REPLAY_BYTES_PER_S: u64 = 200 << 20;
/// A recovery of fewer bytes measures nothing.
const MEASURED_BYTES_MIN: u64 = 16 << 20;

/// When snapshots are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnapshotPolicy {
    /// When replay of what came since the last would take so long, milliseconds.
    pub replay_ms_max: u64,
    /// At the earliest so many bytes of the log after the last.
    pub bytes_min: u64,
    /// Whether `close` takes one when something came since the last.
    pub at_close: bool,
}

impl Default for SnapshotPolicy {
    fn default() -> Self {
        Self { replay_ms_max: 5_000, bytes_min: 256 << 20, at_close: true }
    }
}

/// A snapshot that was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnapshotReport {
    /// Its cut: the state is that after this record.
    pub lsn: u64,
    /// How many profiles it holds.
    pub profiles: u64,
    /// Length of its file, bytes.
    pub bytes: u64,
    /// How long it took, milliseconds.
    pub ms: u64,
    /// Most bytes of old states that lay in memory at once, because events changed them meanwhile.
    pub side_bytes_max: u64,
}

/// What became of snapshots since the reactor was opened.
#[derive(Clone, Debug, Default)]
pub struct SnapshotFigures {
    /// Snapshots taken.
    pub taken: u64,
    /// Snapshots that failed.
    pub failed: u64,
    /// The last one taken.
    pub last: Option<SnapshotReport>,
    /// Why the last attempt, at a snapshot or at letting go of old segments, failed; `None` when it did not.
    pub failure: Option<String>,
    /// Segments of the log that were let go.
    pub segments_retired: u64,
}

/// What a snapshot is taken of. All but the shelf is the reactor's, too.
pub(super) struct Keep {
    pub(super) store: Arc<Store>,
    pub(super) log: Arc<Log>,
    pub(super) clock: Arc<Clock>,
    pub(super) lines: Arc<Mutex<HashMap<FileKey, u64>>>,
    pub(super) configurations: Arc<Mutex<Vec<Arc<[u8]>>>>,
    pub(super) batch: Arc<Batch>,
    pub(super) disk: Arc<dyn Disk>,
    /// Where the snapshots are.
    pub(super) folder: PathBuf,
    /// Hash of the directory's secret.
    pub(super) directory: u64,
    pub(super) policy: SnapshotPolicy,
    pub(super) retention: Retention,
    /// What recovery measured; 0 when it did not.
    pub(super) replay_bytes_per_s: u64,
    pub(super) secret: Arc<Secret>,
    pub(super) erasures: Arc<Erasures>,
    pub(super) shelf: Mutex<Shelf>,
    /// Bytes of the log since the last snapshot: those replayed, less those written before it.
    pub(super) since: Mutex<Since>,
    pub(super) figures: Figures,
    pub(super) exported_lsn: AtomicU64,
    /// Who must have read what is let go of.
    pub(super) identities: Option<Arc<Registry>>,
    pub(super) stopping: Mutex<bool>,
    pub(super) wake: Condvar,
}

/// Where the last snapshot stands among the log's bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Since {
    /// Its cut.
    pub(super) lsn: u64,
    /// Bytes that recovery replayed after it.
    pub(super) replayed: u64,
    /// What the log had written since the start when it was cut.
    pub(super) written: u64,
}

#[derive(Default)]
pub(super) struct Figures {
    taken: Count,
    failed: Count,
    segments_retired: Count,
    last: Mutex<Option<SnapshotReport>>,
    failure: Mutex<Option<String>>,
}

/// What a cut gives beside profiles.
struct Aside {
    head: Head,
    configurations: Vec<Arc<[u8]>>,
    lines: Vec<(FileKey, u64)>,
    /// The ledger of batch data.
    imports: Vec<u8>,
    written: u64,
}

impl Keep {
    /// The rate of a replay, when it is worth something.
    pub(super) fn measured(bytes: u64, took: Duration) -> u64 {
        if bytes < MEASURED_BYTES_MIN {
            return 0;
        }
        (bytes as f64 / took.as_secs_f64().max(1e-3)) as u64
    }

    /// Takes a snapshot, and lets go of what the log need not keep any more.
    pub(super) fn take(&self) -> Result<SnapshotReport> {
        let mut shelf = self.shelf.lock();
        let taking = catch_unwind(AssertUnwindSafe(|| self.take_to(&mut shelf)));
        let taken = taking.unwrap_or_else(|_| Err(ErrorKind::Panic("taking a snapshot").into()));
        self.note(taken.as_ref().err());
        match &taken {
            Ok(report) => {
                self.figures.taken.add(1);
                *self.figures.last.lock() = Some(*report);
                self.retain_with(&mut shelf);
            }
            Err(_) => {
                self.figures.failed.add(1);
                // What cannot be removed now is removed at the next start.
                let _left = self.disk.remove(&shelf.temporary());
            }
        }
        taken
    }

    fn take_to(&self, shelf: &mut Shelf) -> Result<SnapshotReport> {
        if let Some(failure) = self.log.stopped() {
            return Err(failure.into());
        }
        // Behind the snapshot nobody would see an erasure's record again.
        self.settle_erasures()?;
        let begun = Instant::now();
        let (cut, aside) = self.cut();
        let Aside { head, configurations, lines, imports, written } = aside;
        if mutant::is(Mutant::RetainTooLittle) {
            self.log.retain_from(head.lsn + 1)?;
        }
        let mut writer = Writer::create(&*self.disk, &shelf.temporary(), &head)?;
        writer.configurations(&configurations)?;
        writer.lines(lines.iter().map(|(key, line)| encode_line(key, *line)))?;
        writer.imports(&imports)?;
        let mut uuids = Vec::new();
        cut.dedup(|shard| {
            uuids.extend_from_slice(shard);
            if uuids.len() >= BLOCK_BYTES {
                writer.dedup(&uuids)?;
                uuids.clear();
            }
            Ok::<(), Error>(())
        })?;
        writer.dedup(&uuids)?;
        cut.profiles(BLOCK_BYTES, |some| writer.profiles(some))?;
        let side_bytes_max = cut.side_bytes_max() as u64;
        drop(cut);
        let file = writer.finish()?;
        self.log.wait(head.lsn, LOG_PATIENCE)?;
        let segments = self.log.segments();
        let bytes_max = self.bytes_max()?;
        shelf.keep(&head, &file, |newest, retiring| {
            self.retention.is_candidate(newest, retiring, &segments, bytes_max)
        })?;
        *self.since.lock() = Since { lsn: head.lsn, replayed: 0, written };
        Ok(SnapshotReport {
            lsn: head.lsn,
            profiles: file.counts.profiles,
            bytes: file.bytes,
            ms: begun.elapsed().as_millis() as u64,
            side_bytes_max,
        })
    }

    /// The barrier: microseconds, no disk. Every record up to the cut is installed, none after it.
    fn cut(&self) -> (Cut<'_>, Aside) {
        let barrier = self.store.lock_all();
        // An event without identifiers locks no shard of profiles, and lines of files none at all.
        let _order = self.clock.hold();
        let lines = self.lines.lock().iter().map(|(key, line)| (key.clone(), *line)).collect();
        let head = Head {
            lsn: self.log.appended(),
            apply_epoch: APPLY_EPOCH,
            clock_ms: self.clock.last_ms(),
            taken_ms: clock::wall_ms(),
            directory: self.directory,
        };
        let configurations = self.configurations.lock().clone();
        let written = self.log.stats().written_bytes;
        let cut = barrier.cut(head.lsn);
        let imports = self.batch.ledger_bytes();
        (cut, Aside { head, configurations, lines, imports, written })
    }

    /// Lets go of the log's old segments once a base stands before what is left.
    pub(super) fn retain(&self) {
        self.retain_with(&mut self.shelf.lock());
    }

    fn retain_with(&self, shelf: &mut Shelf) {
        match self.retain_to(shelf) {
            Ok(segments) => self.figures.segments_retired.add(segments as u64),
            Err(error) => self.note(Some(&error)),
        }
    }

    fn retain_to(&self, shelf: &mut Shelf) -> Result<usize> {
        let segments = self.log.segments();
        let exported_lsn = self.exported_lsn.load(Ordering::Relaxed);
        let (now_ms, bytes_max) = (clock::wall_ms(), self.bytes_max()?);
        let first = self.retention.first_lsn(&segments, now_ms, bytes_max, exported_lsn);
        // Never the newest: what is behind the one before it stays, so that the newest may turn out damaged.
        let older = shelf.kept().iter().rev().skip(1);
        let Some(base) = older.into_iter().find(|kept| kept.lsn < first).copied() else {
            return Ok(0);
        };
        if !segments.iter().any(|segment| segment.is_closed() && segment.last_lsn <= base.lsn) {
            return Ok(0);
        }
        if let Some(identities) = &self.identities
            && !identities.follower.settle(base.lsn, IDENTITY_PATIENCE)
        {
            let why =
                identities.follower.figures().failure.unwrap_or_else(|| "it is behind".to_owned());
            let message = format!("no segment is let go of: the identity log waits for it: {why}");
            return Err(ErrorKind::Replay(message).into());
        }
        shelf.read(&base, APPLY_EPOCH)?.check()?;
        shelf.make_base(base.number)?;
        let gone = self.log.retain_from(base.lsn + 1)?.segments;
        // Nobody can ask for a state before the base any more.
        self.batch.let_go(base.lsn)?;
        Ok(gone)
    }

    fn bytes_max(&self) -> Result<u64> {
        let room = self.disk.room(&self.folder);
        let refuse = |error| snapshot::Error::io("measure the disk of", &self.folder, error);
        Ok(self.retention.bytes_max(room.map_err(refuse)?.total))
    }

    fn note(&self, error: Option<&Error>) {
        *self.figures.failure.lock() = error.map(ToString::to_string);
    }

    /// Whether replay of what came since the last snapshot would take too long.
    fn is_due(&self) -> bool {
        let since = *self.since.lock();
        let bytes = since.replayed + self.log.stats().written_bytes.saturating_sub(since.written);
        let rate =
            if self.replay_bytes_per_s == 0 { REPLAY_BYTES_PER_S } else { self.replay_bytes_per_s };
        let bytes_due = u128::from(rate) * u128::from(self.policy.replay_ms_max) / 1_000;
        bytes >= self.policy.bytes_min && u128::from(bytes) >= bytes_due
    }

    /// The keeper's work until it is told to stop.
    fn run(&self) {
        let mut rests_until = Instant::now();
        let mut retains_at = Instant::now() + REST;
        while self.pause() {
            let now = Instant::now();
            if self.log.stopped().is_some() || now < rests_until {
                continue;
            }
            if self.is_due() && self.take().is_err() {
                rests_until = Instant::now() + REST;
            }
            if self.is_erasing_due() {
                self.erase_at_leisure(&mut rests_until);
            }
            // A full disk does not wait for the next turn.
            if now >= retains_at || self.log.stats().full_since_ms.is_some() {
                self.retain();
                retains_at = Instant::now() + REST;
            }
        }
    }

    /// The merger's work until it is told to stop: layers of batch data to fewer that read the same.
    fn merge(&self) {
        let gate =
            Gate { batch: &self.batch, store: &self.store, clock: &self.clock, log: &self.log };
        let mut rests_until = Instant::now();
        while self.pause() {
            if self.log.stopped().is_some() || Instant::now() < rests_until {
                continue;
            }
            let merging =
                catch_unwind(AssertUnwindSafe(|| gate.merge_one(&|| *self.stopping.lock())));
            let merged =
                merging.unwrap_or_else(|_| Err(ErrorKind::Panic("merging batch data").into()));
            if let Err(error) = merged {
                self.note(Some(&error));
                rests_until = Instant::now() + REST;
            }
        }
    }

    /// Carries erasures out that are due; what fails is noted, and tried again.
    fn erase_at_leisure(&self, rests_until: &mut Instant) {
        let Some(_alone) = self.erasures.working.try_lock() else { return };
        let carrying = catch_unwind(AssertUnwindSafe(|| self.carry_out()));
        let carried = carrying.unwrap_or_else(|_| Err(ErrorKind::Panic("erasing people").into()));
        if let Err(error) = carried {
            self.note(Some(&error));
            *rests_until = Instant::now() + REST;
        }
    }

    /// Sleeps until it is time to look again; `false` once the keeper is to stop.
    fn pause(&self) -> bool {
        let mut stopping = self.stopping.lock();
        if !*stopping {
            self.wake.wait_for(&mut stopping, LOOK_EVERY);
        }
        !*stopping
    }
}

fn encode_line((database, table, file): &FileKey, line: u64) -> Vec<u8> {
    LinesRecord { database, table, source: SourceLine { file: *file, line } }.encode()
}

/// The keeper's threads; dropping it ends them.
pub(super) struct Keeper {
    keep: Arc<Keep>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Keeper {
    pub(super) fn start(keep: Keep) -> std::io::Result<Self> {
        let keep = Arc::new(keep);
        let keeper = Self { keep: Arc::clone(&keep), threads: Mutex::default() };
        type Work = fn(&Keep);
        let works: [(&str, Work); 2] = [("p13n-keeper", Keep::run), ("p13n-merger", Keep::merge)];
        for (name, work) in works {
            let shared = Arc::clone(&keep);
            let thread = thread::Builder::new().name(name.into()).spawn(move || work(&shared))?;
            keeper.threads.lock().push(thread);
        }
        Ok(keeper)
    }

    pub(super) fn keep(&self) -> &Keep {
        &self.keep
    }

    fn stop(&self) {
        *self.keep.stopping.lock() = true;
        self.keep.wake.notify_all();
        for thread in self.threads.lock().drain(..) {
            // Panics are caught where snapshots are taken; nothing else of it can fail.
            let _ended = thread.join();
        }
    }

    /// Ends the keeper and takes a last snapshot when something came since the one before.
    pub(super) fn close(&self) {
        self.stop();
        let keep = &self.keep;
        let is_new = keep.log.appended() > keep.since.lock().lsn;
        if keep.policy.at_close && is_new && keep.log.stopped().is_none() {
            // What fails is noted, and replay is as good.
            let _noted = keep.take();
        }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Reactor {
    /// Takes a snapshot of the state as it stands, while events go on.
    ///
    /// # Errors
    /// `Argument` for a reactor in memory; `Snapshot` for what the disk refused, which harms nothing;
    /// `Stopped`, `NotDurable` when the log cannot be synced.
    pub fn snapshot(&self) -> Result<SnapshotReport> {
        match &self.keeper {
            Some(keeper) => keeper.keep().take(),
            None => {
                let message = "a reactor in memory takes no snapshots".to_owned();
                Err(ErrorKind::Argument(message).into())
            }
        }
    }

    /// What became of snapshots since the reactor was opened.
    pub fn snapshots(&self) -> SnapshotFigures {
        let Some(keeper) = &self.keeper else { return SnapshotFigures::default() };
        let figures = &keeper.keep().figures;
        SnapshotFigures {
            taken: figures.taken.get(),
            failed: figures.failed.get(),
            last: *figures.last.lock(),
            failure: figures.failure.lock().clone(),
            segments_retired: figures.segments_retired.get(),
        }
    }

    /// How far the retention reaches, as things are; nothing of a reactor in memory.
    pub fn retention_outlook(&self) -> RetentionOutlook {
        let Some(keeper) = &self.keeper else { return RetentionOutlook::default() };
        let keep = keeper.keep();
        let disk_bytes = keep.disk.room(&keep.folder).map(|room| room.total).ok();
        keep.retention.outlook(&keep.log.segments(), clock::wall_ms(), disk_bytes)
    }

    /// Tells that everything up to `lsn` has been exported; what retention waits for when it is told to.
    pub fn exported_through(&self, lsn: u64) {
        if let Some(keeper) = &self.keeper {
            keeper.keep().exported_lsn.fetch_max(lsn, Ordering::Relaxed);
        }
    }

    /// Lets go of what the log need not keep any more, at once instead of at the keeper's next look.
    /// What fails is in [`Reactor::snapshots`].
    pub fn retain(&self) {
        if let Some(keeper) = &self.keeper {
            keeper.keep().retain();
        }
    }
}
