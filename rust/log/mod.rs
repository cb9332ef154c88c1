//! The log: the write-ahead log that is the ingest store. It sees bytes only.

pub mod error;
pub mod frame;
pub mod limits;
pub mod lock;
pub mod manifest;
mod queue;
pub mod recovery;
mod scan;
pub mod segment;
pub mod storage;
pub mod writer;

pub use error::{Busy, Error, Failed, Failure, FailureKind, ReplayError, WaitError};
pub use recovery::{Options, Recovery, Replayed, SyncPolicy};
pub use writer::{Log, Reservation, Stats};

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
