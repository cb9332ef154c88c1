//! The scan: all batches of a log in LSN order, and the verdict on whatever is not one.
//!
//! The unsynced end of a log may reach the disk in any order and in part, so a bad batch at the end is
//! ordinary; a bad batch among synced ones is damage. What tells them apart: every batch carries the LSN
//! that was synced when it was written, the `synced` file does beside, and a segment is closed only when
//! synced. Invariants: damage at or below an LSN known as synced is `Corrupted`, never skipped; a
//! tail is cut only in the open segment.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::error::Error;
use super::frame::BatchHeader;
use super::manifest::{Entry, Manifest, SegmentState};
use super::sealed::{Entrance, SealedFile};
use super::segment::{SegmentCursor, Step, segment_path};
use crate::mutant::{self, Mutant};
use crate::storage::{Disk, DiskFile};

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
    /// Highest counter known as synced: by the caller, or by a batch of it.
    pub synced_lsn: u64,
}

/// What a scan is told beside the segment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scan {
    /// Epoch of what the caller computes; a segment of a newer one is refused.
    pub apply_epoch: u32,
    /// Highest counter known as synced from elsewhere.
    pub synced_lsn: u64,
    /// Records up to this one are not wanted, where that saves reading them.
    pub after_lsn: u64,
}

impl Scan {
    /// All of it, whatever the epoch, for callers that only look.
    pub fn look(synced_lsn: u64, after_lsn: u64) -> Self {
        Self { apply_epoch: u32::MAX, synced_lsn, after_lsn }
    }

    /// Goes through one segment and hands on its batches with their payloads. `visit` answers whether to go on.
    ///
    /// # Errors
    /// `Corrupted`, `NewerFormat`, `NewerEpoch`, or what the disk refused.
    pub fn run(
        self,
        disk: &dyn Disk,
        directory: &Path,
        entry: &Entry,
        visit: &mut dyn FnMut(&BatchHeader, &[u8]) -> bool,
    ) -> Result<SegmentEnd, Error> {
        let path = segment_path(directory, entry);
        let mut cursor = open(disk, &path, entry, self.after_lsn)?;
        let found = cursor.header.apply_epoch;
        if found > self.apply_epoch {
            return Err(Error::NewerEpoch { file: path, found, known: self.apply_epoch });
        }
        let mut end = SegmentEnd {
            path,
            next_lsn: entry.first_lsn,
            bytes: cursor.offset,
            torn_bytes: 0,
            batches: 0,
            synced_lsn: self.synced_lsn.max(entry.first_lsn - 1),
        };
        let damage = loop {
            match cursor.step()? {
                Step::Batch(header, payload) => {
                    end.batches += 1;
                    end.synced_lsn = end.synced_lsn.max(header.synced_lsn);
                    if !visit(&header, payload) {
                        // The caller wants no more, so no verdict on the rest.
                        end.next_lsn = cursor.next_lsn;
                        end.bytes = cursor.offset;
                        return Ok(end);
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
}

/// Decides what an end, or a bad batch, means.
fn judge(
    cursor: &mut SegmentCursor,
    entry: &Entry,
    end: &mut SegmentEnd,
    damage: Option<&'static str>,
) -> Result<(), Error> {
    let corrupted = |end: &SegmentEnd, what, last_lsn| {
        Err(Error::Corrupted {
            file: end.path.clone(),
            offset: end.bytes,
            first_lsn: end.next_lsn,
            last_lsn,
            what,
        })
    };
    if mutant::is(Mutant::CutAtFirstBadRecord) {
        end.torn_bytes = cursor.used_bytes()? - end.bytes;
        return Ok(());
    }
    if entry.is_closed() {
        if let Some(what) = damage {
            return corrupted(end, what, entry.last_lsn.max(end.next_lsn));
        }
        if end.bytes != entry.bytes || end.next_lsn != entry.last_lsn + 1 {
            return corrupted(end, "the segment is cut", entry.last_lsn.max(end.next_lsn));
        }
        return Ok(());
    }
    if damage.is_some() {
        end.synced_lsn = end.synced_lsn.max(cursor.synced_behind()?.unwrap_or(0));
    }
    if end.synced_lsn >= end.next_lsn {
        let what = damage.unwrap_or("the segment ends before records that were synced");
        return corrupted(end, what, end.synced_lsn);
    }
    if damage.is_some() {
        end.torn_bytes = cursor.used_bytes()? - end.bytes;
    }
    Ok(())
}

/// Opens a segment as the manifest describes it. Its header was synced before it was named, so whatever
/// is wrong with it is damage.
fn open(
    disk: &dyn Disk,
    path: &Path,
    entry: &Entry,
    after_lsn: u64,
) -> Result<SegmentCursor, Error> {
    let corrupted = |what| Error::Corrupted {
        file: path.to_path_buf(),
        offset: 0,
        first_lsn: entry.first_lsn,
        last_lsn: entry.last_lsn.max(entry.first_lsn),
        what,
    };
    let (file, entrance) = match open_file(disk, path, entry, after_lsn) {
        Ok(opened) => opened.map_err(corrupted)?,
        Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            return Err(corrupted("the segment is missing"));
        }
        Err(error) => return Err(error),
    };
    let mut cursor = SegmentCursor::over(file, path)?.map_err(corrupted)?;
    let header = &cursor.header;
    let named = (entry.number, entry.term, entry.first_lsn);
    if (header.number, header.term, header.first_lsn) != named {
        return Err(corrupted("this is another segment than the manifest names"));
    }
    if entry.is_closed() {
        cursor.limit(entry.bytes);
    }
    if let Some(entrance) = entrance {
        cursor.enter(entrance);
    }
    Ok(cursor)
}

pub(crate) type Opened = (Arc<dyn DiskFile>, Option<Entrance>);

/// The segment's bytes in whichever form they are there, and where to begin for records after `after_lsn`.
pub(crate) fn open_file(
    disk: &dyn Disk,
    path: &Path,
    entry: &Entry,
    after_lsn: u64,
) -> Result<Result<Opened, &'static str>, Error> {
    if entry.state != SegmentState::Sealed {
        let file = disk.open(path, false).map_err(|error| Error::io("read", path, error))?;
        return Ok(Ok((file, None)));
    }
    Ok(SealedFile::open(disk, path, entry)?.map(|sealed| {
        let entrance = if after_lsn > 0 { sealed.entrance(after_lsn) } else { None };
        let file: Arc<dyn DiskFile> = Arc::new(sealed);
        (file, entrance)
    }))
}

/// The original bytes of a segment, in whichever form they are there.
///
/// # Errors
/// As for [`Scan::run`], of the file as a whole.
pub(crate) fn raw_file(
    disk: &dyn Disk,
    path: &Path,
    entry: &Entry,
) -> Result<Result<Arc<dyn DiskFile>, &'static str>, Error> {
    Ok(open_file(disk, path, entry, 0)?.map(|(file, _)| file))
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
