//! The manifest: which segments are the log, and what is certain about each.
//!
//! A directory listing would take a half-made or a resurrected file for data; the manifest is one small
//! file, replaced atomically. Invariants: an entry's segment was synced with its header before the
//! manifest named it; when a segment is named, every record before its first LSN is synced; a closed
//! segment's length and last LSN are final; numbers and terms only rise.

use std::io;
use std::path::{Path, PathBuf};

use super::error::Error;
use super::frame::{u32_at, u64_at};
use super::limits::{FORMAT_VERSION, REVISION_MAX, SEGMENTS_MAX};
use super::segment::sync_names;
use crate::storage::{Disk, read_full, write_all};

/// Name of the manifest in the log's directory.
pub const MANIFEST_FILE: &str = "manifest";

const TEMPORARY_FILE: &str = "manifest.tmp";
const MAGIC: [u8; 8] = *b"p13n-mfs";
const HEAD_BYTES: usize = 48;
const ENTRY_BYTES: usize = 56;
const CRC_BYTES: usize = 4;

/// In which form a segment lies on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SegmentState {
    /// Still written; the last one alone.
    Open,
    /// Final, as it was written.
    Closed,
    /// Final, compressed and indexed.
    Sealed,
}

/// One segment of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The segment's number, which names its file.
    pub number: u64,
    /// Counter of its first record.
    pub first_lsn: u64,
    /// Counter of its last record (`first_lsn - 1` when it holds none); known once it is closed.
    pub last_lsn: u64,
    /// Length of header and batches, in bytes; known once it is closed.
    pub bytes: u64,
    /// Length of its file, in bytes: `bytes` until it is sealed.
    pub file_bytes: u64,
    /// When it was closed, epoch milliseconds of the machine's clock; 0 while it is open.
    pub closed_ms: u64,
    /// Term of its records.
    pub term: u32,
    /// In which form it is there. Only the last entry may be open.
    pub state: SegmentState,
    /// How often its records were replaced since it was closed ([`super::Log::rewrite`]).
    pub revision: u32,
}

impl Entry {
    /// Whether it takes no further records.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.state != SegmentState::Open
    }
}

/// The set of live files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// Apply epoch of the release that started the log last.
    pub apply_epoch: u32,
    /// Term of the last start; 0 before the first.
    pub term: u32,
    /// Number of the next segment.
    pub next_number: u64,
    /// The directory's secret seed, drawn once.
    pub seed: u64,
    /// The segments in LSN order.
    pub entries: Vec<Entry>,
}

impl Manifest {
    /// The manifest of a directory that has never been started.
    #[must_use]
    pub fn new(apply_epoch: u32, seed: u64) -> Self {
        Self { apply_epoch, term: 0, next_number: 1, seed, entries: Vec::new() }
    }

    /// The file's bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        assert!(self.entries.len() <= SEGMENTS_MAX, "a manifest lists too many segments");
        let mut bytes =
            Vec::with_capacity(HEAD_BYTES + self.entries.len() * ENTRY_BYTES + CRC_BYTES);
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&FORMAT_VERSION.to_le_bytes());
        bytes.extend_from_slice(&self.apply_epoch.to_le_bytes());
        bytes.extend_from_slice(&self.term.to_le_bytes());
        bytes.extend_from_slice(&(self.entries.len() as u32).to_le_bytes());
        bytes.extend_from_slice(&self.next_number.to_le_bytes());
        bytes.extend_from_slice(&self.seed.to_le_bytes());
        bytes.extend_from_slice(&[0; 8]);
        for entry in &self.entries {
            bytes.extend_from_slice(&entry.number.to_le_bytes());
            bytes.extend_from_slice(&entry.first_lsn.to_le_bytes());
            bytes.extend_from_slice(&entry.last_lsn.to_le_bytes());
            bytes.extend_from_slice(&entry.bytes.to_le_bytes());
            bytes.extend_from_slice(&entry.file_bytes.to_le_bytes());
            bytes.extend_from_slice(&entry.closed_ms.to_le_bytes());
            bytes.extend_from_slice(&entry.term.to_le_bytes());
            let state = match entry.state {
                SegmentState::Open => 0_u32,
                SegmentState::Closed => 1,
                SegmentState::Sealed => 2,
            };
            assert!(entry.revision <= REVISION_MAX, "a segment was rewritten too often");
            bytes.extend_from_slice(&(state | entry.revision << 8).to_le_bytes());
        }
        let crc = crc32fast::hash(&bytes);
        bytes.extend_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// Reads the file's bytes; the inner error says what is wrong with them.
    fn decode(bytes: &[u8], file: &Path) -> Result<Result<Self, &'static str>, Error> {
        if bytes.len() < HEAD_BYTES + CRC_BYTES || bytes[0..8] != MAGIC {
            return Ok(Err("this is no manifest of a log"));
        }
        let body = &bytes[..bytes.len() - CRC_BYTES];
        if crc32fast::hash(body) != u32_at(bytes, body.len()) {
            return Ok(Err("the manifest does not match its checksum"));
        }
        let found = u32_at(bytes, 8);
        if found > FORMAT_VERSION {
            let file = file.to_path_buf();
            return Err(Error::NewerFormat { file, found, known: FORMAT_VERSION });
        }
        let entries: Option<Vec<Entry>> =
            body[HEAD_BYTES..].chunks_exact(ENTRY_BYTES).map(decode_entry).collect();
        let Some(entries) = entries else {
            return Ok(Err("the manifest knows an unknown state of a segment"));
        };
        let manifest = Self {
            apply_epoch: u32_at(bytes, 12),
            term: u32_at(bytes, 16),
            next_number: u64_at(bytes, 24),
            seed: u64_at(bytes, 32),
            entries,
        };
        let whole = HEAD_BYTES + manifest.entries.len() * ENTRY_BYTES == body.len();
        if !whole || manifest.entries.len() != u32_at(bytes, 20) as usize || !manifest.is_ordered()
        {
            return Ok(Err("the manifest contradicts itself"));
        }
        Ok(Ok(manifest))
    }

    /// Counter of the first record that the log holds, or would hold.
    #[must_use]
    pub fn first_lsn(&self) -> u64 {
        self.entries.first().map_or(1, |entry| entry.first_lsn)
    }

    fn is_ordered(&self) -> bool {
        let pairs = self.entries.windows(2);
        let follows = pairs.into_iter().all(|pair| {
            pair[0].is_closed()
                && pair[0].number < pair[1].number
                && pair[0].last_lsn.checked_add(1) == Some(pair[1].first_lsn)
        });
        let sane = self.entries.iter().all(|entry| {
            entry.number < self.next_number && entry.term <= self.term && entry.first_lsn > 0
        });
        follows && sane
    }

    /// Names the segment that has just been created as the open one, and counts its number.
    pub fn begin(&mut self, first_lsn: u64) {
        self.entries.push(Entry {
            number: self.next_number,
            first_lsn,
            last_lsn: first_lsn - 1,
            bytes: 0,
            file_bytes: 0,
            closed_ms: 0,
            term: self.term,
            state: SegmentState::Open,
            revision: 0,
        });
        self.next_number += 1;
    }

    /// Closes the last segment at `bytes`. One without a record is left out instead: `true`. Not so when it is
    /// all that retention has left, for then it alone says which LSN comes next.
    pub fn close_last(&mut self, next_lsn: u64, bytes: u64) -> bool {
        let is_alone = self.entries.len() == 1 && next_lsn > 1;
        let Some(entry) = self.entries.last_mut() else { return false };
        if next_lsn == entry.first_lsn && !is_alone {
            self.entries.pop();
            return true;
        }
        if !entry.is_closed() {
            entry.last_lsn = next_lsn - 1;
            entry.bytes = bytes;
            entry.file_bytes = bytes;
            entry.closed_ms = now_ms();
            entry.state = SegmentState::Closed;
        }
        false
    }

    /// Takes note that a closed segment is there in another form, or with other records; `false` when it is not
    /// listed any more as it was.
    pub fn exchange(&mut self, before: &Entry, now: &Entry) -> bool {
        let entry = self.entries.iter_mut().find(|entry| *entry == before);
        entry.map(|entry| *entry = now.clone()).is_some()
    }

    /// Lets go of the closed segments whose records all lie before `first_lsn`, and gives them. The newest
    /// closed one stays when none is open, for it says which LSN comes next.
    pub fn retire_before(&mut self, first_lsn: u64) -> Vec<Entry> {
        let most = self.entries.len().saturating_sub(1);
        let older = |entry: &&Entry| entry.is_closed() && entry.last_lsn < first_lsn;
        let gone = self.entries.iter().take(most).take_while(older).count();
        self.entries.drain(..gone).collect()
    }

    /// Reads a directory's manifest; `None` when there is none.
    ///
    /// # Errors
    /// `Corrupted`, `NewerFormat`, or what the disk refused.
    pub fn read(disk: &dyn Disk, directory: &Path) -> Result<Option<Self>, Error> {
        let path = directory.join(MANIFEST_FILE);
        let refuse = |error| Error::io("read", &path, error);
        let file = match disk.open(&path, false) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(refuse(error)),
        };
        let length = file.length().map_err(refuse)?;
        if length > (HEAD_BYTES + SEGMENTS_MAX * ENTRY_BYTES + CRC_BYTES) as u64 {
            return Err(corrupted(path, "the manifest is too long"));
        }
        let mut bytes = vec![0; length as usize];
        let filled = read_full(&*file, &mut bytes, 0).map_err(refuse)?;
        match Self::decode(&bytes[..filled], &path)? {
            Ok(manifest) => Ok(Some(manifest)),
            Err(what) => Err(corrupted(path, what)),
        }
    }

    /// Replaces the directory's manifest durably: written beside, synced, renamed, directory synced.
    ///
    /// # Errors
    /// `DiskFull` when there was no room: the old manifest stands. Whatever else the disk refused: either
    /// the old or the new one stands.
    pub fn replace(&self, disk: &dyn Disk, directory: &Path) -> Result<(), Error> {
        let temporary = directory.join(TEMPORARY_FILE);
        let path = directory.join(MANIFEST_FILE);
        let refuse = |action, error| Error::io(action, &path, error);
        let file = disk.create(&temporary).map_err(|error| refuse("create", error))?;
        write_all(&*file, &self.encode(), 0).map_err(|error| refuse("write", error))?;
        file.sync().map_err(|error| refuse("sync", error))?;
        disk.rename(&temporary, &path).map_err(|error| refuse("replace", error))?;
        sync_names(disk, directory)
    }
}

fn corrupted(file: PathBuf, what: &'static str) -> Error {
    Error::Corrupted { file, offset: 0, first_lsn: 1, last_lsn: 1, what }
}

fn decode_entry(entry: &[u8]) -> Option<Entry> {
    let state_and_revision = u32_at(entry, 52);
    let state = match state_and_revision & 0xff {
        0 => SegmentState::Open,
        1 => SegmentState::Closed,
        2 => SegmentState::Sealed,
        _ => return None,
    };
    Some(Entry {
        number: u64_at(entry, 0),
        first_lsn: u64_at(entry, 8),
        last_lsn: u64_at(entry, 16),
        bytes: u64_at(entry, 24),
        file_bytes: u64_at(entry, 32),
        closed_ms: u64_at(entry, 40),
        term: u32_at(entry, 48),
        state,
        revision: state_and_revision >> 8,
    })
}

/// The machine's clock, epoch milliseconds.
pub(crate) fn now_ms() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| since.as_millis() as u64)
}
