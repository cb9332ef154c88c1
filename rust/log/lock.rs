//! The directory's lock: one writer on a directory, the second is refused at once.
//!
//! Invariant: the lock file is never removed, for removing it would let two processes lock two files.

use std::path::Path;

use super::error::Error;
use crate::storage::{Disk, LockGuard};

/// Name of the lock file in the log's directory.
pub const LOCK_FILE: &str = "lock";

/// Takes the directory's lock, or says who cannot have it.
///
/// # Errors
/// `Error::Locked` when somebody else holds it, `Error::Io` when the file cannot be made.
pub(crate) fn lock_directory(directory: &Path, disk: &dyn Disk) -> Result<LockGuard, Error> {
    let file = directory.join(LOCK_FILE);
    match disk.lock(&file) {
        Ok(Some(guard)) => Ok(guard),
        Ok(None) => Err(Error::Locked { directory: directory.to_path_buf() }),
        Err(error) => Err(Error::io("lock", &file, error)),
    }
}
