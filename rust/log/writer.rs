//! The writer: one thread that turns the queue into batches, writes and syncs them (group commit), and the
//! handle by which everybody else uses the log.
//!
//! The event loop never waits for a disk (specification 5.1): appends copy into the queue, the thread
//! works, and `wake_fd` becomes readable once a synced batch. But for `Always` a second thread syncs, so
//! that a slow sync does not hold back the next write. Invariants: a batch is one write call; LSNs are
//! published as synced only after the sync that covers them; after a failed write or sync nothing is
//! ever written or synced again.

use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use crate::sync::thread::{self, JoinHandle};
use std::any::Any;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use crate::sync::Mutex;

use super::error::{Error, Failed, Failure, FailureKind, ReserveError, WaitError};
use super::frame::{self, BATCH_HEADER_BYTES, RECORD_HEADER_BYTES};
use super::ledger::{Ledger, Retired};
use super::limits::RECORD_BYTES_MAX;
use super::manifest::{Entry, Manifest};
use super::queue::{Chunk, Queue};
use super::recovery::SyncPolicy;
use super::segment::{NewSegment, SEGMENT_HEADER_BYTES, create_segment};
use crate::storage::{LockGuard, write_all};

/// Room in the writer's queue, given back when dropped.
#[must_use = "room that is dropped is given back"]
pub struct Reservation<'log> {
    log: &'log Log,
    bytes: usize,
}

impl Drop for Reservation<'_> {
    fn drop(&mut self) {
        if self.bytes > 0 {
            self.log.queue.release(self.bytes);
        }
    }
}

/// Figures of a log since it was started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// Counter of the last record appended; 0 before the first.
    pub appended: u64,
    /// Counter of the last record synced.
    pub synced: u64,
    /// Bytes reserved or waiting to be written.
    pub queued_bytes: usize,
    /// Batches written.
    pub batches: u64,
    /// Bytes of those batches.
    pub written_bytes: u64,
    /// Successful syncs of batches.
    pub syncs: u64,
    /// Time spent in them, in nanoseconds.
    pub sync_ns: u64,
    /// The longest of them, in nanoseconds.
    pub sync_ns_max: u64,
    /// Torn bytes cut off and kept beside when the log was started.
    pub torn_bytes: u64,
}

/// A log that accepts records. Shared by reference between threads; dropping it closes it.
pub struct Log {
    queue: Arc<Queue>,
    /// In a log without a disk: the last LSN given. It has no writer, and is always synced.
    memory: Option<AtomicU64>,
    /// The manifest; none in memory.
    ledger: Option<Arc<Ledger>>,
    term: u32,
    torn_bytes: u64,
    closed: AtomicBool,
    running: Mutex<Option<Running>>,
}

struct Running {
    threads: Vec<JoinHandle<()>>,
    _lock: LockGuard,
}

impl Log {
    /// A log that keeps nothing: it gives LSNs and calls everything synced at once. For reactors without
    /// a data directory.
    ///
    /// # Errors
    /// When the operating system has no file descriptor left.
    pub fn memory() -> std::io::Result<Self> {
        Ok(Self {
            queue: Arc::new(Queue::new(1, 0, false)?),
            memory: Some(AtomicU64::new(0)),
            ledger: None,
            term: 0,
            torn_bytes: 0,
            closed: AtomicBool::new(false),
            running: Mutex::new(None),
        })
    }

    /// Starts the threads over a segment that recovery has made ready.
    pub(crate) fn start(start: Start) -> Result<Self, Error> {
        let Start { ledger, segment, next_lsn, policy, lock, .. } = start;
        let refuse = |error| Error::io("start the log in", ledger.directory(), error);
        let gather = policy != SyncPolicy::Always;
        let queue = Queue::new(next_lsn, start.queue_bytes_max, gather).map_err(refuse)?;
        let queue = Arc::new(queue);
        queue.switch(Arc::clone(&segment.file), segment.path.clone());
        let Manifest { term, apply_epoch, .. } = ledger.manifest();
        let writer = Writer {
            queue: Arc::clone(&queue),
            ledger: Arc::clone(&ledger),
            term,
            apply_epoch,
            offset: SEGMENT_HEADER_BYTES as u64,
            segment,
            segment_bytes_max: start.segment_bytes_max,
            gather,
        };
        let mut threads = vec![spawn("p13n-log", &queue, move || writer.run()).map_err(refuse)?];
        if gather {
            let shared = Arc::clone(&queue);
            let interval = match policy {
                SyncPolicy::Interval { ms } => Some(Duration::from_millis(ms)),
                SyncPolicy::Always | SyncPolicy::Never => None,
            };
            match spawn("p13n-log-sync", &queue, move || sync_at_intervals(&shared, interval)) {
                Ok(thread) => threads.push(thread),
                Err(error) => {
                    queue.close();
                    return Err(refuse(error));
                }
            }
        }
        let running = Mutex::new(Some(Running { threads, _lock: lock }));
        let closed = AtomicBool::new(false);
        let torn_bytes = start.torn_bytes;
        Ok(Self { queue, memory: None, ledger: Some(ledger), term, torn_bytes, closed, running })
    }

    /// Reserves room for a record of `bytes` payload bytes. Reserve before computing: `append` does not
    /// refuse a record for its size in the queue. A poisoned log is never busy: `append` says what it is.
    ///
    /// # Errors
    /// `Busy` when the queue has no room, `Full` when the disk has none; nothing has happened then.
    pub fn reserve(&self, bytes: usize) -> Result<Reservation<'_>, ReserveError> {
        self.reserve_internal(bytes)
    }

    /// As [`Log::reserve`], for records of the system's own (configurations, marks): they may use the half
    /// of a segment that is kept from events when the disk is full (specification 5.5).
    ///
    /// # Errors
    /// `Busy` when the queue has no room.
    pub fn reserve_internal(&self, bytes: usize) -> Result<Reservation<'_>, ReserveError> {
        if self.memory.is_some() || self.queue.failure().is_some() {
            return Ok(Reservation { log: self, bytes: 0 });
        }
        let bytes = bytes.saturating_add(RECORD_HEADER_BYTES);
        self.queue.reserve(bytes)?;
        Ok(Reservation { log: self, bytes })
    }

    /// Appends a record whose payload is `parts` one after another, and gives its LSN's counter. A copy
    /// into memory, never a system call but the wake-up of a sleeping writer. A record longer than its
    /// reservation is taken all the same and counted.
    ///
    /// # Errors
    /// `Failed::Stopped` when the log is poisoned or closed, `Failed::TooLarge` over `RECORD_BYTES_MAX`;
    /// the record has no LSN then.
    pub fn append(
        &self,
        mut reservation: Reservation<'_>,
        kind: u8,
        parts: &[&[u8]],
    ) -> Result<u64, Failed> {
        assert!(std::ptr::eq(self, reservation.log), "a reservation belongs to one log");
        let length: usize = parts.iter().map(|part| part.len()).sum();
        if length > RECORD_BYTES_MAX {
            return Err(Failed::TooLarge { bytes: length, bytes_max: RECORD_BYTES_MAX });
        }
        if let Some(last) = &self.memory {
            if let Some(failure) = self.stopped() {
                return Err(failure.into());
            }
            return Ok(last.fetch_add(1, Ordering::AcqRel) + 1);
        }
        // What the writer will release, whatever was reserved.
        let taken = length + RECORD_HEADER_BYTES;
        if taken > reservation.bytes {
            self.queue.overdraw(taken - reservation.bytes);
            reservation.bytes = taken;
        }
        let lsn = self.queue.append(kind, parts, length as u32)?;
        reservation.bytes -= taken;
        Ok(lsn)
    }

    /// Counter of the last record appended; 0 in an empty log.
    #[must_use]
    pub fn appended(&self) -> u64 {
        self.memory
            .as_ref()
            .map_or_else(|| self.queue.appended(), |last| last.load(Ordering::Acquire))
    }

    /// Counter up to which everything is synced.
    #[must_use]
    pub fn synced(&self) -> u64 {
        self.memory
            .as_ref()
            .map_or_else(|| self.queue.synced(), |last| last.load(Ordering::Acquire))
    }

    /// Blocks until everything up to `lsn` is synced, which under `Interval` and `Never` asks for a sync at
    /// once. Not for event loops, which use `wake_fd`.
    ///
    /// # Errors
    /// `Timeout`, or `Failed` when the log is poisoned before.
    pub fn wait(&self, lsn: u64, timeout: Duration) -> Result<(), WaitError> {
        if self.synced() >= lsn {
            return Ok(());
        }
        self.queue.wait(lsn, timeout)
    }

    /// An eventfd (8 bytes to read, non-blocking) that becomes readable after every sync and on failure.
    /// Look at `synced()` after registering it and after every read; a log in memory never signals.
    #[must_use]
    pub fn wake_fd(&self) -> RawFd {
        self.queue.wake().as_raw_fd()
    }

    /// Age of the oldest unsynced record, in milliseconds (exact to its batch); `None` when all are synced.
    #[must_use]
    pub fn unsynced_since_ms(&self) -> Option<u64> {
        self.queue.unsynced_since_ms()
    }

    /// Why the log stopped; `None` while it works and after an orderly close.
    #[must_use]
    pub fn failure(&self) -> Option<Failure> {
        self.queue.failure().cloned()
    }

    /// Why appends are refused: the failure, or that the log was closed; `None` while it works.
    #[must_use]
    pub fn stopped(&self) -> Option<Failure> {
        let closed = || self.closed.load(Ordering::Acquire).then(Failure::closed);
        self.failure().or_else(closed)
    }

    /// Term of this start; 0 in memory.
    #[must_use]
    pub fn term(&self) -> u32 {
        self.term
    }

    /// Figures since the start.
    #[must_use]
    pub fn stats(&self) -> Stats {
        Stats {
            appended: self.appended(),
            synced: self.synced(),
            queued_bytes: self.queue.queued_bytes(),
            batches: self.queue.batches.load(Ordering::Relaxed),
            written_bytes: self.queue.written_bytes.load(Ordering::Relaxed),
            syncs: self.queue.syncs.load(Ordering::Relaxed),
            sync_ns: self.queue.sync_ns.load(Ordering::Relaxed),
            sync_ns_max: self.queue.sync_ns_max.load(Ordering::Relaxed),
            torn_bytes: self.torn_bytes,
        }
    }

    /// The segments in LSN order, as the manifest knows them; none in memory.
    #[must_use]
    pub fn segments(&self) -> Vec<Entry> {
        self.ledger.as_ref().map_or_else(Vec::new, |ledger| ledger.entries())
    }

    /// Removes the whole segments whose records all lie before `first_lsn`; the open one stays. The manifest
    /// lets go of them durably before a file is removed. Blocks for the disk.
    ///
    /// # Errors
    /// `DiskFull` when the disk has no room even for a manifest, which passes; what else the disk refused.
    pub fn retain_from(&self, first_lsn: u64) -> Result<Retired, Failure> {
        let Some(ledger) = &self.ledger else { return Ok(Retired::default()) };
        if let Some(failure) = self.stopped() {
            return Err(failure);
        }
        let gone = match ledger.change(|manifest| manifest.retire_before(first_lsn)) {
            Ok(gone) => gone,
            Err(error @ Error::DiskFull { .. }) => return Err(error.into()),
            Err(error) => {
                // Which manifest stands is not known, so nothing may be built on either.
                let failure = Failure::from(error);
                self.queue.poison(failure.clone());
                return Err(failure);
            }
        };
        Ok(ledger.remove(&gone)?)
    }

    /// Stops the intake, writes and syncs what was appended, ends the threads, lets go of the directory.
    /// A second call gives the same answer.
    ///
    /// # Errors
    /// The failure, when not everything appended could be synced.
    pub fn close(&self) -> Result<(), Failure> {
        self.closed.store(true, Ordering::Release);
        self.queue.close();
        if let Some(running) = self.running.lock().take() {
            for thread in running.threads {
                // The threads catch their panics; a join can only succeed.
                let _caught = thread.join();
            }
        }
        self.queue.failure().map_or(Ok(()), |failure| Err(failure.clone()))
    }
}

impl AsFd for Log {
    /// The descriptor of `wake_fd`, for callers that poll in Rust.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.queue.wake().as_fd()
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        // A failure has been told to every waiter; nobody is left to hear it again.
        let _told = self.close();
    }
}

/// What recovery hands over.
pub(crate) struct Start {
    pub ledger: Arc<Ledger>,
    pub segment: NewSegment,
    pub next_lsn: u64,
    pub policy: SyncPolicy,
    pub queue_bytes_max: usize,
    pub segment_bytes_max: u64,
    pub torn_bytes: u64,
    pub lock: LockGuard,
}

struct Writer {
    queue: Arc<Queue>,
    ledger: Arc<Ledger>,
    term: u32,
    apply_epoch: u32,
    segment: NewSegment,
    offset: u64,
    segment_bytes_max: u64,
    gather: bool,
}

impl Writer {
    fn run(mut self) -> Result<(), Failure> {
        let mut taken = Vec::new();
        while self.queue.take(&mut taken, self.gather) {
            if let Some(failure) = self.queue.failure() {
                return Err(failure.clone());
            }
            let released: usize =
                taken.iter().map(|chunk| chunk.bytes.len() - BATCH_HEADER_BYTES).sum();
            let mut last_lsn = 0;
            for chunk in &mut taken {
                self.write(chunk)?;
                last_lsn = chunk.first_lsn + u64::from(chunk.count) - 1;
            }
            self.queue.written(&mut taken, last_lsn);
            if !self.gather {
                self.queue.sync()?;
            }
            self.queue.release(released);
        }
        self.finish()
    }

    /// Writes one batch with one call, in a new segment when this one is full.
    fn write(&mut self, chunk: &mut Chunk) -> Result<(), Failure> {
        let begun = self.offset > SEGMENT_HEADER_BYTES as u64;
        if begun && self.offset + chunk.bytes.len() as u64 > self.segment_bytes_max {
            self.rotate(chunk.first_lsn)?;
        }
        let Chunk { bytes, first_lsn, count } = chunk;
        let synced = self.queue.synced();
        let salt = &self.segment.salt;
        self.segment.chain =
            frame::seal(bytes, salt, *first_lsn, *count, synced, self.segment.chain);
        self.put(bytes)
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        write_all(&*self.segment.file, bytes, self.offset)
            .map_err(|error| Error::io("write", &self.segment.path, error))?;
        self.offset += bytes.len() as u64;
        self.queue.batches.fetch_add(1, Ordering::Relaxed);
        self.queue.written_bytes.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        Ok(())
    }

    /// Closes the segment and begins the next one. The old one is synced before the manifest names the
    /// new one, so that a named successor proves its predecessor.
    fn rotate(&mut self, first_lsn: u64) -> Result<(), Failure> {
        self.queue.written_up_to(first_lsn - 1);
        self.queue.sync()?;
        let (disk, directory) = (self.ledger.disk(), self.ledger.directory());
        let number = self.ledger.manifest().next_number;
        let next = create_segment(disk, directory, number, self.apply_epoch, self.term, first_lsn)?;
        let empty = self.ledger.change(|manifest| {
            let empty = manifest.close_last(first_lsn, self.offset);
            manifest.begin(first_lsn);
            empty
        })?;
        assert!(!empty, "a segment without a record is never full");
        self.queue.switch(Arc::clone(&next.file), next.path.clone());
        self.segment = next;
        self.offset = SEGMENT_HEADER_BYTES as u64;
        Ok(())
    }

    /// An orderly end: what was written is synced, and the manifest gets the segment's length, so that
    /// later damage to its last batch cannot pass for a torn tail.
    fn finish(&mut self) -> Result<(), Failure> {
        if let Some(failure) = self.queue.failure() {
            return Err(failure.clone());
        }
        if !self.queue.is_all_synced() {
            self.queue.sync()?;
        }
        let next_lsn = self.queue.synced() + 1;
        let empty = self.ledger.change(|manifest| manifest.close_last(next_lsn, self.offset))?;
        if empty {
            let path = &self.segment.path;
            self.ledger.disk().remove(path).map_err(|error| Error::io("remove", path, error))?;
        }
        Ok(())
    }
}

/// Syncs once an interval, and when somebody asks; without an interval only then.
fn sync_at_intervals(queue: &Queue, interval: Option<Duration>) -> Result<(), Failure> {
    while queue.pause(interval) {
        if !queue.is_all_synced() {
            queue.sync()?;
        }
    }
    Ok(())
}

/// Starts a thread whose failure, by error or by panic, poisons the log.
fn spawn(
    name: &str,
    queue: &Arc<Queue>,
    work: impl FnOnce() -> Result<(), Failure> + Send + 'static,
) -> std::io::Result<JoinHandle<()>> {
    let queue = Arc::clone(queue);
    thread::Builder::new().name(name.into()).spawn(move || {
        let failure = match catch_unwind(AssertUnwindSafe(work)) {
            Ok(Ok(())) => return,
            Ok(Err(failure)) => failure,
            Err(panic) => Failure::new(FailureKind::Panic, panic_message(&*panic)),
        };
        queue.poison(failure);
    })
}

fn panic_message(panic: &(dyn Any + Send)) -> String {
    let said = panic.downcast_ref::<&str>().copied();
    let said = said.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("its thread panicked: {}", said.unwrap_or("no message"))
}
