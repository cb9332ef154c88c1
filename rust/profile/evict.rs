//! Evict: profiles looked at in turn, and taken out of memory with all that leads to them.
//!
//! Whoever decides looks first, a few profiles under one lock after another, and names those that are to go
//! with the time of their last event. Then everything they touch is locked in the store's order, and who
//! has had an event since is passed over.
//! Invariants: a snapshot's cut under way keeps what stood at its LSN; nothing here reads a clock, decides
//! or allocates while the locks of an eviction are held.

use crate::sync::MutexGuard;
use crate::sync::atomic::Ordering;

use super::lock::AbortOnPanic;
use super::store::{Entry, IdentifierShard, ProfileTable, Store};
use super::{Packed, Rid};

/// A place in the round of all profiles.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    shard: usize,
    bucket: usize,
}

/// How far a look got.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Looked {
    /// Profiles that were looked at.
    pub profiles: usize,
    /// Whether the round's end was reached.
    pub is_round: bool,
}

/// So many profiles are looked at under one lock: some tens of microseconds.
const PROFILES_A_LOCK: usize = 128;

impl Store {
    /// Looks at up to `most` profiles from `place` on, which moves along; ends early at the end of the round.
    /// A profile that is made, changes its place or goes meanwhile may be met twice or not in this round.
    pub fn look(&self, place: &mut Place, most: usize, see: &mut dyn FnMut(&Packed)) -> Looked {
        let mut looked = Looked::default();
        while looked.profiles < most {
            let Some(shard) = self.profiles.get(place.shard) else {
                *place = Place::default();
                looked.is_round = true;
                break;
            };
            let shard = shard.0.lock();
            let buckets = shard.table.num_buckets();
            let most = most.min(looked.profiles + PROFILES_A_LOCK);
            while place.bucket < buckets && looked.profiles < most {
                if let Some(profile) = shard.table.get_bucket(place.bucket) {
                    see(profile);
                    looked.profiles += 1;
                }
                place.bucket += 1;
            }
            if place.bucket >= buckets {
                *place = Place { shard: place.shard + 1, bucket: 0 };
            }
        }
        looked
    }

    /// A profile with the time of its last event, as [`Store::lock_out`] takes it; `None` when there is none.
    pub fn updated_ms(&self, rid: Rid) -> Option<(Rid, i64)> {
        let shard = self.profiles[self.shard(rid.mixed())].0.lock();
        shard.find(rid).map(|profile| (rid, profile.updated_ms()))
    }

    /// Locks all that these profiles touch. Each stands with the time of its last event; one that has gone or
    /// has had an event since is passed over, as is one that was given identifiers while this was locked.
    pub fn lock_out(&self, profiles: &[(Rid, i64)]) -> LockedOut<'_> {
        let mut index = Vec::new();
        for (rid, _) in profiles {
            let shard = self.profiles[self.shard(rid.mixed())].0.lock();
            if let Some(profile) = shard.find(*rid) {
                index.extend(self.index_shards(profile));
            }
        }
        let shards = profiles.iter().map(|(rid, _)| self.shard(rid.mixed()));
        let (index, shards) = (ascending(index), ascending(shards.collect()));
        let mut locked = LockedOut {
            store: self,
            index: index.iter().map(|at| (*at, self.identifiers[*at].0.lock())).collect(),
            profiles: shards.iter().map(|at| (*at, self.profiles[*at].0.lock())).collect(),
            rids: Vec::with_capacity(profiles.len()),
        };
        for (rid, updated_ms) in profiles {
            let same = |profile: &&Packed| profile.updated_ms() == *updated_ms;
            let is_whole = |profile: &Packed| {
                self.index_shards(profile).all(|shard| index.binary_search(&shard).is_ok())
            };
            if locked.profile(*rid).filter(same).is_some_and(is_whole) {
                locked.rids.push(*rid);
            }
        }
        locked
    }

    /// By how much the tables have grown for events so far, bytes: what a measure may have missed since.
    pub fn grown_bytes(&self) -> usize {
        self.grown_bytes.load(Ordering::Relaxed)
    }

    /// What remembered uuids and the side buffers of a cut take, bytes; with events under way a figure of no
    /// one moment.
    pub fn beside_bytes(&self) -> usize {
        let dedup = self.dedup.iter().map(|shard| shard.0.lock().memory_bytes());
        let side = self
            .profiles
            .iter()
            .map(|shard| shard.0.lock().cut.as_ref().map_or(0, super::cut::ShardCut::side_bytes));
        dedup.sum::<usize>() + side.sum::<usize>()
    }

    fn index_shards<'p>(&self, profile: &'p Packed) -> impl Iterator<Item = usize> + use<'p, '_> {
        profile.listed().map(|listed| self.shard(self.fingerprint(&listed)))
    }
}

fn ascending(mut shards: Vec<usize>) -> Vec<usize> {
    shards.sort_unstable();
    shards.dedup();
    shards
}

/// Profiles about to go, under the locks of all that they touch.
pub struct LockedOut<'a> {
    store: &'a Store,
    profiles: Vec<(usize, MutexGuard<'a, ProfileTable>)>,
    index: Vec<(usize, MutexGuard<'a, IdentifierShard>)>,
    rids: Vec<Rid>,
}

impl LockedOut<'_> {
    /// Those that can go, in the order in which they were named.
    pub fn rids(&self) -> &[Rid] {
        &self.rids
    }

    /// One of them.
    pub fn profile(&self, rid: Rid) -> Option<&Packed> {
        let at = self.store.shard(rid.mixed());
        let found = self.profiles.binary_search_by_key(&at, |(shard, _)| *shard).ok()?;
        self.profiles[found].1.find(rid)
    }

    /// Takes them all out. Cannot fail.
    pub fn remove(mut self) {
        let _half_removed = AbortOnPanic;
        for rid in std::mem::take(&mut self.rids) {
            let at = self.store.shard(rid.mixed());
            let found = self.profiles.binary_search_by_key(&at, |(shard, _)| *shard);
            let shard = &mut self.profiles[found.expect("the shard of a profile is locked")].1;
            let Some(profile) = shard.take(rid) else { continue };
            for listed in profile.listed() {
                let fingerprint = self.store.fingerprint(&listed);
                let at = self.store.shard(fingerprint);
                let found = self.index.binary_search_by_key(&at, |(shard, _)| *shard);
                let index = &mut self.index[found.expect("the shard of an identifier is locked")].1;
                let its = Entry { fingerprint, home: rid.mixed() };
                let entry = index.find_entry(fingerprint, |entry| *entry == its);
                entry.expect("an identifier that a profile lists is in the index").remove();
            }
        }
    }
}
