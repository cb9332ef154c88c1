//! The queue: what has been appended and not yet written, and what everybody knows of the log's progress.
//!
//! One short mutex covers the buffer; everything read often is an atomic beside it. An append is a copy
//! under that mutex, and a wake-up after it only when the writer sleeps. Invariants: `synced` never
//! passes what a successful sync covered; the first failure stays, and is visible before anybody is woken
//! because of it; syncs run one at a time, so that a failure reported to one caller cannot be missed by another.

use crate::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use crate::sync::{Condvar, Mutex, MutexGuard};
use rustix::event::{EventfdFlags, eventfd};

use super::error::{Busy, Error, Failed, Failure, WaitError};
use super::frame::{self, BATCH_HEADER_BYTES};
use super::limits::{BATCH_BYTES_FULL, FULL_RETRY_MS, GATHER_MS};
use super::synced::SyncedFile;
use crate::mutant::{self, Mutant};
use crate::storage::DiskFile;

/// How many emptied chunks wait for their next use.
const SPARE_CHUNKS: usize = 2;

/// Records under way to become one batch; room for its header comes first.
pub(crate) struct Chunk {
    pub bytes: Vec<u8>,
    pub first_lsn: u64,
    pub count: u32,
}

impl Chunk {
    fn new(first_lsn: u64) -> Self {
        let mut bytes = Vec::with_capacity(256 << 10);
        bytes.resize(BATCH_HEADER_BYTES, 0);
        Self { bytes, first_lsn, count: 0 }
    }

    /// Makes the chunk empty again, keeping its memory unless a huge record blew it up.
    fn renew(&mut self) {
        if self.bytes.capacity() > 2 * BATCH_BYTES_FULL {
            self.bytes = Vec::with_capacity(BATCH_BYTES_FULL);
        }
        self.bytes.clear();
        self.bytes.resize(BATCH_HEADER_BYTES, 0);
        self.count = 0;
    }
}

/// How far a record has come; the index of the stage's oldest time.
#[derive(Clone, Copy)]
pub(crate) enum Stage {
    Buffered = 0,
    Writing = 1,
    Written = 2,
    Syncing = 3,
}

/// What waiting for records came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taken {
    /// There are some.
    Records,
    /// None came for the time given.
    Idle,
    /// The log is closing and nothing is left.
    End,
}

/// The file that batches go to.
struct OpenFile {
    file: Arc<dyn DiskFile>,
    path: PathBuf,
}

struct Buffer {
    filling: Chunk,
    full: Vec<Chunk>,
    spare: Vec<Chunk>,
    next_lsn: u64,
    /// The writer waits for a first record and must be woken.
    writer_sleeps: bool,
    closing: bool,
    /// When the oldest record of each stage was appended, in nanoseconds since `begun`; 0: none.
    since_ns: [u64; 4],
}

/// What the appenders, the waiters, the writer and the syncer share.
pub(crate) struct Queue {
    buffer: Mutex<Buffer>,
    work: Condvar,
    begun: Instant,
    queue_bytes_max: usize,
    queued_bytes: AtomicUsize,
    appended: AtomicU64,
    written: AtomicU64,
    synced: AtomicU64,
    /// Highest LSN that somebody waits for, where nothing else would sync it soon.
    asked: AtomicU64,
    is_asked_for_syncs: bool,
    oldest_unsynced_ns: AtomicU64,
    /// The last record that was to begin a segment; 0 for none.
    apart_lsn: AtomicU64,
    failure: OnceLock<Failure>,
    synced_file: OnceLock<SyncedFile>,
    /// The file being written. Whoever holds it syncs; it is replaced only after everything before
    /// the new file is synced, and before anything in the new one counts as written.
    open: Mutex<Option<OpenFile>>,
    waiters: Mutex<()>,
    progress: Condvar,
    wake: OwnedFd,
    pub batches: AtomicU64,
    pub written_bytes: AtomicU64,
    pub syncs: AtomicU64,
    pub sync_ns: AtomicU64,
    pub sync_ns_max: AtomicU64,
}

impl Queue {
    /// An empty queue whose next record gets `next_lsn`; everything before it is synced. Where the writer does
    /// not sync every batch, `is_asked_for_syncs`, a waiter asks for a sync.
    pub fn new(
        next_lsn: u64,
        queue_bytes_max: usize,
        is_asked_for_syncs: bool,
    ) -> std::io::Result<Self> {
        let last_lsn = next_lsn - 1;
        Ok(Self {
            buffer: Mutex::new(Buffer {
                filling: Chunk::new(next_lsn),
                full: Vec::new(),
                spare: Vec::new(),
                next_lsn,
                writer_sleeps: false,
                closing: false,
                since_ns: [0; 4],
            }),
            work: Condvar::new(),
            begun: Instant::now(),
            queue_bytes_max,
            queued_bytes: AtomicUsize::new(0),
            appended: AtomicU64::new(last_lsn),
            written: AtomicU64::new(last_lsn),
            synced: AtomicU64::new(last_lsn),
            asked: AtomicU64::new(0),
            is_asked_for_syncs,
            oldest_unsynced_ns: AtomicU64::new(0),
            apart_lsn: AtomicU64::new(0),
            failure: OnceLock::new(),
            synced_file: OnceLock::new(),
            open: Mutex::new(None),
            waiters: Mutex::new(()),
            progress: Condvar::new(),
            wake: eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC)?,
            batches: AtomicU64::new(0),
            written_bytes: AtomicU64::new(0),
            syncs: AtomicU64::new(0),
            sync_ns: AtomicU64::new(0),
            sync_ns_max: AtomicU64::new(0),
        })
    }

    pub fn reserve(&self, bytes: usize) -> Result<(), Busy> {
        let max = self.queue_bytes_max;
        self.queued_bytes
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |queued| {
                queued.checked_add(bytes).filter(|total| *total <= max)
            })
            .map(|_| ())
            .map_err(|queued| Busy {
                requested: bytes,
                free: max.saturating_sub(queued),
                queue_bytes_max: max,
            })
    }

    pub fn release(&self, bytes: usize) {
        let before = self.queued_bytes.fetch_sub(bytes, Ordering::Relaxed);
        debug_assert!(before >= bytes, "more was released than reserved");
    }

    /// Counts `bytes` more than were reserved; the record is already computed and is not refused.
    pub fn overdraw(&self, bytes: usize) {
        self.queued_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    pub fn queued_bytes(&self) -> usize {
        self.queued_bytes.load(Ordering::Relaxed)
    }

    /// Copies a record into the buffer and gives its LSN.
    pub fn append(
        &self,
        kind: u8,
        parts: &[&[u8]],
        length: u32,
        is_apart: bool,
    ) -> Result<u64, Failed> {
        let (lsn, wake) = {
            let mut buffer = self.buffer.lock();
            if let Some(failure) = self.failure.get() {
                return Err(failure.clone().into());
            }
            if buffer.closing {
                return Err(Failure::closed().into());
            }
            if is_apart {
                self.break_off(&mut buffer);
            }
            let lsn = self.push(&mut buffer, kind, parts, length);
            // Release: whoever reads this LSN also finds what its appender had written before.
            self.appended.store(lsn, Ordering::Release);
            (lsn, std::mem::take(&mut buffer.writer_sleeps))
        };
        if wake {
            self.work.notify_one();
        }
        Ok(lsn)
    }

    /// The next record begins a batch, and that one a segment.
    fn break_off(&self, buffer: &mut Buffer) {
        self.apart_lsn.fetch_max(buffer.next_lsn, Ordering::Release);
        if buffer.filling.count > 0 {
            let next = buffer.spare.pop().unwrap_or_else(|| Chunk::new(buffer.next_lsn));
            let full = std::mem::replace(&mut buffer.filling, next);
            buffer.full.push(full);
        }
    }

    /// Whether the batch that begins with this record must begin a segment.
    pub fn is_apart(&self, first_lsn: u64) -> bool {
        self.apart_lsn.load(Ordering::Acquire) == first_lsn
    }

    fn push(&self, buffer: &mut Buffer, kind: u8, parts: &[&[u8]], length: u32) -> u64 {
        let lsn = buffer.next_lsn;
        buffer.next_lsn += 1;
        if buffer.since_ns[Stage::Buffered as usize] == 0 {
            buffer.since_ns[Stage::Buffered as usize] = self.now_ns();
            self.publish_oldest(buffer);
        }
        if buffer.filling.bytes.len() >= BATCH_BYTES_FULL {
            let next = buffer.spare.pop().unwrap_or_else(|| Chunk::new(lsn));
            let full = std::mem::replace(&mut buffer.filling, next);
            buffer.full.push(full);
        }
        let chunk = &mut buffer.filling;
        if chunk.count == 0 {
            chunk.first_lsn = lsn;
        }
        chunk.count += 1;
        frame::push_record(&mut chunk.bytes, kind, parts, length);
        lsn
    }

    /// Waits for records, at most for `idle`, and takes all that there are into `taken`; `gather` lets more
    /// come in for a few milliseconds after the first.
    pub fn take(&self, taken: &mut Vec<Chunk>, gather: bool, idle: Option<Duration>) -> Taken {
        let mut buffer = self.buffer.lock();
        let until = idle.map(|idle| Instant::now() + idle);
        while buffer.filling.count == 0 && !buffer.closing {
            buffer.writer_sleeps = true;
            let timed_out = match until {
                Some(until) => self.work.wait_until(&mut buffer, until).timed_out(),
                None => {
                    self.work.wait(&mut buffer);
                    false
                }
            };
            if timed_out && buffer.filling.count == 0 && !buffer.closing {
                buffer.writer_sleeps = false;
                return Taken::Idle;
            }
        }
        buffer.writer_sleeps = false;
        if gather && !buffer.closing && buffer.full.is_empty() {
            self.work.wait_for(&mut buffer, Duration::from_millis(GATHER_MS));
        }
        if buffer.filling.count == 0 {
            return Taken::End;
        }
        taken.append(&mut buffer.full);
        let next = buffer.spare.pop().unwrap_or_else(|| Chunk::new(0));
        taken.push(std::mem::replace(&mut buffer.filling, next));
        advance(&mut buffer.since_ns, Stage::Buffered, Stage::Writing);
        Taken::Records
    }

    /// Sleeps until it is worth asking a full disk again; `false` when the log is closing or has failed.
    pub fn rest_for_room(&self) -> bool {
        let until = Instant::now() + Duration::from_millis(FULL_RETRY_MS);
        let mut buffer = self.buffer.lock();
        while !buffer.closing && self.failure.get().is_none() {
            if self.work.wait_until(&mut buffer, until).timed_out() {
                return true;
            }
        }
        false
    }

    /// Takes note that the chunks are in the file up to `last_lsn`, and keeps some of their memory.
    pub fn written(&self, chunks: &mut Vec<Chunk>, last_lsn: u64) {
        chunks.iter_mut().for_each(Chunk::renew);
        {
            let mut buffer = self.buffer.lock();
            self.written.store(last_lsn, Ordering::Release);
            advance(&mut buffer.since_ns, Stage::Writing, Stage::Written);
            let kept = chunks.len().min(SPARE_CHUNKS.saturating_sub(buffer.spare.len()));
            buffer.spare.extend(chunks.drain(..kept));
        }
        // What is not kept is given back outside of the mutex: that takes a system call.
        chunks.clear();
        if self.is_sync_asked() {
            drop(self.waiters.lock());
            self.progress.notify_all();
        }
    }

    /// Takes note that everything up to `last_lsn` is in the file while chunks after it are not yet.
    pub fn written_up_to(&self, last_lsn: u64) {
        let _buffer = self.buffer.lock();
        self.written.store(last_lsn, Ordering::Release);
    }

    /// Names the file that batches go to from now on.
    pub fn switch(&self, file: Arc<dyn DiskFile>, path: PathBuf) {
        *self.open.lock() = Some(OpenFile { file, path });
    }

    /// Syncs the file being written, takes note of it in the `synced` file, and publishes what that covers.
    /// Never made twice for the same bytes: a failure poisons the log before the next caller gets its turn.
    pub fn sync(&self) -> Result<(), Failure> {
        self.sync_file(true)
    }

    /// As `sync`, of a marker, which is no batch of records and is not counted.
    pub fn sync_marker(&self) -> Result<(), Failure> {
        self.sync_file(false)
    }

    fn sync_file(&self, is_counted: bool) -> Result<(), Failure> {
        let open = self.open.lock();
        let Some(OpenFile { file, path }) = &*open else { return Ok(()) };
        if let Some(failure) = self.failure.get() {
            return Err(failure.clone());
        }
        let covered = {
            let mut buffer = self.buffer.lock();
            advance(&mut buffer.since_ns, Stage::Written, Stage::Syncing);
            self.written.load(Ordering::Acquire)
        };
        if mutant::is(Mutant::AnswerBeforeSync) {
            self.synced.store(covered, Ordering::Release);
            self.wake_all();
        }
        let begun = Instant::now();
        if let Err(error) = sync_once(&**file) {
            let failure = Failure::from(Error::io("sync", path, error));
            self.poison(failure.clone());
            return Err(failure);
        }
        if is_counted {
            let took_ns = begun.elapsed().as_nanos() as u64;
            self.syncs.fetch_add(1, Ordering::Relaxed);
            self.sync_ns.fetch_add(took_ns, Ordering::Relaxed);
            self.sync_ns_max.fetch_max(took_ns, Ordering::Relaxed);
        }
        // Before anybody is answered, so that a kill finds the note beside what was answered.
        if let Some(file) = self.synced_file.get() {
            file.note(covered);
        }
        {
            let mut buffer = self.buffer.lock();
            buffer.since_ns[Stage::Syncing as usize] = 0;
            self.publish_oldest(&buffer);
        }
        self.synced.store(covered, Ordering::Release);
        self.wake_all();
        Ok(())
    }

    /// The file that keeps note of every sync from now on.
    pub fn note_syncs_in(&self, file: SyncedFile) {
        let first = self.synced_file.set(file);
        assert!(first.is_ok(), "a log has one `synced` file");
    }

    /// Notes of a sync that could not be written.
    pub fn unnoted_syncs(&self) -> u64 {
        self.synced_file.get().map_or(0, SyncedFile::failures)
    }

    /// Keeps the first failure and wakes everybody.
    pub fn poison(&self, failure: Failure) {
        // A second failure is a consequence of the first, which stays.
        let _second = self.failure.set(failure);
        self.work.notify_all();
        self.wake_all();
    }

    fn wake_all(&self) {
        // The empty critical section orders this wake-up behind a waiter's look at `synced`.
        drop(self.waiters.lock());
        self.progress.notify_all();
        // A counter that cannot rise further is already readable, which is all that it is for.
        let _full = rustix::io::write(&self.wake, &1u64.to_le_bytes());
    }

    /// Ends the intake: appends are refused, the writer drains what there is.
    pub fn close(&self) {
        self.buffer.lock().closing = true;
        self.work.notify_all();
        drop(self.waiters.lock());
        self.progress.notify_all();
    }

    /// Sleeps until the interval is over (without one, for ever) or somebody asks for a sync; `false` when the
    /// log closes or fails.
    pub fn pause(&self, interval: Option<Duration>) -> bool {
        let until = interval.map(|interval| Instant::now() + interval);
        let mut waiting = self.waiters.lock();
        loop {
            if self.failure.get().is_some() || self.buffer.lock().closing {
                return false;
            }
            if self.is_sync_asked() || self.rest(&mut waiting, until) {
                return true;
            }
        }
    }

    /// Whether a sync now would bring a waiter further that asked for one.
    fn is_sync_asked(&self) -> bool {
        let synced = self.synced();
        self.asked.load(Ordering::Acquire) > synced && self.written.load(Ordering::Acquire) > synced
    }

    /// Sleeps until there may be progress; `true` when the time is over.
    fn rest(&self, waiting: &mut MutexGuard<'_, ()>, until: Option<Instant>) -> bool {
        match until {
            Some(until) => self.progress.wait_until(waiting, until).timed_out(),
            None => {
                self.progress.wait(waiting);
                false
            }
        }
    }

    pub fn wait(&self, lsn: u64, timeout: Duration) -> Result<(), WaitError> {
        if self.synced() >= lsn {
            return Ok(());
        }
        let until = Instant::now().checked_add(timeout);
        if self.is_asked_for_syncs {
            self.asked.fetch_max(lsn, Ordering::AcqRel);
            // A writer that gathers need not go on with it.
            self.work.notify_one();
        }
        let mut waiting = self.waiters.lock();
        if self.is_asked_for_syncs {
            self.progress.notify_all();
        }
        loop {
            if self.synced() >= lsn {
                return Ok(());
            }
            if let Some(failure) = self.failure.get() {
                return Err(failure.clone().into());
            }
            if self.rest(&mut waiting, until) && self.synced() < lsn {
                return Err(WaitError::Timeout);
            }
        }
    }

    pub fn appended(&self) -> u64 {
        self.appended.load(Ordering::Acquire)
    }

    /// Whether all that was appended is written and nobody asks for more.
    pub fn is_idle(&self) -> bool {
        self.appended() == self.written.load(Ordering::Acquire) && !self.is_sync_asked()
    }

    pub fn is_all_synced(&self) -> bool {
        self.written.load(Ordering::Acquire) == self.synced()
    }

    pub fn synced(&self) -> u64 {
        self.synced.load(Ordering::Acquire)
    }

    pub fn failure(&self) -> Option<&Failure> {
        self.failure.get()
    }

    pub fn wake(&self) -> &OwnedFd {
        &self.wake
    }

    /// Age of the oldest record that is not synced, in milliseconds; `None` when all are.
    pub fn unsynced_since_ms(&self) -> Option<u64> {
        match self.oldest_unsynced_ns.load(Ordering::Relaxed) {
            0 => None,
            oldest => Some(self.now_ns().saturating_sub(oldest) / 1_000_000),
        }
    }

    fn publish_oldest(&self, buffer: &Buffer) {
        let oldest = buffer.since_ns.iter().copied().filter(|since| *since > 0).min();
        self.oldest_unsynced_ns.store(oldest.unwrap_or(0), Ordering::Relaxed);
    }

    fn now_ns(&self) -> u64 {
        // 0 means none, so the clock begins at 1.
        self.begun.elapsed().as_nanos() as u64 + 1
    }
}

fn advance(since_ns: &mut [u64; 4], from: Stage, to: Stage) {
    let moved = std::mem::take(&mut since_ns[from as usize]);
    if since_ns[to as usize] == 0 {
        since_ns[to as usize] = moved;
    }
}

fn sync_once(file: &dyn DiskFile) -> std::io::Result<()> {
    if mutant::is(Mutant::NoSync) {
        return Ok(());
    }
    match file.sync() {
        Err(_) if mutant::is(Mutant::RetrySync) => file.sync(),
        synced => synced,
    }
}
