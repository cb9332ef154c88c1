//! The tail: a log's synced records one after another, from outside, without the lock, also while it grows.
//!
//! Export, tail and live events read synced LSNs only (specification 5.1): what is handed on here no crash
//! takes back. The place reached is kept from call to call, so following a log costs what is new, across
//! rotation and retirement. Invariants: every record above the place is handed on once, in LSN order; what
//! retention took before it was read is counted, never passed over in silence.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::error::{Error, ReplayError};
use super::frame::next_record;
use super::manifest::{Entry, MANIFEST_FILE, Manifest};
use super::scan::{Scan, open_file};
use super::segment::{SegmentCursor, Step, segment_path};
use super::synced::read_synced;
use super::{Lsn, Record};
use crate::storage::Disk;

/// A place in a log, and the way on from it.
pub struct Tail {
    directory: PathBuf,
    disk: Arc<dyn Disk>,
    manifest: Manifest,
    cursor: Option<SegmentCursor>,
    /// Revision of the segment that the cursor is in: in another one records lie elsewhere.
    revision: u32,
    position: u64,
    lost: u64,
}

impl Tail {
    /// A tail that begins behind the record `after`; 0 for all.
    ///
    /// # Errors
    /// `Io` when there is no log, `Corrupted`, `NewerFormat`, or what the disk refused.
    pub fn open(directory: &Path, disk: Arc<dyn Disk>, after: u64) -> Result<Self, Error> {
        let manifest = manifest(&*disk, directory)?;
        let directory = directory.to_path_buf();
        let (cursor, revision) = (None, 0);
        Ok(Self { directory, disk, manifest, cursor, revision, position: after, lost: 0 })
    }

    /// Counter of the last record handed on or passed over.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Records that were gone before they were read.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.lost
    }

    /// Random seed of the directory: the same in every copy of this log, another in every other log.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.manifest.seed
    }

    /// Counter of the first record that the log holds, or would hold.
    #[must_use]
    pub fn first_lsn(&self) -> u64 {
        self.manifest.first_lsn()
    }

    /// Highest counter that the files prove to be synced.
    ///
    /// # Errors
    /// `Corrupted` for damage to synced records, `NewerFormat`, or what the disk refused.
    pub fn synced_lsn(&self) -> Result<u64, Error> {
        let noted = read_synced(&*self.disk, &self.directory, self.manifest.seed)?;
        let Some(last) = self.manifest.entries.last() else { return Ok(noted) };
        if last.is_closed() {
            return Ok(noted.max(last.last_lsn));
        }
        if noted >= last.first_lsn {
            return Ok(noted);
        }
        // The file is missing or older than the segment; then the batches know more.
        let look = Scan::look(noted, 0);
        match look.run(&*self.disk, &self.directory, last, &mut |_, _| true) {
            Ok(end) => Ok(end.synced_lsn),
            Err(error) if is_missing(&error) => Ok(noted.max(last.first_lsn - 1)),
            Err(error) => Err(error),
        }
    }

    /// Sees what was written, closed and retired since.
    ///
    /// # Errors
    /// `Corrupted`, `NewerFormat`, or what the disk refused.
    pub fn refresh(&mut self) -> Result<(), Error> {
        self.manifest = manifest(&*self.disk, &self.directory)?;
        self.cursor.as_mut().map_or(Ok(()), SegmentCursor::refresh)
    }

    /// Hands on the records behind the place up to `synced`; `visit` answers whether it wants more.
    ///
    /// # Errors
    /// `Log` for damage to those records and for what the disk refused, `Apply` with what `visit` answered.
    pub fn read<E>(
        &mut self,
        synced: u64,
        mut visit: impl FnMut(Record<'_>) -> Result<bool, E>,
    ) -> Result<(), ReplayError<E>> {
        while self.position < synced {
            let Some(entry) = self.next_entry().cloned() else { return Ok(()) };
            if self.position + 1 < entry.first_lsn {
                self.lost += entry.first_lsn - (self.position + 1);
                self.position = entry.first_lsn - 1;
                continue;
            }
            let Some(mut cursor) = self.segment(&entry)? else { continue };
            let goes_on = self.read_segment(&mut cursor, &entry, synced, &mut visit);
            self.cursor = Some(cursor);
            self.revision = entry.revision;
            if !goes_on? {
                return Ok(());
            }
        }
        Ok(())
    }

    /// The segment that holds the next record, or will.
    fn next_entry(&self) -> Option<&Entry> {
        let wanted = self.position + 1;
        self.manifest.entries.iter().find(|entry| !entry.is_closed() || entry.last_lsn >= wanted)
    }

    /// The cursor in a segment; `None` when the segment went away and the manifest was read anew.
    fn segment(&mut self, entry: &Entry) -> Result<Option<SegmentCursor>, Error> {
        let (number, is_same) = (entry.number, self.revision == entry.revision);
        let cursor = self.cursor.take_if(|cursor| is_same && cursor.header.number == number);
        if let Some(cursor) = cursor {
            return Ok(Some(cursor));
        }
        let path = segment_path(&self.directory, entry);
        let bad = |what| damage(path.clone(), 0, entry.first_lsn, entry.last_lsn, what);
        match open_file(&*self.disk, &path, entry, self.position) {
            Ok(opened) => {
                let (file, entrance) = opened.map_err(bad)?;
                let mut cursor = SegmentCursor::over(file, &path)?.map_err(bad)?;
                if let Some(entrance) = entrance {
                    cursor.enter(entrance);
                }
                Ok(Some(cursor))
            }
            Err(error) if is_missing(&error) => {
                let before = self.manifest.clone();
                self.refresh()?;
                if self.manifest == before {
                    return Err(bad("the segment is missing"));
                }
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Goes through one segment; `false` when the reading is over for now.
    fn read_segment<E>(
        &mut self,
        cursor: &mut SegmentCursor,
        entry: &Entry,
        synced: u64,
        visit: &mut impl FnMut(Record<'_>) -> Result<bool, E>,
    ) -> Result<bool, ReplayError<E>> {
        if entry.is_closed() {
            cursor.limit(entry.bytes);
        }
        let last_lsn = if entry.is_closed() { entry.last_lsn } else { synced };
        let path = segment_path(&self.directory, entry);
        while cursor.next_lsn <= last_lsn {
            if cursor.next_lsn > synced {
                return Ok(false);
            }
            let (mark, offset, first_lsn) = (cursor.mark(), cursor.offset, cursor.next_lsn);
            let what = match cursor.step()? {
                Step::Batch(header, payload) => {
                    let whole = header.last_lsn <= synced;
                    let records = Records { left: payload, term: entry.term, first_lsn };
                    let goes_on = self.hand_on(records, synced, visit)?;
                    if !whole || !goes_on {
                        cursor.back_to(mark);
                        return Ok(false);
                    }
                    continue;
                }
                Step::End if !entry.is_closed() => "the segment ends before synced records",
                Step::End => "the segment is cut",
                Step::Damaged(what) => what,
            };
            // A writer may have moved on since: then the manifest says where the records are.
            if !entry.is_closed() && self.moves_on(cursor, entry)? {
                return Ok(true);
            }
            return Err(damage(path, offset, first_lsn, last_lsn, what).into());
        }
        Ok(true)
    }

    /// Reads the manifest anew; whether it says something else of an open segment than before.
    fn moves_on(&mut self, cursor: &mut SegmentCursor, entry: &Entry) -> Result<bool, Error> {
        self.manifest = manifest(&*self.disk, &self.directory)?;
        cursor.refresh()?;
        Ok(!self.manifest.entries.contains(entry))
    }

    /// Hands on one batch's records that are above the place and synced.
    fn hand_on<E>(
        &mut self,
        records: Records<'_>,
        synced: u64,
        visit: &mut impl FnMut(Record<'_>) -> Result<bool, E>,
    ) -> Result<bool, ReplayError<E>> {
        let Records { mut left, term, first_lsn } = records;
        let mut counter = first_lsn;
        while counter <= synced {
            let Some((kind, payload)) = next_record(&mut left) else { break };
            if counter > self.position {
                let record = Record { lsn: Lsn { partition: 0, term, counter }, kind, payload };
                let goes_on =
                    visit(record).map_err(|error| ReplayError::Apply { lsn: counter, error })?;
                self.position = counter;
                if !goes_on {
                    return Ok(false);
                }
            }
            counter += 1;
        }
        Ok(true)
    }
}

/// One batch's records, as they lie.
struct Records<'a> {
    left: &'a [u8],
    term: u32,
    first_lsn: u64,
}

fn manifest(disk: &dyn Disk, directory: &Path) -> Result<Manifest, Error> {
    Manifest::read(disk, directory)?.ok_or_else(|| {
        let missing = io::Error::from(io::ErrorKind::NotFound);
        Error::io("read", &directory.join(MANIFEST_FILE), missing)
    })
}

fn is_missing(error: &Error) -> bool {
    matches!(error, Error::Io { source, .. } if source.kind() == io::ErrorKind::NotFound)
}

fn damage(file: PathBuf, offset: u64, first_lsn: u64, last_lsn: u64, what: &'static str) -> Error {
    Error::Corrupted { file, offset, first_lsn, last_lsn: last_lsn.max(first_lsn), what }
}
