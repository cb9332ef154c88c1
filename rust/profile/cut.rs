//! Cut: the store as it stood at one LSN, taken out bit by bit while events go on.
//!
//! At the barrier every shard is told the LSN and nothing is copied (page 5.4). From then on, whoever
//! changes a profile for the first time copies its old bytes into the shard's side buffer, under the lock
//! that is held for the change anyway; the walk copies all others, a few under each lock, so that no
//! request waits long. The index of identifiers follows from the profiles and is not taken.
//!
//! Invariants: each profile that stood at the cut is taken once, as it stood there, and none else; a cut
//! that is dropped leaves no trace. One cut at a time.

use std::mem;
use std::sync::Arc;

use hashbrown::HashTable;

use super::store::{Barrier, ProfileTable, Store};
use super::{Packed, Rid};
use crate::sync::atomic::{AtomicUsize, Ordering};

/// So many profiles are copied under one lock: some microseconds, misses included.
const PROFILES_A_LOCK: usize = 32;

/// Profiles as bytes, one after another.
#[derive(Debug, Default)]
pub struct Encoded {
    /// Their bytes.
    pub bytes: Vec<u8>,
    /// How many they are.
    pub profiles: u64,
    /// How many identifiers they list.
    pub identifiers: u64,
}

impl Encoded {
    fn push(&mut self, profile: &Packed) {
        profile.encode(&mut self.bytes);
        self.profiles += 1;
        self.identifiers += profile.identifier_count() as u64;
    }

    /// Empties it, keeping its memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        (self.profiles, self.identifiers) = (0, 0);
    }
}

/// How many bytes the side buffers of all shards hold, and held at most.
#[derive(Debug, Default)]
struct SideBytes {
    now: AtomicUsize,
    max: AtomicUsize,
}

impl SideBytes {
    fn add(&self, bytes: usize) {
        let now = self.now.fetch_add(bytes, Ordering::Relaxed) + bytes;
        self.max.fetch_max(now, Ordering::Relaxed);
    }

    fn remove(&self, bytes: usize) {
        self.now.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// What a shard knows of a cut under way.
#[derive(Debug)]
pub(super) struct ShardCut {
    lsn: u64,
    /// Profiles that the walk has not taken yet; `None` before it has come to the shard: all that have
    /// not changed since.
    pending: Option<HashTable<Rid>>,
    side: Encoded,
    counted: Arc<SideBytes>,
}

impl ShardCut {
    /// Takes the state of a profile that is about to change or to go, unless it is taken already.
    pub(super) fn keep_old(&mut self, profile: &Packed) {
        let is_due = match &mut self.pending {
            None => profile.changed_lsn() <= self.lsn,
            Some(pending) => take(pending, profile.rid()),
        };
        if is_due {
            let before = self.side.bytes.len();
            self.side.push(profile);
            self.counted.add(self.side.bytes.len() - before);
        }
    }

    /// What the side buffer takes, bytes.
    pub(super) fn side_bytes(&self) -> usize {
        self.side.bytes.capacity()
    }

    /// What was put aside so far.
    fn take_side(&mut self) -> Encoded {
        self.counted.remove(self.side.bytes.len());
        mem::take(&mut self.side)
    }
}

fn take(pending: &mut HashTable<Rid>, rid: Rid) -> bool {
    match pending.find_entry(rid.mixed(), |held| *held == rid) {
        Ok(entry) => {
            entry.remove();
            true
        }
        Err(_) => false,
    }
}

/// A cut under way; dropping it ends it.
pub struct Cut<'a> {
    store: &'a Store,
    side: Arc<SideBytes>,
}

impl<'a> Barrier<'a> {
    /// Lets go of the barrier and begins a cut: the state as it stands now, all of whose records are at
    /// `lsn` or before.
    ///
    /// # Panics
    /// When another cut is under way.
    pub fn cut(mut self, lsn: u64) -> Cut<'a> {
        let side = Arc::<SideBytes>::default();
        for shard in &mut self.profiles {
            assert!(shard.cut.is_none(), "one cut at a time");
            let counted = Arc::clone(&side);
            shard.cut = Some(ShardCut { lsn, pending: None, side: Encoded::default(), counted });
        }
        self.dedup.iter_mut().for_each(|shard| shard.begin_cut());
        Cut { store: self.store, side }
    }
}

impl Cut<'_> {
    /// Hands on all profiles of the cut, in pieces of about `bytes` bytes; `take` empties each.
    ///
    /// # Errors
    /// The first that `take` answers; the cut is to be dropped then.
    pub fn profiles<E>(
        &self,
        bytes: usize,
        mut take: impl FnMut(&mut Encoded) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut out = Encoded::default();
        for shard in self.store.profiles.iter() {
            let rids = begin_shard(&mut shard.0.lock());
            for some in rids.chunks(PROFILES_A_LOCK) {
                take_some(&mut shard.0.lock(), some, &mut out);
                if out.bytes.len() >= bytes {
                    take(&mut out)?;
                }
            }
            // A statement of its own, so that the lock is free before anything is written.
            let side = end_shard(&mut shard.0.lock());
            self.hand_on(side, &mut out, bytes, &mut take)?;
            self.relieve(&mut out, bytes, &mut take)?;
        }
        if out.profiles > 0 {
            take(&mut out)?;
        }
        Ok(())
    }

    /// Takes the side buffers of all shards once they hold much.
    fn relieve<E>(
        &self,
        out: &mut Encoded,
        bytes: usize,
        take: &mut impl FnMut(&mut Encoded) -> Result<(), E>,
    ) -> Result<(), E> {
        if self.side.now.load(Ordering::Relaxed) < SIDE_BYTES_FULL {
            return Ok(());
        }
        for shard in self.store.profiles.iter() {
            let side = shard.0.lock().cut.as_mut().map(ShardCut::take_side);
            if let Some(side) = side {
                self.hand_on(side, out, bytes, take)?;
            }
        }
        Ok(())
    }

    fn hand_on<E>(
        &self,
        mut side: Encoded,
        out: &mut Encoded,
        bytes: usize,
        take: &mut impl FnMut(&mut Encoded) -> Result<(), E>,
    ) -> Result<(), E> {
        if side.bytes.len() < bytes {
            out.bytes.extend_from_slice(&side.bytes);
            out.profiles += side.profiles;
            out.identifiers += side.identifiers;
            return if out.bytes.len() >= bytes { take(out) } else { Ok(()) };
        }
        take(&mut side)
    }

    /// Hands on the remembered uuids of each shard at the cut ([`super::dedup::Generations::encode`]).
    ///
    /// # Errors
    /// As [`Cut::profiles`].
    pub fn dedup<E>(&self, mut take: impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        for shard in self.store.dedup.iter() {
            let bytes = shard.0.lock().take_cut();
            take(&bytes)?;
        }
        Ok(())
    }

    /// Most bytes that the side buffers of profiles held at once.
    #[must_use]
    pub fn side_bytes_max(&self) -> usize {
        self.side.max.load(Ordering::Relaxed)
    }
}

/// The walk takes the side buffers of all shards once they hold so many bytes together.
const SIDE_BYTES_FULL: usize = 32 << 20;

fn begin_shard(shard: &mut ProfileTable) -> Vec<Rid> {
    let Some(cut) = &mut shard.cut else { return Vec::new() };
    let unchanged = shard.table.iter().filter(|profile| profile.changed_lsn() <= cut.lsn);
    let rids: Vec<Rid> = unchanged.map(Packed::rid).collect();
    let mut pending = HashTable::with_capacity(rids.len());
    for rid in &rids {
        pending.insert_unique(rid.mixed(), *rid, |rid: &Rid| rid.mixed());
    }
    cut.pending = Some(pending);
    rids
}

fn take_some(shard: &mut ProfileTable, rids: &[Rid], out: &mut Encoded) {
    let ProfileTable { table, cut: Some(ShardCut { pending: Some(pending), .. }), .. } = shard
    else {
        return;
    };
    for rid in rids {
        if take(pending, *rid) {
            let profile = table.find(rid.mixed(), |profile| profile.rid() == *rid);
            out.push(profile.expect("what is pending has not gone"));
        }
    }
}

fn end_shard(shard: &mut ProfileTable) -> Encoded {
    shard.cut.take().map_or_else(Encoded::default, |mut cut| cut.take_side())
}

impl Drop for Cut<'_> {
    fn drop(&mut self) {
        self.store.profiles.iter().for_each(|shard| shard.0.lock().cut = None);
        self.store.dedup.iter().for_each(|shard| shard.0.lock().end_cut());
    }
}
