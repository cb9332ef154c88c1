//! Errors: what can go wrong with a snapshot, and with which file.
//!
//! A damaged snapshot is no catastrophe: it is set aside and an older one is used. A newer one is refused,
//! because serving from what came before it would undo what it holds. Invariant: messages are for people.

use std::io;
use std::path::{Path, PathBuf};

/// Why a snapshot could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Not what was written.
    #[error("the snapshot {} is damaged: {what}", file.display())]
    Damaged {
        /// The file concerned.
        file: PathBuf,
        /// What is wrong with it.
        what: &'static str,
    },
    /// Written by a newer release, in a format that this one does not know.
    #[error(
        "{} has snapshot format {found}, this release reads up to {known}: use the newer release",
        file.display()
    )]
    NewerFormat {
        /// The file concerned.
        file: PathBuf,
        /// Its format version.
        found: u32,
        /// The newest that this release knows.
        known: u32,
    },
    /// Written by a newer release, whose `apply` computes other states (page 5.3).
    #[error(
        "{} was written at apply epoch {found}, this release computes epoch {known}: use the newer release",
        file.display()
    )]
    NewerEpoch {
        /// The file concerned.
        file: PathBuf,
        /// Its epoch.
        found: u32,
        /// The epoch of this release.
        known: u32,
    },
    /// Of another directory: ids and hashes in it are keyed with another secret.
    #[error("the snapshot {} belongs to another data directory", file.display())]
    Foreign {
        /// The file concerned.
        file: PathBuf,
    },
    /// Something in the state is larger than a block may be.
    #[error("a profile of {bytes} bytes is larger than a snapshot's block of {bytes_max}")]
    TooLarge {
        /// Its bytes.
        bytes: usize,
        /// `limits::BLOCK_BYTES_MAX`.
        bytes_max: usize,
    },
    /// The operating system refused.
    #[error("cannot {action} {}: {source}", file.display())]
    Io {
        /// What was attempted, as a verb.
        action: &'static str,
        /// The file concerned.
        file: PathBuf,
        /// The operating system's answer.
        source: io::Error,
    },
}

impl Error {
    pub(crate) fn io(action: &'static str, file: &Path, source: io::Error) -> Self {
        Self::Io { action, file: file.to_path_buf(), source }
    }

    pub(crate) fn damaged(file: &Path, what: &'static str) -> Self {
        Self::Damaged { file: file.to_path_buf(), what }
    }

    /// Whether the file is of no use, so that an older one may be taken.
    #[must_use]
    pub fn is_damage(&self) -> bool {
        matches!(self, Self::Damaged { .. })
    }
}
