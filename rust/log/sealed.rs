//! Sealed segments: a closed segment, compressed in frames, that reads as if it were not.
//!
//! A sealed file gives the original's bytes back, header and batches, so whoever reads a segment reads a
//! sealed one with the same code, and the batches' own checksums hold end to end. The index leads from an
//! LSN to the frame that holds it. Byte picture in `mod.rs`. Invariants: nothing is allocated for a length
//! that its checksum and its limit have not confirmed; a frame is used only after its checksum matched.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::error::{Damage, Error};
use super::frame::{padded, u32_at, u64_at};
use super::limits::{FORMAT_VERSION, FRAME_BYTES_MAX};
use super::manifest::Entry;
use crate::storage::{Disk, DiskFile, read_full};
use crate::sync::Mutex;

/// Bytes of a sealed file's header.
pub(crate) const SEALED_HEADER_BYTES: usize = 64;
/// Bytes before a frame's compressed bytes.
pub(crate) const FRAME_HEADER_BYTES: usize = 48;
/// Bytes of a frame's entry in the index.
pub(crate) const INDEX_ENTRY_BYTES: usize = 32;
/// Bytes at the end of a sealed file.
pub(crate) const FOOTER_BYTES: usize = 48;

const MAGIC: [u8; 8] = *b"p13n-sld";
const FRAME_MARK: [u8; 4] = *b"p13f";
const END_MAGIC: [u8; 8] = *b"p13n-end";

/// A run of whole batches, as it lies in the original and in the sealed file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Frame {
    /// Where it begins in the sealed file.
    pub at: u64,
    /// Where it begins in the original.
    pub raw_at: u64,
    /// Length in the original.
    pub raw_bytes: u32,
    /// Length of its compressed bytes.
    pub stored_bytes: u32,
    /// Counter of its first record; of the next one to come when it holds none.
    pub first_lsn: u64,
    /// Counter of its last record; `first_lsn - 1` when it holds none.
    pub last_lsn: u64,
    /// Checksum of the batch before its first one; of the segment's header in the first frame.
    pub previous_crc: u32,
}

impl Frame {
    /// Bytes from this frame's beginning to the next one's.
    pub fn bytes(&self) -> u64 {
        padded(FRAME_HEADER_BYTES + self.stored_bytes as usize) as u64
    }

    /// The header's bytes over the compressed ones.
    pub fn encode(&self, stored: &[u8]) -> [u8; FRAME_HEADER_BYTES] {
        let mut bytes = [0; FRAME_HEADER_BYTES];
        bytes[0..4].copy_from_slice(&FRAME_MARK);
        bytes[8..12].copy_from_slice(&self.stored_bytes.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.raw_bytes.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.raw_at.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.first_lsn.to_le_bytes());
        bytes[32..40].copy_from_slice(&self.last_lsn.to_le_bytes());
        bytes[40..44].copy_from_slice(&self.previous_crc.to_le_bytes());
        let crc = frame_crc(&bytes, stored);
        bytes[4..8].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// The index's entry.
    pub fn index_entry(&self) -> [u8; INDEX_ENTRY_BYTES] {
        let mut bytes = [0; INDEX_ENTRY_BYTES];
        bytes[0..8].copy_from_slice(&self.at.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.raw_at.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.first_lsn.to_le_bytes());
        bytes[24..28].copy_from_slice(&self.previous_crc.to_le_bytes());
        bytes
    }
}

fn frame_crc(header: &[u8], stored: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&header[8..FRAME_HEADER_BYTES]);
    hasher.update(stored);
    hasher.finalize()
}

/// The header of a sealed file.
pub(crate) fn encode_header(entry: &Entry, apply_epoch: u32) -> [u8; SEALED_HEADER_BYTES] {
    let mut bytes = [0; SEALED_HEADER_BYTES];
    bytes[0..8].copy_from_slice(&MAGIC);
    bytes[8..12].copy_from_slice(&FORMAT_VERSION.to_le_bytes());
    bytes[12..16].copy_from_slice(&apply_epoch.to_le_bytes());
    bytes[16..24].copy_from_slice(&entry.number.to_le_bytes());
    bytes[24..32].copy_from_slice(&entry.first_lsn.to_le_bytes());
    bytes[32..40].copy_from_slice(&entry.last_lsn.to_le_bytes());
    bytes[40..48].copy_from_slice(&entry.bytes.to_le_bytes());
    bytes[48..52].copy_from_slice(&entry.term.to_le_bytes());
    let crc = crc32fast::hash(&bytes[..SEALED_HEADER_BYTES - 4]);
    bytes[SEALED_HEADER_BYTES - 4..].copy_from_slice(&crc.to_le_bytes());
    bytes
}

/// The end of a sealed file: `index` lies at `index_at`, the footer behind it.
pub(crate) fn encode_footer(entry: &Entry, index: &[u8], index_at: u64) -> [u8; FOOTER_BYTES] {
    let frames = (index.len() / INDEX_ENTRY_BYTES) as u32;
    let records = entry.last_lsn + 1 - entry.first_lsn;
    let mut bytes = [0; FOOTER_BYTES];
    bytes[0..8].copy_from_slice(&END_MAGIC);
    bytes[8..12].copy_from_slice(&frames.to_le_bytes());
    bytes[12..16].copy_from_slice(&crc32fast::hash(index).to_le_bytes());
    bytes[16..24].copy_from_slice(&index_at.to_le_bytes());
    bytes[24..32].copy_from_slice(&entry.bytes.to_le_bytes());
    bytes[32..40].copy_from_slice(&records.to_le_bytes());
    let crc = crc32fast::hash(&bytes[..FOOTER_BYTES - 4]);
    bytes[FOOTER_BYTES - 4..].copy_from_slice(&crc.to_le_bytes());
    bytes
}

/// Where reading begins in the middle of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entrance {
    pub offset: u64,
    pub next_lsn: u64,
    pub previous_crc: u32,
}

/// A sealed file, seen as the original.
pub(crate) struct SealedFile {
    file: Arc<dyn DiskFile>,
    frames: Vec<Frame>,
    raw_bytes: u64,
    last_lsn: u64,
    /// The frame that was read last, by its position.
    held: Mutex<(usize, Vec<u8>)>,
}

impl SealedFile {
    /// Opens the file that the manifest describes and reads its index; the inner error says what is wrong.
    ///
    /// # Errors
    /// What the disk refused, or a newer format.
    pub fn open(
        disk: &dyn Disk,
        path: &Path,
        entry: &Entry,
    ) -> Result<Result<Self, &'static str>, Error> {
        let refuse = |error| Error::io("read", path, error);
        let file = disk.open(path, false).map_err(refuse)?;
        let length = file.length().map_err(refuse)?;
        if length != entry.file_bytes {
            return Ok(Err("the sealed segment is cut"));
        }
        let mut header = [0; SEALED_HEADER_BYTES];
        let filled = read_full(&*file, &mut header, 0).map_err(refuse)?;
        if let Err(what) = check_header(&header[..filled], entry, path)? {
            return Ok(Err(what));
        }
        let end = length - FOOTER_BYTES.min(length as usize) as u64;
        let mut footer = [0; FOOTER_BYTES];
        let filled = read_full(&*file, &mut footer, end).map_err(refuse)?;
        let frames = match check_footer(&footer[..filled], entry, end) {
            Ok(frames) => frames,
            Err(what) => return Ok(Err(what)),
        };
        // Bounded by the file's own length, which the footer's numbers add up to.
        let mut index = vec![0; frames * INDEX_ENTRY_BYTES];
        let index_at = end - index.len() as u64;
        read_full(&*file, &mut index, index_at).map_err(refuse)?;
        if crc32fast::hash(&index) != u32_at(&footer, 12) {
            return Ok(Err("a sealed segment's index does not match its checksum"));
        }
        Ok(read_index(&index, entry, index_at).map(|frames| Self {
            file,
            frames,
            raw_bytes: entry.bytes,
            last_lsn: entry.last_lsn,
            held: Mutex::new((usize::MAX, Vec::new())),
        }))
    }

    /// The last place from which no record after `lsn` is missed.
    pub fn entrance(&self, lsn: u64) -> Option<Entrance> {
        let later = self.frames.partition_point(|frame| frame.first_lsn <= lsn.saturating_add(1));
        // The first frame holds the segment's header, where everybody begins anyway.
        let frame = self.frames.get(later.checked_sub(1)?).filter(|frame| frame.raw_at > 0)?;
        Some(Entrance {
            offset: frame.raw_at,
            next_lsn: frame.first_lsn,
            previous_crc: frame.previous_crc,
        })
    }

    /// Makes the frame at `position` the held one.
    fn hold(&self, held: &mut (usize, Vec<u8>), position: usize) -> io::Result<()> {
        if held.0 == position {
            return Ok(());
        }
        held.0 = usize::MAX;
        let frame = self.frames[position];
        let damaged = |what| {
            let last_lsn = frame.last_lsn.min(self.last_lsn).max(frame.first_lsn);
            io::Error::other(Damage {
                offset: frame.at,
                first_lsn: frame.first_lsn,
                last_lsn,
                what,
            })
        };
        // The index was checked: it bounds both lengths before anything is allocated.
        let mut bytes = vec![0; frame.bytes() as usize];
        if read_full(&*self.file, &mut bytes, frame.at)? < bytes.len() {
            return Err(damaged("a frame is cut"));
        }
        let (header, rest) = bytes.split_at(FRAME_HEADER_BYTES);
        let stored_bytes = u32_at(header, 8) as usize;
        if header[0..4] != FRAME_MARK || padded(stored_bytes) != rest.len() {
            return Err(damaged("no frame begins here"));
        }
        let (stored, padding) = rest.split_at(stored_bytes);
        if frame_crc(header, stored) != u32_at(header, 4) {
            return Err(damaged("a frame does not match its checksum"));
        }
        let as_indexed = u32_at(header, 12) == frame.raw_bytes
            && u64_at(header, 16) == frame.raw_at
            && u64_at(header, 24) == frame.first_lsn
            && u32_at(header, 40) == frame.previous_crc;
        if !as_indexed || padding.iter().any(|byte| *byte != 0) {
            return Err(damaged("a frame is not as the index says"));
        }
        held.1.clear();
        held.1.reserve(frame.raw_bytes as usize);
        let read = zstd::bulk::Decompressor::new()?.decompress_to_buffer(stored, &mut held.1);
        if read.ok() != Some(frame.raw_bytes as usize) {
            return Err(damaged("a frame cannot be decompressed"));
        }
        held.0 = position;
        Ok(())
    }
}

impl DiskFile for SealedFile {
    fn length(&self) -> io::Result<u64> {
        Ok(self.raw_bytes)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        if offset >= self.raw_bytes || buffer.is_empty() {
            return Ok(0);
        }
        let position = self.frames.partition_point(|frame| frame.raw_at <= offset) - 1;
        let mut held = self.held.lock();
        self.hold(&mut held, position)?;
        let bytes = &held.1[(offset - self.frames[position].raw_at) as usize..];
        let length = bytes.len().min(buffer.len());
        buffer[..length].copy_from_slice(&bytes[..length]);
        Ok(length)
    }

    fn write_at(&self, _bytes: &[u8], _offset: u64) -> io::Result<usize> {
        Err(io::Error::from(io::ErrorKind::ReadOnlyFilesystem))
    }

    fn truncate(&self, _length: u64) -> io::Result<()> {
        Err(io::Error::from(io::ErrorKind::ReadOnlyFilesystem))
    }

    fn sync(&self) -> io::Result<()> {
        self.file.sync()
    }

    fn forget_cache(&self) -> io::Result<()> {
        self.file.forget_cache()
    }
}

fn check_header(
    bytes: &[u8],
    entry: &Entry,
    path: &Path,
) -> Result<Result<(), &'static str>, Error> {
    if bytes.len() < SEALED_HEADER_BYTES || bytes[0..8] != MAGIC {
        return Ok(Err("this is no sealed segment"));
    }
    if crc32fast::hash(&bytes[..SEALED_HEADER_BYTES - 4]) != u32_at(bytes, SEALED_HEADER_BYTES - 4)
    {
        return Ok(Err("a sealed segment's header does not match its checksum"));
    }
    let found = u32_at(bytes, 8);
    if found > FORMAT_VERSION {
        let file = PathBuf::from(path);
        return Err(Error::NewerFormat { file, found, known: FORMAT_VERSION });
    }
    let named = (entry.number, entry.first_lsn, entry.last_lsn, entry.bytes, entry.term);
    let says = (u64_at(bytes, 16), u64_at(bytes, 24), u64_at(bytes, 32), u64_at(bytes, 40));
    let says = (says.0, says.1, says.2, says.3, u32_at(bytes, 48));
    Ok(if says == named { Ok(()) } else { Err("this is another segment than the manifest names") })
}

/// How many frames the footer, which begins at `end`, says that there are.
fn check_footer(bytes: &[u8], entry: &Entry, end: u64) -> Result<usize, &'static str> {
    if bytes.len() < FOOTER_BYTES || bytes[0..8] != END_MAGIC {
        return Err("a sealed segment's end is missing");
    }
    if crc32fast::hash(&bytes[..FOOTER_BYTES - 4]) != u32_at(bytes, FOOTER_BYTES - 4) {
        return Err("a sealed segment's end does not match its checksum");
    }
    let frames = u32_at(bytes, 8) as usize;
    let index_bytes = frames as u64 * INDEX_ENTRY_BYTES as u64;
    if frames == 0
        || u64_at(bytes, 16).checked_add(index_bytes) != Some(end)
        || u64_at(bytes, 24) != entry.bytes
        || u64_at(bytes, 32) != entry.last_lsn + 1 - entry.first_lsn
    {
        return Err("a sealed segment's end contradicts itself");
    }
    Ok(frames)
}

/// The frames, each bounded by the next one's beginning.
fn read_index(index: &[u8], entry: &Entry, index_at: u64) -> Result<Vec<Frame>, &'static str> {
    const WRONG: &str = "a sealed segment's index contradicts itself";
    let mut frames = Vec::with_capacity(index.len() / INDEX_ENTRY_BYTES);
    let mut entries = index.chunks_exact(INDEX_ENTRY_BYTES).peekable();
    let (mut at, mut raw_at) = (SEALED_HEADER_BYTES as u64, 0);
    while let Some(bytes) = entries.next() {
        let next = entries.peek();
        let next_at = next.map_or(index_at, |next| u64_at(next, 0));
        let next_raw_at = next.map_or(entry.bytes, |next| u64_at(next, 8));
        let next_lsn = next.map_or(entry.last_lsn + 1, |next| u64_at(next, 16));
        let stored = next_at.checked_sub(at).filter(|stored| *stored >= FRAME_HEADER_BYTES as u64);
        let raw = next_raw_at.checked_sub(raw_at).filter(|raw| *raw > 0);
        let (Some(stored), Some(raw)) = (stored, raw) else { return Err(WRONG) };
        let first_lsn = u64_at(bytes, 16);
        if (u64_at(bytes, 0), u64_at(bytes, 8)) != (at, raw_at)
            || raw > FRAME_BYTES_MAX as u64
            || stored > zstd::zstd_safe::compress_bound(FRAME_BYTES_MAX) as u64
            || first_lsn > next_lsn
            || first_lsn < entry.first_lsn
        {
            return Err(WRONG);
        }
        frames.push(Frame {
            at,
            raw_at,
            raw_bytes: raw as u32,
            // With the padding; the frame's own header has the exact length.
            stored_bytes: (stored - FRAME_HEADER_BYTES as u64) as u32,
            first_lsn,
            last_lsn: next_lsn - 1,
            previous_crc: u32_at(bytes, 24),
        });
        (at, raw_at) = (next_at, next_raw_at);
    }
    Ok(frames)
}
