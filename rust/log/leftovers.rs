//! Leftovers: files that a crash left between two steps, told apart from files that may hold data.
//!
//! Every step that makes or drops a file says so in the manifest, and a crash may come in between. What goes
//! are files with names of ours that the manifest does not name: a segment made ready, a sealed file not yet
//! named, an original already sealed, a segment retired. Invariant: a file that the manifest never knew and
//! that holds a batch is never removed; it says that the manifest is older than the log, and that is refused.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::error::Error;
use super::manifest::Manifest;
use super::segment::{SegmentCursor, Step, read_stem, segment_path};
use crate::storage::Disk;

/// The number of a segment's file, sealed or not, or of one being sealed; `None` for another's name.
fn number_of(file: &Path) -> Option<u64> {
    let name = file.file_name()?.to_str()?;
    let stem = [".log", ".sealed", ".sealed.tmp"].iter().find_map(|end| name.strip_suffix(end))?;
    read_stem(stem).map(|(number, _)| number)
}

/// Whether a file's name is that of a segment.
pub(crate) fn is_segment_name(file: &Path) -> bool {
    number_of(file).is_some()
}

/// The files with names of ours that the manifest does not name, with their numbers.
fn unnamed(
    disk: &dyn Disk,
    directory: &Path,
    manifest: &Manifest,
) -> Result<Vec<(PathBuf, u64)>, Error> {
    let named: std::collections::HashSet<PathBuf> =
        manifest.entries.iter().map(|entry| segment_path(directory, entry)).collect();
    let names = disk.names(directory).map_err(|error| Error::io("read", directory, error))?;
    let ours = names.into_iter().filter(|name| !named.contains(name));
    Ok(ours.filter_map(|name| number_of(&name).map(|number| (name, number))).collect())
}

/// Refuses a directory whose manifest is older than its segments: one of a number that the manifest has not
/// given yet holds a batch.
///
/// # Errors
/// `Corrupted`, naming the segment, or what the disk refused.
pub(crate) fn refuse_unnamed(
    disk: &dyn Disk,
    directory: &Path,
    manifest: &Manifest,
) -> Result<(), Error> {
    for (file, number) in unnamed(disk, directory, manifest)? {
        if number < manifest.next_number || file.extension().is_none_or(|end| end != "log") {
            continue;
        }
        let opened = disk.open(&file, false).map_err(|error| Error::io("read", &file, error))?;
        let Ok(mut cursor) = SegmentCursor::over(Arc::clone(&opened), &file)? else { continue };
        if let Step::Batch(header, _) = cursor.step()? {
            let (first_lsn, last_lsn) = (header.first_lsn, header.last_lsn);
            let what = "the manifest is older than this segment, which holds records";
            return Err(Error::Corrupted { file, offset: 0, first_lsn, last_lsn, what });
        }
    }
    Ok(())
}

/// Removes what a crash left behind. `manifest` has just been made durable.
///
/// # Errors
/// What the disk refused.
pub(crate) fn remove_leftovers(
    disk: &dyn Disk,
    directory: &Path,
    manifest: &Manifest,
) -> Result<(), Error> {
    for (file, _) in unnamed(disk, directory, manifest)? {
        disk.remove(&file).map_err(|error| Error::io("remove", &file, error))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_ours_are_known() {
        for (name, number) in [
            ("000000000001.log", Some(1)),
            ("000000000012.sealed", Some(12)),
            ("000000000012.sealed.tmp", Some(12)),
            ("000000000012.r7.sealed", Some(12)),
            ("000000000012.r1.log", Some(12)),
            ("000000000012.r.log", None),
            ("000000000012.rx.log", None),
            ("1000000000000.log", Some(1_000_000_000_000)),
            ("1.log", None),
            ("000000000001.log.96.torn", None),
            ("00000000000x.log", None),
            ("manifest", None),
            ("synced", None),
            ("lock", None),
        ] {
            assert_eq!(number_of(&Path::new("/log").join(name)), number, "{name}");
        }
    }
}
