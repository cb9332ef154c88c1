//! The handle: by which everybody uses a running log.
//!
//! Appending is a copy into memory, waiting is for those who may block, and `wake_fd` is for event loops.
//! Room is reserved before a record is computed, so that what was computed is never refused for want of it.
//! Invariants: a reservation gives back what was not used; a log that stopped says why, for good; dropping
//! the handle closes the log.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::sync::Arc;
use std::time::Duration;

use super::error::{Error, Failed, Failure, Full, ReserveError, WaitError};
use super::frame::RECORD_HEADER_BYTES;
use super::keeper::Keeper;
use super::ledger::{Ledger, Retired};
use super::limits::RECORD_BYTES_MAX;
use super::manifest::{Entry, Manifest};
use super::queue::Queue;
use super::recovery::SyncPolicy;
use super::room::{Room, take_room};
use super::segment::{NewSegment, SEGMENT_HEADER_BYTES};
use super::synced::SyncedFile;
use super::writer::{Writer, spawn, sync_at_intervals};
use crate::storage::LockGuard;
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use crate::sync::thread::JoinHandle;

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
    /// Since when the disk is too full for events, epoch milliseconds; `None` while there is room.
    pub full_since_ms: Option<u64>,
    /// Closed segments that could not be sealed because something in them is not right.
    pub unsealed_segments: u64,
    /// Syncs of which no note could be written; they are known from the batches.
    pub unnoted_syncs: u64,
}

/// A log that accepts records. Shared by reference between threads; dropping it closes it.
pub struct Log {
    pub(super) queue: Arc<Queue>,
    /// In a log without a disk: the last LSN given. It has no writer, and is always synced.
    memory: Option<AtomicU64>,
    /// The manifest; none in memory.
    pub(super) ledger: Option<Arc<Ledger>>,
    pub(super) room: Arc<Room>,
    term: u32,
    torn_bytes: u64,
    closed: AtomicBool,
    running: Mutex<Option<Running>>,
}

struct Running {
    threads: Vec<JoinHandle<()>>,
    /// Ended after the others, for a writer may still want a segment from it.
    keeper: Option<JoinHandle<()>>,
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
            room: Arc::new(Room::new(u64::MAX, u64::MAX)),
            term: 0,
            torn_bytes: 0,
            closed: AtomicBool::new(false),
            running: Mutex::new(None),
        })
    }

    /// Starts the threads over a segment that recovery has made ready.
    pub(crate) fn start(start: Start) -> Result<Self, Error> {
        let Start { ledger, segment, next_lsn, policy, segment_bytes_max, lock, .. } = start;
        let refuse = |error| Error::io("start the log in", ledger.directory(), error);
        let syncs_apart = policy != SyncPolicy::Always;
        let queue = Queue::new(next_lsn, start.queue_bytes_max, syncs_apart).map_err(refuse)?;
        let queue = Arc::new(queue);
        queue.switch(Arc::clone(&segment.file), segment.path.clone());
        queue.note_syncs_in(start.synced_file);
        let header_bytes = SEGMENT_HEADER_BYTES as u64;
        let granted = take_room(&*segment.file, &segment.path, header_bytes, segment_bytes_max)?;
        let room = Arc::new(Room::new(granted, segment_bytes_max));
        let Manifest { term, apply_epoch, .. } = *ledger.manifest();
        let keeper = Keeper {
            queue: Arc::clone(&queue),
            ledger: Arc::clone(&ledger),
            room: Arc::clone(&room),
            segment_bytes_max,
            seals: start.seals,
            term,
            tidied: 0,
        };
        let writer = Writer {
            queue: Arc::clone(&queue),
            ledger: Arc::clone(&ledger),
            room: Arc::clone(&room),
            term,
            apply_epoch,
            offset: header_bytes,
            segment,
            segment_bytes_max,
            policy,
            is_marked: true,
        };
        let mut log = Self {
            queue: Arc::clone(&queue),
            memory: None,
            ledger: Some(Arc::clone(&ledger)),
            room,
            term,
            torn_bytes: start.torn_bytes,
            closed: AtomicBool::new(false),
            running: Mutex::new(None),
        };
        // From here on dropping the handle ends what has been started.
        let running = log.running.get_mut();
        let running = running.insert(Running { threads: Vec::new(), keeper: None, _lock: lock });
        let thread = spawn("p13n-log-keeper", &queue, move || keeper.run());
        running.keeper = Some(thread.map_err(refuse)?);
        running.threads.push(spawn("p13n-log", &queue, move || writer.run()).map_err(refuse)?);
        if syncs_apart {
            let shared = Arc::clone(&queue);
            let syncing = move || sync_at_intervals(&shared, policy);
            running.threads.push(spawn("p13n-log-sync", &queue, syncing).map_err(refuse)?);
        }
        Ok(log)
    }

    /// Reserves room for a record of `bytes` payload bytes. Reserve before computing: `append` does not
    /// refuse a record for its size in the queue. A poisoned log is never busy: `append` says what it is.
    ///
    /// # Errors
    /// `Busy` when the queue has no room, `Full` when the disk has none; nothing has happened then.
    pub fn reserve(&self, bytes: usize) -> Result<Reservation<'_>, ReserveError> {
        match self.room.full_since_ms() {
            Some(since_ms) if self.queue.failure().is_none() => Err(Full { since_ms }.into()),
            _ => self.reserve_internal(bytes),
        }
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
        reservation: Reservation<'_>,
        kind: u8,
        parts: &[&[u8]],
    ) -> Result<u64, Failed> {
        self.append_as(reservation, kind, parts, false)
    }

    /// As [`Log::append`], of a record that begins a segment of its own: once it is synced, all records before it
    /// are in closed segments.
    ///
    /// # Errors
    /// As [`Log::append`].
    pub fn append_apart(
        &self,
        reservation: Reservation<'_>,
        kind: u8,
        parts: &[&[u8]],
    ) -> Result<u64, Failed> {
        self.append_as(reservation, kind, parts, true)
    }

    fn append_as(
        &self,
        mut reservation: Reservation<'_>,
        kind: u8,
        parts: &[&[u8]],
        is_apart: bool,
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
        let lsn = self.queue.append(kind, parts, length as u32, is_apart)?;
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
            full_since_ms: self.room.full_since_ms(),
            unsealed_segments: self.room.unsealed(),
            unnoted_syncs: self.queue.unnoted_syncs(),
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
            // The threads catch their panics; a join can only succeed.
            for thread in running.threads {
                let _caught = thread.join();
            }
            self.room.stop();
            if let Some(keeper) = running.keeper {
                let _caught = keeper.join();
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
    pub synced_file: SyncedFile,
    pub next_lsn: u64,
    pub policy: SyncPolicy,
    pub queue_bytes_max: usize,
    pub segment_bytes_max: u64,
    pub seals: bool,
    pub torn_bytes: u64,
    pub lock: LockGuard,
}
