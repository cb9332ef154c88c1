//! Snapshots: the state at one LSN as a file, so that recovery need not replay the whole log (page 5.4).
//!
//! This page is the specification of the disk format, version 1. Everything is little endian; `crc` is CRC-32
//! (IEEE, as in gzip).
//!
//! # The directory
//!
//! ```text
//! manifest                  the snapshots that count; replaced atomically (manifest.tmp, sync, rename, sync)
//! 000000000007.snapshot     one that the manifest names; numbers only rise, and none is used twice
//! next.tmp                  one being written, or what a crash left of it
//! 000000000005.snapshot.1700000000000.damaged   one that could not be read, kept for people for 30 days;
//!                           the number is when it was set aside, epoch milliseconds
//! ```
//!
//! Which snapshots there are is said by the manifest, never by the directory; what it does not name is
//! removed at the next start.
//!
//! # The manifest
//!
//! ```text
//!  0 "p13n-sms"            8   magic
//!  8 format version      u32   1
//! 12 apply epoch         u32   of the release that last served from this directory
//! 16 next number         u64
//! 24 entries             u32   how many follow
//! 28 zero                  4
//! 32 entries             48 each, in LSN order:
//!      0 number          u64
//!      8 cut LSN         u64
//!     16 bytes           u64   length of the file
//!     24 taken           i64   when, epoch milliseconds of the machine's clock
//!     32 apply epoch     u32
//!     36 role            u32   0 none, 1 candidate (for the base), 2 base
//!     40 crc             u32   the file's footer crc
//!     44 zero              4
//!  .. crc                u32   over everything before
//! ```
//!
//! The two newest are kept for recovery. Of older ones some stay as candidates; one of them becomes the
//! **base** before the first segment of the log that lies behind it goes, and never after.
//!
//! # A snapshot
//!
//! ```text
//!  0 "p13n-snp"            8   magic
//!  8 format version      u32   1
//! 12 apply epoch         u32   of what computed the state
//! 16 cut LSN             u64   the state is that after this record
//! 24 clock               i64   processing time of the last record that moved it; the least i64: none did
//! 32 taken               i64   when, epoch milliseconds of the machine's clock
//! 40 directory           u64   hash of the directory's secret: ids and hashes are keyed with it
//! 48 zero                 12
//! 60 crc                 u32   over bytes 0 to 59
//! 64 block, block, ..          as stored, one after another
//!  .. footer:
//!      0 profiles        u64   how many
//!      8 identifiers     u64   how many all profiles list
//!     16 configurations  u64   how many
//!     24 lines           u64   how many
//!     32 blocks          16 each:
//!          0 kind         u8   1 profiles, 2 dedup, 3 configurations, 4 lines, 5 imports
//!          1 form         u8   0 plain, 1 one zstd frame
//!          2 zero          2
//!          4 stored      u32   bytes in the file
//!          8 raw         u32   bytes after decompression; at most `limits::BLOCK_BYTES_MAX`
//!         12 crc         u32   over the bytes as stored
//!  .. trailer, the last 24 bytes:
//!      0 footer          u32   its length
//!      4 footer crc      u32   over head, footer and the trailer's length of the file
//!      8 bytes           u64   length of the file
//!     16 "p13n-snz"        8   magic
//! ```
//!
//! Blocks: profiles as in `profile::packed`, one after another; dedup, of each shard as in `profile::dedup`;
//! configurations and lines, each a u32 length and the bytes of its log record (`record`), in the log's order.
//! Imports is one ledger as in `batch::ledger`, when something was imported. The index of identifiers is not
//! written: it follows from the profiles.
//!
//! Nothing is believed before its crc has matched, and no length is used before the crc over it has. A
//! snapshot gets its name only after its bytes are synced, read back and compared, and the log is
//! synced up to the cut.
//!
//! # The source
//!
//! `write`, `read` (one file), `load` (into a store), `manifest`, `shelf` (which are kept), `limits`, `error`.
//! Deliberately absent: the log, whose records and LSNs are the reactor's affair.

pub mod error;
pub mod limits;
pub mod load;
pub mod manifest;
pub mod read;
mod rewrite;
pub mod shelf;
pub mod write;

pub use error::Error;
pub use load::{Loaded, Progress, load};
pub use manifest::{Kept, Manifest, Role};
pub use read::Snapshot;
pub use shelf::Shelf;
pub use write::{Writer, Written};

/// What stands in front of a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// The state is that after this record.
    pub lsn: u64,
    /// Apply epoch of what computed it.
    pub apply_epoch: u32,
    /// Processing time of the last record that moved the clock, epoch milliseconds.
    pub clock_ms: Option<i64>,
    /// When it was taken, epoch milliseconds of the machine's clock.
    pub taken_ms: i64,
    /// Hash of the directory's secret.
    pub directory: u64,
}

/// How much a snapshot holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Profiles.
    pub profiles: u64,
    /// Identifiers that they list.
    pub identifiers: u64,
    /// Configurations.
    pub configurations: u64,
    /// Files of which some lines are dealt with.
    pub lines: u64,
}

const MAGIC: [u8; 8] = *b"p13n-snp";
const END_MAGIC: [u8; 8] = *b"p13n-snz";
const HEAD_BYTES: usize = 64;
const COUNTS_BYTES: usize = 32;
const BLOCK_ENTRY_BYTES: usize = 16;
const TRAILER_BYTES: usize = 24;
const NO_CLOCK: i64 = i64::MIN;

/// What a block holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Profiles.
    Profiles = 1,
    /// Remembered uuids.
    Dedup = 2,
    /// Configuration records.
    Configurations = 3,
    /// Records of how far files are dealt with.
    Lines = 4,
    /// The ledger of batch data.
    Imports = 5,
}

impl Kind {
    fn of(byte: u8) -> Option<Self> {
        [Self::Profiles, Self::Dedup, Self::Configurations, Self::Lines, Self::Imports]
            .into_iter()
            .find(|kind| *kind as u8 == byte)
    }
}

impl Head {
    fn encode(&self) -> [u8; HEAD_BYTES] {
        let mut bytes = [0; HEAD_BYTES];
        bytes[0..8].copy_from_slice(&MAGIC);
        bytes[8..12].copy_from_slice(&limits::FORMAT_VERSION.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.apply_epoch.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.lsn.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.clock_ms.unwrap_or(NO_CLOCK).to_le_bytes());
        bytes[32..40].copy_from_slice(&self.taken_ms.to_le_bytes());
        bytes[40..48].copy_from_slice(&self.directory.to_le_bytes());
        let crc = crc32fast::hash(&bytes[..60]);
        bytes[60..64].copy_from_slice(&crc.to_le_bytes());
        bytes
    }
}

/// The crc that covers a whole file: its head, its footer with every block's crc, and its length.
fn footer_crc(head: &[u8; HEAD_BYTES], footer: &[u8], file_bytes: u64) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(head);
    hasher.update(footer);
    hasher.update(&file_bytes.to_le_bytes());
    hasher.finalize()
}
