//! Recovery: from a directory to a log that accepts records.
//!
//! Three steps in this order: `open` takes the lock and reads the manifest, `replay` yields every record,
//! `start` makes the end of the log certain and begins a new segment under a new term. After a kill the
//! last bytes may still be in the page cache only, so they are synced before anything derived from them is
//! served. Invariants: damage below a synced LSN refuses the start; torn bytes are kept beside before they
//! are cut; a term is given once.

use crate::sync::thread;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::sync_channel;

use super::error::{Error, ReplayError};
use super::frame::{BatchHeader, next_record};
use super::limits::{
    INTERVAL_MS_MAX, INTERVAL_MS_MIN, QUEUE_BYTES_MAX, READ_BYTES, REPLAY_BLOCK_BYTES,
    REPLAY_BLOCKS_AHEAD, SEGMENT_BYTES_MAX, SEGMENT_BYTES_MIN,
};
use super::lock::lock_directory;
use super::manifest::{MANIFEST_FILE, Manifest};
use super::scan::{SegmentEnd, check_epoch, scan_segment};
use super::segment::create_segment;
use super::writer::{Log, Start};
use super::{Lsn, Record};
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
}

impl Default for Options {
    fn default() -> Self {
        Self {
            sync: SyncPolicy::Always,
            queue_bytes_max: QUEUE_BYTES_MAX,
            segment_bytes_max: SEGMENT_BYTES_MAX,
            apply_epoch: 1,
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

/// What a replay went through.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Replayed {
    /// Records handed on.
    pub records: u64,
    /// Bytes of the segments that hold them.
    pub bytes: u64,
    /// Counter of the last record; 0 in an empty log.
    pub last_lsn: u64,
    /// Bytes at the end that are a torn, never answered tail; `start` cuts them.
    pub torn_bytes: u64,
}

/// A locked directory on its way to a `Log`.
pub struct Recovery {
    directory: PathBuf,
    disk: Arc<dyn Disk>,
    options: Options,
    manifest: Manifest,
    lock: LockGuard,
    /// The end of the last segment, once a replay has seen it; the inner `None` when there is no segment.
    end: Option<Option<SegmentEnd>>,
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
        let directory = directory.to_path_buf();
        Ok(Self { directory, disk, options, manifest, lock, end: None })
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
        self.manifest.entries.first().map_or(1, |entry| entry.first_lsn)
    }

    /// As [`Recovery::replay`], of the records after `lsn` only: those up to it are in a snapshot.
    ///
    /// # Errors
    /// As [`Recovery::replay`].
    pub fn replay_after<E>(
        &mut self,
        lsn: u64,
        mut apply: impl FnMut(Record<'_>) -> Result<(), E>,
    ) -> Result<Replayed, ReplayError<E>> {
        self.replay(|record| if record.lsn.counter > lsn { apply(record) } else { Ok(()) })
    }

    /// Yields every record in LSN order. Reading, checksums and splitting run ahead on another thread.
    ///
    /// # Errors
    /// `Log` for damage to synced records and for what the disk refused, `Apply` with what `apply`
    /// answered; the records before have been handed on.
    pub fn replay<E>(
        &mut self,
        mut apply: impl FnMut(Record<'_>) -> Result<(), E>,
    ) -> Result<Replayed, ReplayError<E>> {
        let mut replayed = Replayed::default();
        let (blocks, ready) = sync_channel::<Block>(REPLAY_BLOCKS_AHEAD);
        let this = &*self;
        let end = thread::scope(|scope| {
            let decoding = scope.spawn(move || this.decode(|block| blocks.send(block).is_ok()));
            for block in ready {
                block.replay(&mut apply)?;
                replayed.records += block.records.len() as u64;
            }
            match decoding.join() {
                Ok(decoded) => decoded.map_err(ReplayError::Log),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        })?;
        replayed.bytes = end.bytes;
        if let Some(last) = &end.last {
            replayed.last_lsn = last.next_lsn - 1;
            replayed.torn_bytes = last.torn_bytes;
        }
        self.end = Some(end.last);
        Ok(replayed)
    }

    /// Makes the end of the log certain, raises the term and starts the writer. Scans the log when no
    /// replay has.
    ///
    /// # Errors
    /// As `replay`, and what the disk refused; the directory is as good as before then.
    pub fn start(mut self) -> Result<Log, Error> {
        let last = match self.end.take() {
            Some(last) => last,
            None => self.decode(|_| true)?.last,
        };
        let mut manifest = self.manifest.clone();
        let mut next_lsn = 1;
        let mut torn_bytes = 0;
        let mut emptied = None;
        if let Some(end) = last {
            self.settle(&end)?;
            next_lsn = end.next_lsn;
            torn_bytes = end.torn_bytes;
            emptied = manifest.close_last(end.next_lsn, end.bytes).then_some(end.path);
        }
        manifest.term += 1;
        manifest.apply_epoch = self.options.apply_epoch;
        let (disk, directory) = (&*self.disk, self.directory.as_path());
        let number = manifest.next_number;
        let epoch = manifest.apply_epoch;
        let segment = create_segment(disk, directory, number, epoch, manifest.term, next_lsn)?;
        manifest.begin(next_lsn);
        manifest.replace(disk, directory)?;
        if let Some(path) = emptied {
            disk.remove(&path).map_err(|error| Error::io("remove", &path, error))?;
        }
        Log::start(Start {
            disk: self.disk,
            directory: self.directory,
            manifest,
            segment,
            next_lsn,
            policy: self.options.sync,
            queue_bytes_max: self.options.queue_bytes_max,
            segment_bytes_max: self.options.segment_bytes_max,
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
        file.sync().map_err(|error| refuse("sync", error))?;
        let directory = self.directory.as_path();
        self.disk.sync_directory(directory).map_err(|error| Error::io("sync", directory, error))
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
        loop {
            let filled = read_full(&*from, &mut buffer, end.bytes + copied).map_err(refuse)?;
            if filled == 0 {
                break;
            }
            write_all(&*to, &buffer[..filled], copied).map_err(refuse)?;
            copied += filled as u64;
        }
        to.sync().map_err(refuse)?;
        self.disk.sync_directory(&self.directory).map_err(refuse)
    }

    /// Reads, checks and splits all batches; `emit` answers whether it wants more.
    fn decode(&self, mut emit: impl FnMut(Block) -> bool) -> Result<Decoded, Error> {
        let mut decoded = Decoded { last: None, bytes: 0 };
        for entry in &self.manifest.entries {
            let mut block = Block::new(entry.term);
            let mut goes_on = true;
            let mut broken = None;
            let (disk, directory) = (&*self.disk, self.directory.as_path());
            let mut visit = |header: &BatchHeader, payload: &[u8]| {
                if !block.take(header, payload) {
                    broken = Some((header.first_lsn, header.last_lsn));
                    return false;
                }
                if block.bytes.len() >= REPLAY_BLOCK_BYTES {
                    goes_on = emit(std::mem::replace(&mut block, Block::new(entry.term)));
                }
                goes_on
            };
            let scanned =
                scan_segment(disk, directory, entry, self.options.apply_epoch, &mut visit);
            if let Some((first_lsn, last_lsn)) = broken {
                let file = super::segment::segment_path(directory, entry.number);
                let what = "a batch's records are not as many as it says";
                return Err(Error::Corrupted { file, offset: 0, first_lsn, last_lsn, what });
            }
            // The caller wants no more, so the verdict on the segment's end is not of interest.
            if !goes_on {
                return Ok(decoded);
            }
            // What is good before a damage is handed on, too: `replay` promises it.
            if !block.records.is_empty() && !emit(block) {
                return Ok(decoded);
            }
            let end = scanned?;
            decoded.bytes += end.bytes;
            decoded.last = Some(end);
        }
        Ok(decoded)
    }
}

/// The manifest of a new directory, made durable before any segment exists. A directory with segments
/// and no manifest has lost it, and is not taken for a new one.
fn first_manifest(disk: &dyn Disk, directory: &Path, apply_epoch: u32) -> Result<Manifest, Error> {
    let refuse = |error| Error::io("read", directory, error);
    let names = disk.names(directory).map_err(refuse)?;
    if names.iter().any(|name| name.extension().is_some_and(|extension| extension == "log")) {
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

struct Decoded {
    last: Option<SegmentEnd>,
    bytes: u64,
}

/// Records decoded ahead: payloads of whole batches, and where each record lies in them.
struct Block {
    term: u32,
    first_lsn: u64,
    bytes: Vec<u8>,
    records: Vec<(u8, usize, usize)>,
}

impl Block {
    fn new(term: u32) -> Self {
        Self { term, first_lsn: 0, bytes: Vec::new(), records: Vec::new() }
    }

    /// Adds a batch's records; `false` when they are not as many as its header says.
    fn take(&mut self, header: &BatchHeader, payload: &[u8]) -> bool {
        if self.records.is_empty() {
            self.first_lsn = header.first_lsn;
        }
        let before = self.records.len();
        let base = self.bytes.len();
        let mut left = payload;
        while let Some((kind, record)) = next_record(&mut left) {
            let start = base + payload.len() - left.len() - record.len();
            self.records.push((kind, start, start + record.len()));
        }
        self.bytes.extend_from_slice(payload);
        left.is_empty() && self.records.len() - before == header.count as usize
    }

    fn replay<E>(
        &self,
        apply: &mut impl FnMut(Record<'_>) -> Result<(), E>,
    ) -> Result<(), ReplayError<E>> {
        for (counter, (kind, from, to)) in (self.first_lsn..).zip(&self.records) {
            let lsn = Lsn { partition: 0, term: self.term, counter };
            let record = Record { lsn, kind: *kind, payload: &self.bytes[*from..*to] };
            apply(record).map_err(|error| ReplayError::Apply { lsn: counter, error })?;
        }
        Ok(())
    }
}
