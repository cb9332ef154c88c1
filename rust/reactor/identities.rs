//! Identities: the identity log of a running reactor, and what is asked of it.
//!
//! Invariant: what is read here holds everything that came before the question.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::Reactor;
use super::open::{LOG_FOLDER, Options};
use super::read::identifier;
use crate::error::{Error, ErrorKind, Result};
use crate::identity_log::limits::SETTLE_MS;
use crate::identity_log::{self, Figures, Follow, Follower, IDENTITY_FOLDER, Person, Register};
use crate::log::ReplayError;
use crate::profile::Rid;
use crate::record::BadRecord;
use crate::storage::Disk;

/// Where a reactor's identity log is read.
pub(super) struct Registry {
    pub(super) directory: PathBuf,
    pub(super) disk: Arc<dyn Disk>,
    pub(super) follower: Follower,
}

impl Reactor {
    /// Starts the identity log of a reactor that has a directory.
    pub(super) fn follow(&mut self, directory: &Path, options: &Options) -> io::Result<()> {
        if !options.identity_log {
            return Ok(());
        }
        let follower = Follower::start(Follow {
            log: Arc::clone(&self.log),
            log_folder: directory.join(LOG_FOLDER),
            folder: directory.join(IDENTITY_FOLDER),
            disk: Arc::clone(&options.disk),
            keys: self.numbers.lock().keys.clone(),
            segment_bytes_max: options.segment_bytes_max,
        })?;
        let (directory, disk) = (directory.to_path_buf(), Arc::clone(&options.disk));
        self.identities = Some(Arc::new(Registry { directory, disk, follower }));
        Ok(())
    }

    /// How far the identity log is; nothing of a reactor in memory.
    pub fn identity_figures(&self) -> Figures {
        let registry = self.identities.as_ref();
        registry.map_or_else(Figures::default, |registry| registry.follower.figures())
    }

    /// The identity log, with everything in it that has come by now.
    ///
    /// # Errors
    /// `Argument` for a reactor that keeps none; `NotDurable`; `Log` when it cannot be read; `Replay` when it does not
    /// come up to now in time, with why.
    pub fn register(&self) -> Result<Register> {
        let Some(registry) = &self.identities else {
            let message = "a reactor in memory keeps no identity log".to_owned();
            return Err(ErrorKind::Argument(message).into());
        };
        let appended = self.log.appended();
        self.log.wait(appended, self.commit_timeout)?;
        let synced_lsn = self.log.synced();
        if !registry.follower.settle(synced_lsn, Duration::from_millis(SETTLE_MS)) {
            let Figures { failure, durable_lsn, .. } = registry.follower.figures();
            let why = failure.unwrap_or_else(|| "it is behind".to_owned());
            let message = format!(
                "the identity log reaches LSN {durable_lsn} of {synced_lsn} and no further: {why}"
            );
            return Err(ErrorKind::Replay(message).into());
        }
        Ok(Register::open(&registry.directory, Arc::clone(&registry.disk))?)
    }

    /// All that the identity log knows of the person whom `value` of the key named `key` identifies, or did.
    ///
    /// # Errors
    /// As [`Reactor::register`]; `Argument` for an unknown key or a value that never identifies.
    pub fn person(&self, key: &str, value: &str) -> Result<Option<Person>> {
        let identifier = identifier(&self.published(), key, value)?;
        self.register()?.person_of(&identifier).map_err(register_error)
    }

    /// All that the identity log knows of the person one of whose profiles is, or was, `rid`.
    ///
    /// # Errors
    /// As [`Reactor::register`].
    pub fn person_of_rid(&self, rid: Rid) -> Result<Option<Person>> {
        self.register()?.person(rid).map_err(register_error)
    }

    /// The profile that `rid` is part of by now.
    ///
    /// # Errors
    /// As [`Reactor::register`].
    pub fn current_rid(&self, rid: Rid) -> Result<Option<Rid>> {
        self.register()?.alias(rid).map_err(register_error)
    }
}

/// What reading an identity log met, as the reactor's error.
pub fn register_error(error: ReplayError<BadRecord>) -> Error {
    match error {
        ReplayError::Log(error) => error.into(),
        ReplayError::Apply { lsn, error } => {
            let folder = identity_log::IDENTITY_FOLDER;
            ErrorKind::Replay(format!("entry {lsn} of {folder} cannot be read: {error}")).into()
        }
    }
}
