//! Restore: a reactor's directory copied as of one LSN, and brought back as of any moment.
//!
//! A reactor is its log and its secret: with both, recovery comes to the same state to the last bit, on any
//! machine. A copy is a complete directory, so a backup can be opened as it is; restoring checks every
//! byte, and cuts the log where it is told to. Invariants: the source is only read; the log's manifest is
//! written last; a secret is never replaced by another.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use super::open::LOG_FOLDER;
use super::secret::{self, SECRET_FILE};
use crate::error::{Error, ErrorKind, Result};
use crate::log::storage::Disk;
use crate::log::{self, Copied, CopyError, Record, Tail, copy_log, verify};
use crate::record::{BadRecord, ConfigurationRecord, EventReplay, KIND_CONFIGURATION, KIND_EVENT};

/// Copies a reactor's directory as of its newest synced LSN, beside a running server. Into an earlier
/// backup only what is new is copied.
///
/// # Errors
/// `Log` for damage and for what the disk refused; `Argument` for a target that is no backup of this log.
pub fn backup(directory: &Path, target: &Path, disk: &Arc<dyn Disk>) -> Result<Copied> {
    let folder = directory.join(LOG_FOLDER);
    let last_lsn = Tail::open(&folder, Arc::clone(disk), 0)?.synced_lsn()?;
    copy(directory, target, disk, last_lsn)
}

/// Copies a backup into a new directory, with the records up to the last one whose processing time is at
/// most `until_ms` (epoch milliseconds); with all of them when it is `None`.
///
/// # Errors
/// As [`backup`]; damage to the backup is found before anything is written.
pub fn restore(
    backup: &Path,
    target: &Path,
    until_ms: Option<i64>,
    disk: &Arc<dyn Disk>,
) -> Result<Copied> {
    let mut last_lsn = None;
    let mut unreadable = None;
    let found = verify(&backup.join(LOG_FOLDER), &**disk, &mut |record| match time_of(&record) {
        Ok(Some(time_ms)) if until_ms.is_none_or(|until_ms| time_ms <= until_ms) => {
            last_lsn = Some(record.lsn.counter);
        }
        Ok(_) => {}
        Err(error) => unreadable = unreadable.take().or(Some((record.lsn.counter, error))),
    })?;
    if let Some(damage) = found.damages.into_iter().next() {
        let log::Damage { file, offset, first_lsn, last_lsn, what, .. } = damage;
        return Err(log::Error::Corrupted { file, offset, first_lsn, last_lsn, what }.into());
    }
    if let Some((lsn, error)) = unreadable {
        return Err(ErrorKind::Replay(format!("record {lsn} cannot be read: {error}")).into());
    }
    let last_lsn = match until_ms {
        None => found.last_lsn,
        Some(_) => last_lsn.unwrap_or(0),
    };
    copy(backup, target, disk, last_lsn)
}

/// The processing time of a record; of a configuration the time of its publish. Others have none and go
/// with what stands before them.
fn time_of(record: &Record<'_>) -> Result<Option<i64>, BadRecord> {
    Ok(match record.kind {
        KIND_EVENT => Some(EventReplay::decode(record.payload)?.now_ms),
        KIND_CONFIGURATION => Some(ConfigurationRecord::decode(record.payload)?.now_ms),
        _ => None,
    })
}

fn copy(directory: &Path, target: &Path, disk: &Arc<dyn Disk>, last_lsn: u64) -> Result<Copied> {
    let refuse = |action, error| {
        let file = target.to_path_buf();
        Error::from(log::Error::Io { action, file, source: error })
    };
    disk.create_directory(target).map_err(|error| refuse("create the directory", error))?;
    copy_secret(directory, target).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => {
            let target = target.display();
            ErrorKind::Argument(format!("{target} holds another log: choose a new directory"))
                .into()
        }
        _ => refuse("write the secret in", error),
    })?;
    let (from, to) = (directory.join(LOG_FOLDER), target.join(LOG_FOLDER));
    match copy_log(&from, &to, &**disk, last_lsn) {
        Ok(copied) => Ok(copied),
        Err(CopyError::Log(error)) => Err(error.into()),
        Err(error) => Err(ErrorKind::Argument(error.to_string()).into()),
    }
}

/// The secret beside its log; one that is there already must be the same.
pub(super) fn copy_secret(directory: &Path, target: &Path) -> io::Result<()> {
    let bytes = match fs::read(directory.join(SECRET_FILE)) {
        Ok(bytes) => bytes,
        // Made when the log is first started: a log without it has no record yet.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    match fs::read(target.join(SECRET_FILE)) {
        Ok(there) if there == bytes => return Ok(()),
        Ok(_) => return Err(io::ErrorKind::AlreadyExists.into()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let bytes = bytes.try_into().map_err(|_| {
        io::Error::new(io::ErrorKind::InvalidData, "the secret is not 32 bytes long")
    })?;
    secret::write(target, &bytes)
}
