//! Steady: a disk whose directory is synced by one thread at a time, and never again after a failure.
//!
//! Writer, keeper and callers all make names durable in one directory. A sync that fails in one thread may
//! have forgotten a name that another thread owes, whose own sync would then succeed and prove nothing.
//! Invariant: after the first failed sync of the directory all others fail.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::storage::{Disk, DiskFile, LockGuard};
use crate::sync::Mutex;

/// A running log's disk.
pub(crate) struct Steady {
    disk: Arc<dyn Disk>,
    has_failed: Mutex<bool>,
}

impl Steady {
    pub fn over(disk: Arc<dyn Disk>) -> Self {
        Self { disk, has_failed: Mutex::new(false) }
    }
}

impl Disk for Steady {
    fn create_directory(&self, directory: &Path) -> io::Result<()> {
        self.disk.create_directory(directory)
    }

    fn create(&self, file: &Path) -> io::Result<Arc<dyn DiskFile>> {
        self.disk.create(file)
    }

    fn open(&self, file: &Path, writable: bool) -> io::Result<Arc<dyn DiskFile>> {
        self.disk.open(file, writable)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.disk.rename(from, to)
    }

    fn remove(&self, file: &Path) -> io::Result<()> {
        self.disk.remove(file)
    }

    fn sync_directory(&self, directory: &Path) -> io::Result<()> {
        let mut has_failed = self.has_failed.lock();
        if *has_failed {
            return Err(io::Error::other("an earlier sync of the directory failed"));
        }
        let synced = self.disk.sync_directory(directory);
        *has_failed = synced.is_err();
        synced
    }

    fn names(&self, directory: &Path) -> io::Result<Vec<PathBuf>> {
        self.disk.names(directory)
    }

    fn lock(&self, file: &Path) -> io::Result<Option<LockGuard>> {
        self.disk.lock(file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::{Fault, SimulatedDisk};

    #[test]
    fn after_one_failed_sync_of_the_directory_no_other_succeeds() {
        let disk = SimulatedDisk::default();
        let steady = Steady::over(Arc::new(disk.clone()));
        let directory = Path::new("/log");
        assert!(steady.sync_directory(directory).is_ok());
        steady.create(&directory.join("a name that is owed")).expect("it is made");
        disk.plan(0, Fault::Fail(io::ErrorKind::Other));
        assert!(steady.sync_directory(directory).is_err());
        assert!(disk.sync_directory(directory).is_ok(), "the disk would say that all is well");
        assert!(disk.crash(|| 0).files().is_empty(), "and it is not");
        assert!(steady.sync_directory(directory).is_err());
    }
}
