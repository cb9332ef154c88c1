//! Recover: a log opened as any start would, and what it found, read with the campaign's own eyes.

use std::path::Path;
use std::sync::Arc;

use p13n::log::storage::Disk;
use p13n::log::{Error, Log, Options, Reader, Record, Recovery, ReplayError};

use crate::payload::Id;
use crate::random::Random;

/// The records of a log, in LSN order without a gap.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// LSN of the first; what was before is no longer kept.
    pub first: u64,
    pub ids: Vec<Id>,
    /// Torn bytes behind them.
    pub torn_bytes: u64,
}

impl Found {
    /// An empty log.
    pub fn new() -> Self {
        Self { first: 1, ..Self::default() }
    }

    /// What two readers of the same records agree upon.
    pub fn digest(&self) -> u64 {
        self.ids.iter().fold(self.first, |digest, id| Random::new(digest ^ id.0).next())
    }

    fn take(&mut self, record: &Record<'_>) -> Result<(), String> {
        if self.ids.is_empty() {
            self.first = record.lsn.counter;
        }
        let next = self.first + self.ids.len() as u64;
        if record.lsn.counter != next {
            return Err(format!("LSN {} comes where {next} is due", record.lsn.counter));
        }
        self.ids.push(Id::of_record(record.kind, record.payload)?);
        Ok(())
    }

    /// LSN of the last record; of the one before the first when there is none.
    pub fn last(&self) -> u64 {
        self.first + self.ids.len() as u64 - 1
    }
}

/// Why there is nothing found.
#[derive(Debug)]
pub enum Refusal {
    /// The log refused the start.
    Log(Error),
    /// A record is not what was written.
    Record(String),
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Log(error) => write!(f, "the log does not start: {error}"),
            Self::Record(what) => f.write_str(what),
        }
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::Log(error)
    }
}

impl From<ReplayError<String>> for Refusal {
    fn from(error: ReplayError<String>) -> Self {
        match error {
            ReplayError::Log(error) => Self::Log(error),
            ReplayError::Apply { lsn, error } => Self::Record(format!("LSN {lsn}: {error}")),
        }
    }
}

/// Opens, replays and starts the log.
///
/// # Errors
/// What the log refused, or a record that nobody wrote.
pub fn recover(
    directory: &Path,
    disk: Arc<dyn Disk>,
    options: Options,
) -> Result<(Log, Found), Refusal> {
    let (recovery, found) = replay(directory, disk, options)?;
    Ok((recovery.start()?, found))
}

/// Opens and replays the log.
///
/// # Errors
/// As [`recover`].
pub fn replay(
    directory: &Path,
    disk: Arc<dyn Disk>,
    options: Options,
) -> Result<(Recovery, Found), Refusal> {
    let mut recovery = Recovery::open(directory, disk, options)?;
    let mut found = Found::new();
    let replayed = recovery.replay(|record| found.take(&record))?;
    found.torn_bytes = replayed.torn_bytes;
    if found.ids.is_empty() {
        found.first = replayed.last_lsn + 1;
    }
    Ok((recovery, found))
}

/// Reads the log without its lock and without changing anything.
///
/// # Errors
/// As [`recover`].
pub fn read(directory: &Path, disk: Arc<dyn Disk>) -> Result<Found, Refusal> {
    let mut found = Found::new();
    let reader = Reader::open(directory, disk)?;
    reader.records(|record| found.take(&record))?;
    let summary = reader.summary()?;
    found.torn_bytes = summary.unfinished_bytes;
    if found.ids.is_empty() {
        found.first = summary.last_lsn + 1;
    }
    Ok(found)
}
