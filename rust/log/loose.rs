//! Loose: one segment's file by itself, whatever the manifest says of it.
//!
//! A proof that something is in no file must read those too that no manifest names. A sealed file is given as its
//! original; what cannot be read so is left to the caller, as bytes. Invariant: nothing is changed.

use std::path::Path;
use std::sync::Arc;

use super::error::Error;
use super::frame::next_record;
use super::manifest::SegmentState;
use super::sealed::SealedFile;
use super::segment::{SegmentCursor, Step};
use super::verify::{as_it_says, entry_named};
use super::{Lsn, Record};
use crate::storage::{Disk, DiskFile};

/// The bytes of a segment as it was written; `None` when the file's name is no segment's, or when it is sealed and
/// damaged.
///
/// # Errors
/// What the disk refused.
pub fn segment_bytes(disk: &dyn Disk, path: &Path) -> Result<Option<Arc<dyn DiskFile>>, Error> {
    let Some(named) = entry_named(path) else { return Ok(None) };
    if named.state != SegmentState::Sealed {
        let file = disk.open(path, false).map_err(|error| Error::io("read", path, error))?;
        return Ok(Some(file));
    }
    let Some(entry) = as_it_says(disk, path, named)? else { return Ok(None) };
    let sealed = SealedFile::open(disk, path, &entry)?.ok();
    Ok(sealed.map(|sealed| Arc::new(sealed) as Arc<dyn DiskFile>))
}

/// Hands on the records of a segment's bytes up to the first batch that is not good.
///
/// # Errors
/// What the disk refused.
pub fn segment_records(
    file: Arc<dyn DiskFile>,
    path: &Path,
    visit: &mut dyn FnMut(Record<'_>),
) -> Result<(), Error> {
    let Ok(mut cursor) = SegmentCursor::over(file, path)? else { return Ok(()) };
    let term = cursor.header.term;
    while let Step::Batch(header, payload) = cursor.step()? {
        let mut left = payload;
        let mut counter = header.first_lsn;
        while let Some((kind, payload)) = next_record(&mut left) {
            visit(Record { lsn: Lsn { partition: 0, term, counter }, kind, payload });
            counter += 1;
        }
    }
    Ok(())
}
