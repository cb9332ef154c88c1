//! Remove: profiles that go for good, with every identifier that leads to them.
//!
//! For erasures: whoever decides, decides before; here it is carried out at the barrier, live and in replay the
//! same. Invariants: a snapshot's cut under way keeps what stood at its LSN; an identifier that leads to
//! somebody else by now stays his.

use super::listed::Listed;
use super::store::{Entry, homes};
use super::{Barrier, Identifier, Packed, Profile, Rid};
use crate::value::codec::BadBytes;

impl Barrier<'_> {
    /// The profile `rid`; `None` when there is none.
    #[must_use]
    pub fn profile(&self, rid: Rid) -> Option<&Packed> {
        self.profiles[self.store.shard(rid.mixed())].find(rid)
    }

    /// The profile that an identifier leads to.
    #[must_use]
    pub fn owner(&self, identifier: &Identifier) -> Option<&Packed> {
        let listed = Listed::new(identifier, 0);
        let fingerprint = self.store.fingerprint(&listed);
        homes(&self.identifiers[self.store.shard(fingerprint)], fingerprint)
            .find_map(|home| self.profiles[self.store.shard(home)].find_listing(home, &listed))
    }

    /// Removes a profile and what leads to it; `false` when there is none.
    pub fn remove(&mut self, rid: Rid) -> bool {
        let Some(profile) = self.profile(rid) else { return false };
        let fingerprints: Vec<u64> =
            profile.listed().map(|listed| self.store.fingerprint(&listed)).collect();
        self.profiles[self.store.shard(rid.mixed())].remove(rid);
        for fingerprint in fingerprints {
            self.unpoint(fingerprint, rid);
        }
        true
    }

    /// Takes from a profile the identifier that `is_it` is true of, by the record at `lsn`; who has none left goes,
    /// as by a guard rail.
    pub fn take_away(&mut self, rid: Rid, lsn: u64, is_it: impl Fn(&Identifier) -> bool) {
        let Some(mut profile) = self.profile(rid).map(Packed::unpack) else { return };
        let at = profile.identifiers.iter().position(|seen| is_it(&seen.identifier));
        let Some(at) = at else { return };
        if profile.identifiers.len() == 1 {
            self.remove(rid);
            return;
        }
        let lost = profile.identifiers.remove(at).identifier;
        profile.changed_lsn = lsn;
        self.profiles[self.store.shard(rid.mixed())].put(profile.packed());
        let fingerprint = self.store.fingerprint(&Listed::new(&lost, 0));
        self.unpoint(fingerprint, rid);
    }

    /// Of several identifiers of one fingerprint and one profile each entry is as good as the other.
    fn unpoint(&mut self, fingerprint: u64, rid: Rid) {
        let index = &mut self.identifiers[self.store.shard(fingerprint)];
        let entry = Entry { fingerprint, home: rid.mixed() };
        if let Ok(held) = index.find_entry(fingerprint, |held| *held == entry) {
            held.remove();
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
        self.profiles[self.store.shard(rid.mixed())].put(profile.packed());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Identifier, Moment, NO_RAILS, Store};
    use super::*;

    #[test]
    fn who_is_removed_is_not_found_by_any_identifier_and_others_are() {
        let store = Store::new(1, 4, 16);
        let name = |value: &str| Identifier { key: 0, value: value.into() };
        for (number, value) in ["a", "b"].into_iter().enumerate() {
            let identifiers = [name(value)];
            let mut locked = store.lock(None, &identifiers, &NO_RAILS, Rid::new(1, number as u128));
            let moment = Moment { now_ms: 1, time_ms: 1 };
            let change = locked.draft(locked.decide(1), moment, |_| None).unwrap().finish();
            locked.install(change, number as u64 + 1);
        }
        let mut barrier = store.lock_all();
        let rid = barrier.owner(&name("a")).unwrap().rid();
        assert!(barrier.remove(rid));
        assert!(!barrier.remove(rid));
        assert!(barrier.owner(&name("a")).is_none());
        assert!(barrier.owner(&name("b")).is_some());
        assert!(barrier.put_nameless(Profile::new(rid, 1), 9).is_ok());
        assert_eq!(barrier.profile(rid).map(Packed::changed_lsn), Some(9));
        assert!(barrier.put_nameless(Profile::new(rid, 1), 9).is_err());
        assert!(barrier.has_sound_index());
    }
}
