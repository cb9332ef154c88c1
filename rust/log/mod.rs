//! The log: the write-ahead log that is the ingest store. It sees bytes only.
//!
//! This page is the specification of the disk format, version 1. Everything is little endian; `u16`, `u32`,
//! `u64` are unsigned numbers of so many bits; `crc` is CRC-32 (IEEE, as in gzip).
//!
//! # The directory
//!
//! ```text
//! lock                    locked (flock) by the one writer; never removed
//! manifest                the live segments; replaced atomically (manifest.tmp, sync, rename, sync directory)
//! 000000000001.log        segment 1; numbers only rise, and no file is used twice
//! 000000000004.log        segment 4
//! 000000000004.log.9216.torn   a torn tail that was cut from segment 4 at byte 9216, kept for people
//! ```
//!
//! Which files are the log is said by the manifest, never by the directory. Before the manifest names a
//! segment, the segment's header and name are synced, and so is every record of the segments before it.
//!
//! # The manifest
//!
//! ```text
//!  0 "p13n-mfs"            8   magic
//!  8 format version      u32   1
//! 12 apply epoch         u32   of the release that started the log last
//! 16 term                u32   of the last start; raised durably at every start
//! 20 entries             u32   how many follow
//! 24 next number         u64   of the next segment
//! 32 seed                u64   random, drawn once, for hashing in shards; the reactor has its own secret
//! 40 zero                  8
//! 48 entries             56 each, in LSN order:
//!      0 number          u64
//!      8 first LSN       u64   counter of the first record, there or to come
//!     16 last LSN        u64   final once closed (first LSN - 1 while it is open)
//!     24 bytes           u64   of header and batches, final once closed (0 while it is open)
//!     32 file bytes      u64   length of the file, final once closed (0 while it is open)
//!     40 closed          u64   when, epoch milliseconds of the machine's clock (0 while it is open)
//!     48 term            u32
//!     52 state           u32   0 open, 1 closed, 2 sealed; only the last one may be open
//!  .. crc                 u32   over everything before
//! ```
//!
//! # A segment
//!
//! ```text
//!  0 "p13n-log"            8   magic                        |
//!  8 format version      u32   1                            |
//! 12 apply epoch         u32                                | the header, 64 bytes; its length, magic,
//! 16 number              u64   as in the manifest           | version and crc stay where they are in
//! 24 salt                 16   random, this segment's alone | every version to come
//! 40 term                u32   of all its records           |
//! 44 partition           u16   0, and two zero bytes        |
//! 48 first LSN           u64                                |
//! 56 zero                  4                                |
//! 60 crc                 u32   over bytes 0 to 59           |
//! 64 batch, batch, ..           each at a multiple of 8; zeros up to the end of the file are free room
//! ```
//!
//! # A batch
//!
//! ```text
//!  0 "p13b"                4   mark
//!  4 header crc          u32   over the salt and bytes 8 to 47
//!  8 length              u32   of the payload; at most `limits::BATCH_BYTES_MAX`
//! 12 count               u32   of records; 0 in a marker
//! 16 first LSN           u64   the previous batch's last LSN + 1
//! 24 last LSN            u64   first LSN + count - 1
//! 32 synced LSN          u64   what was already synced when this batch was written
//! 40 previous crc        u32   the batch crc before; the segment header's crc in the first batch
//! 44 batch crc           u32   over the salt, bytes 8 to 43, and the payload
//! 48 payload                   the records: length u32, kind u8, that many bytes; one after another
//!  .. zeros                     up to a multiple of 8
//! ```
//!
//! A length is used only after the header crc has matched, and compared with its limit before anything is
//! allocated. A marker (count 0) carries nothing but a synced LSN; this release reads markers and writes none.
//!
//! # LSNs
//!
//! (partition, term, counter). The counter begins at 1, goes on across segments and terms without a gap,
//! and is what callers compare. Records after a lost, never synced tail reuse its counters under a new term.
//!
//! # Torn or damaged
//!
//! A batch that is not as described, at LSN *h*, is **damage** when its segment is closed, or when any batch
//! header behind it (same salt, right header crc) says that *h* or more was synced: the log is refused, with
//! file, offset and LSN range. Otherwise it is a **torn tail**, never answered: it is copied beside, cut, and
//! counted. A closed segment that ends before its length is damaged. What this cannot see: damage to
//! the last synced batches of an open segment behind which no batch was written, and a file cut at a batch's
//! boundary. An orderly close closes the segment, so only a crash leaves that gap.
//!
//! # Starting
//!
//! The lock; the manifest (a directory without one and without segments is new: term 0, no entries); replay;
//! then the last segment is cut and synced, a new segment is created under the next term, and the manifest
//! closes the old one and names the new one. A last segment without records is left out and removed.
//!
//! # The source
//!
//! `frame` batches and records, `segment` files and cursors, `manifest`, `ledger` (the
//! manifest of a running log), `scan` (torn or damaged), `recovery`
//! (open, start), `replay`, `queue` (appends, progress), `writer` (group commit; `Log`), `reader` (without the
//! lock), `lock`, `storage` (the disk as a trait), `limits`, `error`. Deliberately absent: any knowledge of what a
//! record means, retries of a sync, recycled files.

pub mod error;
pub mod frame;
mod handle;
mod keeper;
mod ledger;
mod leftovers;
pub mod limits;
pub mod lock;
pub mod manifest;
mod queue;
pub mod reader;
pub mod recovery;
mod replay;
mod room;
mod scan;
mod seal;
mod sealed;
pub mod segment;
mod synced;
mod writer;

pub use crate::storage;

pub use error::{
    Busy, Error, Failed, Failure, FailureKind, Full, ReplayError, ReserveError, WaitError,
};
pub use handle::{Log, Reservation, Stats};
pub use ledger::Retired;
pub use manifest::{Entry, SegmentState};
pub use reader::{Reader, SegmentSummary, Summary};
pub use recovery::{Options, Recovery, SyncPolicy};
pub use replay::{Progress, Replayed};

/// A log sequence number. The counter alone orders all records of a log and is what callers compare
/// and pass on; the term says which start of the log gave it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lsn {
    /// Always 0 today.
    pub partition: u16,
    /// Raised durably at every start.
    pub term: u32,
    /// Goes on across terms; the first record has 1.
    pub counter: u64,
}

/// One record as it lies in the log.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    /// Its number.
    pub lsn: Lsn,
    /// What it is; the log gives the byte no meaning.
    pub kind: u8,
    /// Its bytes.
    pub payload: &'a [u8],
}
