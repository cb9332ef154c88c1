//! Write: one generation, row by row in the order of their keys.
//!
//! Bytes are synced every few MiB, so that the log's syncs never queue behind a whole import. The name is
//! given last. Invariants: rows come in ascending order, each key once; memory holds one block, one buffer
//! and the index.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::error::Error;
use super::limits::{BLOCK_BYTES, BLOCK_BYTES_MAX, BUFFER_BYTES, SYNC_BYTES};
use super::{
    BLOCK_HEAD_BYTES, Column, END_MAGIC, FORMAT, HEAD_BYTES, INDEX_ENTRY_BYTES, Kind, MAGIC,
    ROW_HEAD_BYTES, TRAILER_BYTES, hash_of, path_of, temporary_of,
};
use crate::storage::{Disk, DiskFile, write_all};
use crate::value::codec::put_text;

/// A generation being written.
pub struct Writer {
    disk: Arc<dyn Disk>,
    folder: PathBuf,
    path: PathBuf,
    generation: u64,
    file: Arc<dyn DiskFile>,
    digest: Sha256,
    buffer: Vec<u8>,
    /// Where the buffer's first byte goes.
    offset: u64,
    synced: u64,
    block: Vec<u8>,
    first_hash: u64,
    last: Option<(u64, Vec<u8>)>,
    index: Vec<u8>,
    rows: u64,
}

/// A generation that was written and has its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    /// Its number.
    pub generation: u64,
    /// How many rows it holds.
    pub rows: u64,
    /// Length of its file, bytes.
    pub bytes: u64,
    /// SHA-256 of all but its trailer.
    pub digest: [u8; 32],
}

impl Writer {
    /// Creates the file.
    ///
    /// # Errors
    /// What the disk refused.
    pub fn create(
        disk: Arc<dyn Disk>,
        folder: &Path,
        generation: u64,
        kind: Kind,
    ) -> Result<Self, Error> {
        let path = temporary_of(folder, generation);
        let file = disk.create(&path).map_err(|error| Error::io("create", &path, error))?;
        let mut head = Vec::with_capacity(HEAD_BYTES);
        head.extend_from_slice(&MAGIC);
        head.extend_from_slice(&FORMAT.to_le_bytes());
        head.extend_from_slice(&(kind as u32).to_le_bytes());
        head.extend_from_slice(&generation.to_le_bytes());
        head.resize(HEAD_BYTES - 4, 0);
        head.extend_from_slice(&crc32fast::hash(&head).to_le_bytes());
        let mut writer = Self {
            disk,
            folder: folder.to_path_buf(),
            path,
            generation,
            file,
            digest: Sha256::new(),
            buffer: Vec::with_capacity(BUFFER_BYTES + BLOCK_BYTES),
            offset: 0,
            synced: 0,
            block: vec![0; BLOCK_HEAD_BYTES],
            first_hash: 0,
            last: None,
            index: Vec::new(),
            rows: 0,
        };
        writer.put(&head)?;
        Ok(writer)
    }

    /// Adds a row, whose key is greater than that of the one before.
    ///
    /// # Errors
    /// `Limit` when too many keys have one hash; what the disk refused.
    pub fn row(&mut self, key: &[u8], row: &[u8]) -> Result<(), Error> {
        let hash = hash_of(key);
        let bytes = ROW_HEAD_BYTES + key.len() + row.len();
        let mut goes_on = false;
        if let Some((last_hash, last_key)) = &mut self.last {
            let ascends = (*last_hash, last_key.as_slice()) < (hash, key);
            assert!(ascends, "rows of a generation ascend, each key once");
            goes_on = *last_hash == hash;
            *last_hash = hash;
            last_key.clear();
            last_key.extend_from_slice(key);
        } else {
            self.last = Some((hash, key.to_vec()));
        }
        if !goes_on && self.block.len() + bytes > BLOCK_BYTES {
            self.end_block()?;
        }
        if self.block.len() + bytes > BLOCK_BYTES_MAX {
            let sentence = "rows of more than 4 MiB have keys of one hash";
            return Err(Error::Limit(sentence.to_owned()));
        }
        if self.block.len() == BLOCK_HEAD_BYTES {
            self.first_hash = hash;
        }
        self.block.extend_from_slice(&(key.len() as u16).to_le_bytes());
        self.block.extend_from_slice(&(row.len() as u32).to_le_bytes());
        self.block.extend_from_slice(key);
        self.block.extend_from_slice(row);
        self.rows += 1;
        Ok(())
    }

    fn end_block(&mut self) -> Result<(), Error> {
        if self.block.len() == BLOCK_HEAD_BYTES {
            return Ok(());
        }
        let crc = crc32fast::hash(&self.block[BLOCK_HEAD_BYTES..]);
        self.block[..BLOCK_HEAD_BYTES].copy_from_slice(&crc.to_le_bytes());
        self.index.extend_from_slice(&self.first_hash.to_le_bytes());
        self.index.extend_from_slice(&self.length().to_le_bytes());
        let block = std::mem::take(&mut self.block);
        self.put(&block)?;
        self.block = block;
        self.block.truncate(BLOCK_HEAD_BYTES);
        Ok(())
    }

    fn length(&self) -> u64 {
        self.offset + self.buffer.len() as u64
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.digest.update(bytes);
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= BUFFER_BYTES { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), Error> {
        write_all(&*self.file, &self.buffer, self.offset)
            .map_err(|error| Error::io("write", &self.path, error))?;
        self.offset += self.buffer.len() as u64;
        self.buffer.clear();
        if self.offset - self.synced >= SYNC_BYTES {
            self.sync()?;
        }
        Ok(())
    }

    fn sync(&mut self) -> Result<(), Error> {
        self.file.sync().map_err(|error| Error::io("sync", &self.path, error))?;
        self.synced = self.offset;
        Ok(())
    }

    /// Ends the file, syncs it and gives it its name. `origin` is the digest of the generation that it
    /// replaces under the same number; `None` for a new one.
    ///
    /// # Errors
    /// What the disk refused; then nothing has the name, or what had it before has it still.
    pub fn finish(
        mut self,
        columns: &[Column],
        origin: Option<[u8; 32]>,
    ) -> Result<Written, Error> {
        self.end_block()?;
        let index_offset = self.length();
        let blocks = (self.index.len() / INDEX_ENTRY_BYTES) as u64;
        let mut index = std::mem::take(&mut self.index);
        for column in columns {
            index.extend_from_slice(&column.number.to_le_bytes());
            put_text(&mut index, &column.name);
        }
        self.put(&index)?;
        let digest: [u8; 32] = self.digest.finalize_reset().into();
        let bytes = self.length() + TRAILER_BYTES as u64;
        let mut trailer = Vec::with_capacity(TRAILER_BYTES);
        trailer.extend_from_slice(&index_offset.to_le_bytes());
        trailer.extend_from_slice(&blocks.to_le_bytes());
        trailer.extend_from_slice(&(columns.len() as u32).to_le_bytes());
        trailer.extend_from_slice(&crc32fast::hash(&index).to_le_bytes());
        trailer.extend_from_slice(&self.rows.to_le_bytes());
        trailer.extend_from_slice(&digest);
        trailer.extend_from_slice(&origin.unwrap_or(digest));
        trailer.extend_from_slice(&bytes.to_le_bytes());
        trailer.resize(TRAILER_BYTES - 12, 0);
        trailer.extend_from_slice(&crc32fast::hash(&trailer).to_le_bytes());
        trailer.extend_from_slice(&END_MAGIC);
        self.put(&trailer)?;
        self.flush()?;
        self.sync()?;
        let name = path_of(&self.folder, self.generation);
        let named = self.disk.rename(&self.path, &name);
        named.map_err(|error| Error::io("name", &name, error))?;
        let synced = self.disk.sync_directory(&self.folder);
        synced.map_err(|error| Error::io("sync", &self.folder, error))?;
        Ok(Written { generation: self.generation, rows: self.rows, bytes, digest })
    }

    /// Removes what was written so far.
    pub fn discard(self) {
        // What cannot be removed now is removed at the next start.
        let _left = self.disk.remove(&self.path);
    }
}
