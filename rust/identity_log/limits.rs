//! Limits: every number that bounds the identity log, in one place.

/// Length of a segment, bytes: its entries are small, and its room is taken at once.
pub const SEGMENT_BYTES_MAX: u64 = 8 << 20;
/// Bound of the queue before the writer, bytes.
pub const QUEUE_BYTES_MAX: usize = 4 << 20;
/// How long an entry may lie unsynced, milliseconds: a crash costs reading so much of the reactor's log again.
pub const SYNC_INTERVAL_MS: u64 = 500;
/// Bytes of records without a change after which a mark says how far they were read.
pub const MARK_BYTES: u64 = 16 << 20;
/// How often the follower looks for what was synced, milliseconds.
pub const LOOK_EVERY_MS: u64 = 50;
/// How long it rests after a failure, milliseconds.
pub const REST_MS: u64 = 10_000;
/// How long somebody who reads waits for what was synced before, milliseconds.
pub const SETTLE_MS: u64 = 30_000;
