//! Remove: profiles that go for good, with every identifier that leads to them.
//!
//! For erasures: whoever decides, decides before; here it is carried out at the barrier, live and in replay the
//! same. Invariants: a snapshot's cut under way keeps what stood at its LSN; an identifier that leads to
//! somebody else by now stays his.

use super::store::Entry;
use super::{Barrier, Profile, Rid};
use crate::value::codec::BadBytes;

impl Barrier<'_> {
    /// The profile `rid`; `None` when there is none.
    #[must_use]
    pub fn profile(&self, rid: Rid) -> Option<&Profile> {
        let shard = &self.profiles[self.store.shard(rid.mixed())];
        super::store::find_profile(&shard.table, rid)
    }

    /// The profile that an identifier leads to.
    #[must_use]
    pub fn owner(&self, identifier: &super::Identifier) -> Option<Rid> {
        let hash = self.store.hash_identifier(identifier);
        super::store::find_rid(&self.identifiers[self.store.shard(hash)], hash, identifier)
    }

    /// Removes a profile and what leads to it; `false` when there is none.
    pub fn remove(&mut self, rid: Rid) -> bool {
        let shard = &mut self.profiles[self.store.shard(rid.mixed())];
        shard.keep_old(rid);
        let held = shard.table.find_entry(rid.mixed(), |profile| profile.rid == rid);
        let Ok(held) = held else { return false };
        let (profile, _) = held.remove();
        for seen in &profile.identifiers {
            let hash = self.store.hash_identifier(&seen.identifier);
            let index = &mut self.identifiers[self.store.shard(hash)];
            let its = |entry: &Entry| entry.identifier == seen.identifier && entry.rid == rid;
            if let Ok(entry) = index.find_entry(hash, its) {
                entry.remove();
            }
        }
        true
    }

    /// Takes from a profile the identifier that `is_it` is true of, by the record at `lsn`; who has none left goes,
    /// as by a guard rail.
    pub fn take_away(&mut self, rid: Rid, lsn: u64, is_it: impl Fn(&super::Identifier) -> bool) {
        let shard = &mut self.profiles[self.store.shard(rid.mixed())];
        shard.keep_old(rid);
        let held = shard.table.find_mut(rid.mixed(), |profile| profile.rid == rid);
        let Some(profile) = held else { return };
        let lost = profile.identifiers.iter().find(|seen| is_it(&seen.identifier));
        let Some(lost) = lost.map(|seen| seen.identifier.clone()) else { return };
        profile.give_up(&lost);
        profile.changed_lsn = lsn;
        let is_nobody = profile.identifiers.is_empty();
        let hash = self.store.hash_identifier(&lost);
        let index = &mut self.identifiers[self.store.shard(hash)];
        let its = |entry: &Entry| entry.identifier == lost && entry.rid == rid;
        if let Ok(entry) = index.find_entry(hash, its) {
            entry.remove();
        }
        if is_nobody {
            self.remove(rid);
        }
    }

    /// Puts a profile without identifiers in, changed by the record at `lsn`.
    ///
    /// # Errors
    /// `BadBytes` when it has identifiers, or is there already.
    pub fn put_nameless(&mut self, mut profile: Profile, lsn: u64) -> Result<(), BadBytes> {
        let rid = profile.rid;
        if !profile.identifiers.is_empty() || self.profile(rid).is_some() {
            return Err(BadBytes("an anonymized profile is not without identifiers, or not alone"));
        }
        profile.changed_lsn = lsn;
        let shard = &mut self.profiles[self.store.shard(rid.mixed())];
        let rehash = |profile: &Box<Profile>| profile.rid.mixed();
        shard.table.insert_unique(rid.mixed(), Box::new(profile), rehash);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Identifier, Moment, Store};
    use super::*;

    #[test]
    fn who_is_removed_is_not_found_by_any_identifier_and_others_are() {
        let store = Store::new(1, 4, 16);
        let name = |value: &str| Identifier { key: 0, value: value.into() };
        for (number, value) in ["a", "b"].into_iter().enumerate() {
            let identifiers = [name(value)];
            let mut locked = store.lock(None, &identifiers, Rid::new(1, number as u128));
            let moment = Moment { now_ms: 1, time_ms: 1 };
            let change = locked.draft(locked.decide(1), moment, |_| None).unwrap().finish();
            locked.install(change, number as u64 + 1);
        }
        let mut barrier = store.lock_all();
        let rid = barrier.owner(&name("a")).unwrap();
        assert!(barrier.remove(rid));
        assert!(!barrier.remove(rid));
        assert_eq!(barrier.owner(&name("a")), None);
        assert!(barrier.owner(&name("b")).is_some());
        assert!(barrier.put_nameless(Profile::new(rid, 1), 9).is_ok());
        assert_eq!(barrier.profile(rid).map(|profile| profile.changed_lsn), Some(9));
        assert!(barrier.put_nameless(Profile::new(rid, 1), 9).is_err());
    }
}
