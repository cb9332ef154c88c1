//! Errors: what can go wrong with a log, and where.
//!
//! Three shapes, because callers act differently on them: `Error` (opening, reading, starting),
//! `ReserveError` (nothing was written, try later), `Failed` (the log no longer accepts anything).
//! Invariants: each names the file; a message is made for people and never parsed.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::storage::is_no_room;

/// Why a log could not be opened, read or started.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another process (or another `Recovery` of this one) holds the directory.
    #[error("{} is in use by another process; a log has one writer", directory.display())]
    Locked {
        /// The log's directory.
        directory: PathBuf,
    },
    /// Bytes that were synced, and may have been answered, are damaged (specification 5.4).
    #[error(
        "{} is damaged at byte {offset}: {what}; records {first_lsn} to at least {last_lsn} were synced \
         and cannot be read, so the log is not opened",
        file.display()
    )]
    Corrupted {
        /// The damaged file.
        file: PathBuf,
        /// Byte offset of the damage in `file`.
        offset: u64,
        /// First LSN counter that cannot be read.
        first_lsn: u64,
        /// Last LSN counter of at least those that are known to have been synced behind the damage.
        last_lsn: u64,
        /// What is wrong with the bytes.
        what: &'static str,
    },
    /// Written by a newer release, in a format that this one does not know.
    #[error(
        "{} has log format {found}, this release reads up to {known}: use the newer release",
        file.display()
    )]
    NewerFormat {
        /// The file concerned.
        file: PathBuf,
        /// The file's format version.
        found: u32,
        /// The newest version that this release knows.
        known: u32,
    },
    /// Written by a newer release, whose `apply` computes other states (specification 5.3).
    #[error(
        "{} was written at apply epoch {found}, this release computes epoch {known}: use the newer \
         release",
        file.display()
    )]
    NewerEpoch {
        /// The file concerned.
        file: PathBuf,
        /// The file's apply epoch.
        found: u32,
        /// The epoch of the options.
        known: u32,
    },
    /// The manifest lists as many segments as it may.
    #[error(
        "{} has {segments_max} segments, which is the most: retire old ones",
        directory.display()
    )]
    TooManySegments {
        /// The log's directory.
        directory: PathBuf,
        /// `limits::SEGMENTS_MAX`.
        segments_max: usize,
    },
    /// An option is out of its range.
    #[error("log option {name} is {value}, allowed is {allowed}")]
    Option {
        /// The option's name.
        name: &'static str,
        /// What was given.
        value: u64,
        /// The range, for people.
        allowed: &'static str,
    },
    /// The disk (or a quota) is full.
    #[error("the disk is full: cannot {action} {}: {source}", file.display())]
    DiskFull {
        /// What was attempted, as a verb.
        action: &'static str,
        /// The file concerned.
        file: PathBuf,
        /// The operating system's answer.
        source: io::Error,
    },
    /// The operating system refused.
    #[error("cannot {action} {}: {source}", file.display())]
    Io {
        /// What was attempted, as a verb.
        action: &'static str,
        /// The file concerned.
        file: PathBuf,
        /// The operating system's answer.
        source: io::Error,
    },
}

impl Error {
    /// Wraps what the disk answered; a full disk gets its own variant, and so does damage that a sealed
    /// segment found in itself.
    pub(crate) fn io(action: &'static str, file: &Path, source: io::Error) -> Self {
        let file = file.to_path_buf();
        let damage = source.get_ref().and_then(|inner| inner.downcast_ref::<Damage>());
        if let Some(&Damage { offset, first_lsn, last_lsn, what }) = damage {
            return Self::Corrupted { file, offset, first_lsn, last_lsn, what };
        }
        if is_no_room(&source) {
            return Self::DiskFull { action, file, source };
        }
        Self::Io { action, file, source }
    }
}

/// Damage found while reading bytes on somebody's behalf; travels as an I/O error up to [`Error::io`].
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("damaged at byte {offset}: {what}")]
pub(crate) struct Damage {
    pub offset: u64,
    pub first_lsn: u64,
    pub last_lsn: u64,
    pub what: &'static str,
}

/// The queue has no room for the bytes asked for; nothing was reserved or written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the log's queue is full: {requested} bytes asked for, {free} of {queue_bytes_max} free")]
pub struct Busy {
    /// Bytes asked for.
    pub requested: usize,
    /// Bytes free at that moment.
    pub free: usize,
    /// The queue's bound.
    pub queue_bytes_max: usize,
}

/// The disk has no room for the log's next segment, and half of the current one is used: what is left is
/// for records of the system's own. Nothing was reserved or written; it passes by itself (specification 5.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the disk is full: there is no room for the log's next segment")]
pub struct Full {
    /// Since when, epoch milliseconds of the machine's clock.
    pub since_ms: u64,
}

/// Why room for a record was refused; nothing has happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReserveError {
    /// The queue has no room: the writer is behind.
    #[error(transparent)]
    Busy(#[from] Busy),
    /// The disk has no room.
    #[error(transparent)]
    Full(#[from] Full),
}

/// Why the log stopped accepting records. The first failure stays: a failed sync is never retried,
/// for the pages that it concerned may be marked clean although the disk does not have them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FailureKind {
    /// No room on the disk. Sticky in this version: opening the log again resumes it.
    DiskFull,
    /// A write or a sync failed.
    Io,
    /// The writer thread panicked.
    Panic,
    /// `close` was called.
    Closed,
}

/// The cause of a poisoned log; cheap to clone.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the log stopped: {message}")]
pub struct Failure {
    /// What kind of failure it was.
    pub kind: FailureKind,
    /// The cause as one sentence, with file and operating system's answer.
    pub message: Arc<str>,
}

impl Failure {
    pub(crate) fn new(kind: FailureKind, message: impl Into<Arc<str>>) -> Self {
        Self { kind, message: message.into() }
    }

    pub(crate) fn closed() -> Self {
        Self::new(FailureKind::Closed, "it was closed")
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let kind = match error {
            Error::DiskFull { .. } => FailureKind::DiskFull,
            _ => FailureKind::Io,
        };
        Self::new(kind, error.to_string())
    }
}

/// Why a record was not appended; it has no LSN and will not be in the log.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Failed {
    /// The log is poisoned or closed; the same answer from now on.
    #[error(transparent)]
    Stopped(#[from] Failure),
    /// The record is longer than a record may be; the log goes on.
    #[error("a record of {bytes} bytes is over the limit of {bytes_max}")]
    TooLarge {
        /// The record's payload.
        bytes: usize,
        /// `limits::RECORD_BYTES_MAX`.
        bytes_max: usize,
    },
}

/// Why waiting for an LSN ended without it.
#[derive(Debug, Clone, thiserror::Error)]
pub enum WaitError {
    /// The time is over; the record may still become durable.
    #[error("the log did not sync in time")]
    Timeout,
    /// The log is poisoned: the record may or may not be in the log after a restart.
    #[error(transparent)]
    Failed(#[from] Failure),
}

/// Why a replay ended early.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError<E> {
    /// The log itself.
    #[error(transparent)]
    Log(#[from] Error),
    /// The caller's function refused a record.
    #[error("record {lsn} cannot be applied: {error}")]
    Apply {
        /// Counter of the refused record.
        lsn: u64,
        /// What the caller's function said.
        error: E,
    },
}
