//! Load: profiles and remembered uuids out of a snapshot into an empty store.
//!
//! Room is made up front, because tables that grow while a million profiles come in would be moved again and
//! again. The index of identifiers is built from the profiles. Invariants: no profile and no identifier
//! comes twice; any number of shards may load what another number has written.

use hashbrown::hash_table::Entry as Place;

use super::Profile;
use super::dedup::Generations;
use super::store::{Entry, Store};
use crate::value::codec::{BadBytes, Bytes};

impl Store {
    /// Makes room for so many profiles and identifiers in all shards together.
    pub fn reserve(&self, profiles: u64, identifiers: u64) {
        let shards = self.profiles.len() as f64;
        // Shards are filled by hash: some get a few standard deviations more than their share.
        let share = |count: u64| {
            let mean = count as f64 / shards;
            if count == 0 { 0 } else { (mean + 4.0 * mean.sqrt()) as usize + 1 }
        };
        for shard in self.profiles.iter() {
            shard.0.lock().table.reserve(share(profiles), |profile| profile.rid.mixed());
        }
        for shard in self.identifiers.iter() {
            let hash = |entry: &Entry| self.hash_identifier(&entry.identifier);
            shard.0.lock().reserve(share(identifiers), hash);
        }
    }

    /// Puts a profile in, and its identifiers into the index.
    ///
    /// # Errors
    /// `BadBytes` when it, or somebody with one of its identifiers, is there already.
    pub fn take_in(&self, profile: Profile) -> Result<(), BadBytes> {
        let rid = profile.rid;
        for seen in &profile.identifiers {
            let hash = self.hash_identifier(&seen.identifier);
            let mut index = self.identifiers[self.shard(hash)].0.lock();
            let same = |entry: &Entry| entry.identifier == seen.identifier;
            let rehash = |entry: &Entry| self.hash_identifier(&entry.identifier);
            match index.entry(hash, same, rehash) {
                Place::Occupied(_) => return Err(BadBytes("two profiles share an identifier")),
                Place::Vacant(place) => {
                    place.insert(Entry { identifier: seen.identifier.clone(), rid });
                }
            }
        }
        let hash = rid.mixed();
        let mut shard = self.profiles[self.shard(hash)].0.lock();
        match shard.table.entry(hash, |held| held.rid == rid, |held| held.rid.mixed()) {
            Place::Occupied(_) => Err(BadBytes("a profile comes twice")),
            Place::Vacant(place) => {
                place.insert(Box::new(profile));
                Ok(())
            }
        }
    }

    /// Takes in what one shard remembered of uuids, as [`Generations::encode`] wrote it.
    ///
    /// # Errors
    /// `BadBytes` when it is anything else.
    pub fn take_in_dedup(&self, bytes: &mut Bytes<'_>) -> Result<(), BadBytes> {
        Generations::decode(bytes, |hour, generation, hash| {
            self.dedup[self.dedup_shard(hash)].0.lock().take_in(hour, generation, hash);
        })
    }
}
