//! Store: where profiles are kept, in shards, and found by identifier.
//!
//! Three tables, each in as many shards: remembered uuids, identifiers, profiles. Locks are taken
//! in that order, shards ascending (page 5.2), so no two requests wait for each other in a circle.
//! Hashes are computed once, before any lock.
//! Invariants: an identifier in the index leads to a profile that exists and lists it, and every
//! identifier that a profile lists is in the index; a shard is picked from bits in the middle of a
//! hash, buckets from its low and tags from its high bits.

use crate::sync::{Mutex, MutexGuard};
use hashbrown::HashTable;
use xxhash_rust::xxh3::{xxh3_64_with_seed, xxh3_128};

use super::attribute::{AttributeSpec, write_text};
use super::cut::ShardCut;
use super::dedup::{Generation, Generations};
use super::lock::Locked;
use super::{Identifier, Profile, Rails, Rid};
use crate::value::Text;

/// Shards unless the caller says otherwise.
pub const SHARDS: usize = 256;

/// Bits below a hash table's tag and above any bucket that fits in memory.
const SHARD_SHIFT: u32 = 40;

/// On its own cache lines, so that neighbours' locks do not slow each other.
#[repr(align(128))]
pub(super) struct Shard<T>(pub(super) Mutex<T>);

/// An identifier in the index, and whose it is.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) identifier: Identifier,
    pub(super) rid: Rid,
}

pub(super) type IdentifierShard = HashTable<Entry>;

/// One shard's profiles, and what it knows of a cut under way.
#[derive(Default)]
pub(super) struct ProfileTable {
    pub(super) table: HashTable<Box<Profile>>,
    pub(super) cut: Option<ShardCut>,
}

impl ProfileTable {
    /// To be called before the profile changes or goes.
    pub(super) fn keep_old(&mut self, rid: Rid) {
        if let Some(cut) = &mut self.cut
            && let Some(profile) = find_profile(&self.table, rid)
        {
            cut.keep_old(profile);
        }
    }
}

/// All profiles of a reactor.
pub struct Store {
    seed: u64,
    mask: usize,
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

    /// Reads the profile known by `identifier`, under its locks.
    pub fn visit<T>(&self, identifier: &Identifier, read: impl FnOnce(&Profile) -> T) -> Option<T> {
        let hash = self.hash_identifier(identifier);
        let index = self.identifiers[self.shard(hash)].0.lock();
        let rid = find_rid(&index, hash, identifier)?;
        let shard = self.profiles[self.shard(rid.mixed())].0.lock();
        find_profile(&shard.table, rid).map(read)
    }

    /// A copy of the profile known by `identifier`.
    pub fn find(&self, identifier: &Identifier) -> Option<Profile> {
        self.visit(identifier, Profile::clone)
    }

    /// How many profiles there are; with events under way a count of no one moment.
    pub fn profile_count(&self) -> usize {
        self.profiles.iter().map(|shard| shard.0.lock().table.len()).sum()
    }

    /// How many identifiers there are; with events under way a count of no one moment.
    pub fn identifier_count(&self) -> usize {
        self.identifiers.iter().map(|shard| shard.0.lock().len()).sum()
    }

    pub(super) fn hash_identifier(&self, identifier: &Identifier) -> u64 {
        let key = u64::from(identifier.key).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        xxh3_64_with_seed(identifier.value.as_bytes(), self.seed ^ key)
    }

    pub(super) fn shard(&self, hash: u64) -> usize {
        (hash >> SHARD_SHIFT) as usize & self.mask
    }

    pub(super) fn dedup_shard(&self, uuid: u128) -> usize {
        (uuid >> 64) as usize & self.mask
    }
}

pub(super) fn find_rid(index: &IdentifierShard, hash: u64, identifier: &Identifier) -> Option<Rid> {
    index.find(hash, |entry| entry.identifier == *identifier).map(|entry| entry.rid)
}

pub(super) fn find_profile(table: &HashTable<Box<Profile>>, rid: Rid) -> Option<&Profile> {
    table.find(rid.mixed(), |profile| profile.rid == rid).map(|profile| &**profile)
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
    pub fn profiles(&self) -> impl Iterator<Item = &Profile> {
        self.profiles.iter().flat_map(|shard| shard.table.iter()).map(|profile| &**profile)
    }

    /// All identifiers with their profiles, in no order.
    pub fn identifiers(&self) -> impl Iterator<Item = (&Identifier, Rid)> {
        self.identifiers
            .iter()
            .flat_map(|shard| shard.iter())
            .map(|entry| (&entry.identifier, entry.rid))
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
        for profile in self.profiles().filter(|profile| !gone(profile.rid)) {
            form.clear();
            write_profile(profile, &spec, now_ms, &mut form);
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
