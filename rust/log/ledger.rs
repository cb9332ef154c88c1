//! The ledger: the manifest of a running log, shared by all who change it.
//!
//! The writer names new segments, the keeper seals old ones, callers retire what they no longer need. Each
//! change is made on a copy, made durable, and only then believed. Invariants: one change at a time; what
//! is in memory is what the disk was last asked to hold; a file goes only after the manifest has let go of it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::error::Error;
use super::limits::SEGMENTS_MAX;
use super::manifest::{Entry, Manifest};
use super::segment::segment_path;
use crate::storage::Disk;
use crate::sync::{Mutex, MutexGuard};

/// What [`super::Log::retain_from`] removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Retired {
    /// Segments that went.
    pub segments: usize,
    /// Length of their files, in bytes.
    pub bytes: u64,
}

/// The manifest of a running log.
pub(crate) struct Ledger {
    disk: Arc<dyn Disk>,
    directory: PathBuf,
    /// Held while a change is made durable; those who only look need not wait for it.
    changing: Mutex<()>,
    manifest: Mutex<Arc<Manifest>>,
    /// Held by whoever gives a closed segment another form.
    reshaping: Mutex<()>,
}

impl Ledger {
    pub fn new(disk: Arc<dyn Disk>, directory: PathBuf, manifest: Manifest) -> Self {
        let manifest = Mutex::new(Arc::new(manifest));
        let (changing, reshaping) = (Mutex::new(()), Mutex::new(()));
        Self { disk, directory, changing, manifest, reshaping }
    }

    pub fn disk(&self) -> &dyn Disk {
        &*self.disk
    }

    pub fn directory(&self) -> &Path {
        &self.directory
    }

    pub fn manifest(&self) -> Arc<Manifest> {
        Arc::clone(&self.manifest.lock())
    }

    pub fn entries(&self) -> Vec<Entry> {
        self.manifest().entries.clone()
    }

    pub fn next_number(&self) -> u64 {
        self.manifest().next_number
    }

    /// Makes a change durable, then believes it; gives what `change` gave.
    ///
    /// # Errors
    /// `DiskFull` when there was no room, and nothing has changed; whatever else the disk refused: then
    /// either manifest may stand on the disk.
    pub fn change<T>(&self, change: impl FnOnce(&mut Manifest) -> T) -> Result<T, Error> {
        let _one_at_a_time = self.changing.lock();
        let before = self.manifest();
        let mut changed = Manifest::clone(&before);
        let given = change(&mut changed);
        if changed.entries.len() > SEGMENTS_MAX {
            let directory = self.directory.clone();
            return Err(Error::TooManySegments { directory, segments_max: SEGMENTS_MAX });
        }
        if changed != *before {
            changed.replace(&*self.disk, &self.directory)?;
            *self.manifest.lock() = Arc::new(changed);
        }
        Ok(given)
    }

    /// Waits until nobody else gives a closed segment another form, and keeps others from it.
    pub fn reshape(&self) -> MutexGuard<'_, ()> {
        self.reshaping.lock()
    }

    /// As [`Ledger::reshape`]; `None` at once when somebody does.
    pub fn try_reshape(&self) -> Option<MutexGuard<'_, ()>> {
        self.reshaping.try_lock()
    }

    /// Removes the files of segments that the manifest has let go of.
    ///
    /// # Errors
    /// What the disk refused. A file that could not be removed is no part of the log any more.
    pub fn remove(&self, gone: &[Entry]) -> Result<Retired, Error> {
        let mut retired = Retired::default();
        for entry in gone {
            let path = segment_path(&self.directory, entry);
            self.disk.remove(&path).map_err(|error| Error::io("remove", &path, error))?;
            retired.segments += 1;
            retired.bytes += entry.file_bytes;
        }
        Ok(retired)
    }
}
