//! The simulated disk: a file system in memory that forgets what was not synced and fails on demand.
//!
//! It is what tests hold against the log: a crash keeps of the unsynced writes any subset, torn at
//! 512-byte sectors, and any subset of the unsynced names, which is more than a journalled file system would
//! take. Faults count every call that changes something or syncs. A failed sync leaves pages that are clean and
//! wrong: read until the cache is dropped, never written again. Invariants: synced bytes and synced names
//! always survive a crash; the same seed gives the same crash.

use std::collections::{BTreeMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::sync::Mutex;

use super::{Disk, DiskFile, LockGuard};

/// What the N-th call does instead of its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The call fails with this kind of error; a failed sync forgets what it should have synced, as Linux
    /// does, so that a second one would "succeed" without it.
    Fail(io::ErrorKind),
    /// A write takes half of its bytes and succeeds; other calls are untouched.
    Short,
    /// Every call from this one on fails with an I/O error, as after a pulled cable; what was unsynced
    /// then may survive the crash that follows, or not.
    Dead,
    /// The call panics, as our own bug would.
    Panic,
}

const SECTOR_BYTES: usize = 512;

#[derive(Clone)]
enum Change {
    Write { offset: usize, bytes: Vec<u8> },
    Truncate(usize),
}

/// One file's bytes: as the disk has them, as the cache has them, and what lies between.
#[derive(Clone, Default)]
struct Inode {
    durable: Vec<u8>,
    cached: Vec<u8>,
    unsynced: Vec<Change>,
    /// Room taken ahead, in bytes from the beginning.
    allocated: usize,
}

#[derive(Clone)]
enum Naming {
    Link(PathBuf, usize),
    Rename(PathBuf, PathBuf, usize),
    Remove(PathBuf),
}

type Names = BTreeMap<PathBuf, usize>;

#[derive(Clone, Default)]
struct State {
    inodes: Vec<Inode>,
    durable_names: Names,
    names: Names,
    unsynced_names: Vec<Naming>,
    calls: u64,
    fault: Option<(u64, Fault)>,
    dead: bool,
    /// Bytes that all files together may take; `None` for no bound.
    capacity: Option<usize>,
}

/// A disk in memory, shared by its clones.
#[derive(Clone, Default)]
pub struct SimulatedDisk {
    state: Arc<Mutex<State>>,
    locks: Arc<Mutex<HashSet<PathBuf>>>,
}

impl SimulatedDisk {
    /// Plans a fault for the `call`-th counted call from now on, beginning with 0.
    pub fn plan(&self, call: u64, fault: Fault) {
        let mut state = self.state.lock();
        state.fault = Some((state.calls + call, fault));
    }

    /// Counted calls so far: creations, writes, cuts, allocations, syncs, renames, removals.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.state.lock().calls
    }

    /// Bounds what all files together take, in bytes; beyond it writes and allocations find no room.
    pub fn set_capacity(&self, bytes: usize) {
        self.state.lock().capacity = Some(bytes);
    }

    /// What all files together take, in bytes, room taken ahead included.
    #[must_use]
    pub fn used_bytes(&self) -> usize {
        self.state.lock().used()
    }

    /// Whether the planned fault has not struck yet.
    #[must_use]
    pub fn is_fault_pending(&self) -> bool {
        self.state.lock().fault.is_some()
    }

    /// A disk as a power cut now could leave it; `random` decides, so that a seed repeats it. The old
    /// disk and everything open on it stay as they are.
    #[must_use]
    pub fn crash(&self, mut random: impl FnMut() -> u64) -> Self {
        let state = self.state.lock();
        let mut names = state.durable_names.clone();
        for naming in &state.unsynced_names {
            if random() % 2 == 1 {
                apply_naming(&mut names, naming);
            }
        }
        let inodes = state.inodes.iter().map(|inode| inode.crash(&mut random)).collect();
        let after = State { inodes, durable_names: names.clone(), names, ..State::default() };
        Self { state: Arc::new(Mutex::new(after)), locks: Arc::default() }
    }

    /// A disk as the end of the process leaves it: everything written is there, nothing more is synced.
    #[must_use]
    pub fn kill(&self) -> Self {
        let mut state = self.state.lock().clone();
        (state.fault, state.dead) = (None, false);
        Self { state: Arc::new(Mutex::new(state)), locks: Arc::default() }
    }

    /// The bytes of a file as readers see them.
    #[must_use]
    pub fn bytes(&self, file: &Path) -> Option<Vec<u8>> {
        let state = self.state.lock();
        state.names.get(file).map(|inode| state.inodes[*inode].cached.clone())
    }

    /// Puts a durable file in place, for images made by hand.
    pub fn put(&self, file: &Path, bytes: &[u8]) {
        let mut state = self.state.lock();
        let (durable, cached) = (bytes.to_vec(), bytes.to_vec());
        state.inodes.push(Inode { durable, cached, ..Inode::default() });
        let inode = state.inodes.len() - 1;
        state.names.insert(file.to_path_buf(), inode);
        state.durable_names.insert(file.to_path_buf(), inode);
    }

    /// All files, in the order of their names.
    #[must_use]
    pub fn files(&self) -> Vec<PathBuf> {
        self.state.lock().names.keys().cloned().collect()
    }
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Write { offset, bytes: written } => place(bytes, *offset, written),
            Self::Truncate(length) => bytes.resize(*length, 0),
        }
    }
}

impl Inode {
    fn crash(&self, random: &mut impl FnMut() -> u64) -> Self {
        let mut durable = self.durable.clone();
        for change in &self.unsynced {
            match change {
                Change::Truncate(length) if random().is_multiple_of(2) => {
                    durable.resize(*length, 0);
                }
                Change::Truncate(_) => {}
                Change::Write { offset, bytes } => match random() % 4 {
                    0 => {}
                    1 => place(&mut durable, *offset, bytes),
                    _ => place_sectors(&mut durable, *offset, bytes, random),
                },
            }
        }
        Self { cached: durable.clone(), durable, ..Self::default() }
    }

    fn used(&self) -> usize {
        self.cached.len().max(self.allocated)
    }

    /// What reads give once the cache is dropped: the disk's bytes and what is still owed to it. What a
    /// failed sync forgot is in neither.
    fn forget_cache(&mut self) {
        self.cached = self.durable.clone();
        self.unsynced.iter().for_each(|change| change.apply(&mut self.cached));
    }
}

fn place(target: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    if target.len() < offset + bytes.len() {
        target.resize(offset + bytes.len(), 0);
    }
    target[offset..offset + bytes.len()].copy_from_slice(bytes);
}

/// Each sector of the disk that the write touches reaches it, or does not.
fn place_sectors(
    target: &mut Vec<u8>,
    offset: usize,
    bytes: &[u8],
    random: &mut impl FnMut() -> u64,
) {
    let mut at = offset;
    while at < offset + bytes.len() {
        let end = ((at / SECTOR_BYTES + 1) * SECTOR_BYTES).min(offset + bytes.len());
        if random().is_multiple_of(2) {
            place(target, at, &bytes[at - offset..end - offset]);
        }
        at = end;
    }
}

fn apply_naming(names: &mut Names, naming: &Naming) {
    match naming {
        Naming::Link(file, inode) => {
            names.insert(file.clone(), *inode);
        }
        Naming::Rename(from, to, inode) => {
            names.remove(from);
            names.insert(to.clone(), *inode);
        }
        Naming::Remove(file) => {
            names.remove(file);
        }
    }
}

fn missing() -> io::Error {
    io::Error::from(io::ErrorKind::NotFound)
}

impl State {
    /// Counts a call and lets the planned fault strike; `Ok(true)` asks for a short write.
    fn count(&mut self) -> io::Result<bool> {
        let call = self.calls;
        self.calls += 1;
        if self.dead {
            return Err(io::Error::other("the disk is gone"));
        }
        let Some((at, fault)) = self.fault else { return Ok(false) };
        if call < at {
            return Ok(false);
        }
        self.fault = None;
        match fault {
            Fault::Fail(kind) => Err(io::Error::from(kind)),
            Fault::Short => Ok(true),
            Fault::Dead => {
                self.dead = true;
                Err(io::Error::other("the disk is gone"))
            }
            Fault::Panic => panic!("the simulated disk was told to panic"),
        }
    }

    fn used(&self) -> usize {
        let linked: HashSet<usize> = self.names.values().copied().collect();
        linked.into_iter().map(|inode| self.inodes[inode].used()).sum()
    }

    fn free(&self) -> usize {
        self.capacity.map_or(usize::MAX, |capacity| capacity.saturating_sub(self.used()))
    }

    /// As much of a write as there is room for; an error when that is nothing.
    fn fitting<'a>(&self, inode: usize, offset: usize, bytes: &'a [u8]) -> io::Result<&'a [u8]> {
        if self.capacity.is_none() {
            return Ok(bytes);
        }
        let room = self.inodes[inode].used().saturating_add(self.free());
        match room.saturating_sub(offset).min(bytes.len()) {
            0 if !bytes.is_empty() => Err(io::Error::from(io::ErrorKind::StorageFull)),
            fitting => Ok(&bytes[..fitting]),
        }
    }

    fn name(&mut self, naming: Naming) {
        apply_naming(&mut self.names, &naming);
        self.unsynced_names.push(naming);
    }
}

impl Disk for SimulatedDisk {
    fn create_directory(&self, _directory: &Path) -> io::Result<()> {
        Ok(())
    }

    fn create(&self, file: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let mut state = self.state.lock();
        state.count()?;
        let inode = match state.names.get(file).copied() {
            Some(inode) => {
                state.inodes[inode].cached.clear();
                state.inodes[inode].allocated = 0;
                state.inodes[inode].unsynced.push(Change::Truncate(0));
                inode
            }
            None => {
                state.inodes.push(Inode::default());
                let inode = state.inodes.len() - 1;
                state.name(Naming::Link(file.to_path_buf(), inode));
                inode
            }
        };
        Ok(Arc::new(SimulatedFile { state: Arc::clone(&self.state), inode }))
    }

    fn open(&self, file: &Path, _writable: bool) -> io::Result<Arc<dyn DiskFile>> {
        let inode = self.state.lock().names.get(file).copied().ok_or_else(missing)?;
        Ok(Arc::new(SimulatedFile { state: Arc::clone(&self.state), inode }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state.lock();
        state.count()?;
        let inode = state.names.get(from).copied().ok_or_else(missing)?;
        state.name(Naming::Rename(from.to_path_buf(), to.to_path_buf(), inode));
        Ok(())
    }

    fn remove(&self, file: &Path) -> io::Result<()> {
        let mut state = self.state.lock();
        state.count()?;
        if !state.names.contains_key(file) {
            return Err(missing());
        }
        state.name(Naming::Remove(file.to_path_buf()));
        Ok(())
    }

    fn sync_directory(&self, _directory: &Path) -> io::Result<()> {
        let mut state = self.state.lock();
        let counted = state.count();
        if state.dead {
            return counted.map(|_| ());
        }
        // Failed or not, what was owed is no longer owed: no later sync makes up for this one.
        let owed = std::mem::take(&mut state.unsynced_names);
        counted?;
        owed.iter().for_each(|naming| apply_naming(&mut state.durable_names, naming));
        Ok(())
    }

    fn names(&self, directory: &Path) -> io::Result<Vec<PathBuf>> {
        Ok(self.files().into_iter().filter(|file| file.parent() == Some(directory)).collect())
    }

    fn lock(&self, file: &Path) -> io::Result<Option<LockGuard>> {
        if !self.locks.lock().insert(file.to_path_buf()) {
            return Ok(None);
        }
        Ok(Some(Box::new(Held { locks: Arc::clone(&self.locks), file: file.to_path_buf() })))
    }
}

struct Held {
    locks: Arc<Mutex<HashSet<PathBuf>>>,
    file: PathBuf,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.locks.lock().remove(&self.file);
    }
}

struct SimulatedFile {
    state: Arc<Mutex<State>>,
    inode: usize,
}

impl DiskFile for SimulatedFile {
    fn length(&self) -> io::Result<u64> {
        Ok(self.state.lock().inodes[self.inode].cached.len() as u64)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let state = self.state.lock();
        let bytes = state.inodes[self.inode].cached.get(offset as usize..).unwrap_or_default();
        let length = bytes.len().min(buffer.len());
        buffer[..length].copy_from_slice(&bytes[..length]);
        Ok(length)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        let mut state = self.state.lock();
        let short = state.count()?;
        let bytes = if short { &bytes[..bytes.len().div_ceil(2)] } else { bytes };
        let offset = offset as usize;
        let bytes = state.fitting(self.inode, offset, bytes)?;
        let inode = &mut state.inodes[self.inode];
        place(&mut inode.cached, offset, bytes);
        inode.unsynced.push(Change::Write { offset, bytes: bytes.to_vec() });
        Ok(bytes.len())
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        let mut state = self.state.lock();
        state.count()?;
        let inode = &mut state.inodes[self.inode];
        inode.cached.resize(length as usize, 0);
        inode.allocated = inode.allocated.min(length as usize);
        inode.unsynced.push(Change::Truncate(length as usize));
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.state.lock();
        let counted = state.count();
        if state.dead {
            return counted.map(|_| ());
        }
        let inode = &mut state.inodes[self.inode];
        // Failed or not, the pages are clean now: no later sync makes up for this one.
        let owed = std::mem::take(&mut inode.unsynced);
        counted?;
        owed.iter().for_each(|change| change.apply(&mut inode.durable));
        Ok(())
    }

    fn allocate(&self, bytes: u64) -> io::Result<()> {
        let mut state = self.state.lock();
        state.count()?;
        let inode = &state.inodes[self.inode];
        let more = (bytes as usize).saturating_sub(inode.used());
        if more > state.free() {
            return Err(io::Error::from(io::ErrorKind::StorageFull));
        }
        let allocated = &mut state.inodes[self.inode].allocated;
        *allocated = (*allocated).max(bytes as usize);
        Ok(())
    }

    fn forget_cache(&self) -> io::Result<()> {
        self.state.lock().inodes[self.inode].forget_cache();
        Ok(())
    }
}
