//! Limits: every number that bounds snapshots, in one place.
//!
//! A length read from a disk is compared with one of these before a byte is allocated for it, and the writer
//! asserts the same bound on its side.

/// Newest format that this release reads and the one that it writes.
pub const FORMAT_VERSION: u32 = 1;

/// A block is written once it holds so many bytes; one profile more may lie behind them.
pub const BLOCK_BYTES: usize = 256 << 10;

/// Longest block after decompression, in bytes: more than the largest profile.
pub const BLOCK_BYTES_MAX: usize = 1 << 30;

/// Most blocks of one snapshot: 1 TiB of profiles.
pub const BLOCKS_MAX: usize = 4 << 20;

/// What is written is synced after so many bytes, so that the log's own sync never waits for more.
pub const SYNC_BYTES: u64 = 8 << 20;

/// zstd's level for blocks: the fastest that more than halves the bytes.
pub const COMPRESSION_LEVEL: i32 = 1;

/// Threads that decode blocks while a snapshot is loaded.
pub const LOAD_THREADS: usize = 2;

/// Snapshots kept for recovery.
pub const RECENT: usize = 2;

/// Most candidates for the base beside the newest two and the base itself.
pub const CANDIDATES_MAX: usize = 6;

/// Most entries that a manifest may have: the recent ones, the candidates, the base, and one being added.
pub const KEPT_MAX: usize = RECENT + CANDIDATES_MAX + 2;

/// A damaged snapshot that was set aside is removed after so long, in milliseconds (page 5.4: 30 days).
pub const SET_ASIDE_MS: i64 = 30 * 24 * 3_600_000;
