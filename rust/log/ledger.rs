//! The ledger: the manifest of a running log, shared by all who change it.
//!
//! The writer names new segments, the keeper seals old ones, callers retire what they no longer need. Each
//! change is made on a copy, made durable, and only then believed. Invariants: one change at a time; what
//! is in memory is what the disk was last asked to hold; a file goes only after the manifest has let go of it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::error::Error;
use super::manifest::{Entry, Manifest};
use super::segment::segment_path;
use crate::storage::Disk;
use crate::sync::Mutex;

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
    pub disk: Arc<dyn Disk>,
    pub directory: PathBuf,
    manifest: Mutex<Manifest>,
}

impl Ledger {
    pub fn new(disk: Arc<dyn Disk>, directory: PathBuf, manifest: Manifest) -> Self {
        Self { disk, directory, manifest: Mutex::new(manifest) }
    }

    pub fn disk(&self) -> &dyn Disk {
        &*self.disk
    }

    pub fn directory(&self) -> &Path {
        &self.directory
    }

    pub fn manifest(&self) -> Manifest {
        self.manifest.lock().clone()
    }

    pub fn entries(&self) -> Vec<Entry> {
        self.manifest.lock().entries.clone()
    }

    /// Makes a change durable, then believes it; gives what `change` gave.
    ///
    /// # Errors
    /// What the disk refused; then the change is not believed, and either manifest may stand on the disk.
    pub fn change<T>(&self, change: impl FnOnce(&mut Manifest) -> T) -> Result<T, Error> {
        let mut manifest = self.manifest.lock();
        let mut changed = manifest.clone();
        let given = change(&mut changed);
        if changed != *manifest {
            changed.replace(&*self.disk, &self.directory)?;
            *manifest = changed;
        }
        Ok(given)
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
