//! Limits: every number that bounds the log, in one place.
//!
//! A length read from a disk is compared with one of these before a byte is allocated for it, and
//! the writer asserts the same bound on its side, so that no batch is written that could not be read.

/// Newest disk format that this release reads and the one that it writes.
pub const FORMAT_VERSION: u32 = 1;

/// Longest payload of one record, in bytes: the largest event, import commit or configuration.
pub const RECORD_BYTES_MAX: usize = 16 << 20;

/// A batch in the writer's buffer takes no further record once it holds this many bytes.
pub const BATCH_BYTES_FULL: usize = 4 << 20;

/// Longest payload of one batch, in bytes: a nearly full batch and one record of the largest size.
pub const BATCH_BYTES_MAX: usize = BATCH_BYTES_FULL + RECORD_BYTES_MAX + 4096;

/// Default size at which a segment is closed and the next one begins, in bytes.
pub const SEGMENT_BYTES_MAX: u64 = 64 << 20;

/// Smallest size of a segment that the options accept, in bytes.
pub const SEGMENT_BYTES_MIN: u64 = 1 << 10;

/// How often a segment's records may be replaced: what the manifest has room for.
pub const REVISION_MAX: u32 = (1 << 24) - 1;

/// Default bound of the writer's queue, in bytes.
pub const QUEUE_BYTES_MAX: usize = 64 << 20;

/// Most segments that a manifest may list (64 TiB at the default size).
pub const SEGMENTS_MAX: usize = 1 << 20;

/// Under `SyncPolicy::Interval`: how long the writer gathers records before it writes them. The
/// promise is 5 ms (specification 5.1); the rest is left for the write itself.
pub const GATHER_MS: u64 = 2;

/// Shortest and longest accepted sync interval, in milliseconds.
pub const INTERVAL_MS_MIN: u64 = 1;
/// See [`INTERVAL_MS_MIN`].
pub const INTERVAL_MS_MAX: u64 = 60_000;

/// A sealed segment's frame takes no further batch once it holds this many bytes.
pub const FRAME_BYTES_FULL: usize = 256 << 10;

/// Longest frame of a sealed segment before compression, in bytes: a nearly full one and one batch of the
/// largest size, with headers and padding.
pub const FRAME_BYTES_MAX: usize = FRAME_BYTES_FULL + BATCH_BYTES_MAX + 256;

/// Level at which frames are compressed.
pub const SEAL_LEVEL: i32 = 3;

/// A closed segment shorter than this (or than a quarter of `segment_bytes_max`, where that is less) stays as
/// it is, in bytes: such come from restarts alone, and compressing them saves nothing. They go with retention,
/// as all do; until then `SEGMENTS_MAX` bounds them.
pub const SEAL_BYTES_MIN: u64 = 1 << 20;

/// Free room in segments is filled with zeros, and synced, so many bytes at a time: what one step may hold
/// up a sync of the log is bounded by it.
pub const ZERO_BYTES: usize = 1 << 20;

/// A segment whose room cannot be taken whole takes half, then half of that; so many times at most.
pub const HALVINGS_MAX: u32 = 4;

/// How long to wait before asking a full disk again, in milliseconds.
pub const FULL_RETRY_MS: u64 = 100;

/// After so long without a record the log writes a marker, in milliseconds.
pub const IDLE_MS: u64 = 50;

/// How much a reader asks of the disk at once, in bytes.
pub const READ_BYTES: usize = 1 << 20;

/// Replay hands decoded records on in blocks of about this many bytes.
pub const REPLAY_BLOCK_BYTES: usize = 256 << 10;

/// How many decoded blocks may wait for replay.
pub const REPLAY_BLOCKS_AHEAD: usize = 16;
