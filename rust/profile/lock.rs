//! Locked: the part of the store that one event can touch, under its locks (page 5.2).
//!
//! Locks are taken in the store's order. When profiles meet, or one is full of identifiers, the
//! identifier shards of all their identifiers are needed too: everything behind the uuid is let go,
//! the larger set is taken ascending, and everything is looked up again, until nothing changed.
//! Invariants: what is looked up stays true as long as this lives; room for one more entry is made
//! in every table before anything is appended, and installing moves and never decides.

use crate::sync::MutexGuard;
use smallvec::SmallVec;

use super::dedup::Generations;
use super::draft::{Change, Draft, Move, Update};
use super::guard::Meeting;
use super::identity::{self, Outcome};
use super::store::{Entry, IdentifierShard, ProfileTable, Store, find_profile, find_rid};
use super::{AttributeSpec, IDENTIFIERS_MAX, Identifier, Moment, Profile, Rails, Rid};

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
    hashes: SmallVec<[u64; 4]>,
    newcomer: Rid,
    held: SmallVec<[Option<Rid>; 4]>,
    profiles: SmallVec<[(usize, MutexGuard<'a, ProfileTable>); 2]>,
    index: SmallVec<[(usize, MutexGuard<'a, IdentifierShard>); 4]>,
    dedup: Option<MutexGuard<'a, Generations>>,
}

/// Shard numbers, ascending, each once.
type Shards = SmallVec<[usize; 4]>;

impl<'a> Locked<'a> {
    pub(super) fn new(
        store: &'a Store,
        uuid: Option<u128>,
        identifiers: &'a [Identifier],
        rails: &'a Rails,
        newcomer: Rid,
    ) -> Self {
        let hashes = identifiers.iter().map(|identifier| store.hash_identifier(identifier));
        let mut locked = Self {
            store,
            uuid,
            identifiers,
            rails,
            hashes: hashes.collect(),
            newcomer,
            held: SmallVec::new(),
            profiles: SmallVec::new(),
            index: SmallVec::new(),
            dedup: uuid.map(|uuid| store.dedup[store.dedup_shard(uuid)].0.lock()),
        };
        let mut further = Shards::new();
        loop {
            locked.lock_identifiers(further);
            locked.lock_profiles();
            match locked.missing_shards() {
                None => break,
                Some(needed) => further = needed,
            }
            locked.profiles.clear();
            locked.index.clear();
        }
        locked.reserve();
        locked
    }

    fn lock_identifiers(&mut self, further: Shards) {
        let mut shards = further;
        shards.extend(self.hashes.iter().map(|hash| self.store.shard(*hash)));
        shards.sort_unstable();
        shards.dedup();
        let store = self.store;
        self.index.extend(shards.iter().map(|shard| (*shard, store.identifiers[*shard].0.lock())));
        self.held.clear();
        for (identifier, hash) in self.identifiers.iter().zip(&self.hashes) {
            self.held.push(find_rid(self.index_shard(*hash), *hash, identifier));
        }
    }

    fn lock_profiles(&mut self) {
        let mut shards: Shards =
            self.held.iter().flatten().map(|rid| self.store.shard(rid.mixed())).collect();
        // With bounds a new profile may be made beside those that are known.
        let may_be_new = shards.is_empty() || (!self.rails.is_empty() && self.unknown() > 0);
        if may_be_new && !self.identifiers.is_empty() {
            shards.push(self.store.shard(self.newcomer.mixed()));
        }
        shards.sort_unstable();
        shards.dedup();
        let store = self.store;
        self.profiles.extend(shards.iter().map(|shard| (*shard, store.profiles[*shard].0.lock())));
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
            needed.extend(
                profile
                    .identifiers
                    .iter()
                    .map(|seen| self.store.shard(self.store.hash_identifier(&seen.identifier))),
            );
        }
        let locked = |shard: &usize| self.index.binary_search_by_key(shard, |(at, _)| *at).is_ok();
        (!needed.iter().all(locked)).then_some(needed)
    }

    fn unknown(&self) -> usize {
        self.held.iter().filter(|held| held.is_none()).count()
    }

    /// Whether the profile can take all unknown identifiers without letting one go.
    fn fits(&self, rid: Rid, unknown: usize) -> bool {
        self.profile(rid).is_some_and(|profile| {
            let mut new =
                self.identifiers.iter().zip(&self.held).filter(|(_, held)| held.is_none());
            profile.identifiers.len() + unknown <= IDENTIFIERS_MAX
                && new.all(|(own, _)| !self.rails.is_full(profile, own.key))
        })
    }

    fn reserve(&mut self) {
        if let Some(dedup) = &mut self.dedup {
            dedup.reserve();
        }
        if self.held.iter().all(Option::is_some) {
            return;
        }
        let store = self.store;
        let unknown = self.identifiers.len();
        for (_, index) in &mut self.index {
            index.reserve(unknown, |entry| store.hash_identifier(&entry.identifier));
        }
        for (_, shard) in &mut self.profiles {
            shard.table.reserve(1, |profile| profile.rid.mixed());
        }
    }

    /// The guard rails that were in force when this was locked.
    pub(super) fn rails(&self) -> &'a Rails {
        self.rails
    }

    /// What the index holds for each identifier, in their order.
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
    pub fn profile(&self, rid: Rid) -> Option<&Profile> {
        let at = self.store.shard(rid.mixed());
        let (_, shard) = self.profiles.iter().find(|(shard, _)| *shard == at)?;
        find_profile(&shard.table, rid)
    }

    /// The profile of the strongest known identifier: what a repeat is answered from.
    pub fn strongest_profile(&self) -> Option<&Profile> {
        self.held.iter().flatten().next().and_then(|rid| self.profile(*rid))
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
        if fits {
            Ok(Draft::new(self, outcome, self.identifiers, moment, spec))
        } else {
            Err(Diverged)
        }
    }

    /// Moves a change in at the LSN of its record and remembers the uuid. Cannot fail; afterwards
    /// [`Locked::profile`] and [`Locked::held`] show the new state.
    pub fn install(&mut self, change: Change, lsn: u64) {
        let _half_installed = AbortOnPanic;
        let Change { outcome, now_ms, moved } = change;
        match moved {
            Move::Nothing => {}
            Move::Update(update) => self.update(update, now_ms, lsn),
            Move::Put { profile, let_go } => {
                match &outcome {
                    Outcome::Merged { merged, .. } => {
                        merged.iter().for_each(|rid| self.remove_profile(*rid));
                    }
                    Outcome::Moved(moved) => {
                        moved.merged.iter().for_each(|rid| self.remove_profile(*rid));
                        self.take_from_others(moved.rid, lsn);
                    }
                    _ => {}
                }
                for identifier in &let_go {
                    self.unpoint(identifier);
                }
                self.put(profile, lsn);
            }
        }
        if let Some(rid) = outcome.rid() {
            self.held.iter_mut().for_each(|held| *held = Some(rid));
        }
        if let (Some(dedup), Some(uuid)) = (&mut self.dedup, self.uuid) {
            dedup.remember(uuid, now_ms);
        }
    }

    fn update(&mut self, update: Update, now_ms: i64, lsn: u64) {
        let Update { rid, touched, gained } = update;
        let (identifiers, rails) = (self.identifiers, self.rails);
        for (at, identifier) in identifiers.iter().enumerate() {
            if self.held[at].is_none() {
                self.point(identifier, self.hashes[at], rid);
            }
        }
        let shard = self.profile_shard_mut(rid).expect("the shard of a change is locked");
        shard.keep_old(rid);
        let profile = shard.table.find_mut(rid.mixed(), |profile| profile.rid == rid);
        let profile = profile.expect("the profile of a change is there");
        for identifier in identifiers {
            profile.see(identifier, now_ms);
        }
        for (id, touched) in touched {
            touched.move_into(profile, id, lsn);
        }
        profile.updated_ms = now_ms;
        profile.changed_lsn = lsn;
        for identifier in profile.let_go(&gained, rails) {
            self.unpoint(&identifier);
        }
    }

    /// Takes the event's identifiers from whoever else holds them. Who that is, is looked up: after an
    /// erasure it need not be the one that the record names, nor anybody.
    fn take_from_others(&mut self, rid: Rid, lsn: u64) {
        let identifiers = self.identifiers;
        for (at, identifier) in identifiers.iter().enumerate() {
            let Some(from) = self.held[at].filter(|held| *held != rid) else { continue };
            let Some(shard) = self.profile_shard_mut(from) else { continue };
            shard.keep_old(from);
            let profile = shard.table.find_mut(from.mixed(), |profile| profile.rid == from);
            // One that became part of the event's profile is gone already.
            let Some(profile) = profile else { continue };
            profile.give_up(identifier);
            profile.changed_lsn = lsn;
            if profile.identifiers.is_empty() {
                self.remove_profile(from);
            }
        }
    }

    fn put(&mut self, mut profile: Box<Profile>, lsn: u64) {
        for (_, state) in &mut profile.attributes {
            state.settle(lsn);
        }
        profile.changed_lsn = lsn;
        let rid = profile.rid;
        for seen in &profile.identifiers {
            self.point(&seen.identifier, self.store.hash_identifier(&seen.identifier), rid);
        }
        let hash = rid.mixed();
        let shard = self.profile_shard_mut(rid).expect("the shard of a new profile is locked");
        shard.keep_old(rid);
        match shard.table.find_mut(hash, |held| held.rid == rid) {
            Some(held) => *held = profile,
            None => {
                shard.table.insert_unique(hash, profile, |profile| profile.rid.mixed());
            }
        }
    }

    fn point(&mut self, identifier: &Identifier, hash: u64, rid: Rid) {
        let store = self.store;
        let index = self.index_shard_mut(hash);
        match index.find_mut(hash, |entry| entry.identifier == *identifier) {
            Some(entry) => entry.rid = rid,
            None => {
                let entry = Entry { identifier: identifier.clone(), rid };
                index.insert_unique(hash, entry, |entry| store.hash_identifier(&entry.identifier));
            }
        }
    }

    fn unpoint(&mut self, identifier: &Identifier) {
        let hash = self.store.hash_identifier(identifier);
        let index = self.index_shard_mut(hash);
        if let Ok(entry) = index.find_entry(hash, |entry| entry.identifier == *identifier) {
            entry.remove();
        }
    }

    fn remove_profile(&mut self, rid: Rid) {
        let shard = self.profile_shard_mut(rid).expect("the shard of a merged profile is locked");
        shard.keep_old(rid);
        if let Ok(entry) = shard.table.find_entry(rid.mixed(), |profile| profile.rid == rid) {
            entry.remove();
        }
    }

    fn profile_shard_mut(&mut self, rid: Rid) -> Option<&mut ProfileTable> {
        let at = self.store.shard(rid.mixed());
        self.profiles.iter_mut().find(|(shard, _)| *shard == at).map(|(_, shard)| &mut **shard)
    }

    fn index_shard(&self, hash: u64) -> &IdentifierShard {
        let at = self.store.shard(hash);
        let found = self.index.binary_search_by_key(&at, |(shard, _)| *shard);
        &self.index[found.expect("the shard of an identifier is locked")].1
    }

    fn index_shard_mut(&mut self, hash: u64) -> &mut IdentifierShard {
        let at = self.store.shard(hash);
        let found = self.index.binary_search_by_key(&at, |(shard, _)| *shard);
        &mut self.index[found.expect("the shard of an identifier is locked")].1
    }
}
