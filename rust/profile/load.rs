//! Load: profiles and remembered uuids out of a snapshot into an empty store.
//!
//! Room is made up front, because tables that grow while a million profiles come in would be moved again and
//! again. The index of identifiers is built from the profiles. Invariants: no profile and no identifier
//! comes twice; any number of shards may load what another number has written.

use hashbrown::hash_table::Entry as Place;
use smallvec::SmallVec;

use super::dedup::Generations;
use super::listed::Listed;
use super::store::{Entry, Store, homes};
use super::{Identifier, Packed, Rid};
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
            let mut shard = shard.0.lock();
            shard.table.reserve(share(profiles), |profile| profile.rid().mixed());
        }
        for shard in self.identifiers.iter() {
            shard.0.lock().reserve(share(identifiers), |entry| entry.fingerprint);
        }
    }

    /// Puts a profile in, and its identifiers into the index.
    ///
    /// # Errors
    /// `BadBytes` when it, or somebody with one of its identifiers, is there already.
    pub fn take_in(&self, profile: Packed) -> Result<(), BadBytes> {
        let rid = profile.rid();
        let home = rid.mixed();
        let fingerprints: SmallVec<[u64; 4]> =
            profile.listed().map(|listed| self.fingerprint(&listed)).collect();
        // The profile comes before its entries: whoever meets an entry finds whose it is.
        let mut shard = self.profiles[self.shard(home)].0.lock();
        shard.heap_bytes += profile.heap_bytes();
        match shard.table.entry(home, |held| held.rid() == rid, |held| held.rid().mixed()) {
            Place::Occupied(_) => return Err(BadBytes("a profile comes twice")),
            Place::Vacant(place) => place.insert(profile),
        };
        drop(shard);
        for fingerprint in fingerprints {
            let mut index = self.identifiers[self.shard(fingerprint)].0.lock();
            let met: SmallVec<[u64; 4]> = homes(&index, fingerprint).collect();
            if !met.is_empty() && self.share_identifier(rid, fingerprint, &met) {
                return Err(BadBytes("two profiles share an identifier"));
            }
            let entry = Entry { fingerprint, home };
            index.insert_unique(fingerprint, entry, |entry| entry.fingerprint);
        }
        Ok(())
    }

    /// Whether a profile lists an identifier of this fingerprint that a profile of one of these homes lists
    /// as well, or lists one twice. Seldom asked: two identifiers that share a fingerprint are no fault.
    fn share_identifier(&self, rid: Rid, fingerprint: u64, met: &[u64]) -> bool {
        let of_fingerprint: Vec<Identifier> = {
            let shard = self.profiles[self.shard(rid.mixed())].0.lock();
            let listed = shard.find(rid).into_iter().flat_map(Packed::listed);
            let meant = listed.filter(|listed| self.fingerprint(listed) == fingerprint);
            meant.map(|listed| listed.identifier()).collect()
        };
        let twice = |at: usize| of_fingerprint[..at].contains(&of_fingerprint[at]);
        let elsewhere = |home: &u64| {
            let shard = self.profiles[self.shard(*home)].0.lock();
            of_fingerprint.iter().any(|identifier| {
                let held = shard.find_listing(*home, &Listed::new(identifier, 0));
                held.is_some_and(|held| held.rid() != rid)
            })
        };
        (1..of_fingerprint.len()).any(twice) || met.iter().any(elsewhere)
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
