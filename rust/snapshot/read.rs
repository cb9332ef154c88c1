//! Read: one snapshot file, whole or block by block.
//!
//! The footer is read first: it says where each block lies and proves every length. Invariants: nothing is
//! allocated by a length whose crc has not matched; a file that is not as written is `Damaged`, whatever is
//! wrong with it, and reading it never panics.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::error::Error;
use super::limits::{BLOCK_BYTES_MAX, BLOCKS_MAX, FORMAT_VERSION};
use super::{
    BLOCK_ENTRY_BYTES, COUNTS_BYTES, Counts, END_MAGIC, HEAD_BYTES, Head, Kind, MAGIC, NO_CLOCK,
    TRAILER_BYTES, footer_crc,
};
use crate::storage::{Disk, DiskFile, read_full};
use crate::value::codec::{BadBytes, Bytes};

/// A snapshot open for reading.
pub struct Snapshot {
    file: Arc<dyn DiskFile>,
    path: PathBuf,
    head: Head,
    counts: Counts,
    blocks: Vec<Block>,
    bytes: u64,
    crc: u32,
}

/// Where a block lies.
#[derive(Debug, Clone, Copy)]
pub(super) struct Block {
    pub(super) kind: Kind,
    is_packed: bool,
    offset: u64,
    stored: u32,
    raw: u32,
    crc: u32,
}

/// Memory that reading blocks reuses.
#[derive(Default)]
pub(super) struct Buffers {
    stored: Vec<u8>,
    raw: Vec<u8>,
    unpacker: Option<zstd::bulk::Decompressor<'static>>,
}

impl Snapshot {
    /// Reads head and footer.
    ///
    /// # Errors
    /// `Damaged`, also when there is no such file; `NewerFormat`, `NewerEpoch`, or what the disk refused.
    pub fn open(disk: &dyn Disk, path: &Path, apply_epoch: u32) -> Result<Self, Error> {
        let refuse = |error| Error::io("read", path, error);
        let file = match disk.open(path, false) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(Error::damaged(path, "the file is missing"));
            }
            Err(error) => return Err(refuse(error)),
        };
        let bytes = file.length().map_err(refuse)?;
        let head_bytes = read_array::<HEAD_BYTES>(&*file, 0, path)?;
        let head = head_of(&head_bytes, path, apply_epoch)?;
        let least = (HEAD_BYTES + COUNTS_BYTES + TRAILER_BYTES) as u64;
        if bytes < least {
            return Err(Error::damaged(path, "it is too short"));
        }
        let trailer_at = bytes - TRAILER_BYTES as u64;
        let trailer = read_array::<TRAILER_BYTES>(&*file, trailer_at, path)?;
        let mut fields = Bytes(&trailer);
        let (length, crc, said) = trailer_of(&mut fields).map_err(|bad| bad_bytes(path, bad))?;
        let room = (bytes - least) as usize;
        if fields.0 != END_MAGIC || said != bytes {
            return Err(Error::damaged(path, "its end is not a snapshot's"));
        }
        let entries = length.checked_sub(COUNTS_BYTES).filter(|entries| {
            entries % BLOCK_ENTRY_BYTES == 0
                && *entries <= room
                && entries / BLOCK_ENTRY_BYTES <= BLOCKS_MAX
        });
        if entries.is_none() {
            return Err(Error::damaged(path, "its footer's length is wrong"));
        }
        let mut footer = vec![0; length];
        let blocks_end = trailer_at - length as u64;
        if read_full(&*file, &mut footer, blocks_end).map_err(refuse)? != length
            || footer_crc(&head_bytes, &footer, bytes) != crc
        {
            return Err(Error::damaged(path, "its footer does not match its checksum"));
        }
        let (counts, blocks) =
            footer_of(&mut Bytes(&footer), blocks_end).map_err(|bad| bad_bytes(path, bad))?;
        Ok(Self { file, path: path.to_path_buf(), head, counts, blocks, bytes, crc })
    }

    /// What stands in front.
    #[must_use]
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// How much it holds.
    #[must_use]
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Length of the file, in bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The footer's crc, which covers all the others.
    #[must_use]
    pub fn crc(&self) -> u32 {
        self.crc
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads every block and compares it with its checksum.
    ///
    /// # Errors
    /// `Damaged`, or what the disk refused.
    pub fn check(&self) -> Result<(), Error> {
        let mut buffers = Buffers::default();
        self.blocks.iter().try_for_each(|block| self.stored(block, &mut buffers).map(|_| ()))
    }

    /// Hands on every block's bytes, after decompression.
    ///
    /// # Errors
    /// `Damaged`, or what the disk refused.
    pub fn each_block(&self, visit: &mut dyn FnMut(Kind, &[u8])) -> Result<(), Error> {
        let mut buffers = Buffers::default();
        for block in &self.blocks {
            visit(block.kind, self.block(block, &mut buffers)?);
        }
        Ok(())
    }

    pub(super) fn blocks(&self) -> &[Block] {
        &self.blocks
    }

    pub(super) fn damaged(&self, bad: BadBytes) -> Error {
        bad_bytes(&self.path, bad)
    }

    /// A block's bytes.
    pub(super) fn block<'b>(
        &self,
        block: &Block,
        buffers: &'b mut Buffers,
    ) -> Result<&'b [u8], Error> {
        self.stored(block, buffers)?;
        if !block.is_packed {
            return Ok(&buffers.stored);
        }
        let Buffers { stored, raw, unpacker } = buffers;
        let unpacker = match unpacker {
            Some(unpacker) => unpacker,
            None => {
                let made = zstd::bulk::Decompressor::new();
                unpacker.insert(made.map_err(|error| Error::io("read", &self.path, error))?)
            }
        };
        raw.clear();
        raw.reserve(block.raw as usize);
        match unpacker.decompress_to_buffer(stored.as_slice(), raw) {
            Ok(length) if length == block.raw as usize => Ok(raw),
            _ => Err(Error::damaged(&self.path, "a block cannot be decompressed")),
        }
    }

    fn stored(&self, block: &Block, buffers: &mut Buffers) -> Result<(), Error> {
        let length = block.stored as usize;
        buffers.stored.resize(length, 0);
        let filled = read_full(&*self.file, &mut buffers.stored, block.offset)
            .map_err(|error| Error::io("read", &self.path, error))?;
        if filled != length || crc32fast::hash(&buffers.stored) != block.crc {
            return Err(Error::damaged(&self.path, "a block does not match its checksum"));
        }
        Ok(())
    }
}

fn read_array<const N: usize>(
    file: &dyn DiskFile,
    offset: u64,
    path: &Path,
) -> Result<[u8; N], Error> {
    let mut bytes = [0; N];
    match read_full(file, &mut bytes, offset) {
        Ok(filled) if filled == N => Ok(bytes),
        Ok(_) => Err(Error::damaged(path, "it is too short")),
        Err(error) => Err(Error::io("read", path, error)),
    }
}

fn head_of(bytes: &[u8; HEAD_BYTES], path: &Path, known_epoch: u32) -> Result<Head, Error> {
    let mut fields = Bytes(bytes);
    let mut read = || -> Result<_, BadBytes> {
        let (magic, version, apply_epoch) = (fields.array::<8>()?, fields.u32()?, fields.u32()?);
        let (lsn, clock_ms) = (fields.u64()?, Some(fields.i64()?).filter(|ms| *ms != NO_CLOCK));
        let (taken_ms, directory) = (fields.i64()?, fields.u64()?);
        fields.take(12)?;
        let head = Head { lsn, apply_epoch, clock_ms, taken_ms, directory };
        Ok((magic, version, head, fields.u32()?))
    };
    let (magic, found, head, crc) = read().map_err(|bad| bad_bytes(path, bad))?;
    if magic != MAGIC {
        return Err(Error::damaged(path, "it does not begin as a snapshot"));
    }
    if crc32fast::hash(&bytes[..HEAD_BYTES - 4]) != crc {
        return Err(Error::damaged(path, "its head does not match its checksum"));
    }
    let file = path.to_path_buf();
    if found > FORMAT_VERSION {
        return Err(Error::NewerFormat { file, found, known: FORMAT_VERSION });
    }
    if head.apply_epoch > known_epoch {
        return Err(Error::NewerEpoch { file, found: head.apply_epoch, known: known_epoch });
    }
    Ok(head)
}

fn trailer_of(bytes: &mut Bytes<'_>) -> Result<(usize, u32, u64), BadBytes> {
    Ok((bytes.u32()? as usize, bytes.u32()?, bytes.u64()?))
}

fn footer_of(footer: &mut Bytes<'_>, blocks_end: u64) -> Result<(Counts, Vec<Block>), BadBytes> {
    let counts = Counts {
        profiles: footer.u64()?,
        identifiers: footer.u64()?,
        configurations: footer.u64()?,
        lines: footer.u64()?,
    };
    let mut blocks = Vec::with_capacity(footer.0.len() / BLOCK_ENTRY_BYTES);
    let mut offset = HEAD_BYTES as u64;
    while !footer.is_empty() {
        let kind = Kind::of(footer.u8()?).ok_or(BadBytes("a block's kind is unknown"))?;
        let is_packed = match footer.u8()? {
            0 => false,
            1 => true,
            _ => return Err(BadBytes("a block's form is unknown")),
        };
        footer.take(2)?;
        let (stored, raw, crc) = (footer.u32()?, footer.u32()?, footer.u32()?);
        if raw as usize > BLOCK_BYTES_MAX || (!is_packed && raw != stored) {
            return Err(BadBytes("a block's length is wrong"));
        }
        blocks.push(Block { kind, is_packed, offset, stored, raw, crc });
        offset += u64::from(stored);
    }
    if offset != blocks_end {
        return Err(BadBytes("its blocks do not fill it"));
    }
    // Room is made for what the counts say, so they are held against the bytes that must hold it.
    let raw: u64 = blocks.iter().map(|block| u64::from(block.raw)).sum();
    if counts.profiles > raw || counts.identifiers > raw {
        return Err(BadBytes("its counts are more than it can hold"));
    }
    Ok((counts, blocks))
}

fn bad_bytes(path: &Path, bad: BadBytes) -> Error {
    Error::damaged(path, bad.0)
}
