//! Read: one generation, looked up by key or gone through from its first row to its last.
//!
//! Opening reads the index and nothing of the rows. Invariants: no byte of a block is believed before its
//! crc has matched, however often it is read; a look-up reads one block; reading keeps nothing.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::error::Error;
use super::limits::{BLOCK_BYTES_MAX, COLUMNS_MAX};
use super::{
    BLOCK_HEAD_BYTES, Column, END_MAGIC, FORMAT, HEAD_BYTES, INDEX_ENTRY_BYTES, Kind, MAGIC,
    TRAILER_BYTES, hash_of,
};
use crate::storage::{Disk, DiskFile, read_full};
use crate::value::Text;
use crate::value::codec::{BadBytes, Bytes};

/// Where a block stands, and the hash of its first key.
#[derive(Clone, Copy, Debug)]
struct Entry {
    hash: u64,
    offset: u64,
}

/// A generation that can be read.
pub struct Generation {
    path: PathBuf,
    file: Arc<dyn DiskFile>,
    kind: Kind,
    number: u64,
    rows: u64,
    bytes: u64,
    digest: [u8; 32],
    origin: [u8; 32],
    columns: Vec<Column>,
    index: Vec<Entry>,
    /// Where the last block ends.
    blocks_end: u64,
}

impl std::fmt::Debug for Generation {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Generation({}, {} rows)", self.path.display(), self.rows)
    }
}

impl Generation {
    /// Opens a file, and checks all but its rows.
    ///
    /// # Errors
    /// `Missing`, `Damaged`, `NewerFormat`, or what the disk refused.
    pub fn open(disk: &dyn Disk, path: &Path) -> Result<Self, Error> {
        let refuse = |error| Error::io("read", path, error);
        let file = disk.open(path, false).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => Error::Missing { file: path.to_path_buf() },
            _ => refuse(error),
        })?;
        let length = file.length().map_err(refuse)?;
        if length < (HEAD_BYTES + TRAILER_BYTES) as u64 {
            return Err(Error::damaged(path, "it is cut short"));
        }
        let mut head = [0; HEAD_BYTES];
        read_full(&*file, &mut head, 0).map_err(refuse)?;
        let (kind, number) = read_head(&head, path)?;
        let mut trailer = [0; TRAILER_BYTES];
        read_full(&*file, &mut trailer, length - TRAILER_BYTES as u64).map_err(refuse)?;
        let bad = |bad: BadBytes| Error::damaged(path, bad.0);
        let trailer = Trailer::read(&trailer, length).map_err(bad)?;
        let index_end = length - TRAILER_BYTES as u64;
        let mut tables = vec![0; (index_end - trailer.index_offset) as usize];
        let read = read_full(&*file, &mut tables, trailer.index_offset).map_err(refuse)?;
        if read < tables.len() || crc32fast::hash(&tables) != trailer.tables_crc {
            return Err(Error::damaged(path, "its index does not match its checksum"));
        }
        let (index, columns) = trailer.tables(&tables).map_err(bad)?;
        let Trailer { rows, digest, origin, index_offset, .. } = trailer;
        Ok(Self {
            path: path.to_path_buf(),
            file,
            kind,
            number,
            rows,
            bytes: length,
            digest,
            origin,
            columns,
            index,
            blocks_end: index_offset,
        })
    }

    /// Its file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its number.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.number
    }

    /// What it holds.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// How many rows it holds.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Length of its file, bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// SHA-256 of all but its trailer.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        self.digest
    }

    /// The digest that it was committed with.
    #[must_use]
    pub fn origin(&self) -> [u8; 32] {
        self.origin
    }

    /// Its columns.
    #[must_use]
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// The row of a key, read into `buffer`.
    ///
    /// # Errors
    /// `Damaged`, or what the disk refused.
    pub fn get<'b>(&self, key: &[u8], buffer: &'b mut Vec<u8>) -> Result<Option<&'b [u8]>, Error> {
        let hash = hash_of(key);
        let after = self.index.partition_point(|entry| entry.hash <= hash);
        let Some(block) = after.checked_sub(1) else { return Ok(None) };
        self.block(block, buffer)?;
        let mut rows = Bytes(&buffer[BLOCK_HEAD_BYTES..]);
        while !rows.is_empty() {
            let (found, row) = next_row(&mut rows).map_err(|bad| self.bad(bad))?;
            if found == key {
                return Ok(Some(row));
            }
        }
        Ok(None)
    }

    /// Reads a block, its head included, and checks it.
    fn block(&self, at: usize, buffer: &mut Vec<u8>) -> Result<(), Error> {
        let start = self.index[at].offset;
        let end = self.index.get(at + 1).map_or(self.blocks_end, |next| next.offset);
        let length = (end - start) as usize;
        buffer.resize(length, 0);
        let read = read_full(&*self.file, buffer, start)
            .map_err(|error| Error::io("read", &self.path, error))?;
        let crc = Bytes(buffer).u32().map_err(|bad| self.bad(bad))?;
        if read < length || crc32fast::hash(&buffer[BLOCK_HEAD_BYTES..]) != crc {
            return Err(Error::damaged(&self.path, "a block does not match its checksum"));
        }
        Ok(())
    }

    fn bad(&self, bad: BadBytes) -> Error {
        Error::damaged(&self.path, bad.0)
    }

    /// Its rows, in their order.
    #[must_use]
    pub fn walk(&self) -> Walk<'_> {
        Walk { generation: self, next_block: 0, block: Vec::new(), at: 0 }
    }

    /// Reads every row: whether each block is what was written, and stands where it belongs.
    ///
    /// # Errors
    /// `Damaged`, or what the disk refused.
    pub fn check(&self) -> Result<(), Error> {
        let mut walk = self.walk();
        let (mut rows, mut last) = (0, None);
        while let Some((key, _)) = walk.next()? {
            let hash = hash_of(key);
            if last.is_some_and(|last| last > hash) {
                return Err(Error::damaged(&self.path, "its rows are out of order"));
            }
            last = Some(hash);
            rows += 1;
        }
        if rows == self.rows {
            Ok(())
        } else {
            Err(Error::damaged(&self.path, "it does not hold as many rows as it says"))
        }
    }

    /// Whether all of the file has the digest that it names.
    ///
    /// # Errors
    /// `Damaged` when not, or what the disk refused.
    pub fn prove(&self) -> Result<(), Error> {
        let end = self.bytes - TRAILER_BYTES as u64;
        let mut digest = Sha256::new();
        let mut buffer = vec![0; super::limits::BUFFER_BYTES];
        let mut offset = 0;
        while offset < end {
            let room = (end - offset).min(buffer.len() as u64) as usize;
            let read = read_full(&*self.file, &mut buffer[..room], offset)
                .map_err(|error| Error::io("read", &self.path, error))?;
            if read == 0 {
                break;
            }
            digest.update(&buffer[..read]);
            offset += read as u64;
        }
        if <[u8; 32]>::from(digest.finalize()) == self.digest {
            Ok(())
        } else {
            Err(Error::damaged(&self.path, "its bytes do not have the digest that it names"))
        }
    }
}

/// A generation gone through from its first row on.
pub struct Walk<'g> {
    generation: &'g Generation,
    next_block: usize,
    block: Vec<u8>,
    at: usize,
}

/// A row's key and its content, where they were read.
type KeyAndRow<'a> = (&'a [u8], &'a [u8]);

impl Walk<'_> {
    /// Key and content of the next row.
    ///
    /// # Errors
    /// `Damaged`, or what the disk refused.
    #[allow(clippy::should_implement_trait)] // It lends what it reads.
    pub fn next(&mut self) -> Result<Option<KeyAndRow<'_>>, Error> {
        if self.at >= self.block.len() {
            if self.next_block >= self.generation.index.len() {
                return Ok(None);
            }
            self.generation.block(self.next_block, &mut self.block)?;
            self.next_block += 1;
            self.at = BLOCK_HEAD_BYTES;
        }
        let mut bytes = Bytes(&self.block[self.at..]);
        let before = bytes.0.len();
        let row = next_row(&mut bytes).map_err(|bad| self.generation.bad(bad))?;
        self.at += before - bytes.0.len();
        Ok(Some(row))
    }
}

fn next_row<'b>(rows: &mut Bytes<'b>) -> Result<(&'b [u8], &'b [u8]), BadBytes> {
    let key = usize::from(rows.u16()?);
    let row = rows.u32()? as usize;
    Ok((rows.take(key)?, rows.take(row)?))
}

fn read_head(head: &[u8; HEAD_BYTES], path: &Path) -> Result<(Kind, u64), Error> {
    let parts = |mut bytes: Bytes<'_>| -> Result<_, BadBytes> {
        let (magic, format): ([u8; 8], u32) = (bytes.array()?, bytes.u32()?);
        let (kind, number) = (bytes.u32()?, bytes.u64()?);
        bytes.take(HEAD_BYTES - 28)?;
        Ok((magic, format, kind, number, bytes.u32()?))
    };
    let damaged = |what| Error::damaged(path, what);
    let (magic, format, kind, number, crc) = parts(Bytes(head)).map_err(|bad| damaged(bad.0))?;
    if magic != MAGIC || crc != crc32fast::hash(&head[..HEAD_BYTES - 4]) {
        return Err(damaged("its head does not match its checksum"));
    }
    if format != FORMAT {
        return Err(Error::NewerFormat { file: path.to_path_buf(), found: format, known: FORMAT });
    }
    let kind = Kind::of(kind).ok_or_else(|| damaged("its kind is unknown"))?;
    Ok((kind, number))
}

struct Trailer {
    index_offset: u64,
    blocks: u64,
    columns: u32,
    tables_crc: u32,
    rows: u64,
    digest: [u8; 32],
    origin: [u8; 32],
}

impl Trailer {
    fn read(trailer: &[u8; TRAILER_BYTES], length: u64) -> Result<Self, BadBytes> {
        let mut bytes = Bytes(trailer);
        let read = Self {
            index_offset: bytes.u64()?,
            blocks: bytes.u64()?,
            columns: bytes.u32()?,
            tables_crc: bytes.u32()?,
            rows: bytes.u64()?,
            digest: bytes.array()?,
            origin: bytes.array()?,
        };
        let said = bytes.u64()?;
        bytes.take(12)?;
        let (crc, magic): (u32, [u8; 8]) = (bytes.u32()?, bytes.array()?);
        if magic != END_MAGIC || crc != crc32fast::hash(&trailer[..TRAILER_BYTES - 12]) {
            return Err(BadBytes("its end does not match its checksum"));
        }
        let tables = (length - TRAILER_BYTES as u64).checked_sub(read.index_offset);
        let fits = tables.is_some_and(|tables| {
            read.blocks.checked_mul(INDEX_ENTRY_BYTES as u64).is_some_and(|index| index <= tables)
        });
        if said != length || !fits || read.index_offset < HEAD_BYTES as u64 {
            return Err(BadBytes("it is cut short"));
        }
        Ok(read)
    }

    fn tables(&self, tables: &[u8]) -> Result<(Vec<Entry>, Vec<Column>), BadBytes> {
        let mut bytes = Bytes(tables);
        let mut index = Vec::with_capacity(self.blocks as usize);
        let mut least = HEAD_BYTES as u64;
        for _ in 0..self.blocks {
            let entry = Entry { hash: bytes.u64()?, offset: bytes.u64()? };
            let end = entry.offset.checked_add(BLOCK_HEAD_BYTES as u64);
            let previous = index.last().map_or(least, |last: &Entry| last.offset);
            let sound = entry.offset >= least
                && end.is_some_and(|end| end <= self.index_offset)
                && entry.offset - previous <= BLOCK_BYTES_MAX as u64;
            if !sound {
                return Err(BadBytes("its index points beside the blocks"));
            }
            least = entry.offset + BLOCK_HEAD_BYTES as u64;
            index.push(entry);
        }
        let last = index.last().map_or(self.index_offset, |last| last.offset);
        if self.index_offset - last > BLOCK_BYTES_MAX as u64 {
            return Err(BadBytes("its index points beside the blocks"));
        }
        if self.columns as usize > COLUMNS_MAX {
            return Err(BadBytes("it has more columns than there may be"));
        }
        let columns = bytes.several(self.columns as usize, |bytes| {
            Ok(Column { number: bytes.u16()?, name: Text::new(bytes.text()?) })
        })?;
        if bytes.is_empty() { Ok((index, columns)) } else { Err(BadBytes("bytes follow it")) }
    }
}
