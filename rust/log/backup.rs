//! Backup: a log copied as of one LSN, hot and incrementally, and cut at any record.
//!
//! A closed segment never changes, so a copy of it is good for ever, and the open one is copied up to the
//! last synced batch: what results is a complete log, closed at that LSN. Files come first, the manifest
//! last, so that whenever the copying ends, the copy is the old one or the new one. Invariants: the
//! source is only read; a copy that belongs to another log is never written to; everything is synced
//! before the manifest names it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use super::error::Error;
use super::frame::{self, BATCH_HEADER_BYTES, RECORD_HEADER_BYTES, next_record};
use super::limits::READ_BYTES;
use super::manifest::{Entry, Manifest, SegmentState};
use super::scan::raw_file;
use super::segment::{SEGMENT_HEADER_BYTES, SegmentCursor, Step, segment_path};
use super::verify::is_held;
use crate::storage::{Disk, DiskFile, read_full, write_all};

const TEMPORARY_EXTENSION: &str = "copy.tmp";

/// Why a log was not copied.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// The log, or the copy's directory, cannot be read or written.
    #[error(transparent)]
    Log(#[from] Error),
    /// The directory holds something that a copy of this log must not replace.
    #[error("{} {why}", directory.display())]
    Target {
        /// The copy's directory.
        directory: PathBuf,
        /// Why not, as the rest of a sentence.
        why: String,
    },
}

/// What a copy took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Copied {
    /// Counter of the copied log's first record; 1 when it has none.
    pub first_lsn: u64,
    /// Counter of the copy's last record; 0 when it has none.
    pub last_lsn: u64,
    /// Files written.
    pub files: u64,
    /// Bytes written.
    pub bytes: u64,
    /// Files that were there already, the same to the last byte.
    pub kept: u64,
}

/// Copies the records up to `last_lsn`, which are synced, into `target`, an empty directory or an earlier
/// copy of the same log. Works beside a running writer. What an earlier copy holds and the log has let go of
/// since stays, until [`trim_copy`].
///
/// # Errors
/// `Target` for a directory that holds another log, or more of this one; `Log` for damage and for what the
/// disk refused.
pub fn copy_log(
    directory: &Path,
    target: &Path,
    disk: &dyn Disk,
    last_lsn: u64,
) -> Result<Copied, CopyError> {
    disk.create_directory(target)
        .map_err(|error| Error::io("create the directory", target, error))?;
    let mut manifest = source_manifest(directory, disk)?;
    let mut earlier = Manifest::read(disk, target)?;
    if let Some(earlier) = &mut earlier {
        check_target(&manifest, earlier, target, last_lsn)?;
    }
    let copy = Copy { directory, target, disk, last_lsn };
    loop {
        if let Some(earlier) = &mut earlier
            && earlier.next_number < manifest.next_number
        {
            // Files of numbers that the manifest has not given would say that it is older than its log.
            earlier.next_number = manifest.next_number;
            earlier.term = earlier.term.max(manifest.term);
            earlier.replace(disk, target)?;
        }
        match copy.segments(&manifest) {
            Err(CopyError::Log(error)) if is_missing(&error) => {
                // Sealed or retired meanwhile: the manifest says what the log is now.
                let now = source_manifest(directory, disk)?;
                if now == manifest {
                    return Err(error.into());
                }
                manifest = now;
            }
            Err(error) => return Err(error),
            Ok((copied, mut copy_of)) => {
                disk.sync_directory(target).map_err(|error| Error::io("sync", target, error))?;
                if let Some(earlier) = &earlier {
                    copy_of.entries.splice(0..0, older(earlier, copied.first_lsn, target)?);
                }
                if earlier.as_ref() != Some(&copy_of) {
                    copy_of.replace(disk, target)?;
                }
                remove_others(disk, target, &copy_of)?;
                return Ok(copied);
            }
        }
    }
}

/// Lets a copy go of the segments before `first_lsn`, which the log itself no longer has.
///
/// # Errors
/// `Corrupted`, or what the disk refused.
pub fn trim_copy(target: &Path, disk: &dyn Disk, first_lsn: u64) -> Result<(), Error> {
    let Some(mut manifest) = Manifest::read(disk, target)? else { return Ok(()) };
    let before = manifest.entries.len();
    manifest.entries.retain(|entry| entry.first_lsn >= first_lsn);
    if manifest.entries.len() < before {
        manifest.replace(disk, target)?;
        remove_others(disk, target, &manifest)?;
    }
    Ok(())
}

/// The segments of an earlier copy that end where the log now begins.
fn older(earlier: &Manifest, first_lsn: u64, target: &Path) -> Result<Vec<Entry>, CopyError> {
    let older = earlier.entries.iter().filter(|entry| entry.last_lsn < first_lsn);
    let older: Vec<Entry> = older.cloned().collect();
    let ends = older.last().map_or(first_lsn, |last| last.last_lsn + 1);
    if ends == first_lsn {
        return Ok(older);
    }
    let why = format!(
        "ends at LSN {}, and the log has let go of what came next: choose a new directory",
        ends - 1
    );
    Err(CopyError::Target { directory: target.to_path_buf(), why })
}

fn source_manifest(directory: &Path, disk: &dyn Disk) -> Result<Manifest, Error> {
    Manifest::read(disk, directory)?.ok_or_else(|| {
        let missing = io::Error::from(io::ErrorKind::NotFound);
        Error::io("read", &directory.join(super::manifest::MANIFEST_FILE), missing)
    })
}

/// Refuses what is no earlier copy of this log.
fn check_target(
    manifest: &Manifest,
    earlier: &Manifest,
    target: &Path,
    last_lsn: u64,
) -> Result<(), CopyError> {
    let refuse = |why| Err(CopyError::Target { directory: target.to_path_buf(), why });
    if earlier.seed != manifest.seed {
        return refuse("holds another log: choose a new directory".to_owned());
    }
    if is_held(target) {
        return refuse("is in use by a running process: choose a new directory".to_owned());
    }
    let another_way = earlier.entries.iter().any(|copied| {
        let own = manifest.entries.iter().find(|entry| entry.number == copied.number);
        own.is_some_and(|own| {
            (own.first_lsn, own.term) != (copied.first_lsn, copied.term)
                || own.is_closed() && own.last_lsn < copied.last_lsn
        })
    });
    if another_way {
        return refuse("holds a log that went another way: choose a new directory".to_owned());
    }
    let holds = earlier.entries.last().map_or(0, |entry| entry.last_lsn);
    if holds > last_lsn {
        return refuse(format!(
            "holds records up to LSN {holds}, and the log ends at {last_lsn}: it went another way \
             since, so choose a new directory"
        ));
    }
    Ok(())
}

struct Copy<'a> {
    directory: &'a Path,
    target: &'a Path,
    disk: &'a dyn Disk,
    last_lsn: u64,
}

impl Copy<'_> {
    /// Copies all segments; what was copied, and the copy's manifest.
    fn segments(&self, manifest: &Manifest) -> Result<(Copied, Manifest), CopyError> {
        let first_lsn = manifest.first_lsn();
        let mut copied = Copied { first_lsn, ..Copied::default() };
        let mut copy_of = Manifest { entries: Vec::new(), ..manifest.clone() };
        for entry in manifest.entries.iter().filter(|entry| entry.first_lsn <= self.last_lsn) {
            let (kept, part) = self.part_to_keep(entry)?;
            if kept.last_lsn < kept.first_lsn {
                continue;
            }
            self.segment(&kept, &part, &mut copied)?;
            copied.last_lsn = kept.last_lsn;
            copy_of.entries.push(kept);
        }
        if copied.last_lsn == 0 && self.last_lsn + 1 == first_lsn {
            // Everything was retired but the segment that goes on.
            copied.last_lsn = self.last_lsn;
        }
        if copied.last_lsn != self.last_lsn {
            let (file, what) = (self.directory.to_path_buf(), "records at the end are missing");
            let (first_lsn, last_lsn) = (copied.last_lsn + 1, self.last_lsn);
            return Err(Error::Corrupted { file, offset: 0, first_lsn, last_lsn, what }.into());
        }
        Ok((copied, copy_of))
    }

    /// How a segment stands in the copy: as it is, or up to the last record that is wanted.
    fn part_to_keep(&self, entry: &Entry) -> Result<(Entry, Part), Error> {
        let path = segment_path(self.directory, entry);
        if entry.is_closed() && entry.last_lsn <= self.last_lsn {
            let own_bytes = match entry.state {
                SegmentState::Sealed => entry.file_bytes,
                SegmentState::Open | SegmentState::Closed => entry.bytes,
            };
            let file = self.open(&path)?;
            return Ok((entry.clone(), Part { file, path, own_bytes, end: Vec::new() }));
        }
        let damage = |offset, what| {
            let (file, first_lsn) = (path.clone(), entry.first_lsn);
            let last_lsn = self.last_lsn;
            Error::Corrupted { file, offset, first_lsn, last_lsn, what }
        };
        let file = raw_file(self.disk, &path, entry)?.map_err(|what| damage(0, what))?;
        let mut cursor = SegmentCursor::over(file, &path)?.map_err(|what| damage(0, what))?;
        if entry.is_closed() {
            cursor.limit(entry.bytes);
        }
        let salt = cursor.header.salt.clone();
        let (mut last_lsn, mut own_bytes) = (entry.first_lsn - 1, SEGMENT_HEADER_BYTES as u64);
        let mut end = Vec::new();
        while cursor.next_lsn <= self.last_lsn {
            let offset = cursor.offset;
            let (header, payload) = match cursor.step()? {
                Step::Batch(header, payload) => (header, payload),
                Step::End => break,
                Step::Damaged(what) => return Err(damage(offset, what)),
            };
            if header.last_lsn > self.last_lsn {
                // The batch in which the last record lies is sealed anew, with fewer.
                let count = (self.last_lsn + 1 - header.first_lsn) as u32;
                end.resize(BATCH_HEADER_BYTES, 0);
                end.extend_from_slice(first_records(payload, count));
                let (first, synced) = (header.first_lsn, header.synced_lsn);
                frame::seal(&mut end, &salt, first, count, synced, header.previous_crc);
                last_lsn = self.last_lsn;
                break;
            }
            last_lsn = header.last_lsn;
            own_bytes = offset + header.bytes() as u64;
        }
        let bytes = own_bytes + end.len() as u64;
        let closed_ms = if entry.is_closed() { entry.closed_ms } else { now_ms() };
        let (file_bytes, state) = (bytes, SegmentState::Closed);
        let kept = Entry { last_lsn, bytes, file_bytes, closed_ms, state, ..entry.clone() };
        Ok((kept, Part { file: cursor.file(), path, own_bytes, end }))
    }

    /// Puts one segment into the copy, unless the same bytes are there.
    fn segment(&self, kept: &Entry, part: &Part, copied: &mut Copied) -> Result<(), CopyError> {
        let path = segment_path(self.target, kept);
        match self.open(&path) {
            Ok(there) => {
                if part.is_in(&*there, &path)? {
                    copied.kept += 1;
                    return Ok(());
                }
                self.must_be_the_same_segment(&*part.file, &*there, &path)?;
            }
            Err(error) if is_missing(&error) => {}
            Err(error) => return Err(error.into()),
        }
        part.write(self.disk, &path)?;
        copied.files += 1;
        copied.bytes += part.bytes();
        Ok(())
    }

    fn open(&self, path: &Path) -> Result<Arc<dyn DiskFile>, Error> {
        self.disk.open(path, false).map_err(|error| Error::io("read", path, error))
    }

    /// A file that is there may be shorter, or damaged; under another header it is of another history.
    fn must_be_the_same_segment(
        &self,
        from: &dyn DiskFile,
        there: &dyn DiskFile,
        path: &Path,
    ) -> Result<(), CopyError> {
        let mut headers = [[0; SEGMENT_HEADER_BYTES]; 2];
        for (file, header) in [from, there].into_iter().zip(&mut headers) {
            read_full(file, header, 0).map_err(|error| Error::io("read", path, error))?;
        }
        // A sealed segment's header has no salt: its numbers must do.
        let is_sealed = path.extension().is_some_and(|extension| extension == "sealed");
        let there = self.disk.open(path, false).map_err(|error| Error::io("read", path, error))?;
        let whole = is_sealed || SegmentCursor::over(there, path)?.is_ok();
        if whole && headers[0] != headers[1] {
            return Err(CopyError::Target {
                directory: self.target.to_path_buf(),
                why: "holds a log that went another way: choose a new directory".to_owned(),
            });
        }
        Ok(())
    }
}

/// The bytes that a segment's copy has: so many of its own, and others at the end.
struct Part {
    file: Arc<dyn DiskFile>,
    path: PathBuf,
    own_bytes: u64,
    end: Vec<u8>,
}

impl Part {
    fn bytes(&self) -> u64 {
        self.own_bytes + self.end.len() as u64
    }

    /// Writes the bytes beside, syncs them, and gives them their name; the caller syncs that.
    fn write(&self, disk: &dyn Disk, path: &Path) -> Result<(), Error> {
        let temporary = path.with_extension(TEMPORARY_EXTENSION);
        let refuse = |action, error| Error::io(action, &temporary, error);
        let to = disk.create(&temporary).map_err(|error| refuse("create", error))?;
        self.blocks(|at, block| {
            write_all(&*to, block, at).map_err(|error| refuse("write", error))?;
            Ok(true)
        })?;
        to.sync().map_err(|error| refuse("sync", error))?;
        disk.rename(&temporary, path).map_err(|error| refuse("rename", error))
    }

    /// Hands on the bytes block by block, as long as `take` wants more.
    fn blocks(
        &self,
        mut take: impl FnMut(u64, &[u8]) -> Result<bool, Error>,
    ) -> Result<bool, Error> {
        let mut buffer = vec![0; READ_BYTES];
        let mut at = 0;
        while at < self.own_bytes {
            let length = (self.own_bytes - at).min(READ_BYTES as u64) as usize;
            let filled = read_full(&*self.file, &mut buffer[..length], at)
                .map_err(|error| Error::io("read", &self.path, error))?;
            if filled < length {
                let cut = io::Error::from(io::ErrorKind::UnexpectedEof);
                return Err(Error::io("read", &self.path, cut));
            }
            if !take(at, &buffer[..length])? {
                return Ok(false);
            }
            at += length as u64;
        }
        if self.end.is_empty() { Ok(true) } else { take(at, &self.end) }
    }

    /// Whether a file holds exactly these bytes.
    fn is_in(&self, file: &dyn DiskFile, path: &Path) -> Result<bool, Error> {
        let refuse = |error| Error::io("read", path, error);
        if file.length().map_err(refuse)? != self.bytes() {
            return Ok(false);
        }
        let mut buffer = vec![0; READ_BYTES.max(self.end.len())];
        self.blocks(|at, block| {
            let there = &mut buffer[..block.len()];
            let filled = read_full(file, there, at).map_err(refuse)?;
            Ok(filled == block.len() && there == block)
        })
    }
}

/// Copies one file durably but for its name, unless the same bytes are there; whether it was copied.
///
/// # Errors
/// What the disk refused.
pub fn copy_file(disk: &dyn Disk, from: &Path, to: &Path) -> Result<bool, Error> {
    let file = disk.open(from, false).map_err(|error| Error::io("read", from, error))?;
    let own_bytes = file.length().map_err(|error| Error::io("read", from, error))?;
    let part = Part { file, path: from.to_path_buf(), own_bytes, end: Vec::new() };
    match disk.open(to, false) {
        Ok(there) if part.is_in(&*there, to)? => return Ok(false),
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(Error::io("read", to, error)),
    }
    part.write(disk, to)?;
    Ok(true)
}

/// The bytes of a batch's first records.
fn first_records(payload: &[u8], count: u32) -> &[u8] {
    let mut left = payload;
    let mut length = 0;
    for _ in 0..count {
        let Some((_, record)) = next_record(&mut left) else { break };
        length += RECORD_HEADER_BYTES + record.len();
    }
    &payload[..length]
}

/// Removes segments that an earlier copy had and that are no longer in the log.
fn remove_others(disk: &dyn Disk, target: &Path, copy_of: &Manifest) -> Result<(), Error> {
    let names = disk.names(target).map_err(|error| Error::io("read", target, error))?;
    for path in names {
        let extension = path.extension().and_then(|extension| extension.to_str());
        let is_segment = matches!(extension, Some("log" | "sealed"));
        let is_temporary = path.to_string_lossy().ends_with(TEMPORARY_EXTENSION);
        let live = copy_of.entries.iter().any(|entry| segment_path(target, entry) == path);
        if is_temporary || is_segment && !live {
            disk.remove(&path).map_err(|error| Error::io("remove", &path, error))?;
        }
    }
    disk.sync_directory(target).map_err(|error| Error::io("sync", target, error))
}

fn now_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0, |now| now.as_millis() as u64)
}

fn is_missing(error: &Error) -> bool {
    matches!(error, Error::Io { source, .. } if source.kind() == io::ErrorKind::NotFound)
}
