//! Batch: the generations in force of one reactor, and how they change (page 4.3).
//!
//! Which generations count is state like any other: a record of the log says so, at the barrier one pointer
//! is swapped, replay does the same at the same record, and snapshots hold it. Invariants: a generation has
//! its name, synced, before the record that names it is appended; events before that record read the
//! layers before it, those after it the layers after it, live and on replay; a generation's file stays as
//! long as a state that reads it can be asked for.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;

use super::Reactor;
use super::ingest::PATIENCE;
use crate::batch;
use crate::batch::row::parts_of;
use crate::batch::{
    Cause, Dataset, EXTENSION, Generation, ImportRecord, Key, Layer, Ledger, Live, Written, merge,
    path_of,
};
use crate::clock::Clock;
use crate::error::{Error, Result};
use crate::log::{Log, ReserveError};
use crate::profile::{Identifier, Store};
use crate::record::{BadRecord, KIND_IMPORT};
use crate::storage::{Disk, SimulatedDisk};
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicU64, Ordering};

/// Folder of the generations inside a reactor's directory.
pub const BATCH_FOLDER: &str = "batch";

/// What batch data one reactor has.
pub(super) struct Batch {
    disk: Arc<dyn Disk>,
    folder: PathBuf,
    live: ArcSwap<Live>,
    ledger: Mutex<Ledger>,
    /// One change of the layers at a time.
    changing: Mutex<()>,
    /// How often files were written again: what was read before may hold rows that are gone.
    rewritings: AtomicU64,
}

/// What a change of the layers goes through.
#[derive(Clone, Copy)]
pub(super) struct Gate<'a> {
    pub(super) batch: &'a Batch,
    pub(super) store: &'a Store,
    pub(super) clock: &'a Clock,
    pub(super) log: &'a Log,
}

impl Batch {
    /// Of a reactor in memory: its generations are in memory, too.
    pub(super) fn in_memory() -> Self {
        Self::at(Arc::new(SimulatedDisk::default()), PathBuf::from(BATCH_FOLDER))
    }

    /// Of a reactor's directory; nothing is read or made yet.
    pub(super) fn of_directory(disk: &Arc<dyn Disk>, directory: &Path) -> Self {
        Self::at(Arc::clone(disk), directory.join(BATCH_FOLDER))
    }

    fn at(disk: Arc<dyn Disk>, folder: PathBuf) -> Self {
        let live = ArcSwap::from_pointee(Live::default());
        let (ledger, changing) = (Mutex::default(), Mutex::default());
        Self { disk, folder, live, ledger, changing, rewritings: AtomicU64::new(0) }
    }

    pub(super) fn disk(&self) -> &Arc<dyn Disk> {
        &self.disk
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The generations in force. Whoever holds a shard's lock sees one set until it lets go.
    pub(super) fn live(&self) -> Arc<Live> {
        self.live.load_full()
    }

    /// The layers of a dataset as the log names them, the newest first.
    pub(super) fn layers(&self, dataset: &Dataset) -> Vec<Layer> {
        self.ledger.lock().layers(dataset).to_vec()
    }

    /// Every dataset with its layers.
    pub(super) fn datasets(&self) -> Vec<(Dataset, Vec<Layer>)> {
        let ledger = self.ledger.lock();
        ledger.datasets().map(|(dataset, layers)| (dataset.clone(), layers.to_vec())).collect()
    }

    /// The ledger's bytes, for a snapshot; empty when nothing was ever imported.
    pub(super) fn ledger_bytes(&self) -> Vec<u8> {
        let ledger = self.ledger.lock();
        if *ledger == Ledger::default() { Vec::new() } else { ledger.encode() }
    }

    /// Takes a snapshot's ledger in; the reactor holds nothing yet.
    pub(super) fn restore(&self, bytes: &[u8]) -> Result<()> {
        let ledger = Ledger::decode(bytes).map_err(|bad| replay_error(bad.0))?;
        let live = Live::open(&*self.disk, &self.folder, &ledger, &Live::default())?;
        *self.ledger.lock() = ledger;
        self.live.store(Arc::new(live));
        Ok(())
    }

    /// Does what a record of the log says.
    pub(super) fn replayed(&self, payload: &[u8], lsn: u64) -> Result<()> {
        let record = ImportRecord::decode(payload).map_err(|bad| replay_error(bad.0))?;
        let mut ledger = self.ledger.lock();
        let mut next = ledger.clone();
        next.commit(&record, lsn);
        let live = Live::open(&*self.disk, &self.folder, &next, &self.live())?;
        *ledger = next;
        self.live.store(Arc::new(live));
        Ok(())
    }

    /// Reads every row in force: whether it is what was written.
    pub(super) fn check(&self) -> Result<()> {
        for generation in self.live().generations() {
            generation.check()?;
        }
        Ok(())
    }

    /// Removes what a crash has left, and generations that no record names. The caller holds the directory's
    /// lock and has replayed the log.
    pub(super) fn clear(&self) -> Result<()> {
        let names = match self.disk.names(&self.folder) {
            Ok(names) => names,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(self.refused("read", error)),
        };
        let ledger = self.ledger.lock();
        let kept: HashSet<PathBuf> =
            ledger.generations().map(|number| path_of(&self.folder, number)).collect();
        for path in names.into_iter().filter(|path| !kept.contains(path)) {
            self.disk.remove(&path).map_err(|error| self.refused("clear", error))?;
        }
        Ok(())
    }

    /// The number of a new generation, in a folder that is there.
    pub(super) fn reserve(&self) -> Result<u64> {
        let made = self.disk.create_directory(&self.folder);
        made.map_err(|error| self.refused("create the directory", error))?;
        let mut ledger = self.ledger.lock();
        let number = ledger.next_generation();
        ledger.pass(number);
        Ok(number)
    }

    /// Removes the generations that no state from `first_lsn` on reads.
    pub(super) fn let_go(&self, first_lsn: u64) -> Result<()> {
        for number in self.ledger.lock().let_go(first_lsn) {
            self.remove(number)?;
        }
        Ok(())
    }

    /// Removes a generation's file.
    pub(super) fn remove(&self, number: u64) -> Result<()> {
        match self.disk.remove(&path_of(&self.folder, number)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(self.refused("remove a generation of", error))
            }
            _ => Ok(()),
        }
    }

    /// As [`Batch::rewrite_where`], of the rows of these identifiers.
    pub(super) fn rewrite_without(
        &self,
        identifiers: &[Identifier],
    ) -> Result<Vec<(PathBuf, u64)>> {
        self.rewrite_where(&|key, value| {
            identifiers.iter().any(|known| known.key == key && &*known.value == value)
        })
    }

    /// Writes every generation that is kept again without the rows whose key, of this number and text,
    /// `is_theirs`; the files that held some, and how many rows went. What a call that failed has left is
    /// found by the next one, for it asks the files.
    pub(super) fn rewrite_where(
        &self,
        is_theirs: &dyn Fn(u16, &str) -> bool,
    ) -> Result<Vec<(PathBuf, u64)>> {
        let _changing = self.changing.lock();
        let ledger = self.ledger.lock().clone();
        let mut rewritten = Vec::new();
        for number in ledger.generations() {
            let path = path_of(&self.folder, number);
            let generation = Generation::open(&*self.disk, &path)?;
            // Rows of catalogs belong to nobody.
            if generation.kind() == batch::Kind::Catalog {
                continue;
            }
            let keys = keys_where(&generation, is_theirs)?;
            let written = merge::rewrite_without(&self.disk, &self.folder, &generation, &keys)?;
            if let Some(written) = written {
                rewritten.push((path, generation.rows() - written.rows));
            }
        }
        if ledger.generations().next().is_some() {
            let live = Live::open(&*self.disk, &self.folder, &ledger, &Live::default())?;
            self.live.store(Arc::new(live));
            self.rewritings.fetch_add(1, Ordering::Release);
        }
        Ok(rewritten)
    }

    /// The files that hold a row of one of these identifiers.
    pub(super) fn files_with(&self, identifiers: &[Identifier]) -> Result<Vec<PathBuf>> {
        let numbers: Vec<u64> = self.ledger.lock().generations().collect();
        let mut buffer = Vec::new();
        let mut files = Vec::new();
        for number in numbers {
            let path = path_of(&self.folder, number);
            let generation = Generation::open(&*self.disk, &path)?;
            for known in identifiers {
                let key = Key::new(known.key, &known.value);
                if generation.kind() != batch::Kind::Catalog
                    && generation.get(key.bytes(), &mut buffer)?.is_some()
                {
                    files.push(path);
                    break;
                }
            }
        }
        Ok(files)
    }

    fn refused(&self, action: &'static str, source: io::Error) -> Error {
        batch::Error::Io { action, file: self.folder.clone(), source }.into()
    }
}

/// The keys of a generation's rows that are somebody's.
fn keys_where(
    generation: &Generation,
    is_theirs: &dyn Fn(u16, &str) -> bool,
) -> Result<HashSet<Vec<u8>>> {
    let mut keys = HashSet::new();
    let mut walk = generation.walk();
    while let Some((key, _)) = walk.next()? {
        let (number, text) = parts_of(key).map_err(|bad| batch::Error::Damaged {
            file: generation.path().to_path_buf(),
            what: bad.0,
        })?;
        if is_theirs(number, text) {
            keys.insert(key.to_vec());
        }
    }
    Ok(keys)
}

/// What the log's own records and snapshots say, and cannot be read.
fn replay_error(what: &'static str) -> Error {
    crate::error::ErrorKind::Replay(BadRecord(what).to_string()).into()
}

impl Gate<'_> {
    /// Appends the record that `change` makes of a dataset's layers, swaps the pointer at the barrier, and
    /// waits until the record is durable. `None` from `change`: nothing is to change any more.
    pub(super) fn change(
        &self,
        dataset: &Dataset,
        cause: Cause,
        change: impl FnOnce(Vec<Layer>) -> Option<Vec<Layer>>,
    ) -> Result<Option<u64>> {
        let batch = self.batch;
        let _changing = batch.changing.lock();
        let mut ledger = batch.ledger.lock().clone();
        let Some(layers) = change(ledger.layers(dataset).to_vec()) else { return Ok(None) };
        let now_ms = self.clock.server_ms();
        let record = ImportRecord { cause, now_ms, dataset: dataset.clone(), layers };
        let payload = record.encode();
        ledger.commit(&record, 0);
        // Opened before the barrier, under which nothing is read.
        let live = Live::open(&*batch.disk, &batch.folder, &ledger, &batch.live())?;
        let live = Arc::new(live);
        let reservation = loop {
            match self.log.reserve_internal(payload.len()) {
                Ok(reservation) => break reservation,
                Err(full @ ReserveError::Full(_)) => return Err(full.into()),
                Err(ReserveError::Busy(_)) => self.log.wait(self.log.appended(), PATIENCE)?,
            }
        };
        let lsn = {
            let _barrier = self.store.lock_all();
            let _order = self.clock.hold();
            let lsn = self.log.append(reservation, KIND_IMPORT, &[&payload])?;
            batch.live.store(live);
            batch.ledger.lock().commit(&record, lsn);
            lsn
        };
        self.log.wait(lsn, PATIENCE.max(Duration::from_secs(10)))?;
        Ok(Some(lsn))
    }

    /// Merges the newest layers of the first dataset that has too many; whether there was one. `is_over` is
    /// asked now and then whether to give up, which leaves everything as it was.
    pub(super) fn merge_one(&self, is_over: &dyn Fn() -> bool) -> Result<bool> {
        let batch = self.batch;
        let due = batch.datasets().into_iter().find_map(|(dataset, layers)| {
            let bytes: Vec<u64> = layers.iter().map(|layer| layer.bytes).collect();
            merge::due(&bytes).map(|count| (dataset, layers[..count].to_vec()))
        });
        let Some((dataset, merged)) = due else { return Ok(false) };
        let rewritings = batch.rewritings.load(Ordering::Acquire);
        let live = batch.live();
        let is_merged = |generation: &&Arc<Generation>| {
            merged.iter().any(|layer| layer.generation == generation.number())
        };
        let open: Vec<_> = live.layers(&dataset).iter().filter(is_merged).cloned().collect();
        if open.len() != merged.len() {
            return Ok(true);
        }
        let number = batch.reserve()?;
        let Some(written) = merge::merge(&batch.disk, &batch.folder, number, &open, is_over)?
        else {
            return Ok(false);
        };
        let layer = layer_of(&written, [0; 32]);
        let changed = self.change(&dataset, Cause::Merge, |layers| {
            // Rows that were erased meanwhile must not come back by what was read before.
            if batch.rewritings.load(Ordering::Acquire) != rewritings {
                return None;
            }
            let first = merged[0].generation;
            let at = layers.iter().position(|layer| layer.generation == first)?;
            let still = layers.get(at..at + merged.len())? == merged.as_slice();
            let (newer, older) = (&layers[..at], &layers[at + merged.len()..]);
            still.then(|| newer.iter().chain([&layer]).chain(older).cloned().collect())
        });
        if !matches!(changed, Ok(Some(_))) {
            batch.remove(number)?;
        }
        changed.map(|_| true)
    }
}

/// A written generation as the log names it.
pub(super) fn layer_of(written: &Written, source: [u8; 32]) -> Layer {
    let Written { generation, rows, bytes, digest } = *written;
    Layer { generation, digest, rows, bytes, source }
}

/// Copies the generations of a reactor's directory to another, reading each copy when it `checks`; how many
/// files, their bytes, and how many were there already.
pub(super) fn copy_generations(
    directory: &Path,
    target: &Path,
    disk: &Arc<dyn Disk>,
    checks: bool,
) -> Result<(u64, u64, u64)> {
    let (from, to) = (directory.join(BATCH_FOLDER), target.join(BATCH_FOLDER));
    let refuse = |action, file: &Path, source| {
        Error::from(batch::Error::Io { action, file: file.to_path_buf(), source })
    };
    let is_generation = |path: &PathBuf| path.extension().is_some_and(|found| found == EXTENSION);
    let names = |folder: &Path| match disk.names(folder) {
        Ok(names) => Ok(names.into_iter().filter(is_generation).collect::<Vec<_>>()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(refuse("read", folder, error)),
    };
    let (mut files, mut bytes, mut same) = (0, 0, 0);
    let wanted = names(&from)?;
    if wanted.is_empty() && names(&to)?.is_empty() {
        return Ok((0, 0, 0));
    }
    disk.create_directory(&to).map_err(|error| refuse("create the directory", &to, error))?;
    for path in &wanted {
        let Some(name) = path.file_name().map(|name| to.join(name)) else { continue };
        match crate::log::copy_file(&**disk, path, &name) {
            Ok(true) => {
                files += 1;
                if checks {
                    let generation = Generation::open(&**disk, &name)?;
                    generation.check()?;
                    bytes += generation.bytes();
                }
            }
            Ok(false) => same += 1,
            // No state that is kept reads it any more.
            Err(crate::log::Error::Io { source, .. })
                if source.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error.into()),
        }
    }
    for path in names(&to)? {
        let is_wanted = wanted.iter().any(|wanted| wanted.file_name() == path.file_name());
        if !is_wanted {
            disk.remove(&path).map_err(|error| refuse("remove", &path, error))?;
        }
    }
    disk.sync_directory(&to).map_err(|error| refuse("sync", &to, error))?;
    Ok((files, bytes, same))
}

impl Reactor {
    /// Writes all generations that are kept, those of earlier states included, again without the rows of
    /// these identifiers: the files that held some, and how many rows went from each. Nothing of them can be
    /// looked up any more, live or on replay. Rows of catalogs belong to nobody and stay.
    ///
    /// # Errors
    /// `Batch` for a generation that is damaged, and for what the disk refused; those rewritten before stay
    /// so, and calling again goes on.
    pub fn erase_from_batch(&self, identifiers: &[Identifier]) -> Result<Vec<(PathBuf, u64)>> {
        self.batch.rewrite_without(identifiers)
    }

    /// The files of generations that hold a row of one of these identifiers.
    ///
    /// # Errors
    /// `Batch` for a generation that is damaged, and for what the disk refused.
    pub fn batch_files_with(&self, identifiers: &[Identifier]) -> Result<Vec<PathBuf>> {
        self.batch.files_with(identifiers)
    }

    /// What was imported: each dataset with its layers, the newest first.
    pub fn batch_layers(&self) -> Vec<(Dataset, Vec<Layer>)> {
        self.batch.datasets()
    }
}

#[cfg(test)]
#[path = "batch_tests.rs"]
mod tests;
