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

use super::batch::copy_generations;
use super::erasure::pending::{Erasures, Pending};
use super::erasure::read_error;
use super::open::{LOG_FOLDER, SNAPSHOT_FOLDER, io_error};
use super::secret::{self, SECRET_FILE};
use crate::error::{Error, ErrorKind, Result};
use crate::log::storage::Disk;
use crate::log::{self, Copied, CopyError, Record, Tail, copy_file, copy_log, trim_copy, verify};
use crate::record::{
    APPLY_EPOCH, BadRecord, ConfigurationRecord, ErasureRecord, EventReplay, KIND_CONFIGURATION,
    KIND_ERASURE, KIND_EVENT, KIND_TOMBSTONE, Tombstone,
};
use crate::snapshot::{self, Kept, Role, Shelf, Snapshot};

/// Copies a reactor's directory as of its newest synced LSN, beside a running server. Into an earlier
/// backup only what is new is copied.
///
/// # Errors
/// `Log` for damage and for what the disk refused; `Argument` for a target that is no backup of this log.
pub fn backup(directory: &Path, target: &Path, disk: &Arc<dyn Disk>) -> Result<Copied> {
    let folder = directory.join(LOG_FOLDER);
    let last_lsn = Tail::open(&folder, Arc::clone(disk), 0)?.synced_lsn()?;
    let copied = copy(directory, target, disk, last_lsn)?;
    let pending = Erasures::read(&**disk, directory)?.list();
    let there = Erasures::read(&**disk, target)?;
    if pending.len() + there.list().len() > 0 {
        there.note(pending);
        there.settle(&**disk, target)?;
    }
    Ok(copied)
}

/// Copies a backup into a new directory, with the records up to the last one whose processing time is at
/// most `until_ms` (epoch milliseconds); with all of them when it is `None`. Who was erased later stays so: the
/// erasures that the backup holds behind that record, and those of `current`, the directory as it was last, are
/// carried out when the new directory is first opened.
///
/// # Errors
/// As [`backup`]; damage to the backup's log is found before anything is written. `Argument` also when the
/// log begins later.
pub fn restore(
    backup: &Path,
    target: &Path,
    until_ms: Option<i64>,
    current: Option<&Path>,
    disk: &Arc<dyn Disk>,
) -> Result<Copied> {
    let mut erasures =
        current.map_or_else(|| Ok(Vec::new()), |current| erasures_of(current, disk))?;
    let mut last_lsn = 0;
    let mut unreadable = None;
    let found = verify(&backup.join(LOG_FOLDER), &**disk, &mut |record| match time_of(&record) {
        Ok(Some(time_ms)) if until_ms.is_some_and(|until_ms| time_ms <= until_ms) => {
            last_lsn = record.lsn.counter;
        }
        Ok(_) if record.kind == KIND_ERASURE => {
            erasures
                .extend(ErasureRecord::decode(record.payload).map(|one| (record.lsn.counter, one)));
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
    match until_ms {
        None => last_lsn = found.last_lsn,
        Some(_) if last_lsn == 0 && found.first_lsn > 1 => {
            let backup = backup.display();
            let message = format!("{backup} begins at LSN {}, which is later", found.first_lsn);
            return Err(ErrorKind::Argument(message).into());
        }
        Some(_) => {}
    }
    let copied = copy(backup, target, disk, last_lsn)?;
    let mut pending = Erasures::read(&**disk, backup)?.list();
    pending.retain(|erasure| erasure.lsn <= last_lsn);
    let later = erasures.into_iter().filter(|(lsn, _)| *lsn == 0 || *lsn > last_lsn);
    pending.extend(later.map(|(_, record)| Arc::new(Pending::new(last_lsn + 1, record))));
    if !pending.is_empty() {
        let there = Erasures::default();
        there.note(pending);
        there.settle(&**disk, target)?;
    }
    Ok(copied)
}

/// The erasures that a directory's log holds the records of; 0 stands for their LSNs, which are another log's.
fn erasures_of(directory: &Path, disk: &Arc<dyn Disk>) -> Result<Vec<(u64, ErasureRecord)>> {
    let reader = log::Reader::open(&directory.join(LOG_FOLDER), Arc::clone(disk))?;
    let mut found = Vec::new();
    let read = reader.records(|record| -> std::result::Result<(), BadRecord> {
        if record.kind == KIND_ERASURE {
            found.push((0, ErasureRecord::decode(record.payload)?));
        }
        Ok(())
    });
    read.map_err(read_error)?;
    Ok(found)
}

/// The processing time of a record; of a configuration the time of its publish. Others have none and go
/// with what stands before them.
fn time_of(record: &Record<'_>) -> Result<Option<i64>, BadRecord> {
    Ok(match record.kind {
        KIND_EVENT => Some(EventReplay::decode(record.payload)?.now_ms),
        KIND_TOMBSTONE => Some(Tombstone::decode(record.payload)?.now_ms),
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
    loop {
        let mut copied = match copy_log(&from, &to, &**disk, last_lsn) {
            Ok(copied) => copied,
            Err(CopyError::Log(error)) => return Err(error.into()),
            Err(error) => return Err(ErrorKind::Argument(error.to_string()).into()),
        };
        // A snapshot stands at or before the log's first record: without one the log must be whole.
        if !copy_snapshots(directory, target, disk, &mut copied)? {
            let now = log::Reader::open(&from, Arc::clone(disk))?.first_lsn();
            if now == copied.first_lsn {
                let message = format!(
                    "{} has no good snapshot between LSN {}, before which its log was retired, and \
                     LSN {last_lsn}",
                    directory.display(),
                    now - 1
                );
                return Err(ErrorKind::Argument(message).into());
            }
            continue;
        }
        let (files, bytes, same) = copy_generations(directory, target, disk, true)?;
        copied.files += files;
        copied.bytes += bytes;
        copied.kept += same;
        trim_copy(&to, &**disk, copied.first_lsn)?;
        return Ok(copied);
    }
}

/// Copies the snapshots of what the copied log holds, each checked to the last byte; whether the copy is
/// complete with them.
fn copy_snapshots(
    directory: &Path,
    target: &Path,
    disk: &Arc<dyn Disk>,
    copied: &mut Copied,
) -> Result<bool> {
    let (from, to) = (directory.join(SNAPSHOT_FOLDER), target.join(SNAPSHOT_FOLDER));
    let is_whole = |kept: &[Kept]| {
        copied.first_lsn == 1 || kept.iter().any(|kept| kept.lsn + 1 >= copied.first_lsn)
    };
    let Some(manifest) = snapshot::Manifest::read(&**disk, &from)? else {
        return Ok(is_whole(&[]));
    };
    disk.create_directory(&to).map_err(|error| io_error(&to, error))?;
    let (mut good, mut names) = (Vec::new(), Vec::new());
    let (mut files, mut bytes, mut same) = (0, 0, 0);
    for (kept, path) in Shelf::list(&**disk, &from)? {
        if kept.lsn > copied.last_lsn || kept.lsn + 1 < copied.first_lsn {
            continue;
        }
        let Some(name) = path.file_name().map(|name| to.join(name)) else { continue };
        match copy_file(&**disk, &path, &name) {
            Ok(true) => (files, bytes) = (files + 1, bytes + kept.bytes),
            Ok(false) => same += 1,
            // It retired meanwhile; those that are newer are there.
            Err(log::Error::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                continue;
            }
            Err(error) => return Err(error.into()),
        }
        // A damaged one is of no use to recovery, here or there.
        let copy = Snapshot::open(&**disk, &name, APPLY_EPOCH);
        match copy.and_then(|copy| copy.check().map(|()| copy.crc())) {
            Ok(crc) if crc == kept.crc => {
                good.push(kept);
                names.push(name);
            }
            Ok(_) => {}
            Err(error) if error.is_damage() => {}
            Err(error) => return Err(error.into()),
        }
    }
    if !is_whole(&good) {
        return Ok(false);
    }
    disk.sync_directory(&to).map_err(|error| io_error(&to, error))?;
    if let Some(first) = good.first_mut()
        && copied.first_lsn > 1
    {
        first.role = Role::Base;
    }
    let wanted = snapshot::Manifest { kept: good, ..manifest };
    if snapshot::Manifest::read(&**disk, &to)?.as_ref() != Some(&wanted) {
        wanted.replace(&**disk, &to)?;
    }
    for path in disk.names(&to).map_err(|error| io_error(&to, error))? {
        let is_snapshot = path.extension().is_some_and(|extension| extension == "snapshot");
        if is_snapshot && !names.contains(&path) {
            disk.remove(&path).map_err(|error| io_error(&path, error))?;
        }
    }
    copied.files += files;
    copied.bytes += bytes;
    copied.kept += same;
    Ok(true)
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
