//! Watched: a disk that shows every call that changes something to a watcher before and after it is made.
//!
//! Crash images, kills and progress all happen at calls of the disk, for between them nothing changes on it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use p13n::log::storage::{Disk, DiskFile, LockGuard, Room};

/// What is asked of the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    Create,
    Write,
    Truncate,
    Allocate,
    Sync,
    Rename,
    Remove,
    SyncDirectory,
}

/// Sees calls, in the thread that makes them.
pub trait Watcher: Send + Sync {
    /// A call is about to be made.
    fn before(&self, act: Act, path: &Path);
    /// A call was made.
    fn after(&self, act: Act, path: &Path);
}

/// A disk under watch.
pub struct Watched {
    disk: Arc<dyn Disk>,
    watcher: Arc<dyn Watcher>,
}

impl Watched {
    pub fn new(disk: Arc<dyn Disk>, watcher: Arc<dyn Watcher>) -> Self {
        Self { disk, watcher }
    }

    fn file(&self, file: Arc<dyn DiskFile>, path: &Path) -> Arc<dyn DiskFile> {
        let watcher = Arc::clone(&self.watcher);
        Arc::new(WatchedFile { file, watcher, path: path.to_path_buf() })
    }
}

fn watch<T>(watcher: &dyn Watcher, act: Act, path: &Path, call: impl FnOnce() -> T) -> T {
    watcher.before(act, path);
    let done = call();
    watcher.after(act, path);
    done
}

impl Disk for Watched {
    fn create_directory(&self, directory: &Path) -> io::Result<()> {
        self.disk.create_directory(directory)
    }

    fn create(&self, file: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let created = watch(&*self.watcher, Act::Create, file, || self.disk.create(file))?;
        Ok(self.file(created, file))
    }

    fn open(&self, file: &Path, writable: bool) -> io::Result<Arc<dyn DiskFile>> {
        Ok(self.file(self.disk.open(file, writable)?, file))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        watch(&*self.watcher, Act::Rename, to, || self.disk.rename(from, to))
    }

    fn remove(&self, file: &Path) -> io::Result<()> {
        watch(&*self.watcher, Act::Remove, file, || self.disk.remove(file))
    }

    fn sync_directory(&self, directory: &Path) -> io::Result<()> {
        let call = || self.disk.sync_directory(directory);
        watch(&*self.watcher, Act::SyncDirectory, directory, call)
    }

    fn names(&self, directory: &Path) -> io::Result<Vec<PathBuf>> {
        self.disk.names(directory)
    }

    fn room(&self, directory: &Path) -> io::Result<Room> {
        self.disk.room(directory)
    }

    fn lock(&self, file: &Path) -> io::Result<Option<LockGuard>> {
        self.disk.lock(file)
    }
}

struct WatchedFile {
    file: Arc<dyn DiskFile>,
    watcher: Arc<dyn Watcher>,
    path: PathBuf,
}

impl DiskFile for WatchedFile {
    fn length(&self) -> io::Result<u64> {
        self.file.length()
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file.read_at(buffer, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        let call = || self.file.write_at(bytes, offset);
        watch(&*self.watcher, Act::Write, &self.path, call)
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        watch(&*self.watcher, Act::Truncate, &self.path, || self.file.truncate(length))
    }

    fn sync(&self) -> io::Result<()> {
        watch(&*self.watcher, Act::Sync, &self.path, || self.file.sync())
    }

    fn allocate(&self, bytes: u64) -> io::Result<()> {
        watch(&*self.watcher, Act::Allocate, &self.path, || self.file.allocate(bytes))
    }

    fn forget_cache(&self) -> io::Result<()> {
        self.file.forget_cache()
    }
}
