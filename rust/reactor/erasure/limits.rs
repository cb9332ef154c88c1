//! Limits: every number that bounds erasures, in one place.

/// Most identifiers that one call starts from.
pub const PEOPLE_MAX: usize = 10_000;

/// Most bytes of an erasure's record, and so of what its people ever were.
pub const RECORD_BYTES_MAX: usize = crate::log::limits::RECORD_BYTES_MAX;

/// Longest list of erasures that wait to be carried out, in bytes.
pub const PENDING_BYTES_MAX: u64 = 256 << 20;

/// In a running server erasures of so many milliseconds share a rewriting (page 4.5: 10 minutes).
pub const SHARED_MS: i64 = 10 * 60 * 1_000;
