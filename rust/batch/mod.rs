//! Batch data: imported attributes, segments and catalogs, in files beside the profiles (page 4.3).
//!
//! An import is one immutable file, a **generation**: rows sorted by the hash of their key, in small
//! checksummed blocks, with an index of the blocks at its end. A look-up finds the block in the index,
//! which is in memory (16 bytes for 4 KiB of rows), and reads that block by its position; whatever else
//! is kept in memory is the operating system's page cache, which it takes back when it needs room. A
//! mapping of the file would do the same, but there is no safe one: a file that shrinks under it ends
//! the process. This page is the specification of the disk format, version 1. Everything is little
//! endian; `crc` is CRC-32 (IEEE, as in gzip).
//!
//! # The folder
//!
//! ```text
//! 000000000007.batch    generation 7; numbers only rise
//! 000000000008.tmp      one being written, or what a crash left of it
//! 000000000008.run.3    a sorted run of it, removed with it
//! ```
//!
//! Which generations count is said by the log (`ledger`), never by the folder.
//!
//! # A generation
//!
//! ```text
//!  0 "p13n-bat"         8   magic
//!  8 format version   u32   1
//! 12 kind             u32   1 attributes, 2 segments, 3 catalog
//! 16 generation       u64   its number
//! 24 zero              36
//! 60 crc              u32   over bytes 0 to 59
//! 64 block, block, ..       one after another; each:
//!      0 crc          u32   over the rest of the block
//!      4 row, row, ..       each: key length u16, row length u32, key, row
//!  .. index, for each block:
//!      0 hash         u64   of the first row's key
//!      8 offset       u64   where the block stands
//!  .. columns               each: number u16, text
//!  .. trailer, the last 128 bytes:
//!      0 index        u64   where it stands; the last block ends there
//!      8 blocks       u64   how many
//!     16 columns      u32   how many
//!     20 crc          u32   over index and columns
//!     24 rows         u64   how many
//!     32 digest        32   SHA-256 of everything before the trailer
//!     64 origin        32   the digest that the generation was committed with; another than the
//!                           digest once rows of it were erased
//!     96 length       u64   of the file
//!    104 zero          12
//!    116 crc          u32   over the trailer before it
//!    120 "p13n-bae"     8   magic
//! ```
//!
//! A key is a `u16` and text: of an identifier the number of its kind and its value, of a catalog's row 0
//! and the row's key. Rows stand in the order of (xxh3-64 of the key, key), each key once; all rows of one
//! hash stand in one block. What a row holds is told in `row`.
//!
//! Nothing is believed before its crc has matched. A generation gets its name only after its bytes are
//! synced, and counts only once a record of the log says so.
//!
//! # The source
//!
//! `sort` (rows in any order to rows in order, in bounded memory), `write`, `read` (one generation), `row`
//! (what rows hold), `merge` (layers to one, and a file without somebody's rows), `ledger` (which
//! generations count, and the record that says so), `source` (CSV and JSON lines to rows), `limits`,
//! `error`. Deliberately absent: profiles and expressions, which are the reactor's affair.

pub mod error;
pub mod ledger;
pub mod limits;
pub mod live;
pub mod merge;
pub mod read;
pub mod row;
pub mod sort;
pub mod source;
pub mod write;

#[cfg(test)]
mod tests;

pub use error::Error;
pub use ledger::{Cause, ImportRecord, Layer, Ledger};
pub use live::Live;
pub use read::Generation;
pub use row::{Column, Key};
pub use sort::Sorter;
pub use write::{Writer, Written};

use std::path::{Path, PathBuf};

use crate::value::Text;

/// What a generation holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Kind {
    /// Imported attributes, by identifier.
    Attributes = 1,
    /// Ids of batch segments, by identifier.
    Segments = 2,
    /// Rows of one catalog, by the catalog's key.
    Catalog = 3,
}

impl Kind {
    /// The kind of a number.
    #[must_use]
    pub fn of(number: u32) -> Option<Self> {
        Some(match number {
            1 => Self::Attributes,
            2 => Self::Segments,
            3 => Self::Catalog,
            _ => return None,
        })
    }

    /// How it is called.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Attributes => "attributes",
            Self::Segments => "segments",
            Self::Catalog => "catalog",
        }
    }
}

/// What is imported as one: the attributes, the segments, or one catalog.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Dataset {
    /// Its kind.
    pub kind: Kind,
    /// A catalog's name; empty otherwise.
    pub name: Text,
}

impl Dataset {
    /// The imported attributes.
    #[must_use]
    pub fn attributes() -> Self {
        Self { kind: Kind::Attributes, name: Text::default() }
    }

    /// The segments.
    #[must_use]
    pub fn segments() -> Self {
        Self { kind: Kind::Segments, name: Text::default() }
    }

    /// One catalog.
    #[must_use]
    pub fn catalog(name: impl Into<Text>) -> Self {
        Self { kind: Kind::Catalog, name: name.into() }
    }
}

pub(crate) const EXTENSION: &str = "batch";
const TEMPORARY: &str = "tmp";
const FORMAT: u32 = 1;
const MAGIC: [u8; 8] = *b"p13n-bat";
const END_MAGIC: [u8; 8] = *b"p13n-bae";
const HEAD_BYTES: usize = 64;
const TRAILER_BYTES: usize = 128;
const INDEX_ENTRY_BYTES: usize = 16;
const BLOCK_HEAD_BYTES: usize = 4;
const ROW_HEAD_BYTES: usize = 6;

/// Where a generation stands.
#[must_use]
pub fn path_of(folder: &Path, generation: u64) -> PathBuf {
    folder.join(format!("{generation:012}.{EXTENSION}"))
}

/// Where a generation is written.
#[must_use]
pub fn temporary_of(folder: &Path, generation: u64) -> PathBuf {
    folder.join(format!("{generation:012}.{TEMPORARY}"))
}

/// The hash that orders rows.
fn hash_of(key: &[u8]) -> u64 {
    xxhash_rust::xxh3::xxh3_64(key)
}
