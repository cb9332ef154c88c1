//! Replay: the records of a log in LSN order, read, checked and split ahead of whoever applies them.
//!
//! Applying is the dear part, so decoding runs on a thread of its own and hands blocks over. What a snapshot
//! covers is skipped by the manifest, without reading it. Invariants: records come in LSN order, without a
//! gap; what is good before a damage has been handed on; how far it is can be read from other threads.

use crate::sync::mpsc::sync_channel;
use std::path::Path;
use std::sync::Arc;

use super::error::{Error, ReplayError};
use super::frame::{BatchHeader, next_record};
use super::limits::{REPLAY_BLOCK_BYTES, REPLAY_BLOCKS_AHEAD};
use super::manifest::{Entry, Manifest};
use super::scan::{Scan, SegmentEnd};
use super::segment::segment_path;
use super::{Lsn, Record};
use crate::storage::Disk;
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::sync::thread;

/// How far a replay is; read by other threads while it runs.
#[derive(Debug, Default)]
pub struct Progress {
    done: AtomicU64,
    total: AtomicU64,
}

impl Progress {
    /// Bytes of batches whose records have been applied.
    #[must_use]
    pub fn bytes_done(&self) -> u64 {
        self.done.load(Ordering::Relaxed)
    }

    /// Bytes that there are to go through; 0 before the replay has begun. An open segment counts with its
    /// file's length, so that free room in it makes this too high until the end.
    #[must_use]
    pub fn bytes_total(&self) -> u64 {
        self.total.load(Ordering::Relaxed)
    }
}

/// What a replay went through.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Replayed {
    /// Records handed on.
    pub records: u64,
    /// Bytes of the segments that were read.
    pub bytes: u64,
    /// Counter of the last record; 0 in an empty log.
    pub last_lsn: u64,
    /// Bytes at the end that are a torn, never answered tail; `start` cuts them.
    pub torn_bytes: u64,
}

/// Where the log ends.
#[derive(Debug, Clone)]
pub(crate) struct Tail {
    /// Counter of the next record.
    pub next_lsn: u64,
    /// The end of the last segment, when a crash left it open.
    pub open: Option<SegmentEnd>,
    /// Bytes of the segments that were read.
    pub bytes: u64,
}

/// A log about to be replayed.
pub(crate) struct Replay<'log> {
    pub disk: &'log dyn Disk,
    pub directory: &'log Path,
    pub manifest: &'log Manifest,
    pub apply_epoch: u32,
    /// Highest counter known as synced, beside what batches say.
    pub synced_lsn: u64,
    /// Records up to this one are not wanted.
    pub after_lsn: u64,
    pub progress: &'log Arc<Progress>,
}

impl Replay<'_> {
    /// Applies every record wanted, in LSN order.
    pub fn run<E>(
        &self,
        mut apply: impl FnMut(Record<'_>) -> Result<(), E>,
    ) -> Result<(Replayed, Tail), ReplayError<E>> {
        let mut records = 0;
        let (blocks, ready) = sync_channel::<Block>(REPLAY_BLOCKS_AHEAD);
        let tail = thread::scope(|scope| {
            let decoding = scope.spawn(move || self.decode(|block| blocks.send(block).is_ok()));
            for block in ready {
                records += block.replay(self.after_lsn, &mut apply)?;
                self.progress.done.fetch_add(block.batch_bytes, Ordering::Relaxed);
            }
            match decoding.join() {
                Ok(decoded) => decoded.map_err(ReplayError::Log),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        })?;
        self.progress.done.store(self.progress.bytes_total(), Ordering::Relaxed);
        let replayed = Replayed {
            records,
            bytes: tail.bytes,
            last_lsn: tail.next_lsn - 1,
            torn_bytes: tail.open.as_ref().map_or(0, |end| end.torn_bytes),
        };
        Ok((replayed, tail))
    }

    /// Goes through the log for its end alone.
    pub fn tail(&self) -> Result<Tail, Error> {
        self.decode(|_| true)
    }

    /// Reads, checks and splits all batches that may hold a wanted record; `emit` answers whether it wants more.
    fn decode(&self, mut emit: impl FnMut(Block) -> bool) -> Result<Tail, Error> {
        let wanted = |entry: &&Entry| !entry.is_closed() || entry.last_lsn > self.after_lsn;
        self.count(self.manifest.entries.iter().filter(wanted))?;
        let mut tail = Tail { next_lsn: 1, open: None, bytes: 0 };
        if let Some(last) = self.manifest.entries.last() {
            tail.next_lsn = last.last_lsn + 1;
        }
        for entry in self.manifest.entries.iter().filter(wanted) {
            let mut block = Block::new(entry.term);
            let mut goes_on = true;
            let mut broken = None;
            let mut visit = |header: &BatchHeader, payload: &[u8]| {
                if !block.take(header, payload, self.after_lsn) {
                    broken = Some((header.first_lsn, header.last_lsn));
                    return false;
                }
                if block.bytes.len() >= REPLAY_BLOCK_BYTES {
                    goes_on = emit(std::mem::replace(&mut block, Block::new(entry.term)));
                }
                goes_on
            };
            let scan = Scan {
                apply_epoch: self.apply_epoch,
                synced_lsn: self.synced_lsn,
                after_lsn: self.after_lsn,
            };
            let scanned = scan.run(self.disk, self.directory, entry, &mut visit);
            if let Some((first_lsn, last_lsn)) = broken {
                let file = segment_path(self.directory, entry);
                let what = "a batch's records are not as many as it says";
                return Err(Error::Corrupted { file, offset: 0, first_lsn, last_lsn, what });
            }
            // The caller wants no more, so the verdict on the segment's end is not of interest.
            if !goes_on {
                return Ok(tail);
            }
            // What is good before a damage is handed on, too.
            if block.batch_bytes > 0 && !emit(block) {
                return Ok(tail);
            }
            let end = scanned?;
            tail.bytes += end.bytes;
            tail.next_lsn = end.next_lsn;
            tail.open = (!entry.is_closed()).then_some(end);
        }
        Ok(tail)
    }

    /// Takes note of how much there is to read.
    fn count<'a>(&self, entries: impl Iterator<Item = &'a Entry>) -> Result<(), Error> {
        let mut total = 0;
        for entry in entries {
            total += if entry.is_closed() {
                entry.bytes
            } else {
                let path = segment_path(self.directory, entry);
                // A segment that is missing is the scan's to report.
                let length = self.disk.open(&path, false).and_then(|file| file.length());
                length.unwrap_or(0)
            };
        }
        self.progress.total.store(total, Ordering::Relaxed);
        Ok(())
    }
}

/// Records decoded ahead: payloads of whole batches, and where each record lies in them.
struct Block {
    term: u32,
    first_lsn: u64,
    /// Length of the batches, headers included.
    batch_bytes: u64,
    bytes: Vec<u8>,
    records: Vec<(u8, usize, usize)>,
}

impl Block {
    fn new(term: u32) -> Self {
        Self { term, first_lsn: 0, batch_bytes: 0, bytes: Vec::new(), records: Vec::new() }
    }

    /// Adds a batch's records, unless all lie before the wanted ones; `false` when they are not as many as
    /// its header says.
    fn take(&mut self, header: &BatchHeader, payload: &[u8], after_lsn: u64) -> bool {
        self.batch_bytes += header.bytes() as u64;
        if header.last_lsn <= after_lsn {
            return true;
        }
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

    /// Applies the records after `after_lsn` and counts them.
    fn replay<E>(
        &self,
        after_lsn: u64,
        apply: &mut impl FnMut(Record<'_>) -> Result<(), E>,
    ) -> Result<u64, ReplayError<E>> {
        let mut applied = 0;
        for (counter, (kind, from, to)) in (self.first_lsn..).zip(&self.records) {
            if counter <= after_lsn {
                continue;
            }
            let lsn = Lsn { partition: 0, term: self.term, counter };
            let record = Record { lsn, kind: *kind, payload: &self.bytes[*from..*to] };
            apply(record).map_err(|error| ReplayError::Apply { lsn: counter, error })?;
            applied += 1;
        }
        Ok(applied)
    }
}
