//! Inspect: everything that is wrong with a reactor's directory, without its lock.
//!
//! The log's own look sees bytes; here its records are read, too, and so is every snapshot to its last
//! byte. Invariant: nothing is changed, and damage is an answer, never an error.

use std::path::{Path, PathBuf};

use super::open::{LOG_FOLDER, SNAPSHOT_FOLDER};
use crate::batch::ImportRecord;
use crate::error::Result;
use crate::log::storage::Disk;
use crate::log::{Record, Verification, verify};
use crate::record::{
    APPLY_EPOCH, BadRecord, ConfigurationRecord, ErasedRecord, ErasureRecord, EventReplay,
    EvictionRecord, KIND_CONFIGURATION, KIND_ERASED, KIND_ERASURE, KIND_EVENT, KIND_EVICTION,
    KIND_IMPORT, KIND_LINES, KIND_TOMBSTONE, LinesRecord, Tombstone,
};
use crate::snapshot::{Error, Kept, Shelf, Snapshot};

/// What a directory holds and what is wrong with it.
#[derive(Debug, Default)]
pub struct Inspection {
    /// The log.
    pub log: Verification,
    /// Records whose checksums hold and that this release cannot read: LSN, and why.
    pub unreadable: Vec<(u64, String)>,
    /// The snapshots that are kept, oldest first.
    pub snapshots: Vec<SnapshotState>,
    /// What is wrong with their manifest.
    pub snapshots_damage: Option<(PathBuf, String)>,
}

/// One snapshot.
#[derive(Debug)]
pub struct SnapshotState {
    /// Its file.
    pub file: PathBuf,
    /// What the manifest says of it.
    pub kept: Kept,
    /// What is wrong with it.
    pub damage: Option<String>,
}

impl Inspection {
    /// Whether anything is damaged. An unfinished end is not.
    #[must_use]
    pub fn is_damaged(&self) -> bool {
        !self.log.damages.is_empty()
            || !self.unreadable.is_empty()
            || self.snapshots_damage.is_some()
            || self.snapshots.iter().any(|snapshot| snapshot.damage.is_some())
    }
}

/// Reads all of a reactor's directory.
///
/// # Errors
/// `Log` when there is no log, or what the disk refused; a newer format or epoch.
pub fn inspect(directory: &Path, disk: &dyn Disk) -> Result<Inspection> {
    let mut found = Inspection::default();
    let unreadable = &mut found.unreadable;
    found.log = verify(&directory.join(LOG_FOLDER), disk, &mut |record| {
        if let Err(error) = check_record(&record) {
            unreadable.push((record.lsn.counter, error.to_string()));
        }
    })?;
    match Shelf::list(disk, &directory.join(SNAPSHOT_FOLDER)) {
        Ok(kept) => {
            for (kept, file) in kept {
                let damage = damage_of(disk, &kept, &file)?;
                found.snapshots.push(SnapshotState { file, kept, damage });
            }
        }
        Err(Error::Damaged { file, what }) => {
            found.snapshots_damage = Some((file, what.to_owned()));
        }
        Err(error) => return Err(error.into()),
    }
    Ok(found)
}

fn check_record(record: &Record<'_>) -> Result<(), BadRecord> {
    match record.kind {
        KIND_EVENT => EventReplay::decode(record.payload).map(|_| ()),
        KIND_CONFIGURATION => ConfigurationRecord::decode(record.payload).map(|_| ()),
        KIND_LINES => LinesRecord::decode(record.payload).map(|_| ()),
        KIND_IMPORT => Ok(ImportRecord::decode(record.payload).map(|_| ())?),
        KIND_ERASURE => ErasureRecord::decode(record.payload).map(|_| ()),
        KIND_ERASED => ErasedRecord::decode(record.payload).map(|_| ()),
        KIND_TOMBSTONE => Tombstone::decode(record.payload).map(|_| ()),
        KIND_EVICTION => EvictionRecord::decode(record.payload).map(|_| ()),
        _ => Ok(()),
    }
}

/// What is wrong with a snapshot's file; one that is retired meanwhile is not damaged.
pub(super) fn damage_of(disk: &dyn Disk, kept: &Kept, file: &Path) -> Result<Option<String>> {
    let read = Snapshot::open(disk, file, APPLY_EPOCH);
    match read.and_then(|snapshot| snapshot.check().map(|()| snapshot)) {
        Ok(snapshot) if snapshot.crc() == kept.crc && snapshot.head().lsn == kept.lsn => Ok(None),
        Ok(_) => Ok(Some("it is not the one that the manifest names".to_owned())),
        Err(error) if error.is_damage() => {
            let folder = file.parent().unwrap_or(file);
            let still = Shelf::list(disk, folder)?.iter().any(|(now, _)| now == kept);
            Ok(still.then(|| error.to_string()))
        }
        Err(error) => Err(error.into()),
    }
}
