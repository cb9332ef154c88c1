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
//! synced                  how far the log is known to be synced, two slots
//! 000000000001.sealed     segment 1, closed and compressed; numbers only rise, and no file is used twice
//! 000000000004.log        segment 4, as it was written, or is being written
//! 000000000005.log        the spare: the next segment's room, zeros; not named by the manifest
//! 000000000001.sealed.tmp being sealed
//! 000000000002.r1.sealed  segment 2, after records in it were replaced once; likewise `.r1.log`
//! 000000000004.log.9216.torn   a torn tail that was cut from segment 4 at byte 9216, kept for people
//! ```
//!
//! Which files are the log is said by the manifest, never by the directory. Before the manifest names a
//! segment, the segment's header and name are synced, and so is every record of the segments before it. At a
//! start, files with names of segments that the manifest does not name are removed, for a crash left them
//! between two steps; one of a number not yet given that holds a batch says that the manifest is older than
//! the log, and is refused.
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
//!     52 state            u8   0 open, 1 closed, 2 sealed; only the last one may be open
//!     53 revision        u24   how often records in it were replaced; names the file when it is not 0
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
//! allocated. A marker (count 0) carries nothing but a synced LSN: one is written, and synced, when no record
//! has come for `limits::IDLE_MS`, once an idle time; not under `SyncPolicy::Never`.
//!
//! # The synced file
//!
//! ```text
//! two slots, at bytes 0 and 4096, written by turns after each sync of batches, before anybody is answered:
//!  0 "p13n-syn"            8   magic
//!  8 format version      u32   1
//! 12 term                u32
//! 16 synced LSN          u64   counter up to which everything was synced
//! 24 zero                  4
//! 28 crc                 u32   over the manifest's seed (8) and bytes 0 to 27
//! ```
//!
//! It is not synced itself, because it only adds to what is known: after a kill the page cache has it, after
//! a power cut an older slot is right, too. The highest slot that matches its crc counts; a file that is
//! missing, damaged or another log's says nothing. A slot that cannot be written is counted and no failure.
//!
//! # A sealed segment
//!
//! ```text
//!  0 "p13n-sld"            8   magic                            |
//!  8 format version      u32   1                                |
//! 12 apply epoch         u32   |                                |
//! 16 number              u64   |                                |
//! 24 first LSN           u64   | of the original                | the header, 64 bytes
//! 32 last LSN            u64   |                                |
//! 40 bytes               u64   |                                |
//! 48 term                u32   |                                |
//! 52 zero                  8                                    |
//! 60 crc                 u32   over bytes 0 to 59               |
//! 64 frame, frame, ..           each at a multiple of 8
//!      0 "p13f"            4   mark
//!      4 crc             u32   over bytes 8 to 47 and the compressed bytes
//!      8 stored length   u32   of the compressed bytes
//!     12 raw length      u32   of the original's bytes in it; at most `limits::FRAME_BYTES_MAX`
//!     16 raw offset      u64   where they lie in the original
//!     24 first LSN       u64   of its first batch
//!     32 last LSN        u64   of its last batch
//!     40 previous crc    u32   batch crc before its first batch; the segment header's crc in the first frame
//!     44 zero              4
//!     48 compressed            zstd, level 3; then zeros up to a multiple of 8
//!  .. index                32 a frame:
//!      0 offset          u64   of the frame in this file
//!      8 raw offset      u64   |
//!     16 first LSN       u64   | as in the frame
//!     24 previous crc    u32   |
//!     28 zero              4
//!  .. footer               48 bytes, the file's last:
//!      0 "p13n-end"        8
//!      8 frames          u32
//!     12 index crc       u32   over the index
//!     16 index offset    u64
//!     24 bytes           u64   of the original
//!     32 records         u64
//!     40 zero              4
//!     44 crc             u32   over bytes 0 to 43 of the footer
//! ```
//!
//! The raw bytes of all frames, one after another, are the original: the first frame begins with its header,
//! each of the others with a batch; a frame takes no further batch once it holds `limits::FRAME_BYTES_FULL`.
//! So a sealed segment is read as the original, and every batch proves itself again. Each frame's lengths are
//! bounded by the index, and the index by the file's length, before anything is allocated.
//!
//! Sealing is: check the original whole, write `.sealed.tmp`, sync, rename, sync the directory, read back and
//! compare byte by byte, name it in the manifest, unlink the original. A segment that is not right stays as it
//! is and is counted. So do short ones (`limits::SEAL_BYTES_MIN`), which only restarts leave.
//!
//! # Rewriting
//!
//! Records of closed segments may be replaced by others of the same LSN, for erasures. Per segment: read the
//! original whole, write the next revision as a `.log`, sync, read back and compare with the original batch by
//! batch; when the original is sealed, seal that one; name it in the manifest, unlink the original. Header, salt,
//! and of each batch count, LSNs and synced LSN stay; lengths and checksums are new. The record before which all
//! is rewritten begins a segment of its own.
//!
//! # Room
//!
//! A new segment's room is allocated at once. When a quarter of it is used, the next one's file is made (the
//! spare): allocated, named, filled with zeros and synced, so that a rotation needs no room. Without room for
//! it, events are refused (`Full`) from half of the segment on, while internal records go on; it is asked for
//! again every `limits::FULL_RETRY_MS`. A write that finds no room all the same is made again at the same place
//! until it succeeds. A failed sync, for want of room or not, stops the log for good.
//!
//! # LSNs
//!
//! (partition, term, counter). The counter begins at 1, goes on across segments and terms without a gap,
//! and is what callers compare. Records after a lost, never synced tail reuse its counters under a new term.
//!
//! # Torn or damaged
//!
//! The highest LSN known to be synced is the highest of: the `synced` file's, that of any batch before the
//! place or behind it (same salt, right header crc), and the manifest's (all before the last segment).
//!
//! A batch that is not as described, at LSN *h*, is **damage** when its segment is closed, or when *h* or more
//! is known to be synced: the log is refused, with file, offset and LSN range. So is an open segment that
//! ends, with zeros or with the file, before the highest such LSN, and a closed one that ends before its length.
//! Otherwise it is a **torn tail**, never answered: it is copied beside up to its last byte that is not zero,
//! cut, and counted.
//!
//! After a kill that leaves no gap: the `synced` file names the last LSN answered. After a power cut of an idle
//! log the marker does. What is left is a power cut under load that takes the slots as well, of which only the
//! last commit (or interval) before it is not known to be synced, and only if the same cut, or a second fault,
//! also damages those very batches after they were synced.
//!
//! # Starting
//!
//! The lock; the manifest (a directory without one and without segments is new: term 0, no entries); what the
//! cache holds of the last segment is dropped where the disk is said to have it, since after a failed sync it
//! may not; replay; then the manifest is written once more as it is, because its name may be in doubt for the
//! same reason, the last segment is cut and synced, a new segment is created under the next term, and the
//! manifest closes the old one and names the new one. A last segment without records is left out and removed.
//!
//! # The source
//!
//! `frame` batches and records, `segment` files and cursors, `manifest`, `synced`, `sealed` (a sealed file read as
//! the original), `scan` (torn or damaged), `recovery` (open, start), `leftovers`, `replay`, `steady`
//! (directory syncs, one at a time), `queue` (appends,
//! progress), `writer` (group commit), `ledger` (the manifest of a running log), `room` (a full disk), `keeper`
//! (spare segments, sealing), `seal`, `rewrite` (records replaced), `handle` (`Log`), `reader` (without the
//! lock), `tail` (the same, as it grows), `verify` (all damage), `loose` (one file by itself), `backup`
//! (copies), `lock`, `limits`, `error`. The disk is a trait of its own module, `storage`. Deliberately absent:
//! any knowledge of what a record means, retries of a sync, recycled files.

pub mod backup;
pub mod error;
pub mod frame;
mod handle;
mod keeper;
mod ledger;
mod leftovers;
pub mod limits;
pub mod lock;
mod loose;
pub mod manifest;
mod queue;
pub mod reader;
pub mod recovery;
mod replay;
mod rewrite;
mod room;
mod scan;
mod seal;
mod sealed;
pub mod segment;
mod steady;
mod synced;
pub mod tail;
pub mod verify;
mod writer;

pub use crate::storage;

pub use backup::{Copied, CopyError, copy_file, copy_log, trim_copy};
pub use error::{
    Busy, Error, Failed, Failure, FailureKind, Full, ReplayError, ReserveError, WaitError,
};
pub use handle::{Log, Reservation, Stats};
pub use ledger::Retired;
pub use loose::{segment_bytes, segment_records};
pub use manifest::{Entry, SegmentState};
pub use reader::{Reader, SegmentSummary, Summary};
pub use recovery::{Options, Recovery, SyncPolicy};
pub use replay::{Progress, Replayed};
pub use rewrite::{Replace, RewriteError, Rewritten};
pub use tail::Tail;
pub use verify::{Damage, End, Verification, verify};

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
