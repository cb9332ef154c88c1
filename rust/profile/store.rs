//! Store: where profiles are kept, in shards, and found by identifier.
//!
//! Three tables, each in as many shards: remembered uuids, identifiers, profiles. Locks are taken
//! in that order, shards ascending (page 5.2), so no two requests wait for each other in a circle.
//! Hashes are computed once, before any lock.
//! The index holds no identifier: of each it has a keyed fingerprint and the mixed bits of its profile's
//! rid, 16 bytes; the profile itself says whether it lists the identifier.
//! Invariants: for each identifier that a profile lists the index has one entry of its own, and no other
//! entries; two identifiers may share a fingerprint; a shard is picked from bits in the middle of a
//! hash, buckets from its low and tags from its high bits.

use crate::sync::atomic::AtomicUsize;
use crate::sync::{Mutex, MutexGuard};
use hashbrown::HashTable;
use xxhash_rust::xxh3::{xxh3_64_with_seed, xxh3_128};

use super::attribute::{AttributeSpec, write_text};
use super::cut::ShardCut;
use super::dedup::{Generation, Generations};
use super::listed::{Listed, Spelling};
use super::lock::Locked;
use super::{Identifier, Packed, Profile, Rails, Rid};
use crate::value::Text;

/// Shards unless the caller says otherwise.
pub const SHARDS: usize = 256;

/// Bits below a hash table's tag and above any bucket that fits in memory.
const SHARD_SHIFT: u32 = 40;

/// On its own cache lines, so that neighbours' locks do not slow each other.
#[repr(align(128))]
pub(super) struct Shard<T>(pub(super) Mutex<T>);

/// An identifier in the index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Entry {
    /// The identifier's fingerprint.
    pub(super) fingerprint: u64,
    /// [`Rid::mixed`] of the profile that lists it.
    pub(super) home: u64,
}

pub(super) type IdentifierShard = HashTable<Entry>;

/// One shard's profiles, and what it knows of a cut under way.
#[derive(Default)]
pub(super) struct ProfileTable {
    pub(super) table: HashTable<Packed>,
    /// What the allocations of its profiles take.
    pub(super) heap_bytes: usize,
    pub(super) cut: Option<ShardCut>,
}

impl ProfileTable {
    /// The profile `rid`.
    pub(super) fn find(&self, rid: Rid) -> Option<&Packed> {
        self.table.find(rid.mixed(), |profile| profile.rid() == rid)
    }

    /// The profile of this home that lists the identifier.
    pub(super) fn find_listing(&self, home: u64, listed: &Listed<'_>) -> Option<&Packed> {
        self.table.find(home, |profile| profile.rid().mixed() == home && profile.lists(listed))
    }

    /// Puts a profile in, in the place of the one that it is a later state of.
    pub(super) fn put(&mut self, profile: Packed) {
        let rid = profile.rid();
        self.keep_old(rid);
        self.heap_bytes += profile.heap_bytes();
        match self.table.find_mut(rid.mixed(), |held| held.rid() == rid) {
            Some(held) => {
                self.heap_bytes -= held.heap_bytes();
                *held = profile;
            }
            None => {
                self.table.insert_unique(rid.mixed(), profile, |held| held.rid().mixed());
            }
        }
    }

    /// Takes a profile out.
    pub(super) fn remove(&mut self, rid: Rid) {
        drop(self.take(rid));
    }

    /// Takes a profile out and gives it.
    pub(super) fn take(&mut self, rid: Rid) -> Option<Packed> {
        self.keep_old(rid);
        let entry = self.table.find_entry(rid.mixed(), |held| held.rid() == rid).ok()?;
        let profile = entry.remove().0;
        self.heap_bytes -= profile.heap_bytes();
        Some(profile)
    }

    fn keep_old(&mut self, rid: Rid) {
        if let Some(cut) = &mut self.cut
            && let Some(profile) = self.table.find(rid.mixed(), |profile| profile.rid() == rid)
        {
            cut.keep_old(profile);
        }
    }

    fn memory_bytes(&self) -> usize {
        self.heap_bytes + self.table.allocation_size()
    }
}

/// All profiles of a reactor.
pub struct Store {
    seed: u64,
    mask: usize,
    /// All bits; fewer in tests that want fingerprints to meet.
    fingerprint_mask: u64,
    /// By how much tables have grown for events; a table doubles at once, and never shrinks.
    pub(super) grown_bytes: AtomicUsize,
    pub(super) dedup: Box<[Shard<Generations>]>,
    pub(super) identifiers: Box<[Shard<IdentifierShard>]>,
    pub(super) profiles: Box<[Shard<ProfileTable>]>,
}

impl Store {
    /// An empty store. `seed` is the directory's secret; `shards` is rounded up to a power of two,
    /// at most 65,536; `dedup_max` bounds each generation of remembered uuids over all shards.
    pub fn new(seed: u64, shards: usize, dedup_max: usize) -> Self {
        let shards = shards.clamp(1, 1 << 16).next_power_of_two();
        let share = dedup_max / shards;
        Self {
            seed,
            mask: shards - 1,
            fingerprint_mask: u64::MAX,
            grown_bytes: AtomicUsize::new(0),
            dedup: (0..shards).map(|_| Shard(Mutex::new(Generations::new(share)))).collect(),
            identifiers: (0..shards).map(|_| Shard(Mutex::new(HashTable::new()))).collect(),
            profiles: (0..shards).map(|_| Shard(Mutex::new(ProfileTable::default()))).collect(),
        }
    }

    /// Locks everything that an event with these identifiers can touch, and looks it up.
    ///
    /// `uuid` is the keyed hash of a uuid that the client sent (`None`: nothing to remember).
    /// `newcomer` is the rid that a profile made by this event would get; of it only the hash
    /// counts here, so its time need not be the final one. Replay passes the recorded rid, and the bounds
    /// of the configuration that was in force.
    pub fn lock<'a>(
        &'a self,
        uuid: Option<u128>,
        identifiers: &'a [Identifier],
        rails: &'a Rails,
        newcomer: Rid,
    ) -> Locked<'a> {
        Locked::new(self, uuid, identifiers, rails, newcomer)
    }

    /// Remembers a client's uuid by its keyed hash, without an event: for replay, which gives a uuid's
    /// records to other threads than the uuid itself.
    pub fn remember(&self, uuid: u128, now_ms: i64) {
        self.dedup[self.dedup_shard(uuid)].0.lock().remember(uuid, now_ms);
    }

    /// Locks everything: no event is between its look-up and its install. For publishes, snapshot
    /// cuts and the state hash.
    pub fn lock_all(&self) -> Barrier<'_> {
        Barrier {
            store: self,
            dedup: self.dedup.iter().map(|shard| shard.0.lock()).collect(),
            identifiers: self.identifiers.iter().map(|shard| shard.0.lock()).collect(),
            profiles: self.profiles.iter().map(|shard| shard.0.lock()).collect(),
        }
    }

    /// A store of whose fingerprints only the bits of `mask` differ.
    #[cfg(test)]
    pub(super) fn with_fingerprints(mut self, mask: u64) -> Self {
        self.fingerprint_mask = mask;
        self
    }

    /// Reads the profile known by `identifier`, under its locks.
    pub fn visit<T>(&self, identifier: &Identifier, read: impl FnOnce(&Packed) -> T) -> Option<T> {
        let listed = Listed::new(identifier, 0);
        let fingerprint = self.fingerprint(&listed);
        let index = self.identifiers[self.shard(fingerprint)].0.lock();
        for home in homes(&index, fingerprint) {
            let shard = self.profiles[self.shard(home)].0.lock();
            if let Some(profile) = shard.find_listing(home, &listed) {
                return Some(read(profile));
            }
        }
        None
    }

    /// A copy of the profile known by `identifier`, in its working form.
    pub fn find(&self, identifier: &Identifier) -> Option<Profile> {
        self.visit(identifier, Packed::unpack)
    }

    /// How many bytes of memory profiles, their tables and the index take; with events under way a figure
    /// of no one moment. Remembered uuids are apart.
    pub fn memory_bytes(&self) -> usize {
        let profiles = self.profiles.iter().map(|shard| shard.0.lock().memory_bytes());
        let identifiers = self.identifiers.iter().map(|shard| shard.0.lock().allocation_size());
        profiles.sum::<usize>() + identifiers.sum::<usize>()
    }

    /// How many profiles there are; with events under way a count of no one moment.
    pub fn profile_count(&self) -> usize {
        self.profiles.iter().map(|shard| shard.0.lock().table.len()).sum()
    }

    /// How many identifiers there are; with events under way a count of no one moment.
    pub fn identifier_count(&self) -> usize {
        self.identifiers.iter().map(|shard| shard.0.lock().len()).sum()
    }

    /// The keyed hash of an identifier.
    pub(super) fn fingerprint(&self, listed: &Listed<'_>) -> u64 {
        let key = u64::from(listed.key).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let hash = match &listed.value {
            Spelling::Uuid(uuid) => xxh3_64_with_seed(uuid, !(self.seed ^ key)),
            Spelling::Text(text) => xxh3_64_with_seed(text, self.seed ^ key),
        };
        hash & self.fingerprint_mask
    }

    pub(super) fn shard(&self, hash: u64) -> usize {
        (hash >> SHARD_SHIFT) as usize & self.mask
    }

    pub(super) fn dedup_shard(&self, uuid: u128) -> usize {
        (uuid >> 64) as usize & self.mask
    }
}

/// Where profiles are that may list an identifier of this fingerprint: nearly always one or none.
pub(super) fn homes(index: &IdentifierShard, fingerprint: u64) -> impl Iterator<Item = u64> {
    index
        .iter_hash(fingerprint)
        .filter(move |entry| entry.fingerprint == fingerprint)
        .map(|entry| entry.home)
}

/// All locks of a store at once.
pub struct Barrier<'a> {
    pub(super) store: &'a Store,
    pub(super) dedup: Vec<MutexGuard<'a, Generations>>,
    pub(super) identifiers: Vec<MutexGuard<'a, IdentifierShard>>,
    pub(super) profiles: Vec<MutexGuard<'a, ProfileTable>>,
}

impl Barrier<'_> {
    /// All profiles, in no order.
    pub fn profiles(&self) -> impl Iterator<Item = &Packed> {
        self.profiles.iter().flat_map(|shard| shard.table.iter())
    }

    /// All identifiers with their profiles, in no order.
    pub fn identifiers(&self) -> impl Iterator<Item = (Identifier, Rid)> {
        self.profiles().flat_map(|profile| {
            let rid = profile.rid();
            profile.listed().map(move |listed| (listed.identifier(), rid))
        })
    }

    /// Whether the index is what follows from the profiles.
    pub fn has_sound_index(&self) -> bool {
        let entry = |listed: Listed<'_>, rid: Rid| Entry {
            fingerprint: self.store.fingerprint(&listed),
            home: rid.mixed(),
        };
        let mut expected: Vec<Entry> = self
            .profiles()
            .flat_map(|profile| profile.listed().map(|listed| entry(listed, profile.rid())))
            .collect();
        let mut held: Vec<Entry> =
            self.identifiers.iter().flat_map(|shard| shard.iter()).copied().collect();
        expected.sort_unstable();
        held.sort_unstable();
        held == expected
    }

    /// The canonical hash of the state at `now_ms` (page 5.7): an order-free sum over profiles after
    /// expiry, identifiers and remembered uuids. `spec` gives each attribute's options by id; an
    /// attribute without any is hashed as it stands.
    pub fn hash<'s>(&self, spec: impl Fn(u16) -> Option<&'s AttributeSpec>, now_ms: i64) -> u128 {
        self.hash_without(spec, now_ms, &|_| false)
    }

    /// As [`Barrier::hash`], as if the profiles that are `gone` were not there.
    pub fn hash_without<'s>(
        &self,
        spec: impl Fn(u16) -> Option<&'s AttributeSpec>,
        now_ms: i64,
        gone: &dyn Fn(Rid) -> bool,
    ) -> u128 {
        let mut sum = 0u128;
        let mut form = Vec::new();
        for profile in self.profiles().filter(|profile| !gone(profile.rid())) {
            form.clear();
            write_profile(&profile.unpack(), &spec, now_ms, &mut form);
            sum = sum.wrapping_add(xxh3_128(&form));
        }
        for (identifier, rid) in self.identifiers().filter(|(_, rid)| !gone(*rid)) {
            form.clear();
            form.push(b'I');
            form.extend_from_slice(&rid.0);
            write_identifier(identifier.key, &identifier.value, &mut form);
            sum = sum.wrapping_add(xxh3_128(&form));
        }
        for (generation, uuid) in self.dedup.iter().flat_map(|shard| shard.entries(now_ms)) {
            form.clear();
            form.push(if generation == Generation::Current { b'U' } else { b'V' });
            form.extend_from_slice(&uuid.to_le_bytes());
            sum = sum.wrapping_add(xxh3_128(&form));
        }
        sum
    }
}

/// Recency is left out, save for what it makes readable: which value of a key is the newest.
fn write_profile<'s>(
    profile: &Profile,
    spec: &impl Fn(u16) -> Option<&'s AttributeSpec>,
    now_ms: i64,
    out: &mut Vec<u8>,
) {
    out.push(b'P');
    out.extend_from_slice(&profile.rid.0);
    let mut identifiers: Vec<&Identifier> =
        profile.identifiers.iter().map(|seen| &seen.identifier).collect();
    identifiers.sort_unstable();
    for identifier in identifiers {
        let newest = profile.newest_value(identifier.key) == Some(&identifier.value);
        out.push(if newest { b'+' } else { b'-' });
        write_identifier(identifier.key, &identifier.value, out);
    }
    for (id, state) in &profile.attributes {
        let head = out.len();
        out.push(b'A');
        out.extend_from_slice(&id.to_le_bytes());
        let body = out.len();
        state.hash_into(spec(*id), now_ms, out);
        if out.len() == body {
            out.truncate(head);
        }
    }
}

fn write_identifier(key: u16, value: &Text, out: &mut Vec<u8>) {
    out.extend_from_slice(&key.to_le_bytes());
    write_text(value, out);
}
