//! The shelf: which snapshots are kept, under which names, and which of them goes when.
//!
//! The two newest are for recovery. Of those that retire, some stay as candidates for the base, so that the
//! log can let go of old segments without waiting for a snapshot to grow old. Invariants: the manifest names
//! a snapshot only after the file has its name durably; a file goes only after the manifest has let go of it;
//! the base goes only when a newer one is the base.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Head;
use super::error::Error;
use super::limits::{CANDIDATES_MAX, RECENT, SET_ASIDE_MS};
use super::manifest::{Kept, MANIFEST_FILE, Manifest, Role};
use super::read::Snapshot;
use super::write::Written;
use crate::storage::Disk;

const TEMPORARY_FILE: &str = "next.tmp";
const EXTENSION: &str = "snapshot";
const DAMAGED: &str = "damaged";

/// The directory of snapshots, held by the log's one writer.
pub struct Shelf {
    disk: Arc<dyn Disk>,
    folder: PathBuf,
    manifest: Manifest,
}

impl Shelf {
    /// Reads the manifest, making folder and manifest when there are none, and removes what a crash has
    /// left and what was set aside long ago. The caller holds the directory's lock. `log_epoch` is the apply
    /// epoch of the log's last start: what a directory without a manifest was served with.
    ///
    /// # Errors
    /// `Damaged` for the manifest itself, `NewerFormat`, `NewerEpoch`, or what the disk refused.
    pub fn open(
        disk: Arc<dyn Disk>,
        folder: &Path,
        apply_epoch: u32,
        log_epoch: u32,
        now_ms: i64,
    ) -> Result<Self, Error> {
        let refuse = |error| Error::io("create the directory", folder, error);
        disk.create_directory(folder).map_err(refuse)?;
        let manifest = match Manifest::read(&*disk, folder)? {
            Some(manifest) => manifest,
            None => {
                let manifest = Manifest::new(log_epoch);
                manifest.replace(&*disk, folder)?;
                manifest
            }
        };
        if manifest.apply_epoch > apply_epoch {
            let (file, found) = (folder.join(MANIFEST_FILE), manifest.apply_epoch);
            return Err(Error::NewerEpoch { file, found, known: apply_epoch });
        }
        let shelf = Self { disk, folder: folder.to_path_buf(), manifest };
        shelf.clear(now_ms)?;
        Ok(shelf)
    }

    /// The snapshots of a directory, oldest first, read without any lock.
    ///
    /// # Errors
    /// `Damaged` for the manifest itself, `NewerFormat`, or what the disk refused.
    pub fn list(disk: &dyn Disk, folder: &Path) -> Result<Vec<(Kept, PathBuf)>, Error> {
        let manifest = Manifest::read(disk, folder)?;
        let kept = manifest.map_or_else(Vec::new, |manifest| manifest.kept);
        Ok(kept.into_iter().map(|kept| (kept, path_of(folder, kept.number))).collect())
    }

    /// The snapshots, oldest first.
    #[must_use]
    pub fn kept(&self) -> &[Kept] {
        &self.manifest.kept
    }

    /// Apply epoch of the release that last served from this directory.
    #[must_use]
    pub fn apply_epoch(&self) -> u32 {
        self.manifest.apply_epoch
    }

    /// Where the next snapshot is written.
    #[must_use]
    pub fn temporary(&self) -> PathBuf {
        self.folder.join(TEMPORARY_FILE)
    }

    /// Opens one of those kept.
    ///
    /// # Errors
    /// As [`Snapshot::open`]; `Damaged` also when it is not the file that the manifest means.
    pub fn read(&self, kept: &Kept, apply_epoch: u32) -> Result<Snapshot, Error> {
        let path = path_of(&self.folder, kept.number);
        let snapshot = Snapshot::open(&*self.disk, &path, apply_epoch)?;
        if snapshot.crc() != kept.crc || snapshot.head().lsn != kept.lsn {
            return Err(Error::damaged(&path, "it is not the one that the manifest names"));
        }
        Ok(snapshot)
    }

    /// Gives the file at [`Shelf::temporary`] its name, and keeps it. `stays` is asked about the one that
    /// retires with it: whether it becomes a candidate, given the newest candidate or base before it.
    ///
    /// # Errors
    /// What the disk refused; then the old manifest or the new one stands, and both are good.
    pub fn keep(
        &mut self,
        head: &Head,
        written: &Written,
        stays: impl FnOnce(Option<&Kept>, &Kept) -> bool,
    ) -> Result<Kept, Error> {
        let mut next = self.manifest.clone();
        let kept = Kept {
            number: next.next_number,
            lsn: head.lsn,
            bytes: written.bytes,
            taken_ms: head.taken_ms,
            apply_epoch: head.apply_epoch,
            role: Role::None,
            crc: written.crc,
        };
        next.next_number += 1;
        next.apply_epoch = head.apply_epoch;
        next.kept.push(kept);
        retire(&mut next.kept, stays);
        // Whatever comes of it, the number is not given again.
        self.manifest.next_number = next.next_number;
        let (from, to) = (self.temporary(), path_of(&self.folder, kept.number));
        self.disk.rename(&from, &to).map_err(|error| Error::io("name", &to, error))?;
        self.sync_folder()?;
        self.change(next)?;
        Ok(kept)
    }

    /// Gives the file at [`Shelf::temporary`] the place of one of those kept.
    pub(super) fn exchange(&mut self, old: &Kept, written: &Written) -> Result<(), Error> {
        let mut next = self.manifest.clone();
        let number = next.next_number;
        next.next_number += 1;
        // Whatever comes of it, the number is not given again.
        self.manifest.next_number = next.next_number;
        for kept in next.kept.iter_mut().filter(|kept| kept.number == old.number) {
            *kept = Kept { number, bytes: written.bytes, crc: written.crc, ..*kept };
        }
        let (from, to) = (self.temporary(), path_of(&self.folder, number));
        self.disk.rename(&from, &to).map_err(|error| Error::io("name", &to, error))?;
        self.sync_folder()?;
        self.change(next)
    }

    pub(super) fn disk(&self) -> &dyn Disk {
        &*self.disk
    }

    /// Removes what was set aside, and what a removal that failed has left.
    ///
    /// # Errors
    /// What the disk refused.
    pub fn remove_set_aside(&self) -> Result<u64, Error> {
        let refuse = |error| Error::io("read", &self.folder, error);
        let mut removed = 0;
        for path in self.disk.names(&self.folder).map_err(refuse)? {
            let ends_with = |end: &str| path.extension().is_some_and(|extension| extension == end);
            let names = |kept: &Kept| path_of(&self.folder, kept.number) == path;
            let is_old = ends_with(EXTENSION) && !self.manifest.kept.iter().any(names);
            if is_old || ends_with(DAMAGED) {
                self.remove(&path)?;
                removed += 1;
            }
        }
        Ok(removed)
    }

    /// Makes a snapshot the base and lets go of all before it. Its file has been read back by the caller.
    ///
    /// # Errors
    /// As [`Shelf::keep`].
    pub fn make_base(&mut self, number: u64) -> Result<(), Error> {
        let mut next = self.manifest.clone();
        let at = next.kept.iter().position(|kept| kept.number == number);
        next.kept.drain(..at.unwrap_or(0));
        if at.is_some() {
            next.kept[0].role = Role::Base;
        }
        if next == self.manifest { Ok(()) } else { self.change(next) }
    }

    /// Sets a damaged snapshot aside: it keeps its bytes under another name, and counts no more.
    ///
    /// # Errors
    /// What the disk refused.
    pub fn set_aside(&mut self, number: u64, now_ms: i64) -> Result<(), Error> {
        let path = path_of(&self.folder, number);
        let aside = self.folder.join(format!("{number:012}.{EXTENSION}.{now_ms}.{DAMAGED}"));
        match self.disk.rename(&path, &aside) {
            Ok(()) => self.sync_folder()?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(Error::io("set aside", &path, error)),
        }
        let mut next = self.manifest.clone();
        next.kept.retain(|kept| kept.number != number);
        next.replace(&*self.disk, &self.folder)?;
        self.manifest = next;
        Ok(())
    }

    /// Notes that this release, whose apply has another epoch, has nothing to mark: there is no state yet.
    ///
    /// # Errors
    /// What the disk refused.
    pub fn mark_epoch(&mut self, apply_epoch: u32) -> Result<(), Error> {
        let next = Manifest { apply_epoch, ..self.manifest.clone() };
        self.change(next)
    }

    /// Makes another manifest the one that counts, then removes the files that only the old one named.
    fn change(&mut self, next: Manifest) -> Result<(), Error> {
        next.replace(&*self.disk, &self.folder)?;
        let old = std::mem::replace(&mut self.manifest, next);
        let stands = |number| self.manifest.kept.iter().any(|kept| kept.number == number);
        for gone in old.kept.iter().filter(|kept| !stands(kept.number)) {
            self.remove(&path_of(&self.folder, gone.number))?;
        }
        Ok(())
    }

    fn clear(&self, now_ms: i64) -> Result<(), Error> {
        let refuse = |error| Error::io("read", &self.folder, error);
        for path in self.disk.names(&self.folder).map_err(refuse)? {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let is_left = match name.rsplit_once('.') {
                Some((number, EXTENSION)) => {
                    self.manifest.kept.iter().all(|kept| number != format!("{:012}", kept.number))
                }
                Some((_, "tmp")) => true,
                Some((aside, DAMAGED)) => {
                    let since = aside.rsplit_once('.').and_then(|(_, ms)| ms.parse::<i64>().ok());
                    since.is_some_and(|since| now_ms.saturating_sub(since) > SET_ASIDE_MS)
                }
                _ => false,
            };
            if is_left {
                self.remove(&path)?;
            }
        }
        Ok(())
    }

    fn remove(&self, path: &Path) -> Result<(), Error> {
        match self.disk.remove(path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(Error::io("remove", path, error))
            }
            _ => Ok(()),
        }
    }

    fn sync_folder(&self) -> Result<(), Error> {
        let refuse = |error| Error::io("sync", &self.folder, error);
        self.disk.sync_directory(&self.folder).map_err(refuse)
    }
}

/// Lets the one go that is no longer among the newest, unless it is the base or stays as a candidate.
fn retire(kept: &mut Vec<Kept>, stays: impl FnOnce(Option<&Kept>, &Kept) -> bool) {
    let Some(at) = kept.len().checked_sub(RECENT + 1) else { return };
    if kept[at].role != Role::None {
        return;
    }
    let older = &kept[..at];
    let candidates = older.iter().filter(|kept| kept.role == Role::Candidate).count();
    let newest = older.last();
    if candidates < CANDIDATES_MAX && stays(newest, &kept[at]) {
        kept[at].role = Role::Candidate;
    } else {
        kept.remove(at);
    }
}

fn path_of(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("{number:012}.{EXTENSION}"))
}
