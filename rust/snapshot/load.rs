//! Load: a snapshot into an empty store, on several threads.
//!
//! Each thread takes the next block, checks, decompresses and decodes it, and puts what it holds into the
//! store. The store's tables have their room before the first profile comes. Invariants: what is loaded is
//! counted and compared with the footer; after an error the store holds anything and is to be dropped.

use super::error::Error;
use super::limits::LOAD_THREADS;
use super::read::{Block, Buffers, Snapshot};
use super::{Counts, Kind};
use crate::profile::{Packed, Store};
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use crate::sync::thread;
use crate::value::codec::{BadBytes, Bytes};

/// How far loading is, for other threads to read.
#[derive(Debug, Default)]
pub struct Progress {
    done: AtomicU64,
    total: AtomicU64,
}

impl Progress {
    /// Profiles loaded.
    #[must_use]
    pub fn done(&self) -> u64 {
        self.done.load(Ordering::Relaxed)
    }

    /// Profiles that there are; 0 before loading has begun.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.total.load(Ordering::Relaxed)
    }
}

/// What a snapshot holds beside profiles and remembered uuids.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Loaded {
    /// Configuration records, in the log's order.
    pub configurations: Vec<Vec<u8>>,
    /// Records of how far files are dealt with.
    pub lines: Vec<Vec<u8>>,
    /// The ledger of batch data, when something was imported.
    pub imports: Option<Vec<u8>>,
}

/// Loads a snapshot into a store that holds nothing yet.
///
/// # Errors
/// `Damaged`, or what the disk refused; the store is to be dropped then.
pub fn load(snapshot: &Snapshot, store: &Store, progress: &Progress) -> Result<Loaded, Error> {
    let counts = snapshot.counts();
    progress.done.store(0, Ordering::Relaxed);
    progress.total.store(counts.profiles, Ordering::Relaxed);
    store.reserve(counts.profiles, counts.identifiers);
    let (records, profiles): (Vec<&Block>, Vec<&Block>) = snapshot
        .blocks()
        .iter()
        .partition(|block| !matches!(block.kind, Kind::Profiles | Kind::Dedup));
    let work =
        Work { snapshot, store, progress, next: AtomicUsize::new(0), failed: Mutex::new(None) };
    let identifiers = thread::scope(|scope| {
        let loading: Vec<_> =
            (0..LOAD_THREADS).map(|_| scope.spawn(|| work.run(&profiles))).collect();
        let joined = loading.into_iter().map(|thread| match thread.join() {
            Ok(identifiers) => identifiers,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        joined.sum::<u64>()
    });
    if let Some(error) = work.failed.into_inner() {
        return Err(error);
    }
    let mut loaded = Loaded::default();
    let mut buffers = Buffers::default();
    for block in records {
        let bytes = snapshot.block(block, &mut buffers)?;
        let into = match block.kind {
            Kind::Imports => {
                loaded.imports = Some(bytes.to_vec());
                continue;
            }
            Kind::Configurations => &mut loaded.configurations,
            _ => &mut loaded.lines,
        };
        split(bytes, into).map_err(|bad| snapshot.damaged(bad))?;
    }
    let found = Counts {
        profiles: progress.done(),
        identifiers,
        configurations: loaded.configurations.len() as u64,
        lines: loaded.lines.len() as u64,
    };
    if found != *counts {
        return Err(snapshot.damaged(BadBytes("it does not hold what it says")));
    }
    Ok(loaded)
}

pub(super) fn split(bytes: &[u8], into: &mut Vec<Vec<u8>>) -> Result<(), BadBytes> {
    let mut bytes = Bytes(bytes);
    while !bytes.is_empty() {
        let length = bytes.u32()? as usize;
        into.push(bytes.take(length)?.to_vec());
    }
    Ok(())
}

/// What the threads share.
struct Work<'a> {
    snapshot: &'a Snapshot,
    store: &'a Store,
    progress: &'a Progress,
    next: AtomicUsize,
    failed: Mutex<Option<Error>>,
}

impl Work<'_> {
    /// Takes blocks until there are none, or one is bad; how many identifiers they held.
    fn run(&self, blocks: &[&Block]) -> u64 {
        let mut buffers = Buffers::default();
        let mut identifiers = 0;
        while let Some(block) = blocks.get(self.next.fetch_add(1, Ordering::Relaxed)) {
            match self.take(block, &mut buffers) {
                Ok(some) => identifiers += some,
                Err(error) => {
                    self.next.store(blocks.len(), Ordering::Relaxed);
                    self.failed.lock().get_or_insert(error);
                }
            }
        }
        identifiers
    }

    fn take(&self, block: &Block, buffers: &mut Buffers) -> Result<u64, Error> {
        let mut bytes = Bytes(self.snapshot.block(block, buffers)?);
        let mut identifiers = 0;
        let mut profiles = 0;
        let mut decode = || -> Result<(), BadBytes> {
            while !bytes.is_empty() {
                if block.kind == Kind::Dedup {
                    self.store.take_in_dedup(&mut bytes)?;
                } else {
                    let profile = Packed::decode(&mut bytes)?;
                    identifiers += profile.identifier_count() as u64;
                    profiles += 1;
                    self.store.take_in(profile)?;
                }
            }
            Ok(())
        };
        decode().map_err(|bad| self.snapshot.damaged(bad))?;
        self.progress.done.fetch_add(profiles, Ordering::Relaxed);
        Ok(identifiers)
    }
}
