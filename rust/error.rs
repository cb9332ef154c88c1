//! The facade error: what a caller of the reactor can meet, one pointer wide.
//!
//! Leaf modules have precise enums; here they are sorted into the kinds that a caller acts on.
//! Messages are for people and never parsed; no message echoes a value of an event.

use std::fmt;

use crate::config::diagnostic::{Diagnostic, render_all};
use crate::{batch, log, snapshot};

/// Result of a reactor's call.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, boxed so that a result stays small.
#[derive(Debug)]
pub struct Error(Box<ErrorKind>);

/// The kinds a caller acts on.
#[derive(Debug)]
pub enum ErrorKind {
    /// The event is not acceptable (page 1.3); the sentence says why.
    BadEvent(String),
    /// Database or table is malformed (page 1.1).
    UnknownTable(String),
    /// The log's queue is full; nothing was written.
    Busy,
    /// The disk is full; nothing was written, reads go on, and it passes by itself (page 5.5).
    Full(log::Full),
    /// The configuration has errors: all diagnostics, warnings included.
    Config(Vec<Diagnostic>),
    /// The log cannot be opened: damaged, locked, or the disk refused.
    Log(log::Error),
    /// A snapshot cannot be written, or the one to start from cannot be read.
    Snapshot(snapshot::Error),
    /// Batch data cannot be read or written.
    Batch(batch::Error),
    /// The log failed or was closed; every later call says so, too.
    Stopped(log::Failure),
    /// A record cannot be replayed by this release; the sentence says which and why.
    Replay(String),
    /// Not durable in time; the event may be stored.
    NotDurable,
    /// A caller's argument is wrong.
    Argument(String),
    /// Computing or deciding panicked: a bug of ours.
    Panic(&'static str),
}

impl Error {
    /// Its kind.
    pub fn kind(&self) -> &ErrorKind {
        &self.0
    }

    /// Takes the kind out.
    pub fn into_kind(self) -> ErrorKind {
        *self.0
    }

    /// An event that is not acceptable.
    pub fn bad_event(detail: impl Into<String>) -> Self {
        ErrorKind::BadEvent(detail.into()).into()
    }
}

impl From<ErrorKind> for Error {
    fn from(kind: ErrorKind) -> Self {
        Self(Box::new(kind))
    }
}

impl From<log::Error> for Error {
    fn from(error: log::Error) -> Self {
        ErrorKind::Log(error).into()
    }
}

impl From<snapshot::Error> for Error {
    fn from(error: snapshot::Error) -> Self {
        ErrorKind::Snapshot(error).into()
    }
}

impl From<batch::Error> for Error {
    fn from(error: batch::Error) -> Self {
        ErrorKind::Batch(error).into()
    }
}

impl From<log::Failure> for Error {
    fn from(failure: log::Failure) -> Self {
        ErrorKind::Stopped(failure).into()
    }
}

impl From<log::Failed> for Error {
    fn from(failed: log::Failed) -> Self {
        match failed {
            log::Failed::Stopped(failure) => failure.into(),
            log::Failed::TooLarge { .. } => {
                Self::bad_event("the event with the values taken from it is too large")
            }
        }
    }
}

impl From<log::ReserveError> for Error {
    fn from(error: log::ReserveError) -> Self {
        match error {
            log::ReserveError::Busy(_) => ErrorKind::Busy.into(),
            log::ReserveError::Full(full) => ErrorKind::Full(full).into(),
        }
    }
}

impl From<log::WaitError> for Error {
    fn from(error: log::WaitError) -> Self {
        match error {
            log::WaitError::Timeout => ErrorKind::NotDurable.into(),
            log::WaitError::Failed(failure) => failure.into(),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind() {
            ErrorKind::BadEvent(detail) | ErrorKind::UnknownTable(detail) => f.write_str(detail),
            ErrorKind::Busy => f.write_str("the log's queue is full; nothing was written"),
            ErrorKind::Full(full) => write!(f, "{full}"),
            ErrorKind::Config(diagnostics) => f.write_str(&render_all(diagnostics)),
            ErrorKind::Log(error) => write!(f, "{error}"),
            ErrorKind::Snapshot(error) => write!(f, "{error}"),
            ErrorKind::Batch(error) => write!(f, "{error}"),
            ErrorKind::Stopped(failure) => write!(f, "{failure}"),
            ErrorKind::NotDurable => {
                f.write_str("not durable in time; the event may be stored, retry with its uuid")
            }
            ErrorKind::Argument(message) | ErrorKind::Replay(message) => f.write_str(message),
            ErrorKind::Panic(phase) => write!(f, "a bug of p13n: {phase} panicked"),
        }
    }
}

impl std::error::Error for Error {}
