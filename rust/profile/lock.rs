//! Locked: the part of the store that one event can touch, under its locks (page 5.2).
//!
//! Locks are taken in the store's order. When profiles meet, or one is full of identifiers, the
//! identifier shards of all their identifiers are needed too: everything behind the uuid is let go,
//! the larger set is taken ascending, and everything is looked up again, until nothing changed.
//! The index only says where to look: which profile holds an identifier is known once that profile's shard is
//! locked and the profile itself lists it.
//! Invariants: what is looked up stays true as long as this lives; room for one more entry is made
//! in every table before anything is appended, and installing moves and never decides.

use crate::sync::MutexGuard;
use crate::sync::atomic::Ordering;
use smallvec::SmallVec;

use super::dedup::Generations;
use super::draft::{Change, Draft, Repointed};
use super::guard::Meeting;
use super::identity::{self, Outcome};
use super::listed::{Listed, ListedAll};
use super::store::{Entry, IdentifierShard, ProfileTable, Store, homes};
use super::{AttributeSpec, IDENTIFIERS_MAX, Identifier, Moment, Packed, Rails, Rid};

/// A recorded outcome names profiles that the state does not hold: log and state are not of one
/// history.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the recorded identity outcome does not fit the profiles that are there")]
pub struct Diverged;

/// A half installed change cannot be taken back and its record is in the log, so a panic while
/// installing ends the process; replay then starts from the log (page 5.2).
pub struct AbortOnPanic;

impl Drop for AbortOnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!(
                "p13n: a bug: installing an event panicked; the process ends, the log is whole"
            );
            std::process::abort();
        }
    }
}

/// Everything that one event can touch, locked and looked up.
pub struct Locked<'a> {
    store: &'a Store,
    uuid: Option<u128>,
    identifiers: &'a [Identifier],
    rails: &'a Rails,
    listed: ListedAll<'a>,
    fingerprints: SmallVec<[u64; 4]>,
    newcomer: Rid,
    held: SmallVec<[Option<Rid>; 4]>,
    profiles: SmallVec<[(usize, MutexGuard<'a, ProfileTable>); 2]>,
    index: SmallVec<[(usize, MutexGuard<'a, IdentifierShard>); 4]>,
    dedup: Option<MutexGuard<'a, Generations>>,
}

/// Shard numbers, ascending, each once.
type Shards = SmallVec<[usize; 4]>;

/// Where an identifier may be held: its position in the event, and the home of a profile.
type Homes = SmallVec<[(usize, u64); 4]>;

/// What an event needs locked beyond the shards of its identifiers and of whoever may hold them.
#[derive(Default)]
struct Needed {
    /// Shards of further identifiers.
    index: Shards,
    /// The shard of the profile that the event may make.
    newcomer: bool,
}

impl<'a> Locked<'a> {
    pub(super) fn new(
        store: &'a Store,
        uuid: Option<u128>,
        identifiers: &'a [Identifier],
        rails: &'a Rails,
        newcomer: Rid,
    ) -> Self {
        let listed: ListedAll<'a> =
            identifiers.iter().map(|identifier| Listed::new(identifier, 0)).collect();
        let mut locked = Self {
            store,
            uuid,
            identifiers,
            rails,
            fingerprints: listed.iter().map(|listed| store.fingerprint(listed)).collect(),
            listed,
            newcomer,
            held: SmallVec::new(),
            profiles: SmallVec::new(),
            index: SmallVec::new(),
            dedup: uuid.map(|uuid| store.dedup[store.dedup_shard(uuid)].0.lock()),
        };
        let mut needed = Needed::default();
        loop {
            let homes = locked.lock_identifiers(needed.index);
            locked.lock_profiles(&homes, needed.newcomer);
            locked.look_up(&homes);
            match locked.missing() {
                None => break,
                Some(more) => needed = more,
            }
            locked.profiles.clear();
            locked.index.clear();
        }
        locked.reserve();
        locked
    }

    fn lock_identifiers(&mut self, further: Shards) -> Homes {
        let mut shards = further;
        shards.extend(self.fingerprints.iter().map(|fingerprint| self.store.shard(*fingerprint)));
        shards.sort_unstable();
        shards.dedup();
        let store = self.store;
        self.index.extend(shards.iter().map(|shard| (*shard, store.identifiers[*shard].0.lock())));
        let mut found = Homes::new();
        for (at, fingerprint) in self.fingerprints.iter().enumerate() {
            let index = self.index_shard(*fingerprint);
            found.extend(homes(index, *fingerprint).map(|home| (at, home)));
        }
        found
    }

    fn lock_profiles(&mut self, homes: &Homes, with_newcomer: bool) {
        let mut shards: Shards = homes.iter().map(|(_, home)| self.store.shard(*home)).collect();
        if (with_newcomer || shards.is_empty()) && !self.identifiers.is_empty() {
            shards.push(self.store.shard(self.newcomer.mixed()));
        }
        shards.sort_unstable();
        shards.dedup();
        let store = self.store;
        self.profiles.extend(shards.iter().map(|shard| (*shard, store.profiles[*shard].0.lock())));
    }

    /// Which profile holds each identifier: it lists it.
    fn look_up(&mut self, homes: &Homes) {
        self.held.clear();
        self.held.resize(self.listed.len(), None);
        for (at, home) in homes {
            let listed = &self.listed[*at];
            let found =
                self.profile_shard(*home).and_then(|shard| shard.find_listing(*home, listed));
            if let Some(profile) = found {
                let rid = profile.rid();
                self.held[*at] = Some(rid);
            }
        }
    }

    fn missing(&self) -> Option<Needed> {
        let newcomer =
            self.may_make_profile() && self.profile_shard(self.newcomer.mixed()).is_none();
        match (self.missing_shards(), newcomer) {
            (None, false) => None,
            (index, newcomer) => Some(Needed { index: index.unwrap_or_default(), newcomer }),
        }
    }

    /// Whether the event may make a profile: nobody holds any of its identifiers, or a bound may keep one
    /// that is unknown away from those that are known.
    fn may_make_profile(&self) -> bool {
        let unknown = self.unknown();
        unknown > 0 && (unknown == self.held.len() || !self.rails.is_empty())
    }

    fn unknown(&self) -> usize {
        self.held.iter().filter(|held| held.is_none()).count()
    }

    /// The identifier shards of all identifiers of the profiles concerned, when identifiers beside
    /// the event's own can be re-pointed or let go and not all those shards are locked.
    fn missing_shards(&self) -> Option<Shards> {
        let first = self.held.iter().flatten().next()?;
        let several = self.held.iter().flatten().any(|rid| rid != first);
        let unknown = self.unknown();
        if !several && (unknown == 0 || self.fits(*first, unknown)) {
            return None;
        }
        let mut needed = Shards::new();
        for profile in self.held.iter().flatten().filter_map(|rid| self.profile(*rid)) {
            let shard = |listed: Listed<'_>| self.store.shard(self.store.fingerprint(&listed));
            needed.extend(profile.listed().map(shard));
        }
        let locked = |shard: &usize| self.index.binary_search_by_key(shard, |(at, _)| *at).is_ok();
        (!needed.iter().all(locked)).then_some(needed)
    }

    /// Whether the profile can take all unknown identifiers without letting one go.
    fn fits(&self, rid: Rid, unknown: usize) -> bool {
        let Some(profile) = self.profile(rid) else { return false };
        let mut new = self.identifiers.iter().zip(&self.held).filter(|(_, held)| held.is_none());
        let has_room =
            |key: u16| self.rails.is_empty() || !self.rails.is_full(profile.value_count(key), key);
        profile.identifier_count() + unknown <= IDENTIFIERS_MAX
            && new.all(|(own, _)| has_room(own.key))
    }

    fn reserve(&mut self) {
        if let Some(dedup) = &mut self.dedup {
            dedup.reserve();
        }
        if self.held.iter().all(Option::is_some) {
            return;
        }
        let unknown = self.identifiers.len();
        let mut grown_bytes = 0;
        for (_, index) in &mut self.index {
            let before = index.allocation_size();
            index.reserve(unknown, |entry| entry.fingerprint);
            grown_bytes += index.allocation_size() - before;
        }
        for (_, shard) in &mut self.profiles {
            let before = shard.table.allocation_size();
            shard.table.reserve(1, |profile| profile.rid().mixed());
            grown_bytes += shard.table.allocation_size() - before;
        }
        if grown_bytes > 0 {
            self.store.grown_bytes.fetch_add(grown_bytes, Ordering::Relaxed);
        }
    }

    /// Which profile holds each identifier, in their order.
    pub fn held(&self) -> &[Option<Rid>] {
        &self.held
    }

    /// Whether the client's uuid was stored of late: the event is a repeat and only reads.
    pub fn is_repeat(&self, now_ms: i64) -> bool {
        match (&self.dedup, self.uuid) {
            (Some(dedup), Some(uuid)) => dedup.contains(uuid, now_ms),
            _ => false,
        }
    }

    /// Whose event it is, at processing time `now_ms`. Changes nothing; replay does not ask.
    pub fn decide(&self, now_ms: i64) -> Outcome {
        let mut newcomer = self.newcomer.at(now_ms);
        // A uuid that was forgotten and came again at the same time must not replace a profile.
        while self.profile(newcomer).is_some() {
            newcomer = newcomer.at(newcomer.time_ms() + 1);
        }
        let profile =
            |rid| self.profile(rid).expect("an identifier leads to a profile that is there");
        let meeting = Meeting { identifiers: self.identifiers, held: &self.held, profile };
        meeting.decide(self.rails, newcomer)
    }

    /// The profile `rid`, when it is among those locked.
    pub fn profile(&self, rid: Rid) -> Option<&Packed> {
        self.profile_shard(rid.mixed())?.find(rid)
    }

    /// The profile of the strongest identifier that leads to one that `counts`: what a repeat is answered from.
    pub fn strongest_profile(&self, counts: impl Fn(&Packed) -> bool) -> Option<&Packed> {
        let mut held = self.held.iter().flatten().filter_map(|rid| self.profile(*rid));
        held.find(|profile| counts(profile))
    }

    /// The event's identifiers.
    pub(super) fn identifiers(&self) -> &'a [Identifier] {
        self.identifiers
    }

    /// The event's identifiers as profiles list them.
    pub(super) fn listed(&self) -> &[Listed<'a>] {
        &self.listed
    }

    /// The guard rails that were in force when this was locked.
    pub(super) fn rails(&self) -> &'a Rails {
        self.rails
    }

    pub(super) fn store(&self) -> &'a Store {
        self.store
    }

    /// Begins the event's changes, beside the state. `spec` gives attributes' options by id, for the
    /// union of merged profiles; an attribute without any sleeps: it stays as it is.
    pub fn draft<'l, 's>(
        &'l self,
        outcome: Outcome,
        moment: Moment,
        spec: impl Fn(u16) -> Option<&'s AttributeSpec>,
    ) -> Result<Draft<'l>, Diverged> {
        let fits = match &outcome {
            Outcome::Nobody => self.identifiers.is_empty(),
            Outcome::New(rid) => {
                self.held.iter().all(Option::is_none)
                    && !self.identifiers.is_empty()
                    && rid.mixed() == self.newcomer.mixed()
                    && self.profile(*rid).is_none()
            }
            Outcome::Moved(moved) => {
                !self.identifiers.is_empty()
                    && self.profile(moved.rid).is_none() == moved.is_new
                    && (!moved.is_new || moved.rid.mixed() == self.newcomer.mixed())
            }
            recorded => *recorded == identity::decide(&self.held, self.newcomer),
        };
        if fits { Ok(Draft::new(self, outcome, moment, spec)) } else { Err(Diverged) }
    }

    /// Moves a change in at the LSN of its record and remembers the uuid. Cannot fail; afterwards
    /// [`Locked::profile`] and [`Locked::held`] show the new state.
    pub fn install(&mut self, change: Change, lsn: u64) {
        let _half_installed = AbortOnPanic;
        let Change { outcome, now_ms, removed, written, repointed } = change;
        for rid in removed {
            self.profile_shard_mut(rid.mixed()).remove(rid);
        }
        for unsettled in written {
            let profile = unsettled.settle(lsn);
            self.profile_shard_mut(profile.rid().mixed()).put(profile);
        }
        for one in repointed {
            self.repoint(one);
        }
        if let Some(rid) = outcome.rid() {
            self.held.iter_mut().for_each(|held| *held = Some(rid));
        }
        if let (Some(dedup), Some(uuid)) = (&mut self.dedup, self.uuid) {
            dedup.remember(uuid, now_ms);
        }
    }

    /// The new profile of a change that is not to be kept, as its event leaves it; remembers the uuid.
    pub fn let_pass(&mut self, change: Change, lsn: u64) -> Option<Packed> {
        let Change { now_ms, written, .. } = change;
        if let (Some(dedup), Some(uuid)) = (&mut self.dedup, self.uuid) {
            dedup.remember(uuid, now_ms);
        }
        written.into_iter().next().map(|unsettled| unsettled.settle(lsn))
    }

    fn repoint(&mut self, one: Repointed) {
        let Repointed { fingerprint, from, to } = one;
        let index = self.index_shard_mut(fingerprint);
        let Some(from) = from else {
            if let Some(home) = to {
                let entry = Entry { fingerprint, home };
                index.insert_unique(fingerprint, entry, |entry| entry.fingerprint);
            }
            return;
        };
        // Of several identifiers of one fingerprint and one profile each entry is as good as the other.
        let held =
            index.find_entry(fingerprint, |entry| *entry == Entry { fingerprint, home: from });
        let mut held = held.expect("an identifier that a profile lists is in the index");
        match to {
            Some(home) => held.get_mut().home = home,
            None => drop(held.remove()),
        }
    }

    fn profile_shard(&self, home: u64) -> Option<&ProfileTable> {
        let at = self.store.shard(home);
        self.profiles.iter().find(|(shard, _)| *shard == at).map(|(_, shard)| &**shard)
    }

    fn profile_shard_mut(&mut self, home: u64) -> &mut ProfileTable {
        let at = self.store.shard(home);
        let found = self.profiles.iter_mut().find(|(shard, _)| *shard == at);
        &mut found.expect("the shard of a changed profile is locked").1
    }

    fn index_shard(&self, fingerprint: u64) -> &IdentifierShard {
        let at = self.store.shard(fingerprint);
        let found = self.index.binary_search_by_key(&at, |(shard, _)| *shard);
        &self.index[found.expect("the shard of an identifier is locked")].1
    }

    fn index_shard_mut(&mut self, fingerprint: u64) -> &mut IdentifierShard {
        let at = self.store.shard(fingerprint);
        let found = self.index.binary_search_by_key(&at, |(shard, _)| *shard);
        &mut self.index[found.expect("the shard of an identifier is locked")].1
    }
}
