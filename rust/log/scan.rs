//! The scan: all batches of a log in LSN order, and the verdict on whatever is not one.
//!
//! The unsynced end of a log may reach the disk in any order and in part, so a bad batch at the end is
//! ordinary; a bad batch among synced ones is damage. What tells them apart: every batch carries the LSN
//! that was synced when it was written, and a segment is closed only when synced. Invariants: damage
//! at or below an LSN known as synced is `Corrupted`, never skipped; a tail is cut only in the open segment.

use std::io;
use std::path::{Path, PathBuf};

use super::error::Error;
use super::frame::BatchHeader;
use super::manifest::{Entry, Manifest};
use super::segment::{SegmentCursor, Step, segment_path};
use crate::storage::Disk;

/// How one segment ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SegmentEnd {
    pub path: PathBuf,
    /// Counter that follows its last record.
    pub next_lsn: u64,
    /// Bytes up to the end of its last good batch.
    pub bytes: u64,
    /// Bytes behind that are no good batch, up to the end of the file; 0 when they are none or only zeros.
    pub torn_bytes: u64,
    pub batches: u64,
    /// Highest counter that a batch of it says was synced.
    pub synced_lsn: u64,
}

/// Goes through one segment and hands on its batches with their payloads. `visit` answers whether to go on.
///
/// # Errors
/// `Corrupted`, `NewerFormat`, `NewerEpoch`, or what the disk refused.
pub(crate) fn scan_segment(
    disk: &dyn Disk,
    directory: &Path,
    entry: &Entry,
    apply_epoch: u32,
    visit: &mut dyn FnMut(&BatchHeader, &[u8]) -> bool,
) -> Result<SegmentEnd, Error> {
    let path = segment_path(directory, entry);
    let mut cursor = open(disk, &path, entry)?;
    let found = cursor.header.apply_epoch;
    if found > apply_epoch {
        return Err(Error::NewerEpoch { file: path, found, known: apply_epoch });
    }
    let mut end = SegmentEnd {
        path,
        next_lsn: entry.first_lsn,
        bytes: cursor.offset,
        torn_bytes: 0,
        batches: 0,
        synced_lsn: entry.first_lsn - 1,
    };
    let damage = loop {
        match cursor.step()? {
            Step::Batch(header, payload) => {
                end.batches += 1;
                end.synced_lsn = end.synced_lsn.max(header.synced_lsn);
                if !visit(&header, payload) {
                    break None;
                }
            }
            Step::End => break None,
            Step::Damaged(what) => break Some(what),
        }
    };
    end.next_lsn = cursor.next_lsn;
    end.bytes = cursor.offset;
    judge(&mut cursor, entry, &mut end, damage)?;
    Ok(end)
}

/// Decides what an end, or a bad batch, means.
fn judge(
    cursor: &mut SegmentCursor,
    entry: &Entry,
    end: &mut SegmentEnd,
    damage: Option<&'static str>,
) -> Result<(), Error> {
    let corrupted = |what, last_lsn| {
        Err(Error::Corrupted {
            file: end.path.clone(),
            offset: end.bytes,
            first_lsn: end.next_lsn,
            last_lsn,
            what,
        })
    };
    if entry.is_closed() {
        if let Some(what) = damage {
            return corrupted(what, entry.last_lsn.max(end.next_lsn));
        }
        if end.bytes != entry.bytes || end.next_lsn != entry.last_lsn + 1 {
            return corrupted("the segment is cut", entry.last_lsn.max(end.next_lsn));
        }
        return Ok(());
    }
    let Some(what) = damage else { return Ok(()) };
    match cursor.synced_behind()? {
        Some(synced) if synced >= end.next_lsn => corrupted(what, synced),
        _ => {
            end.torn_bytes = cursor.file_bytes() - end.bytes;
            Ok(())
        }
    }
}

/// Opens a segment as the manifest describes it. Its header was synced before it was named, so whatever
/// is wrong with it is damage.
fn open(disk: &dyn Disk, path: &Path, entry: &Entry) -> Result<SegmentCursor, Error> {
    let corrupted = |what| Error::Corrupted {
        file: path.to_path_buf(),
        offset: 0,
        first_lsn: entry.first_lsn,
        last_lsn: entry.last_lsn.max(entry.first_lsn),
        what,
    };
    let mut cursor = match SegmentCursor::open(disk, path) {
        Ok(cursor) => cursor.map_err(corrupted)?,
        Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            return Err(corrupted("the segment is missing"));
        }
        Err(error) => return Err(error),
    };
    let header = &cursor.header;
    let named = (entry.number, entry.term, entry.first_lsn);
    if (header.number, header.term, header.first_lsn) != named {
        return Err(corrupted("this is another segment than the manifest names"));
    }
    if entry.is_closed() {
        cursor.limit(entry.bytes);
    }
    Ok(cursor)
}

/// Refuses a log of a newer release's states.
pub(crate) fn check_epoch(
    manifest: &Manifest,
    directory: &Path,
    apply_epoch: u32,
) -> Result<(), Error> {
    if manifest.apply_epoch > apply_epoch {
        let file = directory.join(super::manifest::MANIFEST_FILE);
        return Err(Error::NewerEpoch { file, found: manifest.apply_epoch, known: apply_epoch });
    }
    Ok(())
}
