//! Segments: the files that hold the batches, one after another.
//!
//! A segment is created, synced and named in the manifest before its first batch, and never recycled, so
//! old bytes cannot pass for new records. Reading goes forward with a bounded window; a file's length is
//! checked before anything is allocated for it. Invariants: a cursor yields only batches whose checksums,
//! chain and LSNs are right, in order; it never says whether damage matters (`recovery.rs` does).

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::error::Error;
use super::frame::{self, ALIGNMENT, BATCH_HEADER_BYTES, BatchHeader, Salt, u32_at, u64_at};
use super::limits::{FORMAT_VERSION, READ_BYTES};
use super::manifest::{Entry, SegmentState};
use super::sealed::Entrance;
use crate::mutant::{self, Mutant};
use crate::storage::{Disk, DiskFile, read_full, write_all};

/// Bytes of a segment's header. Its length, magic, version and checksum stay in place in every version.
pub const SEGMENT_HEADER_BYTES: usize = 64;

const MAGIC: [u8; 8] = *b"p13n-log";
const SALT_AT: usize = 24;

/// What a segment says of itself.
#[derive(Debug, Clone)]
pub struct SegmentHeader {
    /// Apply epoch of the release that wrote it.
    pub apply_epoch: u32,
    /// Number in the directory, never used twice by the manifest.
    pub number: u64,
    /// Random, of this segment alone.
    pub salt: Salt,
    /// Term of its records.
    pub term: u32,
    /// Counter of the first record it holds or will hold.
    pub first_lsn: u64,
}

impl SegmentHeader {
    /// A new segment's, with a salt of its own.
    ///
    /// # Errors
    /// When the system has no random bytes.
    pub fn new(apply_epoch: u32, number: u64, term: u32, first_lsn: u64) -> Result<Self, Error> {
        let mut random = [0; 16];
        getrandom::fill(&mut random).map_err(|error| {
            let file = open_path(Path::new(""), number);
            Error::io("draw a salt for", &file, std::io::Error::other(error))
        })?;
        Ok(Self { apply_epoch, number, salt: Salt::new(random), term, first_lsn })
    }

    /// The header's bytes and their checksum, with which the chain of batches begins.
    #[must_use]
    pub fn encode(&self) -> ([u8; SEGMENT_HEADER_BYTES], u32) {
        let mut bytes = [0; SEGMENT_HEADER_BYTES];
        bytes[0..8].copy_from_slice(&MAGIC);
        bytes[8..12].copy_from_slice(&FORMAT_VERSION.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.apply_epoch.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.number.to_le_bytes());
        bytes[SALT_AT..SALT_AT + 16].copy_from_slice(&self.salt.bytes);
        bytes[40..44].copy_from_slice(&self.term.to_le_bytes());
        bytes[48..56].copy_from_slice(&self.first_lsn.to_le_bytes());
        let crc = crc32fast::hash(&bytes[..SEGMENT_HEADER_BYTES - 4]);
        bytes[SEGMENT_HEADER_BYTES - 4..].copy_from_slice(&crc.to_le_bytes());
        (bytes, crc)
    }

    fn decode(bytes: &[u8], file: &Path) -> Result<Result<Self, &'static str>, Error> {
        if bytes.len() < SEGMENT_HEADER_BYTES {
            return Ok(Err("the segment's header is cut"));
        }
        if bytes[0..8] != MAGIC {
            return Ok(Err("this is no segment of a log"));
        }
        let crc = crc32fast::hash(&bytes[..SEGMENT_HEADER_BYTES - 4]);
        if crc != u32_at(bytes, SEGMENT_HEADER_BYTES - 4) {
            return Ok(Err("the segment's header does not match its checksum"));
        }
        let found = u32_at(bytes, 8);
        if found > FORMAT_VERSION {
            return Err(Error::NewerFormat {
                file: file.to_path_buf(),
                found,
                known: FORMAT_VERSION,
            });
        }
        let mut salt = [0; 16];
        salt.copy_from_slice(&bytes[SALT_AT..SALT_AT + 16]);
        Ok(Ok(Self {
            apply_epoch: u32_at(bytes, 12),
            number: u64_at(bytes, 16),
            salt: Salt::new(salt),
            term: u32_at(bytes, 40),
            first_lsn: u64_at(bytes, 48),
        }))
    }
}

/// Path of a segment's file, in the form in which the manifest says that it is there.
#[must_use]
pub fn segment_path(directory: &Path, entry: &Entry) -> PathBuf {
    let end = match entry.state {
        SegmentState::Sealed => "sealed",
        SegmentState::Open | SegmentState::Closed => "log",
    };
    directory.join(format!("{}.{end}", stem(entry)))
}

/// A segment's name without its form.
pub(crate) fn stem(entry: &Entry) -> String {
    match (entry.number, entry.revision) {
        (number, 0) => format!("{number:012}"),
        (number, revision) => format!("{number:012}.r{revision}"),
    }
}

/// Number and revision of a segment's name without its form; `None` for another's name.
pub(crate) fn read_stem(stem: &str) -> Option<(u64, u32)> {
    let (number, revision) = match stem.split_once(".r") {
        Some((number, revision)) => (number, Some(revision)),
        None => (stem, None),
    };
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if number.len() < 12 || !is_number(number) || !revision.is_none_or(is_number) {
        return None;
    }
    Some((number.parse().ok()?, revision.map_or(Some(0), |revision| revision.parse().ok())?))
}

/// Path of a segment that is written, or was closed as it was written.
#[must_use]
pub fn open_path(directory: &Path, number: u64) -> PathBuf {
    directory.join(format!("{number:012}.log"))
}

/// A new segment, synced with its name, ready for its first batch.
pub struct NewSegment {
    /// The open file.
    pub file: Arc<dyn DiskFile>,
    /// Where it is.
    pub path: PathBuf,
    /// Its salt.
    pub salt: Salt,
    /// Checksum of its header: the first link of the chain.
    pub chain: u32,
}

/// Creates a segment durably. A leftover of the same number, from a crash before the manifest named
/// it, is removed.
pub fn create_segment(
    disk: &dyn Disk,
    directory: &Path,
    number: u64,
    apply_epoch: u32,
    term: u32,
    first_lsn: u64,
) -> Result<NewSegment, Error> {
    let path = open_path(directory, number);
    let header = SegmentHeader::new(apply_epoch, number, term, first_lsn)?;
    remove_leftover(disk, &path)?;
    let file = disk.create(&path).map_err(|error| Error::io("create", &path, error))?;
    let segment = begin_segment(file, path, &header)?;
    sync_names(disk, directory)?;
    Ok(segment)
}

/// Removes a file that is in the way of a new one. To empty it would not do: its name may be one whose sync
/// failed, which the system calls clean, and only a new name is owed to the disk again.
pub(crate) fn remove_leftover(disk: &dyn Disk, path: &Path) -> Result<(), Error> {
    if disk.open(path, false).is_err() {
        return Ok(());
    }
    disk.remove(path).map_err(|error| Error::io("remove", path, error))
}

/// Writes and syncs the header of a segment whose file is there: empty, or zeros alone.
pub(crate) fn begin_segment(
    file: Arc<dyn DiskFile>,
    path: PathBuf,
    header: &SegmentHeader,
) -> Result<NewSegment, Error> {
    let (bytes, chain) = header.encode();
    write_all(&*file, &bytes, 0).map_err(|error| Error::io("write", &path, error))?;
    // A sync that found no room is a failed sync: nothing to wait for.
    file.sync().map_err(|source| Error::Io { action: "sync", file: path.clone(), source })?;
    Ok(NewSegment { file, path, salt: header.salt.clone(), chain })
}

/// Makes new names in the directory durable. Without room or not, a failure here is no `DiskFull`: which names
/// stand is not known before this has succeeded, so it is nothing to wait for.
pub(crate) fn sync_names(disk: &dyn Disk, directory: &Path) -> Result<(), Error> {
    if mutant::is(Mutant::NoDirectorySync) {
        return Ok(());
    }
    let file = || directory.to_path_buf();
    disk.sync_directory(directory).map_err(|source| Error::Io {
        action: "sync",
        file: file(),
        source,
    })
}

/// What lies at a cursor.
pub enum Step<'a> {
    /// A good batch and its payload.
    Batch(BatchHeader, &'a [u8]),
    /// Nothing but the end, or zeros up to it.
    End,
    /// Something that is no good batch.
    Damaged(&'static str),
}

/// Reads a segment's batches in order.
pub struct SegmentCursor {
    file: Arc<dyn DiskFile>,
    path: PathBuf,
    /// The segment's header.
    pub header: SegmentHeader,
    /// Where the next batch begins.
    pub offset: u64,
    /// Counter that the next batch must begin with.
    pub next_lsn: u64,
    end: u64,
    chain: u32,
    window: Window,
}

impl SegmentCursor {
    /// Reads a segment's header from its opened file; the inner error says what is wrong with its bytes.
    ///
    /// # Errors
    /// What the disk refused, or a newer format.
    pub fn over(file: Arc<dyn DiskFile>, path: &Path) -> Result<Result<Self, &'static str>, Error> {
        let refuse = |error| Error::io("read", path, error);
        let end = file.length().map_err(refuse)?;
        let mut bytes = [0; SEGMENT_HEADER_BYTES];
        let filled = read_full(&*file, &mut bytes, 0).map_err(refuse)?;
        let header = match SegmentHeader::decode(&bytes[..filled], path)? {
            Ok(header) => header,
            Err(what) => return Ok(Err(what)),
        };
        Ok(Ok(Self {
            file,
            path: path.to_path_buf(),
            offset: SEGMENT_HEADER_BYTES as u64,
            next_lsn: header.first_lsn,
            end,
            chain: u32_at(&bytes, SEGMENT_HEADER_BYTES - 4),
            header,
            window: Window::default(),
        }))
    }

    /// Opens a segment whose header is damaged, believing what the manifest says of it and, of the header's
    /// bytes, only the salt: a batch that matches its checksums under it proves it. `resync` finds the first.
    ///
    /// # Errors
    /// What the disk refused.
    pub(crate) fn over_damaged(
        file: Arc<dyn DiskFile>,
        path: &Path,
        entry: &Entry,
    ) -> Result<Self, Error> {
        let refuse = |error| Error::io("read", path, error);
        let end = file.length().map_err(refuse)?;
        let mut salt = [0; 16];
        read_full(&*file, &mut salt, SALT_AT as u64).map_err(refuse)?;
        Ok(Self {
            file,
            path: path.to_path_buf(),
            offset: (SEGMENT_HEADER_BYTES - ALIGNMENT) as u64,
            next_lsn: entry.first_lsn,
            end,
            chain: 0,
            header: SegmentHeader {
                apply_epoch: 0,
                number: entry.number,
                salt: Salt::new(salt),
                term: entry.term,
                first_lsn: entry.first_lsn,
            },
            window: Window::default(),
        })
    }

    /// Goes on from a place in the middle, as a sealed segment's index knows them.
    pub(crate) fn enter(&mut self, entrance: Entrance) {
        self.offset = entrance.offset;
        self.next_lsn = entrance.next_lsn;
        self.chain = entrance.previous_crc;
    }

    /// Checksum of the batch before the cursor.
    pub(crate) fn chain(&self) -> u32 {
        self.chain
    }

    /// Length of the file when it was opened, in bytes.
    #[must_use]
    pub fn file_bytes(&self) -> u64 {
        self.end
    }

    /// Reads no further than `bytes`: the length of a closed segment.
    pub fn limit(&mut self, bytes: u64) {
        self.end = self.end.min(bytes);
    }

    /// The next batch; moves behind it when it is good.
    ///
    /// # Errors
    /// What the disk refused.
    pub fn step(&mut self) -> Result<Step<'_>, Error> {
        let header = match self.check()? {
            Ok(Some(header)) => header,
            Ok(None) => return Ok(Step::End),
            Err(what) => return Ok(Step::Damaged(what)),
        };
        let at = self.offset;
        self.offset += header.bytes() as u64;
        self.next_lsn = header.last_lsn + 1;
        self.chain = header.crc;
        let batch = self.window.held(at, header.bytes());
        let payload = &batch[BATCH_HEADER_BYTES..BATCH_HEADER_BYTES + header.length as usize];
        Ok(Step::Batch(header, payload))
    }

    /// The bytes of header and batches, as a file.
    pub(crate) fn file(&self) -> Arc<dyn DiskFile> {
        Arc::clone(&self.file)
    }

    /// Where the cursor stands, to come back to.
    pub(crate) fn mark(&self) -> Mark {
        Mark { offset: self.offset, next_lsn: self.next_lsn, chain: self.chain }
    }

    /// Goes back to a mark of this cursor.
    pub(crate) fn back_to(&mut self, mark: Mark) {
        self.offset = mark.offset;
        self.next_lsn = mark.next_lsn;
        self.chain = mark.chain;
    }

    /// Reads up to `end` from now on, and nothing of what was read before.
    pub(crate) fn end_at(&mut self, end: u64) {
        self.end = end;
        self.window = Window::default();
    }

    /// Sees what was written to the file since it was opened.
    pub(crate) fn refresh(&mut self) -> Result<(), Error> {
        let length = self.file.length().map_err(|error| Error::io("read", &self.path, error))?;
        self.end_at(length);
        Ok(())
    }

    /// Moves behind damage, to the next good batch; `false` when there is none. The batch is believed by
    /// its own checksums: the chain to it is what was lost.
    pub(crate) fn resync(&mut self) -> Result<bool, Error> {
        let mut at = self.offset + ALIGNMENT as u64;
        while at + BATCH_HEADER_BYTES as u64 <= self.end {
            let length = (self.end - at).min(READ_BYTES as u64) as usize;
            let bytes = self.window.bytes(&*self.file, &self.path, at, length, self.end)?;
            let last = length - BATCH_HEADER_BYTES;
            let found = (0..=last).step_by(ALIGNMENT).find_map(|from| {
                let header = frame::parse_header(&bytes[from..], &self.header.salt).ok()?;
                (header.first_lsn >= self.next_lsn).then_some((from, header))
            });
            let Some((from, header)) = found else {
                at += (last / ALIGNMENT * ALIGNMENT + ALIGNMENT) as u64;
                continue;
            };
            at += from as u64;
            if at + header.bytes() as u64 <= self.end {
                let batch =
                    self.window.bytes(&*self.file, &self.path, at, header.bytes(), self.end)?;
                if frame::check_payload(batch, &header, &self.header.salt).is_ok() {
                    self.offset = at;
                    self.next_lsn = header.first_lsn;
                    self.chain = header.previous_crc;
                    return Ok(true);
                }
            }
            at += ALIGNMENT as u64;
        }
        Ok(false)
    }

    fn check(&mut self) -> Result<Result<Option<BatchHeader>, &'static str>, Error> {
        let left = self.end.saturating_sub(self.offset);
        if left == 0 {
            return Ok(Ok(None));
        }
        let head = left.min(BATCH_HEADER_BYTES as u64) as usize;
        let bytes = self.window.bytes(&*self.file, &self.path, self.offset, head, self.end)?;
        let header = match frame::parse_header(bytes, &self.header.salt) {
            Ok(header) => header,
            Err(what) if bytes.iter().all(|byte| *byte == 0) => {
                return Ok(if self.zeros_to_end()? { Ok(None) } else { Err(what) });
            }
            Err(what) => return Ok(Err(what)),
        };
        if header.previous_crc != self.chain || header.first_lsn != self.next_lsn {
            return Ok(Err("a batch does not follow the one before it"));
        }
        // The length is now trusted, and bounded by `BATCH_BYTES_MAX`; the file must hold it, too.
        if header.bytes() as u64 > left {
            return Ok(Err("a batch is cut"));
        }
        let batch =
            self.window.bytes(&*self.file, &self.path, self.offset, header.bytes(), self.end)?;
        Ok(frame::check_payload(batch, &header, &self.header.salt).map(|()| Some(header)))
    }

    fn zeros_to_end(&mut self) -> Result<bool, Error> {
        Ok(self.used_bytes()? <= self.offset)
    }

    /// Where the zeros begin that reach to the end of the file; at the cursor at the earliest.
    ///
    /// # Errors
    /// What the disk refused.
    pub fn used_bytes(&mut self) -> Result<u64, Error> {
        let mut at = self.offset;
        let mut used = at;
        while at < self.end {
            let length = (self.end - at).min(READ_BYTES as u64) as usize;
            let bytes = self.window.bytes(&*self.file, &self.path, at, length, self.end)?;
            if let Some(last) = bytes.iter().rposition(|byte| *byte != 0) {
                used = at + last as u64 + 1;
            }
            at += length as u64;
        }
        Ok(used)
    }

    /// Looks behind the damage at the cursor for batches of this segment and gives the highest LSN that
    /// one of them says was synced before it was written. A header with a right checksum is enough: it
    /// was written by us, whatever became of its payload.
    ///
    /// # Errors
    /// What the disk refused.
    pub fn synced_behind(&mut self) -> Result<Option<u64>, Error> {
        let mut highest = None;
        let mut at = self.offset + ALIGNMENT as u64;
        while at + BATCH_HEADER_BYTES as u64 <= self.end {
            let length = (self.end - at).min(READ_BYTES as u64) as usize;
            let bytes = self.window.bytes(&*self.file, &self.path, at, length, self.end)?;
            let last = length - BATCH_HEADER_BYTES;
            for from in (0..=last).step_by(ALIGNMENT) {
                if let Ok(header) = frame::parse_header(&bytes[from..], &self.header.salt) {
                    highest = highest.max(Some(header.synced_lsn));
                }
            }
            at += (last / ALIGNMENT * ALIGNMENT + ALIGNMENT) as u64;
        }
        Ok(highest)
    }
}

/// A place in a segment, and what the next batch there must follow.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mark {
    offset: u64,
    next_lsn: u64,
    chain: u32,
}

/// The part of a file that is in memory.
#[derive(Default)]
struct Window {
    start: u64,
    bytes: Vec<u8>,
}

impl Window {
    /// `length` bytes from `at`, which must lie before `end`; shorter when the file shrank meanwhile.
    fn bytes(
        &mut self,
        file: &dyn DiskFile,
        path: &Path,
        at: u64,
        length: usize,
        end: u64,
    ) -> Result<&[u8], Error> {
        if at < self.start || at + length as u64 > self.start + self.bytes.len() as u64 {
            let wanted = length.max(READ_BYTES).min((end - at) as usize);
            self.bytes.resize(wanted, 0);
            self.start = at;
            let filled = read_full(file, &mut self.bytes, at)
                .map_err(|error| Error::io("read", path, error))?;
            self.bytes[filled..].fill(0);
        }
        Ok(self.held(at, length))
    }

    fn held(&self, at: u64, length: usize) -> &[u8] {
        let from = (at - self.start) as usize;
        &self.bytes[from..from + length]
    }
}
