//! The writer: one thread that turns the queue into batches, writes and syncs them (group commit).
//!
//! The event loop never waits for a disk (specification 5.1): appends copy into the queue, the thread
//! works. But for `Always` a second thread syncs, so that a slow sync does not hold back the next write.
//! Invariants: a batch is one write call; LSNs are published as synced only after the sync that covers
//! them; a write that finds no room is made again at the same place until there is some; after any other
//! failed write, and after a failed sync, nothing is ever written or synced again.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use super::error::{Error, Failure, FailureKind};
use super::frame::{self, BATCH_HEADER_BYTES};
use super::ledger::Ledger;
use super::limits::IDLE_MS;
use super::queue::{Chunk, Queue, Taken};
use super::recovery::SyncPolicy;
use super::room::{Room, Spare, take_room};
use super::segment::{
    NewSegment, SEGMENT_HEADER_BYTES, SegmentHeader, begin_segment, create_segment,
};
use crate::mutant::{self, Mutant};
use crate::storage::{is_no_room, write_all};
use crate::sync::atomic::Ordering;
use crate::sync::thread::{self, JoinHandle};

/// The writer's thread.
pub(crate) struct Writer {
    pub queue: Arc<Queue>,
    pub ledger: Arc<Ledger>,
    pub room: Arc<Room>,
    pub term: u32,
    pub apply_epoch: u32,
    pub segment: NewSegment,
    /// Where the next batch goes.
    pub offset: u64,
    pub segment_bytes_max: u64,
    pub policy: SyncPolicy,
    /// Whether a marker, or nothing, is the last that was written.
    pub is_marked: bool,
}

impl Writer {
    pub fn run(mut self) -> Result<(), Failure> {
        let mut taken = Vec::new();
        let gather = self.policy != SyncPolicy::Always;
        loop {
            match self.queue.take(&mut taken, gather, self.idle()) {
                Taken::Records => self.write_all(&mut taken)?,
                Taken::Idle => self.mark()?,
                Taken::End => return self.finish(),
            }
        }
    }

    /// After how long without a record a marker is due.
    fn idle(&self) -> Option<Duration> {
        let is_due = !self.is_marked && self.policy != SyncPolicy::Never;
        (is_due && !mutant::is(Mutant::NoSyncWhenIdle)).then_some(Duration::from_millis(IDLE_MS))
    }

    fn write_all(&mut self, taken: &mut Vec<Chunk>) -> Result<(), Failure> {
        if let Some(failure) = self.queue.failure() {
            return Err(failure.clone());
        }
        let released: usize =
            taken.iter().map(|chunk| chunk.bytes.len() - BATCH_HEADER_BYTES).sum();
        let mut last_lsn = 0;
        for chunk in &mut *taken {
            self.write(chunk)?;
            last_lsn = chunk.first_lsn + u64::from(chunk.count) - 1;
        }
        self.queue.written(taken, last_lsn);
        if self.policy == SyncPolicy::Always {
            self.queue.sync()?;
        }
        self.queue.release(released);
        Ok(())
    }

    /// Writes one batch with one call, in a new segment when this one is full.
    fn write(&mut self, chunk: &mut Chunk) -> Result<(), Failure> {
        let begun = self.offset > SEGMENT_HEADER_BYTES as u64;
        let is_full = self.offset + chunk.bytes.len() as u64 > self.segment_bytes_max;
        if begun && (is_full || self.is_apart(chunk.first_lsn)) {
            self.rotate(chunk.first_lsn)?;
        }
        let Chunk { bytes, first_lsn, count } = chunk;
        let synced = self.queue.synced();
        let salt = &self.segment.salt;
        self.segment.chain =
            frame::seal(bytes, salt, *first_lsn, *count, synced, self.segment.chain);
        let mut is_stuck = false;
        while let Err(error) = write_all(&*self.segment.file, bytes, self.offset) {
            let is_first = !std::mem::replace(&mut is_stuck, true);
            if is_first && is_no_room(&error) {
                // Those before it need not wait with it.
                self.queue.written_up_to(*first_lsn - 1);
                self.queue.sync()?;
            }
            self.wait_for_room(Error::io("write", &self.segment.path, error))?;
        }
        if is_stuck {
            self.room.note_stuck(false);
        }
        self.is_marked = false;
        self.advance(bytes.len());
        self.queue.batches.fetch_add(1, Ordering::Relaxed);
        self.queue.written_bytes.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        Ok(())
    }

    /// Whether the record must begin a segment, and this one holds others.
    fn is_apart(&self, first_lsn: u64) -> bool {
        let holds_others = || {
            let manifest = self.ledger.manifest();
            manifest.entries.last().is_some_and(|open| open.first_lsn < first_lsn)
        };
        self.queue.is_apart(first_lsn) && holds_others()
    }

    fn advance(&mut self, bytes: usize) {
        self.offset += bytes as u64;
        self.room.note_used(self.offset);
    }

    /// Sleeps until the disk is worth asking again.
    ///
    /// # Errors
    /// The error, when it is not that the disk is full, or when nobody is left to wait.
    fn wait_for_room(&self, error: Error) -> Result<(), Failure> {
        if !matches!(error, Error::DiskFull { .. }) {
            // At once: the keeper must know before it can have the spare's lock.
            let failure = Failure::from(error);
            self.queue.poison(failure.clone());
            return Err(failure);
        }
        self.room.note_stuck(true);
        if !self.queue.rest_for_room() {
            return Err(self.queue.failure().cloned().unwrap_or_else(|| error.into()));
        }
        Ok(())
    }

    /// The log is idle: what was written is synced, and a batch without records says so, so that damage to
    /// the last records cannot pass for a torn tail.
    fn mark(&mut self) -> Result<(), Failure> {
        if !self.queue.is_all_synced() {
            self.queue.sync()?;
        }
        self.is_marked = true;
        let mut marker = vec![0; BATCH_HEADER_BYTES];
        if self.offset + marker.len() as u64 > self.segment_bytes_max {
            return Ok(());
        }
        let synced = self.queue.synced();
        let chain =
            frame::seal(&mut marker, &self.segment.salt, synced + 1, 0, synced, self.segment.chain);
        match write_all(&*self.segment.file, &marker, self.offset) {
            Ok(()) => {}
            // What a part of it left there is written over by the next batch.
            Err(error) if is_no_room(&error) => return Ok(()),
            Err(error) => return Err(Error::io("write", &self.segment.path, error).into()),
        }
        self.segment.chain = chain;
        self.advance(marker.len());
        self.queue.sync_marker()
    }

    /// Closes the segment and begins the next one. The old one is synced before the manifest names the
    /// new one, so that a named successor proves its predecessor.
    fn rotate(&mut self, first_lsn: u64) -> Result<(), Failure> {
        self.queue.written_up_to(first_lsn - 1);
        self.queue.sync()?;
        let room = Arc::clone(&self.room);
        let mut slot = room.slot();
        // Stays so when this fails or panics.
        slot.is_in_doubt = true;
        let (next, granted) = loop {
            match self.next_segment(&mut slot.spare, first_lsn) {
                Ok(next) => break next,
                Err(error) => self.wait_for_room(error)?,
            }
        };
        let empty = loop {
            let changed = self.ledger.change(|manifest| {
                let empty = manifest.close_last(first_lsn, self.offset);
                manifest.begin(first_lsn);
                empty
            });
            match changed {
                Ok(empty) => break empty,
                Err(error) => self.wait_for_room(error)?,
            }
        };
        slot.is_in_doubt = false;
        drop(slot);
        self.room.note_stuck(false);
        assert!(!empty, "a segment without a record is never full");
        self.queue.switch(Arc::clone(&next.file), next.path.clone());
        self.segment = next;
        self.offset = SEGMENT_HEADER_BYTES as u64;
        self.room.note_rotation(self.offset, granted);
        Ok(())
    }

    /// A segment with its header, durable, and how much room it has: the spare, or a fresh one.
    fn next_segment(
        &self,
        spare: &mut Option<Spare>,
        first_lsn: u64,
    ) -> Result<(NewSegment, u64), Error> {
        let number = self.ledger.next_number();
        let (epoch, term) = (self.apply_epoch, self.term);
        if let Some(spare) = spare.take_if(|spare| spare.number == number) {
            let header = SegmentHeader::new(epoch, number, term, first_lsn)?;
            return Ok((begin_segment(spare.file, spare.path, &header)?, self.segment_bytes_max));
        }
        let (disk, directory) = (self.ledger.disk(), self.ledger.directory());
        let next = create_segment(disk, directory, number, epoch, term, first_lsn)?;
        let header_bytes = SEGMENT_HEADER_BYTES as u64;
        let granted = take_room(&*next.file, &next.path, header_bytes, self.segment_bytes_max)?;
        Ok((next, granted))
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
        let path = &self.segment.path;
        // Free room is given back; the manifest's length counts, whether this is durable or not.
        let cut = self.segment.file.truncate(self.offset);
        cut.map_err(|error| Error::io("cut", path, error))?;
        let next_lsn = self.queue.synced() + 1;
        let empty = self.ledger.change(|manifest| manifest.close_last(next_lsn, self.offset))?;
        if empty {
            self.ledger.disk().remove(path).map_err(|error| Error::io("remove", path, error))?;
        }
        Ok(())
    }
}

/// Syncs once an interval, and when somebody asks; under `Never` only then.
pub(crate) fn sync_at_intervals(queue: &Queue, policy: SyncPolicy) -> Result<(), Failure> {
    let interval = match policy {
        SyncPolicy::Interval { ms } => Some(Duration::from_millis(ms)),
        SyncPolicy::Always | SyncPolicy::Never => None,
    };
    while queue.pause(interval) {
        let is_forgotten = mutant::is(Mutant::NoSyncWhenIdle) && queue.is_idle();
        if !is_forgotten && !queue.is_all_synced() {
            queue.sync()?;
        }
    }
    Ok(())
}

/// Starts a thread whose failure, by error or by panic, poisons the log.
pub(crate) fn spawn(
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
