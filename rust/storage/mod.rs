//! Storage: the few things that the log asks of a disk, as a trait.
//!
//! One neighbour behind a trait small enough to fake: the real disk is `real.rs`, the one that forgets
//! unsynced bytes and fails on demand is `simulated.rs`. Invariants: a write is durable only after
//! `DiskFile::sync`, a name only after `Disk::sync_directory`; nothing here retries or buffers.

mod real;
mod simulated;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use real::RealDisk;
pub use simulated::{Fault, SimulatedDisk};

/// Holds the directory's lock until dropped.
pub type LockGuard = Box<dyn Send + Sync>;

/// Size of a disk, bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// All of it.
    pub total: u64,
    /// What this process may still take.
    pub free: u64,
}

/// A file system as the log sees it.
pub trait Disk: Send + Sync {
    /// Creates the directory and its parents; no error when it exists.
    fn create_directory(&self, directory: &Path) -> io::Result<()>;
    /// Creates a file, or empties an existing one, for reading and writing.
    fn create(&self, file: &Path) -> io::Result<Arc<dyn DiskFile>>;
    /// Opens an existing file; `writable` asks for writing too.
    fn open(&self, file: &Path, writable: bool) -> io::Result<Arc<dyn DiskFile>>;
    /// Renames, replacing the target atomically.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file.
    fn remove(&self, file: &Path) -> io::Result<()>;
    /// Makes creations, renames and removals in the directory durable.
    fn sync_directory(&self, directory: &Path) -> io::Result<()>;
    /// Names of the directory's files. Used only to refuse a directory that lost its manifest, and to find
    /// leftovers.
    fn names(&self, directory: &Path) -> io::Result<Vec<PathBuf>>;
    /// How much the disk of a directory holds, and how much of it is free.
    /// One that cannot say is as large as can be.
    fn room(&self, _directory: &Path) -> io::Result<Room> {
        Ok(Room { total: u64::MAX, free: u64::MAX })
    }
    /// Takes the exclusive lock on a file without waiting; `None` when somebody else has it.
    fn lock(&self, file: &Path) -> io::Result<Option<LockGuard>>;
}

/// An open file; positions are explicit, so that threads share it without a cursor.
pub trait DiskFile: Send + Sync {
    /// Length in bytes.
    fn length(&self) -> io::Result<u64>;
    /// Reads up to `buffer.len()` bytes; 0 at the end of the file.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;
    /// Writes some bytes and says how many.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize>;
    /// Cuts the file to `length` bytes.
    fn truncate(&self, length: u64) -> io::Result<()>;
    /// Makes the file's bytes and its length durable (`fdatasync`).
    fn sync(&self) -> io::Result<()>;
    /// Takes room for the file's first `bytes` bytes without changing its length, so that writing there
    /// needs none. `Unsupported` where the file system cannot.
    fn allocate(&self, bytes: u64) -> io::Result<()> {
        let _unused = bytes;
        Err(io::Error::from(io::ErrorKind::Unsupported))
    }
    /// Lets go of what the cache holds of the file and the disk is believed to have, so that the next read
    /// asks the disk. After a failed sync the two may differ.
    fn forget_cache(&self) -> io::Result<()> {
        Ok(())
    }
}

/// Whether an error says that the disk, or a quota, is full.
pub(crate) fn is_no_room(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// Writes all bytes: short writes go on where they stopped, an interrupted call is made again.
pub(crate) fn write_all(file: &dyn DiskFile, mut bytes: &[u8], mut offset: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        match file.write_at(bytes, offset) {
            Ok(0) => return Err(io::Error::from(io::ErrorKind::WriteZero)),
            Ok(written) => {
                assert!(written <= bytes.len(), "a disk wrote more than it was given");
                bytes = &bytes[written..];
                offset += written as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Fills the buffer from `offset` and says how many bytes there were before the end of the file.
pub(crate) fn read_full(file: &dyn DiskFile, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read_at(&mut buffer[filled..], offset + filled as u64) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
