//! Recovery: from a directory to a log that accepts records.
//!
//! Three steps in this order: `open` takes the lock and reads the manifest, `replay` yields every record,
//! `start` makes the end of the log certain and begins a new segment under a new term. After a kill the
//! last bytes may still be in the page cache only, so they are synced before anything derived from them is
//! served. Invariants: damage below a synced LSN refuses the start; torn bytes are kept beside before they
//! are cut; a term is given once.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Record;
use super::error::{Error, ReplayError};
use super::handle::{Log, Start};
use super::ledger::Ledger;
use super::leftovers::{is_segment_name, refuse_unnamed, remove_leftovers};
use super::limits::{
    INTERVAL_MS_MAX, INTERVAL_MS_MIN, QUEUE_BYTES_MAX, READ_BYTES, SEGMENT_BYTES_MAX,
    SEGMENT_BYTES_MIN, SEGMENTS_MAX,
};
use super::lock::lock_directory;
use super::manifest::{MANIFEST_FILE, Manifest};
use super::replay::{Progress, Replay, Replayed, Tail};
use super::scan::{SegmentEnd, check_epoch};
use super::segment::{create_segment, segment_path, sync_names};
use super::steady::Steady;
use super::synced::{SyncedFile, read_synced};
use crate::mutant::{self, Mutant};
use crate::storage::{Disk, LockGuard, read_full, write_all};

/// When the log is synced, and with that, what an answer means (specification 5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SyncPolicy {
    /// After every batch: what waits for its LSN survives a power cut.
    Always,
    /// Written within 5 ms of the append, synced every so many milliseconds.
    Interval {
        /// The interval, 1 to 60,000 ms.
        ms: u64,
    },
    /// Written as under `Interval`; synced when a segment is full, at `close`, and when somebody waits for
    /// an LSN.
    Never,
}

/// How a log is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// When to sync.
    pub sync: SyncPolicy,
    /// Bound of the writer's queue, in bytes.
    pub queue_bytes_max: usize,
    /// A segment takes no further batch that would make it longer; at least 1,024 bytes.
    pub segment_bytes_max: u64,
    /// Epoch of what the caller's `apply` computes; a log of a newer one is refused.
    pub apply_epoch: u32,
    /// Whether closed segments are compressed; `false` leaves them as they were written.
    pub seal: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            sync: SyncPolicy::Always,
            queue_bytes_max: QUEUE_BYTES_MAX,
            segment_bytes_max: SEGMENT_BYTES_MAX,
            apply_epoch: 1,
            seal: true,
        }
    }
}

impl Options {
    fn check(&self) -> Result<(), Error> {
        let (name, value, allowed) = match self.sync {
            SyncPolicy::Interval { ms } if !(INTERVAL_MS_MIN..=INTERVAL_MS_MAX).contains(&ms) => {
                ("sync interval", ms, "1 to 60,000 ms")
            }
            _ if self.segment_bytes_max < SEGMENT_BYTES_MIN => {
                ("segment_bytes_max", self.segment_bytes_max, "at least 1,024")
            }
            _ => return Ok(()),
        };
        Err(Error::Option { name, value, allowed })
    }
}

/// A locked directory on its way to a `Log`.
pub struct Recovery {
    directory: PathBuf,
    disk: Arc<dyn Disk>,
    options: Options,
    manifest: Manifest,
    lock: LockGuard,
    /// What the `synced` file says.
    synced_lsn: u64,
    progress: Arc<Progress>,
    /// The log's end, once a replay has seen it.
    tail: Option<Tail>,
}

impl Recovery {
    /// Takes the directory's lock, making the directory when it does not exist, and reads the manifest.
    ///
    /// # Errors
    /// `Locked` at once when another process has it; `Option`, `Corrupted`, `NewerFormat`, `NewerEpoch`,
    /// or what the disk refused.
    pub fn open(directory: &Path, disk: Arc<dyn Disk>, options: Options) -> Result<Self, Error> {
        options.check()?;
        disk.create_directory(directory)
            .map_err(|error| Error::io("create the directory", directory, error))?;
        let lock = lock_directory(directory, &*disk)?;
        let manifest = match Manifest::read(&*disk, directory)? {
            Some(manifest) => manifest,
            None => first_manifest(&*disk, directory, options.apply_epoch)?,
        };
        check_epoch(&manifest, directory, options.apply_epoch)?;
        refuse_unnamed(&*disk, directory, &manifest)?;
        let synced_lsn = read_synced(&*disk, directory, manifest.seed)?;
        forget_open_segment(&*disk, directory, &manifest)?;
        let directory = directory.to_path_buf();
        let progress = Arc::default();
        Ok(Self { directory, disk, options, manifest, lock, synced_lsn, progress, tail: None })
    }

    /// The directory's secret seed, drawn when it was made (specification 5.3: shards).
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.manifest.seed
    }

    /// Apply epoch of the release that started this log last; replay computes the caller's.
    #[must_use]
    pub fn apply_epoch(&self) -> u32 {
        self.manifest.apply_epoch
    }

    /// Counter of the first record that the log still holds, or would hold.
    #[must_use]
    pub fn first_lsn(&self) -> u64 {
        self.manifest.first_lsn()
    }

    /// How far a replay is, for other threads to read.
    #[must_use]
    pub fn progress(&self) -> Arc<Progress> {
        Arc::clone(&self.progress)
    }

    /// Yields every record in LSN order. Reading, checksums and splitting run ahead on another thread.
    ///
    /// # Errors
    /// `Log` for damage to synced records and for what the disk refused, `Apply` with what `apply`
    /// answered; the records before have been handed on.
    pub fn replay<E>(
        &mut self,
        apply: impl FnMut(Record<'_>) -> Result<(), E>,
    ) -> Result<Replayed, ReplayError<E>> {
        self.replay_after(0, apply)
    }

    /// As [`Recovery::replay`], of the records after `lsn` only: those up to it are in a snapshot. Segments
    /// that end there are not read.
    ///
    /// # Errors
    /// As [`Recovery::replay`].
    pub fn replay_after<E>(
        &mut self,
        lsn: u64,
        apply: impl FnMut(Record<'_>) -> Result<(), E>,
    ) -> Result<Replayed, ReplayError<E>> {
        let (replayed, tail) = self.over(lsn).run(apply)?;
        self.tail = Some(tail);
        Ok(replayed)
    }

    fn over(&self, after_lsn: u64) -> Replay<'_> {
        Replay {
            disk: &*self.disk,
            directory: &self.directory,
            manifest: &self.manifest,
            apply_epoch: self.options.apply_epoch,
            synced_lsn: self.synced_lsn,
            after_lsn,
            progress: &self.progress,
        }
    }

    /// Makes the end of the log certain, raises the term and starts the writer. Looks for the end when no
    /// replay has.
    ///
    /// # Errors
    /// As `replay`, and what the disk refused; the directory is as good as before then.
    pub fn start(mut self) -> Result<Log, Error> {
        let tail = match self.tail.take() {
            Some(tail) => tail,
            None => self.over(0).tail()?,
        };
        let mut manifest = self.manifest.clone();
        let (disk, directory) = (&*self.disk, self.directory.as_path());
        // Its name may be known to the cache alone, when a sync of the directory failed before this start:
        // no segment may outlive it.
        manifest.replace(disk, directory)?;
        let next_lsn = tail.next_lsn;
        let mut torn_bytes = 0;
        let mut emptied = None;
        if let Some(end) = tail.open {
            self.settle(&end)?;
            torn_bytes = end.torn_bytes;
            emptied = manifest.close_last(end.next_lsn, end.bytes).then_some(end.path);
        }
        manifest.term += 1;
        manifest.apply_epoch = self.options.apply_epoch;
        let number = manifest.next_number;
        let epoch = manifest.apply_epoch;
        if manifest.entries.len() >= SEGMENTS_MAX {
            let directory = directory.to_path_buf();
            return Err(Error::TooManySegments { directory, segments_max: SEGMENTS_MAX });
        }
        let synced_file = SyncedFile::open(disk, directory, manifest.seed, manifest.term)?;
        synced_file.note(next_lsn - 1);
        let segment = create_segment(disk, directory, number, epoch, manifest.term, next_lsn)?;
        manifest.begin(next_lsn);
        manifest.replace(disk, directory)?;
        if let Some(path) = emptied {
            disk.remove(&path).map_err(|error| Error::io("remove", &path, error))?;
        }
        remove_leftovers(disk, directory, &manifest)?;
        Log::start(Start {
            ledger: Arc::new(Ledger::new(
                Arc::new(Steady::over(self.disk)),
                self.directory,
                manifest,
            )),
            segment,
            synced_file,
            next_lsn,
            policy: self.options.sync,
            queue_bytes_max: self.options.queue_bytes_max,
            segment_bytes_max: self.options.segment_bytes_max,
            seals: self.options.seal,
            torn_bytes,
            lock: self.lock,
        })
    }

    /// Makes the last segment end where its last good batch ends, durably.
    fn settle(&self, end: &SegmentEnd) -> Result<(), Error> {
        let refuse = |action, error| Error::io(action, &end.path, error);
        let file = self.disk.open(&end.path, true).map_err(|error| refuse("open", error))?;
        if end.torn_bytes > 0 {
            self.keep_torn(end)?;
        }
        if file.length().map_err(|error| refuse("read", error))? > end.bytes {
            file.truncate(end.bytes).map_err(|error| refuse("cut", error))?;
        }
        if !mutant::is(Mutant::ServeBeforeSync) {
            file.sync().map_err(|error| refuse("sync", error))?;
        }
        sync_names(&*self.disk, &self.directory)
    }

    /// Copies the torn bytes beside the segment, durably, before they are cut.
    fn keep_torn(&self, end: &SegmentEnd) -> Result<(), Error> {
        let mut name = end.path.clone().into_os_string();
        name.push(format!(".{}.torn", end.bytes));
        let torn = PathBuf::from(name);
        let refuse = |error| Error::io("keep the torn tail in", &torn, error);
        let from = self.disk.open(&end.path, false).map_err(refuse)?;
        let to = self.disk.create(&torn).map_err(refuse)?;
        let mut buffer = vec![0; READ_BYTES];
        let mut copied = 0;
        while copied < end.torn_bytes {
            let wanted = (end.torn_bytes - copied).min(READ_BYTES as u64) as usize;
            let filled =
                read_full(&*from, &mut buffer[..wanted], end.bytes + copied).map_err(refuse)?;
            if filled == 0 {
                break;
            }
            write_all(&*to, &buffer[..filled], copied).map_err(refuse)?;
            copied += filled as u64;
        }
        to.sync().map_err(refuse)?;
        sync_names(&*self.disk, &self.directory)
    }
}

/// After a sync that failed the cache may hold bytes that the disk does not, and call them clean: recovery
/// would serve them and a power cut would take them. What is still to be written stays (section A5 of the
/// sources: on Linux a failed page is marked clean).
fn forget_open_segment(
    disk: &dyn Disk,
    directory: &Path,
    manifest: &Manifest,
) -> Result<(), Error> {
    let Some(open) = manifest.entries.last().filter(|entry| !entry.is_closed()) else {
        return Ok(());
    };
    let path = segment_path(directory, open);
    // A segment that is missing is the scan's to report.
    let Ok(file) = disk.open(&path, false) else { return Ok(()) };
    file.forget_cache().map_err(|error| Error::io("drop the cache of", &path, error))
}

/// The manifest of a new directory, made durable before any segment exists. A directory with segments
/// and no manifest has lost it, and is not taken for a new one.
fn first_manifest(disk: &dyn Disk, directory: &Path, apply_epoch: u32) -> Result<Manifest, Error> {
    let refuse = |error| Error::io("read", directory, error);
    let names = disk.names(directory).map_err(refuse)?;
    if names.iter().any(|name| is_segment_name(name)) {
        return Err(Error::Corrupted {
            file: directory.join(MANIFEST_FILE),
            offset: 0,
            first_lsn: 1,
            last_lsn: 1,
            what: "the manifest is missing beside segments",
        });
    }
    let seed = getrandom::u64()
        .map_err(|error| Error::io("draw a seed for", directory, std::io::Error::other(error)))?;
    let manifest = Manifest::new(apply_epoch, seed);
    manifest.replace(disk, directory)?;
    Ok(manifest)
}
