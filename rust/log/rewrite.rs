//! Rewrite: records of closed segments replaced by others of the same LSN, and the old files gone.
//!
//! For erasures: what must not be kept is not marked, it is taken out of the files. Segment by segment a new
//! file is written beside, synced, read back and held against the original batch by batch, sealed when the
//! original was, and named in the manifest; then the original is unlinked. LSNs, terms, batches and markers stay
//! as they are; header and salt too, so that a rewriting that is made again gives the same bytes.
//! Invariants: a crash at any step leaves the old or the new segment named, whole; nothing is written for a
//! segment in which nothing is replaced; a segment that is damaged is refused, never rewritten around.

use std::io;
use std::path::Path;
use std::sync::Arc;

use super::error::{Error, Failure};
use super::frame::{self, BATCH_HEADER_BYTES, next_record, push_record};
use super::handle::Log;
use super::ledger::Ledger;
use super::limits::READ_BYTES;
use super::manifest::{Entry, SegmentState};
use super::scan::{Scan, raw_file};
use super::seal::{Outcome, seal};
use super::segment::{
    SEGMENT_HEADER_BYTES, SegmentCursor, Step, remove_leftover, segment_path, sync_names,
};
use super::{Lsn, Record};
use crate::storage::{Disk, DiskFile, read_full, write_all};

/// What a rewriting came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rewritten {
    /// Records replaced.
    pub records: u64,
    /// Segments written anew.
    pub segments: u64,
    /// Bytes of header and batches that were read, before compression.
    pub bytes: u64,
}

/// Why a rewriting ended before its end; what was done stays done, and it can be begun again.
#[derive(Debug, thiserror::Error)]
pub enum RewriteError {
    /// The log was closed or has failed.
    #[error(transparent)]
    Stopped(#[from] Failure),
    /// Damage, or what the disk refused.
    #[error(transparent)]
    Log(#[from] Error),
}

/// Says what stands in a record's place from now on; `None`: the record.
pub type Replace<'r> = &'r mut dyn FnMut(&Record<'_>) -> Option<(u8, Vec<u8>)>;

/// What stands in place of the record at an LSN.
struct Replacement {
    lsn: u64,
    kind: u8,
    payload: Vec<u8>,
}

impl Log {
    /// Replaces records of all closed segments that begin before `lsn`; a record that was appended apart has no
    /// others before it ([`Log::append_apart`]). Blocks for the disk; events go on meanwhile. Nothing happens
    /// in memory.
    ///
    /// # Errors
    /// As [`RewriteError`]. A manifest of which is not known whether it stands stops the log.
    pub fn rewrite(&self, lsn: u64, replace: Replace<'_>) -> Result<Rewritten, RewriteError> {
        let mut done = Rewritten::default();
        let Some(ledger) = &self.ledger else { return Ok(done) };
        let ended = self.rewrite_in(ledger, lsn, replace, &mut done);
        // What the keeper was kept from.
        self.room.note_untidy();
        ended.map(|()| done)
    }

    fn rewrite_in(
        &self,
        ledger: &Ledger,
        lsn: u64,
        replace: Replace<'_>,
        done: &mut Rewritten,
    ) -> Result<(), RewriteError> {
        let mut next = 0;
        loop {
            if let Some(failure) = self.stopped() {
                return Err(failure.into());
            }
            // The keeper seals nothing meanwhile, and another form of this segment is not begun.
            let _alone = ledger.reshape();
            let entries = ledger.entries();
            let due = |entry: &&Entry| entry.is_closed() && entry.first_lsn < lsn;
            let Some(entry) = entries.iter().filter(due).find(|entry| entry.number > next) else {
                return Ok(());
            };
            next = entry.number;
            done.bytes += entry.bytes;
            let Some((now, records)) = rewrite_segment(ledger, entry, replace)? else { continue };
            if !self.exchange(ledger, entry, &now)? {
                // Retired meanwhile.
                remove(ledger.disk(), &segment_path(ledger.directory(), &now))?;
                continue;
            }
            done.segments += 1;
            done.records += records;
        }
    }

    /// Names the new form in the manifest and removes the old one.
    fn exchange(&self, ledger: &Ledger, before: &Entry, now: &Entry) -> Result<bool, RewriteError> {
        let changed = match ledger.change(|manifest| manifest.exchange(before, now)) {
            Ok(changed) => changed,
            Err(error @ Error::DiskFull { .. }) => return Err(error.into()),
            Err(error) => {
                // Which manifest stands is not known, so nothing may be built on either.
                let failure = Failure::from(error);
                self.queue.poison(failure.clone());
                return Err(failure.into());
            }
        };
        if changed {
            remove(ledger.disk(), &segment_path(ledger.directory(), before))?;
        }
        Ok(changed)
    }
}

fn remove(disk: &dyn Disk, path: &Path) -> Result<(), Error> {
    match disk.remove(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(Error::io("remove", path, error))
        }
        _ => Ok(()),
    }
}

/// Writes a segment anew, in the form in which it is; `None` when nothing in it is replaced. What an earlier
/// try has left of the segment is removed.
fn rewrite_segment(
    ledger: &Ledger,
    entry: &Entry,
    replace: Replace<'_>,
) -> Result<Option<(Entry, u64)>, Error> {
    let (disk, directory) = (ledger.disk(), ledger.directory());
    remove_older(disk, directory, entry)?;
    let replacements = replacements(disk, directory, entry, replace)?;
    if replacements.is_empty() {
        return Ok(None);
    }
    let (state, revision) = (SegmentState::Closed, entry.revision + 1);
    let mut now = Entry { state, revision, ..entry.clone() };
    let path = segment_path(directory, &now);
    remove_leftover(disk, &path)?;
    let written = write(disk, directory, entry, &path, &replacements)
        .and_then(|bytes| {
            (now.bytes, now.file_bytes) = (bytes, bytes);
            sync_names(disk, directory)?;
            check(disk, directory, entry, &now, &replacements)
        })
        .and_then(|()| {
            if entry.state == SegmentState::Sealed {
                sealed(disk, directory, &now)
            } else {
                Ok(now)
            }
        });
    let records = replacements.len() as u64;
    match written {
        Ok(now) => Ok(Some((now, records))),
        Err(error) => {
            // What cannot be removed now is removed at the next start, or at the next try.
            let _left = disk.remove(&path);
            Err(error)
        }
    }
}

/// Removes the files of a segment's earlier revisions: one whose removal failed, when it was replaced.
fn remove_older(disk: &dyn Disk, directory: &Path, entry: &Entry) -> Result<(), Error> {
    for state in [SegmentState::Closed, SegmentState::Sealed] {
        if let Some(revision) = entry.revision.checked_sub(1) {
            let older = Entry { state, revision, ..entry.clone() };
            remove(disk, &segment_path(directory, &older))?;
        }
    }
    Ok(())
}

/// Everything that is to be replaced in a segment, in LSN order; the segment is read to its end and judged.
fn replacements(
    disk: &dyn Disk,
    directory: &Path,
    entry: &Entry,
    replace: Replace<'_>,
) -> Result<Vec<Replacement>, Error> {
    let mut found = Vec::new();
    let mut visit = |header: &frame::BatchHeader, payload: &[u8]| {
        let mut left = payload;
        let mut counter = header.first_lsn;
        while let Some((kind, payload)) = next_record(&mut left) {
            let lsn = Lsn { partition: 0, term: entry.term, counter };
            if let Some((kind, payload)) = replace(&Record { lsn, kind, payload }) {
                found.push(Replacement { lsn: counter, kind, payload });
            }
            counter += 1;
        }
        true
    };
    Scan::look(0, 0).run(disk, directory, entry, &mut visit)?;
    Ok(found)
}

/// A batch's records with those that are replaced, behind the room for a header.
fn replaced(
    header: &frame::BatchHeader,
    payload: &[u8],
    replacements: &[Replacement],
    batch: &mut Vec<u8>,
) {
    batch.clear();
    batch.resize(BATCH_HEADER_BYTES, 0);
    let from = replacements.partition_point(|replacement| replacement.lsn < header.first_lsn);
    let mut due = replacements[from..].iter().peekable();
    let mut left = payload;
    let mut counter = header.first_lsn;
    while let Some((kind, payload)) = next_record(&mut left) {
        match due.next_if(|replacement| replacement.lsn == counter) {
            Some(Replacement { kind, payload, .. }) => {
                push_record(batch, *kind, &[payload], payload.len() as u32);
            }
            None => push_record(batch, kind, &[payload], payload.len() as u32),
        }
        counter += 1;
    }
}

/// The original's cursor and bytes, from its header on.
fn original(
    disk: &dyn Disk,
    directory: &Path,
    entry: &Entry,
) -> Result<(SegmentCursor, Arc<dyn DiskFile>), Error> {
    let path = segment_path(directory, entry);
    let damaged = |what| damage(&path, 0, entry, what);
    let file = raw_file(disk, &path, entry)?.map_err(damaged)?;
    let mut cursor = SegmentCursor::over(Arc::clone(&file), &path)?.map_err(damaged)?;
    cursor.limit(entry.bytes);
    Ok((cursor, file))
}

fn damage(path: &Path, offset: u64, entry: &Entry, what: &'static str) -> Error {
    let (first_lsn, last_lsn) = (entry.first_lsn, entry.last_lsn);
    Error::Corrupted { file: path.to_path_buf(), offset, first_lsn, last_lsn, what }
}

/// Writes and syncs the new file; its length.
fn write(
    disk: &dyn Disk,
    directory: &Path,
    entry: &Entry,
    path: &Path,
    replacements: &[Replacement],
) -> Result<u64, Error> {
    let refuse = |action, error| Error::io(action, path, error);
    let (mut cursor, original) = original(disk, directory, entry)?;
    let mut out = vec![0; SEGMENT_HEADER_BYTES];
    read_full(&*original, &mut out, 0).map_err(|error| refuse("copy the header of", error))?;
    let salt = cursor.header.salt.clone();
    let mut chain = cursor.chain();
    let to = disk.create(path).map_err(|error| refuse("create", error))?;
    let (mut at, mut batch) = (0, Vec::new());
    loop {
        let header = match cursor.step()? {
            Step::Batch(header, payload) => {
                replaced(&header, payload, replacements, &mut batch);
                header
            }
            Step::End => break,
            Step::Damaged(what) => return Err(damage(path, at, entry, what)),
        };
        let (first, synced) = (header.first_lsn, header.synced_lsn);
        chain = frame::seal(&mut batch, &salt, first, header.count, synced, chain);
        out.extend_from_slice(&batch);
        if out.len() >= READ_BYTES {
            write_all(&*to, &out, at).map_err(|error| refuse("write", error))?;
            at += out.len() as u64;
            out.clear();
        }
    }
    write_all(&*to, &out, at).map_err(|error| refuse("write", error))?;
    to.sync().map_err(|error| refuse("sync", error))?;
    // What is read back is to come from the disk.
    to.forget_cache().map_err(|error| refuse("drop the cache of", error))?;
    Ok(at + out.len() as u64)
}

/// Reads the new file back and holds it against the original, batch by batch.
fn check(
    disk: &dyn Disk,
    directory: &Path,
    entry: &Entry,
    now: &Entry,
    replacements: &[Replacement],
) -> Result<(), Error> {
    let path = segment_path(directory, now);
    let (mut cursor, _) = original(disk, directory, entry)?;
    let mut batch = Vec::new();
    let mut is_right = true;
    let mut visit = |there: &frame::BatchHeader, theirs: &[u8]| {
        is_right = match cursor.step() {
            Ok(Step::Batch(header, payload)) => {
                replaced(&header, payload, replacements, &mut batch);
                batch[BATCH_HEADER_BYTES..] == *theirs
                    && (there.first_lsn, there.last_lsn) == (header.first_lsn, header.last_lsn)
                    && there.synced_lsn == header.synced_lsn
            }
            _ => false,
        };
        is_right
    };
    Scan::look(0, 0).run(disk, directory, now, &mut visit)?;
    if is_right && matches!(cursor.step(), Ok(Step::End)) {
        return Ok(());
    }
    Err(damage(&path, 0, now, "a rewritten segment does not read back as it was written"))
}

/// The sealed form of what was written; the other form goes.
fn sealed(disk: &dyn Disk, directory: &Path, now: &Entry) -> Result<Entry, Error> {
    let path = segment_path(directory, now);
    remove_leftover(
        disk,
        &segment_path(directory, &Entry { state: SegmentState::Sealed, ..now.clone() }),
    )?;
    match seal(disk, directory, now, &mut || Ok(true))? {
        Outcome::Sealed(sealed) => {
            remove(disk, &path)?;
            Ok(sealed)
        }
        Outcome::Stopped | Outcome::NotRight => {
            Err(damage(&path, 0, now, "a rewritten segment cannot be sealed"))
        }
    }
}
