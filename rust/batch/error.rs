//! Errors: what can go wrong with batch data, and with which file.
//!
//! A generation that is missing or damaged is never passed over: what the log says is in force is read
//! whole or not at all. Invariant: messages are for people, and name no value of a row.

use std::io;
use std::path::{Path, PathBuf};

/// Why batch data could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Not what was written.
    #[error("the batch data {} is damaged: {what}", file.display())]
    Damaged {
        /// The file concerned.
        file: PathBuf,
        /// What is wrong with it.
        what: &'static str,
    },
    /// The log says that it is in force, and it is not there.
    #[error("the batch data {} is missing: restore it from a backup", file.display())]
    Missing {
        /// The file concerned.
        file: PathBuf,
    },
    /// Written by a newer release, in a format that this one does not know.
    #[error("{} has batch format {found}, this release reads {known}: use the newer release", file.display())]
    NewerFormat {
        /// The file concerned.
        file: PathBuf,
        /// Its format version.
        found: u32,
        /// What this release knows.
        known: u32,
    },
    /// Rows that are too many or too large; the sentence says what is allowed.
    #[error("{0}")]
    Limit(String),
    /// The operating system refused.
    #[error("cannot {action} {}: {source}", file.display())]
    Io {
        /// What was to be done.
        action: &'static str,
        /// The file concerned.
        file: PathBuf,
        /// The system's own error.
        source: io::Error,
    },
}

impl Error {
    pub(super) fn io(action: &'static str, file: &Path, source: io::Error) -> Self {
        Self::Io { action, file: file.to_path_buf(), source }
    }

    pub(super) fn damaged(file: &Path, what: &'static str) -> Self {
        Self::Damaged { file: file.to_path_buf(), what }
    }
}
