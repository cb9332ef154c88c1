//! Verify: everything that is wrong with a log, and everything that can still be read of it.
//!
//! Recovery stops at the first damage, for it must not serve what it cannot prove. Whoever looks after a
//! damaged log wants all of it: each damage with file, byte offset and LSN range, and the records between.
//! Behind damage the next batch whose own checksums hold is found by its salt. Invariants: nothing is
//! changed and no lock is taken; what is handed on matches its checksums; an unfinished end is no damage.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::error::Error;
use super::frame::next_record;
use super::lock::LOCK_FILE;
use super::manifest::{Entry, MANIFEST_FILE, Manifest, SegmentState};
use super::sealed::{self, SealedFile};
use super::segment::{SegmentCursor, Step, read_stem, segment_path};
use super::synced::read_synced;
use super::{Lsn, Record};
use crate::storage::{Disk, DiskFile};

/// What is wrong with a stretch of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// The damaged file.
    pub file: PathBuf,
    /// Byte offset at which it begins.
    pub offset: u64,
    /// Bytes up to the next that are good, or to the file's end.
    pub bytes: u64,
    /// Counter of the first record concerned.
    pub first_lsn: u64,
    /// Counter of the last record concerned; `first_lsn - 1` when no record is lost.
    pub last_lsn: u64,
    /// What is wrong with the bytes.
    pub what: &'static str,
}

/// What the unfinished end of the open segment is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// A process holds the log and may be about to finish it.
    BeingWritten,
    /// Nobody does: it was never answered, and the next start cuts it off and keeps it beside.
    Torn,
}

/// What a log holds and what is wrong with it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verification {
    /// Segments looked at.
    pub segments: u64,
    /// Good batches.
    pub batches: u64,
    /// Records in them.
    pub records: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// Counter of the first record that the log should hold; more than 1 once retention has shortened it.
    pub begin_lsn: u64,
    /// Counter of the first good record; 0 in an empty log.
    pub first_lsn: u64,
    /// Counter of the last good record; 0 in an empty log.
    pub last_lsn: u64,
    /// Highest counter that the files prove to be synced.
    pub synced_lsn: u64,
    /// All damage, in the order of the log.
    pub damages: Vec<Damage>,
    /// Bytes at the end that are no whole batch and no damage, and what they are.
    pub unfinished: Option<(Damage, End)>,
}

/// Looks at every batch of a log and hands on each good record in LSN order.
///
/// # Errors
/// `NewerFormat`, `Io` when there is no log, and what the disk refused; damage is no error here.
pub fn verify(
    directory: &Path,
    disk: &dyn Disk,
    visit: &mut dyn FnMut(Record<'_>),
) -> Result<Verification, Error> {
    let mut found = Verification::default();
    let mut noted = 0;
    let entries = match Manifest::read(disk, directory) {
        Ok(Some(manifest)) => {
            noted = read_synced(disk, directory, manifest.seed)?;
            manifest.entries
        }
        Ok(None) => {
            let entries = listed(disk, directory)?;
            let file = directory.join(MANIFEST_FILE);
            if entries.is_empty() {
                let missing = io::Error::from(io::ErrorKind::NotFound);
                return Err(Error::io("read", &file, missing));
            }
            found.damages.push(of_manifest(file, "the manifest is missing beside segments"));
            entries
        }
        Err(Error::Corrupted { file, what, .. }) => {
            found.damages.push(of_manifest(file, what));
            listed(disk, directory)?
        }
        Err(error) => return Err(error),
    };
    found.begin_lsn = entries.first().map_or(1, |entry| entry.first_lsn);
    let mut next_lsn = None;
    for entry in &entries {
        let expected = next_lsn.unwrap_or(entry.first_lsn);
        if expected < entry.first_lsn {
            let file = segment_path(directory, entry);
            let (first_lsn, last_lsn) = (expected, entry.first_lsn - 1);
            let what = "a segment before this one is missing";
            found.damages.push(Damage { file, offset: 0, bytes: 0, first_lsn, last_lsn, what });
        }
        Look { disk, directory, entry, noted, found: &mut found, visit }.segment()?;
        next_lsn = Some(if entry.is_closed() { entry.last_lsn + 1 } else { found.last_lsn + 1 });
    }
    if let Some((_, end)) = &mut found.unfinished {
        *end = if is_held(directory) { End::BeingWritten } else { End::Torn };
    }
    Ok(found)
}

/// A segment's cursor; beside it the sealed file, when it reads one.
type Readable = (SegmentCursor, Option<Arc<SealedFile>>);

/// One segment being looked at.
struct Look<'a> {
    disk: &'a dyn Disk,
    directory: &'a Path,
    entry: &'a Entry,
    /// Highest counter that the directory's `synced` file notes.
    noted: u64,
    found: &'a mut Verification,
    visit: &'a mut dyn FnMut(Record<'_>),
}

impl Look<'_> {
    fn segment(&mut self) -> Result<(), Error> {
        let entry = self.entry;
        let path = segment_path(self.directory, entry);
        self.found.segments += 1;
        let Some((mut cursor, sealed)) = self.open(&path)? else { return Ok(()) };
        let header = &cursor.header;
        let named = (entry.number, entry.term, entry.first_lsn);
        if (header.number, header.term, header.first_lsn) != named {
            let what = "this is another segment than the manifest names";
            self.damaged(&path, 0, 0, entry.first_lsn..self.last_known() + 1, what);
            return Ok(());
        }
        if entry.is_closed() {
            cursor.limit(entry.bytes);
        }
        self.batches(&mut cursor, &path, sealed.as_deref())
    }

    /// The last counter that the segment is known to have held.
    fn last_known(&self) -> u64 {
        if self.entry.is_closed() {
            self.entry.last_lsn
        } else {
            self.entry.last_lsn.max(self.noted)
        }
    }

    /// The segment in its form; `None` when nothing of it can be read, which is noted.
    fn open(&mut self, path: &Path) -> Result<Option<Readable>, Error> {
        let entry = self.entry;
        let lsns = entry.first_lsn..self.last_known() + 1;
        let mut sealed = None;
        let opened = match entry.state {
            SegmentState::Sealed => SealedFile::open(self.disk, path, entry).map(|opened| {
                opened.map(|file| {
                    let file = Arc::new(file);
                    sealed = Some(Arc::clone(&file));
                    file as Arc<dyn DiskFile>
                })
            }),
            _ => {
                self.disk.open(path, false).map(Ok).map_err(|error| Error::io("read", path, error))
            }
        };
        let file = match opened {
            Ok(Ok(file)) => file,
            Ok(Err(what)) => {
                self.damaged(path, 0, entry.file_bytes, lsns, what);
                return Ok(None);
            }
            Err(error) if is_missing(&error) => {
                match self.now()? {
                    None => {}
                    Some(now) if now == *entry => {
                        self.damaged(path, 0, 0, lsns, "the segment is missing");
                    }
                    Some(now) => {
                        let Self { disk, directory, noted, .. } = *self;
                        let (found, visit) = (&mut *self.found, &mut *self.visit);
                        found.segments -= 1;
                        Look { disk, directory, entry: &now, noted, found, visit }.segment()?;
                    }
                }
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        let what = match SegmentCursor::over(Arc::clone(&file), path) {
            Ok(Ok(cursor)) => return Ok(Some((cursor, sealed))),
            Ok(Err(what)) if sealed.is_none() => what,
            // Without the first frame there is no salt, by which the batches of the others are proved.
            Ok(Err(what)) | Err(Error::Corrupted { what, .. }) => {
                self.damaged(path, 0, entry.file_bytes, lsns, what);
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        let mut cursor = SegmentCursor::over_damaged(file, path, entry)?;
        let goes_on = cursor.resync()?;
        let next_lsn = if goes_on { cursor.next_lsn } else { self.last_known() + 1 };
        let bytes = if goes_on { cursor.offset } else { cursor.file_bytes() };
        self.damaged(path, 0, bytes, entry.first_lsn..next_lsn, what);
        Ok(goes_on.then_some((cursor, None)))
    }

    fn batches(
        &mut self,
        cursor: &mut SegmentCursor,
        path: &Path,
        sealed: Option<&SealedFile>,
    ) -> Result<(), Error> {
        let mut behind_frame = None;
        loop {
            let (offset, first_lsn) = (cursor.offset, cursor.next_lsn);
            let step = match cursor.step() {
                Ok(step) => step,
                Err(Error::Corrupted { offset, first_lsn, last_lsn, what, .. }) => {
                    let found = sealed.and_then(|sealed| sealed.frame_from(offset));
                    let Some((frame, behind)) = found else {
                        self.damaged(path, offset, 0, first_lsn..self.entry.last_lsn + 1, what);
                        return Ok(());
                    };
                    // First what lies before the frame and was asked for together with it.
                    cursor.end_at(frame.raw_at);
                    behind_frame = Some(behind);
                    self.damaged(path, offset, frame.bytes(), first_lsn..last_lsn + 1, what);
                    continue;
                }
                Err(error) => return Err(error),
            };
            match step {
                Step::Batch(header, payload) => {
                    let lost = self.hand_on(payload, first_lsn, header.count);
                    self.found.batches += 1;
                    self.found.bytes += header.bytes() as u64;
                    self.found.synced_lsn = self.found.synced_lsn.max(header.synced_lsn);
                    if let Some(lost) = lost {
                        let what = "a batch's records are not as many as it says";
                        let range = lost..header.last_lsn + 1;
                        self.damaged(path, offset, header.bytes() as u64, range, what);
                    }
                }
                Step::Damaged(what) => {
                    if !self.goes_on(cursor, path, what)? {
                        return Ok(());
                    }
                }
                Step::End => match behind_frame.take() {
                    Some(Some(entrance)) => {
                        cursor.end_at(self.entry.bytes);
                        cursor.enter(entrance);
                    }
                    Some(None) => return Ok(()),
                    None => break,
                },
            }
        }
        let last_lsn = if self.entry.is_closed() { self.entry.last_lsn } else { self.noted };
        self.found.synced_lsn = self.found.synced_lsn.max(last_lsn);
        if cursor.next_lsn <= last_lsn {
            let what = "the segment ends before records that were synced";
            self.damaged(path, cursor.offset, 0, cursor.next_lsn..last_lsn + 1, what);
        }
        Ok(())
    }

    /// What bad bytes at the cursor are, and whether there is more behind them.
    fn goes_on(
        &mut self,
        cursor: &mut SegmentCursor,
        path: &Path,
        what: &'static str,
    ) -> Result<bool, Error> {
        let (offset, first_lsn) = (cursor.offset, cursor.next_lsn);
        let synced = self.synced_behind(cursor)?;
        if self.entry.is_closed() || synced >= first_lsn {
            return self.resync(cursor, path, synced, what);
        }
        let bytes = cursor.used_bytes()? - offset;
        let (file, last_lsn) = (path.to_path_buf(), first_lsn - 1);
        let end = Damage { file, offset, bytes, first_lsn, last_lsn, what };
        self.found.unfinished = Some((end, End::Torn));
        Ok(false)
    }

    /// The highest counter known to be synced behind the damage at the cursor; 0 when none is.
    fn synced_behind(&self, cursor: &mut SegmentCursor) -> Result<u64, Error> {
        let behind = cursor.synced_behind()?.unwrap_or(0);
        Ok(behind.max(if self.entry.is_closed() { self.entry.last_lsn } else { self.noted }))
    }

    /// Goes on behind damage, and notes how far it reaches; `false` when nothing good follows.
    fn resync(
        &mut self,
        cursor: &mut SegmentCursor,
        path: &Path,
        synced: u64,
        what: &'static str,
    ) -> Result<bool, Error> {
        let (offset, first_lsn) = (cursor.offset, cursor.next_lsn);
        let goes_on = cursor.resync()?;
        let (bytes, next_lsn) = if goes_on {
            (cursor.offset - offset, cursor.next_lsn)
        } else {
            let last = if self.entry.is_closed() { self.entry.last_lsn } else { synced };
            (cursor.file_bytes().saturating_sub(offset), last.max(first_lsn - 1) + 1)
        };
        self.damaged(path, offset, bytes, first_lsn..next_lsn, what);
        Ok(goes_on)
    }

    fn damaged(
        &mut self,
        file: &Path,
        offset: u64,
        bytes: u64,
        lsns: std::ops::Range<u64>,
        what: &'static str,
    ) {
        let file = file.to_path_buf();
        let (first_lsn, last_lsn) = (lsns.start, lsns.end.max(lsns.start) - 1);
        self.found.damages.push(Damage { file, offset, bytes, first_lsn, last_lsn, what });
    }

    /// Hands on a batch's records; the first counter that has none.
    fn hand_on(&mut self, payload: &[u8], first_lsn: u64, count: u32) -> Option<u64> {
        let mut left = payload;
        let mut counter = first_lsn;
        let end = first_lsn + u64::from(count);
        while counter < end {
            let Some((kind, payload)) = next_record(&mut left) else { return Some(counter) };
            let lsn = Lsn { partition: 0, term: self.entry.term, counter };
            (self.visit)(Record { lsn, kind, payload });
            if self.found.records == 0 {
                self.found.first_lsn = counter;
            }
            self.found.records += 1;
            self.found.last_lsn = counter;
            counter += 1;
        }
        (!left.is_empty()).then_some(end)
    }

    /// What the manifest says of the segment now: `None` when retention took it out of the log since the
    /// manifest was read, another form when it was sealed or rewritten.
    fn now(&self) -> Result<Option<Entry>, Error> {
        let Some(now) = Manifest::read(self.disk, self.directory)? else {
            return Ok(Some(self.entry.clone()));
        };
        Ok(now.entries.into_iter().find(|other| other.number == self.entry.number))
    }
}

/// The segments that lie in the directory, when no manifest says which are the log.
fn listed(disk: &dyn Disk, directory: &Path) -> Result<Vec<Entry>, Error> {
    let refuse = |error| Error::io("read", directory, error);
    let names = disk.names(directory).map_err(refuse)?;
    let mut named: Vec<Entry> = names.iter().filter_map(|name| entry_named(name)).collect();
    // A sealed segment whose original is still there comes first and stands for both, and so does one whose
    // records were replaced.
    named.sort_by_key(|entry| {
        (entry.number, entry.state != SegmentState::Sealed, u32::MAX - entry.revision)
    });
    named.dedup_by_key(|entry| entry.number);
    let mut entries: Vec<Entry> = Vec::new();
    for named in named {
        let path = segment_path(directory, &named);
        // Without its header and without a manifest nobody can say which records a segment holds.
        let Some(entry) = as_it_says(disk, &path, named)? else { continue };
        if let Some(last) = entries.last_mut()
            && last.state == SegmentState::Open
        {
            last.state = SegmentState::Closed;
            last.last_lsn = entry.first_lsn.max(last.first_lsn) - 1;
        }
        entries.push(entry);
    }
    Ok(entries)
}

/// A segment as its own header describes it; `None` when that is damaged.
pub(super) fn as_it_says(
    disk: &dyn Disk,
    path: &Path,
    named: Entry,
) -> Result<Option<Entry>, Error> {
    let refuse = |error| Error::io("read", path, error);
    let file = disk.open(path, false).map_err(refuse)?;
    if named.state == SegmentState::Sealed {
        let file_bytes = file.length().map_err(refuse)?;
        let said = sealed::read_header(&*file, path)?;
        return Ok(said.map(|sealed::Said { term, first_lsn, last_lsn, bytes }| Entry {
            term,
            first_lsn,
            last_lsn,
            bytes,
            file_bytes,
            ..named
        }));
    }
    let Ok(cursor) = SegmentCursor::over(file, path)? else { return Ok(None) };
    let (term, first_lsn) = (cursor.header.term, cursor.header.first_lsn);
    Ok(Some(Entry { term, first_lsn, last_lsn: first_lsn - 1, ..named }))
}

/// A segment by its file's name alone.
pub(super) fn entry_named(name: &Path) -> Option<Entry> {
    let (number, revision) = read_stem(name.file_stem()?.to_str()?)?;
    let state = match name.extension()?.to_str()? {
        "log" => SegmentState::Open,
        "sealed" => SegmentState::Sealed,
        _ => return None,
    };
    let (first_lsn, last_lsn, bytes) = (1, 0, u64::MAX);
    let (file_bytes, closed_ms, term) = (bytes, 0, 0);
    Some(Entry { number, first_lsn, last_lsn, bytes, file_bytes, closed_ms, term, state, revision })
}

fn of_manifest(file: PathBuf, what: &'static str) -> Damage {
    Damage { file, offset: 0, bytes: 0, first_lsn: 1, last_lsn: 0, what }
}

fn is_missing(error: &Error) -> bool {
    matches!(error, Error::Io { source, .. } if source.kind() == io::ErrorKind::NotFound)
}

/// Whether a process holds the directory's lock, as far as the system says: asked without taking it, so
/// that no start is ever refused for it.
#[must_use]
pub fn is_held(directory: &Path) -> bool {
    let Ok(inode) = fs::metadata(directory.join(LOCK_FILE)).map(|lock| lock.ino()) else {
        return false;
    };
    let Ok(locks) = fs::read_to_string("/proc/locks") else { return false };
    let suffix = format!(":{inode}");
    locks.lines().any(|line| {
        let mut words = line.split_whitespace().skip(1);
        words.next() == Some("FLOCK") && words.any(|word| word.ends_with(&suffix))
    })
}
