//! Write: one snapshot file, block by block, checked by reading it back.
//!
//! Bytes are synced every few MiB, so that the log's syncs never queue behind a whole snapshot. The writer
//! gives no name: that is the shelf's. Invariants: blocks hold whole profiles and whole records; every
//! length is asserted against the bound that the reader checks.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::error::Error;
use super::limits::{BLOCK_BYTES, BLOCK_BYTES_MAX, BLOCKS_MAX, COMPRESSION_LEVEL, SYNC_BYTES};
use super::read::Snapshot;
use super::{
    BLOCK_ENTRY_BYTES, COUNTS_BYTES, Counts, END_MAGIC, HEAD_BYTES, Head, Kind, TRAILER_BYTES,
    footer_crc,
};
use crate::mutant::{self, Mutant};
use crate::profile::Encoded;
use crate::storage::{Disk, DiskFile, write_all};

/// A snapshot being written.
pub struct Writer<'d> {
    disk: &'d dyn Disk,
    file: Arc<dyn DiskFile>,
    path: PathBuf,
    head: [u8; HEAD_BYTES],
    apply_epoch: u32,
    offset: u64,
    synced: u64,
    counts: Counts,
    blocks: Vec<u8>,
    records: Vec<u8>,
    packer: zstd::bulk::Compressor<'static>,
    packed: Vec<u8>,
}

/// A snapshot that was written, synced and read back; it has no name yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// Length of the file, in bytes.
    pub bytes: u64,
    /// Its footer's crc.
    pub crc: u32,
    /// How much it holds.
    pub counts: Counts,
}

impl<'d> Writer<'d> {
    /// Creates the file.
    ///
    /// # Errors
    /// What the disk refused; the same holds for every other call.
    pub fn create(disk: &'d dyn Disk, path: &Path, head: &Head) -> Result<Self, Error> {
        let refuse = |error| Error::io("create", path, error);
        let file = disk.create(path).map_err(refuse)?;
        let packer = zstd::bulk::Compressor::new(COMPRESSION_LEVEL).map_err(refuse)?;
        let bytes = head.encode();
        let mut writer = Self {
            disk,
            file,
            path: path.to_path_buf(),
            head: bytes,
            apply_epoch: head.apply_epoch,
            offset: 0,
            synced: 0,
            counts: Counts::default(),
            blocks: Vec::new(),
            records: Vec::new(),
            packer,
            packed: Vec::new(),
        };
        writer.put(&bytes)?;
        Ok(writer)
    }

    /// Writes a block of profiles, and empties it.
    ///
    /// # Errors
    /// `TooLarge`, or what the disk refused.
    pub fn profiles(&mut self, some: &mut Encoded) -> Result<(), Error> {
        self.counts.profiles += some.profiles;
        self.counts.identifiers += some.identifiers;
        self.block(Kind::Profiles, &some.bytes)?;
        some.clear();
        Ok(())
    }

    /// Writes the remembered uuids of shards, each as `Generations::encode` gives them.
    ///
    /// # Errors
    /// What the disk refused.
    pub fn dedup(&mut self, shards: &[u8]) -> Result<(), Error> {
        if shards.is_empty() { Ok(()) } else { self.block(Kind::Dedup, shards) }
    }

    /// Writes configuration records, in the log's order.
    ///
    /// # Errors
    /// What the disk refused.
    pub fn configurations<B: AsRef<[u8]>>(
        &mut self,
        records: impl IntoIterator<Item = B>,
    ) -> Result<(), Error> {
        self.counts.configurations += self.records(Kind::Configurations, records)?;
        Ok(())
    }

    /// Writes records of how far files are dealt with.
    ///
    /// # Errors
    /// What the disk refused.
    pub fn lines<B: AsRef<[u8]>>(
        &mut self,
        records: impl IntoIterator<Item = B>,
    ) -> Result<(), Error> {
        self.counts.lines += self.records(Kind::Lines, records)?;
        Ok(())
    }

    /// Writes the ledger of batch data; nothing when it is empty.
    ///
    /// # Errors
    /// What the disk refused.
    pub fn imports(&mut self, ledger: &[u8]) -> Result<(), Error> {
        if ledger.is_empty() { Ok(()) } else { self.block(Kind::Imports, ledger) }
    }

    fn records<B: AsRef<[u8]>>(
        &mut self,
        kind: Kind,
        records: impl IntoIterator<Item = B>,
    ) -> Result<u64, Error> {
        let mut count = 0;
        let mut block = std::mem::take(&mut self.records);
        for record in records {
            let record = record.as_ref();
            block.extend_from_slice(&(record.len() as u32).to_le_bytes());
            block.extend_from_slice(record);
            count += 1;
            if block.len() >= BLOCK_BYTES {
                self.block(kind, &block)?;
                block.clear();
            }
        }
        if !block.is_empty() {
            self.block(kind, &block)?;
            block.clear();
        }
        self.records = block;
        Ok(count)
    }

    fn block(&mut self, kind: Kind, raw: &[u8]) -> Result<(), Error> {
        if raw.len() > BLOCK_BYTES_MAX || self.blocks.len() / BLOCK_ENTRY_BYTES >= BLOCKS_MAX {
            return Err(Error::TooLarge { bytes: raw.len(), bytes_max: BLOCK_BYTES_MAX });
        }
        let mut packed = std::mem::take(&mut self.packed);
        packed.clear();
        packed.reserve(zstd::zstd_safe::compress_bound(raw.len()));
        let is_packed = self.packer.compress_to_buffer(raw, &mut packed);
        is_packed.map_err(|error| Error::io("compress for", &self.path, error))?;
        let is_smaller = packed.len() < raw.len();
        let stored = if is_smaller { packed.as_slice() } else { raw };
        self.blocks.extend_from_slice(&[kind as u8, u8::from(is_smaller), 0, 0]);
        self.blocks.extend_from_slice(&(stored.len() as u32).to_le_bytes());
        self.blocks.extend_from_slice(&(raw.len() as u32).to_le_bytes());
        self.blocks.extend_from_slice(&crc32fast::hash(stored).to_le_bytes());
        self.put(stored)?;
        self.packed = packed;
        Ok(())
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), Error> {
        write_all(&*self.file, bytes, self.offset)
            .map_err(|error| Error::io("write", &self.path, error))?;
        self.offset += bytes.len() as u64;
        if self.offset - self.synced >= SYNC_BYTES {
            self.sync()?;
        }
        Ok(())
    }

    fn sync(&mut self) -> Result<(), Error> {
        if mutant::is(Mutant::SnapshotBeforeSync) {
            return Ok(());
        }
        self.file.sync().map_err(|error| Error::io("sync", &self.path, error))?;
        self.synced = self.offset;
        Ok(())
    }

    /// Ends the file, syncs it, reads it back and compares.
    ///
    /// # Errors
    /// `Damaged` when what is read is not what was written, or what the disk refused.
    pub fn finish(mut self) -> Result<Written, Error> {
        let mut footer = Vec::with_capacity(COUNTS_BYTES + self.blocks.len());
        let Counts { profiles, identifiers, configurations, lines } = self.counts;
        for count in [profiles, identifiers, configurations, lines] {
            footer.extend_from_slice(&count.to_le_bytes());
        }
        footer.extend_from_slice(&self.blocks);
        let bytes = self.offset + (footer.len() + TRAILER_BYTES) as u64;
        let crc = footer_crc(&self.head, &footer, bytes);
        let length = footer.len() as u32;
        footer.extend_from_slice(&length.to_le_bytes());
        footer.extend_from_slice(&crc.to_le_bytes());
        footer.extend_from_slice(&bytes.to_le_bytes());
        footer.extend_from_slice(&END_MAGIC);
        self.put(&footer)?;
        self.sync()?;
        let forget = self.file.forget_cache();
        forget.map_err(|error| Error::io("drop the cache of", &self.path, error))?;
        let back = Snapshot::open(self.disk, &self.path, self.apply_epoch)?;
        if back.crc() != crc || back.bytes() != bytes {
            return Err(Error::damaged(&self.path, "it reads back differently"));
        }
        back.check()?;
        Ok(Written { bytes, crc, counts: self.counts })
    }
}
